//! Which column is which, to be corrected.

use super::{new::modes, words};
use crate::{
    components::icon::{Icon, icon},
    visit::Visit,
};
use domain::import::{
    Settings, View,
    heads::{Choice, Field, Kind},
    read::Row,
    workbook::letters,
};
use i18n::t;
use leptos::prelude::*;
use model::Language;

/// Rows shown of each column.
const EXAMPLES: usize = 2;

pub fn form(visit: &Visit, view: &View) -> AnyView {
    let l = visit.language;
    if view.settings.is_one_roster {
        return view! { <p class="soft">{t!(l, import.oneroster)}</p> }.into_any();
    }
    let sheets: Vec<_> = view.settings.choices.iter().enumerate().map(|(i, choice)| sheet(l, &view.settings, i, choice)).collect();
    view! {
        <form method="post" action=format!("/admin/imports/{}", view.import.id)>
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="correct"/>
            <p class="soft">{t!(l, import.columns_text)}</p>
            {sheets}
            <div class="task">{modes(visit, view.mode.as_str())}<button class="btn alt">{icon(Icon::Eye)}{t!(l, import.compare_again)}</button></div>
        </form>
    }
    .into_any()
}

fn sheet(l: Language, settings: &Settings, i: usize, choice: &Choice) -> AnyView {
    let top = settings.tops.get(i);
    let rows: &[Row] = top.map_or(&[], |top| &top.rows);
    let name = top.map_or("", |top| top.name.as_str()).to_owned();
    // A file with one sheet needs no heading that says so, but for whoever hears the page.
    let is_alone = name.is_empty();
    let title = if is_alone { t!(l, import.sheet) } else { name };
    let kinds: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| {
            let is_chosen = *kind == choice.kind;
            view! { <option value=kind.as_str() selected=is_chosen>{words::kind(l, *kind)}</option> }
        })
        .collect();
    let head = rows.iter().find(|row| row.number == choice.head);
    let below: Vec<&Row> = rows.iter().filter(|row| row.number > choice.head).take(EXAMPLES).collect();
    let columns: Vec<_> = choice.columns.iter().enumerate().map(|(column, field)| line(l, i, column, *field, head, &below)).collect();
    let (kind_id, head_id) = (format!("kind-{i}"), format!("head-{i}"));
    view! {
        <fieldset class="sheet-cols">
            <legend class:sr=is_alone>{title}</legend>
            <div class="pair">
                <div class="f">
                    <label for=kind_id.clone()>{t!(l, import.kind)}</label>
                    <select class="in" id=kind_id.clone() name=kind_id>{kinds}</select>
                </div>
                <div class="f">
                    <label for=head_id.clone()>{t!(l, import.head_row)}</label>
                    <input class="in short" id=head_id.clone() name=head_id type="number" min="1" value=choice.head.to_string()/>
                </div>
            </div>
            <ul class="cols">{columns}</ul>
        </fieldset>
    }
    .into_any()
}

fn line(l: Language, sheet: usize, column: usize, field: Option<Field>, head: Option<&Row>, below: &[&Row]) -> impl IntoView + use<> {
    let id = format!("col-{sheet}-{column}");
    let letter = t!(l, import.column_n, letter = letters(column));
    let name = head.map_or("", |row| row.cell(column)).to_owned();
    let examples: Vec<&str> = below.iter().map(|row| row.cell(column)).filter(|cell| !cell.is_empty()).collect();
    let example = (!examples.is_empty()).then(|| view! { <small class="soft">{t!(l, import.example)}" "{examples.join(&t!(l, common.comma))}</small> });
    let options: Vec<_> = Field::ALL
        .iter()
        .map(|option| {
            let is_chosen = field == Some(*option);
            view! { <option value=option.as_str() selected=is_chosen>{words::field(l, *option)}</option> }
        })
        .collect();
    view! {
        <li>
            <label for=id.clone()><small class="soft">{letter}</small>" "<b>{name}</b>{example}</label>
            <select class="in" id=id.clone() name=id><option value="" selected=field.is_none()>{t!(l, import.f_none)}</option>{options}</select>
        </li>
    }
}

/// The choices as they were posted; what is missing or strange stays as it was. A row of heads other than before is found out anew.
pub fn read(settings: &Settings, posted: &[(String, String)]) -> Vec<Choice> {
    let get = |name: &str| posted.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let read = |(i, before): (usize, &Choice)| {
        let kind = get(&format!("kind-{i}")).and_then(|kind| kind.parse().ok()).unwrap_or(before.kind);
        let head = get(&format!("head-{i}")).and_then(|head| head.trim().parse().ok()).unwrap_or(before.head);
        if head != before.head
            && let Some(guessed) = settings.guess_from(i, head)
        {
            return Choice { kind, ..guessed };
        }
        let column = |(column, field): (usize, &Option<Field>)| match get(&format!("col-{i}-{column}")) {
            Some(chosen) => chosen.parse().ok(),
            None => *field,
        };
        Choice { kind, head, columns: before.columns.iter().enumerate().map(column).collect(), goes_by_name: before.goes_by_name }
    };
    settings.choices.iter().enumerate().map(read).collect()
}
