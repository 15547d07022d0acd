//! What everything costs as a town grows, in messages and in residents.

use crate::{
    machine, pages,
    person::Errand,
    picture::{self, Line},
    server::Recipe,
    town::Town,
};
use std::path::Path;

const ERRANDS: [Errand; 7] =
    [Errand::Sticker, Errand::FirstMessage, Errand::Conversation, Errand::Message, Errand::Answer, Errand::Inbox, Errand::SearchChinese];

/// A town of some size, with its database.
pub struct Size {
    pub town: Town,
    pub database: String,
}

/// The median of each errand in milliseconds, in the order of [`ERRANDS`].
struct Costs {
    messages: usize,
    residents: usize,
    millis: Vec<f64>,
}

pub async fn run(sizes: &[Size], binary: &Path, seconds: u64, picture: Option<&Path>) -> Result<bool, String> {
    println!("{}\n\nmedian in ms, one person at a time\n", machine::line());
    println!("{:>10} {:>10}{}", "messages", "residents", ERRANDS.map(|e| format!("{:>26}", e.name())).concat());
    let mut all = Vec::new();
    for size in sizes {
        let costs = cost(size, binary, seconds).await?;
        let row: String = costs.millis.iter().map(|ms| format!("{ms:>26.2}")).collect();
        println!("{:>10} {:>10}{row}", costs.messages, costs.residents);
        all.push(costs);
    }
    if let Some(path) = picture {
        draw(path, &all)?;
    }
    Ok(true)
}

async fn cost(size: &Size, binary: &Path, seconds: u64) -> Result<Costs, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut recipe = Recipe::new(binary, &size.database, folder.path())?;
    recipe.settings.push(("LINLI_CLOCK", size.town.now.timestamp().to_string()));
    recipe.settings.push(("LINLI_TRUST_PROXY", "true".to_owned()));
    let server = recipe.start().await?;
    pages::measure(size.town, server.addr, &ERRANDS, &[1], 1).await?;
    let phases = pages::measure(size.town, server.addr, &ERRANDS, &[1], seconds).await?;
    server.stop().await?;
    Ok(Costs { messages: size.town.messages, residents: size.town.residents, millis: phases.iter().map(|phase| phase.millis(0.5)).collect() })
}

/// A panel for each number of residents: the costs over the number of messages.
fn draw(path: &Path, all: &[Costs]) -> Result<(), String> {
    let mut residents: Vec<usize> = all.iter().map(|costs| costs.residents).collect();
    residents.sort_unstable();
    residents.dedup();
    let panels: Vec<(String, Vec<Line>)> = residents
        .iter()
        .map(|count| {
            let here: Vec<&Costs> = all.iter().filter(|costs| costs.residents == *count).collect();
            let line = |(n, errand): (usize, &Errand)| Line {
                name: errand.name(),
                points: here.iter().map(|costs| (costs.messages as f64 / 1e6, costs.millis[n])).collect(),
            };
            (format!("ms, {count} residents"), ERRANDS.iter().enumerate().map(line).collect())
        })
        .collect();
    let panels: Vec<picture::Panel<'_>> = panels.iter().map(|(height, lines)| (height.as_str(), "million messages", lines.as_slice())).collect();
    picture::draw(path, "What each costs as the town grows", &format!("median, one person at a time; {}", machine::line()), &panels)
}
