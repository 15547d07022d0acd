//! What an import is in, what is wrong with it and what it does, in the reader's words.

use crate::{
    components::{
        admin::kind_name,
        icon::{Icon, icon},
    },
    visit::Visit,
};
use domain::import::{
    self, Settings, Trouble,
    change::{Place, What},
    heads::{Field, Kind},
    plan::{Odd, Warning, Wrong},
    read::{CELL_LIMIT, COLUMN_LIMIT, FILE_LIMIT, ROW_LIMIT, ReadError, SHEET_LIMIT},
    shown::Noun,
    work::Summary,
    workbook::letters,
};
use domain::row::Import;
use i18n::{number, t};
use leptos::prelude::*;
use model::{ImportState, Language};

pub fn read_error(l: Language, e: &ReadError) -> String {
    match *e {
        ReadError::Empty => t!(l, import.e_empty),
        ReadError::TooLarge => t!(l, import.e_too_large, limit = FILE_LIMIT / 1024 / 1024),
        ReadError::NotATable => t!(l, import.e_not_a_table),
        ReadError::OldExcel => t!(l, import.e_old),
        ReadError::Damaged => t!(l, import.e_damaged),
        ReadError::Bomb => t!(l, import.e_bomb),
        ReadError::TooManyRows => t!(l, import.e_rows, limit = ROW_LIMIT),
        ReadError::TooManySheets => t!(l, import.e_sheets, limit = SHEET_LIMIT),
        ReadError::TooSlow => t!(l, import.e_slow),
        ReadError::TooManyColumns { row } => t!(l, import.e_columns, row = row, limit = COLUMN_LIMIT),
        ReadError::CellTooLong { row, column } => t!(l, import.e_cell, row = row, column = column, limit = CELL_LIMIT),
        ReadError::Mixed { utf8, other } => t!(l, import.e_mixed, utf8 = utf8, other = other),
        ReadError::Encoding { row } => t!(l, import.e_encoding, row = row),
    }
}

pub fn trouble(l: Language, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Changed => t!(l, import.t_changed),
        Trouble::Ownerless(posts) => t!(l, import.t_ownerless, posts = posts.join(&t!(l, common.comma))),
        Trouble::InUse(name) => t!(l, import.t_in_use, name = name.clone()),
        Trouble::CodeTaken(code) => t!(l, import.t_code_taken, name = code.clone()),
        Trouble::Orphan(name) => t!(l, import.t_orphan, name = name.clone()),
        Trouble::LeftAlone { back, gone } => {
            let back = (*back > 0).then(|| t!(l, import.t_back, count = *back));
            let gone = (*gone > 0).then(|| t!(l, import.t_gone, count = *gone));
            back.into_iter().chain(gone).collect::<Vec<_>>().join(" ")
        }
        Trouble::NoGrant => t!(l, import.t_no_grant),
        Trouble::Failed => t!(l, import.t_failed),
    }
}

pub fn kind(l: Language, kind: Kind) -> String {
    match kind {
        Kind::Roster => t!(l, import.kind_roster),
        Kind::Units => t!(l, import.kind_units),
        Kind::Posts => t!(l, import.kind_posts),
        Kind::Staff => t!(l, import.kind_staff),
        Kind::Holdings => t!(l, import.kind_holdings),
        Kind::Nothing => t!(l, import.kind_nothing),
    }
}

pub fn field(l: Language, field: Field) -> String {
    match field {
        Field::UnitCode => t!(l, import.f_unit_code),
        Field::UnitName => t!(l, import.f_unit_name),
        Field::UnitNameEn => t!(l, import.f_unit_name_en),
        Field::UnitKind => t!(l, import.f_unit_kind),
        Field::ParentCode => t!(l, import.f_parent_code),
        Field::ParentName => t!(l, import.f_parent_name),
        Field::PostTitle => t!(l, import.f_post_title),
        Field::PostTitleEn => t!(l, import.f_post_title_en),
        Field::PersonName => t!(l, import.f_person_name),
        Field::Email => t!(l, import.f_email),
        Field::Phone => t!(l, import.f_phone),
        Field::PersonTitle => t!(l, import.f_person_title),
        Field::Language => t!(l, import.f_language),
        Field::From => t!(l, import.f_from),
        Field::Until => t!(l, import.f_until),
    }
}

