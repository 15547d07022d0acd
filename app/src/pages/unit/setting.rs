//! `/admin/units/{id}/settings`: what holds at a unit, where each value comes from, whether it is locked, and what differs below; in one form.

use crate::{
    components::{
        admin::{Done, crumbs, saved},
        field::{described_by, titled_summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, inside, text_error},
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    row::Unit,
    setting::{self, Line, Mistake, NONE, SettingError, Typed, TypedOne, View},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{Language, Setting, UnitId};
use std::collections::HashMap;

/// Everything in the form, by its name: `quiet_hours.own`, `quiet_hours.from` …
type Fields = HashMap<String, String>;

/// The order on the page.
const ORDER: [Setting; 6] = [Setting::Promise, Setting::QuietHours, Setting::Welcome, Setting::NewContacts, Setting::OpenConversations, Setting::Calendar];
/// Units below that are named.
const NAMED: usize = 5;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, done.saved.is_some(), None, StatusCode::OK).await
}

pub async fn save(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Posted(fields): Posted<Fields>) -> Result<Response, AppError> {
    match setting::save(&visit.app.domain, &admin, id, &typed(&fields)).await {
        Ok(()) => Ok(Redirect::to(&format!("/admin/units/{id}/settings?saved=1")).into_response()),
        Err(SettingError::Invalid(mistakes)) => page(&visit, &admin, id, false, Some((fields, mistakes)), StatusCode::UNPROCESSABLE_ENTITY).await,
        Err(SettingError::NotFound) => Err(AppError::NotFound),
        Err(SettingError::Store(e)) => Err(e.into()),
    }
}

/// What the form says; a setting that is not in it stays as it is.
fn typed(fields: &Fields) -> Typed {
    let field = |setting: Setting, end: &str| fields.get(&format!("{setting}{end}")).map_or("", |text| text.trim());
    let one = |setting: Setting| {
        let own = fields.get(&format!("{setting}.own"))?;
        let value = match setting {
            Setting::QuietHours => format!("{}-{}", field(setting, ".from"), field(setting, ".until")),
            _ => field(setting, "").replace("\r\n", "\n"),
        };
        let shown = fields.get(&format!("{setting}.shown")).map(|shown| shown.trim().replace("\r\n", "\n"));
        Some((setting, TypedOne { is_own: own == "yes", value, shown, is_locked: field(setting, ".lock") == "yes" }))
    };
    ORDER.into_iter().filter_map(one).collect()
}

type Said = (Fields, HashMap<Setting, Mistake>);

