//! The people with a login, as the admins of their units see them.

use crate::{
    Admin, Domain, audit, duty, grant,
    invitation::{self, CorrectError},
    post, routing, telling,
    unit::{self, Page},
};
use model::{
    At, HoldingId, InvitationId, InvitationState, Language, OutboxId, PostId, StaffId, UnitId,
    text::{self, TextError},
};
use std::collections::HashSet;
use store::{
    Conn, Result,
    holding::{Holding, Term},
    invitation::Invitation,
    post::Line as PostLine,
    staff::{GrantLine, Staff},
    unit::Unit,
};

/// People on one page of a list.
pub const PAGE: i64 = 25;
/// Vacant posts to choose from; others are given on their own pages.
pub const CHOICES: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    #[error("invalid")]
    Invalid { name: Option<TextError>, email: Option<TextError> },
    /// Somebody has this address.
    #[error("the address is taken")]
    EmailTaken,
    /// Reminded three times already.
    #[error("reminded often enough")]
    Often,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// One of the admin's staff who has not left.
pub(crate) async fn mine(c: &mut Conn, admin: StaffId, id: StaffId, now: At) -> Result<Option<Staff>> {
    let Some(person) = store::staff::find(c, id).await?.filter(|s| s.ended_at.is_none()) else { return Ok(None) };
    Ok(store::staff::is_under(c, admin, id, now).await?.then_some(person))
}

/// Somebody in a list.
pub struct Line {
    pub staff: Staff,
    /// What they hold or will hold.
    pub terms: Vec<Term>,
    pub grants: Vec<GrantLine>,
    /// While they have not taken it up.
    pub invitation: Option<Invitation>,
    /// Since when and, if known, until when they are off duty or away.
    pub off: Option<(At, Option<At>)>,
}

async fn line(c: &mut Conn, staff: Staff, now: At) -> Result<Line> {
    let mut terms = store::holding::of_staff(c, staff.id).await?;
    terms.retain(|t| t.until_at.is_none_or(|u| u > now));
    let invitation = if staff.activated_at.is_none() { store::invitation::latest(c, staff.id).await? } else { None };
    let off = duty::off(c, &staff, now).await?;
    Ok(Line { terms, grants: store::staff::grant_lines(c, staff.id, now).await?, invitation, off, staff })
}

/// The admin's staff by name or address.
pub async fn search(domain: &Domain, admin: &Admin, typed: &str, page: i64) -> Result<Page<Line>> {
    let mut conn = domain.db.read().await?;
    let rows = store::staff::under(&mut conn, admin.staff.id, domain.now(), &unit::like(typed, "%"), PAGE + 1, page * PAGE).await?;
    lines(&mut conn, Page::cut(rows, page, PAGE), domain.now()).await
}

/// Those who have not taken up their invitation.
pub async fn invited(domain: &Domain, admin: &Admin, page: i64) -> Result<Page<Line>> {
    let mut conn = domain.db.read().await?;
    let rows = store::staff::invited(&mut conn, admin.staff.id, domain.now(), PAGE + 1, page * PAGE).await?;
    lines(&mut conn, Page::cut(rows, page, PAGE), domain.now()).await
}

async fn lines(c: &mut Conn, rows: Page<Staff>, now: At) -> Result<Page<Line>> {
    let mut lines = Vec::new();
    for staff in rows.lines {
        lines.push(line(c, staff, now).await?);
    }
    Ok(Page { lines, page: rows.page, has_more: rows.has_more })
}

/// Somebody as their admin sees them.
pub struct View {
    pub line: Line,
    /// Everything they held, hold or will hold, newest first.
    pub history: Vec<Term>,
    /// Units of the admin's where a grant would make sense: where they work, and above.
    pub grantable: Vec<Unit>,
    pub vacant: Vec<PostLine>,
    /// What they are granted now or later, and what a second admin has to confirm.
    pub grants: Vec<store::grant::Line>,
    pub waiting: Vec<grant::Waiting>,
    pub absences: Vec<store::absence::Line>,
    /// When they leave, if that is planned.
    pub leaves_at: Option<At>,
    /// How far their invitation has come, and how often they were invited, where they have not accepted one.
    pub invited: Option<(InvitationState, i64)>,
    /// The admin looks at themselves.
    pub is_self: bool,
    /// They hold or are granted something where the admin has no say: who they are is not the admin's to decide.
    pub is_elsewhere: bool,
}

pub async fn view(domain: &Domain, admin: &Admin, id: StaffId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(staff) = mine(c, by, id, now).await? else { return Ok(None) };
    let line = line(c, staff, now).await?;
    let mut grantable = Vec::new();
    let mut seen = HashSet::new();
    for unit in line.terms.iter().map(|t| t.unit_id).chain(line.grants.iter().map(|g| g.unit_id)).chain(admin.units.iter().copied()) {
        for unit in store::unit::path(c, unit).await? {
            if seen.insert(unit.id) && unit::covers(c, by, unit.id, now).await? {
                grantable.push(unit);
            }
        }
    }
    let (grants, waiting) = grant::of_staff(c, id, by, now).await?;
    let mut invited = None;
    if line.staff.activated_at.is_none()
        && let Some(state) = store::invitation::state_of(c, by, now, id).await?
    {
        invited = Some((state, store::invitation::tries(c, id).await?));
    }
    Ok(Some(View {
        invited,
        grants,
        waiting,
        absences: store::absence::of_staff(c, id, now).await?,
        leaves_at: store::leaving::of_staff(c, id).await?,
        history: store::holding::of_staff(c, id).await?,
        vacant: store::post::vacant(c, by, now, CHOICES as i64).await?,
        is_self: id == by,
        is_elsewhere: is_elsewhere(c, by, id, now).await?,
        grantable,
        line,
    }))
}

