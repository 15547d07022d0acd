//! The organisation tree, as its admins build it. Whatever lies outside the subtrees of an admin's grants is not found.

pub mod tree;

use crate::{
    Admin, Domain, audit, calendar,
    calendar::UnitCalendar,
    trial::{self, NewUnit},
};
use model::{
    At, Role, Setting, StaffId, UnitId, UnitKind,
    text::{self, TextError},
};
use moka::sync::Cache;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::{Conn, Result, post::Line, unit::Unit};

pub use store::{admin::Figures, unit::Lack};

/// Units on one page of a list.
pub const PAGE: i64 = 50;
/// Characters in a unit's name, in its English name and in its code.
pub(crate) const NAME_LIMIT: usize = 60;
pub(crate) const NAME_EN_LIMIT: usize = 100;
pub(crate) const CODE_LIMIT: usize = 40;

#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// Another unit has this code.
    #[error("the code is taken")]
    CodeTaken,
    /// There are units below it or posts in it.
    #[error("not empty")]
    NotEmpty,
    /// The admin's own grant is here: ending it would lock them out.
    #[error("one's own")]
    Own,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub name: Option<TextError>,
    pub name_en: Option<TextError>,
    pub code: Option<TextError>,
    /// No kind that may stand below the unit above.
    pub kind: bool,
}

/// A unit as typed.
#[derive(Clone, Debug, Default)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub name_en: &'a str,
    pub code: &'a str,
    pub kind: &'a str,
}

impl Typed<'_> {
    /// Name, English name and code.
    fn checked(&self) -> std::result::Result<(String, Option<String>, Option<String>), Mistakes> {
        let (name, name_en) = (text::line(self.name, NAME_LIMIT), text::optional_line(self.name_en, NAME_EN_LIMIT));
        match (name, name_en, text::optional_line(self.code, CODE_LIMIT)) {
            (Ok(name), Ok(name_en), Ok(code)) => Ok((name, name_en, code)),
            (name, name_en, code) => Err(Mistakes { name: name.err(), name_en: name_en.err(), code: code.err(), kind: false }),
        }
    }
}

/// What may stand directly below a unit of a kind.
pub fn kinds_below(kind: UnitKind) -> &'static [UnitKind] {
    use UnitKind::{Bureau, City, Class, Community, District, Grade, Grid, School, Street};
    match kind {
        City => &[District, Bureau, School],
        District => &[Street, Bureau, School],
        Street => &[Community, School],
        Community => &[Grid],
        Bureau => &[Bureau, School],
        School => &[Grade, Class],
        Grade => &[Class],
        Grid | Class => &[],
    }
}

/// Whether a unit lies in the subtree of one of the admin's grants.
pub(crate) async fn covers(c: &mut Conn, admin: StaffId, unit: UnitId, now: At) -> Result<bool> {
    store::staff::is_granted(c, admin, Role::Admin, unit, now).await
}

/// A unit of the admin's.
pub(crate) async fn mine(c: &mut Conn, admin: StaffId, id: UnitId, now: At) -> Result<Option<Unit>> {
    let Some(unit) = store::unit::find(c, id).await?.filter(|u| u.ended_at.is_none()) else { return Ok(None) };
    Ok(covers(c, admin, id, now).await?.then_some(unit))
}

/// From the top of what is the admin's down to the unit above this one.
pub(crate) async fn above(c: &mut Conn, admin: StaffId, id: UnitId, now: At) -> Result<Vec<Unit>> {
    let mut path = Vec::new();
    for unit in store::unit::path(c, id).await?.into_iter().skip(1) {
        if !covers(c, admin, unit.id, now).await? {
            break;
        }
        path.push(unit);
    }
    path.reverse();
    Ok(path)
}

/// The numbers of everything that is the admin's.
pub async fn figures(domain: &Domain, admin: &Admin) -> Result<Figures> {
    figures_of(domain, Role::Admin, admin.staff.id).await
}

/// The numbers of everything that is somebody's by an admin's or a supervisor's grants. Those of a large district take half a second to count: from
/// ten seconds on they are counted anew beside the page, which shows those before, never older than a minute.
pub(crate) async fn figures_of(domain: &Domain, role: Role, staff: StaffId) -> Result<Figures> {
    let Some(counted) = domain.figures.0.get(&(role, staff)) else { return count(domain, role, staff).await };
    if domain.now().seconds_since(counted.at) > FRESH && !counted.is_counted_anew.swap(true, Ordering::Relaxed) {
        let domain = domain.clone();
        tokio::spawn(async move {
            if let Err(e) = count(&domain, role, staff).await {
                tracing::warn!(error = %e, "a district's figures could not be counted");
            }
        });
    }
    Ok(counted.figures.clone())
}

