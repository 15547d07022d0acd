//! What holds at a unit: calendar, promise, quiet hours, welcome text and limits. Each is inherited down the tree until a unit has its own, and a
//! unit can lock it for everything below.

use crate::{
    Admin, Domain, audit,
    calendar::{self, PROMISE_MINUTES, PROMISES, UnitCalendar},
    live::Hub,
    post::WELCOME_LIMIT,
    unit,
};
use model::{
    At, Setting, StaffId, UnitId,
    calendar::{Calendar, Quiet},
    text::{self, TextError},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::{Conn, Result, setting::SettingRow, unit::Unit};

/// What holds at a unit, worked out.
#[derive(Clone, Debug)]
pub struct Effective {
    pub calendar: Arc<UnitCalendar>,
    pub quiet_hours: Quiet,
    pub welcome: Option<String>,
    /// Contacts who may write to a post for the first time in a day; `None` where there is no limit.
    pub new_contacts_per_day: Option<i64>,
    /// Conversations a post may have open; `None` where there is no limit.
    pub open_conversations: Option<i64>,
}

impl Effective {
    /// What holds where nobody has set anything.
    pub fn standard() -> Effective {
        Effective {
            calendar: Arc::new(UnitCalendar::standard()),
            quiet_hours: Quiet::default(),
            welcome: None,
            new_contacts_per_day: None,
            open_conversations: None,
        }
    }

    /// Working minutes within which an answer is promised.
    pub fn promise_minutes(&self) -> i64 {
        self.calendar.promise_minutes
    }

    /// The first moment from `at` on at which somebody may be written to.
    pub fn free_at(&self, at: At) -> At {
        self.calendar.calendar.after_quiet_hours(at, self.quiet_hours)
    }
}

/// Settings change a few times a year and are needed for every message.
pub struct Cache {
    known: Mutex<Known>,
    hub: Hub,
}

#[derive(Default)]
struct Known {
    /// Counts how often everything was forgotten: what was read before that is not kept after it.
    generation: u64,
    /// Counts how often something was changed, as far as that was heard.
    changes: u64,
    units: HashMap<UnitId, Arc<Effective>>,
    /// By the unit whose own they are: thousands of units share one.
    calendars: HashMap<UnitId, Arc<Calendar>>,
}

impl Cache {
    pub(crate) fn new(hub: Hub) -> Cache {
        Cache { known: Mutex::default(), hub }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After any setting, calendar or the tree has changed: forgets it here and on every other node.
    pub fn clear(&self) {
        self.have_changed();
        self.hub.settings_changed();
    }

    /// After another node's change, or when one may not have been heard.
    pub(crate) fn have_changed(&self) {
        self.known().changes += 1;
        self.forget();
    }

    /// Another one after each change.
    pub(crate) fn tree_generation(&self) -> u64 {
        self.known().changes
    }

    /// Once a minute, should a signal have been lost. The tree of units is left alone: it is large, and read anew by itself.
    pub fn forget(&self) {
        let mut known = self.known();
        *known = Known { generation: known.generation + 1, changes: known.changes, ..Known::default() };
    }
}

/// What is remembered of a unit.
pub(crate) fn remembered(domain: &Domain, unit: UnitId) -> Option<Arc<Effective>> {
    domain.settings.known().units.get(&unit).cloned()
}

/// What holds at a unit.
pub async fn of(domain: &Domain, conn: &mut Conn, unit: UnitId) -> Result<Arc<Effective>> {
    if let Some(found) = remembered(domain, unit) {
        return Ok(found);
    }
    let generation = domain.settings.known().generation;
    let effective = Arc::new(load(domain, conn, unit, generation).await?);
    let mut known = domain.settings.known();
    if known.generation == generation {
        known.units.insert(unit, effective.clone());
    }
    Ok(effective)
}

async fn load(domain: &Domain, conn: &mut Conn, unit: UnitId, generation: u64) -> Result<Effective> {
    let rows = store::setting::up(conn, unit).await?;
    let value = |setting| found(&rows, setting).value;
    let standard = UnitCalendar::standard();
    let unit_id = found(&rows, Setting::Calendar).from;
    let calendar = match unit_id {
        Some(owner) => calendar_of(domain, conn, owner, generation).await?,
        None => standard.calendar,
    };
    let promise_minutes = value(Setting::Promise).and_then(|v| v.parse().ok()).unwrap_or(standard.promise_minutes);
    let limit = |setting| value(setting).and_then(|v| v.parse::<i64>().ok());
    Ok(Effective {
        calendar: Arc::new(UnitCalendar { calendar, promise_minutes, unit_id }),
        quiet_hours: value(Setting::QuietHours).and_then(|v| quiet(&v)).unwrap_or_default(),
        welcome: value(Setting::Welcome).filter(|text| !text.is_empty()),
        new_contacts_per_day: limit(Setting::NewContacts),
        open_conversations: limit(Setting::OpenConversations),
    })
}

async fn calendar_of(domain: &Domain, conn: &mut Conn, owner: UnitId, generation: u64) -> Result<Arc<Calendar>> {
    if let Some(found) = domain.settings.known().calendars.get(&owner) {
        return Ok(found.clone());
    }
    let calendar = Arc::new(calendar::load(conn, owner).await?);
    let mut known = domain.settings.known();
    if known.generation == generation {
        known.calendars.insert(owner, calendar.clone());
    }
    Ok(calendar)
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub value: Option<String>,
    /// The unit whose value it is; nobody's is the built-in one.
    pub from: Option<UnitId>,
    /// The topmost unit above that has locked it.
    pub locked_by: Option<UnitId>,
    /// Locked at the very unit, for what is below.
    pub is_locked_here: bool,
    /// The unit's own, even if a lock above overrules it.
    pub own: Option<String>,
}

/// What holds for one setting, from what is said on the way up: the nearest value, but from the topmost lock upwards.
pub(crate) fn found(rows: &[SettingRow], setting: Setting) -> Found {
    let said = || rows.iter().filter(move |row| row.name == setting.as_str());
    let lock = said().filter(|row| row.is_locked > 0).max_by_key(|row| row.depth);
    let reach = lock.map_or(0, |row| row.depth);
    let holds = said().filter(|row| row.depth >= reach && row.value.is_some()).min_by_key(|row| row.depth);
    Found {
        value: holds.and_then(|row| row.value.clone()),
        from: holds.map(|row| row.unit_id),
        locked_by: lock.filter(|row| row.depth > 0).map(|row| row.unit_id),
        is_locked_here: said().any(|row| row.depth == 0 && row.is_locked > 0),
        own: said().filter(|row| row.depth == 0).find_map(|row| row.value.clone()),
    }
}

/// The topmost unit above that has locked a setting.
pub(crate) async fn locked_above(conn: &mut Conn, unit: UnitId, setting: Setting) -> Result<Option<UnitId>> {
    Ok(found(&store::setting::up(conn, unit).await?, setting).locked_by)
}

/// `22:00-07:00` as kept, `none` for no quiet hours.
fn quiet(kept: &str) -> Option<Quiet> {
    if kept == NONE {
        return Some(Quiet::NONE);
    }
    let (from, until) = kept.split_once('-')?;
    Some(Quiet { from: from.parse().ok()?, until: until.parse().ok()? })
}

/// No quiet hours, no limit.
pub const NONE: &str = "none";
/// What a limit may be.
pub const LIMITS: std::ops::RangeInclusive<i64> = 1..=10_000;

/// One setting as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedOne {
    /// Has a value of its own, instead of the one from above.
    pub is_own: bool,
    /// Quiet hours as `22:00-07:00`; empty means none.
    pub value: String,
    /// What stood there before something was typed.
    pub shown: Option<String>,
    /// Nothing below may differ.
    pub is_locked: bool,
}

pub type Typed = HashMap<Setting, TypedOne>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    Text(TextError),
    Time,
    /// Not a whole number within this range.
    Number(i64, i64),
    /// A value was typed, and another way was chosen.
    NotChosen,
    /// A unit above has locked it since.
    Locked,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    #[error("invalid")]
    Invalid(HashMap<Setting, Mistake>),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A typed value as it is kept.
fn read(setting: Setting, typed: &str) -> std::result::Result<String, Mistake> {
    let typed = text::digits(typed.trim());
    let typed = typed.as_str();
    let number = |range: std::ops::RangeInclusive<i64>| {
        let number = typed.parse::<i64>().ok().filter(|n| range.contains(n));
        number.map(|n| n.to_string()).ok_or(Mistake::Number(*range.start(), *range.end()))
    };
    match setting {
        // It has a page of its own.
        Setting::Calendar => Ok(String::new()),
        Setting::Promise => number(PROMISES),
        Setting::Welcome => Ok(text::optional_message(typed, WELCOME_LIMIT).map_err(Mistake::Text)?.unwrap_or_default()),
        _ if typed.is_empty() || typed == "-" || typed == NONE => Ok(NONE.to_owned()),
        Setting::QuietHours => quiet(typed).filter(|q| q.from != q.until).map(|q| format!("{}-{}", q.from, q.until)).ok_or(Mistake::Time),
        Setting::NewContacts | Setting::OpenConversations => number(LIMITS),
    }
}

/// One setting as its admin sees it.
#[derive(Clone, Debug)]
pub struct Line {
    pub setting: Setting,
    /// What holds, as kept; the built-in value where nobody has set anything. Of a calendar nothing.
    pub value: String,
    /// The unit whose value it is.
    pub from: Option<Unit>,
    pub own: Option<String>,
    pub is_locked_here: bool,
    /// The unit above that locked it, with who did that.
    pub locked_by: Option<(Unit, Option<String>)>,
    /// Units below with something of their own.
    pub differing: Vec<(UnitId, String)>,
}

pub struct View {
    pub unit: Unit,
    /// From the top of what is the admin's down.
    pub above: Vec<Unit>,
    pub lines: Vec<Line>,
    pub effective: Arc<Effective>,
}

/// What is in force where nobody has set anything, as it is kept.
fn standard(setting: Setting) -> String {
    match setting {
        Setting::Promise => PROMISE_MINUTES.to_string(),
        Setting::QuietHours => format!("{}-{}", Quiet::default().from, Quiet::default().until),
        Setting::NewContacts | Setting::OpenConversations => NONE.to_owned(),
        Setting::Welcome | Setting::Calendar => String::new(),
    }
}

pub async fn view(domain: &Domain, admin: &Admin, id: UnitId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(unit) = unit::mine(c, by, id, now).await? else { return Ok(None) };
    let rows = store::setting::up(c, id).await?;
    let below = store::setting::below(c, id).await?;
    let mut lines = Vec::new();
    for setting in Setting::ALL.iter().copied() {
        let found = found(&rows, setting);
        let locked_by = match found.locked_by {
            Some(above) => named(c, above, setting).await?,
            None => None,
        };
        lines.push(Line {
            setting,
            value: found.value.unwrap_or_else(|| standard(setting)),
            from: match found.from {
                Some(unit) => store::unit::find(c, unit).await?,
                None => None,
            },
            own: found.own,
            is_locked_here: found.is_locked_here,
            locked_by,
            differing: below.iter().filter(|d| d.name == setting.as_str()).map(|d| (d.unit_id, d.unit_name.clone())).collect(),
        });
    }
    Ok(Some(View { above: unit::above(c, by, id, now).await?, effective: of(domain, c, id).await?, unit, lines }))
}

async fn named(c: &mut Conn, unit: UnitId, setting: Setting) -> Result<Option<(Unit, Option<String>)>> {
    let by = store::setting::set_by(c, unit, setting).await?.and_then(|(name, _)| name);
    Ok(store::unit::find(c, unit).await?.map(|unit| (unit, by)))
}

/// A change of one setting.
struct Change {
    setting: Setting,
    value: Option<String>,
    is_locked: bool,
    said: String,
}

/// Keeps what was typed. What a unit above has locked is left alone.
pub async fn save(domain: &Domain, admin: &Admin, id: UnitId, typed: &Typed) -> std::result::Result<(), SettingError> {
    let mut wanted: HashMap<Setting, (Option<String>, bool)> = HashMap::new();
    let mut mistakes = HashMap::new();
    let locked = locked(domain, id, typed).await?;
    for (setting, one) in typed {
        if locked.contains(setting) {
            mistakes.insert(*setting, Mistake::Locked);
            continue;
        }
        let is_new = one.shown.as_ref().is_some_and(|shown| *shown != one.value);
        if !one.is_own && is_new && !matches!(one.value.as_str(), "" | "-") {
            mistakes.insert(*setting, Mistake::NotChosen);
            continue;
        }
        match one.is_own.then(|| read(*setting, &one.value)).transpose() {
            Ok(value) => drop(wanted.insert(*setting, (value, one.is_locked))),
            Err(mistake) => drop(mistakes.insert(*setting, mistake)),
        }
    }
    if !mistakes.is_empty() {
        return Err(SettingError::Invalid(mistakes));
    }
    let (by, now) = (admin.staff.id, domain.now());
    domain.db.write(move |c| Box::pin(async move { write(c, by, id, &wanted, now).await })).await?;
    domain.settings.clear();
    Ok(())
}

/// What a unit above has locked of what was typed.
async fn locked(domain: &Domain, id: UnitId, typed: &Typed) -> Result<Vec<Setting>> {
    let rows = store::setting::up(&mut domain.db.read().await?, id).await?;
    Ok(typed.keys().copied().filter(|setting| found(&rows, *setting).locked_by.is_some()).collect())
}

async fn write(c: &mut Conn, by: StaffId, id: UnitId, wanted: &HashMap<Setting, (Option<String>, bool)>, now: At) -> std::result::Result<(), SettingError> {
    unit::mine(c, by, id, now).await?.ok_or(SettingError::NotFound)?;
    let rows = store::setting::up(c, id).await?;
    let changes: Vec<Change> = Setting::ALL.iter().filter_map(|setting| change(&rows, *setting, wanted.get(setting)?)).collect();
    for Change { setting, value, is_locked, .. } in &changes {
        if value.is_none() && !is_locked {
            store::setting::delete(c, id, *setting).await?;
        } else {
            store::setting::save(c, id, *setting, value.as_deref(), *is_locked, Some(by), now).await?;
        }
    }
    if !changes.is_empty() {
        let said: Vec<String> = changes.into_iter().map(|change| change.said).collect();
        audit::append(c, now, Some(by), "setting.change", &id.to_string(), &said.join("; ")).await?;
    }
    Ok(())
}

/// What is different from how it stands, if anything is.
fn change(rows: &[SettingRow], setting: Setting, (value, is_locked): &(Option<String>, bool)) -> Option<Change> {
    let before = found(rows, setting);
    // A calendar of one's own is kept elsewhere.
    let value = value.clone().filter(|_| setting != Setting::Calendar);
    let own = before.own.filter(|_| setting != Setting::Calendar);
    let stays = own == value && before.is_locked_here == *is_locked;
    if before.locked_by.is_some() || stays {
        return None;
    }
    let said_of = |value: &Option<String>| match (setting, value) {
        (_, None) => "inherit".to_owned(),
        (Setting::Welcome, Some(text)) => format!("“{text}”"),
        (_, Some(value)) => value.clone(),
    };
    let mut said = setting.to_string();
    if own != value {
        said += &format!(": {} → {}", said_of(&own), said_of(&value));
    }
    if before.is_locked_here != *is_locked {
        said += if *is_locked { ", locked" } else { ", unlocked" };
    }
    Some(Change { setting, value, is_locked: *is_locked, said })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn row(depth: i64, value: Option<&str>, is_locked: bool) -> SettingRow {
        let unit_id = UnitId(Uuid::from_u128(depth as u128));
        SettingRow { unit_id, depth, name: Setting::Promise.to_string(), value: value.map(str::to_owned), is_locked: i64::from(is_locked) }
    }

    #[test]
    fn the_nearest_value_holds_unless_a_unit_above_has_locked_it() {
        let value = |rows: &[SettingRow]| found(rows, Setting::Promise).value;
        assert_eq!(value(&[row(0, Some("60"), false), row(2, Some("420"), false)]).as_deref(), Some("60"));
        assert_eq!(value(&[row(0, Some("60"), false), row(2, Some("420"), true)]).as_deref(), Some("420"));
        assert_eq!(value(&[row(0, Some("60"), true), row(2, Some("420"), false)]).as_deref(), Some("60"), "one's own lock is for those below");
        assert_eq!(value(&[row(0, Some("60"), false), row(1, None, true), row(2, Some("420"), false)]).as_deref(), Some("420"), "locked as inherited");
        assert_eq!(value(&[row(0, Some("60"), false), row(1, Some("90"), true), row(2, Some("420"), true)]).as_deref(), Some("420"), "the topmost lock");
        assert_eq!(value(&[row(1, None, true)]), None);
    }

    #[test]
    fn what_is_typed_is_kept_in_one_form_or_refused() {
        assert_eq!(read(Setting::QuietHours, " 21:30-06:30 ").as_deref(), Ok("21:30-06:30"));
        assert_eq!(read(Setting::QuietHours, "").as_deref(), Ok(NONE));
        assert_eq!(read(Setting::QuietHours, "-").as_deref(), Ok(NONE), "two empty fields");
        assert_eq!(read(Setting::QuietHours, "25:00-06:30"), Err(Mistake::Time));
        assert_eq!(read(Setting::QuietHours, "22:00-"), Err(Mistake::Time));
        assert_eq!(read(Setting::Promise, "soon"), Err(Mistake::Number(10, 4800)));
        assert_eq!(read(Setting::Promise, ""), Err(Mistake::Number(10, 4800)));
        assert_eq!(read(Setting::NewContacts, "0"), Err(Mistake::Number(1, 10_000)));
        assert_eq!(read(Setting::NewContacts, "").as_deref(), Ok(NONE));
        assert_eq!(read(Setting::Welcome, "").as_deref(), Ok(""));
        assert!(matches!(read(Setting::Welcome, &"长".repeat(501)), Err(Mistake::Text(_))));
    }

    proptest! {
        /// Whatever is set and locked on the way up: below a lock nothing further down counts, and what holds is somebody's own or nobody's.
        #[test]
        fn below_a_lock_nothing_differs(said in prop::collection::vec((prop::option::of("[0-9]{2}"), any::<bool>()), 1..8)) {
            let rows: Vec<SettingRow> = said.iter().enumerate().map(|(depth, (value, lock))| row(depth as i64, value.as_deref(), *lock)).collect();
            let found = super::found(&rows, Setting::Promise);
            let top_lock = said.iter().rposition(|(_, lock)| *lock).unwrap_or(0);
            prop_assert_eq!(found.value.as_ref(), said[top_lock..].iter().find_map(|(value, _)| value.as_ref()));
            prop_assert_eq!(found.locked_by.is_some(), top_lock > 0);
        }
    }
}
