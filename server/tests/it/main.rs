//! The server as its users meet it: requests in, pages out, on SQLite and on PostgreSQL. Files mirror the URLs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod actor;
mod admin;
mod app;
mod audit;
mod claim;
mod codes;
mod contact_point;
mod conversation;
mod crowd;
mod import;
mod inbox;
mod invitation;
mod look;
mod matrix;
mod passkey;
mod people;
mod policy;
mod return_link;
mod second_factor;
mod sign_in;
