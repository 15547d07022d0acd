//! What pages cost in a town of two years: each with one reader, where the time is the server's, and with many.

use crate::{
    http::Connection,
    phase::{self, Phase, Tally},
    town::{GRIDS, Town},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Who asks for what.
#[derive(Clone, Copy)]
enum Kind {
    Up,
    /// A phone that has never been here scans a sticker.
    Sticker,
    /// A resident opens their conversation.
    Conversation,
    /// A worker opens the inbox.
    Inbox,
    /// The worker of the busiest grid does.
    BusyInbox,
    SearchChinese,
    SearchEnglish,
    BusySearch,
}

const ALL: [(Kind, &str); 8] = [
    (Kind::Up, "GET /up"),
    (Kind::Sticker, "sticker, a new phone"),
    (Kind::Conversation, "conversation, a resident"),
    (Kind::Inbox, "inbox"),
    (Kind::BusyInbox, "inbox of the busiest grid"),
    (Kind::SearchChinese, "search 下水道"),
    (Kind::SearchEnglish, "search drain"),
    (Kind::BusySearch, "search 下水道 in the busiest grid"),
];

pub async fn measure(town: Town, addr: SocketAddr, clients: usize, seconds: u64) -> Result<Vec<Phase>, String> {
    let paths = Arc::new(conversations(town, addr).await?);
    let mut phases = Vec::new();
    for (kind, name) in ALL {
        for clients in [1, clients] {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            phases.push(phase::run(name, clients, |client| read(town, addr, kind, client, paths.clone(), deadline)).await?);
        }
    }
    Ok(phases)
}

/// Some residents with the paths of their conversations.
async fn conversations(town: Town, addr: SocketAddr) -> Result<Vec<(usize, String)>, String> {
    let mut connection = Connection::open(addr).await.map_err(|e| e.to_string())?;
    let mut rng = StdRng::seed_from_u64(town.seed);
    let mut found = Vec::new();
    for _ in 0..500 {
        let resident = rng.random_range(0..town.residents);
        let path = format!("/q/{}", town.code(town.grid_of(resident)));
        let reply = connection.get_as(&path, &format!("device={}", town.device_key(resident))).await.map_err(|e| e.to_string())?;
        found.push((resident, reply.location.ok_or_else(|| format!("status {} from {path}: is this the town of that number?", reply.status))?));
    }
    Ok(found)
}

async fn read(town: Town, addr: SocketAddr, kind: Kind, client: usize, paths: Arc<Vec<(usize, String)>>, deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut rng = StdRng::seed_from_u64(client as u64);
    let mut connection = None;
    while Instant::now() < deadline {
        let (path, cookie) = request(town, kind, &paths, &mut rng);
        if connection.is_none() {
            connection = Connection::open(addr).await.map_err(|e| tally.failed(e)).ok();
        }
        let Some(open) = connection.as_mut() else { continue };
        let since = Instant::now();
        match open.get_as(&path, &cookie).await {
            Ok(reply) if reply.status == 200 => tally.done(since),
            Ok(reply) => tally.failed(format!("status {}", reply.status)),
            Err(e) => {
                tally.failed(e);
                connection = None;
            }
        }
    }
    tally
}

/// The busiest grid is the first.
const BUSIEST: usize = 0;

fn request(town: Town, kind: Kind, paths: &[(usize, String)], rng: &mut StdRng) -> (String, String) {
    let session = |grid: usize| format!("session={}", town.session_key(grid));
    // As busy as where residents live, not as grids are counted.
    let grid = town.grid_of(rng.random_range(0..town.residents));
    let search = |words: &str| format!("/inbox?q={words}");
    match kind {
        Kind::Up => ("/up".to_owned(), String::new()),
        Kind::Sticker => (format!("/q/{}", town.code(rng.random_range(0..GRIDS))), String::new()),
        Kind::Conversation => {
            let (resident, path) = &paths[rng.random_range(0..paths.len())];
            (path.clone(), format!("device={}", town.device_key(*resident)))
        }
        Kind::Inbox => ("/inbox".to_owned(), session(grid)),
        Kind::BusyInbox => ("/inbox".to_owned(), session(BUSIEST)),
        Kind::SearchChinese => (search("%E4%B8%8B%E6%B0%B4%E9%81%93"), session(grid)),
        Kind::SearchEnglish => (search("drain"), session(grid)),
        Kind::BusySearch => (search("%E4%B8%8B%E6%B0%B4%E9%81%93"), session(BUSIEST)),
    }
}
