//! Workers and residents who have a page open and wait while everything else goes on: their live streams.

use crate::{http::Connection, http::Stream, resident, town::Town};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::task::JoinSet;

pub struct Watching {
    readers: JoinSet<()>,
    events: Arc<AtomicU64>,
}

impl Watching {
    /// So many streams: every other one a worker's inbox, the busiest grids' first, the others residents' conversations.
    pub async fn begin(town: Town, addr: SocketAddr, count: usize) -> Result<Watching, String> {
        let mut watching = Watching { readers: JoinSet::new(), events: Arc::default() };
        for n in 0..count {
            let stream = open(town, addr, n).await.map_err(|e| format!("a stream could not be opened: {e}"))?;
            watching.readers.spawn(read(stream, watching.events.clone()));
        }
        Ok(watching)
    }

    /// How many streams have ended meanwhile, and how many events came in all.
    pub fn finish(mut self) -> (usize, u64) {
        let mut ended = 0;
        while self.readers.try_join_next().is_some() {
            ended += 1;
        }
        (ended, self.events.load(Ordering::Relaxed))
    }
}

async fn open(town: Town, addr: SocketAddr, n: usize) -> io::Result<Stream> {
    let connection = Connection::open_from(addr, resident::loopback(n)).await?;
    if n.is_multiple_of(2) {
        return connection.stream("/inbox/live", &format!("session={}", town.session_key(n / 2))).await;
    }
    let resident = n / 2 % town.residents;
    connection.stream(&format!("/c/{}/live", town.conversation(resident)), &format!("device={}", town.device_key(resident))).await
}

async fn read(mut stream: Stream, events: Arc<AtomicU64>) {
    while let Ok(line) = stream.line().await {
        if line.starts_with("event:") {
            events.fetch_add(1, Ordering::Relaxed);
        }
    }
}
