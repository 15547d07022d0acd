//! What the store promises, on SQLite and on PostgreSQL alike.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use model::{
    At, CheckPhrase, ClientKey, ContactId, ContactPointId, ConversationId, ConversationState, DeviceId, Language, MessageId, MessageKind, PointCode, PostId,
    UnitId, UnitKind, WaitId,
};
use std::collections::HashMap;
use store::{
    Db, Error,
    contact_point::ContactPoint,
    conversation::Conversation,
    first_message::Start,
    message::{self, Audience, New, NewWait},
    post::Post,
    seen::Seen,
    testing::databases,
    unit::Unit,
};
use uuid::Uuid;

const NOW: At = At(1_763_604_000_000);

fn id() -> Uuid {
    Uuid::from_u128(rand())
}

/// Different every time; nothing else is asked of it.
fn rand() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1))
}

async fn on_both(test: impl AsyncFn(Db)) {
    for database in databases().await {
        test(database.db.clone()).await;
    }
}

/// A post with one conversation in it.
async fn conversation(db: &Db) -> ConversationId {
    let (unit, post, contact, conversation) = (UnitId(id()), PostId(id()), ContactId(id()), ConversationId(id()));
    db.write(move |c| {
        Box::pin(async move {
            let grid =
                Unit {
                    id: unit, parent_id: None, kind: UnitKind::Grid, name: "第一网格".into(), name_en: None, code: None, created_at: NOW, ended_at: None
                };
            store::unit::insert(c, &grid).await?;
            let seat = Post {
                id: post,
                unit_id: unit,
                title: "网格员".into(),
                title_en: None,
                substitute_id: None,
                welcome: None,
                answering_id: None,
                created_at: NOW,
                ended_at: None,
            };
            store::post::insert(c, &seat).await?;
            store::contact::insert(c, contact, Language::Chinese, NOW).await?;
            store::contact::insert_device(c, DeviceId(id()), contact, id().as_bytes(), NOW).await?;
            let fresh = Conversation {
                id: conversation,
                contact_id: contact,
                post_id: post,
                contact_point_id: None,
                state: ConversationState::Open,
                claim_version: 1,
                last_seq: 0,
                last_message_at: NOW,
                preview: String::new(),
                contact_seen_seq: 0,
                staff_seen_seq: 0,
                mailed_seq: 0,
                opened_at: NOW,
                closed_at: None,
            };
            store::conversation::insert(c, &fresh, id().as_bytes()).await
        })
    })
    .await
    .unwrap();
    conversation
}

fn new(conversation_id: ConversationId, kind: MessageKind, body: &str) -> New {
    let wait = (kind == MessageKind::Contact).then(|| NewWait { id: WaitId(id()), due_at: NOW.plus_minutes(60) });
    New { id: MessageId(id()), conversation_id, kind, post_id: None, staff_id: None, body: body.into(), client_key: ClientKey(id()), sent_at: NOW, wait }
}

