//! The trial of a new district: mail of a unit on trial, and of everything below it, goes to its own admins only, until one of them says that it goes
//! to everybody. The first unit of an installation begins so, and so does every district added later; an admin may put any other unit on trial.
//!
//! What would have gone to others is held back and shown. It is not sent later by itself: invitations stay as ones to be sent, and mails about answers
//! go out only if the admin says so when the trial ends. That is kept with the trial, so that whatever breaks off is finished within a minute.

use crate::{
    Admin, Domain, audit,
    invitation::GAP,
    unit::{self, Page},
};
use model::{At, MailKind, StaffId, UnitId, UnitKind};
use moka::sync::Cache;
use std::time::Duration;
use store::{
    Conn, Result,
    outbox::Mail,
    trial::{Trial, Withheld},
    unit::Unit,
};

/// Mails on one page of the list.
pub const PAGE: i64 = 50;

/// Mails released in one transaction.
const BATCH: i64 = 500;

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Only an admin of the unit or of one above it.
    #[error("not yours")]
    NotYours,
    /// It is over, or there never was one.
    #[error("not on")]
    Over,
    /// It has had one.
    #[error("had one")]
    Had,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Whether any unit is on trial.
pub async fn is_any(domain: &Domain) -> Result<bool> {
    Ok(!store::trial::open(&mut domain.db.read().await?).await?.is_empty())
}

/// The trials an admin has to know of: at their units, below and above.
pub async fn known_to(domain: &Domain, admin: &Admin) -> Result<Vec<Trial>> {
    known_to_in(&mut domain.db.read().await?, admin, domain.now()).await
}

pub(crate) async fn known_to_in(c: &mut Conn, admin: &Admin, now: At) -> Result<Vec<Trial>> {
    let mut known = Vec::new();
    for trial in store::trial::open(c).await? {
        if unit::covers(c, admin.staff.id, trial.unit_id, now).await? || is_above(c, trial.unit_id, &admin.units).await? {
            known.push(trial);
        }
    }
    Ok(known)
}

/// Whether a unit is one of these or above one of them.
async fn is_above(c: &mut Conn, unit: UnitId, below: &[UnitId]) -> Result<bool> {
    for id in below {
        if store::unit::path(c, *id).await?.iter().any(|above| above.id == unit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether all of these units are on trial, by themselves or because of what is above them.
pub(crate) async fn holds_all(c: &mut Conn, units: &[UnitId]) -> Result<bool> {
    for unit in units {
        if store::trial::holding(c, *unit).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(!units.is_empty())
}

/// The names of units on trial that are among these or below them.
pub(crate) async fn below(c: &mut Conn, units: &[UnitId]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for trial in store::trial::open(c).await? {
        if store::unit::path(c, trial.unit_id).await?.iter().any(|above| units.contains(&above.id)) {
            names.push(trial.unit_name);
        }
    }
    Ok(names)
}

/// The unit whose trial holds a mail back, if any does.
pub(crate) async fn holding_back(c: &mut Conn, mail: &Mail, now: At) -> Result<Option<UnitId>> {
    let at = store::trial::unit_of_mail(c, mail.id, now).await?;
    held_at(c, at, &mail.recipient, now).await
}

/// Whether mail to one of the staff is held back.
pub async fn holds_back(domain: &Domain, staff: StaffId, email: &str) -> Result<bool> {
    let (now, mut conn) = (domain.now(), domain.db.read().await?);
    let at = store::trial::unit_of_staff(&mut conn, staff, now).await?;
    Ok(held_at(&mut conn, at, email, now).await?.is_some())
}

async fn held_at(c: &mut Conn, at: Option<UnitId>, email: &str, now: At) -> Result<Option<UnitId>> {
    let on = match at {
        Some(unit) => store::trial::holding(c, unit).await?,
        // Who belongs nowhere belongs to the whole.
        None => topmost(c).await?,
    };
    let Some(on) = on else { return Ok(None) };
    let admin_at = store::trial::admin_units(c, email, now).await?;
    let path = store::unit::path(c, on).await?;
    let is_own_admin = path.iter().any(|unit| admin_at.contains(&unit.id)) || is_above(c, on, &admin_at).await?;
    Ok((!is_own_admin).then_some(on))
}

/// A unit on trial with none above it.
async fn topmost(c: &mut Conn) -> Result<Option<UnitId>> {
    let roots = store::unit::roots(c).await?;
    let open = store::trial::open(c).await?;
    Ok(open.into_iter().map(|trial| trial.unit_id).find(|id| roots.iter().any(|root| root.id == *id)))
}

/// Whether any unit is on trial, in memory for a moment, for the page that residents open most.
pub struct Remembered(Cache<(), bool>);

impl Default for Remembered {
    fn default() -> Remembered {
        Remembered(Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(10)).build())
    }
}

impl Remembered {
    pub(crate) fn forget(&self) {
        self.0.invalidate_all();
    }
}

/// Whether mail of this unit is held back; that no unit is on trial may be ten seconds old.
pub(crate) async fn is_on_lately(domain: &Domain, c: &mut Conn, unit: UnitId) -> Result<bool> {
    let is_any = match domain.trial.0.get(&()) {
        Some(is_any) => is_any,
        None => {
            let is_any = !store::trial::open(c).await?.is_empty();
            domain.trial.0.insert((), is_any);
            is_any
        }
    };
    Ok(is_any && store::trial::holding(c, unit).await?.is_some())
}

/// What the page of a unit shows.
pub struct View {
    pub unit: Unit,
    /// Its own trial, also when it is over.
    pub trial: Option<Trial>,
    /// The unit above whose trial holds here.
    pub above: Option<Unit>,
    /// This admin may begin and end it.
    pub is_mine: bool,
    pub counts: Vec<(MailKind, i64)>,
    pub mails: Page<Withheld>,
}

impl View {
    pub fn is_on(&self) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.ended_at.is_none())
    }

    pub fn count(&self, kind: MailKind) -> i64 {
        self.counts.iter().filter(|(k, _)| *k == kind).map(|(_, count)| count).sum()
    }
}

/// The trial of one unit of the admin's, or of one above that they have to know of. `None` for any other unit.
pub async fn view(domain: &Domain, admin: &Admin, unit: UnitId, page: i64) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let is_mine = unit::mine(c, by, unit, now).await?.is_some();
    if !is_mine && !is_above(c, unit, &admin.units).await? {
        return Ok(None);
    }
    let path = store::unit::path(c, unit).await?;
    let Some(own) = path.first().cloned() else { return Ok(None) };
    let above = match own.parent_id {
        Some(parent) => store::trial::holding(c, parent).await?,
        None => None,
    };
    // Who else would have got mail is for those who see everybody there anyway.
    let mails = if is_mine { store::trial::withheld(c, unit, PAGE + 1, page * PAGE).await? } else { Vec::new() };
    Ok(Some(View {
        trial: store::trial::find(c, unit).await?,
        above: path.into_iter().find(|u| Some(u.id) == above),
        is_mine,
        counts: store::trial::withheld_counts(c, unit).await?,
        mails: Page::cut(mails, page, PAGE),
        unit: own,
    }))
}

