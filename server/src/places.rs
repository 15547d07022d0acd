//! How many requests and streams one address may have: enough for a school in which everybody scans in the same second, and one that never
//! stops asking does not fill the lines.

use crate::gate::Urgency;
use domain::limits::Origin;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Inside or in line.
pub const INSIDE: usize = 128;
/// And of those, for what can wait.
const SPARE: usize = 8;
/// Pages made at the same moment, of the sixteen in all: enough to keep four processors busy, and whoever comes from elsewhere does not stand behind
/// all the rest of them.
const PAGES: usize = 4;
/// Forms on their way.
pub const ARRIVING: usize = 128;
/// Streams held. Thousands of phones share one address of a mobile network.
pub const STREAMS: usize = 5_000;

/// How many come from where.
#[derive(Clone)]
pub struct Places {
    /// Of one address.
    most: usize,
    taken: Arc<Mutex<HashMap<Origin, Taken>>>,
}

struct Taken {
    all: usize,
    spare: usize,
    pages: Arc<Semaphore>,
}

impl Default for Taken {
    fn default() -> Taken {
        Taken { all: 0, spare: 0, pages: Arc::new(Semaphore::new(PAGES)) }
    }
}

/// Free again when dropped.
pub struct Place {
    places: Places,
    origin: Origin,
    is_spare: bool,
    /// `None` for the machine itself.
    pages: Option<Arc<Semaphore>>,
}

impl Place {
    /// A turn among all who want a page from the same address.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.pages.clone()?.acquire_owned().await.ok()
    }
}

impl Places {
    pub fn of_one_address(most: usize) -> Places {
        Places { most, taken: Arc::default() }
    }

    /// `None` if there are too many from there. The machine itself speaks for everybody.
    pub fn take(&self, address: IpAddr, urgency: Urgency) -> Option<Place> {
        let (origin, is_spare) = (Origin::of(address), urgency == Urgency::Spare);
        let mut places = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = places.entry(origin.clone()).or_default();
        let is_full = taken.all >= self.most || is_spare && taken.spare >= SPARE;
        if is_full && !address.is_loopback() {
            return None;
        }
        taken.all += 1;
        taken.spare += usize::from(is_spare);
        let pages = (!address.is_loopback()).then(|| taken.pages.clone());
        Some(Place { places: self.clone(), origin, is_spare, pages })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = places.get_mut(&self.origin) {
            taken.all -= 1;
            taken.spare -= usize::from(self.is_spare);
            if taken.all == 0 {
                places.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn take(places: &Places, from: &str, count: usize, urgency: Urgency) -> Vec<Place> {
        (0..count).filter_map(|_| places.take(from.parse().unwrap(), urgency)).collect()
    }

    #[test]
    fn one_address_cannot_fill_the_lines_and_least_the_one_of_what_can_wait() {
        let places = Places::of_one_address(INSIDE);
        let searches = take(&places, "203.0.113.9", 500, Urgency::Spare);
        assert_eq!(searches.len(), SPARE);
        let pages = take(&places, "203.0.113.9", 500, Urgency::Usual);
        assert_eq!(searches.len() + pages.len(), INSIDE);
        assert_eq!(take(&places, "203.0.113.10", 1, Urgency::Spare).len(), 1);
        drop((searches, pages));
        assert_eq!(take(&places, "203.0.113.9", 1, Urgency::Spare).len(), 1);
    }

    #[test]
    fn addresses_that_one_household_chooses_from_are_one() {
        let places = Places::of_one_address(INSIDE);
        let _pages = take(&places, "2001:db8:0:1::1", 500, Urgency::Usual);
        assert!(take(&places, "2001:db8:0:2::1", 1, Urgency::Usual).is_empty());
        assert_eq!(take(&places, "2001:db8:1::1", 1, Urgency::Usual).len(), 1);
    }

    #[tokio::test]
    async fn pages_for_one_address_are_made_a_few_at_a_time_and_nobody_else_waits_for_them() {
        let places = Places::of_one_address(INSIDE);
        let school = take(&places, "203.0.113.9", 20, Urgency::First);
        let mut turns: Vec<_> = school.iter().filter_map(|place| place.turn().now_or_never()).collect();
        assert_eq!(turns.len(), PAGES);
        let elsewhere = take(&places, "203.0.113.10", 1, Urgency::First);
        assert!(elsewhere[0].turn().now_or_never().flatten().is_some());
        turns.pop();
        assert!(school[19].turn().now_or_never().flatten().is_some());
        let machine = take(&places, "127.0.0.1", 1, Urgency::First);
        assert!(machine[0].turn().await.is_none(), "it speaks for everybody");
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let places = Places::of_one_address(INSIDE);
        drop(take(&places, "203.0.113.9", 3, Urgency::Spare));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
