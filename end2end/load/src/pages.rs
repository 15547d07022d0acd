//! What pages cost in a town of two years: each with one reader, where the time is the server's, and with many.

use crate::{
    open::Outcome,
    person::{Errand, Person},
    phase::{self, Phase, Tally},
    town::Town,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

pub const PAGES: [Errand; 15] = [
    Errand::Up,
    Errand::Sticker,
    Errand::Conversation,
    Errand::History,
    Errand::Inbox,
    Errand::BusyInbox,
    Errand::SearchChinese,
    Errand::SearchEnglish,
    Errand::BusySearch,
    Errand::Figures,
    Errand::Tree,
    Errand::TreeBelow,
    Errand::TreeSearch,
    Errand::TreePinyin,
    Errand::Settings,
];

/// Each errand with so many people at a time.
pub async fn measure(town: Town, addr: SocketAddr, errands: &[Errand], clients: &[usize], seconds: u64) -> Result<Vec<Phase>, String> {
    let mut phases = Vec::new();
    for errand in errands {
        for clients in clients {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            phases.push(phase::run(errand.name(), *clients, |client| again_and_again(Person::new(town, addr, client), *errand, deadline)).await?);
        }
    }
    Ok(phases)
}

async fn again_and_again(mut person: Person, errand: Errand, deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < deadline {
        let since = Instant::now();
        match person.go(errand).await {
            Outcome::Done => tally.done(since),
            Outcome::Refused => tally.turned_away(),
            other => tally.failed(format!("{other:?}")),
        }
    }
    tally
}
