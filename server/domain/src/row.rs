//! The store's rows that pages show. Pages see rows, never the functions that load them.

pub use store::{
    contact_point::{ContactPoint, Line as PointLine},
    conversation::Conversation,
    holding::{Held, Holding, Term},
    import::{HoldingRow, Import, PostRow, StaffRow, UnitRow},
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
    trial::Withheld,
    unit::{Branch, Unit},
    wait::{Told, Wait},
};
