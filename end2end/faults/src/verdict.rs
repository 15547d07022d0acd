//! What a driver found: figures, printed as they come, and what should not have been.

use crate::{streams::Heard, writers::Written};
use load::ledger::Comparison;
use std::fmt::Display;

#[derive(Debug, Default)]
pub struct Verdict {
    wrong: Vec<String>,
}

impl Verdict {
    #[allow(clippy::unused_self)]
    pub fn say(&self, line: impl Display) {
        println!("{line}");
    }

    pub fn expect(&mut self, is_right: bool, otherwise: impl Into<String>) {
        if !is_right {
            self.wrong.push(otherwise.into());
        }
    }

    pub fn written(&mut self, written: Written) {
        self.say(written.row());
        self.wrong.extend(written.wrong);
    }

    pub fn heard(&mut self, heard: Heard) {
        self.say(format!("{} streams came back {} times and got {} messages, each once and in order", heard.streams, heard.resumed, heard.messages));
        self.wrong.extend(heard.wrong);
    }

    pub fn compared(&mut self, comparison: &Comparison) {
        self.say(comparison.row());
        self.expect(comparison.is_good(), "what was acknowledged is not what is there");
    }

    /// Prints what was wrong; whether nothing was.
    pub fn is_good(&self) -> bool {
        self.wrong.iter().take(20).for_each(|wrong| println!("✗ {wrong}"));
        self.wrong.is_empty()
    }
}
