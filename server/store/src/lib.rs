//! All SQL of Linli, on embedded SQLite and on PostgreSQL.
//!
//! One module per noun. A function takes a [`Conn`], runs one statement (or the few that belong together) and gives plain rows back; what a
//! row means is decided in `domain`. Each SQL text is written once and runs on both databases: `$1` parameters, ids, times and JSON come
//! from the program, and only `returning`, `on conflict`, CTEs and window functions beyond the plain language. Where the two really differ
//! there are two texts in one visible `match`.
//!
//! [`Db::read`] lends a connection for reading. [`Db::write`] runs a function in a transaction and returns only after the commit.

mod checkpoint;
mod conn;
mod db;
mod error;
mod health;
mod inspect;
mod migrations;
mod sender;
mod transaction;
mod writer;

pub mod absence;
pub mod admin;
pub mod audit;
pub mod backup;
pub mod bounce;
pub mod calendar;
pub mod contact;
pub mod contact_point;
pub mod conversation;
pub mod day_one;
pub mod first_message;
pub mod grant;
pub mod holding;
pub mod import;
pub mod inbox;
pub mod installation;
pub mod invitation;
pub mod leaving;
pub mod message;
pub mod outbox;
pub mod overflow;
pub mod photo;
pub mod post;
pub mod print;
pub mod quick_reply;
pub mod replacement;
pub mod scan;
pub mod scheduled_reply;
pub mod second_factor;
pub mod seen;
pub mod session;
pub mod setting;
pub mod sign_in_failure;
pub mod signal;
pub mod staff;
pub mod sticker;
pub mod sticker_report;
pub mod supervision;
pub mod telling;
pub mod trial;
pub mod unit;
pub mod wait;
pub mod way;

#[cfg(feature = "testing")]
pub mod testing;

pub use conn::Conn;
pub use db::Db;
pub use error::{Error, Result};
pub use inspect::{Inspection, Trail, inspect, tables};
pub use migrations::Tables;
