//! One connection. Hyper reads its requests and writes the answers; a live stream is taken out of its hands once its head is on the way, because
//! hyper keeps 16 KB of buffers for as long as a connection lasts, and a phone that waits for an answer needs none of it.

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::{HeaderValue, Method, Version, header},
    response::Response,
};
use futures::{FutureExt, StreamExt};
use hyper::{
    Request,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// A request's head has to arrive within this time; a connection without a request ends after it.
const HEAD: Duration = Duration::from_secs(30);

/// Who is looked after, until the server stops.
#[derive(Clone, Default)]
pub struct Connections {
    all: TaskTracker,
    stopping: CancellationToken,
}

impl Connections {
    /// Answers what comes from there until it ends.
    pub fn add(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: SocketAddr, router: Router) {
        let connections = self.clone();
        self.all.spawn(async move {
            if let Some((stream, events)) = answer(stream, peer, router, &connections.stopping).await {
                // A task of its own, because this one keeps the room that hyper took.
                connections.all.spawn(async move { drop(send(stream, events).await) });
            }
        });
    }

    /// Something that will become one of them, or not.
    pub fn expect(&self, coming: impl Future<Output = ()> + Send + 'static) {
        self.all.spawn(coming);
    }

    /// Lets every request that has begun end.
    pub async fn end(&self) {
        self.stopping.cancel();
        self.all.close();
        self.all.wait().await;
    }
}

/// Until the connection ends (how it breaks is the visitor's business), or is left with a stream of events to send.
async fn answer<S>(stream: S, peer: SocketAddr, router: Router, stopping: &CancellationToken) -> Option<(S, Body)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let taking = Arc::<Taking>::default();
    let taken = taking.clone();
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // Before that, chunks are not known.
        let may_be_taken = request.method() == Method::GET && request.version() == Version::HTTP_11;
        let (router, taken) = (router.clone(), taken.clone());
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            Ok::<_, Infallible>(if may_be_taken && is_stream(&response) { taken.hold_back(response) } else { response })
        }
    });
    let io = TokioIo::new(Watched { stream, taking: taking.clone() });
    let mut connection = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(io, answer);
    let mut told = pin!(stopping.cancelled().fuse());
    let events = poll_fn(|cx| {
        if told.as_mut().poll(cx).is_ready() {
            Pin::new(&mut connection).graceful_shutdown();
        }
        match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => taking.events().map_or(Poll::Pending, |events| Poll::Ready(Some(events))),
        }
    });
    let events = events.await?;
    Some((connection.into_parts().io.into_inner().stream, events))
}

fn is_stream(response: &Response) -> bool {
    response.status().is_success() && response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}

/// How far hyper is with a stream that is to be taken from it.
#[derive(Default)]
struct Taking {
    events: Mutex<Option<Body>>,
    /// The head is written, as far as hyper is concerned.
    has_head: AtomicBool,
    /// There is more to write than the network took.
    is_blocked: AtomicBool,
}

impl Taking {
    /// The answer without its events.
    fn hold_back(self: Arc<Taking>, response: Response) -> Response {
        let (mut head, events) = response.into_parts();
        *self.events.lock().unwrap_or_else(PoisonError::into_inner) = Some(events);
        // Nothing else comes after it.
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Response::from_parts(head, Body::new(Unsent(self)))
    }

    /// The events, once nothing of the head is left to write.
    fn events(&self) -> Option<Body> {
        if !self.has_head.load(Ordering::Relaxed) || self.is_blocked.load(Ordering::Relaxed) {
            return None;
        }
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The body that hyper never gets: it asks for it when it has written the head, and flushes the head when it has to wait.
struct Unsent(Arc<Taking>);

impl HttpBody for Unsent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.has_head.store(true, Ordering::Relaxed);
        Poll::Pending
    }
}

/// Notices when not everything could be written.
struct Watched<S> {
    stream: S,
    taking: Arc<Taking>,
}

