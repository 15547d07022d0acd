//! Units on trial, and the mails that were held back there.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_optional, on},
    outbox,
};
use model::{At, MailKind, OutboxId, StaffId, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Trial {
    pub unit_id: UnitId,
    pub unit_name: String,
    pub began_at: At,
    pub ended_at: Option<At>,
    /// 1 if what was held back about answers goes out after all.
    pub is_released: i64,
}

/// The trial of this very unit, also when it is over.
pub async fn find(conn: &mut Conn, unit: UnitId) -> Result<Option<Trial>> {
    fetch_optional!(
        conn,
        Trial,
        "select t.unit_id, u.name as unit_name, t.began_at, t.ended_at, t.is_released from trials t join units u on u.id = t.unit_id where t.unit_id = $1",
        unit
    )
}

/// The trials that go on, wherever they are.
pub async fn open(conn: &mut Conn) -> Result<Vec<Trial>> {
    fetch_all!(
        conn,
        Trial,
        "select t.unit_id, u.name as unit_name, t.began_at, t.ended_at, t.is_released from trials t join units u on u.id = t.unit_id
         where t.ended_at is null and u.ended_at is null order by t.began_at, t.unit_id"
    )
}

/// Trials that are over and whose mails still have to be released or forgotten.
pub async fn unsettled(conn: &mut Conn) -> Result<Vec<Trial>> {
    fetch_all!(
        conn,
        Trial,
        "select t.unit_id, u.name as unit_name, t.began_at, t.ended_at, t.is_released from trials t join units u on u.id = t.unit_id
         where t.ended_at is not null and t.settled_at is null order by t.ended_at, t.unit_id"
    )
}

/// The nearest unit on trial at this unit or above it.
pub async fn holding(conn: &mut Conn, unit: UnitId) -> Result<Option<UnitId>> {
    let found = fetch_optional!(
        conn,
        (UnitId,),
        "with recursive up as (
            select u.id, u.parent_id, 0 as height from units u where u.id = $1
            union all select u.id, u.parent_id, up.height + 1 from units u join up on u.id = up.parent_id)
         select t.unit_id from trials t join up on up.id = t.unit_id where t.ended_at is null order by up.height limit 1",
        unit
    )?;
    Ok(found.map(|(id,)| id))
}

/// Begins the trial of a unit; `false` if it has had one.
pub async fn begin(conn: &mut Conn, unit: UnitId, now: At) -> Result<bool> {
    Ok(execute!(conn, "insert into trials (unit_id, began_at) values ($1, $2) on conflict (unit_id) do nothing", unit, now)? > 0)
}

/// Ends it; `false` if it is not on.
pub async fn end(conn: &mut Conn, unit: UnitId, by: StaffId, is_released: bool, now: At) -> Result<bool> {
    let ended = execute!(
        conn,
        "update trials set ended_at = $2, ended_by = $3, is_released = $4 where unit_id = $1 and ended_at is null",
        unit,
        now,
        by,
        i64::from(is_released)
    )?;
    Ok(ended > 0)
}

/// Nothing of it is held back any more.
pub async fn settle(conn: &mut Conn, unit: UnitId, now: At) -> Result<()> {
    execute!(conn, "update trials set settled_at = $2 where unit_id = $1 and settled_at is null", unit, now).map(|_| ())
}

/// The unit where somebody belongs, for use where `$2` is now: of the first post they hold or will hold, else of their first grant, else where they
/// were invited.
macro_rules! unit_of {
    ($staff:literal, $invited_at:literal) => {
        concat!(
            "coalesce((
                select p.unit_id from holdings h join posts p on p.id = h.post_id where h.staff_id = ",
            $staff,
            " and (h.until_at is null or h.until_at > $2) order by h.from_at, h.id limit 1), (
                select g.unit_id from grants g where g.staff_id = ",
            $staff,
            " and (g.until_at is null or g.until_at > $2) order by g.from_at, g.id limit 1), ",
            $invited_at,
            ")"
        )
    };
}

pub(crate) use unit_of;

