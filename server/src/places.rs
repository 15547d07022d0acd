//! How many requests and streams one address may have: enough for a school in which everybody scans in the same second, and one that never
//! stops asking does not fill the lines.

use crate::gate::Urgency;
use domain::limits::Origin;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Inside or in line.
pub const INSIDE: usize = 128;
/// And of those, for what can wait.
const SPARE: usize = 8;
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

#[derive(Default)]
struct Taken {
    all: usize,
    spare: usize,
}

/// Free again when dropped.
pub struct Place {
    places: Places,
    origin: Origin,
    is_spare: bool,
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
        Some(Place { places: self.clone(), origin, is_spare })
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

    #[test]
    fn who_has_left_is_forgotten() {
        let places = Places::of_one_address(INSIDE);
        drop(take(&places, "203.0.113.9", 3, Urgency::Spare));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
