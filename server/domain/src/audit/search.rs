//! Looking for entries, as an auditor of one or several subtrees, and taking them out.

use super::{kind_of, verify::Anchor};
use crate::{
    Auditor, Domain,
    setting::{self, Effective},
    unit::{like, tree},
};
use jiff::civil::Date;
use model::{At, AuditKind, Role, UnitId};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use store::{
    Conn, Result,
    audit::{Filter, Line, Named, Target},
    unit::Unit,
};
use uuid::Uuid;

/// Entries on one page, and in one piece of an export.
pub const PAGE: i64 = 50;
const PIECE: i64 = 1_000;
/// Units below which a subtree is small.
const NARROW: usize = 200;

/// What is looked for, as typed; empty means anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A part of a name or of an e-mail address.
    pub who: String,
    pub what: Option<AuditKind>,
    /// A part of a name, or an id.
    pub target: String,
    /// From the first of these days to the end of the last, by the clock of the auditor's first unit.
    pub from: Option<Date>,
    pub until: Option<Date>,
    /// A unit with everything below it.
    pub unit: Option<UnitId>,
    /// Only what is older than this entry.
    pub before: Option<i64>,
}

/// One page of what was found.
pub struct Found {
    pub lines: Vec<Line>,
    /// What the ids in them stand for.
    pub names: HashMap<Uuid, Named>,
    /// Where the next page begins.
    pub next: Option<i64>,
}

/// Where an auditor may look.
pub struct Places {
    pub units: Vec<Unit>,
    pub settings: Arc<Effective>,
    /// The unit looked in now, if it is one of theirs.
    pub chosen: Option<Unit>,
    /// The end of the chain, to be kept elsewhere.
    pub anchor: Option<Anchor>,
    /// May see entries that belong to no unit.
    pub sees_everything: bool,
}

/// `None` if the unit asked for is not theirs.
pub async fn places(domain: &Domain, auditor: &Auditor, unit: Option<UnitId>) -> Result<Option<Places>> {
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let granted = granted(domain, c, auditor).await?;
    let mut units = Vec::new();
    for id in &granted {
        units.extend(store::unit::find(c, *id).await?);
    }
    let chosen = match unit {
        Some(id) if store::staff::is_granted(c, auditor.staff.id, Role::Auditor, id, domain.now()).await? => store::unit::find(c, id).await?,
        Some(_) => return Ok(None),
        None => None,
    };
    let settings = match units.first() {
        Some(unit) => setting::of(domain, c, unit.id).await?,
        None => Arc::new(Effective::standard()),
    };
    let head = store::audit::head(c).await?;
    let anchor = (head.seq > 0).then(|| Anchor::from(head));
    let sees_everything = sees_everything(c, &granted).await?;
    Ok(Some(Places { units, settings, chosen, anchor, sees_everything }))
}

/// The units of an auditor's grants as they are now: an export may take longer than a grant lasts.
async fn granted(domain: &Domain, c: &mut Conn, auditor: &Auditor) -> Result<Vec<UnitId>> {
    let grants = store::staff::grants(c, auditor.staff.id, domain.now()).await?;
    Ok(grants.into_iter().filter(|g| g.role == Role::Auditor).map(|g| g.unit_id).collect())
}

/// Every top of the tree is theirs.
async fn sees_everything(c: &mut Conn, granted: &[UnitId]) -> Result<bool> {
    let roots = store::unit::roots(c).await?;
    Ok(!roots.is_empty() && roots.iter().all(|root| granted.contains(&root.id)))
}

