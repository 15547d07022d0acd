//! The morning when everybody comes: an open loop at once, ten times and a hundred times what the server can do, in the town.

use crate::{
    machine,
    open::{self, Lane, Outcome, Sample, Stage},
    person::{Errand, Noted, Person, lost_or_doubled},
    picture::{self, Line},
    server::{Recipe, Server},
    town::Town,
    watching::Watching,
};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use store::Db;
use tokio::{task::JoinSet, time};

/// What people do, and how many of a thousand do it.
const ERRANDS: [(Errand, u64); 9] = [
    (Errand::Sticker, 250),
    (Errand::FirstMessage, 4),
    (Errand::Conversation, 380),
    (Errand::Message, 20),
    (Errand::Inbox, 150),
    (Errand::Answer, 6),
    (Errand::History, 70),
    (Errand::SearchChinese, 90),
    (Errand::Figures, 30),
];

/// What the request with this number is: as many of each as there should be, well mixed.
fn kind(number: u64) -> usize {
    let mut left = number.wrapping_mul(617) % 1000;
    ERRANDS.iter().position(|(_, share)| left.checked_sub(*share).map(|rest| left = rest).is_none()).unwrap_or(0)
}

impl Lane for Person {
    async fn request(&mut self, number: u64) -> (u8, Outcome) {
        let number = kind(number);
        (number as u8, self.go(ERRANDS[number].0).await)
    }

    fn kind(&self, number: u64) -> u8 {
        kind(number) as u8
    }
}

/// How many of these requests a second are answered when 64 people each wait for their answers.
async fn capacity(town: Town, addr: SocketAddr, seconds: u64) -> Result<f64, String> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut people: JoinSet<u64> = (0..64_usize).map(|lane| closed(Person::new(town, addr, 100_000 + lane), lane as u64 * 100_003, deadline)).collect();
    let mut done = 0;
    while let Some(ended) = people.join_next().await {
        done += ended.map_err(|e| e.to_string())?;
    }
    Ok(done as f64 / seconds as f64)
}

async fn closed(mut person: Person, first: u64, deadline: Instant) -> u64 {
    let mut done = 0;
    let mut number = first;
    while Instant::now() < deadline {
        number += 1;
        done += u64::from(person.request(number).await.1 == Outcome::Done);
    }
    done
}

/// What a storm is made of.
pub struct Storm<'a> {
    pub town: Town,
    /// Seconds of each stage, and of the calm after it.
    pub seconds: u64,
    /// People at the same time.
    pub lanes: usize,
    /// Live streams that are held meanwhile.
    pub watching: usize,
    pub multiples: &'a [f64],
    /// Where a picture goes.
    pub picture: Option<&'a Path>,
}

/// False if first messages or answers were not taken while less urgent things were.
pub async fn run(storm: Storm<'_>, recipe: &mut Recipe) -> Result<bool, String> {
    recipe.settings.push(("LINLI_CLOCK", storm.town.now.timestamp().to_string()));
    recipe.settings.push(("LINLI_TRUST_PROXY", "true".to_owned()));
    let server = recipe.start().await?;
    capacity(storm.town, server.addr, 3).await?;
    let capacity = capacity(storm.town, server.addr, 10).await?;
    let quiet = server.memory()?;
    println!("{}\n\n{capacity:.0} requests a second of this mixture are answered with 64 people at a time; {quiet} kB", machine::line());

    let stage = |name: String, per_second: f64| Stage { name, per_second, seconds: storm.seconds };
    let mut stages = vec![stage("before, half".to_owned(), capacity / 2.0)];
    stages.extend(storm.multiples.iter().map(|times| stage(format!("{times}×"), capacity * times)));
    stages.push(stage("after, half".to_owned(), capacity / 2.0));
    let stages = Arc::new(stages);
    let noted = Noted::default();
    let lanes: Vec<Person> = (0..storm.lanes).map(|lane| Person::new(storm.town, server.addr, lane).noting(&noted)).collect();
    let watching = Watching::begin(storm.town, server.addr, storm.watching).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (samples, (server, most)) = tokio::join!(
        async {
            let samples = open::run(time::Instant::now(), stages.clone(), lanes).await;
            is_over.store(true, Ordering::Relaxed);
            samples
        },
        watch(server, &is_over)
    );
    let samples = samples?;
    println!("\n{HEADER}");
    let rows: Vec<Row> = (0..stages.len()).map(|n| Row::of(&stages, n, &samples)).collect();
    rows.iter().for_each(|row| println!("{}", row.text(capacity)));
    println!("\nadmitted of each kind, in %\n{}", shares_header());
    (0..stages.len()).for_each(|n| println!("{}", shares(&stages, n, &samples)));
    println!("\nat most {most} kB; normal again {} s after the storm", normal_after(&stages, &samples));
    if let Some(path) = storm.picture {
        draw(path, &stages, &samples, capacity)?;
    }
    let (ended, events) = watching.finish();
    println!("of {} live streams of workers and residents {ended} ended meanwhile; {events} events came", storm.watching);
    server.stop().await?;
    let acknowledged = noted.lock().unwrap_or_else(PoisonError::into_inner).len();
    let db = Db::open(&recipe.database).await.map_err(|e| e.to_string())?;
    let wrong = lost_or_doubled(&db, &noted).await?;
    db.close().await;
    println!("{acknowledged} acknowledged messages looked up afterwards: {wrong} missing, different or doubled");
    Ok(wrong == 0 && ended == 0 && rows.iter().all(|row| row.vital >= 0.999))
}

