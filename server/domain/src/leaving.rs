//! Somebody leaves, today or on a day to come: every post they hold in one go. Sessions, grants and absences end with it, and what they wrote stays.
//! What is planned changes holdings only, and remembers how they were: whoever stays after all, or leaves on another day, has them as before.

use crate::{
    Admin, Domain, audit, calendar, grant, holding,
    holding::{DayError, WhoError},
    routing::{self, Orphan},
    session, staff, telling,
};
use model::{At, HoldingId, PostId, SessionId, StaffId};
use std::sync::Arc;
use store::{
    Conn, Result,
    holding::{Holding, Term},
    staff::Staff,
};

#[derive(Debug, thiserror::Error)]
pub enum LeavingError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// Nobody ends their own login.
    #[error("one's own")]
    Own,
    /// They hold a post or a grant outside the admin's units too.
    #[error("elsewhere")]
    Elsewhere,
    /// Nobody else is admin of a unit at the top for good.
    #[error("the last admin")]
    LastAdmin,
    /// Somebody is waiting, and nobody else would answer.
    #[error("ownerless")]
    Ownerless(Vec<Orphan>),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub last_day: Option<DayError>,
    /// Of the posts, who is to take it over.
    pub successors: Vec<(PostId, WhoError)>,
}

/// A post they hold, and what becomes of it.
pub struct Seat {
    pub term: Term,
    pub open: i64,
    pub waiting: i64,
    /// Who would answer if nobody took it over: the post, its unit and its holder, as far as it is known now.
    pub then: Option<(String, String, Option<String>)>,
}

pub struct View {
    pub staff: Staff,
    pub seats: Vec<Seat>,
    /// Who could take over.
    pub people: Vec<Staff>,
    /// When they leave, if that is planned.
    pub leaves_at: Option<At>,
    pub is_self: bool,
}

/// People to choose from.
const CHOICES: i64 = 100;

pub async fn view(domain: &Domain, admin: &Admin, id: StaffId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(staff) = staff::mine(c, by, id, now).await? else { return Ok(None) };
    let terms = held(c, id, now).await?;
    let mut seats = Vec::new();
    for term in terms {
        let then = then(c, &term, now).await?;
        seats.push(Seat {
            open: i64::try_from(store::post::open_conversations(c, term.post_id).await?.len()).unwrap_or(i64::MAX),
            waiting: store::post::waiting(c, term.post_id).await?,
            then,
            term,
        });
    }
    Ok(Some(View {
        seats,
        people: store::staff::under(c, by, now, "%", CHOICES, 0).await?.into_iter().filter(|s| s.id != id).collect(),
        leaves_at: store::leaving::of_staff(c, id).await?,
        is_self: id == by,
        staff,
    }))
}

/// Who answers for a post without one of its holders: another of them, else whoever routing finds.
async fn then(c: &mut Conn, term: &Term, now: At) -> Result<Option<(String, String, Option<String>)>> {
    let others = store::holding::of_post(c, term.post_id).await?;
    let stays = others.into_iter().find(|t| t.staff_id != term.staff_id && answers(t, now));
    if let Some(other) = stays {
        return Ok(Some((other.title, other.unit_name, Some(other.staff_name))));
    }
    let (mut post, mut seen) = (term.post_id, vec![term.post_id]);
    // Another post of theirs is empty by then too: whoever answers for that one does.
    while let Some(heir) = routing::heir(c, post, now).await?.filter(|heir| !seen.contains(heir)) {
        let mut holders = store::holding::of_post(c, heir).await?;
        holders.retain(|t| answers(t, now));
        if holders.is_empty() || holders.iter().any(|t| t.staff_id != term.staff_id) {
            return Ok(store::post::line(c, heir, now).await?.map(|l| (l.title, l.unit_name, l.holder)));
        }
        seen.push(heir);
        post = heir;
    }
    Ok(None)
}

/// Holds it now, and has a login.
fn answers(term: &Term, now: At) -> bool {
    term.is_activated && term.from_at <= now && term.until_at.is_none_or(|until| until > now)
}