async fn bodies(db: &Db, conversation: ConversationId, audience: Audience) -> Vec<(i64, String)> {
    let mut conn = db.read().await.unwrap();
    let all = message::after(&mut conn, conversation, audience, 0, 1000).await.unwrap();
    all.into_iter().map(|m| (m.seq, m.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_at_once_are_numbered_without_a_gap() {
    on_both(async |db| {
        let (one, other) = (conversation(&db).await, conversation(&db).await);
        let sends = (0..60).map(|n| {
            let db = db.clone();
            tokio::spawn(async move { db.send(new(if n % 3 == 0 { other } else { one }, MessageKind::Contact, &n.to_string())).await.unwrap() })
        });
        for send in sends.collect::<Vec<_>>() {
            assert!(send.await.unwrap().is_new);
        }
        for (conversation, count) in [(one, 40), (other, 20)] {
            let numbers: Vec<i64> = bodies(&db, conversation, Audience::Contact).await.into_iter().map(|(seq, _)| seq).collect();
            assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_sent_again_gives_the_first_result() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let message = new(conversation, MessageKind::Contact, "一次");
        let again = |m: &New| New { id: MessageId(id()), ..m.clone() };
        let (first, second, third) = tokio::join!(db.send(again(&message)), db.send(again(&message)), db.send(again(&message)));
        let all = [first.unwrap(), second.unwrap(), third.unwrap()];
        assert_eq!(all.iter().filter(|s| s.is_new).count(), 1);
        assert!(all.iter().all(|s| s.seq == 1 && s.message_id == all[0].message_id));
        let later = db.send(again(&message)).await.unwrap();
        assert!(!later.is_new && later.seq == 1);
        assert_eq!(bodies(&db, conversation, Audience::Contact).await, [(1, "一次".to_owned())]);
    })
    .await;
}

/// A post with a sticker, and a first message there from the device with this key.
async fn sticker(db: &Db) -> impl Fn(u8, &str) -> Start {
    let elsewhere = conversation(db).await;
    let post_id = store::conversation::find(&mut db.read().await.unwrap(), elsewhere).await.unwrap().unwrap().post_id;
    let point = ContactPoint {
        id: ContactPointId(id()),
        post_id,
        code: PointCode::from_bits(rand().to_be_bytes()[..8].try_into().unwrap()),
        check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
        place: "单元门".into(),
        place_en: None,
        topic: None,
        welcome: None,
        created_at: NOW,
        revoked_at: None,
    };
    let point_id = point.id;
    db.write(move |c| Box::pin(async move { store::contact_point::insert(c, &point).await })).await.unwrap();
    move |device, body| Start {
        key_hash: vec![device; 32],
        language: Language::Chinese,
        post_id,
        point_id,
        claim_hash: id().as_bytes().to_vec(),
        contact_id: ContactId(id()),
        device_id: DeviceId(id()),
        conversation_id: ConversationId(id()),
        news: vec![new(ConversationId(id()), MessageKind::Contact, body), new(ConversationId(id()), MessageKind::Auto, "")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_messages_of_one_device_at_the_same_moment_begin_one_conversation() {
    on_both(async |db| {
        let start = sticker(&db).await;
        let starts = (0..12).map(|n: u8| (n / 4, start(n / 4, &n.to_string()))).map(|(device, start)| {
            let db = db.clone();
            tokio::spawn(async move {
                // On PostgreSQL whoever comes second is told so.
                let sent = match db.start(start.clone()).await {
                    Err(Error::Taken(_)) => db.start(start).await,
                    other => other,
                };
                (device, sent.unwrap().unwrap())
            })
        });
        let mut begun: HashMap<u8, Vec<message::Sent>> = HashMap::new();
        for sent in starts.collect::<Vec<_>>() {
            let (device, sent) = sent.await.unwrap();
            begun.entry(device).or_default().push(sent);
        }
        for sent in begun.values_mut() {
            sent.sort_by_key(|s| s.seq);
            assert_eq!(sent.iter().map(|s| s.seq).collect::<Vec<_>>(), [1, 3, 5, 7], "each with its automatic reply");
            assert!(sent.iter().all(|s| s.is_new && s.conversation_id == sent[0].conversation_id));
        }
        assert_eq!(begun.len(), 3);
        let again = db.start(start(0, "再来")).await.unwrap().unwrap();
        assert_eq!((again.conversation_id, again.seq), (begun[&0][0].conversation_id, 9));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_message_is_sent_once_and_not_to_a_post_that_has_ended() {
    on_both(async |db| {
        let (start, other) = (sticker(&db).await, sticker(&db).await);
        let first = start(1, "一次");
        let (sent, again) = (db.start(first.clone()).await.unwrap().unwrap(), db.start(first.clone()).await.unwrap().unwrap());
        assert_eq!((again.message_id, again.seq, again.is_new), (sent.message_id, sent.seq, false));
        let elsewhere = db.start(other(1, "别处")).await.unwrap().unwrap();
        assert_ne!(elsewhere.conversation_id, sent.conversation_id);
        let post = first.post_id;
        db.write(move |c| Box::pin(async move { store::post::end(c, post, NOW).await })).await.unwrap();
        assert_eq!(db.start(start(2, "太晚")).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn work_that_fails_is_undone_and_its_neighbours_stay() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let failed = db.write(move |c| {
            Box::pin(async move {
                message::send(c, &[new(conversation, MessageKind::Note, "verloren")]).await?;
                Err::<(), _>(Error::Url)
            })
        });
        let (failed, kept) = tokio::join!(failed, db.send(new(conversation, MessageKind::Contact, "bleibt")));
        assert!(failed.is_err() && kept.is_ok());
        assert_eq!(bodies(&db, conversation, Audience::Staff).await, [(1, "bleibt".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn work_that_panics_is_undone_and_the_next_goes_on() {
    on_both(async |db| {
        let id = conversation(&db).await;
        let panicked = db.write(move |c| {
            Box::pin(async move {
                store::conversation::staff_saw_only(c, id, 7).await?;
                if id.0 != Uuid::nil() {
                    panic!("as a mistake of ours would");
                }
                Ok::<(), Error>(())
            })
        });
        assert!(panicked.await.is_err());
        db.is_writing().await.unwrap();
        db.send(new(id, MessageKind::Contact, "noch da")).await.unwrap();
        let found = store::conversation::find(&mut db.read().await.unwrap(), id).await.unwrap().unwrap();
        assert_eq!((found.staff_seen_seq, found.last_seq), (0, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_nowhere_fails_alone() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let nowhere = new(ConversationId(id()), MessageKind::Contact, "ins Leere");
        let (lost, kept) = tokio::join!(db.send(nowhere), db.send(new(conversation, MessageKind::Contact, "kommt an")));
        assert!(lost.is_err());
        assert_eq!(kept.unwrap().seq, 1);
    })
    .await;
}

#[tokio::test]
async fn the_first_unanswered_message_opens_the_wait_and_only_an_answer_closes_it() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let open = async || store::wait::open(&mut db.read().await.unwrap(), conversation).await.unwrap();
        db.send(new(conversation, MessageKind::Contact, "1")).await.unwrap();
        db.send(new(conversation, MessageKind::Contact, "2")).await.unwrap();
        let wait = open().await.unwrap();
        assert_eq!((wait.opened_seq, wait.due_at), (1, NOW.plus_minutes(60)));
        for kind in [MessageKind::Note, MessageKind::Auto, MessageKind::Event] {
            db.send(new(conversation, kind, "nichts")).await.unwrap();
            assert_eq!(open().await.as_ref(), Some(&wait));
        }
        db.send(new(conversation, MessageKind::Answer, "3")).await.unwrap();
        assert_eq!(open().await, None);
        let all = store::wait::of_conversation(&mut db.read().await.unwrap(), conversation).await.unwrap();
        assert_eq!(all.iter().map(|w| (w.opened_seq, w.closed_seq)).collect::<Vec<_>>(), [(1, Some(6))]);
    })
    .await;
}

#[tokio::test]
async fn whoever_writes_again_beside_the_answer_waits_again() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let kinds = [MessageKind::Contact, MessageKind::Answer, MessageKind::Answer, MessageKind::Contact, MessageKind::Contact];
        let batch = kinds.map(|kind| new(conversation, kind, "zugleich"));
        db.write(move |c| Box::pin(async move { message::send(c, &batch).await.map(drop) })).await.unwrap();
        let waits = store::wait::of_conversation(&mut db.read().await.unwrap(), conversation).await.unwrap();
        let turns: Vec<(i64, Option<i64>)> = waits.iter().map(|w| (w.opened_seq, w.closed_seq)).collect();
        assert_eq!(turns, [(1, Some(2)), (4, None)]);
    })
    .await;
}

#[tokio::test]
async fn notes_are_for_staff_only() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        db.send(new(conversation, MessageKind::Contact, "frage")).await.unwrap();
        db.send(new(conversation, MessageKind::Note, "intern")).await.unwrap();
        assert_eq!(bodies(&db, conversation, Audience::Contact).await, [(1, "frage".to_owned())]);
        assert_eq!(bodies(&db, conversation, Audience::Staff).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    for database in databases().await {
        let conversation = conversation(&database.db).await;
        database.db.send(new(conversation, MessageKind::Contact, "dauerhaft")).await.unwrap();
        database.db.close().await;
        let again = Db::open(&database.url).await.unwrap();
        assert_eq!(bodies(&again, conversation, Audience::Contact).await, [(1, "dauerhaft".to_owned())]);
    }
}

#[tokio::test]
async fn what_was_seen_only_grows_however_many_say_so_at_once_and_beside_messages() {
    on_both(async |db| {
        let (one, other) = (conversation(&db).await, conversation(&db).await);
        let seen = |conversation_id, seq| db.saw(Seen { conversation_id, seq });
        let marks = (1..=40).map(|n| seen(if n % 2 == 0 { one } else { other }, n));
        let sends = (0..40).map(|n| db.send(new(if n % 2 == 0 { one } else { other }, MessageKind::Answer, &n.to_string())));
        let (marked, sent) = tokio::join!(futures::future::join_all(marks), futures::future::join_all(sends));
        marked.into_iter().for_each(|m| m.unwrap());
        sent.into_iter().for_each(|s| drop(s.unwrap()));
        seen(one, 3).await.unwrap();
        seen(ConversationId(id()), 3).await.unwrap();
        let mut conn = db.read().await.unwrap();
        for (id, seq) in [(one, 40), (other, 39)] {
            assert_eq!(store::conversation::find(&mut conn, id).await.unwrap().unwrap().contact_seen_seq, seq);
        }
    })
    .await;
}
