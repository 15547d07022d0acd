//! Two nodes on one PostgreSQL behind HAProxy: what crosses between them, one killed again and again, both restarted in turn without a failed
//! request, and a migration of the next version while this one runs.

use crate::{
    browsers::{Browsers, Met},
    cluster::Cluster,
    haproxy::Haproxy,
    streams::{self, Streams, numbers_in},
    verdict::Verdict,
    writers::{Writers, percent},
};
use clap::Args;
use load::{
    http::Connection,
    ledger::Entry,
    now::new_id,
    resident::Street,
    scene::Scene,
    server::{Recipe, Server},
};
use model::ClientKey;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time,
};

#[derive(Args)]
pub struct Nodes {
    /// The server, twice, on a fresh PostgreSQL beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 4_000)]
    residents: usize,
    #[arg(long, default_value_t = 32)]
    streams: usize,
    #[arg(long, default_value_t = 100)]
    kills: usize,
    #[arg(long, default_value_t = 100)]
    restarts: usize,
    /// Messages whose way from one node to the other is measured
    #[arg(long, default_value_t = 200)]
    measured: usize,
}

pub async fn run(typed: &Nodes) -> Result<Verdict, String> {
    let cluster = Cluster::start(&typed.binary)?;
    let scene = Scene::prepare(&typed.binary, Some(&cluster.url(cluster.addr)))?;
    let recipes = [scene.recipe.clone(), Recipe::new(&typed.binary, &scene.recipe.database, scene.path())?];
    let mut nodes = [recipes[0].start().await?, recipes[1].start().await?];
    let haproxy = Haproxy::start(scene.path(), &[nodes[0].addr, nodes[1].addr]).await?;
    let street = scene.street_behind(haproxy.addr, nodes[0].addr, typed.clients, typed.residents).await?;
    let mut verdict = Verdict::default();

    across(&street, nodes[0].addr, nodes[1].addr, typed.measured, &mut verdict).await?;
    shared(&scene, nodes[0].addr, nodes[1].addr, &mut verdict).await?;

    let streams = Streams::start(&street, typed.streams).await;
    let (writers, mut rng) = (Writers::start(&street, typed.clients), StdRng::seed_from_u64(2020));
    for turn in 0..typed.kills {
        let node = turn % 2;
        nodes[node].kill().await?;
        nodes[node] = recipes[node].start().await?;
        writers.started();
        haproxy.until_up(node).await?;
        time::sleep(Duration::from_millis(rng.random_range(0..500))).await;
    }
    verdict.say(format!("{} kills, of one node after the other", typed.kills));
    verdict.written(writers.stop().await?);

    let browsers = Browsers::start(&street, typed.clients);
    for turn in 0..typed.restarts {
        nodes = restarted(nodes, turn % 2, &recipes, &haproxy).await?;
    }
    no_errors(&format!("{} rolling restarts", typed.restarts), browsers.stop().await?, &mut verdict);
    nodes = upgraded(nodes, &recipes, &haproxy, &cluster, &street, typed.clients, &mut verdict).await?;

    verdict.heard(streams.finish(&scene.recipe.database).await?);
    for node in nodes {
        node.stop().await?;
    }
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}

/// Takes a node out of the balancer, ends it, starts it and puts it back.
async fn restarted(nodes: [Server; 2], node: usize, recipes: &[Recipe; 2], haproxy: &Haproxy) -> Result<[Server; 2], String> {
    haproxy.drain(node).await?;
    // Whoever was on the way to it has arrived.
    time::sleep(Duration::from_millis(500)).await;
    let [first, second] = nodes;
    let (old, other) = if node == 0 { (first, second) } else { (second, first) };
    old.stop().await?;
    let new = recipes[node].start().await?;
    haproxy.ready(node).await?;
    haproxy.until_up(node).await?;
    Ok(if node == 0 { [new, other] } else { [other, new] })
}

/// What the next version's migrations would do: one adds what this version does not know, a later one takes away what only the one between knew.
/// One table at a time, so that nothing waits for two locks.
const EXPAND: [&str; 6] = [
    "alter table contacts add column nickname text",
    "alter table posts add column nickname text",
    "alter table staff add column nickname text",
    "alter table conversations add column nickname text",
    "create index posts_nickname on posts (nickname)",
    "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        select 9998, 'nickname beside ' || max(version), true, '', 0 from _sqlx_migrations",
];
const CONTRACT: [&str; 5] = [
    "alter table contacts drop column nickname",
    "alter table posts drop column nickname",
    "alter table staff drop column nickname",
    "alter table conversations drop column nickname",
    "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'no nickname beside 9998', true, '', 0)",
];
const BACK: &str = "delete from _sqlx_migrations where version > 9000";

