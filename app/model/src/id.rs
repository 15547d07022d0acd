use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, uuid::Error> {
                s.parse().map(Self)
            }
        }
    )*};
}

// Every id is a UUIDv7, written in URLs as 32 hexadecimal digits.
ids! {
    UnitId
    PostId
    StaffId
    HoldingId
    GrantId
    AbsenceId
    SessionId
    InvitationId
    ContactId
    DeviceId
    ContactPointId
    ConversationId
    MessageId
    WaitId
    QuickReplyId
    ScheduledReplyId
    OutboxId
    PasskeyId
    PrintId
    StickerReportId
    ImportId
    /// Chosen by the sender's page once per message, so that sending again is recognised.
    ClientKey
}

impl ClientKey {
    /// The key under which a body is kept. A form that was sent, changed and sent once more is another message.
    pub fn with(self, body: &str) -> ClientKey {
        ClientKey(Uuid::new_v5(&self.0, body.as_bytes()))
    }
}
