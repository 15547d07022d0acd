//! Whether what is handed in is written. A commit that has just succeeded or failed says so for everybody.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::{Duration, Instant};

/// For so long a commit speaks for the database.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Health {
    last: Mutex<Option<(Instant, bool)>>,
    /// Held by the one who finds out anew.
    pub asking: tokio::sync::Mutex<()>,
}

impl Health {
    pub fn note(&self, is_good: bool) {
        *self.last() = Some((Instant::now(), is_good));
    }

    /// Nobody knows: whoever asks finds out anew.
    pub fn forget(&self) {
        *self.last() = None;
    }

    /// How the last commit went, unless it is too long ago.
    pub fn known(&self) -> Option<bool> {
        self.last().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, is_good)| is_good)
    }

    fn last(&self) -> MutexGuard<'_, Option<(Instant, bool)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_commit_speaks_for_a_second() {
        let health = Health::default();
        assert_eq!(health.known(), None);
        health.note(false);
        assert_eq!(health.known(), Some(false));
        health.note(true);
        assert_eq!(health.known(), Some(true));
        tokio::time::advance(FRESH).await;
        assert_eq!(health.known(), None);
    }
}
