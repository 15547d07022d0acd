//! `/admin/grants`: who may do what in the admin's units, from when until when, and what waits for a second admin.

use crate::{
    components::{
        admin::{Tab, date, kind_name, page_number, pager, saved, tabs},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    form::Posted,
    pages::staff::role_name,
    routes::encode,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    grant::{self, GrantError, Waiting},
    row::GrantRow,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, GrantId, Language, Role, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    role: String,
    page: Option<String>,
    saved: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Decision {
    intent: String,
    grant: String,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    page(&visit, &admin, asked, None).await
}

/// Confirms or refuses what waits, or takes a grant back.
pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Posted(decision): Posted<Decision>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let id: GrantId = decision.grant.parse().map_err(|_| AppError::NotFound)?;
    let done = match decision.intent.as_str() {
        "confirm" => grant::confirm(domain, &admin, id).await,
        "refuse" => grant::refuse(domain, &admin, id).await,
        "take" => grant::take(domain, &admin, id).await,
        _ => return Err(AppError::NotFound),
    };
    match done {
        Ok(_) => Ok(Redirect::to("/admin/grants?saved=1").into_response()),
        Err(e) => {
            let error = mistake(visit.language, e)?;
            page(&visit, &admin, Asked::default(), Some(error)).await
        }
    }
}

/// Why a grant was not given, confirmed or taken, where a person can do something about it.
pub fn mistake(l: Language, e: GrantError) -> Result<String, AppError> {
    Ok(match e {
        GrantError::Own => t!(l, people.grant_own),
        GrantError::Already => t!(l, people.grant_already),
        GrantError::Beyond => t!(l, people.grant_beyond),
        GrantError::Last => t!(l, people.last_admin),
        GrantError::Lapsed => t!(l, people.grant_lapsed),
        GrantError::Invalid(_) | GrantError::NotFound => return Err(AppError::NotFound),
        GrantError::Store(e) => return Err(e.into()),
    })
}

async fn page(visit: &Visit, admin: &Admin, asked: Asked, error: Option<String>) -> Result<Response, AppError> {
    let l = visit.language;
    let page = page_number(asked.page.as_deref());
    let typed = asked.q.trim().to_owned();
    let list = grant::list(&visit.app.domain, admin, asked.role.parse().ok(), &typed, page).await?;
    let base = format!("/admin/grants?q={}&role={}&page=", encode(&typed), encode(&asked.role));
    let (number, has_more) = (list.grants.page, list.grants.has_more);
    let body = if list.grants.lines.is_empty() {
        let back = view! { <p><a href="/admin/grants">{t!(l, people.all_grants)}</a></p> };
        view! { <div class="empty">{art(&HOUSES)}<h2>{t!(l, people.no_grant_found)}</h2>{back}</div> }.into_any()
    } else {
        let rows = list.grants.lines.iter().map(|grant| row(visit, admin, grant).into_any()).collect();
        view! { {table(l, rows)}{pager(l, &base, number, has_more)} }.into_any()
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let error = error.map(|text| view! { <div class="sum" role="alert" tabindex="-1"><h2>{text}</h2></div> });
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{t!(l, people.grants)}</h1></div>
            {tabs(l, Tab::Grants)}
            {saved(l, asked.saved.is_some())}
            {error}
            {waiting(visit, &list.waiting, "/admin/grants")}
            <form class="find task" role="search" action="/admin/grants">
                <label class="sr" for="q">{t!(l, people.find_grant)}</label>
                <input class="in" id="q" name="q" type="search" placeholder=t!(l, people.find_grant) value=typed.clone()/>
                <input type="hidden" name="role" value=asked.role.clone()/>
                <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
            </form>
            {roles(l, &typed, &asked.role)}
            {body}
            <p class="soft">{t!(l, people.grants_text)}</p>
        </main>
    };
    Ok(Page::new(visit, t!(l, people.grants)).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// One role at a time, or all.
fn roles(l: Language, typed: &str, here: &str) -> impl IntoView + use<> {
    let link = |role: &str, name: String| {
        let href = format!("/admin/grants?q={}&role={role}", encode(typed));
        view! { <a href=href aria-current=(role == here).then_some("page")>{name}</a> }
    };
    let each: Vec<_> = Role::ALL.iter().map(|role| link(role.as_str(), role_name(l, *role))).collect();
    view! { <nav class="tabs" aria-label=t!(l, people.role)>{link("", t!(l, people.any_role))}{each}</nav> }
}

fn table(l: Language, rows: Vec<AnyView>) -> impl IntoView + use<> {
    view! {
        <table class="tab">
            <caption>{t!(l, people.grants_caption)}</caption>
            <thead>
                <tr>
                    <th scope="col">{t!(l, admin.person)}</th>
                    <th scope="col">{t!(l, people.role)}</th>
                    <th scope="col">{t!(l, people.unit)}</th>
                    <th scope="col">{t!(l, people.time)}</th>
                    <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn row(visit: &Visit, admin: &Admin, grant: &GrantRow) -> impl IntoView + use<> {
    let l = visit.language;
    let take = if grant.staff_id == admin.staff.id {
        view! { <span class="soft">{t!(l, people.your_own)}</span> }.into_any()
    } else {
        view! {
            <form method="post" action="/admin/grants">
                {visit.csrf_field()}
                <input type="hidden" name="grant" value=grant.id.to_string()/>
                <button class="btn text" name="intent" value="take">{t!(l, admin.grant_take)}</button>
            </form>
        }
        .into_any()
    };
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/staff/{}", grant.staff_id)>{grant.staff_name.clone()}</a><small>{grant.email.clone()}</small></th>
            <td data-l=t!(l, people.role)>{role_name(l, grant.role)}</td>
            <td data-l=t!(l, people.unit)><span>{grant.unit_name.clone()}<small>{kind_name(l, grant.kind)}</small></span></td>
            <td data-l=t!(l, people.time)>{span(visit, grant.from_at, grant.until_at)}</td>
            <td class="act">{take}</td>
        </tr>
    }
}

/// From when until when; what has not begun yet says so.
pub fn span(visit: &Visit, from: At, until: Option<At>) -> impl IntoView + use<> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let later = (from > visit.now).then(|| view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, people.begins_later)}</span>" " });
    let until = until.map(|at| view! { " – "{date(visit, &calendar, at.plus_seconds(-1))} });
    let since = until.is_none().then(|| t!(l, admin.since_after));
    view! { <span>{later}{date(visit, &calendar, from)}{since}{until}</span> }
}

