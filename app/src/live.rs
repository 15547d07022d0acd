//! Live streams (server-sent events). A stream wakes with the hub, reads what it has missed by sequence number, and sends it as HTML.

use crate::routes::App;
use axum::{
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{FutureExt, Stream, StreamExt, future::select_all, stream};
use std::{convert::Infallible, time::Duration};
use tokio::{runtime::Handle, sync::watch, time};
use tokio_util::task::AbortOnDropHandle;

/// What a stream does after reading.
pub enum Read {
    /// Send these, then wait.
    Events(Vec<Event>),
    /// Send these and read on at once: there is more.
    More(Vec<Event>),
    /// Send these, and wait for other wake-ups than before; first read once more, as something may have happened before they were watched.
    Watch(Vec<watch::Receiver<u64>>, Vec<Event>),
    /// The reader may not see this any more, or it is over: end the stream for good.
    End,
    /// Cut the stream: the reader comes back, and goes on after the last number.
    Failed,
}

/// A database that takes longer to answer may have gone without a word: the reader comes back and asks anew.
const PATIENCE: Duration = Duration::from_secs(15);

/// Milliseconds after which a cut stream comes back: spread over four seconds, so that a restart does not bring everybody at once.
fn retry(app: &App) -> Duration {
    let [byte] = app.domain.random.bytes::<1>();
    Duration::from_millis(1000 + u64::from(byte) * 16)
}

/// The sequence number after which to go on: the header a reconnecting browser sends, else the page's own.
pub fn resume_point(headers: &HeaderMap, page: i64) -> i64 {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    last.unwrap_or(page).max(0)
}

/// One event. Browsers pass on none without data, so there is always some.
pub fn event(name: &str, html: &str) -> Event {
    Event::default().event(name).data(if html.is_empty() { " " } else { html })
}

/// A stream that calls `read` at once and again at every wake-up, each time with the state it left behind.
pub fn stream<S, F, Fut>(app: &App, wakes: Vec<watch::Receiver<u64>>, state: S, read: F) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<S, F, Fut>>
where
    S: Send + 'static,
    F: Fn(S) -> Fut + Send + 'static,
    Fut: Future<Output = (S, Read)> + Send + 'static,
{
    // Where requests are answered; whoever waits for events waits elsewhere, among the connections.
    let answering = Handle::current();
    let first = Event::default().retry(retry(app)).comment("linli");
    let start = Some(Watching { wakes, stopping: app.stopping.clone(), state, is_awake: true });
    let rest = stream::unfold((start, read, answering), |(watching, read, answering)| async move {
        let mut watching = watching?;
        if !watching.is_awake && !watching.woken().await {
            return None;
        }
        watching.wakes.iter_mut().for_each(watch::Receiver::mark_unchanged);
        // What a reading needs is there only while it reads: a stream mostly waits, and a reading takes thousands of bytes.
        let reading = AbortOnDropHandle::new(answering.spawn(read(watching.state)));
        let (state, outcome) = time::timeout(PATIENCE, reading).await.ok()?.ok()?;
        let (wakes, events, is_awake) = match outcome {
            Read::Events(events) => (watching.wakes, events, false),
            Read::More(events) => (watching.wakes, events, true),
            Read::Watch(wakes, events) => (wakes, events, true),
            Read::End => return Some((vec![event("end", "")], (None, read, answering))),
            Read::Failed => return None,
        };
        Some((events, (Some(Watching { wakes, stopping: watching.stopping, state, is_awake }), read, answering)))
    });
    let events = stream::once(async { vec![first] }).chain(rest).flat_map(|events| stream::iter(events.into_iter().map(Ok)));
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(25)))
}

struct Watching<S> {
    wakes: Vec<watch::Receiver<u64>>,
    stopping: watch::Receiver<bool>,
    state: S,
    /// Reads without waiting for a wake-up.
    is_awake: bool,
}

impl<S> Watching<S> {
    /// Waits for a wake-up; false when the server is stopping.
    async fn woken(&mut self) -> bool {
        if *self.stopping.borrow() {
            return false;
        }
        let changes = self.wakes.iter_mut().map(|w| async move { drop(w.changed().await) }.boxed());
        tokio::select! {
            _ = select_all(changes) => true,
            _ = self.stopping.changed() => false,
        }
    }
}