pub fn wrong(l: Language, wrong: &Wrong) -> String {
    match wrong {
        Wrong::Empty => t!(l, import.m_empty),
        Wrong::TooLong { limit, over } => t!(l, import.m_too_long, limit = *limit, over = *over),
        Wrong::Control => t!(l, import.m_control),
        Wrong::NotEmail => t!(l, import.m_not_email),
        Wrong::Formula => t!(l, import.m_formula),
        Wrong::Failed => t!(l, import.m_failed),
        Wrong::NoColumn => t!(l, import.m_no_column),
        Wrong::UnknownParent => t!(l, import.m_unknown_parent),
        Wrong::AmbiguousParent => t!(l, import.m_ambiguous_parent),
        Wrong::Loop => t!(l, import.m_loop),
        Wrong::DuplicateCode { row } => t!(l, import.m_duplicate_code, row = *row),
        Wrong::DuplicateUnit { row } => t!(l, import.m_duplicate_unit, row = *row),
        Wrong::CodeElsewhere => t!(l, import.m_code_elsewhere),
        Wrong::UnknownKind => t!(l, import.m_unknown_kind),
        Wrong::NoKind => t!(l, import.m_no_kind),
        Wrong::KindBelow { kind, parent } => t!(l, import.m_kind_below, kind = kind_name(l, *kind), parent = kind_name(l, *parent)),
        Wrong::DistrictLevel { before, kind } => t!(l, import.m_district_level, before = kind_name(l, *before), kind = kind_name(l, *kind)),
        Wrong::KindAbove { kind, child } => t!(l, import.m_kind_above, kind = kind_name(l, *kind), child = kind_name(l, *child)),
        Wrong::UnknownUnit => t!(l, import.m_unknown_unit),
        Wrong::AmbiguousUnit => t!(l, import.m_ambiguous_unit),
        Wrong::UnknownPost => t!(l, import.m_unknown_post),
        Wrong::AmbiguousPost => t!(l, import.m_ambiguous_post),
        Wrong::NoPost => t!(l, import.m_no_post),
        Wrong::EmailElsewhere => t!(l, import.m_email_elsewhere),
        Wrong::DuplicateEmail { row, name } => t!(l, import.m_duplicate_email, row = *row, name = name.clone()),
        Wrong::UnknownStaff => t!(l, import.m_unknown_staff),
        Wrong::UnknownLanguage => t!(l, import.m_unknown_language),
        Wrong::NotADate => t!(l, import.m_not_a_date),
        Wrong::EndsBefore => t!(l, import.m_ends_before),
        Wrong::TwoHolders { row, name } => t!(l, import.m_two_holders, row = *row, name = name.clone()),
        Wrong::HoldingTwice { row } => t!(l, import.m_holding_twice, row = *row),
    }
}

pub fn warning(l: Language, warning: &Warning) -> String {
    match &warning.odd {
        Odd::SamePerson { row: Some(row), email } => t!(l, import.w_same, email = email.clone(), row = *row),
        Odd::SamePerson { row: None, email } => t!(l, import.w_same_there, email = email.clone()),
        Odd::Past => t!(l, import.w_past),
        Odd::Renamed { before } => t!(l, import.w_renamed, name = before.clone()),
        Odd::Elsewhere { name } => t!(l, import.w_elsewhere, name = name.clone()),
        Odd::Scheduled { count } => t!(l, import.w_scheduled, count = *count),
        Odd::NoEmail => t!(l, import.w_no_email),
        Odd::ChosenTeacher { name } => t!(l, import.w_chosen_teacher, name = name.clone()),
        Odd::NoTeacher => t!(l, import.w_no_teacher),
        Odd::UnknownTeacher => t!(l, import.w_unknown_teacher),
        Odd::KeepsLogin { last_day } => t!(l, import.w_keeps_login, day = last_day.clone()),
    }
}

