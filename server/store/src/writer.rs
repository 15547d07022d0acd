//! The one writer of a SQLite database: whatever waits at the same moment is written in one transaction, so that one `fsync` serves all.
//! Each caller hears back only after the commit. A piece of work that fails is rolled back to its own savepoint and harms no other.

use crate::{
    Conn, Error, Result,
    checkpoint::{self, Checkpoint},
    conn::{Either, Kind},
    first_message::{self, Start},
    health::Health,
    message,
    seen::{self, Seen},
};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{Connection, SqliteConnection};
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// Pieces of work in one commit. Measured: more does not raise the rate, it only makes the first of them wait longer.
const BATCH: usize = 256;

#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Job>);

enum Job {
    Work(Work),
    Send(message::New, Answer<message::Sent>),
    Start(Start, Answer<first_message::Outcome>),
    Saw(Seen, Answer<()>),
    Stop(oneshot::Sender<()>),
}

type Answer<T> = oneshot::Sender<Result<T>>;

/// Messages that wait together, each with who waits for it.
type Waiting<N, T> = Vec<(N, Answer<T>)>;

/// Runs in the open transaction and says whether to keep what it did, with the answer to give once that is decided. Of one type, whatever the
/// work is: else everything around it would be in the program once for each of a hundred pieces of work.
pub(crate) type Work = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Done> + Send>;

pub(crate) struct Done {
    pub keep: bool,
    pub reply: Reply,
}

/// Called with the outcome of the commit.
pub(crate) type Reply = Box<dyn FnOnce(std::result::Result<(), String>) + Send>;

/// Work whose outcome comes by the receiver once it is committed, or was not kept.
pub(crate) fn work<T, E, F>(work: F) -> (Work, oneshot::Receiver<std::result::Result<T, E>>)
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
    (work, answered)
}

impl Writer {
    pub fn start(connection: SqliteConnection, checkpoint: Checkpoint, health: Arc<Health>) -> Writer {
        let (jobs, queue) = mpsc::channel(4096);
        tokio::spawn(write_all(Conn::new(Kind::SqliteWriter(connection)), checkpoint, queue, health));
        Writer(jobs)
    }

    pub async fn hand_in(&self, work: Work) -> Result<()> {
        self.0.send(Job::Work(work)).await.map_err(|_| Error::Stopped)
    }

