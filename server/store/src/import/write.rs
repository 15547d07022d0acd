//! The changes of an import as statements for two thousand rows each.

use super::{
    ROWS, id_batches, row_batches,
    world::{HoldingRow, PostRow, StaffRow, UnitRow},
};
use crate::{Conn, Result, conn::*};
use model::{AbsenceId, AbsenceReason, At, ContactPointId, HoldingId, PostId, Role, SessionId, StaffId, UnitId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Everything an import writes, made ready before the transaction.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Units whose code is another one afterwards: no two may have the same in between.
    pub freed: Vec<UnitId>,
    /// Parents before children.
    pub units: Vec<UnitRow>,
    pub units_ended: Vec<UnitId>,
    pub staff: Vec<StaffRow>,
    pub staff_ended: Vec<StaffId>,
    pub posts: Vec<PostRow>,
    pub posts_ended: Vec<PostId>,
    pub holdings: Vec<HoldingRow>,
    pub holdings_ended: Vec<HoldingId>,
    pub points_back: Vec<ContactPointId>,
    pub substitutes: Vec<StoodIn>,
    pub absences: Vec<(AbsenceId, PostId)>,
    pub absences_back: Vec<AbsenceRow>,
}

/// The same as the statements take it.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    freed: Vec<String>,
    units: Vec<String>,
    units_ended: Vec<String>,
    staff: Vec<String>,
    staff_ended: Vec<String>,
    posts: Vec<String>,
    pub(super) posts_ended: Vec<String>,
    holdings: Vec<String>,
    holdings_ended: Vec<String>,
    points_back: Vec<String>,
    substitutes: Vec<String>,
    absences: Vec<String>,
    absences_back: Vec<String>,
}

// Ids go as hexadecimal digits, which both databases read.
#[derive(Serialize)]
struct UnitJson<'a> {
    id: String,
    parent_id: Option<String>,
    kind: &'static str,
    name: &'a str,
    name_en: Option<&'a str>,
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct PostJson<'a> {
    id: String,
    unit_id: String,
    title: &'a str,
    title_en: Option<&'a str>,
}

#[derive(Serialize)]
struct StaffJson<'a> {
    id: String,
    email: &'a str,
    name: &'a str,
    title: Option<&'a str>,
    phone: Option<&'a str>,
    language: &'static str,
    unit_id: Option<String>,
    is_activated: i64,
}

#[derive(Serialize)]
struct HoldingJson {
    id: String,
    post_id: String,
    staff_id: String,
    from_at: i64,
    until_at: Option<i64>,
}

#[derive(Serialize)]
struct AbsenceJson {
    id: String,
    staff_id: String,
    from_at: i64,
    until_at: i64,
    reason: &'static str,
    substitute_id: Option<String>,
    created_by: String,
    created_at: i64,
}

#[derive(Serialize)]
struct Pair {
    id: String,
    other: String,
    /// What was put in its place.
    now: Option<String>,
}

