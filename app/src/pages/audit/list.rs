//! `/admin/audit`: the entries an auditor looks for, the newest first.

use super::words::{self, Names};
use crate::{
    components::{
        admin::unit_id,
        art::{HOUSES, art},
        field::{Field, titled_summary},
        icon::{Icon, icon},
    },
    error::AppError,
    routes::encode,
    shell::Page,
    visit::{AsAuditor, Visit},
};
use axum::{extract::Query, http::StatusCode, response::Response};
use domain::{
    Auditor,
    audit::{self, Asked, Found, Places},
    row::AuditLine,
};
use i18n::{t, when};
use jiff::civil::Date;
use leptos::prelude::*;
use model::{AuditKind, Language, UnitId};
use serde::Deserialize;
use uuid::Uuid;

/// What is looked for, as it stands in the address and in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    pub who: String,
    pub what: String,
    pub target: String,
    pub from: String,
    pub until: String,
    pub unit: String,
    pub before: String,
    pub format: String,
}

/// Which of the two days is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    from: bool,
    until: bool,
}

/// A day as typed; nothing typed is no day.
fn day(typed: &str) -> Result<Option<Date>, ()> {
    match typed.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(drop),
    }
}

impl Wanted {
    /// What is looked for. Nothing else is shown, or taken out, because a day was mistyped.
    pub fn asked(&self) -> Result<Asked, Mistakes> {
        match (day(&self.from), day(&self.until)) {
            (Ok(from), Ok(until)) => Ok(Asked { from, until, ..self.without_days() }),
            (from, until) => Err(Mistakes { from: from.is_err(), until: until.is_err() }),
        }
    }

    fn without_days(&self) -> Asked {
        Asked {
            who: self.who.clone(),
            what: self.what.parse().ok(),
            target: self.target.clone(),
            unit: self.unit(),
            before: self.before.parse().ok(),
            ..Asked::default()
        }
    }

    /// One that is none is nobody's.
    fn unit(&self) -> Option<UnitId> {
        let typed = self.unit.trim();
        (!typed.is_empty()).then(|| unit_id(Some(typed)).unwrap_or(UnitId(Uuid::nil())))
    }

    fn fields(&self) -> [(&'static str, &String); 6] {
        [("who", &self.who), ("what", &self.what), ("target", &self.target), ("from", &self.from), ("until", &self.until), ("unit", &self.unit)]
    }

    fn is_empty(&self) -> bool {
        self.fields().iter().all(|(_, value)| value.trim().is_empty())
    }

    /// The same search further back.
    fn path(&self, before: Option<i64>) -> String {
        let mut parts: Vec<String> =
            self.fields().iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", encode(value))).collect();
        parts.extend(before.map(|seq| format!("before={seq}")));
        if parts.is_empty() { "/admin/audit".to_owned() } else { format!("/admin/audit?{}", parts.join("&")) }
    }
}

pub async fn show(visit: Visit, AsAuditor(auditor): AsAuditor, Query(query): Query<Wanted>) -> Result<Response, AppError> {
    match query.asked() {
        Ok(asked) => {
            let found = audit::find(&visit.app.domain, &auditor, &asked).await?.ok_or(AppError::NotFound)?;
            page(&visit, &auditor, &query, Ok(found)).await
        }
        Err(mistakes) => page(&visit, &auditor, &query, Err(mistakes)).await,
    }
}

/// What was found, or what is to be corrected before anything is looked for.
pub async fn page(visit: &Visit, auditor: &Auditor, query: &Wanted, found: Result<Found, Mistakes>) -> Result<Response, AppError> {
    let l = visit.language;
    let places = audit::places(&visit.app.domain, auditor, query.unit()).await?.ok_or(AppError::NotFound)?;
    let names: Vec<String> = places.units.iter().map(|u| u.name.clone()).collect();
    let mistakes = found.as_ref().err().copied().unwrap_or_default();
    let (status, body) = match found {
        Ok(found) => (StatusCode::OK, view! { {entries(visit, query, &places, found)}{take_out(visit, query)} }.into_any()),
        Err(_) => (StatusCode::UNPROCESSABLE_ENTITY, ().into_any()),
    };
    let wrong: Vec<(&'static str, String)> = [("from", mistakes.from), ("until", mistakes.until)]
        .into_iter()
        .filter(|(_, is_wrong)| *is_wrong)
        .map(|(id, _)| (id, t!(l, audit.not_a_date)))
        .collect();
    let sum = (!wrong.is_empty()).then(|| titled_summary(t!(l, audit.please_correct), wrong));
    let main = view! {
        <main id="main" class="wide">
            <h1>{t!(l, audit.title)}</h1>
            <p class="soft">{t!(l, audit.units, names = names.join(&t!(l, common.comma)))}" "{t!(l, audit.explain)}</p>
            {sum}
            {form(l, query, &places, mistakes)}
            {body}
            {anchor(l, &places)}
        </main>
    };
    Ok(Page::new(visit, t!(l, audit.title)).status(status).body_class("at-desk").for_staff(&auditor.staff).await?.render(main))
}

fn form(l: Language, query: &Wanted, places: &Places, mistakes: Mistakes) -> impl IntoView + use<> {
    let field = |id: &'static str, label: String, hint: String, value: &str| {
        view! {
            <div class="f">
                <label for=id>{label}</label>
                <input class="in" id=id name=id type="search" value=value.to_owned() placeholder=hint autocomplete="off"/>
            </div>
        }
    };
    let date = |id: &'static str, label: String, value: &str, is_wrong: bool| {
        Field::new(id, label).kind("date").optional().value(value).error(is_wrong.then(|| t!(l, audit.not_a_date))).view()
    };
    let kinds: Vec<_> =
        AuditKind::ALL.iter().map(|kind| view! { <option value=kind.as_str() selected=query.what == kind.as_str()>{words::kind(l, *kind)}</option> }).collect();
    let unit = places.chosen.as_ref().map(|unit| {
        let id = unit.id.to_string();
        view! {
            <div class="pick">
                <input type="checkbox" id="unit" name="unit" value=id checked/>
                <label for="unit">{t!(l, audit.unit_is, name = unit.name.clone())}</label>
            </div>
        }
    });
    let clear = (!query.is_empty()).then(|| view! { <a class="btn text" href="/admin/audit">{t!(l, audit.clear)}</a> });
    view! {
        <form class="filters" role="search" action="/admin/audit">
            {field("who", t!(l, audit.who), t!(l, audit.who_hint), &query.who)}
            <div class="f">
                <label for="what">{t!(l, audit.what)}</label>
                <select class="in" id="what" name="what"><option value="">{t!(l, audit.anything)}</option>{kinds}</select>
            </div>
            {field("target", t!(l, audit.target), t!(l, audit.target_hint), &query.target)}
            {date("from", t!(l, audit.from), &query.from, mistakes.from)}
            {date("until", t!(l, audit.until), &query.until, mistakes.until)}
            {unit}
            <div class="acts"><button class="btn">{icon(Icon::Search)}{t!(l, audit.search)}</button>{clear}</div>
        </form>
    }
}

