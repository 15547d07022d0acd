//! Invitations: how staff get their login. The link is derived, not stored; looking at it uses nothing up, so a mail scanner may.

use crate::{
    Domain, audit, password, session,
    sign_in::{self, Browser, SignedIn},
};
use model::{
    At, InvitationId, MailKind, OutboxId, StaffId,
    text::{self, TextError},
};
use store::{Conn, Result, invitation::Invitation, outbox::Mail, staff::Staff};

/// How long an invitation holds.
pub const DAYS: i64 = 7;

/// Characters in a person's name.
pub const NAME_LIMIT: usize = 60;

const PURPOSE: &str = "invitation";

#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// Nobody was ever sent this link.
    #[error("unknown")]
    Unknown,
    /// Too old, or a newer one was sent.
    #[error("expired")]
    Expired,
    #[error("used")]
    Used,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    #[error("invalid")]
    Invalid { name: Option<TextError>, password: Option<TextError> },
}

impl From<store::Error> for AcceptError {
    fn from(e: store::Error) -> AcceptError {
        AcceptError::Invitation(InvitationError::Store(e))
    }
}

/// Who is invited.
#[derive(Clone, Debug)]
pub struct Invited {
    pub id: InvitationId,
    pub staff_id: StaffId,
    pub name: String,
    pub email: String,
    /// They have a login already: the invitation gives them a new password.
    pub is_again: bool,
}

/// Writes an invitation and its mail inside the caller's transaction; older ones of the same person hold no longer. Also the way to a new
/// password for somebody who has forgotten theirs.
pub async fn invite(c: &mut Conn, ids: (InvitationId, OutboxId), staff: StaffId, now: At) -> Result<()> {
    let Some(person) = store::staff::find(c, staff).await?.filter(|s| s.ended_at.is_none()) else { return Ok(()) };
    write(c, ids.0, staff, now).await?;
    let mail = Mail {
        id: ids.1,
        kind: MailKind::Invitation,
        recipient: person.email,
        language: person.language,
        conversation_id: None,
        invitation_id: Some(ids.0),
        created_at: now,
        due_at: now,
        attempts: 0,
        last_error: None,
        sent_at: None,
        cancelled_at: None,
        failed_at: None,
    };
    store::outbox::insert(c, &mail).await
}

/// The invitation without its mail, where the link is handed over another way.
pub(crate) async fn write(c: &mut Conn, id: InvitationId, staff: StaffId, now: At) -> Result<()> {
    store::outbox::cancel_invitations(c, staff, now).await?;
    store::invitation::expire_all(c, staff, now).await?;
    let invitation = Invitation { id, staff_id: staff, created_at: now, expires_at: now.plus_days(DAYS), used_at: None };
    store::invitation::insert(c, &invitation).await
}

/// The link of an invitation.
pub fn link(domain: &Domain, id: InvitationId) -> String {
    format!("{}/invitation/{id}.{}", domain.public_url, domain.keys.sign(PURPOSE, &id.to_string()))
}

/// Who the link with this token invites. Changes nothing.
pub async fn find(domain: &Domain, token: &str) -> std::result::Result<Invited, InvitationError> {
    let id = signed(domain, token)?;
    let mut conn = domain.db.read().await?;
    let invitation = store::invitation::find(&mut conn, id).await?.ok_or(InvitationError::Unknown)?;
    let person = open(&mut conn, &invitation, domain.now()).await?;
    Ok(Invited { id, staff_id: person.id, is_again: person.activated_at.is_some(), name: person.name, email: person.email })
}

fn signed(domain: &Domain, token: &str) -> std::result::Result<InvitationId, InvitationError> {
    let (id, signature) = token.split_once('.').ok_or(InvitationError::Unknown)?;
    let id: InvitationId = id.parse().map_err(|_| InvitationError::Unknown)?;
    domain.keys.is_signed(PURPOSE, &id.to_string(), signature).then_some(id).ok_or(InvitationError::Unknown)
}

async fn open(c: &mut Conn, invitation: &Invitation, now: At) -> std::result::Result<Staff, InvitationError> {
    if invitation.used_at.is_some() {
        return Err(InvitationError::Used);
    }
    if invitation.expires_at <= now {
        return Err(InvitationError::Expired);
    }
    let person = store::staff::find(c, invitation.staff_id).await?;
    person.filter(|s| s.ended_at.is_none()).ok_or(InvitationError::Expired)
}

/// Takes the invitation up: name and password of their own choosing, and they are signed in. All earlier sessions of theirs end.
pub async fn accept(domain: &Domain, token: &str, name: &str, password: &str, browser: Browser<'_>) -> std::result::Result<SignedIn, AcceptError> {
    let invited = find(domain, token).await?;
    let (name, password) = match (text::line(name, NAME_LIMIT), text::password(password)) {
        (Ok(name), Ok(password)) => (name, password),
        (name, password) => return Err(AcceptError::Invalid { name: name.err(), password: password.err() }),
    };
    let hash = password::hash(domain, &password).await?;
    let (id, staff, now) = (invited.id, invited.staff_id, domain.now());
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                // Two people with the same link at the same moment: the first one has it.
                if !store::invitation::consume(c, id, now).await? {
                    return Err(InvitationError::Used);
                }
                store::staff::activate(c, staff, &name, &hash, now).await?;
                audit::append(c, now, Some(staff), "invitation.accept", &staff.to_string(), "").await?;
                Ok(session::end_all(c, Some(staff), staff, None, now).await?)
            })
        })
        .await?;
    session::wake(domain, ended);
    // From this moment a holder counts as one who answers.
    crate::routing::refresh(domain).await?;
    Ok(sign_in::begin_for(domain, staff, browser).await?)
}