/// `None` if the unit asked for is not theirs, or nothing is any more.
async fn filter(domain: &Domain, c: &mut Conn, tree: &tree::Index, auditor: &Auditor, asked: &Asked) -> Result<Option<Filter>> {
    let granted = granted(domain, c, auditor).await?;
    let Some(first) = granted.first().copied() else { return Ok(None) };
    let units = match asked.unit {
        Some(unit) if store::staff::is_granted(c, auditor.staff.id, Role::Auditor, unit, domain.now()).await? => Some(vec![unit]),
        Some(_) => return Ok(None),
        None if sees_everything(c, &granted).await? => None,
        None => Some(granted),
    };
    let settings = setting::of(domain, c, first).await?;
    let midnight = |date: Date| {
        let local = settings.calendar.calendar.local(domain.now());
        local.with().date(date).build().and_then(|z| z.start_of_day()).map(|z| At::from(z.timestamp())).ok()
    };
    let pattern = |typed: &str| if typed.trim().is_empty() { None } else { Some(like(typed, "%")) };
    let actions = match asked.what {
        Some(kind) => Some(store::audit::actions(c).await?.into_iter().filter(|action| kind_of(action) == kind).collect()),
        None => None,
    };
    let target = match asked.target.trim().parse::<Uuid>() {
        Ok(id) => Some(Target::Id(id.as_simple().to_string())),
        Err(_) => pattern(&asked.target).map(Target::Like),
    };
    Ok(Some(Filter {
        before: asked.before,
        from: asked.from.and_then(midnight),
        until: asked.until.and_then(|date| midnight(date.tomorrow().ok()?)),
        who: pattern(&asked.who),
        target,
        actions,
        is_narrow: units.as_ref().is_some_and(|units| tree.count_below(units) <= NARROW),
        units,
    }))
}

/// The entries an auditor asks for, the newest first. `None` if the unit asked for is not theirs.
pub async fn find(domain: &Domain, auditor: &Auditor, asked: &Asked) -> Result<Option<Found>> {
    page(domain, auditor, asked, PAGE).await
}

async fn page(domain: &Domain, auditor: &Auditor, asked: &Asked, size: i64) -> Result<Option<Found>> {
    let tree = tree::index(domain).await?;
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(filter) = filter(domain, c, &tree, auditor, asked).await? else { return Ok(None) };
    let mut lines = store::audit::find(c, &filter, size + 1).await?;
    let has_more = lines.len() as i64 > size;
    lines.truncate(usize::try_from(size).unwrap_or(0));
    let next = lines.last().map(|line| line.entry.seq).filter(|_| has_more);
    let ids: HashSet<Uuid> = lines.iter().flat_map(|line| ids_in(&line.entry.target).chain(ids_in(&line.entry.detail))).collect();
    let named = store::audit::names(c, &ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(Some(Found { lines, names: named.into_iter().map(|n| (n.id, n)).collect(), next }))
}

/// The ids that a text speaks of.
fn ids_in(text: &str) -> impl Iterator<Item = Uuid> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.len() >= 32).filter_map(|word| word.parse().ok())
}

/// Begins to take entries out, which is an entry itself: gives what to ask [`export_page`] for first. `None` if the unit asked for is not theirs.
pub async fn export(domain: &Domain, auditor: &Auditor, asked: &Asked, format: &str) -> Result<Option<Asked>> {
    let tree = tree::index(domain).await?;
    let end = {
        let mut conn = domain.db.read().await?;
        if filter(domain, &mut conn, &tree, auditor, asked).await?.is_none() {
            return Ok(None);
        }
        store::audit::head(&mut conn).await?.seq
    };
    let mut said = vec![format.to_owned()];
    let typed = [("who", asked.who.trim().to_owned()), ("target", asked.target.trim().to_owned())];
    said.extend(typed.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}={text}")));
    said.extend(asked.what.map(|kind| format!("what={kind}")));
    said.extend(asked.from.map(|date| format!("from={date}")));
    said.extend(asked.until.map(|date| format!("until={date}")));
    let target = asked.unit.or(auditor.units.first().copied()).map(|id| id.to_string()).unwrap_or_default();
    super::record(domain, Some(auditor.staff.id), "audit.export", target, said.join(" ")).await?;
    Ok(Some(Asked { before: Some(end + 1), ..asked.clone() }))
}

/// The next piece of an export, of what is theirs by then.
pub async fn export_page(domain: &Domain, auditor: &Auditor, asked: &Asked) -> Result<Option<Found>> {
    page(domain, auditor, asked, PIECE).await
}
