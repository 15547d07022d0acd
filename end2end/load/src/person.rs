//! What people do in the town, residents and workers alike.

use crate::{
    http::{Connection, Reply},
    ledger::ALL,
    now::new_id,
    open::Outcome,
    town::{GRIDS, Town},
};
use model::ConversationId;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use store::{
    Db,
    message::{self, Audience},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Not a person's: what the server can do at all.
    Up,
    /// A phone that has never been here scans a sticker.
    Sticker,
    FirstMessage,
    /// A resident opens their conversation again.
    Conversation,
    /// A resident writes on.
    Message,
    /// A worker opens the inbox.
    Inbox,
    /// The worker of the busiest grid does.
    BusyInbox,
    Answer,
    History,
    SearchChinese,
    SearchEnglish,
    BusySearch,
    /// An admin opens the overview.
    Figures,
    /// An admin opens the tree of all units.
    Tree,
    /// … opens a unit in it.
    TreeBelow,
    /// … searches it, a letter more each time.
    TreeSearch,
    TreePinyin,
    /// What holds at the top and differs below.
    Settings,
}

impl Errand {
    pub fn name(self) -> &'static str {
        match self {
            Errand::Up => "GET /up",
            Errand::Sticker => "sticker, a new phone",
            Errand::FirstMessage => "first message",
            Errand::Conversation => "conversation, a resident",
            Errand::Message => "further message",
            Errand::Inbox => "inbox",
            Errand::BusyInbox => "inbox of the busiest grid",
            Errand::Answer => "answer",
            Errand::History => "history",
            Errand::SearchChinese => "search 下水道",
            Errand::SearchEnglish => "search drain",
            Errand::BusySearch => "search 下水道 in the busiest grid",
            Errand::Figures => "figures",
            Errand::Tree => "tree of 16,777 units",
            Errand::TreeBelow => "tree, a unit opened",
            Errand::TreeSearch => "tree, search 桃花",
            Errand::TreePinyin => "tree, search xlq",
            Errand::Settings => "settings of the city",
        }
    }
}

/// The conversation whose page a form leads to once its message is kept.
fn sent_to(location: &str) -> Option<ConversationId> {
    location.strip_prefix("/c/").or(location.strip_prefix("/inbox/"))?.split(['?', '#']).next()?.parse().ok()
}

/// The busiest grid is the first.
const BUSIEST: usize = 0;

/// One of many people, who take turns with one connection.
pub struct Person {
    town: Town,
    addr: SocketAddr,
    rng: StdRng,
    connection: Option<Connection>,
    /// From one address only; else from another each time.
    visitor: Option<Ipv4Addr>,
    noted: Noted,
    /// The first unit in the tree, once it has been seen.
    unit: Option<String>,
}

/// Messages that were acknowledged: in which conversation, with which text. Every text is another.
pub type Noted = Arc<Mutex<Vec<(ConversationId, String)>>>;

/// How many of what was noted the database does not hold just once.
pub async fn lost_or_doubled(db: &Db, noted: &Noted) -> Result<usize, String> {
    let sent = std::mem::take(&mut *noted.lock().unwrap_or_else(PoisonError::into_inner));
    let mut by_conversation: HashMap<ConversationId, Vec<String>> = HashMap::new();
    sent.into_iter().for_each(|(conversation, text)| by_conversation.entry(conversation).or_default().push(text));
    let mut conn = db.read().await.map_err(|e| e.to_string())?;
    let mut wrong = 0;
    for (id, texts) in by_conversation {
        let stored = message::before(&mut conn, id, Audience::Staff, i64::MAX, ALL).await.map_err(|e| e.to_string())?;
        wrong += texts.iter().filter(|text| stored.iter().filter(|m| m.body == **text).count() != 1).count();
    }
    Ok(wrong)
}