async fn page(visit: &Visit, admin: &Admin, id: UnitId, is_saved: bool, said: Option<Said>, status: StatusCode) -> Result<Response, AppError> {
    let view = setting::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let mut above = view.above.clone();
    above.push(view.unit.clone());
    let (fields, mistakes) = said.unwrap_or_default();
    let wrong: Vec<(&'static str, String)> = ORDER.into_iter().filter_map(|s| Some((s.as_str(), said_of(l, *mistakes.get(&s)?)))).collect();
    let sum = (!wrong.is_empty()).then(|| titled_summary(t!(l, admin.please_correct), wrong));
    let parts: Vec<_> = ORDER
        .into_iter()
        .filter_map(|setting| view.lines.iter().find(|line| line.setting == setting))
        .map(|line| part(l, &view, line, &fields, mistakes.get(&line.setting).map(|m| said_of(l, *m))))
        .collect();
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &above)}
            <h1>{t!(l, setting.of, name = view.unit.name.clone())}</h1>
            <p class="soft">{t!(l, setting.explain)}</p>
            {saved(l, is_saved)}
            {sum}
            <form class="task settings" method="post" action=format!("/admin/units/{id}/settings")>
                {visit.csrf_field()}
                {parts}
                <button class="btn">{t!(l, common.save)}</button>
            </form>
        </main>
    };
    Ok(Page::new(visit, t!(l, setting.title)).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn said_of(l: Language, mistake: Mistake) -> String {
    match mistake {
        Mistake::Text(e) => text_error(l, e),
        Mistake::Time => t!(l, setting.not_a_time),
        Mistake::NotChosen => t!(l, setting.not_chosen, own = t!(l, setting.own)),
        Mistake::Locked => t!(l, setting.locked_since),
        Mistake::Number(from, until) => t!(l, setting.number_range, from = from, until = until),
    }
}

pub fn name(l: Language, setting: Setting) -> String {
    match setting {
        Setting::Calendar => t!(l, setting.calendar),
        Setting::Promise => t!(l, setting.promise),
        Setting::QuietHours => t!(l, setting.quiet),
        Setting::Welcome => t!(l, setting.welcome),
        Setting::NewContacts => t!(l, setting.new_contacts),
        Setting::OpenConversations => t!(l, setting.open_conversations),
    }
}

fn about(l: Language, setting: Setting) -> String {
    match setting {
        Setting::Calendar => t!(l, setting.calendar_about),
        Setting::Promise => t!(l, setting.promise_about),
        Setting::QuietHours => t!(l, setting.quiet_about),
        Setting::Welcome => t!(l, setting.welcome_about),
        Setting::NewContacts => t!(l, setting.new_contacts_about),
        Setting::OpenConversations => t!(l, setting.open_conversations_about),
    }
}

/// A kept value in words.
pub fn in_words(l: Language, setting: Setting, value: &str) -> String {
    match (setting, value) {
        (Setting::QuietHours, NONE) => t!(l, setting.no_quiet),
        (Setting::NewContacts | Setting::OpenConversations, NONE) => t!(l, setting.no_limit),
        (Setting::Welcome, "") => t!(l, setting.no_welcome),
        (Setting::QuietHours, hours) => {
            let (from, until) = hours.split_once('-').unwrap_or((hours, ""));
            t!(l, setting.hours, from = from, until = until)
        }
        (Setting::Promise, minutes) => {
            let count: i64 = minutes.parse().unwrap_or(0);
            t!(l, setting.minutes, count = count, time = when::working(l, count * 60))
        }
        (_, value) => value.to_owned(),
    }
}

/// One setting: what is in force, where from, and the choice between inheriting and one's own.
fn part(l: Language, view: &View, line: &Line, fields: &Fields, error: Option<String>) -> AnyView {
    let is_calendar = line.setting == Setting::Calendar;
    let value = if is_calendar { when::week(l, &view.effective.calendar.calendar) } else { in_words(l, line.setting, &line.value) };
    let from = match &line.from {
        Some(unit) if unit.id == view.unit.id => t!(l, setting.from_here).into_any(),
        Some(unit) => to_unit(view, unit, t!(l, setting.from, name = unit.name.clone())),
        None => t!(l, setting.built_in).into_any(),
    };
    let choice = match &line.locked_by {
        Some((unit, who)) => {
            let text = match who {
                Some(who) => t!(l, setting.locked_by_who, name = unit.name.clone(), who = who.clone()),
                None => t!(l, setting.locked_by, name = unit.name.clone()),
            };
            let error = field_error(line.setting.as_str(), error);
            view! { {error}<p class="locked">{icon(Icon::Key)}{to_unit(view, unit, text)}</p> }.into_any()
        }
        None => choice(l, view, line, fields, error).into_any(),
    };
    view! {
        <fieldset class="setting" id=line.setting.as_str() tabindex="-1">
            <legend>{name(l, line.setting)}</legend>
            <p class="hint">{about(l, line.setting)}</p>
            <p class="value"><span class="soft">{t!(l, setting.now)}</span>" "<b>{value}</b>" "<span class="soft">"· "{from}</span></p>
            {choice}
            {differing(l, line)}
        </fieldset>
    }
    .into_any()
}

/// A unit above by name; a link where the admin may go.
fn to_unit(view: &View, unit: &Unit, text: String) -> AnyView {
    if view.above.iter().any(|above| above.id == unit.id) {
        view! { <a href=format!("/admin/units/{}/settings", unit.id)>{text}</a> }.into_any()
    } else {
        view! { <span>{text}</span> }.into_any()
    }
}

fn choice(l: Language, view: &View, line: &Line, fields: &Fields, error: Option<String>) -> impl IntoView + use<> {
    let setting = line.setting;
    if setting == Setting::Calendar {
        let to = format!("/admin/units/{}/calendar", view.unit.id);
        return view! {
            <p><a class="btn alt" href=to>{icon(Icon::Calendar)}{t!(l, setting.to_calendar)}</a></p>
            // The calendar itself is set on its own page.
            <input type="hidden" name=format!("{setting}.own") value="no"/>
            {lock(l, line, fields)}
        }
        .into_any();
    }
    let typed_own = fields.get(&format!("{setting}.own")).map(|own| own == "yes");
    let is_own = typed_own.unwrap_or(line.own.is_some());
    let inherit = if view.unit.parent_id.is_some() { t!(l, setting.inherit) } else { t!(l, setting.inherit_top) };
    let radio = |value: &'static str, label: String, is_checked: bool| {
        let id = format!("{setting}-{value}");
        view! {
            <div class="pick">
                <input type="radio" id=id.clone() name=format!("{setting}.own") value=value checked=is_checked/>
                <label for=id>{label}</label>
            </div>
        }
    };
    view! {
        <div class="f">
            {radio("no", inherit, !is_own)}
            {radio("yes", t!(l, setting.own), is_own)}
            <div class="own">{inputs(l, line, fields, error)}</div>
        </div>
        {lock(l, line, fields)}
    }
    .into_any()
}