async fn count(domain: &Domain, role: Role, staff: StaffId) -> Result<Figures> {
    let at = domain.now();
    let mut conn = domain.db.read().await?;
    let figures = match role {
        Role::Supervisor => store::admin::supervised(&mut conn, staff, at).await?,
        _ => store::admin::figures(&mut conn, staff, at).await?,
    };
    if figures.posts > LARGE {
        domain.figures.0.insert((role, staff), Arc::new(Counted { figures: figures.clone(), at, is_counted_anew: AtomicBool::default() }));
    }
    Ok(figures)
}

/// Posts from which a district is large.
const LARGE: i64 = 2_000;

/// In seconds.
const FRESH: i64 = 10;
const OLD: Duration = Duration::from_secs(60);

/// Figures of large districts, counted lately: whoever is admin and supervisor sees two of them.
pub struct CountedFigures(Cache<(Role, StaffId), Arc<Counted>>);

struct Counted {
    figures: Figures,
    at: At,
    is_counted_anew: AtomicBool,
}

impl Default for CountedFigures {
    fn default() -> CountedFigures {
        CountedFigures(Cache::builder().max_capacity(1_000).time_to_live(OLD).build())
    }
}

impl CountedFigures {
    pub(crate) fn clear(&self) {
        self.0.invalidate_all();
    }
}

/// The tops of what is the admin's: the units of their grants, none of them below another.
pub async fn tops(domain: &Domain, admin: &Admin) -> Result<Vec<Unit>> {
    let mut conn = domain.db.read().await?;
    tops_of(&mut conn, admin).await
}

async fn tops_of(c: &mut Conn, admin: &Admin) -> Result<Vec<Unit>> {
    let mut tops = Vec::new();
    let mut seen = HashSet::new();
    for id in &admin.units {
        let path = store::unit::path(c, *id).await?;
        let is_below_another = path.iter().skip(1).any(|u| admin.units.contains(&u.id));
        if let Some(unit) = path.into_iter().next().filter(|u| !is_below_another && u.ended_at.is_none() && seen.insert(u.id)) {
            tops.push(unit);
        }
    }
    Ok(tops)
}

/// One page of a list.
pub struct Page<T> {
    pub lines: Vec<T>,
    pub page: i64,
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From one row more than fits.
    pub(crate) fn cut(mut lines: Vec<T>, page: i64, size: i64) -> Page<T> {
        let has_more = lines.len() as i64 > size;
        lines.truncate(usize::try_from(size).unwrap_or(0));
        Page { lines, page, has_more }
    }
}

/// A pattern for `like`, with what was typed taken literally.
pub(crate) fn like(typed: &str, before: &str) -> String {
    let literal: String = typed.trim().to_lowercase().chars().flat_map(|c| ['\\'].into_iter().filter(move |_| "\\%_".contains(c)).chain([c])).collect();
    format!("{before}{literal}%")
}

/// A unit as its admin sees it.
pub struct View {
    pub unit: Unit,
    /// From the top of what is the admin's down.
    pub above: Vec<Unit>,
    pub posts: Vec<Line>,
    pub below: tree::Level,
    pub calendar: Arc<UnitCalendar>,
    /// The unit whose calendar holds here, if any has one.
    pub calendar_of: Option<Unit>,
    /// The admin's own grant is at this unit.
    pub is_top: bool,
}

pub async fn view(domain: &Domain, admin: &Admin, id: UnitId, page: i64) -> Result<Option<View>> {
    let now = domain.now();
    // Before there is a connection: the tree takes one of its own.
    let Some(below) = tree::below(domain, admin, id, page).await? else { return Ok(None) };
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(unit) = mine(c, admin.staff.id, id, now).await? else { return Ok(None) };
    let calendar = calendar::of_unit(domain, c, id).await?;
    let calendar_of = match calendar.unit_id {
        Some(unit) => store::unit::find(c, unit).await?,
        None => None,
    };
    Ok(Some(View {
        above: above(c, admin.staff.id, id, now).await?,
        posts: store::post::of_unit(c, id, now).await?,
        below,
        calendar,
        calendar_of,
        is_top: admin.units.contains(&id),
        unit,
    }))
}

