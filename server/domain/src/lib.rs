//! Linli's use cases, one module per noun: `conversation::start`, `post::card`. A use case loads *through the caller*, so that what the caller
//! may not see is not found; checks; and writes row, audit entry and outbox row in one transaction. After the commit the [`live::Hub`] wakes
//! whoever is watching.

pub mod absence;
pub mod audit;
pub mod backup;
pub mod calendar;
pub mod caller;
pub mod claim;
mod clock;
pub mod contact_point;
pub mod conversation;
pub mod day_one;
pub mod desk;
pub mod doctor;
pub mod duty;
pub mod first_admin;
pub mod forgotten;
pub mod grant;
pub mod holding;
pub mod import;
pub mod invitation;
mod keys;
pub mod leaving;
pub mod limits;
pub mod live;
pub mod mail;
pub mod nodes;
pub mod overflow;
pub mod passkey;
mod password;
pub mod photo;
pub mod post;
pub mod print;
pub mod profile;
pub mod quick_reply;
mod random;
pub mod return_link;
pub mod routing;
pub mod row;
pub mod sample;
pub mod scan;
pub mod second_factor;
pub mod session;
pub mod setting;
pub mod sign_in;
pub mod staff;
pub mod sticker;
pub mod supervision;
pub mod telling;
pub mod trial;
pub mod unit;

pub use caller::{Admin, Auditor, Device, Staff, Supervisor};
pub use clock::Clock;
pub use keys::Keys;
pub use random::Random;
pub use store::{Db, Error as StoreError};

use std::{sync::Arc, time::Duration};

/// One running installation: what every use case needs. Cheap to clone.
#[derive(Clone)]
pub struct Domain(Arc<Parts>);

pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub keys: Keys,
    pub hub: live::Hub,
    pub limits: limits::Limits,
    pub settings: setting::Cache,
    pub devices: caller::Devices,
    pub figures: unit::CountedFigures,
    pub usual_times: post::UsualTimes,
    pub invited: invitation::Counted,
    pub trial: trial::Remembered,
    pub scans: scan::Counts,
    pub presses: print::Presses,
    pub imports: import::Work,
    pub tree: unit::tree::Kept,
    pub refusals: audit::Refusals,
    /// Where people reach this installation, without a slash at the end: `https://linli.example.cn`.
    pub public_url: String,
}

impl std::ops::Deref for Domain {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Whoever asks whether it is well wants to know soon.
const PATIENCE: Duration = Duration::from_secs(2);

impl Domain {
    /// Opens the installation behind a database; makes its secret when it is new.
    pub async fn open(db: Db, clock: Clock, random: Random, public_url: &str) -> Result<Domain, StoreError> {
        let proposal = random.bytes::<32>().to_vec();
        let (now, hub) = (clock.now(), live::Hub::default());
        let secret = db.write(move |c| Box::pin(async move { store::installation::secret(c, proposal, now).await })).await?;
        Ok(Domain(Arc::new(Parts {
            db,
            keys: Keys::new(secret),
            hub: hub.clone(),
            limits: limits::Limits::new(clock.clone()),
            settings: setting::Cache::new(hub),
            devices: caller::Devices::default(),
            figures: unit::CountedFigures::default(),
            usual_times: post::UsualTimes::default(),
            invited: invitation::Counted::default(),
            trial: trial::Remembered::default(),
            scans: scan::Counts::default(),
            presses: print::Presses::default(),
            imports: import::Work::default(),
            tree: unit::tree::Kept::default(),
            refusals: audit::Refusals::default(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            clock,
            random,
        })))
    }

    pub fn now(&self) -> model::At {
        self.clock.now()
    }

    /// A new id: the clock's time and random bits (UUIDv7), as any of the id types.
    pub fn id(&self) -> uuid::Uuid {
        self.random.id(self.clock.now())
    }
}

impl Domain {
    /// Whether records can be read and what people send will be kept.
    pub async fn is_up(&self) -> Result<(), StoreError> {
        let asked = async {
            store::installation::ping(&mut self.db.read().await?).await?;
            self.db.is_writing().await
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(StoreError::Slow))
    }

    /// Whether nothing has been set up yet.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        store::installation::is_empty(&mut conn).await
    }
}
