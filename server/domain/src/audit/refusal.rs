//! Refused attempts: at pages that are somebody else's, and at signing in. The first of each are entries at once; repeats are counted and told
//! in few entries, at the latest after an hour, so that nobody fills the disk by being refused.

use super::append;
use crate::{Domain, Staff};
use model::{At, StaffId};
use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
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
    /// Repeats of this hour, and those of them that no entry tells of yet.
    all: u64,
    untold: u64,
}

/// What was refused in this hour.
#[derive(Default)]
pub struct Refusals(Mutex<Hour>);

#[derive(Default)]
struct Hour {
    since: Option<At>,
    people: HashMap<Who, Told>,
}

/// What becomes of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// An entry of its own.
    Now,
    /// An entry that says how often.
    Repeats(u64),
    /// Counted.
    Later,
}

impl Refusals {
    fn hour(&self) -> MutexGuard<'_, Hour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, who: Who, what: String, now: At) -> Telling {
        let mut hour = self.hour();
        hour.since.get_or_insert(now);
        let stranger = Who { staff: None, target: None, ..who };
        let who = if hour.people.contains_key(&who) || hour.people.len() < PEOPLE { who } else { stranger };
        let told = hour.people.entry(who).or_default();
        if told.what.len() < TOLD && told.what.insert(what) {
            return Telling::Now;
        }
        told.all += 1;
        told.untold += 1;
        // Told at ten, a hundred, a thousand: a program that ends in the middle of the hour takes few with it.
        if told.all >= 10 && told.all == 10_u64.pow(told.all.ilog10()) { Telling::Repeats(mem::take(&mut told.untold)) } else { Telling::Later }
    }

    /// Those of an hour that has passed, or all there are.
    fn take(&self, now: At, is_last: bool) -> Vec<(Who, u64)> {
        let mut hour = self.hour();
        if !is_last && hour.since.is_none_or(|since| now.seconds_since(since).abs() < HOUR_SECONDS) {
            return Vec::new();
        }
        hour.since = None;
        mem::take(&mut hour.people).into_iter().filter(|(_, told)| told.untold > 0).map(|(who, told)| (who, told.untold)).collect()
    }

    /// Those that could not be written.
    fn give_back(&self, repeats: Vec<(Who, u64)>, now: At) {
        let mut hour = self.hour();
        hour.since.get_or_insert(now);
        for (who, count) in repeats {
            hour.people.entry(who).or_default().untold += count;
        }
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

/// Somebody typed a wrong password where the one they have is asked for again.
pub(crate) async fn wrong_password(domain: &Domain, staff: StaffId) -> Result<()> {
    tell(domain, Who { action: "password.refuse", staff: Some(staff), target: Some(staff) }, staff.to_string(), String::new()).await
}

async fn tell(domain: &Domain, who: Who, target: String, detail: String) -> Result<()> {
    let now = domain.now();
    match domain.refusals.count(who.clone(), format!("{target} {detail}"), now) {
        Telling::Now => domain.db.write(move |c| Box::pin(async move { append(c, now, who.staff, who.action, &target, &detail).await })).await,
        Telling::Repeats(count) => write(domain, vec![(who, count)]).await,
        Telling::Later => Ok(()),
    }
}

/// Once a minute, the repeats of an hour that has passed; and before the program ends, all of them.
pub async fn note_repeats(domain: &Domain, is_last: bool) -> Result<()> {
    let repeats = domain.refusals.take(domain.now(), is_last);
    if repeats.is_empty() { Ok(()) } else { write(domain, repeats).await }
}

async fn write(domain: &Domain, repeats: Vec<(Who, u64)>) -> Result<()> {
    let (now, told) = (domain.now(), repeats.clone());
    let written = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for (who, count) in told {
                    let target = who.target.map(|id| id.to_string()).unwrap_or_default();
                    append(c, now, who.staff, who.action, &target, &format!("× {count}")).await?;
                }
                Ok(())
            })
        })
        .await;
    if written.is_err() {
        domain.refusals.give_back(repeats, now);
    }
    written
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
        let told: Vec<Telling> = (0..50).map(|n| refusals.count(who(1), format!("page {}", n % 5), now)).collect();
        assert_eq!(told.iter().filter(|t| **t == Telling::Now).count(), 5, "each page once");
        assert_eq!(told.iter().filter(|t| matches!(t, Telling::Repeats(_))).collect::<Vec<_>>(), [&Telling::Repeats(10)]);
        assert!(refusals.take(now.plus_minutes(59), false).is_empty());
        let repeats = refusals.take(now.plus_minutes(60), false);
        assert_eq!(repeats.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [35]);
        assert_eq!(refusals.count(who(1), "page 0".into(), now.plus_minutes(61)), Telling::Now, "a new hour");
    }

    #[test]
    fn what_could_not_be_written_is_told_with_what_comes_after_it_and_nothing_waits_at_the_end() {
        let refusals = Refusals::default();
        (0..6).for_each(|_| assert!(refusals.count(who(1), "page".into(), At(0)) != Telling::Repeats(10)));
        let repeats = refusals.take(At(0), true);
        assert_eq!(repeats.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [5]);
        refusals.give_back(repeats, At(0));
        (0..3).for_each(|_| assert!(refusals.count(who(1), "page".into(), At(0)) != Telling::Repeats(10)));
        assert_eq!(refusals.take(At(0), true).iter().map(|(_, count)| *count).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn whoever_tries_everything_makes_no_more_entries_than_so_many() {
        let refusals = Refusals::default();
        let told = |person: u128, times: usize| (0..times).filter(|n| refusals.count(who(person), format!("page {n}"), At(0)) != Telling::Later).count();
        // At ten, a hundred and a thousand.
        assert_eq!(told(1, 10_000), TOLD + 3);
        let all: usize = (2..3_000).map(|person| told(person, TOLD + 5)).sum();
        assert!(all <= (PEOPLE + 1) * TOLD + 5, "{all}");
    }
}
