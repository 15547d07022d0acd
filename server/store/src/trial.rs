//! The trial of a new installation, and the mails that were held back in it.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
};
use model::{At, MailKind, OutboxId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Trial {
    pub began_at: At,
    pub ended_at: Option<At>,
    pub ended_by: Option<StaffId>,
}

pub async fn find(conn: &mut Conn) -> Result<Option<Trial>> {
    fetch_optional!(conn, Trial, "select began_at, ended_at, ended_by from trials where id = 1")
}

/// Begins the trial, once.
pub async fn begin(conn: &mut Conn, now: At) -> Result<()> {
    execute!(conn, "insert into trials (id, began_at) values (1, $1) on conflict (id) do nothing", now).map(|_| ())
}

/// Ends it; `false` if it is not on.
pub async fn end(conn: &mut Conn, by: StaffId, now: At) -> Result<bool> {
    Ok(execute!(conn, "update trials set ended_at = $1, ended_by = $2 where id = 1 and ended_at is null", now, by)? > 0)
}

/// Whether this is the address of somebody with an admin grant.
pub async fn is_admin_address(conn: &mut Conn, email: &str, now: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from staff s join grants g on g.staff_id = s.id
         where s.email = $1 and s.ended_at is null and g.role = 'admin' and g.from_at <= $2 and (g.until_at is null or g.until_at > $2)",
        email,
        now
    )?;
    Ok(count > 0)
}

/// Holds a mail back.
pub async fn withhold(conn: &mut Conn, mail: OutboxId, now: At) -> Result<()> {
    execute!(conn, "insert into withheld_mails (outbox_id, withheld_at) values ($1, $2) on conflict (outbox_id) do nothing", mail, now)?;
    execute!(conn, "update outbox set cancelled_at = $2 where id = $1 and sent_at is null and cancelled_at is null and failed_at is null", mail, now)
        .map(|_| ())
}

/// A mail that was held back. Of residents nothing is shown but that there is one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Withheld {
    pub kind: MailKind,
    pub withheld_at: At,
    /// The member of staff it was for.
    pub staff_id: Option<StaffId>,
    pub staff_name: Option<String>,
    pub staff_email: Option<String>,
    /// The unit that would have written to a resident.
    pub unit_name: Option<String>,
}

/// What was held back and has not been released, newest first.
pub async fn withheld(conn: &mut Conn, limit: i64, offset: i64) -> Result<Vec<Withheld>> {
    fetch_all!(
        conn,
        Withheld,
        "select o.kind, w.withheld_at, s.id as staff_id, s.name as staff_name, s.email as staff_email, u.name as unit_name
         from withheld_mails w
         join outbox o on o.id = w.outbox_id
         left join invitations i on i.id = o.invitation_id
         left join staff s on s.id = i.staff_id or (o.kind = 'second_factor' and s.email = o.recipient)
         left join conversations c on c.id = o.conversation_id
         left join posts p on p.id = c.post_id
         left join units u on u.id = p.unit_id
         where w.released_at is null
         order by w.withheld_at desc, w.outbox_id desc limit $1 offset $2",
        limit,
        offset
    )
}

/// How many mails of each kind were held back and have not been released.
pub async fn withheld_counts(conn: &mut Conn) -> Result<Vec<(MailKind, i64)>> {
    fetch_all!(
        conn,
        (MailKind, i64),
        "select o.kind, count(*) from withheld_mails w join outbox o on o.id = w.outbox_id where w.released_at is null group by o.kind order by o.kind"
    )
}

/// Takes up to `limit` mails about answers out of those held back; they go out from `due` on, one every `gap` milliseconds. What is not wanted any
/// more by then is found out when it is sent.
pub async fn release(conn: &mut Conn, due: At, gap: i64, limit: i64, now: At) -> Result<u64> {
    let chosen = fetch_all!(
        conn,
        (OutboxId,),
        "select w.outbox_id from withheld_mails w join outbox o on o.id = w.outbox_id
         where w.released_at is null and o.kind in ('answer', 'hand_over') order by w.withheld_at, w.outbox_id limit $1",
        limit
    )?;
    let mut due = due.0;
    for (id,) in &chosen {
        execute!(conn, "update withheld_mails set released_at = $2 where outbox_id = $1", *id, now)?;
        execute!(conn, "update outbox set cancelled_at = null, due_at = $2 where id = $1 and sent_at is null and failed_at is null", *id, At(due))?;
        due += gap;
    }
    Ok(chosen.len() as u64)
}

/// Forgets what was held back: it will not be sent. Invitations stay as ones to be sent.
pub async fn forget(conn: &mut Conn, now: At) -> Result<()> {
    execute!(
        conn,
        "update withheld_mails set released_at = $1
         where released_at is null and outbox_id in (select id from outbox where kind <> 'invitation' and cancelled_at is not null)",
        now
    )
    .map(|_| ())
}

/// Nobody else ends the trial until the transaction does. SQLite has one writer anyway.
pub async fn hold(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select id from trials where id = 1 for update").execute(c).await?;
    }
    Ok(())
}
