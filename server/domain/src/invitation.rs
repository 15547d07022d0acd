//! Invitations: how staff get their login. The link is derived, not stored; looking at it uses nothing up, so a mail scanner may.

use crate::{
    Admin, Domain, audit, calendar, password, session,
    sign_in::{self, Browser, SignInError, SignedIn},
    staff, trial,
    unit::{self, Page},
};
use model::{
    At, InvitationId, InvitationState, MailKind, OutboxId, StaffId, UnitId,
    calendar::Quiet,
    text::{self, TextError},
};
use moka::sync::Cache;
use std::time::Duration;
use store::{
    Conn, Result,
    invitation::{Invitation, Line, New, Wanted},
    outbox::Mail,
    staff::Staff,
    unit::Unit,
};

/// How long an invitation holds.
pub const DAYS: i64 = 7;

/// Characters in a person's name.
pub const NAME_LIMIT: usize = 60;

const PURPOSE: &str = "invitation";

/// Reminders after the first invitation.
pub const REMINDERS: i64 = 3;

/// Nobody is reminded again within a day of the invitation before, unless by somebody who looks at them alone.
const REMINDED_AFTER_DAYS: i64 = 1;

/// Milliseconds between two of many invitations: two a second, so that no mail server takes us for somebody who floods it.
pub const GAP: i64 = 500;

/// Invitations written in one transaction.
const BATCH: usize = 500;

/// Lines on one page of the list.
pub const PAGE: i64 = 50;

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
    /// The password is set; the second factor is to be shown with this ticket.
    #[error("second factor")]
    SecondFactor { ticket: String },
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
/// password for somebody who has forgotten theirs: a link somebody else asked for does not end the one they are just opening.
pub async fn invite(c: &mut Conn, ids: (InvitationId, OutboxId), staff: StaffId, now: At) -> Result<()> {
    invite_until(c, ids, staff, MailKind::Invitation, now, now.plus_days(DAYS)).await
}

pub(crate) async fn invite_until(c: &mut Conn, ids: (InvitationId, OutboxId), staff: StaffId, kind: MailKind, now: At, until: At) -> Result<()> {
    let Some(person) = store::staff::find(c, staff).await?.filter(|s| s.ended_at.is_none()) else { return Ok(()) };
    if kind != MailKind::Password {
        end_earlier(c, staff, now).await?;
    }
    store::invitation::insert(c, &Invitation { id: ids.0, staff_id: staff, created_at: now, expires_at: until, used_at: None }).await?;
    let mail = Mail { invitation_id: Some(ids.0), ..Mail::new(ids.1, kind, person.email, person.language, now) };
    store::outbox::insert(c, &mail).await
}

/// The invitation without its mail, where the link is handed over another way.
pub(crate) async fn write(c: &mut Conn, id: InvitationId, staff: StaffId, now: At) -> Result<()> {
    end_earlier(c, staff, now).await?;
    let invitation = Invitation { id, staff_id: staff, created_at: now, expires_at: now.plus_days(DAYS), used_at: None };
    store::invitation::insert(c, &invitation).await
}

async fn end_earlier(c: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    store::outbox::cancel_invitations(c, staff, now).await?;
    store::invitation::expire_all(c, staff, now).await
}

/// The admin's staff, how many in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<(InvitationState, i64)>);

impl Counts {
    pub fn of(&self, state: InvitationState) -> i64 {
        self.0.iter().find(|(s, _)| *s == state).map_or(0, |(_, count)| *count)
    }
}

/// In memory for a moment: in a large district it takes a while to count, and every admin page that says it asks.
pub struct Counted(Cache<StaffId, Counts>);

impl Default for Counted {
    fn default() -> Counted {
        Counted(Cache::builder().max_capacity(1_000).time_to_live(Duration::from_secs(10)).build())
    }
}

impl Counted {
    pub(crate) fn forget(&self) {
        self.0.invalidate_all();
    }
}

/// At most ten seconds old.
pub async fn counts(domain: &Domain, admin: &Admin) -> Result<Counts> {
    if let Some(counts) = domain.invited.0.get(&admin.staff.id) {
        return Ok(counts);
    }
    let counts = Counts(store::invitation::counts(&mut domain.db.read().await?, admin.staff.id, domain.now(), None).await?);
    domain.invited.0.insert(admin.staff.id, counts.clone());
    Ok(counts)
}

/// What is looked at: one state, perhaps at one unit and below, perhaps by name or address.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub unit: Option<UnitId>,
    pub state: InvitationState,
    pub typed: &'a str,
    pub page: i64,
}

