//! Those who write one byte a second and those who never read, hundreds of them, beside browsers that behave.

use crate::{browsers::Browsers, streams, verdict::Verdict};
use clap::Args;
use load::{resident::Street, scene::Scene};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};

#[derive(Args)]
pub struct Slow {
    /// The server, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 1_000)]
    residents: usize,
    /// Connections of each kind
    #[arg(long, default_value_t = 300)]
    each: usize,
    #[arg(long, default_value_t = 90)]
    seconds: u64,
    /// By how many MB the server may grow
    #[arg(long, default_value_t = 200)]
    megabytes: u64,
}

/// Seconds after which nobody writes a request any more, and one for who is last to hear of it.
const CUT_OFF: u64 = 45;

pub async fn run(typed: &Slow) -> Result<Verdict, String> {
    let mut scene = Scene::prepare(&typed.binary, None)?;
    scene.recipe.settings.push(("LINLI_TRUST_PROXY", "true".to_owned()));
    let server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let (mut verdict, lasts) = (Verdict::default(), Duration::from_secs(typed.seconds));
    let before = server.memory()?;

    let heads = crowd(typed.each, server.addr, lasts, "GET / HTTP/1.1\r\nX-Slow: ");
    let begun = format!("POST {} HTTP/1.1\r\nHost: linli\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n", scene.scan);
    let bodies = crowd(typed.each, server.addr, lasts, &begun);
    // Of a kind that no page sends, with a cookie: it is read before anybody knows what it is.
    let strange =
        format!("POST /view HTTP/1.1\r\nHost: linli\r\nContent-Type: text/plain\r\nCookie: device={}\r\nContent-Length: 1000\r\n\r\n", "a".repeat(26));
    let strange = crowd(typed.each, server.addr, lasts, &strange);
    // All of them from one address, which is not this machine's: that speaks for everybody, as a proxy does.
    let pages = format!("GET {} HTTP/1.1\r\nHost: linli\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n", scene.scan).repeat(200);
    let mut deaf = Vec::new();
    for _ in 0..typed.each {
        deaf.push(deaf_to(server.addr, &pages).await?);
    }
    let unread = unread_streams(&street, typed.each).await?;

    let browsers = Browsers::start(&street, typed.clients);
    time::sleep(lasts).await;
    let met = browsers.stop().await?;
    let grown = server.memory()?.saturating_sub(before) / 1024;
    verdict.say(format!("{} each: slow heads, slow bodies, readers of pages who never read, streams never read ({} opened)", typed.each, unread.len()));
    verdict.say(format!("beside them {}, the slowest in {} ms", met.row(), met.slowest.as_millis()));
    verdict.expect(met.errors.is_empty(), format!("browsers saw {:?}", met.errors));
    verdict.say(format!("the server grew by {grown} MB"));
    verdict.expect(grown <= typed.megabytes, "the server grew too much");
    for (what, crowd) in [("heads", heads), ("bodies", bodies), ("bodies of a strange kind", strange)] {
        let left = crowd.join_all().await.into_iter().filter(|is_open| *is_open).count();
        verdict.say(format!("slow {what}: {left} of {} were still open after {} s", typed.each, typed.seconds));
        verdict.expect(typed.seconds < CUT_OFF || left == 0, format!("slow {what} were not cut off"));
    }
    drop((deaf, unread));
    server.stop().await?;
    Ok(verdict)
}

/// So many who begin a request and go on with a byte a second; each tells at the end whether its connection is still open.
fn crowd(count: usize, addr: SocketAddr, lasts: Duration, begun: &str) -> JoinSet<bool> {
    (0..count).map(|_| write_slowly(addr, lasts, begun.to_owned())).collect()
}

async fn write_slowly(addr: SocketAddr, lasts: Duration, begun: String) -> bool {
    let writing = async {
        let mut stream = TcpStream::connect(addr).await?;
        stream.write_all(begun.as_bytes()).await?;
        let (mut from, mut to) = stream.into_split();
        let mut answer = [0; 1024];
        loop {
            tokio::select! {
                // Whatever comes, the server does not wait any longer.
                read = from.read(&mut answer) => return read,
                () = time::sleep(Duration::from_secs(1)) => to.write_all(b"x").await?,
            }
        }
    };
    time::timeout(lasts, writing).await.is_err()
}

async fn deaf_to(addr: SocketAddr, requests: &str) -> Result<TcpStream, String> {
    let asked = async {
        let mut stream = TcpStream::connect(addr).await?;
        // What the server does not take any more is not waited for.
        let _ = time::timeout(Duration::from_millis(50), stream.write_all(requests.as_bytes())).await;
        std::io::Result::Ok(stream)
    };
    asked.await.map_err(|e| e.to_string())
}

async fn unread_streams(street: &Street, count: usize) -> Result<Vec<impl Sized>, String> {
    let mut open = Vec::new();
    for resident in street.residents.lock().await.iter().take(count) {
        open.push(streams::open(street.host, resident.conversation, &resident.cookie, None).await.map_err(|e| e.to_string())?);
    }
    Ok(open)
}
