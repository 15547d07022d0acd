//! The store's rows that pages show. Pages see rows, never the functions that load them.

pub use crate::unit::tree::Branch;
pub use store::{
    audit::{Line as AuditLine, Named},
    contact_point::{ContactPoint, Line as PointLine},
    conversation::Conversation,
    holding::{Held, Holding, Term},
    import::{HoldingRow, Import, PostRow, StaffRow, UnitRow},
    invitation::{Invitation, Line as InvitationLine},
    message::Message,
    outbox::Mail,
    photo::Photo,
    post::{Card, Line, Post},
    print::Print,
    quick_reply::QuickReply,
    replacement::Other,
    scheduled_reply::ScheduledReply,
    second_factor::Passkey,
    session::Session,
    staff::{Grant, GrantLine},
    sticker::Sticker,
    sticker_report::StickerReport,
    trial::Withheld,
    unit::Unit,
    wait::{Told, Wait},
};
