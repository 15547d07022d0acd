//! The store's rows that pages show. Pages see rows, never the functions that load them.

pub use store::{
    contact_point::ContactPoint,
    conversation::Conversation,
    holding::{Held, Holding},
    message::Message,
    outbox::Mail,
    photo::Photo,
    post::{Card, Post},
    quick_reply::QuickReply,
    scheduled_reply::ScheduledReply,
    session::Session,
    staff::Grant,
    unit::Unit,
    wait::{Told, Wait},
};
