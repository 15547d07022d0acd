//! `/admin/contact-points`: how the stickers are, all of them or one kind, for a unit or for everything that is the admin's.

use crate::{
    components::{
        admin::{Tab, crumbs, page_number, pager, tabs, unit_id},
        art::{STICKER, art},
        icon::{Icon, icon},
        sparkline::sparkline,
    },
    error::AppError,
    pages::unit::named,
    routes::encode,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{extract::Query, response::Response};
use domain::{
    sticker::{self, Counts, Health, Line, List},
    unit,
};
use i18n::{number, t};
use leptos::prelude::*;
use model::{Language, UnitId};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    unit: Option<String>,
    state: String,
    q: String,
    page: Option<String>,
}

/// Each kind by its word in the address.
const KINDS: [(&str, Health); 7] = [
    ("", Health::InUse),
    ("reported", Health::Reported),
    ("busy", Health::Busy),
    ("unscanned", Health::Unscanned),
    ("silent", Health::Silent),
    ("haunted", Health::Haunted),
    ("revoked", Health::Revoked),
];

fn count(counts: &Counts, health: Health) -> i64 {
    match health {
        Health::InUse => counts.in_use,
        Health::Unscanned => counts.unscanned,
        Health::Silent => counts.silent,
        Health::Busy => counts.busy,
        Health::Reported => counts.reported,
        Health::Haunted => counts.haunted,
        Health::Revoked => counts.revoked,
    }
}

fn name(l: Language, health: Health) -> String {
    match health {
        Health::InUse => t!(l, codes.in_use),
        Health::Unscanned => t!(l, codes.unscanned),
        Health::Silent => t!(l, codes.silent),
        Health::Busy => t!(l, codes.busy),
        Health::Reported => t!(l, codes.reported),
        Health::Haunted => t!(l, codes.haunted),
        Health::Revoked => t!(l, codes.revoked),
    }
}

