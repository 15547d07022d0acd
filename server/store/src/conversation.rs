//! Conversations, loaded through the one who asks: what a device or a member of staff may not see is not found.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_optional, on},
    message,
};
use model::{At, ContactId, ContactPointId, ConversationId, ConversationState, DeviceId, PointCode, PostId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Conversation {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub post_id: PostId,
    pub contact_point_id: Option<ContactPointId>,
    pub state: ConversationState,
    pub claim_version: i64,
    pub last_seq: i64,
    pub last_message_at: At,
    pub preview: String,
    pub contact_seen_seq: i64,
    pub staff_seen_seq: i64,
    pub mailed_seq: i64,
    pub opened_at: At,
    pub closed_at: Option<At>,
}

impl Conversation {
    /// As it begins, with nothing in it yet.
    pub fn begun(id: ConversationId, contact_id: ContactId, post_id: PostId, contact_point_id: Option<ContactPointId>, at: At) -> Conversation {
        Conversation {
            id,
            contact_id,
            post_id,
            contact_point_id,
            state: ConversationState::Open,
            claim_version: 1,
            last_seq: 0,
            last_message_at: at,
            preview: String::new(),
            contact_seen_seq: 0,
            staff_seen_seq: 0,
            mailed_seq: 0,
            opened_at: at,
            closed_at: None,
        }
    }
}

macro_rules! columns {
    () => {
        "c.id, c.contact_id, c.post_id, c.contact_point_id, c.state, c.claim_version, c.last_seq, c.last_message_at, c.preview,
         c.contact_seen_seq, c.staff_seen_seq, c.mailed_seq, c.opened_at, c.closed_at"
    };
}

macro_rules! select {
    ($rest:expr) => {
        concat!("select ", columns!(), " from conversations c ", $rest)
    };
}

/// Conversation `$2` if device `$1` may see it: its contact's own, or one it has claimed.
macro_rules! of_device {
    () => {
        "where c.id = $2 and (
            c.contact_id = (select contact_id from devices where id = $1)
            or exists (select 1 from claims k where k.conversation_id = c.id and k.device_id = $1 and k.ended_at is null))"
    };
}

pub async fn insert(conn: &mut Conn, conversation: &Conversation, claim_hash: &[u8]) -> Result<()> {
    execute!(
        conn,
        "insert into conversations (id, contact_id, post_id, contact_point_id, state, claim_hash, claim_version, last_seq, last_message_at, preview,
            contact_seen_seq, staff_seen_seq, opened_at, closed_at, contact_name)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, (select name from contacts where id = $2))",
        conversation.id,
        conversation.contact_id,
        conversation.post_id,
        conversation.contact_point_id,
        conversation.state,
        claim_hash,
        conversation.claim_version,
        conversation.last_seq,
        conversation.last_message_at,
        &conversation.preview,
        conversation.contact_seen_seq,
        conversation.staff_seen_seq,
        conversation.opened_at,
        conversation.closed_at
    )
    .map(|_| ())
}

/// A conversation as a device may see it: its contact's own, or one it has claimed.
pub async fn of_device(conn: &mut Conn, device: DeviceId, id: ConversationId) -> Result<Option<Conversation>> {
    fetch_optional!(conn, Conversation, select!(of_device!()), device, id)
}

/// A conversation with what its page shows beside the messages, in one statement: sqlx costs more a statement than SQLite a lookup.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Shown {
    #[sqlx(flatten)]
    pub conversation: Conversation,
    /// Where answers are announced.
    pub email: Option<String>,
    /// Devices that came in by claim code or mail.
    pub claims: i64,
    /// Of the sticker through which it began.
    pub point_code: Option<PointCode>,
    /// Of the newest wait, if there ever was one.
    pub wait_opened_at: Option<At>,
    pub wait_due_at: Option<At>,
    pub wait_closed_at: Option<At>,
}

/// The same for its page; see [`of_device`].
pub async fn shown(conn: &mut Conn, device: DeviceId, id: ConversationId) -> Result<Option<Shown>> {
    fetch_optional!(
        conn,
        Shown,
        concat!(
            "select ",
            columns!(),
            ", o.email, w.opened_at as wait_opened_at, w.due_at as wait_due_at, w.closed_at as wait_closed_at,
                (select count(*) from claims k where k.conversation_id = c.id and k.ended_at is null) as claims, n.code as point_code
             from conversations c join contacts o on o.id = c.contact_id left join contact_points n on n.id = c.contact_point_id
             left join waits w on w.conversation_id = c.id and w.opened_seq = (select max(l.opened_seq) from waits l where l.conversation_id = c.id) ",
            of_device!()
        ),
        device,
        id
    )
}

/// All conversations a device may see, newest first, at most 100.
pub async fn all_of_device(conn: &mut Conn, device: DeviceId) -> Result<Vec<Conversation>> {
    fetch_all!(
        conn,
        Conversation,
        select!(
            "where c.contact_id = (select contact_id from devices where id = $1)
                or c.id in (select conversation_id from claims where device_id = $1 and ended_at is null)
             order by c.last_message_at desc limit 100"
        ),
        device
    )
}

/// Begins with what the device may see, which is little, whatever there is at the post.
pub(crate) const OF_DEVICE_WITH_POST: &str = concat!(
    "with own as (
        select id from conversations where contact_id = (select contact_id from devices where id = $1)
        union select conversation_id from claims where device_id = $1 and ended_at is null) select ",
    columns!(),
    " from own join conversations c on c.id = own.id
      where c.post_id = $2 or exists (select 1 from overflows o where o.conversation_id = c.id and o.post_id = $2)
      order by c.last_message_at desc limit 1"
);

