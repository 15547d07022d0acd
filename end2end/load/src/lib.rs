//! What the instruments share: residents who scan and write, a ledger of what was acknowledged, a server of one's own, a town.

pub mod addresses;
pub mod backup;
pub mod codes;
pub mod growth;
pub mod http;
pub mod import;
pub mod ledger;
pub mod machine;
pub mod now;
pub mod open;
pub mod pages;
pub mod person;
pub mod phase;
pub mod picture;
pub mod resident;
pub mod scene;
pub mod scratch;
pub mod server;
pub mod sheets;
pub mod storm;
pub mod streams;
pub mod town;
pub mod watching;
