//! Residents who go on writing whatever happens to the server. Whoever gets no answer sends the same message with the same key until it is
//! acknowledged, and of those acknowledged every third is sent again after the server has been started anew, as a browser does that was closed before
//! the answer came. Everything acknowledged is in the street's ledger.

use load::{
    http::Connection,
    ledger::Entry,
    now::new_id,
    resident::{Resident, Street},
};
use model::ClientKey;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time};

/// Writers at work.
pub struct Writers {
    tasks: JoinSet<Vec<String>>,
    stop: Arc<AtomicBool>,
    count: Arc<Count>,
}

#[derive(Default)]
struct Count {
    acknowledged: AtomicU64,
    repeated: AtomicU64,
    retried: AtomicU64,
    refused: AtomicU64,
    slowest: AtomicU64,
    starts: AtomicU64,
}

/// Acknowledged messages that a client keeps to send them again: those of half a second between two starts.
const KEPT: usize = 100;

/// An acknowledged message that will be sent again.
struct Again {
    resident: Resident,
    key: ClientKey,
    text: String,
    seq: i64,
    /// Starts of the server when it was acknowledged.
    starts: u64,
}

/// What they did.
#[derive(Debug, Default)]
pub struct Written {
    pub acknowledged: u64,
    /// Sent once more after they had been acknowledged.
    pub repeated: u64,
    /// Sent again because no answer had come.
    pub retried: u64,
    /// Sent again because the answer was an error.
    pub refused: u64,
    /// Milliseconds that one attempt took at most, whatever came of it.
    pub slowest: u64,
    /// What should never happen: a repeated message under another number.
    pub wrong: Vec<String>,
}

impl Writers {
    /// So many clients, who take turns with the street's residents.
    pub fn start(street: &Arc<Street>, clients: usize) -> Writers {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(Count::default()));
        let tasks = (0..clients).map(|client| write(street.clone(), client as u64, stop.clone(), count.clone())).collect();
        Writers { tasks, stop, count }
    }

    /// The server has been started anew.
    pub fn started(&self) {
        self.count.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.count.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets everybody finish what they are writing.
    pub async fn stop(mut self) -> Result<Written, String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut wrong = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            wrong.extend(ended.map_err(|e| e.to_string())?);
        }
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let count = &self.count;
        let (acknowledged, repeated, retried) = (read(&count.acknowledged), read(&count.repeated), read(&count.retried));
        Ok(Written { acknowledged, repeated, retried, refused: read(&count.refused), slowest: read(&count.slowest), wrong })
    }
}

impl Written {
    pub fn row(&self) -> String {
        format!(
            "{} acknowledged, {} of them sent again; {} attempts without an answer, {} answered with an error; the longest took {} ms",
            self.acknowledged, self.repeated, self.retried, self.refused, self.slowest
        )
    }
}

/// Of sorted figures the one that this share does not exceed.
pub fn percent(sorted: &[u128], share: usize) -> u128 {
    sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// One client: takes a resident, lets them write a few messages, and gives them back. A resident is never with two clients, so that their
/// messages have an order.
async fn write(street: Arc<Street>, seed: u64, stop: Arc<AtomicBool>, count: Arc<Count>) -> Vec<String> {
    let (mut rng, mut wrong) = (StdRng::seed_from_u64(seed), Vec::new());
    let (mut connection, mut later) = (None, VecDeque::<Again>::new());
    while !stop.load(Ordering::Relaxed) {
        let starts = count.starts.load(Ordering::Relaxed);
        while let Some(again) = later.pop_front_if(|again| again.starts < starts) {
            wrong.extend(sent_again(&street, &mut connection, &again, &count).await);
        }
        let Some(resident) = street.residents.lock().await.pop_front() else {
            time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        for _ in 0..3 {
            let (number, text) = street.write();
            let key = ClientKey(new_id());
            let Some(seq) = acknowledged(&street, &mut connection, &resident, key, &text, &count).await else { break };
            count.acknowledged.fetch_add(1, Ordering::Relaxed);
            if rng.random_range(0..3) == 0 {
                let resident = Resident { cookie: resident.cookie.clone(), conversation: resident.conversation };
                later.push_back(Again { resident, key, text: text.clone(), seq, starts });
            }
            if later.len() > KEPT
                && let Some(again) = later.pop_front()
            {
                wrong.extend(sent_again(&street, &mut connection, &again, &count).await);
            }
            let entry = Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text };
            street.ledger.lock().await.acknowledged.push(entry);
        }
        street.residents.lock().await.push_back(resident);
    }
    for again in later {
        wrong.extend(sent_again(&street, &mut connection, &again, &count).await);
    }
    wrong
}

/// Sends what has been acknowledged once more; what was wrong with that.
async fn sent_again(street: &Street, connection: &mut Option<Connection>, again: &Again, count: &Count) -> Option<String> {
    let seq = acknowledged(street, connection, &again.resident, again.key, &again.text, count).await?;
    count.repeated.fetch_add(1, Ordering::Relaxed);
    (seq != again.seq).then(|| format!("number {} became {seq}", again.seq))
}

/// Sends until it is taken. `None` when the device has written enough for this minute: that message was not taken, unless by an attempt without
/// an answer.
async fn acknowledged(street: &Street, connection: &mut Option<Connection>, resident: &Resident, key: ClientKey, text: &str, count: &Count) -> Option<i64> {
    let path = format!("/c/{}", resident.conversation);
    loop {
        if connection.is_none() {
            *connection = Connection::open(street.host).await.ok();
        }
        let Some(open) = connection.as_mut() else {
            time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let since = Instant::now();
        let reply = open.post(&path, &resident.cookie, &[("key", &key.to_string()), ("text", text)]).await;
        count.slowest.fetch_max(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        match reply {
            Ok(reply) if reply.status == 200 => return String::from_utf8_lossy(&reply.body).parse().ok(),
            Ok(reply) if reply.status == 429 => return None,
            Ok(_) => {
                count.refused.fetch_add(1, Ordering::Relaxed);
                time::sleep(Duration::from_millis(100)).await;
            }
            Err(_) => {
                count.retried.fetch_add(1, Ordering::Relaxed);
                *connection = None;
                time::sleep(Duration::from_millis(2)).await;
            }
        }
        street.ledger.lock().await.unanswered.insert(text.to_owned());
    }
}
