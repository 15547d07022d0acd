//! Invitations of staff: single-use, for a time.

use crate::{
    Conn, Result,
    admin::mine,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
    trial::unit_of,
};
use model::{At, InvitationId, InvitationState, StaffId, UnitId};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    pub staff_id: StaffId,
    pub created_at: At,
    pub expires_at: At,
    pub used_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, invitation: &Invitation) -> Result<()> {
    execute!(
        conn,
        "insert into invitations (id, staff_id, created_at, expires_at) values ($1, $2, $3, $4)",
        invitation.id,
        invitation.staff_id,
        invitation.created_at,
        invitation.expires_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: InvitationId) -> Result<Option<Invitation>> {
    fetch_optional!(conn, Invitation, "select id, staff_id, created_at, expires_at, used_at from invitations where id = $1", id)
}

/// The newest invitation of a member of staff.
pub async fn latest(conn: &mut Conn, staff: StaffId) -> Result<Option<Invitation>> {
    fetch_optional!(
        conn,
        Invitation,
        "select id, staff_id, created_at, expires_at, used_at from invitations where staff_id = $1 order by created_at desc, id desc limit 1",
        staff
    )
}

/// Uses an invitation up; `false` if it was used or had expired.
pub async fn consume(conn: &mut Conn, id: InvitationId, now: At) -> Result<bool> {
    let used = execute!(conn, "update invitations set used_at = $2 where id = $1 and used_at is null and expires_at > $2", id, now)?;
    Ok(used > 0)
}

/// Lets all open invitations of a member of staff expire now.
pub async fn expire_all(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(conn, "update invitations set expires_at = $2 where staff_id = $1 and used_at is null and expires_at > $2", staff, now).map(|_| ())
}

/// How far somebody's invitation has come, for a list.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub staff_id: StaffId,
    pub name: String,
    pub email: String,
    pub state: InvitationState,
    /// When the newest invitation was written.
    pub invited_at: Option<At>,
    pub expires_at: Option<At>,
    /// When its mail goes out, if it has not.
    pub due_at: Option<At>,
    pub sent_at: Option<At>,
    /// What the mail server said, or the mail that came back: `smtp 550`, `5.1.1`.
    pub failure: Option<String>,
    pub activated_at: Option<At>,
    /// Invitations that reached them, or may have.
    pub tries: i64,
    pub post_title: Option<String>,
    pub unit_name: Option<String>,
}

/// The CTE `chosen`: the units whose staff is looked at. No unit has the nil id that `$3` is here.
macro_rules! everywhere {
    () => {
        "chosen as (select id from mine where id <> $3)"
    };
}

/// The same at one unit of the admin's and below: `$3`.
macro_rules! at_unit {
    () => {
        "chosen as (select id from mine where id = $3 union select u.id from units u join chosen on u.parent_id = chosen.id)"
    };
}

/// Of the invitations `i` of a member of staff `s`: since they last took one up, because whoever comes back is invited anew.
macro_rules! is_since_taken_up {
    () => {
        "i.used_at is null and i.created_at > coalesce((select max(u.used_at) from invitations u where u.staff_id = s.id), 0)"
    };
}

pub(crate) use is_since_taken_up;

/// Everybody there with their newest invitation and how far it has come.
macro_rules! invited {
    ($chosen:expr) => {
        concat!(
            "with recursive ",
            mine!(),
            ", ",
            $chosen,
            ", people as (
                select s.id from staff s join chosen on chosen.id = s.unit_id
                union select h.staff_id from holdings h join posts p on p.id = h.post_id join chosen on chosen.id = p.unit_id
                    where h.until_at is null or h.until_at > $2
                union select g.staff_id from grants g join chosen on chosen.id = g.unit_id where g.until_at is null or g.until_at > $2),
             newest as (
                select s.id, s.unit_id, s.name, s.email, s.language, s.activated_at,
                    (select i.id from invitations i where i.staff_id = s.id and ",
            is_since_taken_up!(),
            " order by i.created_at desc, i.id desc limit 1) as invitation_id
                from people p join staff s on s.id = p.id where s.ended_at is null),
             invited as (
                select n.id as staff_id, n.unit_id, n.name, n.email, n.language, n.activated_at, i.created_at as invited_at, i.expires_at, o.sent_at,
                    case when o.sent_at is null and o.cancelled_at is null and o.failed_at is null then o.due_at end as due_at,
                    coalesce(b.status, case when o.failed_at is not null then o.last_error end) as failure,
                    case
                        when n.activated_at is not null then 'answered'
                        when i.id is null then 'unsent'
                        when b.outbox_id is not null or o.failed_at is not null then 'failed'
                        when w.outbox_id is not null and w.released_at is null then 'unsent'
                        when i.expires_at <= $2 then 'expired'
                        when o.id is not null and o.sent_at is null and o.cancelled_at is null then 'waiting'
                        else 'sent'
                    end as state
                from newest n
                left join invitations i on i.id = n.invitation_id
                left join outbox o on o.invitation_id = i.id
                left join bounces b on b.outbox_id = o.id
                left join withheld_mails w on w.outbox_id = o.id) "
        )
    };
}

