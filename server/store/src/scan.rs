//! How often stickers are scanned: a number a day for each, and nothing about who.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, on},
};
use model::{At, ContactPointId};
use serde::Serialize;

/// Scans of one sticker on one day, to be added to those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    pub point_id: ContactPointId,
    pub day: i64,
    pub count: i64,
    /// Of a sticker out of use.
    pub refused: i64,
}

#[derive(Serialize)]
struct Row {
    point_id: String,
    day: i64,
    count: i64,
    refused: i64,
    first_at: Option<i64>,
}

/// Adds to the days' numbers, in one statement.
pub async fn add(conn: &mut Conn, scanned: &[Scanned], now: At) -> Result<()> {
    // In the same order on every node, so that no two wait for each other.
    let mut rows: Vec<&Scanned> = scanned.iter().collect();
    rows.sort_by_key(|s| (s.point_id, s.day));
    let row = |s: &Scanned| Row { point_id: s.point_id.to_string(), day: s.day, count: s.count, refused: s.refused, first_at: (s.count > 0).then_some(now.0) };
    let rows = rows.into_iter().map(row);
    let batch = serde_json::to_string(&rows.collect::<Vec<_>>())?;
    macro_rules! insert {
        ($from:literal) => {
            concat!(
                "insert into scans (contact_point_id, day, count, refused, first_at) select ",
                $from,
                " on conflict (contact_point_id, day) do update set count = scans.count + excluded.count, refused = scans.refused + excluded.refused,
                    first_at = coalesce(scans.first_at, excluded.first_at)"
            )
        };
    }
    let text = match conn.either() {
        // `where true`, or SQLite takes the `on` for a join's.
        Either::Sqlite(_) => {
            insert!("unhex(value ->> 'point_id'), value ->> 'day', value ->> 'count', value ->> 'refused', value ->> 'first_at' from json_each($1) where true")
        }
        Either::Postgres(_) => insert!(
            "point_id, day, count, refused, first_at
             from jsonb_to_recordset($1::jsonb) as n (point_id uuid, day bigint, count bigint, refused bigint, first_at bigint) order by point_id, day"
        ),
    };
    execute!(conn, text, &batch).map(|_| ())
}

/// A day of one sticker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Day {
    pub contact_point_id: ContactPointId,
    pub day: i64,
    pub count: i64,
    pub refused: i64,
}

/// The days of these stickers since one.
pub async fn since(conn: &mut Conn, points: &[ContactPointId], day: i64) -> Result<Vec<Day>> {
    let ids = serde_json::to_string(&points.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let text = match conn.either() {
        Either::Sqlite(_) => {
            "select contact_point_id, day, count, refused from scans
             where contact_point_id in (select unhex(value) from json_each($1)) and day >= $2 order by contact_point_id, day"
        }
        Either::Postgres(_) => {
            "select contact_point_id, day, count, refused from scans
             where contact_point_id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) and day >= $2 order by contact_point_id, day"
        }
    };
    fetch_all!(conn, Day, text, &ids, day)
}
