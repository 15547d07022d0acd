//! Readers whose live streams come back after every cut, as a browser's do: each has to get every message of its conversation once, in order.

use load::{ledger::ALL, resident::Street};
use model::ConversationId;
use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};
use store::{
    Db,
    message::{self, Audience},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time,
};

/// How long readers may take to get the last message.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between a cut and the next attempt; browsers wait longer.
const PAUSE: Duration = Duration::from_millis(50);

type Numbers = HashMap<ConversationId, Vec<i64>>;

pub struct Streams {
    readers: JoinSet<Reader>,
    conversations: Vec<ConversationId>,
    all: watch::Sender<Option<Arc<Numbers>>>,
}

/// What readers got.
#[derive(Debug, Default)]
pub struct Heard {
    pub streams: usize,
    pub messages: usize,
    /// How often streams were opened again after a cut.
    pub resumed: usize,
    pub wrong: Vec<String>,
}

impl Streams {
    /// Opens the streams of so many of the street's residents.
    pub async fn start(street: &Street, count: usize) -> Streams {
        let (all, told) = watch::channel(None);
        let mut streams = Streams { readers: JoinSet::new(), conversations: Vec::new(), all };
        for resident in street.residents.lock().await.iter().take(count) {
            let reader = Reader { host: street.host, cookie: resident.cookie.clone(), conversation: resident.conversation, got: Vec::new(), opened: 0 };
            streams.conversations.push(resident.conversation);
            streams.readers.spawn(reader.run(told.clone()));
        }
        streams
    }

    /// Lets every reader get what is there by now, for which the server has to be up.
    pub async fn finish(mut self, database: &str) -> Result<Heard, String> {
        let all = numbers(database, &self.conversations).await.map_err(|e| format!("the database cannot be read: {e}"))?;
        let all = Arc::new(all);
        let _ = self.all.send(Some(all.clone()));
        let mut heard = Heard { streams: self.conversations.len(), ..Heard::default() };
        while let Some(ended) = self.readers.join_next().await {
            let reader = ended.map_err(|e| e.to_string())?;
            heard.messages += reader.got.len();
            heard.resumed += reader.opened.saturating_sub(1);
            if all.get(&reader.conversation) != Some(&reader.got) {
                heard.wrong.push(format!("a stream did not get each message once and in order, but {:?}", reader.got));
            }
        }
        Ok(heard)
    }
}

/// The numbers of all messages that the resident may read.
async fn numbers(database: &str, conversations: &[ConversationId]) -> store::Result<Numbers> {
    let db = Db::open(database).await?;
    let mut numbers = Numbers::new();
    {
        let mut conn = db.read().await?;
        for id in conversations {
            let messages = message::after(&mut conn, *id, Audience::Contact, 0, ALL).await?;
            numbers.insert(*id, messages.iter().map(|m| m.seq).collect());
        }
    }
    db.close().await;
    Ok(numbers)
}

struct Reader {
    host: SocketAddr,
    cookie: String,
    conversation: ConversationId,
    got: Vec<i64>,
    opened: usize,
}

impl Reader {
    async fn run(mut self, mut told: watch::Receiver<Option<Arc<Numbers>>>) -> Reader {
        loop {
            tokio::select! {
                _ = self.read() => {}
                _ = told.changed() => break,
            }
            time::sleep(PAUSE).await;
        }
        let wanted = told.borrow().as_ref().and_then(|all| all.get(&self.conversation).map(Vec::len)).unwrap_or_default();
        let catching_up = async {
            while self.got.len() < wanted {
                let _ = self.read_until(wanted).await;
                time::sleep(PAUSE).await;
            }
        };
        let _ = time::timeout(PATIENCE, catching_up).await;
        self
    }

    async fn read(&mut self) -> io::Result<()> {
        self.read_until(usize::MAX).await
    }

    /// Reads one stream to its end, or until there are so many messages. It goes on after the last event that came whole.
    async fn read_until(&mut self, wanted: usize) -> io::Result<()> {
        let mut lines = open(self.host, self.conversation, &self.cookie, self.got.last().copied()).await?.lines();
        let mut event = String::new();
        let mut is_first = true;
        while let Some(line) = lines.next_line().await? {
            if !line.is_empty() {
                event.push_str(&line);
                event.push('\n');
                continue;
            }
            // The head of the answer ends like an event.
            if is_first && event.starts_with("HTTP/1.") {
                if !event.contains(" 200 ") {
                    return Ok(());
                }
                self.opened += 1;
            }
            is_first = false;
            self.got.extend(numbers_in(&event));
            event.clear();
            if self.got.len() >= wanted {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// HTTP/1.0, so that the answer comes as it is and not in chunks.
pub async fn open(host: SocketAddr, conversation: ConversationId, cookie: &str, last: Option<i64>) -> io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(host).await?;
    let last = last.map(|number| format!("Last-Event-ID: {number}\r\n")).unwrap_or_default();
    stream.write_all(format!("GET /c/{conversation}/live HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\n{last}\r\n").as_bytes()).await?;
    Ok(BufReader::new(stream))
}

/// Every message is a list item with its number: `id="m12"`.
pub fn numbers_in(event: &str) -> Vec<i64> {
    event.split("id=\"m").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_an_event() {
        let event = "event: messages\ndata: <li id=\"m7\" class=\"x\">…</li><li id=\"m8\">…</li><p id=\"more\"></p>\nid: 8\n";
        assert_eq!(numbers_in(event), [7, 8]);
        assert_eq!(numbers_in("event: promise\ndata: <p id=\"main\"></p>\n"), [0; 0]);
    }
}