/// The invitations of a `staff_id` since the last one they took up, but for those whose mail went nowhere.
macro_rules! tries {
    () => {
        "(select count(*) from invitations i left join outbox o on o.invitation_id = i.id left join bounces b on b.outbox_id = o.id
            where i.staff_id = r.staff_id and i.created_at > coalesce((select max(u.used_at) from invitations u where u.staff_id = r.staff_id), 0)
                and b.outbox_id is null and o.failed_at is null and (o.id is null or o.cancelled_at is null))"
    };
}

/// How far the newest invitation of one person of the admin's has come.
pub async fn state_of(conn: &mut Conn, admin: StaffId, now: At, staff: StaffId) -> Result<Option<InvitationState>> {
    let text = concat!(invited!(everywhere!()), "select state from invited where staff_id = $3");
    Ok(fetch_optional!(conn, (InvitationState,), text, admin, now, staff)?.map(|(state,)| state))
}

/// How many are in each state.
pub async fn counts(conn: &mut Conn, admin: StaffId, now: At, unit: Option<UnitId>) -> Result<Vec<(InvitationState, i64)>> {
    macro_rules! text {
        ($chosen:expr) => {
            concat!(invited!($chosen), "select state, count(*) from invited group by state")
        };
    }
    match unit {
        None => fetch_all!(conn, (InvitationState, i64), text!(everywhere!()), admin, now, nil()),
        Some(unit) => fetch_all!(conn, (InvitationState, i64), text!(at_unit!()), admin, now, unit),
    }
}

/// Those in one state by name, whose name or address holds what is searched for (a `like` pattern in lower case).
pub async fn list(
    conn: &mut Conn,
    (admin, now): (StaffId, At),
    unit: Option<UnitId>,
    state: InvitationState,
    like: &str,
    (limit, offset): (i64, i64),
) -> Result<Vec<Line>> {
    macro_rules! text {
        ($chosen:expr) => {
            concat!(
                invited!($chosen),
                "select r.staff_id, r.name, r.email, r.state, r.invited_at, r.expires_at, r.due_at, r.sent_at, r.failure, r.activated_at, ",
                tries!(),
                " as tries, p.title as post_title, u.name as unit_name
                 from (select * from invited where state = $4 and (lower(name) like $5 escape '\\' or email like $5 escape '\\')
                    order by name, email limit $6 offset $7) r
                 left join posts p on p.id = (
                    select h.post_id from holdings h where h.staff_id = r.staff_id and (h.until_at is null or h.until_at > $2) order by h.from_at, h.id limit 1)
                 left join units u on u.id = coalesce(p.unit_id, r.unit_id)
                 order by r.name, r.email"
            )
        };
    }
    match unit {
        None => fetch_all!(conn, Line, text!(everywhere!()), admin, now, nil(), state, like, limit, offset),
        Some(unit) => fetch_all!(conn, Line, text!(at_unit!()), admin, now, unit, state, like, limit, offset),
    }
}

fn nil() -> UnitId {
    UnitId(uuid::Uuid::nil())
}

/// Whom the next invitations of an admin are for: in one of two states, invited before `before` if at all, and less often than `most`.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub states: [InvitationState; 2],
    pub before: At,
    pub most: i64,
}