/// Puts a unit on trial from now on.
pub async fn begin(domain: &Domain, admin: &Admin, unit: UnitId) -> std::result::Result<(), TrialError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                unit::mine(c, by, unit, now).await?.ok_or(TrialError::NotYours)?;
                if !store::trial::begin(c, unit, now).await? {
                    return Err(TrialError::Had);
                }
                Ok(audit::append(c, now, Some(by), "trial.begin", &unit.to_string(), "").await?)
            })
        })
        .await?;
    domain.trial.forget();
    Ok(())
}

/// A unit that has just been made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewUnit {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
}

/// Nobody but its admins gets mail from a district that is still being built, unless what is above it is on trial anyway. Whether it is on trial
/// from now on by itself: then the caller puts `trial.begin` on record, after everything else.
pub(crate) async fn begin_new(c: &mut Conn, new: NewUnit, now: At) -> Result<bool> {
    let needs_one = match new.parent_id {
        None => true,
        Some(parent) => new.kind.is_district_level() && store::trial::holding(c, parent).await?.is_none(),
    };
    Ok(needs_one && store::trial::begin(c, new.id, now).await?)
}

/// From now on mail of the unit goes to everybody. With `is_released` also what residents would have been told of answers they have not seen yet.
pub async fn end(domain: &Domain, admin: &Admin, unit: UnitId, is_released: bool) -> std::result::Result<(), TrialError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                unit::mine(c, by, unit, now).await?.ok_or(TrialError::NotYours)?;
                if !store::trial::end(c, unit, by, is_released, now).await? {
                    return Err(TrialError::Over);
                }
                let detail = if is_released { "released" } else { "" };
                Ok(audit::append(c, now, Some(by), "trial.end", &unit.to_string(), detail).await?)
            })
        })
        .await?;
    domain.trial.forget();
    Ok(settle(domain).await?)
}

/// Releases or forgets what was held back where a trial has ended: at once, and again every minute for what broke off.
pub async fn settle(domain: &Domain) -> Result<()> {
    let over = store::trial::unsettled(&mut domain.db.read().await?).await?;
    for trial in over {
        let (unit, now) = (trial.unit_id, domain.now());
        if trial.is_released > 0 {
            release(domain, unit).await?;
        }
        domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::trial::forget(c, unit, now).await?;
                    store::trial::settle(c, unit, now).await
                })
            })
            .await?;
    }
    Ok(())
}

/// A part at a time, so that nobody who writes has to wait.
async fn release(domain: &Domain, unit: UnitId) -> Result<()> {
    let now = domain.now();
    let mut due = now;
    loop {
        let released = domain.db.write(move |c| Box::pin(async move { store::trial::release(c, unit, due, GAP, BATCH, now).await })).await?;
        let released = i64::try_from(released).unwrap_or(BATCH);
        due = At(due.0 + released * GAP);
        if released < BATCH {
            return Ok(());
        }
    }
}
