//! The store's rows that pages show. Pages see rows, never the functions that load them.

pub use store::{
    absence::Line as AbsenceLine,
    contact_point::{ContactPoint, Line as PointLine},
    conversation::Conversation,
    grant::{Line as GrantRow, Proposal},
    holding::{Held, Holding, Term},
    invitation::{Invitation, Line as InvitationLine},
    message::Message,
    outbox::Mail,
    photo::Photo,
    post::{Card, Line, Post},
    quick_reply::QuickReply,
    scheduled_reply::ScheduledReply,
    second_factor::Passkey,
    session::Session,
    staff::{Grant, GrantLine},
    supervision::Row as SupervisedRow,
    trial::Withheld,
    unit::{Branch, Unit},
    wait::{Told, Wait},
};