/// The fields of a value of one's own.
fn inputs(l: Language, line: &Line, fields: &Fields, error: Option<String>) -> AnyView {
    let setting = line.setting;
    let kept = line.own.clone().unwrap_or_else(|| line.value.clone());
    let kept = if kept == NONE { String::new() } else { kept };
    let shown = if kept.is_empty() && setting == Setting::QuietHours { "-".to_owned() } else { kept.clone() };
    let value = |end: &str, kept: &str| fields.get(&format!("{setting}{end}")).cloned().unwrap_or_else(|| kept.to_owned());
    let is_bad = error.is_some();
    let id = |end: &str| format!("{setting}{}", end.replace('.', "-"));
    let field_id = id(".value");
    let described = described_by(&field_id, true, is_bad);
    let hint = match setting {
        Setting::Promise => t!(l, setting.promise_hint),
        Setting::QuietHours => t!(l, setting.quiet_hint),
        Setting::Welcome => t!(l, setting.welcome_hint),
        _ => t!(l, setting.limit_hint),
    };
    let hint = view! { <p class="hint" id=format!("{field_id}-h")>{hint}</p> };
    let error = field_error(&field_id, error);
    let body = match setting {
        Setting::QuietHours => {
            let (from, until) = kept.split_once('-').unwrap_or(("", ""));
            let time = |end: &'static str, label: String, kept: &str| {
                view! {
                    <div>
                        <label for=id(end)>{label}</label>
                        <input class="in short" type="time" id=id(end) name=format!("{setting}{end}") value=value(end, kept) aria-describedby=described.clone()/>
                    </div>
                }
            };
            view! { <div class="pair">{time(".from", t!(l, setting.quiet_from), from)}{time(".until", t!(l, setting.quiet_until), until)}</div> }.into_any()
        }
        Setting::Welcome => view! {
            <label class="sr" for=field_id.clone()>{t!(l, setting.welcome_label)}</label>
            <textarea class="in" id=field_id.clone() name=setting.as_str() rows="3" aria-describedby=described>{inside(&value("", &kept))}</textarea>
        }
        .into_any(),
        _ => {
            let label = if setting == Setting::Promise { t!(l, setting.promise_label) } else { t!(l, setting.limit_label) };
            view! {
                <label class="sr" for=field_id.clone()>{label}</label>
                <input
                    class="in short"
                    type="text"
                    inputmode="numeric"
                    id=field_id.clone()
                    name=setting.as_str()
                    value=value("", &kept)
                    autocomplete="off"
                    aria-invalid=is_bad.then_some("true")
                    aria-describedby=described
                />
            }
            .into_any()
        }
    };
    let shown = view! { <input type="hidden" name=format!("{setting}.shown") value=shown/> };
    view! { <div class=if is_bad { "f bad" } else { "f" }>{hint}{error}{shown}{body}</div> }.into_any()
}

fn lock(l: Language, line: &Line, fields: &Fields) -> impl IntoView + use<> {
    let setting = line.setting;
    let id = format!("{setting}-lock");
    let is_locked = if fields.is_empty() { line.is_locked_here } else { fields.contains_key(&format!("{setting}.lock")) };
    view! {
        <div class="pick">
            <input type="checkbox" id=id.clone() name=format!("{setting}.lock") value="yes" checked=is_locked/>
            <label for=id>{t!(l, setting.lock)}</label>
        </div>
    }
}

/// The units below that have something of their own.
fn differing(l: Language, line: &Line) -> AnyView {
    let count = line.differing.len();
    if count == 0 {
        return view! { <p class="soft">{t!(l, setting.none_differ)}</p> }.into_any();
    }
    let is_overruled = line.is_locked_here || line.locked_by.is_some();
    let said = if is_overruled { t!(l, setting.overruled, count = count) } else { t!(l, setting.differ, count = count) };
    let links: Vec<_> = line
        .differing
        .iter()
        .take(NAMED)
        .enumerate()
        .map(|(i, (id, name))| {
            let comma = (i > 0).then(|| t!(l, common.comma));
            view! { {comma}<a href=format!("/admin/units/{id}/settings")>{name.clone()}</a> }
        })
        .collect();
    let more = (count > NAMED).then(|| view! { " "{t!(l, setting.and_more)} });
    let then = (!is_overruled).then(|| view! { {t!(l, setting.stop)}{t!(l, setting.if_locked)} });
    view! { <p class="soft">{said}" "{links}{more}{then}</p> }.into_any()
}