    pub async fn send(&self, new: message::New) -> Result<message::Sent> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Send(new, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub async fn first_message(&self, start: Start) -> Result<first_message::Outcome> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Start(start, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub async fn saw(&self, seen: Seen) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Saw(seen, answer)).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.send(Job::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

async fn write_all(mut conn: Conn, checkpoint: Checkpoint, mut queue: mpsc::Receiver<Job>, health: Arc<Health>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut jobs, BATCH).await > 0 {
        let mut stop = None;
        let mut batch = Batch::default();
        for job in jobs.drain(..) {
            match job {
                Job::Work(work) => batch.works.push(work),
                Job::Send(new, answer) => batch.news.push((new, answer)),
                Job::Start(start, answer) => batch.starts.push((start, answer)),
                Job::Saw(seen, answer) => batch.seen.push((seen, answer)),
                Job::Stop(done) => stop = Some(done),
            }
        }
        write_batch(&mut conn, batch, &health).await;
        if checkpoint.written()
            && let Either::Sqlite(c) = conn.either()
        {
            // Should it fail, it is tried again.
            let _ = checkpoint::passive(c).await;
        }
        if let Some(done) = stop {
            checkpoint.stop().await;
            if let Kind::SqliteWriter(connection) = conn.into_kind() {
                let _ = connection.close().await;
            }
            let _ = done.send(());
            return;
        }
    }
}

/// What waited at the same moment.
#[derive(Default)]
struct Batch {
    works: Vec<Work>,
    news: Waiting<message::New, message::Sent>,
    starts: Waiting<Start, first_message::Outcome>,
    seen: Waiting<Seen, ()>,
}

async fn write_batch(conn: &mut Conn, batch: Batch, health: &Health) {
    let Batch { works, news, starts, seen } = batch;
    if works.is_empty() && news.is_empty() && starts.is_empty() && seen.is_empty() {
        return;
    }
    let (news, told): (Vec<_>, Vec<_>) = news.into_iter().unzip();
    let (starts, told_first): (Vec<_>, Vec<_>) = starts.into_iter().unzip();
    let (seen, told_seen): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    let mut replies = Vec::with_capacity(works.len());
    let (mut sent, mut started, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    let mut stands = run(conn, "begin immediate").await;
    for work in works {
        if stands.is_ok() {
            let (reply, still) = write_one(conn, work).await;
            replies.push(reply);
            stands = still;
        }
    }
    if stands.is_ok() {
        stands = together(conn, &news, async |c, news| message::send(c, news).await).await.map(|outcomes| sent = outcomes);
    }
    if stands.is_ok() {
        stands = together(conn, &starts, async |c, starts| first_message::send(c, starts).await).await.map(|outcomes| started = outcomes);
    }
    if stands.is_ok() {
        stands = together(conn, &seen, async |c, seen| seen::mark(c, seen).await.map(|()| vec![(); seen.len()])).await.map(|outcomes| marked = outcomes);
    }
    let committed = match stands {
        Ok(()) => run(conn, "commit").await,
        Err(why) => Err(why),
    };
    if committed.is_err() {
        // What reached the log without being acknowledged is overwritten by the next commit, which is synced anew.
        let _ = run(conn, "rollback").await;
    }
    // An empty commit says nothing of a database in which every message fails.
    let is_empty = replies.is_empty() && sent.iter().all(Result::is_err) && started.iter().all(Result::is_err) && marked.iter().all(Result::is_err);
    if committed.is_err() || !is_empty {
        health.note(committed.is_ok());
    }
    for reply in replies {
        reply(committed.clone());
    }
    tell(told, sent, &committed);
    tell(told_first, started, &committed);
    tell(told_seen, marked, &committed);
}

/// Everybody hears what became of their own message, once it is on the disk.
fn tell<T>(told: Vec<Answer<T>>, outcomes: Vec<Result<T>>, committed: &std::result::Result<(), String>) {
    let mut outcomes = outcomes.into_iter();
    for answer in told {
        let outcome = outcomes.next().unwrap_or(Err(Error::Stopped));
        let _ = answer.send(committed.clone().map_err(Error::Commit).and(outcome));
    }
}

/// Whether the transaction still stands, and if not, why. After an I/O error SQLite may have rolled all of it back by itself; what came then would
/// be committed alone, and what came before would be missing.
type Stands = std::result::Result<(), String>;

async fn write_one(conn: &mut Conn, work: Work) -> (Reply, Stands) {
    // Its caller hears that nothing was kept, because its answer is dropped unsent.
    let silent = || -> Reply { Box::new(|_| ()) };
    if let Err(why) = run(conn, "savepoint work").await {
        return (silent(), Err(why));
    }
    // A panic in one piece of work must not end the writer, and with it all writing.
    let done = AssertUnwindSafe(work(conn)).catch_unwind().await.unwrap_or_else(|_| Done { keep: false, reply: silent() });
    (done.reply, end_savepoint(conn, done.keep, "rollback to work", "release work").await)
}

async fn end_savepoint(conn: &mut Conn, keep: bool, undo: &'static str, release: &'static str) -> Stands {
    if !keep {
        run(conn, undo).await?;
    }
    run(conn, release).await
}

/// All messages in one go; should that fail, each by itself, so that one bad message does not fail its neighbours. The outer error says that
/// the transaction does not stand any more.
async fn together<N, T>(conn: &mut Conn, news: &[N], send: impl AsyncFn(&mut Conn, &[N]) -> Result<Vec<T>>) -> std::result::Result<Vec<Result<T>>, String> {
    if news.is_empty() {
        return Ok(Vec::new());
    }
    if let Ok(sent) = kept(conn, news, &send).await? {
        return Ok(sent.into_iter().map(Ok).collect());
    }
    let mut outcomes = Vec::with_capacity(news.len());
    for new in news {
        let one = kept(conn, std::slice::from_ref(new), &send).await?;
        outcomes.push(one.and_then(|sent| sent.into_iter().next().ok_or(Error::Stopped)));
    }
    Ok(outcomes)
}

/// Nothing of a batch that fails is kept.
async fn kept<N, T>(conn: &mut Conn, news: &[N], send: &impl AsyncFn(&mut Conn, &[N]) -> Result<Vec<T>>) -> std::result::Result<Result<Vec<T>>, String> {
    run(conn, "savepoint sends").await?;
    let sent = send(conn, news).await;
    end_savepoint(conn, sent.is_ok(), "rollback to sends", "release sends").await?;
    Ok(sent)
}

async fn run(conn: &mut Conn, statement: &'static str) -> std::result::Result<(), String> {
    use crate::conn::execute;
    execute!(conn, statement).map(|_| ()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use crate::{
        Conn, Db, Error, Result,
        conn::{execute, fetch_one, on},
    };

    async fn keep(conn: &mut Conn, secret: Vec<u8>) -> Result<u64> {
        execute!(conn, "insert into installation (id, secret, created_at) values (1, $1, 0) on conflict (id) do update set secret = excluded.secret", secret)
    }

    fn to_nowhere() -> crate::message::New {
        crate::message::New {
            id: model::MessageId(uuid::Uuid::nil()),
            conversation_id: model::ConversationId(uuid::Uuid::nil()),
            kind: model::MessageKind::Contact,
            post_id: None,
            staff_id: None,
            body: "路灯".to_owned(),
            client_key: model::ClientKey(uuid::Uuid::nil()),
            sent_at: model::At(0),
            wait: None,
        }
    }

    async fn kept(db: &Db) -> Vec<u8> {
        let mut conn = db.read().await.unwrap();
        fetch_one!(conn, (Vec<u8>,), "select secret from installation").unwrap().0
    }

    #[tokio::test]
    async fn when_the_disk_is_full_in_the_middle_nothing_of_the_batch_is_kept_and_the_next_is() {
        let test = crate::testing::sqlite().await;
        let db = &test.db;
        db.write(|c| Box::pin(keep(c, b"before".to_vec()))).await.unwrap();
        let early = db.write(|c| Box::pin(keep(c, b"early".to_vec())));
        let full = db.write(|c| {
            Box::pin(async move {
                execute!(c, "pragma max_page_count = 1")?;
                keep(c, vec![7; 1 << 20]).await
            })
        });
        let late = db.write(|c| Box::pin(keep(c, b"late".to_vec())));
        let sent = db.send(to_nowhere());
        let (early, full, late, sent): (Result<u64>, Result<u64>, Result<u64>, _) = tokio::join!(early, full, late, sent);
        assert!(early.is_err() && full.is_err() && late.is_err() && sent.is_err(), "{early:?} {full:?} {late:?} {sent:?}");
        assert_eq!(kept(db).await, b"before");
        assert!(matches!(db.is_writing().await, Err(Error::NotWriting)));
        db.write(|c| Box::pin(async move { execute!(c, "pragma max_page_count = 1000000") })).await.unwrap();
        db.write(|c| Box::pin(keep(c, b"after".to_vec()))).await.unwrap();
        assert_eq!(kept(db).await, b"after");
        db.is_writing().await.unwrap();
    }

    #[tokio::test]
    async fn to_find_out_whether_the_disk_takes_anything_something_is_written() {
        let test = crate::testing::sqlite().await;
        test.db.write(|c| Box::pin(keep(c, b"before".to_vec()))).await.unwrap();
        let mut reader = test.db.read().await.unwrap();
        let (before,) = fetch_one!(reader, (i64,), "pragma data_version").unwrap();
        test.db.write(|c| Box::pin(crate::installation::touch(c))).await.unwrap();
        assert_ne!(fetch_one!(reader, (i64,), "pragma data_version").unwrap(), (before,));
        assert_eq!(kept(&test.db).await, b"before");
    }
}
