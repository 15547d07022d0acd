//! The trial of a new installation: mail goes to its own admins only, until one of them at the top says that it goes to everybody.
//!
//! What would have gone to others is held back and shown. It is not sent later by itself: invitations stay as ones to be sent, and mails about answers
//! go out only if the admin says so when the trial ends.

use crate::{
    Admin, Domain, audit,
    invitation::GAP,
    unit::{self, Page},
};
use model::{At, MailKind};
use moka::sync::Cache;
use std::time::Duration;
use store::{Conn, Result, trial::Withheld};

/// Mails on one page of the list.
pub const PAGE: i64 = 50;

/// Mails released in one transaction.
const BATCH: i64 = 500;

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Only an admin of a topmost unit.
    #[error("not at the top")]
    NotTop,
    /// It is over, or there never was one.
    #[error("not on")]
    Over,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Whether mail goes to admins only.
pub async fn is_on(domain: &Domain) -> Result<bool> {
    is_on_in(&mut domain.db.read().await?).await
}

pub(crate) async fn is_on_in(c: &mut Conn) -> Result<bool> {
    Ok(store::trial::find(c).await?.is_some_and(|trial| trial.ended_at.is_none()))
}

/// In memory for a moment, for the page that residents open most.
pub struct Remembered(Cache<(), bool>);

impl Default for Remembered {
    fn default() -> Remembered {
        Remembered(Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(10)).build())
    }
}

/// The same, at most ten seconds old.
pub(crate) async fn is_on_lately(domain: &Domain, c: &mut Conn) -> Result<bool> {
    if let Some(is_on) = domain.trial.0.get(&()) {
        return Ok(is_on);
    }
    let is_on = is_on_in(c).await?;
    domain.trial.0.insert((), is_on);
    Ok(is_on)
}

/// What the page shows.
pub struct View {
    /// While it is on.
    pub since: Option<At>,
    pub ended_at: Option<At>,
    /// This admin may end it.
    pub may_end: bool,
    pub counts: Vec<(MailKind, i64)>,
    pub mails: Page<Withheld>,
}

impl View {
    pub fn count(&self, kind: MailKind) -> i64 {
        self.counts.iter().filter(|(k, _)| *k == kind).map(|(_, count)| count).sum()
    }
}

/// `None` where there never was a trial.
pub async fn view(domain: &Domain, admin: &Admin, page: i64) -> Result<Option<View>> {
    let mut conn = domain.db.read().await?;
    let Some(trial) = store::trial::find(&mut conn).await? else { return Ok(None) };
    let may_end = is_top(&mut conn, admin, domain.now()).await?;
    // Who else would have got mail is for those who see everybody anyway.
    let mails = if may_end { store::trial::withheld(&mut conn, PAGE + 1, page * PAGE).await? } else { Vec::new() };
    Ok(Some(View {
        since: trial.ended_at.is_none().then_some(trial.began_at),
        ended_at: trial.ended_at,
        may_end,
        counts: store::trial::withheld_counts(&mut conn).await?,
        mails: Page::cut(mails, page, PAGE),
    }))
}

/// Whether one of the admin's grants is at a unit with none above it.
async fn is_top(c: &mut Conn, admin: &Admin, now: At) -> Result<bool> {
    for id in &admin.units {
        if unit::mine(c, admin.staff.id, *id, now).await?.is_some_and(|unit| unit.parent_id.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// From now on mail goes to everybody. With `is_released` also what residents would have been told of answers they have not seen yet.
pub async fn end(domain: &Domain, admin: &Admin, is_released: bool) -> std::result::Result<(), TrialError> {
    let (by, now, caller) = (admin.staff.id, domain.now(), admin.clone());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !is_top(c, &caller, now).await? {
                    return Err(TrialError::NotTop);
                }
                if !store::trial::end(c, by, now).await? {
                    return Err(TrialError::Over);
                }
                let detail = if is_released { "released" } else { "" };
                Ok(audit::append(c, now, Some(by), "trial.end", "installation", detail).await?)
            })
        })
        .await?;
    domain.trial.0.invalidate_all();
    if is_released {
        release(domain).await?;
    }
    Ok(domain.db.write(move |c| Box::pin(async move { store::trial::forget(c, now).await })).await?)
}

/// A part at a time, so that nobody who writes has to wait.
async fn release(domain: &Domain) -> Result<()> {
    let now = domain.now();
    let mut due = now;
    loop {
        let released = domain.db.write(move |c| Box::pin(async move { store::trial::release(c, due, GAP, BATCH, now).await })).await?;
        let released = i64::try_from(released).unwrap_or(BATCH);
        due = At(due.0 + released * GAP);
        if released < BATCH {
            return Ok(());
        }
    }
}
