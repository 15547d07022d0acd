//! What a backup costs those who write meanwhile.

use crate::{
    machine,
    open::{self, Lane, Outcome, Sample, Stage},
    person::{Errand, Person},
    server::{Recipe, Server},
    town::Town,
};
use std::{sync::Arc, time::Instant};
use tokio::{process::Command, time};

/// A resident who writes on.
struct Writer(Person);

impl Lane for Writer {
    async fn request(&mut self, _: u64) -> (u8, Outcome) {
        (0, self.0.go(Errand::Message).await)
    }

    fn kind(&self, _: u64) -> u8 {
        0
    }
}

/// Seconds of writing that are looked at together.
const SPAN: u64 = 5;

/// Other residents in each span: of one phone only so many messages are taken in a minute.
async fn write(town: Town, server: &Server, per_second: f64, span: usize) -> Result<Vec<Sample>, String> {
    let stages = Arc::new(vec![Stage { name: String::new(), per_second, seconds: SPAN }]);
    let people = (0..64).map(|n| Writer(Person::new(town, server.addr, span * 64 + n))).collect();
    open::run(time::Instant::now(), stages, people).await
}

fn row(name: &str, samples: &[Sample]) -> f64 {
    let mut micros: Vec<u32> = samples.iter().filter(|s| s.outcome == Outcome::Done).map(|s| s.micros).collect();
    micros.sort_unstable();
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| open::millis(&micros, share));
    let [refused, limited, missed] =
        [Outcome::Refused, Outcome::Limited, Outcome::Missed].map(|outcome| samples.iter().filter(|s| s.outcome == outcome).count());
    println!(
        "{name:<16} {:>8} of {:>8} written; p50 {p50:.1} ms, p99 {p99:.1} ms, longest {longest:.0} ms from the moment meant; {refused} refused, {limited} told to wait, \
         {missed} not begun within a second",
        micros.len(),
        samples.len()
    );
    p99
}

/// Writes at this rate, before, during and after a backup of the whole town.
pub async fn run(town: Town, recipe: &mut Recipe, per_second: f64) -> Result<bool, String> {
    recipe.settings.push(("LINLI_CLOCK", town.now.timestamp().to_string()));
    recipe.settings.push(("LINLI_TRUST_PROXY", "true".to_owned()));
    let server = recipe.start().await?;
    println!("{}\n\n{per_second:.0} messages a second", machine::line());
    write(town, &server, per_second, 0).await?;
    let mut before = write(town, &server, per_second, 1).await?;
    before.extend(write(town, &server, per_second, 2).await?);
    let quiet = row("before", &before);

    let began = Instant::now();
    let file = recipe.folder.join("town.backup");
    let mut backup = Command::new(&recipe.binary)
        .arg("backup")
        .arg(&file)
        .env("LINLI_DATABASE_URL", &recipe.database)
        .env("LINLI_DATA_DIR", &recipe.folder)
        .spawn()
        .map_err(|e| e.to_string())?;
    let (mut during, mut span) = (Vec::new(), 2);
    let status = loop {
        span += 1;
        during.extend(write(town, &server, per_second, span).await?);
        if let Some(status) = backup.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
    };
    let took = began.elapsed();
    let busy = row("during a backup", &during);
    println!("the backup took {:.0} s at most; p99 {:.1} times as long as before", took.as_secs_f64(), busy / quiet);
    server.stop().await?;
    Ok(status.success())
}
