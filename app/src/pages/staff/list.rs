//! `/admin/staff`: everybody in the admin's units, by name, or those who have not taken up their invitation.

use crate::{
    components::{
        admin::{Tab, page_number, pager, tabs},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    pages::unit::named,
    routes::encode,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{extract::Query, response::Response};
use domain::{
    row::{GrantLine, Term},
    staff::{self, Line},
    unit::Page as Rows,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{Language, Role, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    show: String,
    page: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let l = visit.language;
    let page = page_number(asked.page.as_deref());
    let typed = asked.q.trim().to_owned();
    let is_invited = asked.show == "invited";
    let rows = if is_invited { staff::invited(domain, &admin, page).await? } else { staff::search(domain, &admin, &typed, page).await? };
    let base = if is_invited { "/admin/staff?show=invited&page=".to_owned() } else { format!("/admin/staff?q={}&page=", encode(&typed)) };
    let caption = match (is_invited, typed.is_empty()) {
        (true, _) => t!(l, admin.staff_invited),
        (false, true) => t!(l, admin.staff_by_name),
        (false, false) => t!(l, admin.staff_found, q = typed.clone()),
    };
    // The admin is one of them: with no one else the page says what to do first.
    let is_alone = !is_invited && typed.is_empty() && page == 0 && rows.lines.len() <= 1;
    let body = if rows.lines.is_empty() {
        view! { <div class="empty">{art(&HOUSES)}<h2>{caption}</h2><p>{t!(l, admin.nobody_found)}</p><p><a href="/admin/staff">{t!(l, admin.all_staff)}</a></p></div> }
            .into_any()
    } else {
        view! { {table(&visit, caption, &rows)}{is_alone.then(|| alone(l))}{pager(l, &base, rows.page, rows.has_more)} }.into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{t!(l, admin.staff)}</h1><span class="acts">
                <a class="btn alt" href="/admin/invitations">{t!(l, secure.invitations)}</a>
                <a class="btn" href="/admin/staff/new">{icon(Icon::Mail)}{t!(l, admin.invite)}</a>
            </span></div>
            {tabs(l, Tab::Staff)}
            <form class="find task" role="search" action="/admin/staff">
                <label class="sr" for="q">{t!(l, admin.find_staff)}</label>
                <input class="in" id="q" name="q" type="search" placeholder=t!(l, admin.name_or_email) value=typed/>
                <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
            </form>
            {body}
        </main>
    };
    Ok(Page::new(&visit, t!(l, admin.staff)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn alone(l: Language) -> impl IntoView + use<> {
    view! {
        <div class="empty">
            {art(&HOUSES)}<h2>{t!(l, admin.nobody_else)}</h2><p>{t!(l, admin.nobody_else_text)}</p>
            <p><a class="btn" href="/admin/staff/new">{icon(Icon::Mail)}{t!(l, admin.invite)}</a></p>
        </div>
    }
}

fn table(visit: &Visit, caption: String, rows: &Rows<Line>) -> impl IntoView + use<> {
    let l = visit.language;
    let lines: Vec<_> = rows.lines.iter().map(|line| row(visit, line)).collect();
    view! {
        <table class="tab">
            <caption>{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">{t!(l, admin.person)}</th>
                    <th scope="col">{t!(l, admin.posts)}</th>
                    <th scope="col">{t!(l, admin.grants)}</th>
                    <th scope="col">{t!(l, admin.state)}</th>
                    <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                </tr>
            </thead>
            <tbody>{lines}</tbody>
        </table>
    }
}

fn row(visit: &Visit, line: &Line) -> impl IntoView + use<> {
    let l = visit.language;
    let href = format!("/admin/staff/{}", line.staff.id);
    let action = if line.staff.activated_at.is_none() { t!(l, admin.invitation) } else { t!(l, admin.edit) };
    view! {
        <tr>
            <th scope="row"><a href=href.clone()>{line.staff.name.clone()}</a><small>{line.staff.email.clone()}</small></th>
            <td data-l=t!(l, admin.posts)>{posts(l, &line.terms)}</td>
            <td data-l=t!(l, admin.grants)>{grants(l, &line.grants)}</td>
            <td data-l=t!(l, admin.state)>{state(visit, line)}</td>
            <td class="act"><a class="btn text" href=href>{action}</a></td>
        </tr>
    }
}

fn posts(l: Language, terms: &[Term]) -> String {
    let names: Vec<String> = terms.iter().map(|t| named(&t.title, Some(&t.unit_name))).collect();
    if names.is_empty() { "—".to_owned() } else { names.join(&t!(l, common.comma)) }
}

fn grants(l: Language, grants: &[GrantLine]) -> String {
    let names: Vec<String> = grants.iter().map(|g| format!("{} · {}", role_name(l, g.role), g.unit_name)).collect();
    if names.is_empty() { "—".to_owned() } else { names.join(&t!(l, common.comma)) }
}

pub fn role_name(l: Language, role: Role) -> String {
    match role {
        Role::Admin => t!(l, admin.role_admin),
        Role::Supervisor => t!(l, admin.role_supervisor),
        Role::Auditor => t!(l, admin.role_auditor),
    }
}

/// On duty, off duty or not yet here.
pub fn state(visit: &Visit, line: &Line) -> AnyView {
    let l = visit.language;
    let now = visit.now;
    if line.staff.activated_at.is_none() {
        let left = line.invitation.as_ref().map(|i| i.expires_at.seconds_since(now)).filter(|seconds| *seconds > 0);
        return match left {
            Some(seconds) => {
                view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, admin.invited_left, time = when::duration(l, seconds))}</span> }.into_any()
            }
            // Brought in with a register: nobody has written to them yet.
            None if line.invitation.is_none() => view! { <span class="tag off">{icon(Icon::Mail)}{t!(l, import.not_invited)}</span> }.into_any(),
            None => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.invitation_over)}</span> }.into_any(),
        };
    }
    if let Some((_, until)) = line.off {
        let calendar = Calendar::standard();
        let until = until.map(|at| when::moment(l, &calendar.local(at), &calendar.local(now)));
        let text = until.map_or_else(|| t!(l, admin.off_duty), |when| t!(l, admin.off_duty_until, when = when));
        return view! { <span class="tag off">{icon(Icon::Rest)}{text}</span> }.into_any();
    }
    view! { <span class="tag">{icon(Icon::Tick)}{t!(l, admin.on_duty)}</span> }.into_any()
}