/// The unit a mail belongs to: that of the post behind its conversation, else where the member of staff it is for belongs.
pub async fn unit_of_mail(conn: &mut Conn, mail: OutboxId, now: At) -> Result<Option<UnitId>> {
    let found = fetch_optional!(
        conn,
        (Option<UnitId>,),
        concat!(
            "select coalesce(p.unit_id, ",
            unit_of!("s.id", "s.unit_id"),
            ") from outbox o
             left join conversations c on c.id = o.conversation_id
             left join posts p on p.id = c.post_id
             left join staff s on s.email = o.recipient
             where o.id = $1"
        ),
        mail,
        now
    )?;
    Ok(found.and_then(|(unit,)| unit))
}

/// The unit where a member of staff belongs.
pub async fn unit_of_staff(conn: &mut Conn, staff: StaffId, now: At) -> Result<Option<UnitId>> {
    let found = fetch_optional!(conn, (Option<UnitId>,), concat!("select ", unit_of!("s.id", "s.unit_id"), " from staff s where s.id = $1"), staff, now)?;
    Ok(found.and_then(|(unit,)| unit))
}

/// Where somebody with this address is an admin.
pub async fn admin_units(conn: &mut Conn, email: &str, now: At) -> Result<Vec<UnitId>> {
    let found = fetch_all!(
        conn,
        (UnitId,),
        "select g.unit_id from staff s join grants g on g.staff_id = s.id
         where s.email = $1 and s.ended_at is null and g.role = 'admin' and g.from_at <= $2 and (g.until_at is null or g.until_at > $2)",
        email,
        now
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Holds a mail back, also one that was released from another trial before.
pub async fn withhold(conn: &mut Conn, mail: OutboxId, unit: UnitId, now: At) -> Result<()> {
    execute!(
        conn,
        "insert into withheld_mails (outbox_id, unit_id, withheld_at) values ($1, $2, $3)
         on conflict (outbox_id) do update set unit_id = excluded.unit_id, withheld_at = excluded.withheld_at, released_at = null",
        mail,
        unit,
        now
    )?;
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

/// What was held back in a unit's trial and has not been released, newest first.
pub async fn withheld(conn: &mut Conn, unit: UnitId, limit: i64, offset: i64) -> Result<Vec<Withheld>> {
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
         where w.unit_id = $1 and w.released_at is null
         order by w.withheld_at desc, w.outbox_id desc limit $2 offset $3",
        unit,
        limit,
        offset
    )
}

/// How many mails of each kind were held back there and have not been released.
pub async fn withheld_counts(conn: &mut Conn, unit: UnitId) -> Result<Vec<(MailKind, i64)>> {
    fetch_all!(
        conn,
        (MailKind, i64),
        "select o.kind, count(*) from withheld_mails w join outbox o on o.id = w.outbox_id
         where w.unit_id = $1 and w.released_at is null group by o.kind order by o.kind",
        unit
    )
}

/// Takes up to `limit` mails about answers out of those held back; they go out from `due` on, one every `gap` milliseconds. What is not wanted any
/// more by then is found out when it is sent, and so is a trial further up that goes on.
pub async fn release(conn: &mut Conn, unit: UnitId, due: At, gap: i64, limit: i64, now: At) -> Result<u64> {
    let chosen = fetch_all!(
        conn,
        (OutboxId,),
        "select w.outbox_id from withheld_mails w join outbox o on o.id = w.outbox_id
         where w.unit_id = $1 and w.released_at is null and o.kind in ('answer', 'hand_over') order by w.withheld_at, w.outbox_id limit $2",
        unit,
        limit
    )?;
    let mut due = due.0;
    for (id,) in &chosen {
        execute!(conn, "update withheld_mails set released_at = $2 where outbox_id = $1", *id, now)?;
        execute!(conn, "update outbox set cancelled_at = null where id = $1 and sent_at is null and failed_at is null", *id)?;
        outbox::hold(conn, *id, At(due)).await?;
        due += gap;
    }
    Ok(chosen.len() as u64)
}

/// Forgets what was held back: it will not be sent. Invitations stay as ones to be sent.
pub async fn forget(conn: &mut Conn, unit: UnitId, now: At) -> Result<()> {
    execute!(
        conn,
        "update withheld_mails set released_at = $2
         where unit_id = $1 and released_at is null and outbox_id in (select id from outbox where kind <> 'invitation' and cancelled_at is not null)",
        unit,
        now
    )
    .map(|_| ())
}

/// No trial ends until the transaction does. SQLite has one writer anyway.
pub async fn hold(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select unit_id from trials where ended_at is null order by unit_id for share").execute(c).await?;
    }
    Ok(())
}
