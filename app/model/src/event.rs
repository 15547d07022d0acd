use crate::{At, Language};
use serde::{Deserialize, Serialize};

/// What a message of kind `event` or `auto` says; kept as JSON in its body and put into words in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The holder is off duty, until a moment if that is known; someone may stand in.
    OffDuty {
        name: String,
        until: Option<At>,
        stand_in: Option<Person>,
    },
    /// Somebody else answers from here on.
    HandedOver {
        to: Person,
    },
    /// The one behind the sticker (no name where nobody holds the post) has as many as they serve well today, so another answers.
    Overflow {
        name: String,
        to: Person,
    },
    /// The claim code or a mail's link opened the conversation on another device.
    Claimed,
    /// All other devices were shut out and the claim code was changed.
    ClaimsEnded,
    Closed,
}

/// Who someone is to a resident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_en: Option<String>,
    pub unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_en: Option<String>,
}

impl Person {
    pub fn title_in(&self, language: Language) -> &str {
        language.name(&self.title, self.title_en.as_deref())
    }

    pub fn unit_in(&self, language: Language) -> &str {
        language.name(&self.unit, self.unit_en.as_deref())
    }
}

impl Event {
    pub fn read(body: &str) -> Option<Event> {
        serde_json::from_str(body).ok()
    }

    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