impl Steps {
    pub fn packed(&self) -> Packed {
        let units: Vec<UnitJson> = self
            .units
            .iter()
            .map(|unit| UnitJson {
                id: unit.id.to_string(),
                parent_id: unit.parent_id.map(|id| id.to_string()),
                kind: unit.kind.as_str(),
                name: &unit.name,
                name_en: unit.name_en.as_deref(),
                code: unit.code.as_deref(),
            })
            .collect();
        let posts: Vec<PostJson> = self
            .posts
            .iter()
            .map(|post| PostJson { id: post.id.to_string(), unit_id: post.unit_id.to_string(), title: &post.title, title_en: post.title_en.as_deref() })
            .collect();
        let staff: Vec<StaffJson> = self
            .staff
            .iter()
            .map(|person| StaffJson {
                id: person.id.to_string(),
                email: &person.email,
                name: &person.name,
                title: person.title.as_deref(),
                phone: person.phone.as_deref(),
                language: person.language.as_str(),
                unit_id: person.unit_id.map(|id| id.to_string()),
                is_activated: i64::from(person.is_activated),
            })
            .collect();
        let holdings: Vec<HoldingJson> = self
            .holdings
            .iter()
            .map(|h| HoldingJson {
                id: h.id.to_string(),
                post_id: h.post_id.to_string(),
                staff_id: h.staff_id.to_string(),
                from_at: h.from_at.0,
                until_at: h.until_at.map(|at| at.0),
            })
            .collect();
        let stood_in = |s: &StoodIn| Pair { id: s.id.to_string(), other: s.before.to_string(), now: s.after.map(|id| id.to_string()) };
        let substitutes: Vec<Pair> = self.substitutes.iter().map(stood_in).collect();
        let absences: Vec<Pair> = self.absences.iter().map(|(id, other)| Pair { id: id.to_string(), other: other.to_string(), now: None }).collect();
        let absence = |a: &AbsenceRow| AbsenceJson {
            id: a.id.to_string(),
            staff_id: a.staff_id.to_string(),
            from_at: a.from_at.0,
            until_at: a.until_at.0,
            reason: a.reason.as_str(),
            substitute_id: a.substitute_id.map(|id| id.to_string()),
            created_by: a.created_by.to_string(),
            created_at: a.created_at.0,
        };
        let absences_back: Vec<AbsenceJson> = self.absences_back.iter().map(absence).collect();
        Packed {
            freed: id_batches(self.freed.iter().map(|id| id.to_string())),
            units: row_batches(&units),
            units_ended: id_batches(self.units_ended.iter().map(|id| id.to_string())),
            staff: row_batches(&staff),
            staff_ended: id_batches(self.staff_ended.iter().map(|id| id.to_string())),
            posts: row_batches(&posts),
            posts_ended: id_batches(self.posts_ended.iter().map(|id| id.to_string())),
            holdings: row_batches(&holdings),
            holdings_ended: id_batches(self.holdings_ended.iter().map(|id| id.to_string())),
            points_back: id_batches(self.points_back.iter().map(|id| id.to_string())),
            substitutes: row_batches(&substitutes),
            absences: row_batches(&absences),
            absences_back: row_batches(&absences_back),
        }
    }
}

/// Another post that stands in than before, because that one has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoodIn {
    pub id: PostId,
    pub before: PostId,
    pub after: Option<PostId>,
}

/// A time for which somebody will not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct AbsenceRow {
    pub id: AbsenceId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: At,
    pub reason: AbsenceReason,
    pub substitute_id: Option<PostId>,
    pub created_by: StaffId,
    pub created_at: At,
}

/// What ending posts and people has touched besides, to be able to take it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Touched {
    pub points: Vec<ContactPointId>,
    pub substitutes: Vec<StoodIn>,
    /// Absences for which an ended post stood in.
    pub absences: Vec<(AbsenceId, PostId)>,
    /// Absences of people who have left, as they were.
    pub ended_absences: Vec<AbsenceRow>,
    /// Sessions that have ended, and whose.
    #[serde(skip)]
    pub sessions: Vec<(SessionId, StaffId)>,
    /// What nobody confirms any more: for whom, as what and where.
    #[serde(skip)]
    pub proposals: Vec<(StaffId, Role, UnitId)>,
    /// People who had left and are there again.
    #[serde(skip)]
    pub back: Vec<StaffId>,
}

/// Runs one text of two for each batch, with the moment behind it.
macro_rules! each {
    ($conn:expr, $batches:expr, $now:expr, $told:expr, $sqlite:expr, $postgres:expr) => {
        for batch in $batches {
            let text = match $conn.either() {
                Either::Sqlite(_) => $sqlite,
                Either::Postgres(_) => $postgres,
            };
            execute!($conn, text, batch, $now)?;
            $told(ROWS);
        }
    };
}