/// The sheet is named where there are several.
pub fn place(l: Language, settings: &Settings, place: Place) -> String {
    let sheet = settings.tops.get(place.sheet).map_or("", |sheet| sheet.name.as_str());
    if settings.tops.len() > 1 && !sheet.is_empty() {
        t!(l, import.row_of, sheet = sheet.to_owned(), row = place.row)
    } else {
        t!(l, import.row, row = place.row)
    }
}

/// One cell, as a spreadsheet names it.
pub fn cell(l: Language, settings: &Settings, cell: Place, column: usize) -> String {
    format!("{} {}", place(l, settings, cell), t!(l, import.column_n, letter = letters(column)))
}

pub fn what(l: Language, what: What) -> String {
    match what {
        What::Added => t!(l, import.added),
        What::Changed => t!(l, import.changed),
        What::Moved => t!(l, import.moved),
        What::Ended => t!(l, import.ended),
    }
}

/// A change as a word with its picture.
pub fn what_tag(l: Language, change: What) -> AnyView {
    let (class, glyph) = match change {
        What::Added => ("tag", Icon::Plus),
        What::Changed => ("tag time", Icon::Note),
        What::Moved => ("tag time", Icon::Hand),
        What::Ended => ("tag bad", Icon::Stop),
    };
    view! { <span class=class>{icon(glyph)}{what(l, change)}</span> }.into_any()
}

pub fn noun(l: Language, noun: Noun) -> String {
    match noun {
        Noun::Unit => t!(l, import.noun_unit),
        Noun::Post => t!(l, import.noun_post),
        Noun::Staff => t!(l, import.noun_staff),
        Noun::Holding => t!(l, import.noun_holding),
    }
}

pub fn summary(import: &Import) -> Option<Summary> {
    import.summary.as_deref().and_then(|text| serde_json::from_str(text).ok())
}

/// Where an import stands, as a word with its picture.
pub fn state(visit: &Visit, import: &Import) -> AnyView {
    let l = visit.language;
    if import::is_interrupted(&visit.app.domain, import) {
        return view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, import.state_interrupted)}</span> }.into_any();
    }
    let has_mistakes = summary(import).is_some_and(|summary| summary.mistakes > 0);
    let (class, glyph, text) = match import.state {
        ImportState::Planning => ("tag time", Icon::Clock, t!(l, import.state_planning)),
        ImportState::Ready if has_mistakes => ("tag bad", Icon::Alert, t!(l, import.state_wrong)),
        ImportState::Ready => ("tag time", Icon::Eye, t!(l, import.state_ready)),
        ImportState::Applying => ("tag time", Icon::Clock, t!(l, import.state_applying)),
        ImportState::Applied => ("tag", Icon::Tick, t!(l, import.state_applied)),
        ImportState::Undoing => ("tag time", Icon::Clock, t!(l, import.state_undoing)),
        ImportState::Undone => ("tag off", Icon::Back, t!(l, import.state_undone)),
        ImportState::Dropped => ("tag off", Icon::Close, t!(l, import.state_dropped)),
    };
    view! { <span class=class>{icon(glyph)}{text}</span> }.into_any()
}

pub fn short_summary(l: Language, import: &Import) -> String {
    match summary(import) {
        Some(s) if s.mistakes > 0 => t!(l, import.sum_wrong, count = number(s.mistakes)),
        Some(s) => t!(l, import.sum_short, added = s.added, changed = s.changed, moved = s.moved, ended = s.ended),
        None => "—".to_owned(),
    }
}
