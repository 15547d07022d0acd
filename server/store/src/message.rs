//! Messages and the hot path: sending.
//!
//! A batch is set-based, one statement per table for all of its messages, because sqlx costs more per statement than SQLite per row.

use crate::{
    Conn, Error, Result,
    conn::{Either, fetch_all, fetch_optional, on},
};
use model::{At, ClientKey, ConversationId, Language, MessageId, MessageKind, PostId, StaffId, WaitId};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// A message to send. Sending again with the same `client_key` in the same conversation gives the first result.
#[derive(Clone, Debug)]
pub struct New {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub kind: MessageKind,
    /// The post in whose name staff write.
    pub post_id: Option<PostId>,
    pub staff_id: Option<StaffId>,
    pub body: String,
    pub client_key: ClientKey,
    pub sent_at: At,
    /// For a contact's message: the wait to open if none is open.
    pub wait: Option<NewWait>,
}

#[derive(Clone, Copy, Debug)]
pub struct NewWait {
    pub id: WaitId,
    pub due_at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub seq: i64,
    pub sent_at: At,
    /// False when the same client key had been sent before.
    pub is_new: bool,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Message {
    pub conversation_id: ConversationId,
    pub seq: i64,
    pub id: MessageId,
    pub kind: MessageKind,
    pub body: String,
    pub sent_at: At,
    pub removed_at: Option<At>,
    pub staff_id: Option<StaffId>,
    pub staff_name: Option<String>,
    pub unit_name: Option<String>,
    pub unit_name_en: Option<String>,
}

impl Message {
    pub fn unit_in(&self, language: Language) -> Option<&str> {
        Some(language.name(self.unit_name.as_deref()?, self.unit_name_en.as_deref()))
    }
}

/// Sends messages inside the caller's transaction; results in the order given.
pub async fn send(conn: &mut Conn, news: &[New]) -> Result<Vec<Sent>> {
    let mut sent = Vec::with_capacity(news.len());
    for turn in turns(news) {
        sent.extend(send_turn(conn, turn).await?);
    }
    Ok(sent)
}

/// A statement for a whole batch opens at most one wait of a conversation or closes it. Where somebody writes and is answered in one batch,
/// it is cut, so that each wait is opened and closed in its turn.
fn turns(news: &[New]) -> Vec<&[New]> {
    let (mut turns, mut start, mut seen) = (Vec::new(), 0, HashMap::new());
    for (i, new) in news.iter().enumerate() {
        let is_answer = new.kind == MessageKind::Answer;
        if seen.get(&new.conversation_id).is_some_and(|before| *before != is_answer) {
            turns.push(&news[start..i]);
            start = i;
            seen.clear();
        }
        seen.insert(new.conversation_id, is_answer);
    }
    turns.push(&news[start..]);
    turns
}

async fn send_turn(conn: &mut Conn, news: &[New]) -> Result<Vec<Sent>> {
    lock_conversations(conn, news).await?;
    let mut sent = insert_messages(conn, news).await?;
    let fresh: Vec<(&New, i64)> = {
        let mut seen = HashSet::new();
        let is_first = |n: &&New| seen.insert((n.conversation_id, n.client_key));
        news.iter().filter(is_first).filter_map(|n| sent.get(&(n.conversation_id, n.client_key)).map(|s| (n, s.seq))).collect()
    };
    if fresh.len() < news.len() {
        find_earlier(conn, news, &mut sent).await?;
    }
    if !fresh.is_empty() {
        move_conversations_on(conn, &fresh).await?;
        open_waits(conn, &fresh).await?;
        close_waits(conn, &fresh).await?;
        index_for_search(conn, &fresh).await?;
    }
    let mut first = HashSet::new();
    news.iter()
        .map(|n| {
            let found = sent.get(&(n.conversation_id, n.client_key)).ok_or(Error::Database(sqlx::Error::RowNotFound))?;
            let is_new = found.is_new && first.insert((n.conversation_id, n.client_key));
            Ok(Sent { is_new, ..found.clone() })
        })
        .collect()
}

type ByKey = HashMap<(ConversationId, ClientKey), Sent>;

/// PostgreSQL writes at the same time as others: hold the conversations whose sequence numbers are about to be given out.
async fn lock_conversations(conn: &mut Conn, news: &[New]) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        let ids: Vec<uuid::Uuid> = news.iter().map(|n| n.conversation_id.0).collect();
        sqlx::query("select 1 from conversations where id = any($1) order by id for update").bind(ids).execute(c).await?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    idx: usize,
    conversation_id: String,
    id: String,
    kind: &'static str,
    post_id: Option<String>,
    staff_id: Option<String>,
    body: &'a str,
    client_key: String,
    sent_at: i64,
}

