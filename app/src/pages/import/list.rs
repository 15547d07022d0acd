//! `/admin/imports`: what was brought in, and what is waiting to be confirmed.

use super::words;
use crate::{
    components::{
        admin::{Paging, Tab, page_number, pager, tabs},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{extract::Query, response::Response};
use domain::{
    import::{self, ImportError},
    row::Import,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::calendar::Calendar;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(paging): Query<Paging>) -> Result<Response, AppError> {
    let l = visit.language;
    let found = match import::list(&visit.app.domain, &admin, page_number(paging.page.as_deref())).await {
        Ok(found) => found,
        Err(ImportError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(AppError::NotFound),
    };
    let body = if found.lines.is_empty() {
        view! {
            <div class="empty">
                {art(&HOUSES)}
                <h2>{t!(l, import.none)}</h2>
                <p>{t!(l, import.none_text)}</p>
                <p><a class="btn" href="/admin/imports/template/roster.xlsx" download="">{icon(Icon::Print)}{t!(l, import.template_roster)}</a></p>
            </div>
        }
        .into_any()
    } else {
        let rows: Vec<_> = found.lines.iter().map(|line| row(&visit, line)).collect();
        view! {
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, import.file)}</th>
                        <th scope="col">{t!(l, import.into)}</th>
                        <th scope="col">{t!(l, import.state)}</th>
                        <th scope="col">{t!(l, import.changes)}</th>
                        <th scope="col">{t!(l, import.when)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            {pager(l, "/admin/imports?page=", found.page, found.has_more)}
        }
        .into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{t!(l, import.imports)}</h1><a class="btn" href="/admin/imports/new">{icon(Icon::Plus)}{t!(l, import.new)}</a></div>
            {tabs(l, Tab::Imports)}
            {body}
        </main>
    };
    Ok(Page::new(&visit, t!(l, import.imports)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn row(visit: &Visit, line: &Import) -> impl IntoView + use<> {
    let l = visit.language;
    let who = line.staff_name.clone().unwrap_or_else(|| t!(l, import.command_line));
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/imports/{}", line.id)>{line.file_name.clone()}</a></th>
            <td data-l=t!(l, import.into)>{line.unit_name.clone()}</td>
            <td data-l=t!(l, import.state)>{words::state(visit, line)}</td>
            <td data-l=t!(l, import.changes)>{words::short_summary(l, line)}</td>
            <td data-l=t!(l, import.when)><span>{moment(visit, line.created_at)}<small>{who}</small></span></td>
        </tr>
    }
}

/// A moment as people say it, by the country's clock.
pub fn moment(visit: &Visit, at: model::At) -> impl IntoView + use<> {
    let calendar = Calendar::standard();
    let local = calendar.local(at);
    let text = when::moment(visit.language, &local, &calendar.local(visit.now));
    view! { <time datetime=at.timestamp().to_string()>{text}</time> }
}
