//! Codes for a subtree: making them, and what is printed of them.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
};
use model::{At, CheckPhrase, ContactPointId, PointCode, PostId, PrintFormat, PrintId, StaffId, UnitId, UnitKind, Which};
use serde::Serialize;
use uuid::Uuid;

/// The CTE `below`: the unit `$1` and everything under it.
macro_rules! below {
    () => {
        "below as (select id from units where id = $1 union all select u.id from units u join below on u.parent_id = below.id where u.ended_at is null)"
    };
}

pub(crate) use below;

/// What a subtree has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    pub posts: i64,
    /// Posts without a contact point in use, and of these those in grids and classes.
    pub bare: i64,
    pub bare_leaves: i64,
    /// Contact points in use, and of these those that nobody has scanned yet.
    pub points: i64,
    pub unscanned: i64,
}

pub async fn counts(conn: &mut Conn, unit: UnitId) -> Result<Counts> {
    fetch_one!(
        conn,
        Counts,
        concat!(
            "with recursive ",
            below!(),
            ", seats as materialized (
                select p.id, u.kind, exists (select 1 from contact_points c where c.post_id = p.id and c.revoked_at is null) as has_point
                from posts p join below on below.id = p.unit_id join units u on u.id = p.unit_id where p.ended_at is null)
             select (select count(*) from seats) as posts,
                (select count(*) from seats where not has_point) as bare,
                (select count(*) from seats where not has_point and kind in ('grid', 'class')) as bare_leaves,
                (select count(*) from contact_points c join seats s on s.id = c.post_id where c.revoked_at is null) as points,
                (select count(*) from contact_points c join seats s on s.id = c.post_id where c.revoked_at is null
                    and not exists (select 1 from scans n where n.contact_point_id = c.id and n.count > 0)) as unscanned"
        ),
        unit
    )
}

/// Posts without a contact point in use.
pub async fn bare_posts(conn: &mut Conn, unit: UnitId, only_leaves: bool) -> Result<Vec<PostId>> {
    macro_rules! bare {
        ($kinds:literal) => {
            concat!(
                "with recursive ",
                below!(),
                " select p.id from posts p join below on below.id = p.unit_id join units u on u.id = p.unit_id
                 where p.ended_at is null and not exists (select 1 from contact_points c where c.post_id = p.id and c.revoked_at is null)",
                $kinds,
                " order by p.id"
            )
        };
    }
    let rows =
        if only_leaves { fetch_all!(conn, (PostId,), bare!(" and u.kind in ('grid', 'class')"), unit)? } else { fetch_all!(conn, (PostId,), bare!(""), unit)? };
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// One at a time makes codes, so that no post gets two. SQLite has one writer anyway.
pub async fn hold_making(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select pg_advisory_xact_lock(hashtext('linli.codes'))").execute(c).await?;
    }
    Ok(())
}

/// A contact point to be made.
#[derive(Clone, Debug)]
pub struct New {
    pub id: ContactPointId,
    pub post_id: PostId,
    pub code: PointCode,
    pub check_phrase: CheckPhrase,
}

/// What all new ones have.
#[derive(Clone, Debug)]
pub struct Place {
    pub place: String,
    pub place_en: Option<String>,
    pub topic: Option<String>,
    pub welcome: Option<String>,
}

#[derive(Serialize)]
struct NewRow<'a> {
    id: String,
    post_id: String,
    code: &'a str,
    check_phrase: &'a str,
}