async fn upgraded(
    mut nodes: [Server; 2],
    recipes: &[Recipe; 2],
    haproxy: &Haproxy,
    cluster: &Cluster,
    street: &Arc<Street>,
    clients: usize,
    verdict: &mut Verdict,
) -> Result<[Server; 2], String> {
    let browsers = Browsers::start(street, clients);
    let pause = || time::sleep(Duration::from_secs(2));
    pause().await;
    EXPAND.iter().try_for_each(|statement| cluster.sql(statement))?;
    pause().await;
    for node in [0, 1] {
        nodes = restarted(nodes, node, recipes, haproxy).await?;
    }
    pause().await;
    CONTRACT.iter().try_for_each(|statement| cluster.sql(statement))?;
    pause().await;
    no_errors("a rolling upgrade, its migrations and restarts of this version in between", browsers.stop().await?, verdict);
    verdict.expect(
        Recipe::new(&recipes[0].binary, &recipes[0].database, &recipes[0].folder)?.start().await.is_err(),
        "this version started on tables of the one after the next",
    );
    cluster.sql(BACK)?;
    Ok(nodes)
}

fn no_errors(during: &str, met: Met, verdict: &mut Verdict) {
    verdict.say(format!("{during}: {}", met.row()));
    for (error, count) in &met.errors {
        verdict.expect(false, format!("{during}: {error}, {count} times"));
    }
}

/// How long a message sent through one node takes to a stream that is open through the other.
async fn across(street: &Street, from: SocketAddr, to: SocketAddr, count: usize, verdict: &mut Verdict) -> Result<(), String> {
    let mut micros = Vec::new();
    for _ in 0..count {
        let resident = street.residents.lock().await.pop_front().ok_or("there are too few residents")?;
        let mut stream = streams::open(to, resident.conversation, &resident.cookie, None).await.map_err(|e| e.to_string())?;
        until_message(&mut stream).await?;
        let ((number, text), key) = (street.write(), ClientKey(new_id()));
        let mut connection = Connection::open(from).await.map_err(|e| e.to_string())?;
        let (path, key_text) = (format!("/c/{}", resident.conversation), key.to_string());
        let fields = [("key", key_text.as_str()), ("text", &text)];
        let since = Instant::now();
        let sent = connection.post(&path, &resident.cookie, &fields);
        let (sent, arrived) = tokio::join!(sent, until_message(&mut stream));
        arrived?;
        micros.push(since.elapsed().as_micros());
        let seq = String::from_utf8_lossy(&sent.map_err(|e| e.to_string())?.body).parse().map_err(|_| "no sequence number came back")?;
        street.ledger.lock().await.acknowledged.push(Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text });
        street.residents.lock().await.push_back(resident);
    }
    micros.sort_unstable();
    let millis = |share| percent(&micros, share) as f64 / 1000.0;
    let (half, most, all) = (millis(50), millis(99), millis(100));
    verdict.say(format!("from sending through one node to a stream of the other: {half:.1} ms (median), {most:.1} ms (p99), {all:.1} ms (longest)"));
    Ok(())
}

async fn until_message(stream: &mut BufReader<TcpStream>) -> Result<(), String> {
    let read = async {
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
            if !numbers_in(&line).is_empty() {
                return Ok(());
            }
            line.clear();
        }
        Err("the stream ended".to_owned())
    };
    time::timeout(Duration::from_secs(10), read).await.map_err(|_| "a message did not cross to the other node".to_owned())?
}

/// A session begun and a photo taken through one node are good on the other.
async fn shared(scene: &Scene, one: SocketAddr, other: SocketAddr, verdict: &mut Verdict) -> Result<(), String> {
    let session = scene.sign_in(one).await?;
    let done = async {
        let (mut one, mut other) = (Connection::open(one).await?, Connection::open(other).await?);
        let inbox = other.get_as("/inbox", &session).await?.status;
        let taken = one.upload("/account/photo", &session, "photo", include_bytes!("../photo.png")).await?.status;
        let account = other.get_unpacked("/account", &session).await?;
        let page = String::from_utf8_lossy(&account.body).into_owned();
        let photo = page.split('"').find(|part| part.starts_with("/photo/")).unwrap_or("/photo/none").to_owned();
        std::io::Result::Ok([inbox, taken, other.get(&photo).await?.status])
    };
    let statuses = done.await.map_err(|e| e.to_string())?;
    verdict.expect(statuses == [200, 303, 200], format!("inbox, upload and photo across nodes answer {statuses:?}"));
    verdict.say("a session begun and a photo taken through one node are good on the other");
    Ok(())
}