/// Writes everything, and says after each statement for about how many rows. What ended posts leave to others (conversations) is the caller's.
pub async fn write(conn: &mut Conn, packed: &Packed, now: At, told: &(dyn Fn(usize) + Send + Sync)) -> Result<Touched> {
    let mut touched = Touched::default();
    end_posts(conn, packed, now, &mut touched).await?;
    for batch in &packed.freed {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("update units set code = null where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("update units set code = null where id in ", postgres_ids!()),
        };
        execute!(conn, text, batch)?;
    }
    each!(
        conn,
        &packed.units_ended,
        now,
        told,
        concat!("update units set ended_at = $2, code = null where id in ", sqlite_ids!()),
        concat!("update units set ended_at = $2, code = null where id in ", postgres_ids!())
    );
    each!(
        conn,
        &packed.units,
        now,
        told,
        "insert into units (id, parent_id, kind, name, name_en, code, created_at)
         select unhex(value ->> 'id'), unhex(value ->> 'parent_id'), value ->> 'kind', value ->> 'name', value ->> 'name_en', value ->> 'code', $2 from json_each($1) where true
         on conflict (id) do update set parent_id = excluded.parent_id, kind = excluded.kind, name = excluded.name, name_en = excluded.name_en, code = excluded.code, ended_at = null",
        "insert into units (id, parent_id, kind, name, name_en, code, created_at)
         select id, parent_id, kind, name, name_en, code, $2
         from jsonb_to_recordset($1::jsonb) as n (id uuid, parent_id uuid, kind text, name text, name_en text, code text)
         on conflict (id) do update set parent_id = excluded.parent_id, kind = excluded.kind, name = excluded.name, name_en = excluded.name_en, code = excluded.code, ended_at = null"
    );
    each!(
        conn,
        &packed.staff,
        now,
        told,
        "insert into staff (id, email, name, title, phone, language, unit_id, created_at)
         select unhex(value ->> 'id'), value ->> 'email', value ->> 'name', value ->> 'title', value ->> 'phone', value ->> 'language', unhex(value ->> 'unit_id'), $2
         from json_each($1) where true
         on conflict (id) do update set email = excluded.email, name = excluded.name, title = excluded.title, phone = excluded.phone, language = excluded.language,
            unit_id = excluded.unit_id",
        "insert into staff (id, email, name, title, phone, language, unit_id, created_at)
         select id, email, name, title, phone, language, unit_id, $2
         from jsonb_to_recordset($1::jsonb) as n (id uuid, email text, name text, title text, phone text, language text, unit_id uuid)
         on conflict (id) do update set email = excluded.email, name = excluded.name, title = excluded.title, phone = excluded.phone, language = excluded.language,
            unit_id = excluded.unit_id"
    );
    come_back(conn, packed, &mut touched).await?;
    each!(
        conn,
        &packed.posts,
        now,
        told,
        "insert into posts (id, unit_id, title, title_en, created_at)
         select unhex(value ->> 'id'), unhex(value ->> 'unit_id'), value ->> 'title', value ->> 'title_en', $2 from json_each($1) where true
         on conflict (id) do update set unit_id = excluded.unit_id, title = excluded.title, title_en = excluded.title_en, ended_at = null",
        "insert into posts (id, unit_id, title, title_en, created_at)
         select id, unit_id, title, title_en, $2 from jsonb_to_recordset($1::jsonb) as n (id uuid, unit_id uuid, title text, title_en text)
         on conflict (id) do update set unit_id = excluded.unit_id, title = excluded.title, title_en = excluded.title_en, ended_at = null"
    );
    each!(
        conn,
        &packed.holdings_ended,
        now,
        told,
        // What was over before stays over since then.
        concat!("update holdings set from_at = min(from_at, $2), until_at = min(coalesce(until_at, $2), $2) where id in ", sqlite_ids!()),
        concat!("update holdings set from_at = least(from_at, $2), until_at = least(until_at, $2) where id in ", postgres_ids!())
    );
    for batch in &packed.holdings {
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "insert into holdings (id, post_id, staff_id, from_at, until_at)
                 select unhex(value ->> 'id'), unhex(value ->> 'post_id'), unhex(value ->> 'staff_id'), value ->> 'from_at', value ->> 'until_at' from json_each($1) where true
                 on conflict (id) do update set from_at = excluded.from_at, until_at = excluded.until_at"
            }
            Either::Postgres(_) => {
                "insert into holdings (id, post_id, staff_id, from_at, until_at)
                 select id, post_id, staff_id, from_at, until_at
                 from jsonb_to_recordset($1::jsonb) as n (id uuid, post_id uuid, staff_id uuid, from_at bigint, until_at bigint)
                 on conflict (id) do update set from_at = excluded.from_at, until_at = excluded.until_at"
            }
        };
        execute!(conn, text, batch)?;
        told(ROWS);
    }
    end_staff(conn, packed, now, &mut touched).await?;
    give_back(conn, packed).await?;
    Ok(touched)
}

