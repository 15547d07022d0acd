//! How often signing in has failed lately, per subject: an account seen from an address, an address, a known browser.

use crate::{Conn, Result, conn::*};
use model::At;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Failures {
    pub failures: i64,
    pub since_at: At,
}

/// Counts one more. A count that began at or before `window` begins anew.
pub async fn add(conn: &mut Conn, subject: &str, window: At, now: At) -> Result<Failures> {
    fetch_one!(
        conn,
        Failures,
        "insert into sign_in_failures (subject, failures, since_at) values ($1, 1, $2)
         on conflict (subject) do update set
            failures = case when sign_in_failures.since_at <= $3 then 1 else sign_in_failures.failures + 1 end,
            since_at = case when sign_in_failures.since_at <= $3 then $2 else sign_in_failures.since_at end
         returning failures, since_at",
        subject,
        now,
        window
    )
}

/// Takes one back.
pub async fn forgive(conn: &mut Conn, subject: &str) -> Result<()> {
    execute!(conn, "update sign_in_failures set failures = failures - 1 where subject = $1 and failures > 0", subject).map(|_| ())
}

pub async fn forget(conn: &mut Conn, subject: &str) -> Result<()> {
    execute!(conn, "delete from sign_in_failures where subject = $1", subject).map(|_| ())
}

/// Drops all counts that began before a moment.
pub async fn purge(conn: &mut Conn, before: At) -> Result<()> {
    execute!(conn, "delete from sign_in_failures where since_at < $1", before).map(|_| ())
}
