//! Residents who scan and write. Each has a device of their own, because a device may send only ten messages in a minute.

use crate::{
    http::{Connection, Reply},
    ledger::{Entry, Ledger},
    now::new_id,
    phase::{self, Phase, Tally},
};
use model::{ClientKey, ConversationId};
use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::Mutex;

/// Messages a resident sends after the first, so that together they stay within a device's minute.
pub const FURTHER: u32 = 9;

/// The server under load as residents meet it.
pub struct Street {
    pub host: SocketAddr,
    /// `/q/CODE`, where everybody scans.
    pub scan: String,
    /// Those who have written their first message and may go on.
    pub residents: Mutex<VecDeque<Resident>>,
    pub ledger: Mutex<Ledger>,
    messages: AtomicU64,
    addresses: AtomicU32,
}

pub struct Resident {
    pub cookie: String,
    pub conversation: ConversationId,
}

impl Street {
    pub fn new(host: SocketAddr, scan: String) -> Street {
        Street { host, scan, residents: Mutex::default(), ledger: Mutex::default(), messages: AtomicU64::new(0), addresses: AtomicU32::new(0) }
    }

    /// A message unlike any other of this run, with its number.
    pub fn write(&self) -> (u64, String) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        (number, format!("六号楼二单元三楼的路灯又不亮了，老人晚上下楼看不清台阶。请问什么时候能修？报修 {number}"))
    }

    /// One of 249 addresses in turn: only so many conversations may be begun from one in a minute.
    fn address(&self) -> Ipv4Addr {
        if !self.host.ip().is_loopback() {
            return Ipv4Addr::UNSPECIFIED;
        }
        loopback(self.addresses.fetch_add(1, Ordering::Relaxed) as usize)
    }
}

/// One of 249 addresses of this machine.
pub fn loopback(turn: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(turn % 249).unwrap_or(0) + 2)
}

/// Requests `/up` until the deadline.
pub async fn up(street: Arc<Street>, deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while Instant::now() < deadline {
        let since = Instant::now();
        let answered = match connected(&mut connection, street.host).await {
            Ok(c) => c.get("/up").await,
            Err(e) => Err(e),
        };
        match answered {
            Ok(Reply { status: 200, .. }) => tally.done(since),
            Ok(reply) => tally.failed(format!("status {}", reply.status)),
            Err(e) => {
                tally.failed(e);
                connection = None;
            }
        }
    }
    tally
}

async fn connected(connection: &mut Option<Connection>, host: SocketAddr) -> io::Result<&mut Connection> {
    if connection.is_none() {
        *connection = Some(Connection::open(host).await?);
    }
    connection.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
}

/// So many residents scan and send their first message, as many at once as there are clients.
pub async fn begin_all(street: &Arc<Street>, clients: usize, count: usize) -> Result<Phase, String> {
    let left = Arc::new(AtomicU32::new(u32::try_from(count).unwrap_or(u32::MAX)));
    phase::run("first messages, each after its page", clients, |_| begin(street.clone(), left.clone())).await
}

/// Makes residents who have sent their first message, until `left` is used up. Only the message is timed, not the page before it.
async fn begin(street: Arc<Street>, left: Arc<AtomicU32>) -> Tally {
    let mut tally = Tally::default();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        if let Err(why) = begin_one(&street, &mut tally).await {
            tally.failed(why);
        }
    }
    tally
}

async fn begin_one(street: &Street, tally: &mut Tally) -> Result<(), String> {
    let mut connection = Connection::open_from(street.host, street.address()).await.map_err(|e| e.to_string())?;
    let page = connection.get(&street.scan).await.map_err(|e| e.to_string())?;
    let cookie = page.cookie.filter(|_| page.status == 200).ok_or_else(|| format!("status {} from {}", page.status, street.scan))?;
    let (number, text) = street.write();
    let key = ClientKey(new_id());
    let since = Instant::now();
    let reply = connection.post(&street.scan, &cookie, &[("key", &key.to_string()), ("text", &text)]).await.map_err(|e| e.to_string())?;
    let begun = reply.location.as_deref().and_then(|l| l.strip_prefix("/c/")?.parse::<ConversationId>().ok());
    let conversation = begun.filter(|_| reply.status == 303).ok_or_else(|| format!("status {}", reply.status))?;
    tally.done(since);
    // A redirect names no sequence number, but a new conversation begins with 1.
    street.ledger.lock().await.acknowledged.push(Entry { number, conversation, seq: 1, key: key.with(&text), text });
    street.residents.lock().await.push_back(Resident { cookie, conversation });
    Ok(())
}

/// Lets one resident after another send their further messages, until the deadline or until nobody is left.
pub async fn send(street: Arc<Street>, deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while Instant::now() < deadline {
        let Some(resident) = street.residents.lock().await.pop_front() else { break };
        for _ in 0..FURTHER {
            if Instant::now() >= deadline {
                break;
            }
            if let Err(why) = send_one(&street, &mut connection, &resident, &mut tally).await {
                tally.failed(why);
            }
        }
    }
    tally
}

async fn send_one(street: &Street, connection: &mut Option<Connection>, resident: &Resident, tally: &mut Tally) -> Result<(), String> {
    let open = connected(connection, street.host).await.map_err(|e| e.to_string())?;
    let (number, text) = street.write();
    let (key, conversation) = (ClientKey(new_id()), resident.conversation);
    let since = Instant::now();
    let reply = match open.post(&format!("/c/{conversation}"), &resident.cookie, &[("key", &key.to_string()), ("text", &text)]).await {
        Ok(reply) => reply,
        Err(e) => {
            *connection = None;
            street.ledger.lock().await.unanswered.insert(text);
            return Err(e.to_string());
        }
    };
    if reply.status != 200 {
        return Err(format!("status {}", reply.status));
    }
    let said = String::from_utf8_lossy(&reply.body);
    let seq = said.parse().map_err(|_| format!("\"{said}\" is no sequence number"))?;
    tally.done(since);
    street.ledger.lock().await.acknowledged.push(Entry { number, conversation, seq, key: key.with(&text), text });
    Ok(())
}