/// The most memory it took, in kB.
async fn watch(server: Server, is_over: &AtomicBool) -> (Server, u64) {
    let mut most = 0;
    while !is_over.load(Ordering::Relaxed) {
        most = server.memory().unwrap_or(0).max(most);
        time::sleep(Duration::from_millis(500)).await;
    }
    (server, most)
}

const HEADER: &str = "stage            meant/s  offered/s  admitted/s  of capacity  vital %   p50 ms   p99 ms  refused/s   p99 ms  429/s  failed/s";

struct Row {
    name: String,
    meant: f64,
    offered: f64,
    done: f64,
    /// Of first messages and answers, the share that was taken.
    vital: f64,
    /// Of those admitted, from the moment meant.
    millis: [f64; 2],
    refused: f64,
    /// From sending to the answer.
    refused_millis: f64,
    limited: f64,
    failed: f64,
}

fn of_stage<'a>(stages: &[Stage], n: usize, samples: &'a [Sample]) -> impl Iterator<Item = &'a Sample> {
    let from: u64 = stages[..n].iter().map(|s| s.seconds).sum();
    let span = from..from + stages[n].seconds;
    samples.iter().filter(move |s| span.contains(&u64::from(s.second)))
}

fn is_vital(sample: &Sample) -> bool {
    matches!(ERRANDS[usize::from(sample.kind)].0, Errand::FirstMessage | Errand::Answer)
}

impl Row {
    fn of(stages: &[Stage], n: usize, samples: &[Sample]) -> Row {
        let here: Vec<&Sample> = of_stage(stages, n, samples).filter(|s| s.outcome != Outcome::Missed).collect();
        let seconds = stages[n].seconds as f64;
        let rate = |outcome| here.iter().filter(|s| s.outcome == outcome).count() as f64 / seconds;
        let sorted = |outcome, micros: fn(&Sample) -> u32| {
            let mut all: Vec<u32> = here.iter().filter(|s| s.outcome == outcome).map(|s| micros(s)).collect();
            all.sort_unstable();
            all
        };
        let (done, refused) = (sorted(Outcome::Done, |s| s.micros), sorted(Outcome::Refused, |s| s.service_micros));
        let vital: Vec<&&Sample> = here.iter().filter(|s| is_vital(s)).collect();
        let taken = vital.iter().filter(|s| s.outcome == Outcome::Done).count();
        Row {
            name: stages[n].name.clone(),
            meant: stages[n].per_second,
            offered: here.len() as f64 / seconds,
            done: rate(Outcome::Done),
            vital: if vital.is_empty() { 1.0 } else { taken as f64 / vital.len() as f64 },
            millis: [open::millis(&done, 0.5), open::millis(&done, 0.99)],
            refused: rate(Outcome::Refused),
            refused_millis: open::millis(&refused, 0.99),
            limited: rate(Outcome::Limited),
            failed: rate(Outcome::Failed),
        }
    }

    fn text(&self, capacity: f64) -> String {
        format!(
            "{:<14} {:>9.0} {:>10.0} {:>11.0} {:>11.0}% {:>8.2} {:>8.1} {:>8.1} {:>10.0} {:>8.1} {:>6.1} {:>9.1}",
            self.name,
            self.meant,
            self.offered,
            self.done,
            self.done / capacity * 100.0,
            self.vital * 100.0,
            self.millis[0],
            self.millis[1],
            self.refused,
            self.refused_millis,
            self.limited,
            self.failed
        )
    }
}