fn about(l: Language, health: Health) -> String {
    match health {
        Health::InUse => t!(l, codes.about_in_use),
        Health::Unscanned => t!(l, codes.about_unscanned),
        Health::Silent => t!(l, codes.about_silent),
        Health::Busy => t!(l, codes.about_busy),
        Health::Reported => t!(l, codes.about_reported),
        Health::Haunted => t!(l, codes.about_haunted),
        Health::Revoked => t!(l, codes.about_revoked),
    }
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let l = visit.language;
    let asked_unit = unit_id(asked.unit.as_deref());
    let (word, health) = KINDS.into_iter().find(|(word, _)| *word == asked.state).unwrap_or(KINDS[0]);
    let typed = asked.q.trim().to_owned();
    let page = page_number(asked.page.as_deref());
    let list = sticker::list(&visit.app.domain, &admin, asked_unit, health, &typed, page).await?.ok_or(AppError::NotFound)?;
    let way = list.unit.as_ref().map(|(unit, above)| {
        let mut all = above.clone();
        all.push(unit.clone());
        crumbs(l, &all)
    });
    let whose = list.unit.as_ref().map_or_else(|| t!(l, codes.all_units), |(unit, _)| t!(l, codes.of_unit, name = unit.name.clone()));
    let print = match &list.unit {
        Some((unit, _)) => Some(unit.id),
        // Codes are made for one unit and what is below it.
        None => {
            if let [only] = unit::tops(&visit.app.domain, &admin).await?.as_slice() {
                Some(only.id)
            } else {
                None
            }
        }
    };
    let print = print.map(|id| view! { <a class="btn" href=format!("/admin/units/{id}/codes")>{icon(Icon::Print)}{t!(l, codes.make_and_print)}</a> });
    let has_none = list.counts.in_use + list.counts.revoked == 0;
    let body = if has_none {
        view! { <div class="empty">{art(&STICKER)}<h2>{t!(l, codes.none_at_all)}</h2><p>{t!(l, codes.none_at_all_text)}</p></div> }.into_any()
    } else {
        let base = format!("{}&page=", address(asked_unit, word, &typed));
        let pager = pager(l, &base, list.lines.page, list.lines.has_more);
        view! { {kinds(l, asked_unit, &typed, health, &list.counts)}<p class="soft">{about(l, health)}</p>{find(l, asked_unit, word, typed.clone())}{table(l, health, &typed, &list)}{pager} }
            .into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            {way}
            <div class="head"><h1>{t!(l, codes.h1)}" "<small class="soft">{whose}</small></h1><div class="acts">{print}</div></div>
            {list.unit.is_none().then(|| tabs(l, Tab::Stickers))}
            {body}
        </main>
    };
    Ok(Page::new(&visit, t!(l, codes.h1)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn address(unit: Option<UnitId>, word: &str, typed: &str) -> String {
    let unit = unit.map(|id| format!("&unit={id}")).unwrap_or_default();
    format!("/admin/contact-points?state={word}&q={}{unit}", encode(typed))
}

fn kinds(l: Language, unit: Option<UnitId>, typed: &str, here: Health, counts: &Counts) -> impl IntoView + use<> {
    let links: Vec<_> = KINDS
        .into_iter()
        .map(|(word, health)| {
            let count = count(counts, health);
            let is_bad = count > 0 && matches!(health, Health::Reported | Health::Busy | Health::Haunted);
            view! {
                <a href=address(unit, word, typed) aria-current=(health == here).then_some("page")>
                    {is_bad.then(|| icon(Icon::Alert))}{name(l, health)}" "<span class="num">{number(count)}</span>
                </a>
            }
        })
        .collect();
    view! { <nav class="tabs counted" aria-label=t!(l, codes.state)>{links}</nav> }
}

fn find(l: Language, unit: Option<UnitId>, word: &'static str, typed: String) -> impl IntoView + use<> {
    let unit = unit.map(|id| view! { <input type="hidden" name="unit" value=id.to_string()/> });
    view! {
        <form class="find task" role="search" action="/admin/contact-points">
            {unit}
            <input type="hidden" name="state" value=word/>
            <label class="sr" for="q">{t!(l, codes.find)}</label>
            <input class="in" id="q" name="q" type="search" placeholder=t!(l, codes.find) value=typed/>
            <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
        </form>
    }
}

fn table(l: Language, health: Health, typed: &str, list: &List) -> AnyView {
    if list.lines.lines.is_empty() {
        let is_good = typed.is_empty() && !matches!(health, Health::InUse | Health::Revoked);
        let text = if is_good { t!(l, codes.none_good) } else { t!(l, codes.none) };
        return view! { <div class="empty">{is_good.then(|| icon(Icon::Check))}<p>{text}</p></div> }.into_any();
    }
    let rows: Vec<_> = list.lines.lines.iter().map(|line| row(l, line)).collect();
    view! {
        <table class="tab">
            <caption class="sr">{name(l, health)}</caption>
            <thead>
                <tr>
                    <th scope="col">{t!(l, codes.place)}</th>
                    <th scope="col">{t!(l, codes.unit_and_post)}</th>
                    <th scope="col">{t!(l, codes.scans)}</th>
                    <th scope="col">{t!(l, codes.last)}</th>
                    <th scope="col">{t!(l, codes.state)}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(l: Language, line: &Line) -> impl IntoView + use<> {
    let s = &line.sticker;
    let (sum, today) = (line.scans.iter().sum::<i64>(), line.scans.last().copied().unwrap_or(0));
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/contact-points/{}", s.id)>{s.place.clone()}</a><small class="code">{s.code.to_string()}</small></th>
            <td data-l=t!(l, codes.unit_and_post)>{named(&s.title, Some(&s.unit_name))}</td>
            <td data-l=t!(l, codes.scans)>{sparkline(&line.scans, t!(l, codes.scans_of, sum = sum, today = today))}" "<span class="num">{number(sum)}</span></td>
            <td data-l=t!(l, codes.last)>{days_ago(l, line.days_ago)}</td>
            <td data-l=t!(l, codes.state)>{tags(l, line)}</td>
        </tr>
    }
}

fn days_ago(l: Language, days: Option<i64>) -> String {
    match days {
        None => t!(l, codes.never),
        Some(..=0) => t!(l, codes.today),
        Some(1) => t!(l, codes.yesterday),
        Some(days) => t!(l, codes.days_ago, count = days),
    }
}

/// How it is, each with its picture.
fn tags(l: Language, line: &Line) -> AnyView {
    let s = &line.sticker;
    let mut tags: Vec<AnyView> = Vec::new();
    let mut tag = |class: &'static str, glyph: Icon, text: String| tags.push(view! { <span class=class>{icon(glyph)}{text}</span>" " }.into_any());
    match s.reports {
        0 => {}
        1 => tag("tag bad", Icon::Alert, t!(l, codes.one_report)),
        count => tag("tag bad", Icon::Alert, t!(l, codes.reports, count = count)),
    }
    if s.revoked_at.is_some() {
        tag("tag off", Icon::Stop, t!(l, codes.revoked));
        if s.refused > 0 {
            tag("tag bad", Icon::Eye, t!(l, codes.refused, count = s.refused));
        }
    } else if s.is_busy > 0 {
        tag("tag bad", Icon::Alert, t!(l, codes.busy));
    } else {
        match line.days_ago {
            None => tag("tag time", Icon::Clock, t!(l, codes.unscanned)),
            Some(days) if days > 30 => tag("tag time", Icon::Clock, t!(l, codes.silent)),
            Some(_) => tag("tag", Icon::Tick, t!(l, codes.in_use)),
        }
    }
    tags.into_any()
}