/// Makes them in one statement, at posts that still have none; how many. A code that is taken already is left out: ask again.
pub async fn insert_points(conn: &mut Conn, news: &[New], place: &Place, now: At) -> Result<u64> {
    let rows =
        news.iter().map(|n| NewRow { id: n.id.to_string(), post_id: n.post_id.to_string(), code: n.code.as_str(), check_phrase: n.check_phrase.as_str() });
    let batch = serde_json::to_string(&rows.collect::<Vec<_>>())?;
    macro_rules! insert {
        ($from:literal) => {
            concat!(
                "insert into contact_points (id, post_id, code, check_phrase, place, place_en, topic, welcome, created_at)
                 select n.id, n.post_id, n.code, n.check_phrase, $2, $3, $4, $5, $6 from ",
                $from,
                " where exists (select 1 from posts p where p.id = n.post_id and p.ended_at is null)
                    and not exists (select 1 from contact_points c where c.post_id = n.post_id and c.revoked_at is null)
                 on conflict (code) do nothing"
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => insert!(
            "(select unhex(value ->> 'id') as id, unhex(value ->> 'post_id') as post_id, value ->> 'code' as code, value ->> 'check_phrase' as check_phrase
                from json_each($1)) n"
        ),
        Either::Postgres(_) => insert!("jsonb_to_recordset($1::jsonb) as n (id uuid, post_id uuid, code text, check_phrase text)"),
    };
    execute!(conn, text, &batch, &place.place, &place.place_en, &place.topic, &place.welcome, now)
}

/// The contact points of a subtree in the order in which they are handed out: by the units' codes. As they were at a moment, but for those that have
/// been withdrawn since: nobody is to put these up.
pub async fn points(conn: &mut Conn, unit: UnitId, which: Which, at: At) -> Result<Vec<ContactPointId>> {
    macro_rules! points {
        ($condition:literal) => {
            concat!(
                "with recursive ",
                below!(),
                " select c.id from contact_points c join posts p on p.id = c.post_id join below on below.id = p.unit_id join units u on u.id = p.unit_id
                 where c.revoked_at is null and p.ended_at is null and c.created_at <= $2 ",
                $condition,
                " order by u.code is null, u.code, u.name, u.id, p.created_at, p.id, c.created_at, c.id"
            )
        };
    }
    let rows = match which {
        Which::All => fetch_all!(conn, (ContactPointId,), points!(""), unit, at)?,
        Which::Unscanned => {
            let text = points!("and not exists (select 1 from scans n where n.contact_point_id = c.id and n.first_at <= $2)");
            fetch_all!(conn, (ContactPointId,), text, unit, at)?
        }
    };
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What is printed of a contact point.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Printed {
    pub id: ContactPointId,
    pub code: PointCode,
    pub check_phrase: CheckPhrase,
    pub place: String,
    pub place_en: Option<String>,
    pub topic: Option<String>,
    pub title: String,
    pub title_en: Option<String>,
    pub unit_id: UnitId,
    pub unit_kind: UnitKind,
    pub unit_name: String,
    pub unit_name_en: Option<String>,
    pub unit_code: Option<String>,
}

/// These, in any order.
pub async fn printed(conn: &mut Conn, points: &[ContactPointId]) -> Result<Vec<Printed>> {
    let ids = serde_json::to_string(&points.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    macro_rules! printed {
        ($ids:literal) => {
            concat!(
                "select c.id, c.code, c.check_phrase, c.place, c.place_en, c.topic, p.title, p.title_en, u.id as unit_id, u.kind as unit_kind,
                    u.name as unit_name, u.name_en as unit_name_en, u.code as unit_code
                 from contact_points c join posts p on p.id = c.post_id join units u on u.id = p.unit_id where c.id in (",
                $ids,
                ")"
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => printed!("select unhex(value) from json_each($1)"),
        Either::Postgres(_) => printed!("select value::uuid from jsonb_array_elements_text($1::jsonb)"),
    };
    fetch_all!(conn, Printed, text, &ids)
}

pub async fn unit_by_code(conn: &mut Conn, code: &str) -> Result<Option<UnitId>> {
    Ok(fetch_optional!(conn, (UnitId,), "select id from units where code = $1 and ended_at is null", code)?.map(|(id,)| id))
}

/// Units with a calendar of their own.
pub async fn units_with_calendar(conn: &mut Conn) -> Result<Vec<UnitId>> {
    Ok(fetch_all!(conn, (UnitId,), "select unit_id from calendars")?.into_iter().map(|(id,)| id).collect())
}

/// A file of codes that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Print {
    pub id: PrintId,
    pub staff_id: StaffId,
    pub unit_id: UnitId,
    pub format: PrintFormat,
    pub which: Which,
    pub total: i64,
    pub made: i64,
    pub bytes: i64,
    /// Characters that no font had.
    pub missing: String,
    pub created_at: At,
    /// When it last came on.
    pub beat_at: Option<At>,
    pub finished_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, print: &Print) -> Result<()> {
    execute!(
        conn,
        "insert into prints (id, staff_id, unit_id, format, which, total, created_at) values ($1, $2, $3, $4, $5, $6, $7)",
        print.id,
        print.staff_id,
        print.unit_id,
        print.format,
        print.which,
        print.total,
        print.created_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: PrintId) -> Result<Option<Print>> {
    fetch_optional!(
        conn,
        Print,
        "select id, staff_id, unit_id, format, which, total, made, bytes, missing, created_at, beat_at, finished_at from prints where id = $1",
        id
    )
}

/// The last few of one's own for a unit.
pub async fn latest(conn: &mut Conn, staff: StaffId, unit: UnitId, limit: i64) -> Result<Vec<Print>> {
    fetch_all!(
        conn,
        Print,
        "select id, staff_id, unit_id, format, which, total, made, bytes, missing, created_at, beat_at, finished_at from prints
         where staff_id = $1 and unit_id = $2 order by created_at desc, id desc limit $3",
        staff,
        unit,
        limit
    )
}

/// A download of it begins. Those before it write here no more.
pub async fn begin(conn: &mut Conn, id: PrintId, download: Uuid, total: i64, now: At) -> Result<()> {
    execute!(
        conn,
        "update prints set download_id = $2, total = $3, made = 0, bytes = 0, missing = '', beat_at = $4, finished_at = null where id = $1",
        id,
        download,
        total,
        now
    )
    .map(|_| ())
}

/// How far a download has come.
pub async fn beat(conn: &mut Conn, id: PrintId, download: Uuid, made: i64, now: At) -> Result<()> {
    execute!(conn, "update prints set made = $3, beat_at = $4 where id = $1 and download_id = $2", id, download, made, now).map(|_| ())
}

/// It is whole.
pub async fn finish(conn: &mut Conn, print: &Print, download: Uuid) -> Result<()> {
    execute!(
        conn,
        "update prints set made = $3, bytes = $4, missing = $5, beat_at = $6, finished_at = $6 where id = $1 and download_id = $2",
        print.id,
        download,
        print.made,
        print.bytes,
        &print.missing,
        print.finished_at
    )
    .map(|_| ())
}

/// Forgets what was asked for before this moment.
pub async fn forget(conn: &mut Conn, before: At) -> Result<()> {
    execute!(conn, "delete from prints where created_at < $1", before).map(|_| ())
}