/// The list as it is now.
pub struct List {
    pub counts: Counts,
    pub lines: Page<Line>,
    /// The unit it is narrowed to.
    pub unit: Option<Unit>,
    /// When the last of those on the way goes out.
    pub last_due: Option<At>,
    /// All that is looked at is on trial: no invitation goes out.
    pub is_trial: bool,
    /// Units on trial below, whose people are left out.
    pub on_trial: Vec<String>,
}

/// `None` if the unit is not the admin's.
pub async fn list(domain: &Domain, admin: &Admin, asked: Asked<'_>) -> Result<Option<List>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let unit = match asked.unit {
        Some(id) => match unit::mine(c, by, id, now).await? {
            Some(unit) => Some(unit),
            None => return Ok(None),
        },
        None => None,
    };
    let is_trial = trial::holds_all(c, &scope(admin, asked.unit)).await?;
    let on_trial = if is_trial { Vec::new() } else { trial::below(c, &scope(admin, asked.unit)).await? };
    let like = unit::like(asked.typed, "%");
    let rows = store::invitation::list(c, (by, now), asked.unit, asked.state, &like, (PAGE + 1, asked.page * PAGE)).await?;
    Ok(Some(List {
        counts: Counts(store::invitation::counts(c, by, now, asked.unit).await?),
        lines: Page::cut(rows, asked.page, PAGE),
        unit,
        last_due: store::invitation::last_due(c).await?,
        is_trial,
        on_trial,
    }))
}

/// The units an admin looks at: one, or all that are theirs.
fn scope(admin: &Admin, unit: Option<UnitId>) -> Vec<UnitId> {
    unit.map_or_else(|| admin.units.clone(), |unit| vec![unit])
}

/// Which of many are invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Those who never were, or whose mail was held back in the trial.
    Unsent,
    /// Those who have not answered, at most three times.
    Unanswered,
    /// Those whose mail was refused or came back: once the reason was ours and is gone.
    Failed,
}

impl Whom {
    fn wanted(self, now: At) -> Wanted {
        let most = 1 + REMINDERS;
        match self {
            Whom::Unsent => Wanted { states: [InvitationState::Unsent; 2], before: now, most },
            Whom::Failed => Wanted { states: [InvitationState::Failed; 2], before: At(now.0 + 1), most },
            Whom::Unanswered => {
                let states = [InvitationState::Sent, InvitationState::Expired];
                Wanted { states, before: now.plus_days(-REMINDED_AFTER_DAYS), most }
            }
        }
    }

    fn action(self) -> &'static str {
        match self {
            Whom::Unsent => "invitation.send_all",
            Whom::Unanswered => "invitation.remind_all",
            Whom::Failed => "invitation.retry_all",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// In the trial nothing would go out.
    #[error("on trial")]
    Trial,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Invites many of the admin's staff at once, everywhere or at one unit and below; their mails go out one after the other. Gives how many. Whoever
/// asked for it may go away: it goes on.
pub async fn send_all(domain: &Domain, admin: &Admin, unit: Option<UnitId>, whom: Whom) -> std::result::Result<u64, SendError> {
    let (domain, admin) = (domain.clone(), admin.clone());
    let sending = tokio::spawn(async move { send_each(&domain, &admin, unit, whom).await });
    sending.await.unwrap_or(Err(SendError::Store(store::Error::Stopped)))
}

async fn send_each(domain: &Domain, admin: &Admin, unit: Option<UnitId>, whom: Whom) -> std::result::Result<u64, SendError> {
    let (by, now) = (admin.staff.id, domain.now());
    let (ids, calendar, last) = {
        let mut conn = domain.db.read().await?;
        let c = &mut conn;
        let at = match unit {
            Some(id) => unit::mine(c, by, id, now).await?.ok_or(SendError::NotFound)?.id,
            None => *admin.units.first().ok_or(SendError::NotFound)?,
        };
        if trial::holds_all(c, &scope(admin, unit)).await? {
            return Err(SendError::Trial);
        }
        let ids = store::invitation::wanted(c, by, now, unit, whom.wanted(now)).await?;
        (ids, calendar::of_unit(domain, c, at).await?.calendar.clone(), store::invitation::last_place(c, now.plus_days(DAYS).0 - now.0).await?)
    };
    let mut due = last.map_or(now, |last| At(last.0 + GAP).max(now));
    let mut sent = 0;
    for ids in ids.chunks(BATCH) {
        let mut rows = Vec::with_capacity(ids.len());
        for staff in ids {
            // Nobody is woken, and what waited for the morning does not all go out at seven.
            due = calendar.after_quiet_hours(due, Quiet::default());
            let (id, mail) = (InvitationId(domain.id()), OutboxId(domain.id()));
            rows.push(New { staff: staff.to_string(), id: id.to_string(), mail: mail.to_string(), due: due.0, expires: due.plus_days(DAYS).0 });
            due = At(due.0 + GAP);
        }
        let target = unit.map(|id| id.to_string()).unwrap_or_default();
        sent += domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    // Two who send at the same moment: whoever comes second finds the mails of the first.
                    store::installation::hold(c).await?;
                    let written = store::invitation::insert_all(c, &rows, now).await?;
                    if written > 0 {
                        audit::append(c, now, Some(by), whom.action(), &target, &written.to_string()).await?;
                    }
                    Ok::<_, store::Error>(written)
                })
            })
            .await?;
        domain.invited.forget();
    }
    Ok(sent)
}

