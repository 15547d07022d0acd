//! Accepts connections and ends them, on threads that do nothing else: a socket of its own or one that systemd holds through a restart, limits
//! for who sends or reads slowly, and a stop that lets every request end.

use crate::{connection::Connections, settings::Stop};
use axum::Router;
use futures::FutureExt;
use listenfd::ListenFd;
use proxy_header::{ParseConfig, io::ProxiedStream};
use std::{io, net::SocketAddr, num::NonZeroUsize, thread, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    sync::oneshot,
    task::unconstrained,
    time,
};
use tracing::{info, warn};

/// Who takes nothing of what was sent for so long, in milliseconds, is gone.
const UNREAD: u32 = 30_000;
/// A balancer names the visitor within this time.
const NAMED: Duration = Duration::from_secs(5);
/// How long requests may take to end after the stop signal.
const DRAIN: Duration = Duration::from_secs(10);

/// The socket that systemd hands over, else one of our own. Systemd's stays open while the program is restarted: who connects meanwhile waits.
pub async fn socket(addr: SocketAddr) -> Result<TcpListener, Stop> {
    let cannot = |e: io::Error| Stop::Setting(format!("addr: {addr} cannot be listened on: {e}"));
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

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or nobody could start again within the minute in which old connections are remembered.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(WAITING)
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Who has connected.
    Itself,
    /// Whom the balancer names at the beginning of each connection (PROXY protocol, version 1 or 2).
    Named,
}

/// Takes connections until `stopping`, then lets the requests that have begun end. Connections are looked after on threads that do nothing else: when more
/// people come than can be answered, those who are let in do not stand in one line with all who are turned away (see [`crate::gate`]). Half as many threads
/// as there are processors: saying no must not take more.
pub async fn serve(listener: TcpListener, router: Router, peers: Peer, stopping: impl Future<Output = ()>) -> io::Result<()> {
    let listener = listener.into_std()?;
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let door = runtime::Builder::new_multi_thread().thread_name("door").worker_threads(processors.div_ceil(2)).enable_all().build()?;
    let (stop, told) = oneshot::channel::<()>();
    let mut taking = door.spawn(async move {
        let told = async { drop(told.await) };
        take(TcpListener::from_std(listener)?, router, peers, told).await;
        Ok(())
    });
    let taken = tokio::select! {
        failed = &mut taking => failed,
        () = stopping => {
            let _ = stop.send(());
            taking.await
        }
    };
    door.shutdown_background();
    taken.map_err(io::Error::other).flatten()
}

async fn take(listener: TcpListener, router: Router, peers: Peer, stopping: impl Future<Output = ()>) {
    let connections = Connections::default();
    let mut stopping = std::pin::pin!(stopping);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => break,
        };
        match accepted {
            Ok((stream, peer)) => connect(stream, peer, peers, router.clone(), &connections),
            // Too many open files, for instance: some will be closed soon.
            Err(e) => {
                warn!(error = %e, "a connection was not taken");
                time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Who was already in line when it was told to stop; then nobody else, or they would be taken and forgotten.
    while let Some(Ok((stream, peer))) = unconstrained(listener.accept()).now_or_never() {
        connect(stream, peer, peers, router.clone(), &connections);
    }
    drop(listener);
    // A connection is closed at once where nothing has been read yet.
    time::sleep(LAST_WORDS).await;
    if time::timeout(DRAIN, connections.end()).await.is_err() {
        info!("some requests did not end in time");
    }
}

fn connect(stream: TcpStream, peer: SocketAddr, peers: Peer, router: Router, connections: &Connections) {
    // Neither is worth refusing anybody for.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD);
    match peers {
        Peer::Itself => connections.add(stream, peer, router),
        Peer::Named => {
            let known = connections.clone();
            connections.expect(async move {
                // Who says nothing, or something else, is not the balancer.
                if let Ok(Ok(named)) = time::timeout(NAMED, ProxiedStream::create_from_tokio(stream, ParseConfig::default())).await {
                    // It names nobody when it looks after us itself.
                    let peer = named.proxy_header().proxied_address().map_or(peer, |proxied| proxied.source);
                    known.add(named, peer, router);
                }
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use axum::{extract::ConnectInfo, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    async fn said(addr: SocketAddr, begins: &[u8]) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&[begins, b"GET / HTTP/1.1\r\nHost: linli\r\nConnection: close\r\n\r\n"].concat()).await.unwrap();
        let mut said = Vec::new();
        // One that is not let in may be reset.
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8(said).unwrap().split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn behind_a_balancer_that_names_them_visitors_have_their_own_addresses_and_nobody_else_gets_in() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, router, Peer::Named, async {
            let _ = stopped.await;
        }));
        assert_eq!(said(addr, b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n").await, "203.0.113.9");
        let second = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[198, 51, 100, 7, 192, 0, 2, 1, 0x9c, 0x40, 1, 0xbb]].concat();
        assert_eq!(said(addr, &second).await, "198.51.100.7", "version 2");
        assert_eq!(said(addr, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await, "127.0.0.1", "the balancer itself, looking whether it is well");
        assert_eq!(said(addr, b"").await, "");
        let _ = stop.send(());
        serving.await.unwrap().unwrap();
    }
}
