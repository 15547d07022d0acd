//! Pieces of the admin pages.

use super::{
    field::described_by,
    icon::{Icon, icon},
};
use crate::{
    form::{field_error, inside},
    visit::Visit,
};
use domain::{routing::Orphan, row::Unit};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, Language, UnitId, UnitKind, calendar::Calendar};
use serde::Deserialize;

/// The top pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Units,
    Staff,
    Stickers,
    Imports,
    Grants,
}

pub fn tabs(l: Language, here: Tab) -> impl IntoView + use<> {
    let link = move |tab, href: &'static str, name: String| view! { <a href=href aria-current=(tab == here).then_some("page")>{name}</a> };
    view! {
        <nav class="tabs" aria-label=t!(l, admin.admin)>
            {link(Tab::Overview, "/admin", t!(l, admin.overview))}
            {link(Tab::Units, "/admin/units", t!(l, admin.units))}
            {link(Tab::Staff, "/admin/staff", t!(l, admin.staff))}
            {link(Tab::Stickers, "/admin/contact-points", t!(l, codes.health))}
            {link(Tab::Imports, "/admin/imports", t!(l, import.imports))}
            {link(Tab::Grants, "/admin/grants", t!(l, people.grants))}
        </nav>
    }
}

/// The way from the top of what is the admin's.
pub fn crumbs(l: Language, above: &[Unit]) -> impl IntoView + use<> {
    let links = above.iter().map(|u| (format!("/admin/units/{}", u.id), u.name.clone())).collect();
    crumb_links(l, links)
}

pub fn crumb_links(l: Language, links: Vec<(String, String)>) -> impl IntoView + use<> {
    let items: Vec<_> = links.into_iter().map(|(href, name)| view! { <li><a href=href>{name}</a></li> }).collect();
    view! { <nav class="crumbs" aria-label=t!(l, admin.where_this_is)><ol>{items}</ol></nav> }
}

pub fn kind_name(l: Language, kind: UnitKind) -> String {
    match kind {
        UnitKind::City => t!(l, admin.kind_city),
        UnitKind::District => t!(l, admin.kind_district),
        UnitKind::Street => t!(l, admin.kind_street),
        UnitKind::Community => t!(l, admin.kind_community),
        UnitKind::Grid => t!(l, admin.kind_grid),
        UnitKind::Bureau => t!(l, admin.kind_bureau),
        UnitKind::School => t!(l, admin.kind_school),
        UnitKind::Grade => t!(l, admin.kind_grade),
        UnitKind::Class => t!(l, admin.kind_class),
    }
}

/// Earlier and later pages of a list; `base` ends where the page number goes.
pub fn pager(l: Language, base: &str, page: i64, has_more: bool) -> Option<impl IntoView + use<>> {
    let earlier = (page > 0).then(|| view! { <a class="btn alt" href=format!("{base}{}", page - 1)>{t!(l, admin.earlier)}</a> });
    let later = has_more.then(|| view! { <a class="btn alt" href=format!("{base}{}", page + 1)>{t!(l, admin.later)}</a> });
    (page > 0 || has_more).then(|| view! { <nav class="acts" aria-label=t!(l, admin.pages)>{earlier}{later}</nav> })
}

/// What a query asks for; pages begin at 0.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Paging {
    #[serde(default)]
    pub page: Option<String>,
}

/// A page number as it came; anything else is the first page.
pub fn page_number(typed: Option<&str>) -> i64 {
    typed.and_then(|t| t.parse::<i64>().ok()).map_or(0, |n| n.clamp(0, 100_000))
}

/// An id as it came in a query.
pub fn unit_id(typed: Option<&str>) -> Option<UnitId> {
    typed.and_then(|t| t.parse().ok())
}

/// Several lines to type in.
pub fn area(id: &'static str, label: String, value: String, rows: u8, hint: Option<String>, error: Option<String>) -> impl IntoView + use<> {
    let is_bad = error.is_some();
    let described = described_by(id, hint.is_some(), is_bad);
    let hint = hint.map(|text| view! { <p class="hint" id=format!("{id}-h")>{text}</p> });
    view! {
        <div class=if is_bad { "f bad" } else { "f" }>
            <label for=id>{label}</label>
            {hint}
            {field_error(id, error)}
            <textarea class="in" id=id name=id rows=rows.to_string() aria-invalid=is_bad.then_some("true") aria-describedby=described>{inside(&value)}</textarea>
        </div>
    }
}

