//! Pieces that pages share.

pub mod admin;
pub mod art;
pub mod card;
pub mod field;
pub mod icon;
pub mod log;
pub mod qr;
pub mod sparkline;
pub mod term;
pub mod tree;