/// Who had left is there again: with their login, and to leave on the day they were to leave, if this takes an import back; without if a register names
/// them anew.
async fn come_back(conn: &mut Conn, packed: &Packed, touched: &mut Touched) -> Result<()> {
    for batch in &packed.staff {
        let [changed, leavings, anew, back] = match conn.either() {
            Either::Sqlite(_) => [
                "delete from leaving_holdings where staff_id in (
                    select s.id from json_each($1) join staff s on s.id = unhex(value ->> 'id') where s.ended_at is not null and value ->> 'is_activated' = 0)",
                "delete from leavings where staff_id in (
                    select s.id from json_each($1) join staff s on s.id = unhex(value ->> 'id') where s.ended_at is not null and value ->> 'is_activated' = 0)",
                "update staff set activated_at = null, password_hash = null, off_duty_since = null, off_duty_until = null
                 where ended_at is not null and id in (select unhex(value ->> 'id') from json_each($1) where value ->> 'is_activated' = 0)",
                "update staff set ended_at = null where ended_at is not null and id in (select unhex(value ->> 'id') from json_each($1)) returning id",
            ],
            Either::Postgres(_) => [
                "delete from leaving_holdings where staff_id in (select s.id from jsonb_to_recordset($1::jsonb) as n (id uuid, is_activated bigint)
                    join staff s on s.id = n.id where s.ended_at is not null and n.is_activated = 0)",
                "delete from leavings where staff_id in (select s.id from jsonb_to_recordset($1::jsonb) as n (id uuid, is_activated bigint)
                    join staff s on s.id = n.id where s.ended_at is not null and n.is_activated = 0)",
                "update staff set activated_at = null, password_hash = null, off_duty_since = null, off_duty_until = null
                 where ended_at is not null and id in (select id from jsonb_to_recordset($1::jsonb) as n (id uuid, is_activated bigint) where is_activated = 0)",
                "update staff set ended_at = null where ended_at is not null and id in (select id from jsonb_to_recordset($1::jsonb) as n (id uuid)) returning id",
            ],
        };
        execute!(conn, changed, batch)?;
        execute!(conn, leavings, batch)?;
        execute!(conn, anew, batch)?;
        touched.back.extend(fetch_all!(conn, (StaffId,), back, batch)?.into_iter().map(|(id,)| id));
    }
    Ok(())
}