/// Posts of the admin's that nobody holds, to choose from when inviting.
pub async fn vacant(domain: &Domain, admin: &Admin) -> Result<Vec<PostLine>> {
    let mut conn = domain.db.read().await?;
    store::post::vacant(&mut conn, admin.staff.id, domain.now(), CHOICES as i64).await
}

/// Somebody to invite, as typed.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub email: &'a str,
    /// The language of the invitation.
    pub language: Language,
}

/// Invites somebody, who holds `post` at once if one is given. Whoever left comes back with everything they had written.
pub async fn invite(domain: &Domain, admin: &Admin, typed: Typed<'_>, post_id: Option<PostId>) -> std::result::Result<StaffId, StaffError> {
    let (name, email) = match (text::line(typed.name, invitation::NAME_LIMIT), text::email(typed.email)) {
        (Ok(name), Ok(email)) => (name, email),
        (name, email) => return Err(StaffError::Invalid { name: name.err(), email: email.err() }),
    };
    let (by, now, language) = (admin.staff.id, domain.now(), typed.language);
    let ids = (InvitationId(domain.id()), OutboxId(domain.id()));
    let (fresh, holding_id) = (StaffId(domain.id()), HoldingId(domain.id()));
    let home = *admin.units.first().ok_or(StaffError::NotFound)?;
    let done = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                let unit = match post_id {
                    Some(post) => post::mine(c, by, post, now).await?.ok_or(StaffError::NotFound)?.unit_id,
                    None => home,
                };
                let id = match store::staff::by_email(c, &email).await? {
                    Some(known) if known.ended_at.is_some() => {
                        store::staff::come_back(c, known.id, &name).await?;
                        known.id
                    }
                    Some(_) => return Err(StaffError::EmailTaken),
                    None => {
                        store::staff::insert(c, &newcomer(fresh, name, email, language, now)).await?;
                        fresh
                    }
                };
                store::staff::set_unit(c, id, unit).await?;
                if let Some(post_id) = post_id {
                    let holding = Holding { id: holding_id, post_id, staff_id: id, from_at: now, until_at: None };
                    store::holding::insert(c, &holding).await?;
                    telling::expect(c, post_id, now).await?;
                }
                invitation::invite(c, ids, id, now).await?;
                let detail = post_id.map(|p| p.to_string()).unwrap_or_default();
                let changes = routing::settle(c, now).await?;
                audit::append(c, now, Some(by), "staff.invite", &id.to_string(), &detail).await?;
                Ok((id, changes))
            })
        })
        .await;
    match done {
        Ok((id, changes)) => {
            routing::wake(domain, &changes);
            Ok(id)
        }
        Err(StaffError::Store(store::Error::Taken(_))) => Err(StaffError::EmailTaken),
        Err(e) => Err(e),
    }
}

fn newcomer(id: StaffId, name: String, email: String, language: Language, now: At) -> Staff {
    Staff {
        id,
        email,
        name,
        title: None,
        language,
        password_hash: None,
        created_at: now,
        activated_at: None,
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    }
}

/// Sends the invitation again, or to somebody who has forgotten their password a link to set another; earlier ones no longer hold.
pub async fn invite_again(domain: &Domain, admin: &Admin, id: StaffId) -> std::result::Result<(), StaffError> {
    let (by, now) = (admin.staff.id, domain.now());
    let ids = (InvitationId(domain.id()), OutboxId(domain.id()));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let person = mine(c, by, id, now).await?.ok_or(StaffError::NotFound)?;
                match invitation::again_in(c, by, &person, ids, now).await {
                    Ok(()) => Ok(()),
                    Err(CorrectError::Often) => Err(StaffError::Often),
                    Err(CorrectError::Store(e)) => Err(e.into()),
                    Err(_) => Err(StaffError::NotFound),
                }
            })
        })
        .await
}

/// Whether they hold a post or a grant where the admin has no say, now or later, or wait for one.
pub(crate) async fn is_elsewhere(c: &mut Conn, admin: StaffId, id: StaffId, now: At) -> Result<bool> {
    let terms = store::holding::of_staff(c, id).await?.into_iter().filter(|t| t.until_at.is_none_or(|u| u > now)).map(|t| t.unit_id);
    let grants = store::grant::of_staff(c, id, now).await?.into_iter().map(|g| g.unit_id);
    let waiting = store::grant::proposals_for(c, id, now).await?.into_iter().map(|p| p.unit_id);
    let units: HashSet<UnitId> = terms.chain(grants).chain(waiting).collect();
    for unit in units {
        if !unit::covers(c, admin, unit, now).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