#[derive(Debug, thiserror::Error)]
pub enum CorrectError {
    #[error("invalid")]
    Email(TextError),
    /// Somebody has this address.
    #[error("the address is taken")]
    Taken,
    /// They have a login already: the address is theirs.
    #[error("answered")]
    Answered,
    /// Reminded three times.
    #[error("reminded often enough")]
    Often,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Corrects the address of somebody who has not taken up an invitation yet, and invites them there.
pub async fn correct(domain: &Domain, admin: &Admin, id: StaffId, email: &str) -> std::result::Result<(), CorrectError> {
    let email = text::email(email).map_err(CorrectError::Email)?;
    let (by, now, ids) = (admin.staff.id, domain.now(), (InvitationId(domain.id()), OutboxId(domain.id())));
    let done = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let person = staff::mine(c, by, id, now).await?.ok_or(CorrectError::NotFound)?;
                if person.activated_at.is_some() {
                    return Err(CorrectError::Answered);
                }
                // Whoever gets the mail becomes this person, with all that was given to them elsewhere.
                if staff::is_elsewhere(c, by, id, now).await? {
                    return Err(CorrectError::NotFound);
                }
                if person.email == email {
                    return again_in(c, by, &person, ids, now).await;
                }
                if store::invitation::tries(c, id).await? > REMINDERS {
                    return Err(CorrectError::Often);
                }
                if store::staff::by_email(c, &email).await?.is_some() {
                    return Err(CorrectError::Taken);
                }
                if !store::staff::set_email(c, id, &email).await? {
                    return Err(CorrectError::Answered);
                }
                invite(c, ids, id, now).await?;
                let detail = format!("{} → {email}", person.email);
                Ok(audit::append(c, now, Some(by), "invitation.correct", &id.to_string(), &detail).await?)
            })
        })
        .await;
    domain.invited.forget();
    match done {
        Err(CorrectError::Store(store::Error::Taken(_))) => Err(CorrectError::Taken),
        done => done,
    }
}

/// Sends somebody's invitation once more; earlier ones no longer hold.
pub(crate) async fn again_in(c: &mut Conn, by: StaffId, person: &Staff, ids: (InvitationId, OutboxId), now: At) -> std::result::Result<(), CorrectError> {
    // Who has a login gets a link for a new password: nobody is asked to come any more.
    if person.activated_at.is_none() && store::invitation::tries(c, person.id).await? > REMINDERS {
        return Err(CorrectError::Often);
    }
    invite(c, ids, person.id, now).await?;
    Ok(audit::append(c, now, Some(by), "staff.invite_again", &person.id.to_string(), "").await?)
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
    // A new password gives nobody another name.
    let name = if invited.is_again { invited.name.as_str() } else { name };
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
                // Others that were asked for at the same time.
                end_earlier(c, staff, now).await?;
                if !invited.is_again {
                    crate::telling::expect_all(c, staff, now).await?;
                }
                let ended = session::end_all(c, Some(staff), staff, None, now).await?;
                audit::append(c, now, Some(staff), "invitation.accept", &staff.to_string(), "").await?;
                Ok(ended)
            })
        })
        .await?;
    session::wake(domain, ended);
    // From this moment a holder counts as one who answers.
    crate::routing::refresh(domain).await?;
    // A new password is not a way around the second factor.
    match sign_in::begin_for(domain, staff, browser).await {
        Ok(signed_in) => Ok(signed_in),
        Err(SignInError::SecondFactor { ticket }) => Err(AcceptError::SecondFactor { ticket }),
        Err(SignInError::Store(e)) => Err(e.into()),
        Err(SignInError::Wrong | SignInError::Wait { .. }) => Err(InvitationError::Used.into()),
    }
}
