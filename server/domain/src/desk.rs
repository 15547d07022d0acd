//! The worker's side of a conversation: the inbox and everything staff do with what stands in it. What residents do is in [`crate::conversation`].

mod hand_over;
mod inbox;
mod later;
mod show;
mod write;

pub use hand_over::hand_over;
pub use inbox::{Asked, Group, Hit, Inbox, MOST_UNREAD, Today, hit, inbox, posts, today, unread};
pub use later::{cancel_scheduled, schedule, send_due};
pub use show::{News, Standing, View, glance, news, seen, show, watch};
pub use store::inbox::{Place, Post, Row, Target};
pub use write::{answer, close, name, note};

use model::{At, ContactId, ConversationId, PostId, StaffId, text::TextError};
use store::{Conn, conversation::Conversation, post::Card};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Text(#[from] TextError),
    /// No such conversation for this member of staff.
    #[error("not found")]
    NotFound,
    /// It cannot be closed: the contact waits for an answer.
    #[error("the contact is waiting")]
    StillWaiting,
    /// Not a post this conversation may be handed to.
    #[error("not a post to hand over to")]
    NotATarget,
    /// In working time a reply is sent at once.
    #[error("working time")]
    WorkingTime,
    /// The scheduled reply has been sent or cancelled already.
    #[error("too late")]
    TooLate,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// How a contact without a name is told from others in a list: four digits of their id.
pub fn short_id(contact: ContactId) -> String {
    format!("{:04}", contact.0.as_u128() % 10_000)
}

/// A conversation held in a transaction, as a member of staff may write in it.
struct Held {
    conversation: Conversation,
    card: Card,
    staff: StaffId,
    /// The post they write for: the conversation's own, or theirs when they stand in.
    writes_for: PostId,
    now: At,
}

impl Held {
    async fn load(c: &mut Conn, staff: StaffId, id: ConversationId, now: At) -> Result<Held, DeskError> {
        store::conversation::hold(c, id).await?;
        let conversation = store::conversation::of_staff(c, staff, id, now).await?.ok_or(DeskError::NotFound)?;
        let card = store::post::card(c, conversation.post_id, now).await?.ok_or(DeskError::NotFound)?;
        let is_own = store::holding::is_held(c, conversation.post_id, staff, now).await?;
        let writes_for = if is_own { conversation.post_id } else { card.answering_id.unwrap_or(conversation.post_id) };
        Ok(Held { conversation, card, staff, writes_for, now })
    }
}
