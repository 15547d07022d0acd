//! Many clients doing the same thing at once, and how it went.

use std::{collections::BTreeMap, future::Future, time::Instant};
use tokio::task::JoinSet;

/// What was done: how long each piece took, and what went wrong how often.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    micros: Vec<u32>,
    turned_away: u64,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    pub fn done(&mut self, since: Instant) {
        self.micros.push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
    }

    pub fn failed(&mut self, why: impl ToString) {
        *self.errors.entry(why.to_string()).or_default() += 1;
    }

    /// With 503 and Retry-After, as a server does that has more to do than it can.
    pub fn turned_away(&mut self) {
        self.turned_away += 1;
    }

    fn add(&mut self, other: Tally) {
        self.micros.extend(other.micros);
        self.turned_away += other.turned_away;
        for (why, count) in other.errors {
            *self.errors.entry(why).or_default() += count;
        }
    }
}

#[derive(Debug)]
pub struct Phase {
    pub name: &'static str,
    clients: usize,
    seconds: f64,
    /// Fastest first.
    micros: Vec<u32>,
    turned_away: u64,
    errors: BTreeMap<String, u64>,
}

/// Runs `client` so many times at once until all have ended.
pub async fn run<F>(name: &'static str, clients: usize, client: impl Fn(usize) -> F) -> Result<Phase, String>
where
    F: Future<Output = Tally> + Send + 'static,
{
    let started = Instant::now();
    let mut tasks: JoinSet<Tally> = (0..clients).map(client).collect();
    let mut all = Tally::default();
    while let Some(ended) = tasks.join_next().await {
        all.add(ended.map_err(|e| e.to_string())?);
    }
    let seconds = started.elapsed().as_secs_f64();
    all.micros.sort_unstable();
    Ok(Phase { name, clients, seconds, micros: all.micros, turned_away: all.turned_away, errors: all.errors })
}

impl Phase {
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    pub fn per_second(&self) -> f64 {
        self.count() as f64 / self.seconds
    }

    /// The time in milliseconds that this share of all pieces did not exceed.
    pub fn millis(&self, share: f64) -> f64 {
        let rank = (self.count() as f64 * share).ceil() as usize;
        self.micros.get(rank.saturating_sub(1)).map_or(0.0, |m| f64::from(*m) / 1000.0)
    }

    pub const HEADER: &str = "                                         clients  seconds     done    per s   p50 ms   p99 ms   max ms    away  errors";

    pub fn row(&self) -> String {
        format!(
            "{:<40} {:>7} {:>8.1} {:>8} {:>8.0} {:>8.2} {:>8.2} {:>8.2} {:>7} {:>7}",
            self.name,
            self.clients,
            self.seconds,
            self.count(),
            self.per_second(),
            self.millis(0.5),
            self.millis(0.99),
            self.millis(1.0),
            self.turned_away,
            self.errors.values().sum::<u64>()
        )
    }

    /// What went wrong, one line each.
    pub fn errors(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|(why, count)| format!("{}: {why} ({count} times)", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_clients_are_added_up() {
        let client = |index: usize| async move {
            let mut tally = Tally { micros: vec![u32::try_from(index).unwrap() * 1000], ..Tally::default() };
            if index.is_multiple_of(2) {
                tally.failed("status 500");
            }
            tally
        };
        let phase = run("sends", 101, client).await.unwrap();
        assert_eq!(phase.count(), 101);
        assert_eq!((phase.millis(0.5), phase.millis(0.99), phase.millis(1.0)), (50.0, 99.0, 100.0));
        assert_eq!(phase.errors().collect::<Vec<_>>(), ["sends: status 500 (51 times)"]);
    }

    #[tokio::test]
    async fn nothing_done_is_no_time() {
        let phase = run("sends", 1, |_| async { Tally::default() }).await.unwrap();
        assert_eq!((phase.count(), phase.millis(0.99)), (0, 0.0));
    }
}
