//! Times for which somebody will not be there.

use crate::{Conn, Result, conn::*};
use model::{AbsenceId, AbsenceReason, At, PostId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Absence {
    pub id: AbsenceId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: At,
    pub reason: AbsenceReason,
    /// Who stands in for all posts of the absent; without one it is each post's own substitute.
    pub substitute_id: Option<PostId>,
    pub created_by: StaffId,
    pub created_at: At,
}

pub async fn insert(conn: &mut Conn, absence: &Absence) -> Result<()> {
    execute!(
        conn,
        "insert into absences (id, staff_id, from_at, until_at, reason, substitute_id, created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        absence.id,
        absence.staff_id,
        absence.from_at,
        absence.until_at,
        absence.reason,
        absence.substitute_id,
        absence.created_by,
        absence.created_at
    )
    .map(|_| ())
}

/// An absence with who stands in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub id: AbsenceId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: At,
    pub reason: AbsenceReason,
    pub substitute_id: Option<PostId>,
    pub substitute_title: Option<String>,
    pub substitute_unit: Option<String>,
}

macro_rules! lines {
    ($rest:literal) => {
        concat!(
            "select a.id, a.staff_id, a.from_at, a.until_at, a.reason, a.substitute_id, p.title as substitute_title, u.name as substitute_unit
             from absences a left join posts p on p.id = a.substitute_id left join units u on u.id = p.unit_id ",
            $rest
        )
    };
}

/// Somebody's absences that are not over, the next one first.
pub async fn of_staff(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Line>> {
    fetch_all!(conn, Line, lines!("where a.staff_id = $1 and a.until_at > $2 order by a.from_at, a.id"), staff, now)
}

/// The absence somebody is in at a moment.
pub async fn current(conn: &mut Conn, staff: StaffId, now: At) -> Result<Option<Line>> {
    fetch_optional!(conn, Line, lines!("where a.staff_id = $1 and a.from_at <= $2 and a.until_at > $2 order by a.until_at desc limit 1"), staff, now)
}

pub async fn find(conn: &mut Conn, id: AbsenceId) -> Result<Option<Line>> {
    fetch_optional!(conn, Line, lines!("where a.id = $1"), id)
}

/// Absences of the same person that overlap a time.
pub async fn overlapping(conn: &mut Conn, staff: StaffId, from: At, until: At) -> Result<i64> {
    let (count,) = fetch_one!(conn, (i64,), "select count(*) from absences where staff_id = $1 and from_at < $3 and until_at > $2", staff, from, until)?;
    Ok(count)
}

/// Ends an absence at a moment; one that has not begun by then never was.
pub async fn end(conn: &mut Conn, id: AbsenceId, at: At) -> Result<()> {
    execute!(conn, "delete from absences where id = $1 and from_at >= $2", id, at)?;
    execute!(conn, "update absences set until_at = $2 where id = $1 and until_at > $2", id, at).map(|_| ())
}

/// Ends all absences of somebody who leaves.
pub async fn end_all(conn: &mut Conn, staff: StaffId, at: At) -> Result<()> {
    execute!(conn, "delete from absences where staff_id = $1 and from_at >= $2", staff, at)?;
    execute!(conn, "update absences set until_at = $2 where staff_id = $1 and until_at > $2", staff, at).map(|_| ())
}

/// A post whose holder is away for a time, and who stands in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Away {
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub staff_name: String,
    pub from_at: At,
    pub until_at: At,
    pub substitute_id: PostId,
}

/// All who are away with a substitute of their own at some moment between two, for each post they hold then.
pub async fn away_between(conn: &mut Conn, from: At, until: At) -> Result<Vec<Away>> {
    fetch_all!(
        conn,
        Away,
        "select h.post_id, a.staff_id, s.name as staff_name, a.from_at, a.until_at, a.substitute_id
         from absences a join holdings h on h.staff_id = a.staff_id and h.from_at < a.until_at and (h.until_at is null or h.until_at > a.from_at)
            join staff s on s.id = a.staff_id
         where a.substitute_id is not null and a.until_at > $1 and a.from_at < $2
         order by h.from_at, h.id, a.from_at",
        from,
        until
    )
}

/// The post that stands in at this moment for each post whose holder is away, of several holders for the one who has held it longest.
pub async fn substitutes(conn: &mut Conn, now: At) -> Result<Vec<(PostId, PostId)>> {
    fetch_all!(
        conn,
        (PostId, PostId),
        "select h.post_id, a.substitute_id from absences a
            join holdings h on h.staff_id = a.staff_id and h.from_at <= $1 and (h.until_at is null or h.until_at > $1)
         where a.substitute_id is not null and a.from_at <= $1 and a.until_at > $1
         order by h.from_at desc, h.id desc",
        now
    )
}

/// A post that has ended stands in for nobody.
pub async fn forget_substitute(conn: &mut Conn, post: PostId) -> Result<()> {
    execute!(conn, "update absences set substitute_id = null where substitute_id = $1", post).map(|_| ())
}