impl<'a> Row<'a> {
    fn of((idx, n): (usize, &'a New)) -> Row<'a> {
        Row {
            idx,
            conversation_id: n.conversation_id.to_string(),
            id: n.id.to_string(),
            kind: n.kind.as_str(),
            post_id: n.post_id.map(|p| p.to_string()),
            staff_id: n.staff_id.map(|s| s.to_string()),
            body: &n.body,
            client_key: n.client_key.to_string(),
            sent_at: n.sent_at.0,
        }
    }
}

#[derive(sqlx::FromRow)]
struct SentRow {
    conversation_id: ConversationId,
    seq: i64,
    id: MessageId,
    client_key: ClientKey,
    sent_at: At,
}

impl SentRow {
    fn entry(self, is_new: bool) -> ((ConversationId, ClientKey), Sent) {
        let sent = Sent { conversation_id: self.conversation_id, message_id: self.id, seq: self.seq, sent_at: self.sent_at, is_new };
        ((self.conversation_id, self.client_key), sent)
    }
}

/// The batch as a table, in each database's own way of reading JSON.
macro_rules! new_in_sqlite {
    () => {
        "with new as materialized (
            select value ->> 'idx' as idx, unhex(value ->> 'conversation_id') as conversation_id, unhex(value ->> 'id') as id, value ->> 'kind' as kind,
                unhex(value ->> 'post_id') as post_id, unhex(value ->> 'staff_id') as staff_id, value ->> 'body' as body,
                unhex(value ->> 'client_key') as client_key, value ->> 'sent_at' as sent_at
            from json_each($1)) "
    };
}
macro_rules! new_in_postgres {
    () => {
        "with new as (
            select * from jsonb_to_recordset($1::jsonb) as n (idx bigint, conversation_id uuid, id uuid, kind text, post_id uuid, staff_id uuid, body text,
                client_key uuid, sent_at bigint)) "
    };
}

async fn insert_messages(conn: &mut Conn, news: &[New]) -> Result<ByKey> {
    macro_rules! insert {
        () => {
            "insert into messages (conversation_id, seq, id, kind, post_id, staff_id, body, client_key, sent_at)
             select n.conversation_id, c.last_seq + row_number() over (partition by n.conversation_id order by n.idx), n.id, n.kind, n.post_id, n.staff_id,
                n.body, n.client_key, n.sent_at
             from new n join conversations c on c.id = n.conversation_id
             where not exists (select 1 from messages m where m.conversation_id = n.conversation_id and m.client_key = n.client_key)
             returning conversation_id, seq, id, client_key, sent_at"
        };
    }
    let mut seen = HashSet::new();
    let first_of_each_key = news.iter().enumerate().filter(|(_, n)| seen.insert((n.conversation_id, n.client_key)));
    let batch = serde_json::to_string(&first_of_each_key.map(Row::of).collect::<Vec<_>>())?;
    let rows: Vec<SentRow> = match conn.either() {
        Either::Sqlite(c) => sqlx::query_as(concat!(new_in_sqlite!(), insert!())).bind(batch).fetch_all(c).await?,
        Either::Postgres(c) => sqlx::query_as(concat!(new_in_postgres!(), insert!())).bind(batch).fetch_all(c).await?,
    };
    Ok(rows.into_iter().map(|r| r.entry(true)).collect())
}

async fn find_earlier(conn: &mut Conn, news: &[New], sent: &mut ByKey) -> Result<()> {
    macro_rules! find {
        () => {
            "select m.conversation_id, m.seq, m.id, m.client_key, m.sent_at
             from new n join messages m on m.conversation_id = n.conversation_id and m.client_key = n.client_key"
        };
    }
    let missing = news.iter().enumerate().filter(|(_, n)| !sent.contains_key(&(n.conversation_id, n.client_key)));
    let batch = serde_json::to_string(&missing.map(Row::of).collect::<Vec<_>>())?;
    let rows: Vec<SentRow> = match conn.either() {
        Either::Sqlite(c) => sqlx::query_as(concat!(new_in_sqlite!(), find!())).bind(batch).fetch_all(c).await?,
        Either::Postgres(c) => sqlx::query_as(concat!(new_in_postgres!(), find!())).bind(batch).fetch_all(c).await?,
    };
    sent.extend(rows.into_iter().map(|r| r.entry(false)));
    Ok(())
}

