//! What needs the browser: live messages, sending without leaving the page, shortcuts. Every page works without them.
//!
//! An island renders nothing. It is the place on the page where the client starts, with translated texts as its props; what it does is
//! attached to the page around it, by id. Only what every browser since 2019 has is used.

pub mod desk;
pub mod first_message;
pub mod talk;

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(feature = "hydrate")]
mod kept;
#[cfg(feature = "hydrate")]
mod log;
#[cfg(feature = "hydrate")]
mod sending;
#[cfg(feature = "hydrate")]
mod stream;
