//! Accepts connections and ends them: a socket of its own or one that systemd holds through a restart, limits for who sends or reads slowly,
//! and a stop that lets every request end.

use crate::settings::Stop;
use axum::{Router, body::Body, extract::ConnectInfo};
use futures::FutureExt;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use listenfd::ListenFd;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::unconstrained,
    time,
};
use tower::ServiceExt;
use tracing::{info, warn};

/// A request's head has to arrive within this time; a connection without a request ends after it.
const HEAD: Duration = Duration::from_secs(30);
/// Who takes nothing of what was sent for so long, in milliseconds, is gone.
const UNREAD: u32 = 30_000;
/// How long requests may take to end after the stop signal.
const DRAIN: Duration = Duration::from_secs(10);

/// The socket that systemd hands over, else one of our own. Systemd's stays open while the program is restarted: who connects meanwhile waits.
pub async fn socket(addr: SocketAddr) -> Result<TcpListener, Stop> {
    let cannot = |e: std::io::Error| Stop::Setting(format!("addr: {addr} cannot be listened on: {e}"));
    match ListenFd::from_env().take_tcp_listener(0).map_err(cannot)? {
        None => bind(addr).map_err(cannot),
        Some(held) => {
            held.set_nonblocking(true).map_err(cannot)?;
            TcpListener::from_std(held).map_err(cannot)
        }
    }
}

/// How long who has just connected may take to begin.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Connections that wait to be taken: as many as Linux allows unless told otherwise.
const WAITING: u32 = 4096;

fn bind(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or nobody could start again within the minute in which old connections are remembered.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(WAITING)
}

/// Answers until `stopping`, then lets the requests that have begun end.
pub async fn serve(listener: TcpListener, router: Router, stopping: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    let mut stopping = std::pin::pin!(stopping);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => break,
        };
        match accepted {
            Ok((stream, peer)) => connect(stream, peer, router.clone(), &connections),
            // Too many open files, for instance: some will be closed soon.
            Err(e) => {
                warn!(error = %e, "a connection was not taken");
                time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Who was already in line when it was told to stop; then nobody else, or they would be taken and forgotten.
    while let Some(Ok((stream, peer))) = unconstrained(listener.accept()).now_or_never() {
        connect(stream, peer, router.clone(), &connections);
    }
    drop(listener);
    // A connection is closed at once where nothing has been read yet.
    time::sleep(LAST_WORDS).await;
    if time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        info!("some requests did not end in time");
    }
}

fn connect(stream: TcpStream, peer: SocketAddr, router: Router, connections: &GracefulShutdown) {
    // Neither is worth refusing anybody for.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(TokioIo::new(stream), answer);
    // A connection that breaks is the visitor's business.
    tokio::spawn(connections.watch(connection));
}