fn shares_header() -> String {
    let names: String = ERRANDS.iter().map(|(errand, _)| format!("{:>26}", errand.name())).collect();
    format!("{:<14}{names}", "stage")
}

fn shares(stages: &[Stage], n: usize, samples: &[Sample]) -> String {
    let mut counts = [(0_u64, 0_u64); ERRANDS.len()];
    for sample in of_stage(stages, n, samples).filter(|s| s.outcome != Outcome::Missed) {
        let count = &mut counts[usize::from(sample.kind)];
        count.0 += u64::from(sample.outcome == Outcome::Done);
        count.1 += 1;
    }
    let shares: String = counts.iter().map(|(done, all)| format!("{:>26.2}", *done as f64 / (*all).max(1) as f64 * 100.0)).collect();
    format!("{:<14}{shares}", stages[n].name)
}

/// Admitted requests of each second in which any were: the share of their times.
fn millis_of(samples: &[Sample], second: u32, share: f64) -> f64 {
    let mut here: Vec<u32> = samples.iter().filter(|s| s.second == second && s.outcome == Outcome::Done).map(|s| s.micros).collect();
    here.sort_unstable();
    open::millis(&here, share)
}

/// Seconds until half the capacity is answered as it was before the storm: nine tenths as many in a second, and no first message or answer refused.
fn normal_after(stages: &[Stage], samples: &[Sample]) -> u64 {
    let usual = stages[0].per_second * 0.9 * share_done(stages, samples);
    let all: u64 = stages.iter().map(|s| s.seconds).sum();
    let end = all - stages.last().map_or(0, |s| s.seconds);
    let is_bad = |second: u64| {
        let here: Vec<&Sample> = samples.iter().filter(|s| u64::from(s.second) == second).collect();
        let done = here.iter().filter(|s| s.outcome == Outcome::Done).count() as f64;
        done < usual || here.iter().any(|s| is_vital(s) && s.outcome != Outcome::Done)
    };
    (end..all).rev().find(|second| is_bad(*second)).map_or(0, |last| last + 1 - end)
}

/// The share of the first stage's requests that was answered.
fn share_done(stages: &[Stage], samples: &[Sample]) -> f64 {
    let before: Vec<&Sample> = of_stage(stages, 0, samples).collect();
    before.iter().filter(|s| s.outcome == Outcome::Done).count() as f64 / before.len().max(1) as f64
}

fn draw(path: &Path, stages: &[Stage], samples: &[Sample], capacity: f64) -> Result<(), String> {
    let all: u64 = stages.iter().map(|s| s.seconds).sum();
    let seconds = 0..u32::try_from(all).unwrap_or(0);
    let rate = |keep: fn(&Sample) -> bool| {
        let mut counts = vec![0_u32; all as usize];
        samples.iter().filter(|s| keep(s)).for_each(|s| counts[s.second as usize] += 1);
        counts.into_iter().enumerate().map(|(x, y)| (x as f64, f64::from(y).max(1.0))).collect()
    };
    // A second in which nobody was admitted has no time.
    let times = |share| seconds.clone().map(|s| (f64::from(s), millis_of(samples, s, share))).filter(|(_, millis)| *millis > 0.0).collect();
    let rates = [
        Line { name: "offered", points: rate(|s| s.outcome != Outcome::Missed) },
        Line { name: "admitted", points: rate(|s| s.outcome == Outcome::Done) },
        Line { name: "first messages and answers admitted", points: rate(|s| s.outcome == Outcome::Done && is_vital(s)) },
    ];
    let latencies = [Line { name: "p50 of those admitted", points: times(0.5) }, Line { name: "p99", points: times(0.99) }];
    let title = stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(" → ");
    let under = format!("capacity {capacity:.0}/s; {}", machine::line());
    picture::draw(path, &title, &under, &[("requests a second", "seconds", &rates), ("milliseconds from the moment meant", "seconds", &latencies)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_each_kind_has_its_share() {
        assert_eq!(ERRANDS.iter().map(|(_, share)| share).sum::<u64>(), 1000);
        for (n, (errand, share)) in ERRANDS.iter().enumerate() {
            assert_eq!((0..1000).filter(|number| kind(*number) == n).count() as u64, *share, "{errand:?}");
        }
    }
}