async fn end_posts(conn: &mut Conn, packed: &Packed, now: At, touched: &mut Touched) -> Result<()> {
    for batch in &packed.posts_ended {
        let [kept, next, gone] = match conn.either() {
            Either::Sqlite(_) => [
                concat!(
                    "select id, substitute_id from posts where substitute_id is not null and (substitute_id in ",
                    sqlite_ids!(),
                    " or id in ",
                    sqlite_ids!(),
                    ")"
                ),
                concat!(
                    "update posts set substitute_id = (select nullif(e.substitute_id, posts.id) from posts e where e.id = posts.substitute_id) where substitute_id in ",
                    sqlite_ids!()
                ),
                concat!("update posts set substitute_id = null where substitute_id in ", sqlite_ids!()),
            ],
            Either::Postgres(_) => [
                concat!(
                    "select id, substitute_id from posts where substitute_id is not null and (substitute_id in ",
                    postgres_ids!(),
                    " or id in ",
                    postgres_ids!(),
                    ")"
                ),
                concat!(
                    "update posts set substitute_id = (select nullif(e.substitute_id, posts.id) from posts e where e.id = posts.substitute_id) where substitute_id in ",
                    postgres_ids!()
                ),
                concat!("update posts set substitute_id = null where substitute_id in ", postgres_ids!()),
            ],
        };
        let before = fetch_all!(conn, (PostId, PostId), kept, batch)?;
        execute!(conn, next, batch)?;
        // Where the next in the chain goes too.
        execute!(conn, gone, batch)?;
        let after = stand_ins(conn, &before).await?;
        touched.substitutes.extend(before.into_iter().map(|(id, before)| StoodIn { id, before, after: after.get(&id).copied().flatten() }));
        let [end, points, absences, forget] = match conn.either() {
            Either::Sqlite(_) => [
                concat!("update posts set ended_at = $2, substitute_id = null, answering_id = null where id in ", sqlite_ids!()),
                concat!("update contact_points set revoked_at = $2 where revoked_at is null and post_id in ", sqlite_ids!(), " returning id"),
                concat!("select id, substitute_id from absences where substitute_id in ", sqlite_ids!()),
                concat!("update absences set substitute_id = null where substitute_id in ", sqlite_ids!()),
            ],
            Either::Postgres(_) => [
                concat!("update posts set ended_at = $2, substitute_id = null, answering_id = null where id in ", postgres_ids!()),
                concat!("update contact_points set revoked_at = $2 where revoked_at is null and post_id in ", postgres_ids!(), " returning id"),
                concat!("select id, substitute_id from absences where substitute_id in ", postgres_ids!()),
                concat!("update absences set substitute_id = null where substitute_id in ", postgres_ids!()),
            ],
        };
        execute!(conn, end, batch, now)?;
        touched.points.extend(fetch_all!(conn, (ContactPointId,), points, batch, now)?.into_iter().map(|(id,)| id));
        touched.absences.extend(fetch_all!(conn, (AbsenceId, PostId), absences, batch)?);
        execute!(conn, forget, batch)?;
    }
    Ok(())
}

/// Who stands in by now for the posts of some pairs that have not ended.
async fn stand_ins(conn: &mut Conn, pairs: &[(PostId, PostId)]) -> Result<HashMap<PostId, Option<PostId>>> {
    let mut found = HashMap::new();
    for batch in id_batches(pairs.iter().map(|(id, _)| id.to_string())) {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, substitute_id from posts where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("select id, substitute_id from posts where id in ", postgres_ids!()),
        };
        found.extend(fetch_all!(conn, (PostId, Option<PostId>), text, batch)?);
    }
    Ok(found)
}

