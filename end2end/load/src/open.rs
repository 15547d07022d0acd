//! An open loop: requests begin at the moments they are meant to, whether or not earlier ones have been answered, as people come who know
//! nothing of each other. Each is timed from the moment meant, so that a stall is felt by everybody who came during it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

/// So many requests a second for so long.
#[derive(Clone, Debug)]
pub struct Stage {
    pub name: String,
    pub per_second: f64,
    pub seconds: u64,
}

/// One request that was meant to be.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since the first stage began.
    pub second: u32,
    pub kind: u8,
    pub outcome: Outcome,
    /// From the moment meant to the last byte.
    pub micros: u32,
    /// From the first byte sent to the last byte read.
    pub service_micros: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// 503 with Retry-After.
    Refused,
    /// 429.
    Limited,
    /// Anything else.
    Failed,
    /// The generator had nothing free to begin it with for a second: not offered.
    Missed,
}

/// Later than this nobody begins any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// The moment of the request with this number, counted from the start; `None` after the last stage.
pub fn moment(stages: &[Stage], number: u64) -> Option<Duration> {
    let (mut begun, mut left) = (0.0, number as f64);
    for stage in stages {
        let here = (stage.per_second * stage.seconds as f64).floor();
        if left < here {
            return Some(Duration::from_secs_f64(begun + left / stage.per_second));
        }
        left -= here;
        begun += stage.seconds as f64;
    }
    None
}

/// What one lane does with its own connection: the request with this number; its kind, and what came of it.
pub trait Lane: Send + 'static {
    fn request(&mut self, number: u64) -> impl Future<Output = (u8, Outcome)> + Send;
    /// The kind that the request with this number would have been.
    fn kind(&self, number: u64) -> u8;
}

/// Runs all stages over so many lanes as are given. Each takes the next request that nobody has taken yet and waits for its moment.
pub async fn run<L: Lane>(start: Instant, stages: Arc<Vec<Stage>>, lanes: Vec<L>) -> Result<Vec<Sample>, String> {
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks: JoinSet<Vec<Sample>> = lanes.into_iter().map(|lane| drive(lane, stages.clone(), start, next.clone())).collect();
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended.map_err(|e| e.to_string())?);
    }
    Ok(all)
}

async fn drive<L: Lane>(mut lane: L, stages: Arc<Vec<Stage>>, start: Instant, next: Arc<AtomicU64>) -> Vec<Sample> {
    let mut samples = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(after) = moment(&stages, number) else { return samples };
        let (meant, second) = (start + after, u32::try_from(after.as_secs()).unwrap_or(u32::MAX));
        if Instant::now() > meant + PATIENCE {
            samples.push(Sample { second, kind: lane.kind(number), outcome: Outcome::Missed, micros: 0, service_micros: 0 });
            continue;
        }
        time::sleep_until(meant).await;
        let begun = Instant::now();
        let (kind, outcome) = lane.request(number).await;
        samples.push(Sample { second, kind, outcome, micros: micros(meant), service_micros: micros(begun) });
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// The value that this share of them does not exceed, in milliseconds.
pub fn millis(sorted_micros: &[u32], share: f64) -> f64 {
    let rank = (sorted_micros.len() as f64 * share).ceil() as usize;
    sorted_micros.get(rank.saturating_sub(1)).map_or(0.0, |m| f64::from(*m) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Vec<Stage> {
        let stage = |per_second, seconds| Stage { name: String::new(), per_second, seconds };
        vec![stage(10.0, 2), stage(1000.0, 1)]
    }

    #[test]
    fn every_request_has_its_moment() {
        let at = |number| moment(&stages(), number).map(|d| d.as_millis());
        assert_eq!((at(0), at(10), at(19)), (Some(0), Some(1000), Some(1900)));
        assert_eq!((at(20), at(520), at(1019), at(1020)), (Some(2000), Some(2500), Some(2999), None));
    }

    struct Stalls;

    impl Lane for Stalls {
        async fn request(&mut self, number: u64) -> (u8, Outcome) {
            time::sleep(Duration::from_millis(if number == 0 { 500 } else { 0 })).await;
            (0, Outcome::Done)
        }

        fn kind(&self, _: u64) -> u8 {
            0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_felt_by_everybody_who_was_meant_to_come_during_it() {
        let stages = Arc::new(vec![Stage { name: String::new(), per_second: 100.0, seconds: 1 }]);
        let samples = run(Instant::now(), stages, vec![Stalls]).await.unwrap();
        assert_eq!(samples.len(), 100);
        assert!(samples.iter().all(|s| s.outcome == Outcome::Done));
        let waited: Vec<u32> = samples.iter().map(|s| s.micros / 1000).collect();
        assert_eq!((waited[0], waited[1], waited[25], waited[60]), (500, 490, 250, 0));
        assert_eq!(samples[1].service_micros, 0, "it was the waiting that took long");
    }
}
