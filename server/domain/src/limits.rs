//! How often someone may do something. Limits are per device first: two thousand parents behind one school address are two thousand devices.

use crate::Clock;
use governor::{Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use model::DeviceId;
use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// Messages a device may send in a minute.
pub const MESSAGES_A_MINUTE: u32 = 10;

/// Conversations that may be begun from one address in a minute, and at once: two thousand parents stand at one school's gate, and one machine
/// gone wrong is soon held up.
pub const NEW_CONVERSATIONS_A_MINUTE: u32 = 300;
pub const NEW_CONVERSATIONS_AT_ONCE: u32 = 2_500;

/// Requests an address may make in a second, and in one burst: two thousand parents behind one school open a page and write in the same minute.
pub const REQUESTS_A_SECOND: u32 = 500;
pub const REQUESTS_AT_ONCE: u32 = 10_000;

/// Claim codes that may be tried from one address in a minute: at 60 bits a guess would take longer than the sun has left.
pub const CLAIMS_A_MINUTE: u32 = 20;

/// Times in a minute that browsers at one address may be asked for a passkey: a whole town hall begins at eight.
pub const PASSKEYS_A_MINUTE: u32 = 100;
/// Links for new passwords that may be asked for from one address in a minute.
pub const FORGOTTEN_A_MINUTE: u32 = 20;
/// Reports of stickers that a known device may send in a minute, and all unknown ones at one address together.
pub const REPORTS_A_MINUTE: u32 = 5;

/// Time as governor wants it. It never goes back: a clock that is set right would else keep everybody waiting until it has caught up.
#[derive(Clone)]
struct Ticks {
    clock: Clock,
    since: Instant,
}

impl clock::Clock for Ticks {
    type Instant = Duration;
    fn now(&self) -> Duration {
        match &self.clock {
            Clock::System | Clock::Shifted(_) => self.since.elapsed(),
            Clock::Fixed(_) => Duration::from_millis(u64::try_from(self.clock.now().0).unwrap_or(0)),
        }
    }
}

struct Limit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Duration>>,
    ticks: Ticks,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn a_minute(count: u32, clock: &Clock) -> Limit<K> {
        Limit::of(Quota::per_minute(at_least_one(count)), clock)
    }

    fn of(quota: Quota, clock: &Clock) -> Limit<K> {
        let ticks = Ticks { clock: clock.clone(), since: Instant::now() };
        Limit { limiter: RateLimiter::new(quota, DashMapStateStore::default(), ticks.clone()), ticks }
    }

    /// Seconds to wait, at least 1, when it is too much.
    fn check(&self, key: &K) -> Result<(), TooMany> {
        self.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(clock::Clock::now(&self.ticks));
            TooMany { seconds: wait.as_secs().clamp(1, 60) }
        })
    }

    fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

/// Try again after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many")]
pub struct TooMany {
    pub seconds: u64,
}

/// Where a request comes from: an IPv4 address, or the /56 of IPv6 addresses that one household can choose from freely (RFC 6177).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin([u8; 7]);

impl Origin {
    pub fn of(address: IpAddr) -> Origin {
        let mut origin = [0; 7];
        match address.to_canonical() {
            IpAddr::V4(v4) => origin[3..].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => origin.copy_from_slice(&v6.octets()[..7]),
        }
        Origin(origin)
    }
}

/// Who reports a sticker.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Reporter {
    Device(DeviceId),
    Origin(Origin),
}

pub struct Limits {
    messages: Limit<Vec<u8>>,
    new_conversations: Limit<Origin>,
    claims: Limit<Origin>,
    passkeys: Limit<Origin>,
    forgotten: Limit<Origin>,
    reports: Limit<Reporter>,
    requests: Limit<Origin>,
}

impl Limits {
    pub fn new(clock: Clock) -> Limits {
        Limits {
            messages: Limit::a_minute(MESSAGES_A_MINUTE, &clock),
            new_conversations: Limit::of(
                Quota::per_minute(at_least_one(NEW_CONVERSATIONS_A_MINUTE)).allow_burst(at_least_one(NEW_CONVERSATIONS_AT_ONCE)),
                &clock,
            ),
            claims: Limit::a_minute(CLAIMS_A_MINUTE, &clock),
            passkeys: Limit::a_minute(PASSKEYS_A_MINUTE, &clock),
            forgotten: Limit::a_minute(FORGOTTEN_A_MINUTE, &clock),
            reports: Limit::a_minute(REPORTS_A_MINUTE, &clock),
            requests: Limit::of(Quota::per_second(at_least_one(REQUESTS_A_SECOND)).allow_burst(at_least_one(REQUESTS_AT_ONCE)), &clock),
        }
    }

    /// One more message from the device with this key hash.
    pub fn message(&self, key_hash: &[u8]) -> Result<(), TooMany> {
        self.messages.check(&key_hash.to_vec())
    }

    pub fn new_conversation(&self, address: IpAddr) -> Result<(), TooMany> {
        self.new_conversations.check(&Origin::of(address))
    }

    /// One more question to a browser about its passkeys.
    pub fn passkey(&self, address: IpAddr) -> Result<(), TooMany> {
        self.passkeys.check(&Origin::of(address))
    }

    /// One more link for a new password that is asked for.
    pub fn forgotten(&self, address: IpAddr) -> Result<(), TooMany> {
        self.forgotten.check(&Origin::of(address))
    }

    /// Any request at all.
    pub fn request(&self, address: IpAddr) -> Result<(), TooMany> {
        self.requests.check(&Origin::of(address))
    }

    pub fn claim(&self, address: IpAddr) -> Result<(), TooMany> {
        self.claims.check(&Origin::of(address))
    }

    /// One more report of a sticker. Neighbours at one address do not silence each other where their devices are known.
    pub fn report(&self, device: Option<DeviceId>, address: IpAddr) -> Result<(), TooMany> {
        self.reports.check(&device.map_or_else(|| Reporter::Origin(Origin::of(address)), Reporter::Device))
    }

    /// Drops what has not been used lately; called once a minute.
    pub fn forget_idle(&self) {
        self.messages.forget_idle();
        self.new_conversations.forget_idle();
        self.claims.forget_idle();
        self.passkeys.forget_idle();
        self.forgotten.forget_idle();
        self.reports.forget_idle();
        self.requests.forget_idle();
    }
}