fn entries(visit: &Visit, query: &Wanted, places: &Places, found: Found) -> AnyView {
    let l = visit.language;
    if found.lines.is_empty() {
        return view! { <div class="empty">{art(&HOUSES)}<h2>{t!(l, audit.none)}</h2><p>{t!(l, audit.none_text)}</p></div> }.into_any();
    }
    let rows: Vec<_> = found.lines.iter().map(|line| row(visit, query, places, line, &found.names)).collect();
    let newest = (!query.before.is_empty()).then(|| view! { <a class="btn alt" href=query.path(None)>{t!(l, audit.newest)}</a> });
    let older = found.next.map(|seq| view! { <a class="btn alt" href=query.path(Some(seq))>{t!(l, audit.older)}</a> });
    view! {
        <table class="tab trail">
            <thead>
                <tr>
                    <th scope="col">{t!(l, audit.when)}</th>
                    <th scope="col">{t!(l, audit.who)}</th>
                    <th scope="col">{t!(l, audit.did)}</th>
                    <th scope="col">{t!(l, audit.target)}</th>
                    <th scope="col">{t!(l, audit.place)}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        <nav class="acts" aria-label=t!(l, admin.pages)>{newest}{older}</nav>
    }
    .into_any()
}

fn row(visit: &Visit, query: &Wanted, places: &Places, line: &AuditLine, names: &Names) -> impl IntoView + use<> {
    let l = visit.language;
    let calendar = &places.settings.calendar.calendar;
    let local = calendar.local(line.entry.at);
    let day = when::date(l, &local, &calendar.local(visit.now));
    let time = local.strftime("%H:%M:%S").to_string();
    let (target, detail) = (words::target(l, line, names), words::detail(l, line, names));
    let has_target = !target.is_empty() || !detail.is_empty();
    let place = line.unit_name.clone().zip(line.entry.unit_id).map(|(name, id)| {
        let here = Wanted { unit: id.to_string(), ..query.clone() };
        view! { <a href=here.path(None)>{name}</a> }
    });
    view! {
        <tr>
            <td data-l=t!(l, audit.when)>
                <time datetime=line.entry.at.timestamp().to_string()>{day}" "<span class="num">{time}</span></time>" "
                <small class="num">{format!("#{}", line.entry.seq)}</small>
            </td>
            <td data-l=t!(l, audit.who)>{words::who(l, line)}</td>
            <th scope="row">{words::action(l, &line.entry.action)}</th>
            <td data-l=has_target.then(|| t!(l, audit.target))><span>{target}<small>{detail}</small></span></td>
            <td data-l=t!(l, audit.place)>{place}</td>
        </tr>
    }
}

/// The same search as a file.
fn take_out(visit: &Visit, query: &Wanted) -> impl IntoView + use<> {
    let l = visit.language;
    let hidden: Vec<_> = query.fields().into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value.clone()/> }).collect();
    view! {
        <section>
            <h2>{t!(l, audit.export)}</h2>
            <p class="soft">{t!(l, audit.export_text)}</p>
            <form class="acts" method="post" action="/admin/audit/export">
                {visit.csrf_field()}
                {hidden}
                <button class="btn alt" name="format" value="csv">{t!(l, audit.csv)}</button>
                <button class="btn alt" name="format" value="jsonl">{t!(l, audit.jsonl)}</button>
            </form>
        </section>
    }
}

fn anchor(l: Language, places: &Places) -> impl IntoView + use<> {
    places.anchor.as_ref().map(|anchor| {
        view! {
            <details class="fold">
                <summary>{icon(Icon::Key)}<span>{t!(l, audit.anchor)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <div class="body"><p>{t!(l, audit.anchor_text)}</p><p><code class="anchor">{anchor.to_string()}</code></p></div>
            </details>
        }
    })
}
