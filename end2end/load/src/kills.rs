//! Kills the server again and again, in the middle of whatever it does, while many residents write. Whoever gets no answer sends the same
//! message with the same key until it is acknowledged, and of those acknowledged every third is sent again, across restarts too. What the
//! database holds afterwards is compared with everything that was acknowledged.

use crate::{
    http::Connection,
    ledger::Entry,
    now::new_id,
    resident::{Resident, Street},
    server::{Recipe, Server},
};
use model::ClientKey;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time};

/// How it went, besides the comparison.
#[derive(Debug, Default)]
pub struct Run {
    pub kills: usize,
    /// Milliseconds from each start to the first answer, fastest first.
    pub starts: Vec<u128>,
    pub acknowledged: u64,
    /// Sent once more after they had been acknowledged.
    pub repeated: u64,
    /// Sent again because no answer had come.
    pub retried: u64,
    /// What should never happen: a repeated message under another number.
    pub wrong: Vec<String>,
}

#[derive(Default)]
struct Count {
    acknowledged: AtomicU64,
    repeated: AtomicU64,
    retried: AtomicU64,
}

/// Kills until there have been so many, or longer until so many messages are acknowledged.
pub async fn run(recipe: &Recipe, server: Server, street: &Arc<Street>, clients: usize, kills: usize, acknowledged: u64) -> Result<(Server, Run), String> {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(Count::default()));
    let mut writers = JoinSet::new();
    for client in 0..clients {
        writers.spawn(write(street.clone(), client as u64, stop.clone(), count.clone()));
    }
    let mut rng = StdRng::seed_from_u64(2020);
    let (mut server, mut run) = (server, Run::default());
    while run.kills < kills || count.acknowledged.load(Ordering::Relaxed) < acknowledged {
        time::sleep(Duration::from_millis(rng.random_range(100..700))).await;
        server.kill().await?;
        server = recipe.start().await?;
        run.kills += 1;
        run.starts.push(server.started_in.as_millis());
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = writers.join_next().await {
        run.wrong.extend(ended.map_err(|e| e.to_string())?);
    }
    run.starts.sort_unstable();
    run.acknowledged = count.acknowledged.load(Ordering::Relaxed);
    run.repeated = count.repeated.load(Ordering::Relaxed);
    run.retried = count.retried.load(Ordering::Relaxed);
    Ok((server, run))
}

/// One client: takes a resident, lets them write a few messages, and gives them back. A resident is never with two clients, so that their
/// messages have an order.
async fn write(street: Arc<Street>, seed: u64, stop: Arc<AtomicBool>, count: Arc<Count>) -> Vec<String> {
    let (mut rng, mut wrong) = (StdRng::seed_from_u64(seed), Vec::new());
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(resident) = street.residents.lock().await.pop_front() else {
            time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        for _ in 0..3 {
            let (number, text) = street.write();
            let key = ClientKey(new_id());
            let Some(seq) = acknowledged(&street, &mut connection, &resident, key, &text, &count).await else { break };
            count.acknowledged.fetch_add(1, Ordering::Relaxed);
            if rng.random_range(0..3) == 0
                && let Some(again) = acknowledged(&street, &mut connection, &resident, key, &text, &count).await
            {
                count.repeated.fetch_add(1, Ordering::Relaxed);
                if again != seq {
                    wrong.push(format!("number {seq} became {again}"));
                }
            }
            let entry = Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text };
            street.ledger.lock().await.acknowledged.push(entry);
        }
        street.residents.lock().await.push_back(resident);
    }
    wrong
}

/// Sends until there is an answer. `None` when the device has written enough for this minute: that message was not taken.
async fn acknowledged(street: &Street, connection: &mut Option<Connection>, resident: &Resident, key: ClientKey, text: &str, count: &Count) -> Option<i64> {
    loop {
        if connection.is_none() {
            match Connection::open(street.host).await {
                Ok(open) => *connection = Some(open),
                Err(_) => {
                    time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
            }
        }
        let open = connection.as_mut()?;
        let path = format!("/c/{}", resident.conversation);
        match open.post(&path, &resident.cookie, &[("key", &key.to_string()), ("text", text)]).await {
            Ok(reply) if reply.status == 200 => return String::from_utf8_lossy(&reply.body).parse().ok(),
            Ok(reply) if reply.status == 429 => return None,
            // The server is just starting or stopping.
            Ok(_) => {}
            Err(_) => *connection = None,
        }
        count.retried.fetch_add(1, Ordering::Relaxed);
        time::sleep(Duration::from_millis(2)).await;
    }
}
