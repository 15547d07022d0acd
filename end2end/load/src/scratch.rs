//! The same kind of send without a server, into a database of its own on the same disk: what a commit for every message costs.

use crate::{
    now::{new_id, now},
    phase::{self, Phase, Tally},
};
use model::{ClientKey, ContactId, ConversationId, Language, MessageId, MessageKind, PostId, UnitId, UnitKind, WaitId};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use store::{
    Db,
    conversation::Conversation,
    message::{New, NewWait},
    post::Post,
    unit::Unit,
};

/// Enough for many callers at once not to meet in one.
const CONVERSATIONS: usize = 640;

pub struct Scratch {
    pub db: Db,
    conversations: Vec<ConversationId>,
}

/// One caller, who waits for each commit before the next send; then many at once, who share commits as in the server.
pub async fn measure(folder: &Path, clients: usize, seconds: u64) -> Result<[Phase; 2], String> {
    let path = folder.join("scratch.db");
    let said = |e: store::Error| format!("the scratch database {}: {e}", path.display());
    let db = Db::open(&format!("sqlite:{}", path.display())).await.map_err(said)?;
    let scratch = Arc::new(Scratch::prepare(db, CONVERSATIONS).await.map_err(said)?);
    let number = Arc::new(AtomicUsize::new(0));
    let until = || Instant::now() + Duration::from_secs(seconds);
    let deadline = until();
    let alone = phase::run("one commit per message, no HTTP", 1, |_| send(scratch.clone(), number.clone(), deadline)).await?;
    let deadline = until();
    let shared = phase::run("shared commits, no HTTP", clients, |_| send(scratch.clone(), number.clone(), deadline)).await?;
    scratch.db.close().await;
    Ok([alone, shared])
}

async fn send(scratch: Arc<Scratch>, number: Arc<AtomicUsize>, deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < deadline {
        let new = scratch.message(number.fetch_add(1, Ordering::Relaxed));
        let since = Instant::now();
        match scratch.db.send(new).await {
            Ok(_) => tally.done(since),
            Err(e) => tally.failed(e),
        }
    }
    tally
}

impl Scratch {
    /// One post with so many conversations, each with a contact of its own.
    pub async fn prepare(db: Db, count: usize) -> store::Result<Scratch> {
        let (unit, post) = (UnitId(new_id()), PostId(new_id()));
        let conversations: Vec<ConversationId> = (0..count).map(|_| ConversationId(new_id())).collect();
        let ids = conversations.clone();
        db.write(move |c| {
            Box::pin(async move {
                let now = now();
                let name = "测试社区".to_owned();
                store::unit::insert(
                    c,
                    &Unit { id: unit, parent_id: None, kind: UnitKind::Community, name, name_en: None, code: None, created_at: now, ended_at: None },
                )
                .await?;
                let title = "网格员".to_owned();
                let seat = Post {
                    id: post,
                    unit_id: unit,
                    title,
                    title_en: None,
                    substitute_id: None,
                    welcome: None,
                    answering_id: None,
                    created_at: now,
                    ended_at: None,
                };
                store::post::insert(c, &seat).await?;
                for id in ids {
                    let contact = ContactId(new_id());
                    store::contact::insert(c, contact, Language::Chinese, now).await?;
                    store::conversation::insert(c, &Conversation::begun(id, contact, post, None, now), id.0.as_bytes()).await?;
                }
                store::Result::Ok(())
            })
        })
        .await?;
        Ok(Scratch { db, conversations })
    }

    /// Message after message goes to one conversation after another.
    pub fn message(&self, number: usize) -> New {
        let now = now();
        New {
            id: MessageId(new_id()),
            conversation_id: self.conversations[number % self.conversations.len()],
            kind: MessageKind::Contact,
            post_id: None,
            staff_id: None,
            body: format!("六号楼二单元三楼的路灯又不亮了，老人晚上下楼看不清台阶。请问什么时候能修？报修 {number}"),
            client_key: ClientKey(new_id()),
            sent_at: now,
            wait: Some(NewWait { id: WaitId(new_id()), due_at: now.plus_days(1) }),
        }
    }
}