/// No sign-in any more, no invitation or second admin's word that would give one, and no absence. What was planned of their leaving stays: should this be
/// taken back, they leave as planned, and whoever is invited anew begins anew ([`crate::staff::come_back`]).
async fn end_staff(conn: &mut Conn, packed: &Packed, now: At, touched: &mut Touched) -> Result<()> {
    macro_rules! of_these {
        ($before:literal, $after:literal) => {
            match conn.either() {
                Either::Sqlite(_) => concat!($before, sqlite_ids!(), $after),
                Either::Postgres(_) => concat!($before, postgres_ids!(), $after),
            }
        };
    }
    for batch in &packed.staff_ended {
        let end = of_these!("update staff set ended_at = $2 where id in ", "");
        execute!(conn, end, batch, now)?;
        let sessions = of_these!("update sessions set ended_at = $2 where ended_at is null and staff_id in ", " returning id, staff_id");
        touched.sessions.extend(fetch_all!(conn, (SessionId, StaffId), sessions, batch, now)?);
        let proposals = of_these!(
            "update proposed_grants set decided_at = $2 where decided_at is null and expires_at > $2 and staff_id in ",
            " returning staff_id, role, unit_id"
        );
        touched.proposals.extend(fetch_all!(conn, (StaffId, Role, UnitId), proposals, batch, now)?);
        let absences = of_these!(
            "select id, staff_id, from_at, until_at, reason, substitute_id, created_by, created_at from absences where until_at > $2 and staff_id in ",
            " order by id"
        );
        touched.ended_absences.extend(fetch_all!(conn, AbsenceRow, absences, batch, now)?);
        let never = of_these!("delete from absences where from_at >= $2 and staff_id in ", "");
        execute!(conn, never, batch, now)?;
        let shorter = of_these!("update absences set until_at = $2 where until_at > $2 and staff_id in ", "");
        execute!(conn, shorter, batch, now)?;
        let invitations = of_these!("update invitations set expires_at = $2 where used_at is null and expires_at > $2 and staff_id in ", "");
        execute!(conn, invitations, batch, now)?;
        let mails = of_these!(
            "update outbox set cancelled_at = $2 where sent_at is null and cancelled_at is null and failed_at is null
             and invitation_id in (select id from invitations where staff_id in ",
            ")"
        );
        execute!(conn, mails, batch, now)?;
    }
    Ok(())
}

/// Contact points, absences and substitutes as they were, as far as nobody has chosen others since.
async fn give_back(conn: &mut Conn, packed: &Packed) -> Result<()> {
    for batch in &packed.points_back {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("update contact_points set revoked_at = null where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("update contact_points set revoked_at = null where id in ", postgres_ids!()),
        };
        execute!(conn, text, batch)?;
    }
    for batch in &packed.substitutes {
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "update posts set substitute_id = n.other
                 from (select unhex(value ->> 'id') as id, unhex(value ->> 'other') as other, unhex(value ->> 'now') as now from json_each($1)) n
                 where posts.id = n.id and posts.ended_at is null and posts.substitute_id is n.now"
            }
            Either::Postgres(_) => {
                "update posts set substitute_id = n.other from jsonb_to_recordset($1::jsonb) as n (id uuid, other uuid, now uuid)
                 where posts.id = n.id and posts.ended_at is null and posts.substitute_id is not distinct from n.now"
            }
        };
        execute!(conn, text, batch)?;
    }
    for batch in &packed.absences_back {
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "insert into absences (id, staff_id, from_at, until_at, reason, substitute_id, created_by, created_at)
                 select unhex(value ->> 'id'), unhex(value ->> 'staff_id'), value ->> 'from_at', value ->> 'until_at', value ->> 'reason',
                    (select p.id from posts p where p.id = unhex(value ->> 'substitute_id') and p.ended_at is null), unhex(value ->> 'created_by'), value ->> 'created_at'
                 from json_each($1) where true
                 on conflict (id) do update set until_at = excluded.until_at"
            }
            Either::Postgres(_) => {
                "insert into absences (id, staff_id, from_at, until_at, reason, substitute_id, created_by, created_at)
                 select n.id, n.staff_id, n.from_at, n.until_at, n.reason, (select p.id from posts p where p.id = n.substitute_id and p.ended_at is null),
                    n.created_by, n.created_at
                 from jsonb_to_recordset($1::jsonb) as n (id uuid, staff_id uuid, from_at bigint, until_at bigint, reason text, substitute_id uuid, created_by uuid,
                    created_at bigint)
                 on conflict (id) do update set until_at = excluded.until_at"
            }
        };
        execute!(conn, text, batch)?;
    }
    for batch in &packed.absences {
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "update absences set substitute_id = n.other from (select unhex(value ->> 'id') as id, unhex(value ->> 'other') as other from json_each($1)) n
                 where absences.id = n.id and absences.substitute_id is null"
            }
            Either::Postgres(_) => {
                "update absences set substitute_id = n.other from jsonb_to_recordset($1::jsonb) as n (id uuid, other uuid)
                 where absences.id = n.id and absences.substitute_id is null"
            }
        };
        execute!(conn, text, batch)?;
    }
    Ok(())
}