/// A device's conversation with a post, or one meant for it that began at another; the newest if there are several.
pub async fn of_device_with_post(conn: &mut Conn, device: DeviceId, post: PostId) -> Result<Option<Conversation>> {
    fetch_optional!(conn, Conversation, OF_DEVICE_WITH_POST, device, post)
}

/// A conversation as a member of staff may see it: of a post they hold now or answer for now.
pub async fn of_staff(conn: &mut Conn, staff: StaffId, id: ConversationId, now: At) -> Result<Option<Conversation>> {
    fetch_optional!(
        conn,
        Conversation,
        select!(
            "join posts p on p.id = c.post_id
             where c.id = $2 and exists (
                select 1 from holdings h where h.staff_id = $1 and h.from_at <= $3 and (h.until_at is null or h.until_at > $3)
                    and h.post_id in (p.id, p.answering_id))"
        ),
        staff,
        id,
        now
    )
}

/// A conversation as a supervisor may read it: of a post in the subtree of a grant that holds now.
pub async fn of_supervisor(conn: &mut Conn, staff: StaffId, id: ConversationId, now: At) -> Result<Option<Conversation>> {
    fetch_optional!(
        conn,
        Conversation,
        concat!(
            "with recursive up as (
                select u.id, u.parent_id from conversations c join posts p on p.id = c.post_id join units u on u.id = p.unit_id where c.id = $2
                union all select u.id, u.parent_id from units u join up on u.id = up.parent_id) ",
            select!(
                "where c.id = $2 and exists (
                    select 1 from grants g join up on up.id = g.unit_id
                    where g.staff_id = $1 and g.role = 'supervisor' and g.from_at <= $3 and (g.until_at is null or g.until_at > $3))"
            )
        ),
        staff,
        id,
        now
    )
}

/// Holds a conversation until the transaction ends, so that what is decided about it stays true. SQLite writes one transaction at a time anyway.
pub async fn hold(conn: &mut Conn, id: ConversationId) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select 1 from conversations where id = $1 for update").bind(id).execute(c).await?;
    }
    Ok(())
}

/// For work the program does itself, with no caller to check.
pub async fn find(conn: &mut Conn, id: ConversationId) -> Result<Option<Conversation>> {
    fetch_optional!(conn, Conversation, select!("where c.id = $1"), id)
}

pub async fn by_claim(conn: &mut Conn, claim_hash: &[u8]) -> Result<Option<Conversation>> {
    fetch_optional!(conn, Conversation, select!("where c.claim_hash = $1"), claim_hash)
}

/// Lets a device in. True if it was not in before.
pub async fn claim(conn: &mut Conn, id: ConversationId, device: DeviceId, now: At) -> Result<bool> {
    let changed = execute!(
        conn,
        "insert into claims (conversation_id, device_id, claimed_at) values ($1, $2, $3)
         on conflict (conversation_id, device_id) do update set claimed_at = $3, ended_at = null where claims.ended_at is not null",
        id,
        device,
        now
    )?;
    Ok(changed > 0)
}

/// Other devices that have claimed the conversation and still may see it.
pub async fn claims(conn: &mut Conn, id: ConversationId) -> Result<Vec<(DeviceId, At)>> {
    fetch_all!(conn, (DeviceId, At), "select device_id, claimed_at from claims where conversation_id = $1 and ended_at is null order by claimed_at", id)
}

/// Ends every claim and gives the conversation a new claim code.
pub async fn end_claims(conn: &mut Conn, id: ConversationId, claim_version: i64, claim_hash: &[u8], now: At) -> Result<()> {
    execute!(conn, "update claims set ended_at = $2 where conversation_id = $1 and ended_at is null", id, now)?;
    execute!(conn, "update conversations set claim_version = $2, claim_hash = $3 where id = $1", id, claim_version, claim_hash).map(|_| ())
}

/// The post has seen everything up to `seq`.
pub async fn staff_saw(conn: &mut Conn, id: ConversationId, seq: i64) -> Result<()> {
    execute!(conn, "update conversations set staff_seen_seq = $2 where id = $1 and staff_seen_seq < $2", id, seq).map(|_| ())
}

/// The post has seen everything up to `seq` and, although one of it has written since, nothing after it.
pub async fn staff_saw_only(conn: &mut Conn, id: ConversationId, seq: i64) -> Result<()> {
    execute!(conn, "update conversations set staff_seen_seq = $2 where id = $1", id, seq).map(|_| ())
}

pub async fn close(conn: &mut Conn, id: ConversationId, now: At) -> Result<()> {
    execute!(conn, "update conversations set state = 'closed', closed_at = $2 where id = $1", id, now).map(|_| ())
}

/// Moves a conversation and its open wait to another post. The wait keeps its due time.
pub async fn hand_over(conn: &mut Conn, id: ConversationId, to: PostId) -> Result<()> {
    let Some(before) = find(conn, id).await? else { return Ok(()) };
    message::move_words(conn, id, before.post_id, to).await?;
    execute!(conn, "update conversations set post_id = $2 where id = $1", id, to)?;
    execute!(conn, "update waits set post_id = $2 where conversation_id = $1 and closed_at is null", id, to).map(|_| ())
}

/// A mail has been written for the answer `seq`.
pub async fn set_mailed(conn: &mut Conn, id: ConversationId, seq: i64) -> Result<()> {
    execute!(conn, "update conversations set mailed_seq = $2 where id = $1", id, seq).map(|_| ())
}