/// One of several: values and what they are called.
pub fn choice(
    id: &'static str,
    label: String,
    options: Vec<(String, String)>,
    chosen: &str,
    hint: Option<String>,
    error: Option<String>,
) -> impl IntoView + use<> {
    let is_bad = error.is_some();
    let described = described_by(id, hint.is_some(), is_bad);
    let hint = hint.map(|text| view! { <p class="hint" id=format!("{id}-h")>{text}</p> });
    let options: Vec<_> = options
        .into_iter()
        .map(|(value, name)| {
            let is_chosen = value == chosen;
            view! { <option value=value selected=is_chosen>{name}</option> }
        })
        .collect();
    view! {
        <div class=if is_bad { "f bad" } else { "f" }>
            <label for=id>{label}</label>
            {hint}
            {field_error(id, error)}
            <select class="in" id=id name=id aria-invalid=is_bad.then_some("true") aria-describedby=described>{options}</select>
        </div>
    }
}

/// A step that cannot be undone: what it does, a box to tick and a button.
pub struct Danger {
    /// The form's `intent`.
    pub intent: &'static str,
    pub title: String,
    pub text: String,
    pub confirm: String,
    pub button: String,
    /// Open, with what went wrong.
    pub error: Option<String>,
}

impl Danger {
    pub fn view(self, visit: &Visit) -> impl IntoView + use<> {
        self.to(visit, None)
    }

    /// The same from a page whose own address takes something else.
    pub fn to(self, visit: &Visit, action: Option<String>) -> impl IntoView + use<> {
        let id = format!("{}-confirm", self.intent);
        let is_bad = self.error.is_some();
        view! {
            <details class="fold" open=is_bad.then_some("")>
                <summary>{icon(Icon::Stop)}<span>{self.title}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post" action=action>
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value=self.intent/>
                    <p>{self.text}</p>
                    {field_error(&id, self.error)}
                    <div class="pick">
                        <input
                            type="checkbox"
                            id=id.clone()
                            name="confirm"
                            value="yes"
                            required
                            aria-invalid=is_bad.then_some("true")
                            aria-describedby=is_bad.then(|| format!("{id}-e"))
                        />
                        <label for=id.clone()>{self.confirm}</label>
                    </div>
                    <button class="btn bad">{self.button}</button>
                </form>
            </details>
        }
    }
}

/// What stands in the way: posts where somebody waits whom nobody would answer, each with the way to where that can be put right.
pub fn open_waits(visit: &Visit, orphans: &[Orphan]) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let lines: Vec<_> = orphans
        .iter()
        .map(|o| {
            let due = when::moment(l, &calendar.local(o.due_at), &calendar.local(visit.now));
            let href = format!("/admin/posts/{}#hand-over", o.post_id);
            let name = format!("{} {}", o.unit_name, o.title);
            view! { <li><a href=href>{t!(l, people.open_wait, post = name, count = o.waiting, due = due)}</a></li> }
        })
        .collect();
    (!lines.is_empty()).then(|| {
        view! {
            <div class="sum" role="alert" tabindex="-1">
                <h2>{t!(l, people.open_waits)}</h2>
                <ul>{lines}</ul>
                <p>{t!(l, people.open_waits_text)}</p>
            </div>
        }
    })
}

/// What was typed has been kept.
pub fn saved(l: Language, is: bool) -> Option<impl IntoView + use<>> {
    is.then(|| view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{t!(l, admin.saved)}</p></div></div> })
}

/// A query that may say that something has just been kept.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Done {
    #[serde(default)]
    pub saved: Option<String>,
    #[serde(default)]
    pub page: Option<String>,
    #[serde(default)]
    pub month: Option<String>,
}

/// A date by a unit's clock.
pub fn date(visit: &Visit, calendar: &Calendar, at: At) -> impl IntoView + use<> {
    let local = calendar.local(at);
    let text = when::date(visit.language, &local, &calendar.local(visit.now));
    view! { <time datetime=local.date().to_string()>{text}</time> }
}
