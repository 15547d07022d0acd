//! What is wrong with a row, and what is only odd.

use crate::import::{change::Place, heads::Field};
use model::{UnitKind, text::TextError};
use serde::{Deserialize, Serialize};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    Empty,
    TooLong {
        limit: usize,
        over: usize,
    },
    Control,
    NotEmail,
    /// A formula without what it comes to.
    Formula,
    /// What a spreadsheet shows in place of a formula that failed.
    Failed,
    /// The sheet lacks a column.
    NoColumn,
    UnknownParent,
    /// Several units have this name: the code is needed.
    AmbiguousParent,
    /// A unit stands below itself.
    Loop,
    /// A row before has the same code.
    DuplicateCode {
        row: u32,
    },
    DuplicateUnit {
        row: u32,
    },
    /// A unit outside has the code.
    CodeElsewhere,
    UnknownKind,
    /// No kind is given and none follows.
    NoKind,
    /// Such a unit does not stand below such another.
    KindBelow {
        kind: UnitKind,
        parent: UnitKind,
    },
    /// A unit that is there crosses the line above which a second admin confirms who is admin.
    DistrictLevel {
        before: UnitKind,
        kind: UnitKind,
    },
    /// A unit below does not stand below this kind.
    KindAbove {
        kind: UnitKind,
        child: UnitKind,
    },
    UnknownUnit,
    AmbiguousUnit,
    UnknownPost,
    /// Several posts are there: the title is needed.
    AmbiguousPost,
    NoPost,
    /// Somebody elsewhere has the address.
    EmailElsewhere,
    /// A row before gives the address to somebody else.
    DuplicateEmail {
        row: u32,
        name: String,
    },
    UnknownStaff,
    UnknownLanguage,
    NotADate,
    EndsBefore,
    /// A row before gives the post to somebody else at that time.
    TwoHolders {
        row: u32,
        name: String,
    },
    /// The same person and post with other dates.
    HoldingTwice {
        row: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    pub place: Place,
    pub field: Field,
    /// As typed.
    pub value: String,
    pub wrong: Wrong,
}

/// What is taken, but looks odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    /// The same name and phone with another address, in a row before or already there.
    SamePerson { row: Option<u32>, email: String },
    /// It was over before today, and is left out.
    Past,
    /// Somebody who has signed in gets another name.
    Renamed { before: String },
    /// They belong to a unit elsewhere too: how they are called and reached is theirs and that unit's to say.
    Elsewhere { name: String },
    /// Lessons are no units, and are left out.
    Scheduled { count: usize },
    /// Nobody could reach them, and they are left out.
    NoEmail,
    /// A class has several teachers of whom none is marked as the first: this one was taken.
    ChosenTeacher { name: String },
    /// Of a class's teachers nobody could be reached: nobody holds its post.
    NoTeacher,
    /// None of a class's teachers is among the staff of the package.
    UnknownTeacher,
    /// Somebody else comes after them, and then they hold nothing: their login does not end by itself. The last day is a date.
    KeepsLogin { last_day: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub place: Place,
    pub value: String,
    pub odd: Odd,
}

pub(in crate::import) fn wrong_text(e: TextError) -> Wrong {
    match e {
        TextError::Empty | TextError::TooShort { .. } => Wrong::Empty,
        TextError::TooLong { limit, length } => Wrong::TooLong { limit, over: length - limit },
        TextError::Control => Wrong::Control,
        TextError::NotEmail => Wrong::NotEmail,
    }
}
