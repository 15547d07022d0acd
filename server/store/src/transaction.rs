//! One transaction on PostgreSQL.

use crate::{
    Conn, Error, Result,
    conn::Kind,
    health::Health,
    writer::{Done, Reply, Work},
};
use futures::future::BoxFuture;
use sqlx::PgPool;
use std::time::Duration;
use tokio::time;

/// Carries out a piece of work and answers it.
pub(crate) async fn of(pool: &PgPool, health: &Health, patience: Duration, work: Work) -> Result<()> {
    enum Undone {
        ByItself(Reply),
        ByTheDatabase(Error),
    }
    impl From<Error> for Undone {
        fn from(e: Error) -> Undone {
            Undone::ByTheDatabase(e)
        }
    }
    let kept = in_transaction(pool, health, patience, move |c| {
        Box::pin(async move {
            let Done { keep, reply } = work(c).await;
            if keep { Ok(reply) } else { Err(Undone::ByItself(reply)) }
        })
    });
    match kept.await {
        Ok(reply) | Err(Undone::ByItself(reply)) => reply(Ok(())),
        Err(Undone::ByTheDatabase(e)) => return Err(e),
    }
    Ok(())
}

/// Runs `work` and commits. An error, or a database that takes too long, means that nothing of it was kept or that nobody knows.
pub(crate) async fn in_transaction<T, E, F>(pool: &PgPool, health: &Health, patience: Duration, work: F) -> std::result::Result<T, E>
where
    E: From<Error>,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, std::result::Result<T, E>>,
{
    time::timeout(patience, begun(pool, health, work)).await.unwrap_or_else(|_| {
        // It may have waited for a lock only.
        health.forget();
        Err(Error::Slow.into())
    })
}

async fn begun<T, E, F>(pool: &PgPool, health: &Health, work: F) -> std::result::Result<T, E>
where
    E: From<Error>,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, std::result::Result<T, E>>,
{
    let begun = pool.begin().await.inspect_err(|_| health.note(false));
    let mut conn = Conn::new(Kind::PostgresTransaction(begun.map_err(Error::from)?));
    let done = work(&mut conn).await?;
    if let Kind::PostgresTransaction(transaction) = conn.into_kind() {
        let committed = transaction.commit().await;
        health.note(committed.is_ok());
        committed.map_err(Error::from)?;
    }
    Ok(done)
}