/// What somebody holds or will hold.
async fn held(c: &mut Conn, id: StaffId, now: At) -> Result<Vec<Term>> {
    let mut terms = store::holding::of_staff(c, id).await?;
    terms.retain(|t| t.until_at.is_none_or(|until| until > now));
    Ok(terms)
}

/// A last day, or nothing for at once; and for each post who takes it over, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Typed<'a> {
    pub last_day: &'a str,
    pub successors: Vec<(PostId, &'a str)>,
}

/// Somebody leaves after a last day. Their posts go to whom the admin names, else to whoever answers for them then. Refused while somebody waits
/// whom nobody else would answer, then or at any later moment that is known. Said once more, it counts instead of what was said before.
pub async fn leave(domain: &Domain, admin: &Admin, id: StaffId, typed: Typed<'_>) -> std::result::Result<(), LeavingError> {
    let (by, now) = (admin.staff.id, domain.now());
    if id == by {
        return Err(LeavingError::Own);
    }
    let (at, successors) = read(domain, by, id, typed, now).await?;
    let successors: Vec<Holding> =
        successors.into_iter().map(|(post_id, staff_id)| Holding { id: HoldingId(domain.id()), post_id, staff_id, from_at: at, until_at: None }).collect();
    let (changes, concerned, sessions) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                may_decide(c, by, id, now).await?;
                if is_last_admin(c, id, now).await? {
                    return Err(LeavingError::LastAdmin);
                }
                let before = routing::gaps(c, now).await?;
                undo(c, id, now).await?;
                let mut concerned = give_up(c, id, at, now).await?;
                for holding in successors {
                    concerned.push((holding.post_id, holding.staff_id));
                    succeed(c, id, holding).await?;
                }
                let ended = if at <= now {
                    Some(close(c, id, now).await?)
                } else {
                    store::leaving::set(c, id, at, by, now).await?;
                    None
                };
                let changes = routing::settle(c, now).await?;
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(LeavingError::Ownerless(orphans));
                }
                let sessions = match ended {
                    Some(ended) => put_on_record(c, Some(by), id, ended, now).await?,
                    None => {
                        audit::append(c, now, Some(by), "staff.leave", &id.to_string(), &at.timestamp().to_string()).await?;
                        Vec::new()
                    }
                };
                Ok((changes, concerned, sessions))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    holding::wake(domain, concerned);
    session::wake(domain, sessions);
    Ok(())
}

/// Whether the admin has a say about all that somebody holds.
async fn may_decide(c: &mut Conn, by: StaffId, id: StaffId, now: At) -> std::result::Result<(), LeavingError> {
    staff::mine(c, by, id, now).await?.ok_or(LeavingError::NotFound)?;
    if staff::is_elsewhere(c, by, id, now).await? { Err(LeavingError::Elsewhere) } else { Ok(()) }
}

