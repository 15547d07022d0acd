//! The store's rows that pages show. Pages see rows, never the functions that load them.

pub use store::{
    contact_point::ContactPoint, conversation::Conversation, holding::Holding, message::Message, outbox::Mail, post::Card, post::Post, session::Session,
    staff::Grant, unit::Unit, wait::Wait,
};