impl<S> Watched<S> {
    fn noted<T>(&self, written: Poll<T>) -> Poll<T> {
        self.taking.is_blocked.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Sends events in chunks (RFC 9112, 7.1), as the head announces, until there are no more or the reader is gone.
async fn send(mut stream: impl AsyncRead + AsyncWrite + Unpin, events: Body) -> io::Result<()> {
    let mut events = events.into_data_stream();
    loop {
        let mut nothing = [0];
        let event = tokio::select! {
            event = events.next() => event,
            // Who waits for events says nothing more: this is their end.
            _ = stream.read(&mut nothing) => return Ok(()),
        };
        match event {
            Some(Ok(event)) if event.is_empty() => {}
            Some(Ok(event)) => stream.write_all(&chunk(&event)).await?,
            // Cut in the middle, so that the reader comes back.
            Some(Err(_)) => return Ok(()),
            None => {
                stream.write_all(b"0\r\n\r\n").await?;
                return stream.shutdown().await;
            }
        }
    }
}

fn chunk(event: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", event.len()).as_bytes(), event, b"\r\n"].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use axum::routing::get;
    use futures::stream;
    use tokio::{
        net::{TcpListener, TcpStream},
        sync::mpsc,
        time,
    };

    /// A page, and a stream of what is put into the other end.
    async fn begin() -> (TcpStream, mpsc::UnboundedSender<&'static str>, Connections) {
        let (tell, told) = mpsc::unbounded_channel::<&str>();
        let told = Arc::new(Mutex::new(Some(told)));
        let events = move || {
            let told = told.lock().unwrap().take().unwrap();
            let events = stream::unfold(told, |mut told| async move { Some((Ok::<_, Infallible>(Bytes::from(told.recv().await?)), told)) });
            async { ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)) }
        };
        let router = Router::new().route("/page", get(async || "a page")).route("/live", get(events));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visitor = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let connections = Connections::default();
        connections.add(stream, peer, router);
        (visitor, tell, connections)
    }

    async fn ask(visitor: &mut TcpStream, path: &str) {
        visitor.write_all(format!("GET {path} HTTP/1.1\r\nHost: linli\r\n\r\n").as_bytes()).await.unwrap();
    }

    /// What comes, up to this.
    async fn heard(visitor: &mut TcpStream, end: &str) -> String {
        let mut heard = String::new();
        while !heard.ends_with(end) {
            heard.push(char::from(visitor.read_u8().await.unwrap()));
        }
        heard
    }

    #[tokio::test]
    async fn a_stream_goes_on_in_chunks_after_hyper_has_written_its_head() {
        let (mut visitor, tell, connections) = begin().await;
        ask(&mut visitor, "/page").await;
        heard(&mut visitor, "a page").await;
        ask(&mut visitor, "/live").await;
        let head = heard(&mut visitor, "\r\n\r\n").await.to_lowercase();
        assert!(head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked\r\n") && head.contains("connection: close\r\n"), "{head}");
        tell.send("data: 一\n\n").unwrap();
        let mut chunk = [0; 16];
        visitor.read_exact(&mut chunk).await.unwrap();
        assert_eq!(std::str::from_utf8(&chunk).unwrap(), "b\r\ndata: 一\n\n\r\n");
        tell.send("").unwrap();
        tell.send("data: 2\n\n").unwrap();
        assert_eq!(heard(&mut visitor, "2\n\n\r\n").await, "9\r\ndata: 2\n\n\r\n", "an empty chunk would be the end");
        drop(tell);
        let mut rest = String::new();
        visitor.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "0\r\n\r\n");
        connections.end().await;
    }

    #[tokio::test]
    async fn a_reader_who_leaves_is_let_go_and_one_who_stays_is_waited_for() {
        let (mut visitor, tell, connections) = begin().await;
        ask(&mut visitor, "/live").await;
        heard(&mut visitor, "\r\n\r\n").await;
        time::timeout(Duration::from_millis(50), connections.end()).await.unwrap_err();
        drop(visitor);
        connections.end().await;
        assert!(tell.is_closed());
    }
}
