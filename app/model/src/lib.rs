//! Linli's nouns: ids, kinds and the rules for what people may type. No input or output, no clock, so that it runs in the browser too.

mod at;
pub mod calendar;
mod code;
mod event;
mod id;
mod kind;
pub mod search;
pub mod text;

pub use at::At;
pub use code::{CODE_ALPHABET, CheckPhrase, ClaimCode, PointCode};
pub use event::{Event, Person};
pub use id::*;
pub use kind::*;
