//! Sending on PostgreSQL: whatever waits at the same moment goes out in one transaction, one statement a table; what is asked before goes in one
//! statement too. There are a few lanes, so that one works while another waits for the disk; a conversation always takes the same.

use crate::{
    Conn, Error, Result,
    conn::{Either, Kind},
    db::PATIENCE,
    first_message::{self, Start},
    health::Health,
    message::{self, New, Sent},
    seen::{self, Seen},
    transaction::in_transaction,
    way::{self, Asked, Way},
};
use futures::future::join_all;
use sqlx::PgPool;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

const LANES: usize = 3;
/// Messages in one transaction.
const BATCH: usize = 128;

/// What is sent, and what comes of it.
pub(crate) trait Batch: Sized + Clone + Send + Sync + 'static {
    type Outcome: Send + 'static;
    /// In a transaction, or only looked up.
    const WRITES: bool = true;
    fn send(conn: &mut Conn, news: &[Self]) -> impl Future<Output = Result<Vec<Self::Outcome>>> + Send;
}

impl Batch for New {
    type Outcome = Sent;
    async fn send(conn: &mut Conn, news: &[New]) -> Result<Vec<Sent>> {
        message::send(conn, news).await
    }
}

impl Batch for Start {
    type Outcome = first_message::Outcome;
    async fn send(conn: &mut Conn, starts: &[Start]) -> Result<Vec<first_message::Outcome>> {
        first_message::send(conn, starts).await
    }
}

impl Batch for Seen {
    type Outcome = ();
    async fn send(conn: &mut Conn, seen: &[Seen]) -> Result<Vec<()>> {
        seen::mark(conn, seen).await?;
        Ok(vec![(); seen.len()])
    }
}

impl Batch for Asked {
    type Outcome = Option<Way>;
    const WRITES: bool = false;
    async fn send(conn: &mut Conn, asked: &[Asked]) -> Result<Vec<Option<Way>>> {
        way::ways(conn, asked).await
    }
}

type Job<N> = (N, oneshot::Sender<Result<<N as Batch>::Outcome>>);

pub(crate) struct Sender<N: Batch>(Vec<mpsc::Sender<Job<N>>>);

impl<N: Batch> Sender<N> {
    pub fn start(pool: &PgPool, health: &Arc<Health>) -> Sender<N> {
        let lane = |_| {
            let (jobs, queue) = mpsc::channel(4096);
            tokio::spawn(send_all(pool.clone(), health.clone(), queue));
            jobs
        };
        Sender((0..LANES).map(lane).collect())
    }

    /// `of` chooses the lane.
    pub async fn send(&self, of: u128, new: N) -> Result<N::Outcome> {
        let (answer, answered) = oneshot::channel();
        let lane = &self.0[(of % self.0.len() as u128) as usize];
        lane.send((new, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }
}

async fn send_all<N: Batch>(pool: PgPool, health: Arc<Health>, mut queue: mpsc::Receiver<Job<N>>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut jobs, BATCH).await > 0 {
        let (news, answers): (Vec<N>, Vec<_>) = jobs.drain(..).unzip();
        for (answer, outcome) in answers.into_iter().zip(outcomes(&pool, &health, news).await) {
            // Who asked may have gone.
            let _ = answer.send(outcome);
        }
    }
}

/// All in one transaction; should that fail, each in one of its own, so that one bad message does not fail its neighbours. Not where the database
/// is away: each would wait for it again.
async fn outcomes<N: Batch>(pool: &PgPool, health: &Health, news: Vec<N>) -> Vec<Result<N::Outcome>> {
    match sent(pool, health, news.clone()).await {
        Ok(sent) => sent.into_iter().map(Ok).collect(),
        Err(why) if news.len() == 1 => vec![Err(why)],
        Err(why) if why.is_away() => news.iter().map(|_| Err(Error::Commit(why.to_string()))).collect(),
        Err(_) => join_all(news.into_iter().map(async |new| Ok(sent(pool, health, vec![new]).await?.remove(0)))).await,
    }
}

async fn sent<N: Batch>(pool: &PgPool, health: &Health, news: Vec<N>) -> Result<Vec<N::Outcome>> {
    if !N::WRITES {
        let look_up = async { N::send(&mut Conn::new(Kind::PostgresReader(pool.acquire().await?)), &news).await };
        return time::timeout(PATIENCE, look_up).await.map_err(|_| Error::Slow)?;
    }
    in_transaction(pool, health, PATIENCE * 2, |c| {
        Box::pin(async move {
            go_by_index(c).await?;
            N::send(c, &news).await
        })
    })
    .await
}

/// The planner takes a batch for a hundred rows and would read whole tables for it until they are large.
async fn go_by_index(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::raw_sql("set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off").execute(c).await?;
    }
    Ok(())
}