/// What a batch changes about one conversation.
#[derive(Serialize, Default)]
struct Step {
    conversation_id: String,
    seq: i64,
    sent_at: Option<i64>,
    preview: Option<String>,
    /// The number of what the contact wrote: the conversation opens again, and they have seen everything up to it.
    contact_seq: Option<i64>,
    staff_seq: Option<i64>,
}

/// Characters of the last message shown in a list.
const PREVIEW: usize = 120;

async fn move_conversations_on(conn: &mut Conn, fresh: &[(&New, i64)]) -> Result<()> {
    let mut steps: HashMap<ConversationId, Step> = HashMap::new();
    for (n, seq) in fresh {
        let step = steps.entry(n.conversation_id).or_insert_with(|| Step { conversation_id: n.conversation_id.to_string(), ..Step::default() });
        step.seq = step.seq.max(*seq);
        match n.kind {
            MessageKind::Contact => step.contact_seq = Some(*seq),
            MessageKind::Answer | MessageKind::Note => step.staff_seq = Some(*seq),
            MessageKind::Auto | MessageKind::Event => {}
        }
        if matches!(n.kind, MessageKind::Contact | MessageKind::Answer) {
            step.sent_at = Some(n.sent_at.0);
            step.preview = Some(n.body.chars().take(PREVIEW).collect());
        }
    }
    macro_rules! update {
        () => {
            "update conversations set
                last_seq = step.seq,
                last_message_at = coalesce(step.sent_at, last_message_at),
                preview = coalesce(step.preview, conversations.preview),
                contact_seen_seq = coalesce(step.contact_seq, contact_seen_seq),
                staff_seen_seq = coalesce(step.staff_seq, staff_seen_seq),
                state = case when step.contact_seq is null then state else 'open' end,
                closed_at = case when step.contact_seq is null then closed_at end
             from step where conversations.id = step.conversation_id"
        };
    }
    let batch = serde_json::to_string(&steps.into_values().collect::<Vec<_>>())?;
    match conn.either() {
        Either::Sqlite(c) => {
            let text = concat!(
                "with step as materialized (
                    select unhex(value ->> 'conversation_id') as conversation_id, value ->> 'seq' as seq, value ->> 'sent_at' as sent_at,
                        value ->> 'preview' as preview, value ->> 'contact_seq' as contact_seq, value ->> 'staff_seq' as staff_seq
                    from json_each($1)) ",
                update!()
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
        Either::Postgres(c) => {
            let text = concat!(
                "with step as (select * from jsonb_to_recordset($1::jsonb) as s
                    (conversation_id uuid, seq bigint, sent_at bigint, preview text, contact_seq bigint, staff_seq bigint)) ",
                update!()
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct WaitRow {
    id: String,
    conversation_id: String,
    opened_seq: i64,
    opened_at: i64,
    due_at: i64,
}

async fn open_waits(conn: &mut Conn, fresh: &[(&New, i64)]) -> Result<()> {
    let mut seen = HashSet::new();
    let first_of_each_conversation = fresh.iter().filter(|(n, _)| n.wait.is_some() && seen.insert(n.conversation_id));
    let rows: Vec<WaitRow> = first_of_each_conversation
        .filter_map(|(n, seq)| {
            let wait = n.wait?;
            Some(WaitRow {
                id: wait.id.to_string(),
                conversation_id: n.conversation_id.to_string(),
                opened_seq: *seq,
                opened_at: n.sent_at.0,
                due_at: wait.due_at.0,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    macro_rules! insert {
        () => {
            "insert into waits (id, conversation_id, post_id, opened_seq, opened_at, due_at)
             select n.id, n.conversation_id, c.post_id, n.opened_seq, n.opened_at, n.due_at from new n join conversations c on c.id = n.conversation_id
             where true
             on conflict (conversation_id) where closed_at is null do nothing"
        };
    }
    let batch = serde_json::to_string(&rows)?;
    match conn.either() {
        Either::Sqlite(c) => {
            let text = concat!(
                "with new as materialized (
                    select unhex(value ->> 'id') as id, unhex(value ->> 'conversation_id') as conversation_id, value ->> 'opened_seq' as opened_seq,
                        value ->> 'opened_at' as opened_at, value ->> 'due_at' as due_at
                    from json_each($1)) ",
                insert!()
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
        Either::Postgres(c) => {
            let text = concat!(
                "with new as (select * from jsonb_to_recordset($1::jsonb) as n
                    (id uuid, conversation_id uuid, opened_seq bigint, opened_at bigint, due_at bigint)) ",
                insert!()
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Closing {
    conversation_id: String,
    seq: i64,
    at: i64,
    by: Option<String>,
}

/// An answer closes the wait, the first of several; nothing else does.
async fn close_waits(conn: &mut Conn, fresh: &[(&New, i64)]) -> Result<()> {
    let mut seen = HashSet::new();
    let first_of_each_conversation = fresh.iter().filter(|(n, _)| n.kind == MessageKind::Answer && seen.insert(n.conversation_id));
    let rows: Vec<Closing> = first_of_each_conversation
        .map(|(n, seq)| Closing { conversation_id: n.conversation_id.to_string(), seq: *seq, at: n.sent_at.0, by: n.staff_id.map(|s| s.to_string()) })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    macro_rules! update {
        ($by:literal) => {
            concat!(
                "update waits set closed_seq = n.seq, closed_at = n.at, closed_by = ",
                $by,
                " from new n where waits.conversation_id = n.conversation_id and waits.closed_at is null and waits.opened_seq < n.seq"
            )
        };
    }
    let batch = serde_json::to_string(&rows)?;
    match conn.either() {
        Either::Sqlite(c) => {
            let text = concat!(
                "with new as materialized (
                    select unhex(value ->> 'conversation_id') as conversation_id, value ->> 'seq' as seq, value ->> 'at' as at, unhex(value ->> 'by') as staff_id
                    from json_each($1)) ",
                update!("n.staff_id")
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
        Either::Postgres(c) => {
            let text = concat!(
                "with new as (select * from jsonb_to_recordset($1::jsonb) as n (conversation_id uuid, seq bigint, at bigint, by uuid)) ",
                update!("n.by")
            );
            sqlx::query(text).bind(batch).execute(c).await?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct TermsRow {
    terms: String,
    conversation_id: String,
    seq: i64,
}

async fn index_for_search(conn: &mut Conn, fresh: &[(&New, i64)]) -> Result<()> {
    let is_postgres = conn.is_postgres();
    let written_by_people = fresh.iter().filter(|(n, _)| matches!(n.kind, MessageKind::Contact | MessageKind::Answer | MessageKind::Note));
    let rows: Vec<TermsRow> =
        written_by_people.map(|(n, seq)| TermsRow { terms: marked(&n.body, is_postgres), conversation_id: n.conversation_id.to_string(), seq: *seq }).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let batch = serde_json::to_string(&rows)?;
    match conn.either() {
        Either::Sqlite(c) => {
            let text = "insert into message_search (terms, conversation_id, seq)
                select char(57344) || lower(hex(substr(c.id, 12))) || ' '
                    || replace(value ->> 'terms', char(57344), char(57344) || lower(hex(substr(c.post_id, 12)))), c.id, value ->> 'seq'
                from json_each($1) join conversations c on c.id = unhex(value ->> 'conversation_id')";
            sqlx::query(text).bind(batch).execute(c).await?;
        }
        Either::Postgres(c) => {
            let text = "insert into message_search (words, conversation_id, seq)
                select replace(n.terms, chr(57344), chr(57344) || right(replace(c.post_id::text, '-', ''), 10))::tsvector, c.id, n.seq
                from jsonb_to_recordset($1::jsonb) as n (terms text, conversation_id uuid, seq bigint) join conversations c on c.id = n.conversation_id";
            sqlx::query(text).bind(batch).execute(c).await?;
        }
    }
    Ok(())
}

/// No text contains it: [`model::search::terms`] keeps letters and digits only. Both tokenisers take it for a part of a word.
const MARK: char = '\u{e000}';
/// PostgreSQL takes words of two kilobytes at most.
const LONGEST_WORD: usize = 100;

/// The words of a text, each with a [`MARK`] where its post's comes to stand: for PostgreSQL with their places, as `tsvector` is written.
fn marked(body: &str, is_postgres: bool) -> String {
    let terms = model::search::terms(body);
    let word = |(i, word): (usize, &str)| {
        let word: String = word.chars().take(LONGEST_WORD).collect();
        if is_postgres { format!("'{MARK}{word}':{}", i + 1) } else { format!("{MARK}{word}") }
    };
    terms.split_ascii_whitespace().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// The words of a phrase as they stand in the index for the messages of a post.
pub(crate) fn words_at(post: PostId, phrase: &str) -> Vec<String> {
    let mark = mark(post.0);
    phrase.split_ascii_whitespace().map(|word| mark.chars().chain(word.chars().take(LONGEST_WORD)).collect()).collect()
}

/// The mark and the last ten hexadecimal digits: enough that two posts hardly ever share them, and harmless if they do.
fn mark(id: uuid::Uuid) -> String {
    format!("{MARK}{}", &id.as_simple().to_string()[22..])
}

/// The messages of a conversation are found at another post from now on.
pub(crate) async fn move_words(conn: &mut Conn, conversation: ConversationId, from: PostId, to: PostId) -> Result<()> {
    match conn.either() {
        Either::Sqlite(c) => {
            let text = "update message_search set terms = replace(terms, $1, $2)
                where rowid in (select rowid from message_search where message_search match '\"' || $3 || '\"' and conversation_id = $4)";
            sqlx::query(text).bind(mark(from.0)).bind(mark(to.0)).bind(mark(conversation.0)).bind(conversation).execute(c).await?;
        }
        Either::Postgres(c) => {
            let text = "update message_search set words = replace(words::text, $1, $2)::tsvector where conversation_id = $3";
            sqlx::query(text).bind(mark(from.0)).bind(mark(to.0)).bind(conversation).execute(c).await?;
        }
    }
    Ok(())
}

/// Which messages a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everything but notes.
    Contact,
    Staff,
}

macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "select m.conversation_id, m.seq, m.id, m.kind, m.body, m.sent_at, m.removed_at, m.staff_id, s.name as staff_name, u.name as unit_name,
                u.name_en as unit_name_en
             from messages m left join staff s on s.id = m.staff_id left join posts p on p.id = m.post_id left join units u on u.id = p.unit_id
             where m.conversation_id = $1 and (m.kind <> 'note' or $2 = 1) ",
            $rest
        )
    };
}

/// Up to `limit` messages with a seq above `after`, oldest first: what a live stream has missed.
pub async fn after(conn: &mut Conn, conversation: ConversationId, audience: Audience, after: i64, limit: i64) -> Result<Vec<Message>> {
    let sees_notes = i64::from(audience == Audience::Staff);
    fetch_all!(conn, Message, select_messages!("and m.seq > $3 order by m.seq limit $4"), conversation, sees_notes, after, limit)
}

/// The `limit` messages just below `before`, oldest first: a page of history.
pub async fn before(conn: &mut Conn, conversation: ConversationId, audience: Audience, before: i64, limit: i64) -> Result<Vec<Message>> {
    let sees_notes = i64::from(audience == Audience::Staff);
    let mut rows = fetch_all!(conn, Message, select_messages!("and m.seq < $3 order by m.seq desc limit $4"), conversation, sees_notes, before, limit)?;
    rows.reverse();
    Ok(rows)
}

/// The number and time of the contact's first message after `seq`.
pub async fn first_of_contact_after(conn: &mut Conn, conversation: ConversationId, seq: i64) -> Result<Option<(i64, At)>> {
    fetch_optional!(
        conn,
        (i64, At),
        "select seq, sent_at from messages where conversation_id = $1 and seq > $2 and kind = 'contact' order by seq limit 1",
        conversation,
        seq
    )
}

/// The number of the contact's last message.
pub async fn last_of_contact(conn: &mut Conn, conversation: ConversationId) -> Result<Option<i64>> {
    let row =
        fetch_optional!(conn, (i64,), "select seq from messages where conversation_id = $1 and kind = 'contact' order by seq desc limit 1", conversation)?;
    Ok(row.map(|(seq,)| seq))
}

/// Where a client key was used in a conversation of this contact: how the first message's retry is recognised.
pub async fn by_client_key(conn: &mut Conn, contact: model::ContactId, key: ClientKey) -> Result<Option<Sent>> {
    let row = on!(conn, c => sqlx::query_as::<_, SentRow>(
        "select m.conversation_id, m.seq, m.id, m.client_key, m.sent_at from conversations c join messages m on m.conversation_id = c.id
         where c.contact_id = $1 and m.client_key = $2").bind(contact).bind(key).fetch_optional(c))?;
    Ok(row.map(|r| r.entry(false).1))
}

/// The message sent with a client key in a conversation.
pub async fn with_key(conn: &mut Conn, conversation: ConversationId, key: ClientKey) -> Result<Option<Sent>> {
    let row = on!(conn, c => sqlx::query_as::<_, SentRow>(
        "select conversation_id, seq, id, client_key, sent_at from messages where conversation_id = $1 and client_key = $2")
        .bind(conversation).bind(key).fetch_optional(c))?;
    Ok(row.map(|r| r.entry(false).1))
}