/// The unit a new one is to stand below, with the way to it.
pub async fn parent(domain: &Domain, admin: &Admin, id: UnitId) -> Result<Option<(Unit, Vec<Unit>)>> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let Some(unit) = mine(&mut conn, admin.staff.id, id, now).await? else { return Ok(None) };
    let above = above(&mut conn, admin.staff.id, id, now).await?;
    Ok(Some((unit, above)))
}

pub async fn create(domain: &Domain, admin: &Admin, parent: UnitId, typed: Typed<'_>) -> std::result::Result<UnitId, UnitError> {
    let (by, now, id) = (admin.staff.id, domain.now(), UnitId(domain.id()));
    let above = {
        let mut conn = domain.db.read().await?;
        mine(&mut conn, by, parent, now).await?.ok_or(UnitError::NotFound)?
    };
    let kind = typed.kind.parse().ok().filter(|k| kinds_below(above.kind).contains(k));
    let checked = typed.checked();
    let Some(kind) = kind else { return Err(UnitError::Invalid(Mistakes { kind: true, ..checked.err().unwrap_or_default() })) };
    let (name, name_en, code) = checked.map_err(UnitError::Invalid)?;
    let unit = Unit { id, parent_id: Some(parent), kind, name, name_en, code, created_at: now, ended_at: None };
    let done = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                // It does not end while something is put below it.
                store::unit::hold(c, parent).await?;
                mine(c, by, parent, now).await?.ok_or(UnitError::NotFound)?;
                store::unit::insert(c, &unit).await?;
                let is_on_trial = trial::begin_new(c, NewUnit { id, parent_id: Some(parent), kind }, now).await?;
                audit::append(c, now, Some(by), "unit.create", &id.to_string(), &unit.name).await?;
                if is_on_trial {
                    audit::append(c, now, Some(by), "trial.begin", &id.to_string(), "").await?;
                }
                Ok(())
            })
        })
        .await;
    done.map_err(code_taken)?;
    domain.settings.clear();
    domain.trial.forget();
    Ok(id)
}

/// The code is the only unique value of a unit.
fn code_taken(e: UnitError) -> UnitError {
    match e {
        UnitError::Store(store::Error::Taken(_)) => UnitError::CodeTaken,
        e => e,
    }
}

/// New names or a new code.
pub async fn change(domain: &Domain, admin: &Admin, id: UnitId, typed: Typed<'_>) -> std::result::Result<(), UnitError> {
    let (name, name_en, code) = typed.checked().map_err(UnitError::Invalid)?;
    let (by, now) = (admin.staff.id, domain.now());
    let done = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let before = mine(c, by, id, now).await?.ok_or(UnitError::NotFound)?;
                store::unit::change(c, id, &name, name_en.as_deref(), code.as_deref()).await?;
                audit::append(c, now, Some(by), "unit.change", &id.to_string(), &format!("{} → {name}", before.name)).await?;
                Ok(())
            })
        })
        .await;
    done.map_err(code_taken)?;
    domain.settings.clear();
    Ok(())
}

/// Ends a unit that nothing hangs on any more. Gives the unit above.
pub async fn end(domain: &Domain, admin: &Admin, id: UnitId) -> std::result::Result<Option<UnitId>, UnitError> {
    let (by, now) = (admin.staff.id, domain.now());
    if admin.units.contains(&id) {
        return Err(UnitError::Own);
    }
    let parent = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                // Nothing is put below it or into it meanwhile, by hand or by a register.
                store::post::hold_routing(c).await?;
                store::unit::lock(c, id).await?;
                let unit = mine(c, by, id, now).await?.ok_or(UnitError::NotFound)?;
                if store::unit::in_use(c, id).await? > 0 {
                    return Err(UnitError::NotEmpty);
                }
                store::unit::end(c, id, now).await?;
                store::calendar::delete(c, id).await?;
                for setting in Setting::ALL {
                    store::setting::delete(c, id, *setting).await?;
                }
                audit::append(c, now, Some(by), "unit.end", &id.to_string(), &unit.name).await?;
                Ok::<_, UnitError>(unit.parent_id)
            })
        })
        .await?;
    domain.settings.clear();
    Ok(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_taken_literally() {
        assert_eq!(like(" 50%_A\\ ", "%"), "%50\\%\\_a\\\\%");
    }
}
