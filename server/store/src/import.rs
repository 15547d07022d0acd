//! Registers brought in as a file: the imports themselves, what they are compared with, and their changes, a statement for all rows of a table.

use crate::{Conn, Result, admin::mine, conn::*};
use model::{
    AbsenceId, AbsenceReason, At, ContactPointId, ConversationId, HoldingId, ImportId, ImportState, Language, PostId, Role, SessionId, StaffId, UnitId,
    UnitKind,
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct UnitRow {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub name_en: Option<String>,
    pub code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct PostRow {
    pub id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub title_en: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct StaffRow {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub title: Option<String>,
    pub phone: Option<String>,
    pub language: Language,
    pub unit_id: Option<UnitId>,
    pub is_activated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct HoldingRow {
    pub id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

/// The CTE `below`: a unit and everything under it that has not ended.
macro_rules! below {
    () => {
        "with recursive below as (
            select id from units where id = $1
            union all select u.id from units u join below on u.parent_id = below.id where u.ended_at is null) "
    };
}

/// The ids of a batch as a list for `in`.
macro_rules! sqlite_ids {
    () => {
        "(select unhex(value) from json_each($1))"
    };
}
macro_rules! postgres_ids {
    () => {
        "(select value::uuid from jsonb_array_elements_text($1::jsonb))"
    };
}

pub async fn units(conn: &mut Conn, top: UnitId) -> Result<Vec<UnitRow>> {
    let text = concat!(below!(), "select u.id, u.parent_id, u.kind, u.name, u.name_en, u.code from units u join below on below.id = u.id");
    fetch_all!(conn, UnitRow, text, top)
}

pub async fn posts(conn: &mut Conn, top: UnitId) -> Result<Vec<PostRow>> {
    let text = concat!(below!(), "select p.id, p.unit_id, p.title, p.title_en from posts p join below on below.id = p.unit_id where p.ended_at is null");
    fetch_all!(conn, PostRow, text, top)
}

/// Who belongs to the subtree: invited there, also at a unit that has ended since, or holding a post there now or later.
pub async fn staff(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<StaffRow>> {
    let text = concat!(
        "with recursive below as (select id from units where id = $1 union all select u.id from units u join below on u.parent_id = below.id) ",
        "select s.id, s.email, s.name, s.title, s.phone, s.language, s.unit_id, s.activated_at is not null as is_activated from staff s
         where s.ended_at is null and s.id in (
            select t.id from staff t join below on below.id = t.unit_id
            union select h.staff_id from holdings h join posts p on p.id = h.post_id join below on below.id = p.unit_id where h.until_at is null or h.until_at > $2)"
    );
    fetch_all!(conn, StaffRow, text, top, now)
}

/// Holdings there that have not ended.
pub async fn holdings(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<HoldingRow>> {
    let text = concat!(
        below!(),
        "select h.id, h.post_id, h.staff_id, h.from_at, h.until_at from holdings h join posts p on p.id = h.post_id join below on below.id = p.unit_id
         where p.ended_at is null and (h.until_at is null or h.until_at > $2)"
    );
    fetch_all!(conn, HoldingRow, text, top, now)
}

/// What ties somebody of the subtree to it or to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ties {
    pub id: StaffId,
    /// 1 for whoever has a grant, wherever.
    pub has_grant: i64,
    /// 1 for whoever has their home, a post or a grant outside, or waits for one.
    pub is_elsewhere: i64,
}

/// Those of the subtree's staff whom a register must not end or must not change, whatever it says.
pub async fn ties(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<Ties>> {
    let text = "with recursive below as (select id from units where id = $1 union all select u.id from units u join below on u.parent_id = below.id),
         here as (select t.id, t.unit_id from staff t join below on below.id = t.unit_id
            union select t.id, t.unit_id from staff t join holdings h on h.staff_id = t.id join posts p on p.id = h.post_id join below on below.id = p.unit_id
                where h.until_at is null or h.until_at > $2),
         tied as (select here.id,
            cast(case when exists (select 1 from grants g where g.staff_id = here.id and (g.until_at is null or g.until_at > $2)) then 1 else 0 end as bigint)
                as has_grant,
            cast(case when (here.unit_id is not null and here.unit_id not in (select id from below))
                or exists (select 1 from grants g where g.staff_id = here.id and (g.until_at is null or g.until_at > $2) and g.unit_id not in (select id from below))
                or exists (select 1 from proposed_grants g
                    where g.staff_id = here.id and g.decided_at is null and g.expires_at > $2 and g.unit_id not in (select id from below))
                or exists (select 1 from holdings h join posts p on p.id = h.post_id
                    where h.staff_id = here.id and (h.until_at is null or h.until_at > $2) and p.unit_id not in (select id from below))
                then 1 else 0 end as bigint) as is_elsewhere
            from here)
         select id, has_grant, is_elsewhere from tied where has_grant = 1 or is_elsewhere = 1";
    fetch_all!(conn, Ties, text, top, now)
}

/// When each of these people has left, if they have.
pub async fn ended(conn: &mut Conn, people: &[StaffId]) -> Result<Vec<(StaffId, Option<At>)>> {
    let mut found = Vec::new();
    for batch in id_batches(people.iter().map(|id| id.to_string())) {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, ended_at from staff where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("select id, ended_at from staff where id in ", postgres_ids!()),
        };
        found.extend(fetch_all!(conn, (StaffId, Option<At>), text, batch)?);
    }
    Ok(found)
}

/// The unit of each of these posts, as far as they are there.
pub async fn units_of(conn: &mut Conn, posts: &[PostId]) -> Result<HashMap<PostId, UnitId>> {
    let mut found = HashMap::new();
    for batch in id_batches(posts.iter().map(|id| id.to_string())) {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, unit_id from posts where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("select id, unit_id from posts where id in ", postgres_ids!()),
        };
        found.extend(fetch_all!(conn, (PostId, UnitId), text, batch)?);
    }
    Ok(found)
}

/// The units that have one of these codes.
pub async fn with_codes(conn: &mut Conn, codes: &[String]) -> Result<Vec<(UnitId, String)>> {
    let batch = serde_json::to_string(codes)?;
    let text = match conn.either() {
        Either::Sqlite(_) => "select id, code from units where code in (select value from json_each($1))",
        Either::Postgres(_) => "select id, code from units where code in (select value from jsonb_array_elements_text($1::jsonb))",
    };
    fetch_all!(conn, (UnitId, String), text, batch)
}

/// Everybody who has one of these addresses, and whether they have left.
pub async fn with_emails(conn: &mut Conn, emails: &[String]) -> Result<Vec<(StaffRow, bool)>> {
    #[derive(sqlx::FromRow)]
    struct Known {
        #[sqlx(flatten)]
        staff: StaffRow,
        has_left: bool,
    }
    macro_rules! known {
        ($from:literal) => {
            concat!(
                "select id, email, name, title, phone, language, unit_id, activated_at is not null as is_activated, ended_at is not null as has_left
                 from staff where email in (select value from ",
                $from,
                ")"
            )
        };
    }
    let batch = serde_json::to_string(emails)?;
    let text = match conn.either() {
        Either::Sqlite(_) => known!("json_each($1)"),
        Either::Postgres(_) => known!("jsonb_array_elements_text($1::jsonb)"),
    };
    Ok(fetch_all!(conn, Known, text, batch)?.into_iter().map(|known| (known.staff, known.has_left)).collect())
}

/// The number of the newest audit entry: what is read after it is at least as new.
pub async fn version(conn: &mut Conn) -> Result<i64> {
    let (seq,) = fetch_one!(conn, (i64,), "select coalesce(max(seq), 0) from audit_entries")?;
    Ok(seq)
}

/// Whether units, posts, people or holdings have been changed after a version: every such change leaves an entry.
pub async fn has_changed(conn: &mut Conn, version: i64) -> Result<bool> {
    let found = fetch_optional!(
        conn,
        (i64,),
        "select seq from audit_entries where seq > $1 and (action like 'unit.%' or action like 'post.%' or action like 'holding.%' or action like 'staff.%'
            or action like 'grant.%' or action in ('import.apply', 'import.undo') or action like 'invitation.%' or action like 'profile.%' or action like 'admin.%') limit 1",
        version
    )?;
    Ok(found.is_some())
}

/// Waits for everything that holds the posts that end, and keeps them to this transaction: no conversation begins there any more.
pub async fn hold_ending(conn: &mut Conn, packed: &Packed) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        for batch in &packed.posts_ended {
            sqlx::query(concat!("select 1 from posts where id in ", postgres_ids!(), " order by id for no key update")).bind(batch).execute(&mut *c).await?;
        }
    }
    Ok(())
}

/// The conversations of the posts that end.
pub async fn left_behind(conn: &mut Conn, packed: &Packed) -> Result<Vec<(ConversationId, PostId)>> {
    let mut found = Vec::new();
    for batch in &packed.posts_ended {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, post_id from conversations where post_id in ", sqlite_ids!(), " order by id"),
            Either::Postgres(_) => concat!("select id, post_id from conversations where post_id in ", postgres_ids!(), " order by id"),
        };
        found.extend(fetch_all!(conn, (ConversationId, PostId), text, batch)?);
    }
    Ok(found)
}

/// Of these posts those that have open conversations.
pub async fn with_open(conn: &mut Conn, posts: &[PostId]) -> Result<Vec<PostId>> {
    let mut found = Vec::new();
    for batch in id_batches(posts.iter().map(|id| id.to_string())) {
        macro_rules! open {
            ($ids:expr) => {
                concat!(
                    "select id from posts p where ended_at is null and exists (select 1 from conversations c where c.post_id = p.id and c.state = 'open') and id in ",
                    $ids
                )
            };
        }
        let text = match conn.either() {
            Either::Sqlite(_) => open!("(select unhex(value) from json_each($1))"),
            Either::Postgres(_) => open!("(select value::uuid from jsonb_array_elements_text($1::jsonb))"),
        };
        found.extend(fetch_all!(conn, (PostId,), text, batch)?.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// A conversation that goes from one post to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub id: ConversationId,
    pub from: PostId,
    pub to: PostId,
}

/// Conversations with their open waits go to other posts, as far as they are where they come from; gives those. Their words in the index follow by
/// [`move_words`], outside of the one long transaction. Conversations first, as sending holds them first.
pub async fn move_conversations(conn: &mut Conn, moves: &[Move]) -> Result<Vec<Move>> {
    let mut moved = Vec::new();
    for some in moves.chunks(ROWS) {
        let [conversations, waits] = match conn.either() {
            Either::Sqlite(_) => [
                "update conversations set post_id = n.goes from (select unhex(value ->> 0) as id, unhex(value ->> 1) as comes, unhex(value ->> 2) as goes from json_each($1)) n
                 where conversations.id = n.id and conversations.post_id = n.comes returning id",
                "update waits set post_id = n.goes from (select unhex(value ->> 0) as id, unhex(value ->> 2) as goes from json_each($1)) n
                 where waits.conversation_id = n.id and waits.closed_at is null",
            ],
            Either::Postgres(_) => [
                "update conversations set post_id = n.goes
                 from (select (value ->> 0)::uuid as id, (value ->> 1)::uuid as comes, (value ->> 2)::uuid as goes from jsonb_array_elements($1::jsonb)) n
                 where conversations.id = n.id and conversations.post_id = n.comes returning conversations.id",
                "update waits set post_id = n.goes from (select (value ->> 0)::uuid as id, (value ->> 2)::uuid as goes from jsonb_array_elements($1::jsonb)) n
                 where waits.conversation_id = n.id and waits.closed_at is null",
            ],
        };
        let gone: HashSet<ConversationId> = fetch_all!(conn, (ConversationId,), conversations, move_rows(some.iter())?)?.into_iter().map(|(id,)| id).collect();
        execute!(conn, waits, move_rows(some.iter().filter(|m| gone.contains(&m.id)))?)?;
        moved.extend(some.iter().filter(|m| gone.contains(&m.id)));
    }
    Ok(moved)
}

fn move_rows<'a>(moves: impl Iterator<Item = &'a Move>) -> Result<String> {
    Ok(serde_json::to_string(&moves.map(|m| (m.id.to_string(), m.from.to_string(), m.to.to_string())).collect::<Vec<_>>())?)
}

/// The words of a conversation that was at a post are found where it is now.
pub async fn move_words(conn: &mut Conn, id: ConversationId, from: PostId, to: PostId) -> Result<()> {
    crate::message::move_words(conn, id, from, to).await
}

/// Rows of one statement. SQLite reads each as JSON; more at a time gains nothing.
const ROWS: usize = 2_000;

fn id_batches(ids: impl Iterator<Item = String>) -> Vec<String> {
    let ids: Vec<String> = ids.collect();
    ids.chunks(ROWS).filter_map(|ids| serde_json::to_string(ids).ok()).collect()
}

fn row_batches<T: Serialize>(rows: &[T]) -> Vec<String> {
    rows.chunks(ROWS).filter_map(|rows| serde_json::to_string(rows).ok()).collect()
}

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
    posts_ended: Vec<String>,
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

/// An import, without what is large in it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Import {
    pub id: ImportId,
    pub unit_id: UnitId,
    pub unit_name: String,
    /// Nobody for the command line.
    pub staff_id: Option<StaffId>,
    pub staff_name: Option<String>,
    pub file_name: String,
    pub choices: String,
    pub mode: String,
    pub state: ImportState,
    /// Of what was compared last.
    pub mark: Option<String>,
    pub created_at: At,
    pub beat_at: At,
    pub done: i64,
    pub total: i64,
    pub summary: Option<String>,
    pub error: Option<String>,
    pub applied_at: Option<At>,
    pub undone_at: Option<At>,
    /// What takes it back is still kept.
    pub has_undo: bool,
}

macro_rules! imports {
    ($rest:expr) => {
        concat!(
            "select i.id, i.unit_id, u.name as unit_name, i.staff_id, s.name as staff_name, i.file_name, i.choices, i.mode, i.state, i.mark, i.created_at, i.beat_at, i.done, i.total,
                i.summary, i.error, i.applied_at, i.undone_at, i.undo is not null as has_undo
             from imports i join units u on u.id = i.unit_id left join staff s on s.id = i.staff_id ",
            $rest
        )
    };
}

pub async fn find(conn: &mut Conn, id: ImportId) -> Result<Option<Import>> {
    fetch_optional!(conn, Import, imports!("where i.id = $1"), id)
}

/// An admin's imports, newest first.
pub async fn list(conn: &mut Conn, admin: StaffId, now: At, limit: i64, offset: i64) -> Result<Vec<Import>> {
    let text = concat!("with recursive ", mine!(), " ", imports!("join mine on mine.id = i.unit_id order by i.created_at desc, i.id desc limit $3 offset $4"));
    fetch_all!(conn, Import, text, admin, now, limit, offset)
}

/// A new import.
#[derive(Clone, Debug)]
pub struct New {
    pub id: ImportId,
    pub unit_id: UnitId,
    pub staff_id: Option<StaffId>,
    pub file_name: String,
    pub file: Vec<u8>,
    pub choices: String,
    pub mode: String,
    pub now: At,
}

pub async fn insert(conn: &mut Conn, new: &New) -> Result<()> {
    execute!(
        conn,
        "insert into imports (id, unit_id, staff_id, file_name, file, choices, mode, state, created_at, beat_at) values ($1, $2, $3, $4, $5, $6, $7, 'planning', $8, $8)",
        new.id,
        new.unit_id,
        new.staff_id,
        &new.file_name,
        &new.file,
        &new.choices,
        &new.mode,
        new.now
    )
    .map(|_| ())
}

pub async fn file(conn: &mut Conn, id: ImportId) -> Result<Option<Vec<u8>>> {
    Ok(fetch_optional!(conn, (Option<Vec<u8>>,), "select file from imports where id = $1", id)?.and_then(|(file,)| file))
}

pub async fn plan(conn: &mut Conn, id: ImportId) -> Result<Option<Vec<u8>>> {
    Ok(fetch_optional!(conn, (Option<Vec<u8>>,), "select plan from imports where id = $1", id)?.and_then(|(plan,)| plan))
}

/// What takes an import back: its changes, and what they touched besides.
pub async fn kept_for_undo(conn: &mut Conn, id: ImportId) -> Result<Option<(Vec<u8>, String)>> {
    let kept = fetch_optional!(conn, (Option<Vec<u8>>, Option<String>), "select undo, extra from imports where id = $1", id)?;
    Ok(kept.and_then(|(undo, extra)| Some((undo?, extra?))))
}

pub async fn set_file(conn: &mut Conn, id: ImportId, name: &str, file: &[u8]) -> Result<()> {
    execute!(conn, "update imports set file_name = $2, file = $3 where id = $1", id, name, file).map(|_| ())
}

/// How it is to be read from now on. What was compared before does not count any more.
pub async fn set_choices(conn: &mut Conn, id: ImportId, choices: &str, mode: &str) -> Result<()> {
    execute!(conn, "update imports set choices = $2, mode = $3, plan = null, mark = null, summary = null where id = $1", id, choices, mode).map(|_| ())
}

/// Takes an import from one state to the next; false if somebody else was first. Whoever was at it and has given no sign of life since `silent` has
/// gone: then, and only then, the same work may begin again.
pub async fn begin(conn: &mut Conn, id: ImportId, from: ImportState, to: ImportState, silent: At, now: At) -> Result<bool> {
    let changed = execute!(
        conn,
        "update imports set state = $3, beat_at = $5, done = 0, total = 0, error = null where id = $1 and ((state = $2 and $2 <> $3) or (state = $3 and beat_at < $4))",
        id,
        from,
        to,
        silent,
        now
    )?;
    Ok(changed > 0)
}

/// Begins to apply what was seen; false if it was compared anew since, or somebody else was first.
pub async fn begin_seen(conn: &mut Conn, id: ImportId, mark: &str, now: At) -> Result<bool> {
    let text = "update imports set state = 'applying', beat_at = $3, done = 0, total = 0, error = null where id = $1 and state = 'ready' and mark = $2";
    Ok(execute!(conn, text, id, mark, now)? > 0)
}

/// A sign of life, with how far it is.
pub async fn beat(conn: &mut Conn, id: ImportId, done: i64, total: i64, now: At) -> Result<()> {
    execute!(conn, "update imports set beat_at = $4, done = $2, total = $3 where id = $1", id, done, total, now).map(|_| ())
}

/// What was compared.
#[derive(Clone, Debug)]
pub struct Compared {
    pub plan: Vec<u8>,
    pub summary: String,
    pub mark: String,
}

/// What it would change, to be looked at; or why it came back to that.
pub async fn ready(conn: &mut Conn, id: ImportId, compared: Option<&Compared>, error: Option<&str>, now: At) -> Result<()> {
    execute!(
        conn,
        "update imports set state = 'ready', plan = coalesce($2, plan), summary = coalesce($3, summary), mark = coalesce($4, mark), error = $5, beat_at = $6
         where id = $1 and state in ('planning', 'applying', 'ready')",
        id,
        compared.map(|compared| &compared.plan[..]),
        compared.map(|compared| compared.summary.as_str()),
        compared.map(|compared| compared.mark.as_str()),
        error,
        now
    )
    .map(|_| ())
}

/// What has been done, and what takes it back.
#[derive(Clone, Debug)]
pub struct Applied {
    /// How it was read, without anything that stood in the file.
    pub choices: String,
    pub undo: Vec<u8>,
    pub extra: String,
    pub moves: Option<String>,
}

/// False if it was given up meanwhile.
pub async fn applied(conn: &mut Conn, id: ImportId, applied: &Applied, now: At) -> Result<bool> {
    let changed = execute!(
        conn,
        "update imports set state = 'applied', choices = $2, undo = $3, extra = $4, moves = $5, moves_done = 0, applied_at = $6, beat_at = $6, file = null, error = null,
            applied_seq = (select coalesce(max(applied_seq), 0) + 1 from imports)
         where id = $1 and state = 'applying'",
        id,
        &applied.choices,
        &applied.undo[..],
        &applied.extra,
        applied.moves.as_deref(),
        now
    )?;
    Ok(changed > 0)
}

/// False if somebody else was first. `error` is what was left as it is.
pub async fn undone(conn: &mut Conn, id: ImportId, moves: Option<&str>, error: Option<&str>, now: At) -> Result<bool> {
    let changed = execute!(
        conn,
        "update imports set state = 'undone', undo = null, extra = null, moves = $2, moves_done = 0, error = $3, undone_at = $4, beat_at = $4
         where id = $1 and state = 'undoing'",
        id,
        moves,
        error,
        now
    )?;
    Ok(changed > 0)
}

/// It could not be taken back, and is as before.
pub async fn not_undone(conn: &mut Conn, id: ImportId, error: &str, now: At) -> Result<()> {
    execute!(conn, "update imports set state = 'applied', error = $2, beat_at = $3 where id = $1 and state = 'undoing'", id, error, now).map(|_| ())
}

/// Given up: nothing of the file stays.
pub async fn drop_it(conn: &mut Conn, id: ImportId, choices: &str, now: At) -> Result<bool> {
    let dropped = execute!(
        conn,
        "update imports set state = 'dropped', file = null, plan = null, mark = null, error = null, choices = $2, beat_at = $3
         where id = $1 and state in ('ready', 'planning')",
        id,
        choices,
        now
    )?;
    Ok(dropped > 0)
}

/// Imports whose conversations have not all been told.
pub async fn unfinished(conn: &mut Conn) -> Result<Vec<ImportId>> {
    Ok(fetch_all!(conn, (ImportId,), "select id from imports where moves is not null order by id")?.into_iter().map(|(id,)| id).collect())
}

/// The conversations that have moved, and how many of them have been told.
pub async fn moves(conn: &mut Conn, id: ImportId) -> Result<Option<(Vec<Move>, i64)>> {
    let found = fetch_optional!(conn, (String, i64), "select moves, moves_done from imports where id = $1 and moves is not null", id)?;
    found.map(|(moves, done)| Ok((serde_json::from_str(&moves)?, done))).transpose()
}

/// Some more of them have been told, or all; false if somebody else was first.
pub async fn moves_done(conn: &mut Conn, id: ImportId, before: i64, done: i64, is_all: bool) -> Result<bool> {
    let text = if is_all {
        "update imports set moves = null, moves_done = $3 where id = $1 and moves_done = $2 and moves is not null"
    } else {
        "update imports set moves_done = $3 where id = $1 and moves_done = $2 and moves is not null"
    };
    Ok(execute!(conn, text, id, before, done)? > 0)
}

/// Imports applied after this one and not taken back: id and unit.
pub async fn later(conn: &mut Conn, id: ImportId) -> Result<Vec<(ImportId, UnitId)>> {
    fetch_all!(
        conn,
        (ImportId, UnitId),
        "select l.id, l.unit_id from imports l join imports i on i.id = $1 where l.state in ('applied', 'undoing') and l.applied_seq > i.applied_seq",
        id
    )
}

/// Imports whose time is over and that still keep something, with how they were read.
pub async fn old(conn: &mut Conn, before: At) -> Result<Vec<(ImportId, String)>> {
    fetch_all!(
        conn,
        (ImportId, String),
        "select id, choices from imports where (undo is not null or plan is not null or file is not null) and coalesce(undone_at, applied_at, beat_at) < $1",
        before
    )
}

/// What takes back and what was shown goes after its time, and files that nobody went on with.
pub async fn forget(conn: &mut Conn, id: ImportId, choices: &str, before: At) -> Result<()> {
    execute!(
        conn,
        "update imports set undo = null, extra = null, plan = null, mark = null, file = null, error = null, choices = $2,
            state = case when state in ('planning', 'ready', 'applying') then 'dropped' when state = 'undoing' then 'applied' else state end
         where id = $1 and coalesce(undone_at, applied_at, beat_at) < $3",
        id,
        choices,
        before
    )
    .map(|_| ())
}
