//! Registers brought in as a file: the imports themselves, what they are compared with (`world`), and their changes, a statement for all rows of a table
//! (`write`).

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

mod moves;
mod world;
mod write;

pub use moves::{Move, hold_ending, left_behind, move_conversations, move_words, with_open};
pub use world::{
    HoldingRow, PostRow, StaffRow, Ties, UnitRow, ended, has_changed, holdings, posts, staff, ties, units, units_of, version, with_codes, with_emails,
};
pub use write::{AbsenceRow, Packed, Steps, StoodIn, Touched, write};

use crate::{Conn, Result, admin::mine, conn::*};
use model::{At, ImportId, ImportState, StaffId, UnitId};
use serde::Serialize;

/// Rows of one statement. SQLite reads each as JSON; more at a time gains nothing.
const ROWS: usize = 2_000;

fn id_batches(ids: impl Iterator<Item = String>) -> Vec<String> {
    let ids: Vec<String> = ids.collect();
    ids.chunks(ROWS).filter_map(|ids| serde_json::to_string(ids).ok()).collect()
}

fn row_batches<T: Serialize>(rows: &[T]) -> Vec<String> {
    rows.chunks(ROWS).filter_map(|rows| serde_json::to_string(rows).ok()).collect()
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

/// An admin's imports, newest first; not what a command only looked at, which nobody gave up.
pub async fn list(conn: &mut Conn, admin: StaffId, now: At, limit: i64, offset: i64) -> Result<Vec<Import>> {
    let text = concat!(
        "with recursive ",
        mine!(),
        " ",
        imports!(
            "join mine on mine.id = i.unit_id where i.staff_id is not null or i.state <> 'dropped' order by i.created_at desc, i.id desc limit $3 offset $4"
        )
    );
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
