use std::{fmt, str::FromStr};

/// A word that is not one of the known ones.
#[derive(Debug, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(s: &str) -> Result<Self, UnknownWord> {
                match s { $($word => Ok($name::$variant),)* _ => Err(UnknownWord) }
            }
        }

        #[cfg(feature = "sqlx")]
        impl<DB: sqlx::Database> sqlx::Type<DB> for $name where str: sqlx::Type<DB> {
            fn type_info() -> DB::TypeInfo { <str as sqlx::Type<DB>>::type_info() }
            fn compatible(ty: &DB::TypeInfo) -> bool { <str as sqlx::Type<DB>>::compatible(ty) }
        }

        #[cfg(feature = "sqlx")]
        impl<'q, DB: sqlx::Database> sqlx::Encode<'q, DB> for $name where &'q str: sqlx::Encode<'q, DB> {
            fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <&'q str as sqlx::Encode<'q, DB>>::encode(self.as_str(), buf)
            }
        }

        #[cfg(feature = "sqlx")]
        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $name where &'r str: sqlx::Decode<'r, DB> {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(<&'r str as sqlx::Decode<'r, DB>>::decode(value)?.parse()?)
            }
        }
    )*};
}

kinds! {
    /// A node of the organisation tree: the government branch and the education branch.
    UnitKind {
        City = "city", District = "district", Street = "street", Community = "community", Grid = "grid",
        Bureau = "bureau", School = "school", Grade = "grade", Class = "class",
    }
    /// What a grant allows, for the whole subtree of its unit.
    Role { Admin = "admin", Supervisor = "supervisor", Auditor = "auditor" }
    /// Why somebody is away; residents are told only until when.
    AbsenceReason { Leave = "leave", Sick = "sick", Training = "training", Business = "business", Other = "other" }
    /// Who a message comes from.
    MessageKind {
        /// The resident or guardian.
        Contact = "contact",
        /// A public answer by a person.
        Answer = "answer",
        /// Seen by staff only.
        Note = "note",
        /// Written by the system in the post's name, such as the off-duty reply. Never closes a wait.
        Auto = "auto",
        /// What happened, told to both sides: a hand-over, a claim on another device.
        Event = "event",
    }
    ConversationState { Open = "open", Closed = "closed" }
    /// How a date differs from its weekday.
    DayKind {
        /// 休: no working time.
        Off = "off",
        /// 班: a make-up workday.
        Work = "work",
    }
    /// What holds at a unit and below it, until a unit below has its own.
    Setting {
        Calendar = "calendar", Promise = "promise_minutes", QuietHours = "quiet_hours", Welcome = "welcome",
        /// Contacts who may write to one post for the first time in a day.
        NewContacts = "new_contacts_per_day",
        /// Conversations one post may have open.
        OpenConversations = "open_conversations",
    }
    /// What entries of the audit trail are about.
    AuditKind {
        SignIn = "sign_in", Access = "access", Reading = "reading", Export = "export", Organisation = "organisation", People = "people",
        Setting = "setting", Conversation = "conversation",
        /// About the trail itself.
        Records = "records",
    }
    Language { Chinese = "zh-CN", English = "en" }
    /// How far somebody's invitation has come.
    InvitationState {
        /// None was written, or its mail was held back in the trial.
        Unsent = "unsent",
        /// Its mail is on the way.
        Waiting = "waiting",
        Sent = "sent",
        /// Its mail was refused or came back.
        Failed = "failed",
        Expired = "expired",
        /// They have a login.
        Answered = "answered",
    }
    /// How far an import has come.
    ImportState {
        /// Being read and compared with what is there.
        Planning = "planning",
        /// To be looked at: with mistakes or without.
        Ready = "ready",
        Applying = "applying",
        Applied = "applied",
        Undoing = "undoing",
        Undone = "undone",
        /// Given up before it was applied.
        Dropped = "dropped",
    }
    /// What a mail in the outbox is about.
    MailKind {
        Invitation = "invitation",
        Answer = "answer",
        /// A link to set a new password, asked for by themselves.
        Password = "password",
        /// The second factor was reset by somebody else.
        SecondFactor = "second_factor",
        /// Somebody else answers from now on.
        HandOver = "hand_over",
    }
    /// What a file of codes may be.
    PrintFormat {
        /// PDF, an A4 poster a page.
        Posters = "posters",
        /// PDF, eight stickers a page.
        Stickers = "stickers",
        /// ZIP of labels as SVG, with a table.
        Svg = "svg",
    }
    /// Which codes of a subtree.
    Which {
        All = "all",
        /// Never scanned: not put up yet.
        Unscanned = "unscanned",
    }
    /// What a resident says is wrong with a sticker.
    ReportReason { Place = "place", Damaged = "damaged", Fake = "fake", Other = "other" }
}

impl MailKind {
    /// Written to a resident, at an address that nobody in the house can correct.
    pub fn is_for_residents(self) -> bool {
        matches!(self, MailKind::Answer | MailKind::HandOver)
    }
}

impl UnitKind {
    /// A whole district, or more: whoever is to be its admin needs a second admin's word.
    pub fn is_district_level(self) -> bool {
        matches!(self, UnitKind::City | UnitKind::District | UnitKind::Bureau)
    }
}

impl Language {
    /// What a reader calls something: its English name for those who read English, if it has been given one, else the name it has.
    pub fn name<'a>(self, name: &'a str, english: Option<&'a str>) -> &'a str {
        english.filter(|_| self == Language::English).unwrap_or(name)
    }
}
