//! Mails to send, written with what they announce.

use crate::{Conn, Result, conn::*};
use model::{At, ConversationId, InvitationId, Language, MailKind, OutboxId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Mail {
    pub id: OutboxId,
    pub kind: MailKind,
    pub recipient: String,
    pub language: Language,
    pub conversation_id: Option<ConversationId>,
    pub invitation_id: Option<InvitationId>,
    pub created_at: At,
    /// Not sent before.
    pub due_at: At,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub sent_at: Option<At>,
    pub cancelled_at: Option<At>,
    pub failed_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, mail: &Mail) -> Result<()> {
    execute!(
        conn,
        "insert into outbox (id, kind, recipient, language, conversation_id, invitation_id, created_at, due_at, attempts) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        mail.id,
        mail.kind,
        &mail.recipient,
        mail.language,
        mail.conversation_id,
        mail.invitation_id,
        mail.created_at,
        mail.due_at,
        mail.attempts
    )
    .map(|_| ())
}

/// Invitations to this member of staff that have not gone out yet will not.
pub async fn cancel_invitations(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(
        conn,
        "update outbox set cancelled_at = $2
         where invitation_id in (select id from invitations where staff_id = $1) and sent_at is null and cancelled_at is null and failed_at is null",
        staff,
        now
    )
    .map(|_| ())
}