/// Whether somebody is the only admin for good of a unit at the top: after them nobody could make another.
async fn is_last_admin(c: &mut Conn, id: StaffId, now: At) -> Result<bool> {
    for grant in store::staff::grants(c, id, now).await? {
        if grant::is_last(c, &grant, now).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One of the posts goes to a successor, unless they hold it from then on anyway.
async fn succeed(c: &mut Conn, leaver: StaffId, holding: Holding) -> std::result::Result<(), LeavingError> {
    if store::holding::overlapping(c, holding.post_id, holding.staff_id, holding.from_at, At(i64::MAX)).await? > 0 {
        return Ok(());
    }
    let post = holding.post_id;
    store::leaving::remember(c, leaver, &holding, true).await?;
    holding::write(c, holding).await?.map_err(|e| LeavingError::Invalid(Mistakes { last_day: None, successors: vec![(post, e)] }))
}

/// Takes back what an earlier plan, whose day has not come, had changed; what somebody else has changed since stays as it is.
async fn undo(c: &mut Conn, id: StaffId, now: At) -> Result<()> {
    let Some(leaves_at) = store::leaving::of_staff(c, id).await?.filter(|at| *at > now) else { return Ok(()) };
    for before in store::leaving::remembered(c, id).await? {
        let there = store::holding::find(c, before.holding_id).await?;
        match there {
            Some(term) if before.is_new > 0 && term.from_at > now => {
                store::holding::delete(c, before.holding_id).await?;
                store::leaving::forget(c, before.holding_id).await?;
            }
            Some(term) if before.is_new == 0 && term.until_at == Some(leaves_at) => {
                store::holding::set_until(c, before.holding_id, before.until_at).await?;
                if let Some(until) = before.until_at {
                    telling::expect(c, before.post_id, until).await?;
                }
            }
            None if before.is_new == 0 => {
                let until = before.until_at.unwrap_or(At(i64::MAX));
                if store::holding::overlapping(c, before.post_id, before.holder_id, before.from_at, until).await? == 0 {
                    store::holding::insert(c, &before.holding()).await?;
                }
            }
            _ => {}
        }
    }
    store::leaving::delete(c, id).await?;
    Ok(())
}

async fn read(domain: &Domain, by: StaffId, id: StaffId, typed: Typed<'_>, now: At) -> std::result::Result<(At, Vec<(PostId, StaffId)>), LeavingError> {
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    staff::mine(c, by, id, now).await?.ok_or(LeavingError::NotFound)?;
    let terms = held(c, id, now).await?;
    let calendar = match terms.first() {
        Some(term) => calendar::of_unit(domain, c, term.unit_id).await?.calendar.clone(),
        None => Arc::new(model::calendar::Calendar::standard()),
    };
    let at = match typed.last_day.trim() {
        "" => Ok(now),
        text => match holding::start_of(&calendar, text, 1, now) {
            None => Err(DayError::NotADate),
            Some(at) if at <= now => Err(DayError::TooEarly),
            Some(at) => Ok(at),
        },
    };
    let (mut successors, mut wrong) = (Vec::new(), Vec::new());
    for (post, who) in typed.successors.iter().filter(|(post, who)| !who.trim().is_empty() && terms.iter().any(|t| t.post_id == *post)) {
        match holding::resolve(c, by, who, now).await? {
            Ok(person) if person.id != id => successors.push((*post, person.id)),
            Ok(_) => wrong.push((*post, WhoError::Leaves)),
            Err(e) => wrong.push((*post, e)),
        }
    }
    match at {
        Ok(at) if wrong.is_empty() => Ok((at, successors)),
        at => Err(LeavingError::Invalid(Mistakes { last_day: at.err(), successors: wrong })),
    }
}

/// Ends all holdings at a moment, and remembers how they were; gives whose posts they were.
async fn give_up(c: &mut Conn, id: StaffId, at: At, now: At) -> Result<Vec<(PostId, StaffId)>> {
    let mut concerned = Vec::new();
    for term in held(c, id, now).await? {
        let before = Holding { id: term.id, post_id: term.post_id, staff_id: id, from_at: term.from_at, until_at: term.until_at };
        if term.from_at >= at && term.from_at > now {
            store::leaving::remember(c, id, &before, false).await?;
            store::holding::delete(c, term.id).await?;
        } else if store::holding::shorten(c, term.id, at).await? {
            store::leaving::remember(c, id, &before, false).await?;
            telling::expect(c, term.post_id, at).await?;
        }
        concerned.push((term.post_id, id));
    }
    Ok(concerned)
}

/// What ended with a login, for the record.
struct Ended {
    grants: Vec<store::grant::Line>,
    proposals: Vec<store::grant::Proposal>,
}

/// No login any more: nothing held, granted or waited for, no absence, nothing to be invited to.
async fn close(c: &mut Conn, id: StaffId, now: At) -> Result<Ended> {
    let ended = Ended { grants: store::grant::of_staff(c, id, now).await?, proposals: store::grant::proposals_for(c, id, now).await? };
    for term in held(c, id, now).await? {
        telling::expect(c, term.post_id, now).await?;
    }
    store::holding::end_all(c, id, now).await?;
    store::staff::end(c, id, now).await?;
    store::grant::withdraw_all(c, id, now).await?;
    store::absence::end_all(c, id, now).await?;
    store::leaving::delete(c, id).await?;
    store::invitation::expire_all(c, id, now).await?;
    store::outbox::cancel_invitations(c, id, now).await?;
    Ok(ended)
}

/// Each thing that ended with a login has its entry, with what their sessions were; everywhere signed out.
async fn put_on_record(c: &mut Conn, by: Option<StaffId>, id: StaffId, ended: Ended, now: At) -> Result<Vec<SessionId>> {
    let target = id.to_string();
    for grant in ended.grants {
        audit::append_at(c, now, by, grant.unit_id, "grant.take", &target, &format!("{} {}", grant.role, grant.unit_id)).await?;
    }
    for proposal in ended.proposals {
        audit::append_at(c, now, by, proposal.unit_id, "grant.refuse", &target, &format!("{} {}", proposal.role, proposal.unit_id)).await?;
    }
    let sessions = session::end_all(c, by, id, None, now).await?;
    audit::append(c, now, by, "staff.end", &target, "").await?;
    Ok(sessions)
}

/// They stay after all: they hold what they held, and who was to come after them does not.
pub async fn stay(domain: &Domain, admin: &Admin, id: StaffId) -> std::result::Result<(), LeavingError> {
    let (by, now) = (admin.staff.id, domain.now());
    if id == by {
        return Err(LeavingError::Own);
    }
    let changes = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                may_decide(c, by, id, now).await?;
                store::leaving::of_staff(c, id).await?.filter(|at| *at > now).ok_or(LeavingError::NotFound)?;
                let before = routing::gaps(c, now).await?;
                undo(c, id, now).await?;
                let changes = routing::settle(c, now).await?;
                // Somebody may have left since because of who was to come.
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(LeavingError::Ownerless(orphans));
                }
                audit::append(c, now, Some(by), "staff.stay", &id.to_string(), "").await?;
                Ok(changes)
            })
        })
        .await?;
    routing::wake(domain, &changes);
    Ok(())
}

