//! What the server acknowledged, and whether the database holds exactly that.

use model::{ClientKey, ConversationId, MessageKind};
use std::collections::{HashMap, HashSet};
use store::{
    Conn, Db,
    message::{self, Audience, Message},
};

#[derive(Default)]
pub struct Ledger {
    pub acknowledged: Vec<Entry>,
    /// Texts sent without an answer: they may be there or not.
    pub unanswered: HashSet<String>,
    /// The first message of each conversation was written before the ledger began.
    pub first_are_others: bool,
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// Within a conversation messages were sent in this order, each after the one before was acknowledged.
    pub number: u64,
    pub conversation: ConversationId,
    pub seq: i64,
    pub key: ClientKey,
    pub text: String,
}

/// How the database compares with the ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub acknowledged: usize,
    pub conversations: usize,
    /// Acknowledged, but not there.
    pub missing: usize,
    /// There under another sequence number, id or text.
    pub different: usize,
    pub doubled: usize,
    pub out_of_order: usize,
    /// There, although the server had refused them.
    pub unexpected: usize,
}

/// More than the generator ever sends in one conversation.
pub const ALL: i64 = 10_000;

pub async fn compare(db: &Db, ledger: &Ledger) -> store::Result<Comparison> {
    let mut conversations: HashMap<ConversationId, Vec<&Entry>> = HashMap::new();
    for entry in &ledger.acknowledged {
        conversations.entry(entry.conversation).or_default().push(entry);
    }
    let mut found = Comparison { acknowledged: ledger.acknowledged.len(), conversations: conversations.len(), ..Comparison::default() };
    let mut conn = db.read().await?;
    for (id, mut entries) in conversations {
        entries.sort_by_key(|e| e.number);
        found.out_of_order += entries.windows(2).filter(|pair| pair[0].seq >= pair[1].seq).count();
        let Some(conversation) = store::conversation::find(&mut conn, id).await? else {
            found.missing += entries.len();
            continue;
        };
        let mut stored = message::after(&mut conn, id, Audience::Staff, 0, ALL).await?;
        stored.retain(|m| m.kind == MessageKind::Contact && !(ledger.first_are_others && m.seq == 1));
        for entry in &entries {
            match has(&mut conn, conversation.contact_id, &stored, entry).await? {
                Some(true) => {}
                Some(false) => found.different += 1,
                None => found.missing += 1,
            }
        }
        let mut seen = HashSet::new();
        found.doubled += stored.iter().filter(|m| !seen.insert(m.body.as_str())).count();
        let known: HashSet<&str> = entries.iter().map(|e| e.text.as_str()).collect();
        found.unexpected += seen.iter().filter(|text| !known.contains(*text) && !ledger.unanswered.contains(**text)).count();
    }
    Ok(found)
}

/// Whether the message with this client key is stored as acknowledged; `None` if there is none.
async fn has(conn: &mut Conn, contact: model::ContactId, stored: &[Message], entry: &Entry) -> store::Result<Option<bool>> {
    let Some(sent) = message::by_client_key(conn, contact, entry.key).await? else { return Ok(None) };
    let is_there = |m: &Message| m.id == sent.message_id && m.seq == entry.seq && m.body == entry.text;
    Ok(Some(sent.conversation_id == entry.conversation && stored.iter().any(is_there)))
}

impl Comparison {
    pub fn is_good(&self) -> bool {
        self.acknowledged > 0 && self.missing + self.different + self.doubled + self.out_of_order + self.unexpected == 0
    }

    pub fn row(&self) -> String {
        format!(
            "{} acknowledged messages in {} conversations looked up afterwards: {} missing, {} different, {} doubled, {} out of order, {} unexpected",
            self.acknowledged, self.conversations, self.missing, self.different, self.doubled, self.out_of_order, self.unexpected
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{now::new_id, scratch::Scratch};

    /// Two conversations with three acknowledged messages each.
    async fn sent(scratch: &Scratch) -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0..6 {
            let new = scratch.message(number);
            let (key, text, conversation) = (new.client_key, new.body.clone(), new.conversation_id);
            let seq = scratch.db.send(new).await.unwrap().seq;
            ledger.acknowledged.push(Entry { number: number as u64, conversation, seq, key, text });
        }
        ledger
    }

    async fn prepared() -> (store::testing::TestDb, Scratch) {
        let test = store::testing::sqlite().await;
        let scratch = Scratch::prepare(test.db.clone(), 2).await.unwrap();
        (test, scratch)
    }

    #[tokio::test]
    async fn what_was_sent_is_found() {
        let (_test, scratch) = prepared().await;
        let ledger = sent(&scratch).await;
        let found = compare(&scratch.db, &ledger).await.unwrap();
        assert_eq!(found, Comparison { acknowledged: 6, conversations: 2, ..Comparison::default() });
        assert!(found.is_good());
    }

    #[tokio::test]
    async fn every_kind_of_loss_is_noticed() {
        let (_test, scratch) = prepared().await;
        let good = sent(&scratch).await;
        let with = |change: &dyn Fn(&mut Ledger)| {
            let mut ledger = Ledger { acknowledged: good.acknowledged.clone(), ..Ledger::default() };
            change(&mut ledger);
            ledger
        };
        let base = Comparison { acknowledged: 6, conversations: 2, ..Comparison::default() };

        let unknown_key = with(&|l| l.acknowledged[0].key = ClientKey(new_id()));
        assert_eq!(compare(&scratch.db, &unknown_key).await.unwrap().missing, 1);
        let other_text = with(&|l| l.acknowledged[0].text.push('！'));
        assert_eq!(compare(&scratch.db, &other_text).await.unwrap(), Comparison { different: 1, unexpected: 1, ..base });
        let other_order = with(&|l| l.acknowledged[0].number = 100);
        assert_eq!(compare(&scratch.db, &other_order).await.unwrap().out_of_order, 1);
        let unanswered = with(&|l| {
            let last = l.acknowledged.remove(5);
            l.unanswered.insert(last.text);
        });
        assert!(compare(&scratch.db, &unanswered).await.unwrap().is_good());

        let again = message::New { client_key: ClientKey(new_id()), id: model::MessageId(new_id()), ..scratch.message(0) };
        scratch.db.send(again).await.unwrap();
        assert_eq!(compare(&scratch.db, &good).await.unwrap().doubled, 1);
        assert!(!Comparison::default().is_good(), "nothing acknowledged proves nothing");
    }
}
