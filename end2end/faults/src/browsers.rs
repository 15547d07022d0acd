//! Residents who open pages and write as browsers do it. A request on a connection kept from before, closed without a byte of an answer, goes out
//! once more on a new one; everything else that is no page, redirect or number is an error that somebody would have seen.

use load::{
    http::{Connection, Reply},
    ledger::Entry,
    now::new_id,
    resident::Street,
};
use model::ClientKey;
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time};

/// Between two requests of a browser: all of them together come from one address, of which only so many are answered in a second.
const PAUSE: Duration = Duration::from_millis(25);

pub struct Browsers {
    tasks: JoinSet<Met>,
    stop: Arc<AtomicBool>,
}

/// What they met.
#[derive(Debug, Default)]
pub struct Met {
    pub requests: usize,
    pub repeated: usize,
    pub errors: BTreeMap<String, usize>,
    pub slowest: Duration,
}

impl Browsers {
    pub fn start(street: &Arc<Street>, count: usize) -> Browsers {
        let stop = Arc::new(AtomicBool::new(false));
        Browsers { tasks: (0..count).map(|_| browse(street.clone(), stop.clone())).collect(), stop }
    }

    pub async fn stop(mut self) -> Result<Met, String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Met::default();
        while let Some(ended) = self.tasks.join_next().await {
            let met = ended.map_err(|e| e.to_string())?;
            all.requests += met.requests;
            all.repeated += met.repeated;
            all.slowest = all.slowest.max(met.slowest);
            for (error, count) in met.errors {
                *all.errors.entry(error).or_default() += count;
            }
        }
        Ok(all)
    }
}

impl Met {
    pub fn row(&self) -> String {
        let errors: usize = self.errors.values().sum();
        format!("{} requests of browsers, {} of them repeated on a new connection, {errors} errors seen", self.requests, self.repeated)
    }

    fn note(&mut self, what: &str, met: io::Result<Reply>) -> Option<Reply> {
        self.requests += 1;
        match met {
            Ok(reply) if matches!(reply.status, 200..400) => Some(reply),
            // Of a device only ten messages are taken in a minute, whatever happens.
            Ok(reply) if reply.status == 429 && what == "a message" => None,
            other => {
                let error = other.map_or_else(|e| format!("{what}: {e}"), |reply| format!("{what}: status {}", reply.status));
                *self.errors.entry(error).or_default() += 1;
                None
            }
        }
    }
}

async fn browse(street: Arc<Street>, stop: Arc<AtomicBool>) -> Met {
    let (mut met, mut kept) = (Met::default(), None);
    while !stop.load(Ordering::Relaxed) {
        let Some(resident) = street.residents.lock().await.pop_front() else {
            time::sleep(PAUSE).await;
            continue;
        };
        let path = format!("/c/{}", resident.conversation);
        for (what, path, cookie) in [("a sticker's page", street.scan.as_str(), ""), ("a conversation", &path, &resident.cookie)] {
            let reply = ask(&street, &mut kept, &mut met, path, cookie, &[]).await;
            met.note(what, reply);
            time::sleep(PAUSE).await;
        }
        let ((number, text), key) = (street.write(), ClientKey(new_id()));
        let reply = ask(&street, &mut kept, &mut met, &path, &resident.cookie, &[("key", &key.to_string()), ("text", &text)]).await;
        match met.note("a message", reply).and_then(|reply| String::from_utf8_lossy(&reply.body).parse().ok()) {
            Some(seq) => {
                let entry = Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text };
                street.ledger.lock().await.acknowledged.push(entry);
            }
            None => drop(street.ledger.lock().await.unanswered.insert(text)),
        }
        street.residents.lock().await.push_back(resident);
        time::sleep(PAUSE).await;
    }
    met
}

async fn ask(street: &Street, kept: &mut Option<Connection>, met: &mut Met, path: &str, cookie: &str, fields: &[(&str, &str)]) -> io::Result<Reply> {
    let since = Instant::now();
    let reply = ask_twice(street, kept, met, path, cookie, fields).await;
    met.slowest = met.slowest.max(since.elapsed());
    reply
}

async fn ask_twice(street: &Street, kept: &mut Option<Connection>, met: &mut Met, path: &str, cookie: &str, fields: &[(&str, &str)]) -> io::Result<Reply> {
    if let Some(mut connection) = kept.take() {
        match send(&mut connection, path, cookie, fields).await {
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => met.repeated += 1,
            other => {
                *kept = Some(connection);
                return other;
            }
        }
    }
    let mut connection = Connection::open(street.host).await?;
    let reply = send(&mut connection, path, cookie, fields).await?;
    *kept = Some(connection);
    Ok(reply)
}

async fn send(connection: &mut Connection, path: &str, cookie: &str, fields: &[(&str, &str)]) -> io::Result<Reply> {
    if fields.is_empty() { connection.get_as(path, cookie).await } else { connection.post(path, cookie, fields).await }
}
