//! The machine's clock and new ids, without the domain's Clock and Random: nothing here is tested against time.

use model::At;
use std::time::SystemTime;
use uuid::Uuid;

#[allow(clippy::disallowed_methods)]
pub fn now() -> At {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    At(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

#[allow(clippy::disallowed_methods)]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
