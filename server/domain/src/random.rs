use model::At;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The only source of random numbers: the operating system's generator seeds it, tests give a seed.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    pub fn system() -> Random {
        Random(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    pub fn seeded(seed: u64) -> Random {
        Random(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A UUIDv7 of the given moment.
    pub fn id(&self, at: At) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.0).unwrap_or(0), &self.bytes()).into_uuid()
    }
}
