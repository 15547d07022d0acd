//! The one writer of a SQLite database: whatever waits at the same moment is written in one transaction, so that one `fsync` serves all.
//! Each caller hears back only after the commit. A piece of work that fails is rolled back to its own savepoint and harms no other.

use crate::{
    Conn, Error, Result,
    conn::Kind,
    first_message::{self, Start},
    message,
};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{Connection, SqliteConnection};
use std::panic::AssertUnwindSafe;
use tokio::sync::{mpsc, oneshot};

/// Pieces of work in one commit. Measured: more does not raise the rate, it only makes the first of them wait longer.
const BATCH: usize = 256;

#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Job>);

enum Job {
    Work(Work),
    Send(message::New, Answer<message::Sent>),
    Start(Start, Answer<Option<message::Sent>>),
    Stop(oneshot::Sender<()>),
}

type Answer<T> = oneshot::Sender<Result<T>>;

/// Messages that wait together, each with who waits for it.
type Waiting<N, T> = Vec<(N, Answer<T>)>;

/// Runs in the open transaction and says whether to keep what it did, with the answer to give once that is decided.
type Work = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Done> + Send>;

struct Done {
    keep: bool,
    reply: Reply,
}

/// Called with the outcome of the commit.
type Reply = Box<dyn FnOnce(std::result::Result<(), String>) + Send>;

impl Writer {
    pub fn start(connection: SqliteConnection) -> Writer {
        let (jobs, queue) = mpsc::channel(4096);
        tokio::spawn(write_all(Conn::new(Kind::SqliteWriter(connection)), queue));
        Writer(jobs)
    }

    pub async fn run<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, std::result::Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |conn| {
            Box::pin(async move {
                let result = work(conn).await;
                let keep = result.is_ok();
                let reply: Reply = Box::new(move |committed| {
                    let _ = answer.send(match committed {
                        Ok(()) => result,
                        Err(why) => result.and(Err(Error::Commit(why).into())),
                    });
                });
                Done { keep, reply }
            })
        });
        self.0.send(Job::Work(work)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub async fn send(&self, new: message::New) -> Result<message::Sent> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Send(new, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub async fn first_message(&self, start: Start) -> Result<Option<message::Sent>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Start(start, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub fn is_running(&self) -> bool {
        !self.0.is_closed()
    }

    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.send(Job::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

async fn write_all(mut conn: Conn, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut jobs, BATCH).await > 0 {
        let mut stop = None;
        let (mut works, mut news, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs.drain(..) {
            match job {
                Job::Work(work) => works.push(work),
                Job::Send(new, answer) => news.push((new, answer)),
                Job::Start(start, answer) => starts.push((start, answer)),
                Job::Stop(done) => stop = Some(done),
            }
        }
        write_batch(&mut conn, works, news, starts).await;
        if let Some(done) = stop {
            if let Kind::SqliteWriter(connection) = conn.into_kind() {
                let _ = connection.close().await;
            }
            let _ = done.send(());
            return;
        }
    }
}

async fn write_batch(conn: &mut Conn, works: Vec<Work>, news: Waiting<message::New, message::Sent>, starts: Waiting<Start, Option<message::Sent>>) {
    if works.is_empty() && news.is_empty() && starts.is_empty() {
        return;
    }
    let (news, told): (Vec<_>, Vec<_>) = news.into_iter().unzip();
    let (starts, told_first): (Vec<_>, Vec<_>) = starts.into_iter().unzip();
    let begun = run(conn, "begin immediate").await;
    let mut replies = Vec::with_capacity(works.len());
    let (mut sent, mut started) = (Vec::new(), Vec::new());
    if begun.is_ok() {
        for work in works {
            replies.push(write_one(conn, work).await);
        }
        sent = together(conn, &news, async |c, news| message::send(c, news).await).await;
        started = together(conn, &starts, async |c, starts| first_message::send(c, starts).await).await;
    }
    let committed = match begun {
        Ok(()) => run(conn, "commit").await,
        Err(why) => Err(why),
    };
    if committed.is_err() {
        let _ = run(conn, "rollback").await;
    }
    for reply in replies {
        reply(committed.clone());
    }
    tell(told, sent, &committed);
    tell(told_first, started, &committed);
}

/// Everybody hears what became of their own message, once it is on the disk.
fn tell<T>(told: Vec<Answer<T>>, outcomes: Vec<Result<T>>, committed: &std::result::Result<(), String>) {
    let mut outcomes = outcomes.into_iter();
    for answer in told {
        let outcome = outcomes.next().unwrap_or(Err(Error::Stopped));
        let _ = answer.send(committed.clone().map_err(Error::Commit).and(outcome));
    }
}

async fn write_one(conn: &mut Conn, work: Work) -> Reply {
    if let Err(why) = run(conn, "savepoint work").await {
        let failed: Reply = Box::new(move |_| drop(why));
        return failed;
    }
    // A panic in one piece of work must not end the writer, and with it all writing.
    let Ok(done) = AssertUnwindSafe(work(conn)).catch_unwind().await else {
        let _ = run(conn, "rollback to work").await;
        let _ = run(conn, "release work").await;
        // Its caller hears that nothing was kept, because its answer is dropped unsent.
        return Box::new(|_| ());
    };
    if !done.keep {
        let _ = run(conn, "rollback to work").await;
    }
    let _ = run(conn, "release work").await;
    done.reply
}

/// All messages in one go; should that fail, each by itself, so that one bad message does not fail its neighbours.
async fn together<N, T>(conn: &mut Conn, news: &[N], send: impl AsyncFn(&mut Conn, &[N]) -> Result<Vec<T>>) -> Vec<Result<T>> {
    if news.is_empty() {
        return Vec::new();
    }
    if let Ok(sent) = kept(conn, news, &send).await {
        return sent.into_iter().map(Ok).collect();
    }
    let mut outcomes = Vec::with_capacity(news.len());
    for new in news {
        let one = kept(conn, std::slice::from_ref(new), &send).await;
        outcomes.push(one.and_then(|sent| sent.into_iter().next().ok_or(Error::Stopped)));
    }
    outcomes
}

/// Nothing of a batch that fails is kept.
async fn kept<N, T>(conn: &mut Conn, news: &[N], send: &impl AsyncFn(&mut Conn, &[N]) -> Result<Vec<T>>) -> Result<Vec<T>> {
    run(conn, "savepoint sends").await.map_err(Error::Commit)?;
    let sent = send(conn, news).await;
    if sent.is_err() {
        let _ = run(conn, "rollback to sends").await;
    }
    let _ = run(conn, "release sends").await;
    sent
}

async fn run(conn: &mut Conn, statement: &'static str) -> std::result::Result<(), String> {
    use crate::conn::execute;
    execute!(conn, statement).map(|_| ()).map_err(|e| e.to_string())
}
