use model::At;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// The only reader of the time. Tests set it.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// The system's clock moved by so many milliseconds: to try out another hour or day.
    Shifted(i64),
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn fixed(at: At) -> Clock {
        Clock::Fixed(Arc::new(AtomicI64::new(at.0)))
    }

    /// A clock that shows `at` now and goes on from there.
    pub fn starting_at(at: At) -> Clock {
        Clock::Shifted(at.0 - Clock::System.now().0)
    }

    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> At {
        match self {
            Clock::System => At::from(jiff::Timestamp::now()),
            Clock::Shifted(by) => At(Clock::System.now().0 + by),
            Clock::Fixed(at) => At(at.load(Ordering::SeqCst)),
        }
    }

    /// Whether it shows what the machine takes for the time, and not what somebody has set.
    pub fn is_real(&self) -> bool {
        matches!(self, Clock::System)
    }

    /// Moves a fixed clock; the system's own goes on as it does.
    pub fn set(&self, to: At) {
        if let Clock::Fixed(at) = self {
            at.store(to.0, Ordering::SeqCst);
        }
    }
}