/// Ends the logins of those whose day has come; once a minute, on whichever node is first, after [`holding::keep_needed`] has put off the day of
/// whoever is still needed. Their sessions end at that very moment by themselves.
pub async fn end_due(domain: &Domain) -> Result<()> {
    let due = store::leaving::due(&mut domain.db.read().await?, domain.now()).await?;
    for id in due {
        match end(domain, id).await {
            Ok(()) => {}
            // Written to just now: in a minute they are kept.
            Err(LeavingError::Ownerless(_)) => tracing::warn!(staff = %id, "somebody whose day has come is still needed"),
            Err(LeavingError::Store(e)) => return Err(e),
            Err(e) => tracing::error!(staff = %id, error = %e, "a login could not be ended"),
        }
    }
    Ok(())
}

async fn end(domain: &Domain, id: StaffId) -> std::result::Result<(), LeavingError> {
    let now = domain.now();
    let (changes, concerned, sessions) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                // Another node may have been first, or they stay.
                if store::leaving::of_staff(c, id).await?.is_none_or(|at| at > now) {
                    return Ok((Vec::new(), Vec::new(), Vec::new()));
                }
                if holding::is_needed(c, id, now).await? {
                    return Err(LeavingError::Ownerless(Vec::new()));
                }
                let concerned: Vec<PostId> = held(c, id, now).await?.into_iter().map(|term| term.post_id).collect();
                let ended = close(c, id, now).await?;
                let changes = routing::settle(c, now).await?;
                Ok((changes, concerned, put_on_record(c, None, id, ended, now).await?))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    holding::wake(domain, concerned.into_iter().map(|post| (post, id)));
    session::wake(domain, sessions);
    Ok(())
}
