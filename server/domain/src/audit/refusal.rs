//! Refused attempts: at pages that are somebody else's, and at signing in. The first of each are entries at once; repeats are counted and told
//! once an hour, so that nobody fills the disk by being refused.

use super::append;
use crate::{Domain, Staff};
use model::{At, StaffId};
use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Mutex, PoisonError},
};
use store::Result;
use uuid::Uuid;

/// Refusals of one person in an hour that are entries of their own.
const TOLD: usize = 20;
/// People whose refusals are counted apart; everybody beyond them counts as one.
const PEOPLE: usize = 1_000;
const HOUR_SECONDS: i64 = 60 * 60;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Who {
    action: &'static str,
    /// Nobody for strangers.
    staff: Option<StaffId>,
    target: Option<StaffId>,
}

#[derive(Default)]
struct Told {
    what: HashSet<String>,
    more: u64,
}

/// What was refused in this hour.
#[derive(Default)]
pub struct Refusals(Mutex<Hour>);

#[derive(Default)]
struct Hour {
    since: Option<At>,
    people: HashMap<Who, Told>,
}

impl Refusals {
    /// Whether this one becomes an entry by itself.
    fn is_to_tell(&self, who: Who, what: String, now: At) -> bool {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hour.since.get_or_insert(now);
        let stranger = Who { staff: None, target: None, ..who };
        let who = if hour.people.contains_key(&who) || hour.people.len() < PEOPLE { who } else { stranger };
        let told = hour.people.entry(who).or_default();
        if told.what.len() < TOLD && told.what.insert(what) {
            return true;
        }
        told.more += 1;
        false
    }

    /// Those of an hour that has passed.
    fn take(&self, now: At) -> Vec<(Who, u64)> {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hour.since.is_none_or(|since| now.seconds_since(since).abs() < HOUR_SECONDS) {
            return Vec::new();
        }
        hour.since = None;
        mem::take(&mut hour.people).into_iter().filter(|(_, told)| told.more > 0).map(|(who, told)| (who, told.more)).collect()
    }
}

/// A page of staff or of admins was refused: what was asked for, as `GET /admin/units/{id}`, and the first id in its path.
pub async fn refused(domain: &Domain, staff: Option<&Staff>, asked: &str, target: Option<Uuid>) -> Result<()> {
    let staff = staff.map(|s| s.id);
    let target = target.map(|id| id.as_simple().to_string()).unwrap_or_default();
    let who = Who { action: "access.refuse", staff, target: None };
    tell(domain, who, target, asked.to_owned()).await
}

/// Somebody could not sign in; of whom it is known whose address was typed.
pub(crate) async fn not_signed_in(domain: &Domain, as_whom: Option<StaffId>, network: String) -> Result<()> {
    let target = as_whom.map(|id| id.to_string()).unwrap_or_default();
    let who = Who { action: "session.refuse", staff: None, target: as_whom };
    tell(domain, who, target, network).await
}

async fn tell(domain: &Domain, who: Who, target: String, detail: String) -> Result<()> {
    let now = domain.now();
    let (action, staff) = (who.action, who.staff);
    if !domain.refusals.is_to_tell(who, format!("{target} {detail}"), now) {
        return Ok(());
    }
    domain.db.write(move |c| Box::pin(async move { append(c, now, staff, action, &target, &detail).await })).await
}

/// Once a minute: the repeats of an hour that has passed.
pub async fn note_repeats(domain: &Domain) -> Result<()> {
    let now = domain.now();
    let repeats = domain.refusals.take(now);
    if repeats.is_empty() {
        return Ok(());
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for (who, more) in repeats {
                    let target = who.target.map(|id| id.to_string()).unwrap_or_default();
                    append(c, now, who.staff, who.action, &target, &format!("× {more}")).await?;
                }
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(n: u128) -> Who {
        Who { action: "access.refuse", staff: Some(StaffId(Uuid::from_u128(n))), target: None }
    }

    #[test]
    fn repeats_are_counted_and_told_once_an_hour() {
        let refusals = Refusals::default();
        let now = At(1_795_000_000_000);
        let told = (0..50).filter(|n| refusals.is_to_tell(who(1), format!("page {}", n % 5), now)).count();
        assert_eq!(told, 5, "each page once");
        assert!(refusals.take(now.plus_minutes(59)).is_empty());
        let repeats = refusals.take(now.plus_minutes(60));
        assert_eq!(repeats.iter().map(|(_, more)| *more).collect::<Vec<_>>(), [45]);
        assert!(refusals.is_to_tell(who(1), "page 0".into(), now.plus_minutes(61)), "a new hour");
    }

    #[test]
    fn whoever_tries_everything_makes_no_more_entries_than_so_many() {
        let refusals = Refusals::default();
        let tries = |person: u128| (0..10_000).filter(|n| refusals.is_to_tell(who(person), format!("page {n}"), At(0))).count();
        assert_eq!(tries(1), TOLD);
        let all: usize = (2..3_000).map(tries_of(&refusals)).sum();
        assert!(all <= (PEOPLE + 1) * TOLD, "{all}");
    }

    fn tries_of(refusals: &Refusals) -> impl FnMut(u128) -> usize {
        |person| (0..TOLD + 5).filter(|n| refusals.is_to_tell(who(person), format!("page {n}"), At(0))).count()
    }
}
