//! Kills the server again and again, in the middle of whatever it does, while many residents write.

use crate::writers::{Writers, Written};
use load::{
    resident::Street,
    server::{Recipe, Server},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{sync::Arc, time::Duration};
use tokio::time;

/// How it went, besides the comparison.
#[derive(Debug, Default)]
pub struct Run {
    pub kills: usize,
    /// Milliseconds from each start to the first answer, fastest first.
    pub starts: Vec<u128>,
    pub written: Written,
}

/// Kills until there have been so many, or longer until so many messages are acknowledged.
pub async fn run(recipe: &Recipe, server: Server, street: &Arc<Street>, clients: usize, kills: usize, acknowledged: u64) -> Result<(Server, Run), String> {
    let writers = Writers::start(street, clients);
    let mut rng = StdRng::seed_from_u64(2020);
    let (mut server, mut run) = (server, Run::default());
    while run.kills < kills || writers.acknowledged() < acknowledged {
        time::sleep(Duration::from_millis(rng.random_range(100..700))).await;
        server.kill().await?;
        server = recipe.start().await?;
        run.kills += 1;
        run.starts.push(server.started_in.as_millis());
    }
    run.written = writers.stop().await?;
    run.starts.sort_unstable();
    Ok((server, run))
}