/// Their ids, by name. Whoever belongs to a unit on trial is left out: their mail would be held back.
pub async fn wanted(conn: &mut Conn, admin: StaffId, now: At, unit: Option<UnitId>, wanted: Wanted) -> Result<Vec<StaffId>> {
    macro_rules! text {
        ($chosen:expr) => {
            concat!(
                invited!($chosen),
                ", tried as (
                    select unit_id as id from trials where ended_at is null union select u.id from units u join tried on u.parent_id = tried.id)
                 select r.staff_id from invited r
                 where r.state in ($4, $5) and (r.invited_at is null or r.invited_at < $6) and ",
                tries!(),
                " < $7 and not exists (select 1 from tried where id = ",
                unit_of!("r.staff_id", "r.unit_id"),
                ") order by r.name, r.staff_id"
            )
        };
    }
    let [first, second] = wanted.states;
    let rows: Vec<(StaffId,)> = match unit {
        None => fetch_all!(conn, (StaffId,), text!(everywhere!()), admin, now, nil(), first, second, wanted.before, wanted.most)?,
        Some(unit) => fetch_all!(conn, (StaffId,), text!(at_unit!()), admin, now, unit, first, second, wanted.before, wanted.most)?,
    };
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How often somebody was invited since they last took an invitation up, mails that went nowhere not counted.
pub async fn tries(conn: &mut Conn, staff: StaffId) -> Result<i64> {
    let (count,) = fetch_one!(conn, (i64,), concat!("select ", tries!(), " from (select id as staff_id from staff where id = $1) r"), staff)?;
    Ok(count)
}

/// One of many invitations to be written at once.
#[derive(Clone, Debug, Serialize)]
pub struct New {
    pub staff: String,
    pub id: String,
    pub mail: String,
    pub due: i64,
    pub expires: i64,
}

/// Writes invitations with their mails for those who have not left, have no login yet and have no mail on the way; older invitations of theirs hold
/// no longer. Gives the number written.
pub async fn insert_all(conn: &mut Conn, rows: &[New], now: At) -> Result<u64> {
    let batch = serde_json::to_string(rows)?;
    macro_rules! texts {
        ($row:literal, $staff:literal, $id:literal, $mail:literal, $due:literal, $expires:literal) => {
            [
                concat!(
                    "insert into invitations (id, staff_id, created_at, expires_at) select ",
                    $id,
                    ", s.id, $2, ",
                    $expires,
                    " from ",
                    $row,
                    " join staff s on s.id = ",
                    $staff,
                    " where s.ended_at is null and s.activated_at is null
                        and not exists (select 1 from invitations i join outbox o on o.invitation_id = i.id
                            where i.staff_id = s.id and o.sent_at is null and o.cancelled_at is null and o.failed_at is null)"
                ),
                concat!(
                    "update invitations set expires_at = $2 where used_at is null and expires_at > $2 and id in (
                        select o.id from ",
                    $row,
                    " join invitations i on i.id = ",
                    $id,
                    " join invitations o on o.staff_id = i.staff_id and o.id <> i.id)"
                ),
                concat!(
                    "insert into outbox (id, kind, recipient, language, invitation_id, created_at, due_at, attempts)
                     select ",
                    $mail,
                    ", 'invitation', s.email, s.language, i.id, $2, ",
                    $due,
                    ", 0
                     from ",
                    $row,
                    " join invitations i on i.id = ",
                    $id,
                    " join staff s on s.id = i.staff_id"
                ),
            ]
        };
    }
    let [invite, expire, write] = match conn.either() {
        Either::Sqlite(_) => texts!(
            "json_each($1) n",
            "unhex(n.value ->> 'staff')",
            "unhex(n.value ->> 'id')",
            "unhex(n.value ->> 'mail')",
            "n.value ->> 'due'",
            "n.value ->> 'expires'"
        ),
        Either::Postgres(_) => texts!(
            "jsonb_to_recordset($1::jsonb) as n (staff uuid, id uuid, mail uuid, due bigint, expires bigint)",
            "n.staff",
            "n.id",
            "n.mail",
            "n.due",
            "n.expires"
        ),
    };
    let written = execute!(conn, invite, &batch, now)?;
    execute!(conn, expire, &batch, now)?;
    execute!(conn, write, &batch, now)?;
    Ok(written)
}

/// The place in the row of the last invitation that has not been tried yet, where each holds for `lasts` milliseconds from its place on. What is
/// taken, held until the morning or tried again keeps its place.
pub async fn last_place(conn: &mut Conn, lasts: i64) -> Result<Option<At>> {
    let (at,) = fetch_one!(
        conn,
        (Option<i64>,),
        "select max(i.expires_at) from outbox o join invitations i on i.id = o.invitation_id
         where o.kind = 'invitation' and o.attempts = 0 and o.sent_at is null and o.cancelled_at is null and o.failed_at is null"
    )?;
    Ok(at.map(|at| At(at - lasts)))
}

/// When the last invitation that waits goes out.
pub async fn last_due(conn: &mut Conn) -> Result<Option<At>> {
    let (at,) = fetch_one!(
        conn,
        (Option<At>,),
        "select max(due_at) from outbox where kind = 'invitation' and sent_at is null and cancelled_at is null and failed_at is null"
    )?;
    Ok(at)
}
