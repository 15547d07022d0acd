//! The server as a library, so that the tests run the very router that `linli serve` runs.

pub mod assets;
pub mod busy;
pub mod commands;
mod connection;
pub mod doctor;
pub mod gate;
pub mod listen;
pub mod log;
pub mod metrics;
mod places;
pub mod serve;
pub mod settings;