/// Grants that wait for a second admin, each with who has to say something.
pub fn waiting(visit: &Visit, waiting: &[Waiting], action: &str) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let said = |at: At| when::moment(l, &calendar.local(at), &calendar.local(visit.now));
    let line = |w: &Waiting| {
        let p = &w.proposal;
        let what = t!(l, people.proposed, name = p.staff_name.clone(), role = role_name(l, p.role), unit = p.unit_name.clone());
        let by = t!(l, people.proposed_by, name = p.proposed_by_name.clone(), when = said(p.expires_at));
        let whose = match (w.is_mine, w.is_about_me, w.others.is_empty()) {
            (true, ..) => None,
            (_, true, _) => Some(t!(l, people.about_you)),
            (_, _, true) => Some(t!(l, people.nobody_confirms)),
            _ => Some(t!(l, people.who_confirms, names = w.others.join(&t!(l, inbox.names_and)))),
        };
        let whose = whose.map(|text| view! { <p class="soft">{text}</p> });
        let confirm = w.is_mine.then(|| view! { <button class="btn" name="intent" value="confirm">{icon(Icon::Tick)}{t!(l, people.confirm)}</button> });
        let refuse = if w.is_mine { t!(l, people.refuse) } else { t!(l, people.withdraw) };
        let refuse = (!w.is_about_me).then(|| view! { <button class="btn alt" name="intent" value="refuse">{refuse}</button> });
        view! {
            <div class="banner time">
                {icon(Icon::Key)}
                <div>
                    <p><b>{what}</b>" "{span(visit, p.from_at, p.until_at)}</p>
                    <p class="soft">{by}</p>
                    {whose}
                    <form class="acts" method="post" action=action.to_owned()>
                        {visit.csrf_field()}
                        <input type="hidden" name="grant" value=p.id.to_string()/>
                        {confirm}{refuse}
                    </form>
                </div>
            </div>
        }
    };
    let lines: Vec<_> = waiting.iter().map(line).collect();
    (!lines.is_empty()).then(|| view! { <section aria-labelledby="waiting-t"><h2 id="waiting-t">{t!(l, people.to_confirm)}</h2>{lines}</section> })
}
