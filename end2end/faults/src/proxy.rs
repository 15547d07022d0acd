//! A TCP proxy on this machine that breaks connections.

use rand::Rng;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Every new connection is cut after so many bytes at most.
    Cut(usize),
    /// Passes nothing on and keeps connections open.
    Hold,
    /// Closes what is open and whatever comes.
    Refuse,
}

pub struct Proxy {
    pub addr: SocketAddr,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Result<Proxy, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| e.to_string())?;
        let addr = listener.local_addr().map_err(|e| e.to_string())?;
        let (mode, told) = watch::channel(Mode::Pass);
        let cuts = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(listener, to, told, cuts.clone()));
        Ok(Proxy { addr, mode, cuts, task })
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Connections cut in the middle so far.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, mode: watch::Receiver<Mode>, cuts: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        let (mode, cuts) = (mode.clone(), cuts.clone());
        tokio::spawn(async move {
            let _ = pass(client, to, mode, &cuts).await;
        });
    }
}

/// Until one side closes, the bytes are used up, or nothing is to be passed any more; then both sides are closed.
async fn pass(client: TcpStream, to: SocketAddr, mut mode: watch::Receiver<Mode>, cuts: &AtomicUsize) -> io::Result<()> {
    let now = *mode.borrow_and_update();
    let left = match now {
        Mode::Refuse => return Ok(()),
        Mode::Cut(most) => rand::rng().random_range(1..=most),
        Mode::Pass | Mode::Hold => usize::MAX,
    };
    let (left, server) = (AtomicUsize::new(left), TcpStream::connect(to).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
    tokio::select! {
        _ = pump(client_in, server_out, mode.clone(), &left) => {}
        _ = pump(server_in, client_out, mode.clone(), &left) => {}
        _ = mode.wait_for(|m| *m == Mode::Refuse) => {}
    }
    if left.load(Ordering::Relaxed) == 0 {
        cuts.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>, left: &AtomicUsize) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let _ = mode.wait_for(|m| *m != Mode::Hold).await;
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(count))).unwrap_or_default();
        to.write_all(&bytes[..count.min(before)]).await?;
        if before <= count {
            return Ok(());
        }
    }
}