/// The unit at the top of the tree's page.
fn first_unit(page: &str) -> Option<String> {
    let rest = page.split("below?unit=").nth(1)?;
    Some(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

impl Person {
    pub fn new(town: Town, addr: SocketAddr, number: usize) -> Person {
        Person { town, addr, rng: StdRng::seed_from_u64(town.seed ^ number as u64), connection: None, visitor: None, noted: Noted::default(), unit: None }
    }

    pub fn from(self, visitor: Ipv4Addr) -> Person {
        Person { visitor: Some(visitor), ..self }
    }

    /// Notes what is acknowledged together with others.
    pub fn noting(self, noted: &Noted) -> Person {
        Person { noted: noted.clone(), ..self }
    }

    pub async fn go(&mut self, errand: Errand) -> Outcome {
        match self.ask(errand).await {
            Ok(Reply { status: 200 | 303, .. }) => Outcome::Done,
            Ok(Reply { status: 503, retry_after: Some(_), .. }) => Outcome::Refused,
            Ok(Reply { status: 429, .. }) => Outcome::Limited,
            Ok(_) => Outcome::Failed,
            Err(_) => {
                self.connection = None;
                Outcome::Failed
            }
        }
    }

    async fn ask(&mut self, errand: Errand) -> io::Result<Reply> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.addr).await?);
        }
        let open = self.connection.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let anybody = Ipv4Addr::from(0x0a00_0000 + self.rng.random_range(0..1 << 24));
        open.speak_for(self.visitor.unwrap_or(anybody));
        let town = self.town;
        // Grids are as busy as where residents live.
        let resident = self.rng.random_range(0..town.residents);
        let grid = town.grid_of(resident);
        let session = |grid: usize| format!("session={}", town.session_key(grid));
        let device = format!("device={}", town.device_key(resident));
        let conversation = town.conversation(resident);
        let key = new_id().to_string();
        let text = format!("六号楼二单元三楼的路灯又不亮了，老人晚上下楼看不清台阶。{key}");
        let said = [("key", key.as_str()), ("text", text.as_str())];
        let reply = match errand {
            Errand::Up => open.get("/up").await,
            Errand::Sticker => open.get(&format!("/q/{}", town.code(self.rng.random_range(0..GRIDS)))).await,
            Errand::FirstMessage => {
                let stranger = format!("device={:032x}", self.rng.random::<u128>());
                open.post(&format!("/q/{}", town.code(grid)), &stranger, &said).await
            }
            Errand::Conversation => open.get_as(&format!("/c/{conversation}"), &device).await,
            Errand::Message => open.post(&format!("/c/{conversation}"), &device, &said).await,
            Errand::Inbox => open.get_as("/inbox", &session(grid)).await,
            Errand::BusyInbox => open.get_as("/inbox", &session(BUSIEST)).await,
            Errand::Answer => open.post(&format!("/inbox/{conversation}"), &session(grid), &said).await,
            Errand::History => open.get_as(&format!("/c/{conversation}?before=10"), &device).await,
            Errand::SearchChinese => open.get_as("/inbox?q=%E4%B8%8B%E6%B0%B4%E9%81%93", &session(grid)).await,
            Errand::SearchEnglish => open.get_as("/inbox?q=drain", &session(grid)).await,
            Errand::BusySearch => open.get_as("/inbox?q=%E4%B8%8B%E6%B0%B4%E9%81%93", &session(BUSIEST)).await,
            Errand::Figures => open.get_as("/admin", &session(GRIDS)).await,
            Errand::Tree => open.get_as("/admin/units", &session(GRIDS)).await,
            Errand::TreeBelow | Errand::Settings => {
                let admin = session(GRIDS);
                if self.unit.is_none() {
                    let page = open.get_unpacked("/admin/units", &admin).await?;
                    // Turned away, as the request itself might have been.
                    if page.status != 200 {
                        return Ok(page);
                    }
                    self.unit = first_unit(&String::from_utf8_lossy(&page.body));
                }
                let unit = self.unit.clone().ok_or(io::ErrorKind::NotFound)?;
                let path = if errand == Errand::Settings { format!("/admin/units/{unit}/settings") } else { format!("/admin/units/below?unit={unit}") };
                open.get_as(&path, &admin).await
            }
            Errand::TreeSearch => open.get_as("/admin/units/found?q=%E6%A1%83%E8%8A%B1", &session(GRIDS)).await,
            Errand::TreePinyin => open.get_as("/admin/units/found?q=xlq", &session(GRIDS)).await,
        }?;
        let kept_in = match (errand, reply.status) {
            // As the page's script sends it, which is answered with the message's number.
            (Errand::Message | Errand::Answer, 200) => Some(conversation),
            (_, 303) => reply.location.as_deref().and_then(sent_to),
            _ => None,
        };
        if let Some(conversation) = kept_in {
            self.noted.lock().unwrap_or_else(PoisonError::into_inner).push((conversation, text));
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use model::{ClientKey, MessageId};

    #[tokio::test]
    async fn what_was_acknowledged_and_is_not_there_once_is_counted() {
        let test = store::testing::sqlite().await;
        let scratch = Scratch::prepare(test.db.clone(), 2).await.unwrap();
        let noted = Noted::default();
        let note = |new: &message::New| noted.lock().unwrap().push((new.conversation_id, new.body.clone()));
        let [kept, lost, doubled] = [0, 1, 2].map(|n| scratch.message(n));
        let again = message::New { id: MessageId(new_id()), client_key: ClientKey(new_id()), ..doubled.clone() };
        [&kept, &lost, &doubled].into_iter().for_each(note);
        for new in [kept, doubled, again] {
            scratch.db.send(new).await.unwrap();
        }
        assert_eq!(lost_or_doubled(&scratch.db, &noted).await.unwrap(), 2);
    }

    #[test]
    fn a_kept_message_leads_to_its_conversation() {
        let id = ConversationId(new_id());
        assert_eq!([format!("/c/{id}"), format!("/inbox/{id}?done=answer")].map(|to| sent_to(&to)), [Some(id); 2]);
        assert_eq!(sent_to("/sign-in?back=/inbox"), None);
    }
}
