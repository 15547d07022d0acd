//! Somebody leaves, today or on a day to come: every post they hold in one go. Sessions, grants and absences end with it, and what they wrote stays.

use crate::{
    Admin, Domain, audit, calendar, holding,
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
    let stays = others.into_iter().find(|t| t.staff_id != term.staff_id && t.is_activated && t.from_at <= now && t.until_at.is_none_or(|until| until > now));
    if let Some(other) = stays {
        return Ok(Some((other.title, other.unit_name, Some(other.staff_name))));
    }
    match routing::heir(c, term.post_id, now).await? {
        Some(heir) => Ok(store::post::line(c, heir, now).await?.map(|l| (l.title, l.unit_name, l.holder))),
        None => Ok(None),
    }
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
/// whom nobody else would answer.
pub async fn leave(domain: &Domain, admin: &Admin, id: StaffId, typed: Typed<'_>) -> std::result::Result<(), LeavingError> {
    let (by, now) = (admin.staff.id, domain.now());
    if id == by {
        return Err(LeavingError::Own);
    }
    let (at, successors) = read(domain, by, id, typed, now).await?;
    let ids: Vec<HoldingId> = successors.iter().map(|_| HoldingId(domain.id())).collect();
    let (changes, concerned, sessions) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                staff::mine(c, by, id, now).await?.ok_or(LeavingError::NotFound)?;
                if staff::is_elsewhere(c, by, id, now).await? {
                    return Err(LeavingError::Elsewhere);
                }
                let mut concerned = give_up(c, id, at, now).await?;
                for (holding_id, (post_id, staff_id)) in ids.into_iter().zip(successors) {
                    if store::holding::overlapping(c, post_id, staff_id, at, At(i64::MAX)).await? == 0 {
                        store::holding::insert(c, &Holding { id: holding_id, post_id, staff_id, from_at: at, until_at: None }).await?;
                    }
                    concerned.push((post_id, staff_id));
                }
                store::grant::end_all_at(c, id, at).await?;
                store::grant::withdraw_all(c, id, now).await?;
                store::absence::end_all(c, id, at).await?;
                let mut sessions = Vec::new();
                if at <= now {
                    sessions = close(c, Some(by), id, now).await?;
                } else {
                    store::leaving::set(c, id, at, by, now).await?;
                }
                let changes = routing::settle(c, now).await?;
                let mut orphans = routing::orphans(c, &changes).await?;
                if at > now {
                    orphans.extend(routing::orphans_at(c, at).await?);
                }
                if !orphans.is_empty() {
                    return Err(LeavingError::Ownerless(orphans));
                }
                let (action, detail) = if at <= now { ("staff.end", String::new()) } else { ("staff.leave", at.timestamp().to_string()) };
                audit::append(c, now, Some(by), action, &id.to_string(), &detail).await?;
                Ok((changes, concerned, sessions))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    holding::wake(domain, concerned);
    session::wake(domain, sessions);
    telling::tell_due(domain).await?;
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
            Ok(_) => wrong.push((*post, WhoError::Unknown)),
            Err(e) => wrong.push((*post, e)),
        }
    }
    match at {
        Ok(at) if wrong.is_empty() => Ok((at, successors)),
        at => Err(LeavingError::Invalid(Mistakes { last_day: at.err(), successors: wrong })),
    }
}

/// Ends all holdings at a moment; gives whose posts they were.
async fn give_up(c: &mut Conn, id: StaffId, at: At, now: At) -> Result<Vec<(PostId, StaffId)>> {
    let mut concerned = Vec::new();
    for term in held(c, id, now).await? {
        for moment in [Some(term.from_at), term.until_at].into_iter().flatten() {
            telling::forget(c, term.id, moment).await?;
        }
        if term.from_at >= at && term.from_at > now {
            store::holding::delete(c, term.id).await?;
        } else {
            store::holding::shorten(c, term.id, at).await?;
            telling::expect(c, term.id, term.post_id, id, at).await?;
        }
        concerned.push((term.post_id, id));
    }
    Ok(concerned)
}

/// No login any more: everywhere signed out, nothing to be invited to.
async fn close(c: &mut Conn, by: Option<StaffId>, id: StaffId, now: At) -> Result<Vec<SessionId>> {
    store::staff::end(c, id, now).await?;
    store::leaving::delete(c, id).await?;
    store::invitation::expire_all(c, id, now).await?;
    store::outbox::cancel_invitations(c, id, now).await?;
    session::end_all(c, by, id, None, now).await
}

/// They stay after all. Their posts keep the last day they have been given, and may be given anew.
pub async fn stay(domain: &Domain, admin: &Admin, id: StaffId) -> std::result::Result<(), LeavingError> {
    let (by, now) = (admin.staff.id, domain.now());
    if id == by {
        return Err(LeavingError::Own);
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                staff::mine(c, by, id, now).await?.ok_or(LeavingError::NotFound)?;
                if staff::is_elsewhere(c, by, id, now).await? {
                    return Err(LeavingError::Elsewhere);
                }
                if !store::leaving::delete(c, id).await? {
                    return Err(LeavingError::NotFound);
                }
                Ok(audit::append(c, now, Some(by), "staff.stay", &id.to_string(), "").await?)
            })
        })
        .await
}

/// Ends the logins of those whose day has come; once a minute, on whichever node is first. Their sessions end at that very moment by themselves.
pub async fn end_due(domain: &Domain) -> Result<()> {
    let due = store::leaving::due(&mut domain.db.read().await?, domain.now()).await?;
    for id in due {
        let now = domain.now();
        let sessions = domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    // Another node may have been first, or they stay.
                    if store::leaving::of_staff(c, id).await?.is_none_or(|at| at > now) {
                        return Ok(Vec::new());
                    }
                    let sessions = close(c, None, id, now).await?;
                    audit::append(c, now, None, "staff.end", &id.to_string(), "").await?;
                    Ok::<_, store::Error>(sessions)
                })
            })
            .await?;
        session::wake(domain, sessions);
    }
    Ok(())
}
