//! Many behind one address: a school where two thousand parents write, and a machine gone wrong that never stops asking.

use crate::{
    machine,
    open::{self, Lane, Outcome, Sample, Stage},
    person::{Errand, Person},
    server::{Recipe, Server},
    town::Town,
};
use std::{net::Ipv4Addr, sync::Arc};
use tokio::time;

const SCHOOL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const ABUSER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// Somebody who does the same errands over and over.
struct Repeating(Person, &'static [Errand]);

impl Lane for Repeating {
    async fn request(&mut self, number: u64) -> (u8, Outcome) {
        let kind = Lane::kind(self, number);
        (kind, self.0.go(self.1[usize::from(kind)]).await)
    }

    fn kind(&self, number: u64) -> u8 {
        (number % self.1.len() as u64) as u8
    }
}

const USUAL: &[Errand] = &[Errand::Sticker, Errand::Conversation, Errand::Message, Errand::Inbox, Errand::Answer];

async fn run_lanes(lanes: Vec<Repeating>, per_second: f64, seconds: u64) -> Result<Vec<Sample>, String> {
    open::run(time::Instant::now(), Arc::new(vec![Stage { name: String::new(), per_second, seconds }]), lanes).await
}

/// Others, each from an address of their own.
async fn others(town: Town, server: &Server, per_second: f64, seconds: u64) -> Result<Vec<Sample>, String> {
    run_lanes((0..256).map(|n| Repeating(Person::new(town, server.addr, n), USUAL)).collect(), per_second, seconds).await
}

fn counts(samples: &[Sample]) -> String {
    let of = |outcome| samples.iter().filter(|s| s.outcome == outcome).count();
    let [done, limited, refused] = [Outcome::Done, Outcome::Limited, Outcome::Refused].map(of);
    format!("{} requests: {done} answered, {limited} told to wait (429), {refused} turned away (503)", samples.len())
}

fn p99(samples: &[Sample]) -> f64 {
    let mut micros: Vec<u32> = samples.iter().filter(|s| s.outcome == Outcome::Done).map(|s| s.micros).collect();
    micros.sort_unstable();
    open::millis(&micros, 0.99)
}

pub struct Crowd {
    pub town: Town,
    /// Requests of the others in a second.
    pub per_second: f64,
    /// Those of the one that never stops.
    pub abuse: f64,
    pub seconds: u64,
    pub parents: u64,
}

/// False if a parent was held up.
pub async fn run(crowd: Crowd, recipe: &mut Recipe) -> Result<bool, String> {
    recipe.settings.push(("LINLI_CLOCK", crowd.town.now.timestamp().to_string()));
    recipe.settings.push(("LINLI_TRUST_PROXY", "true".to_owned()));
    let (town, seconds) = (crowd.town, crowd.seconds);
    let server = recipe.start().await?;
    println!("{}\n", machine::line());

    let parent = |n: usize| Repeating(Person::new(town, server.addr, 10_000 + n).from(SCHOOL), &[Errand::Sticker, Errand::FirstMessage]);
    // Each with a phone of their own, all within the same ten seconds.
    let parents = run_lanes((0..crowd.parents as usize).map(parent).collect(), crowd.parents as f64 * 2.0 / 10.0, 10).await?;
    println!("{} parents behind one address in ten seconds, each with a page and a first message: {}", crowd.parents, counts(&parents));

    others(town, &server, crowd.per_second, 5).await?;
    let before = others(town, &server, crowd.per_second, seconds).await?;
    println!("others alone, {} a second: {}; p99 {:.1} ms", crowd.per_second, counts(&before), p99(&before));
    let greedy = |n: usize| Repeating(Person::new(town, server.addr, 20_000 + n).from(ABUSER), &[Errand::Sticker]);
    let abuse = run_lanes((0..64).map(greedy).collect(), crowd.abuse, seconds);
    let (beside, abuse) = tokio::join!(others(town, &server, crowd.per_second, seconds), abuse);
    let (beside, abuse) = (beside?, abuse?);
    println!("one address beside them, {} a second: {}", crowd.abuse, counts(&abuse));
    println!("others beside it: {}; p99 {:.1} ms, {:.2} times as long", counts(&beside), p99(&beside), p99(&beside) / p99(&before));
    server.stop().await?;
    Ok(parents.iter().all(|s| s.outcome == Outcome::Done))
}
