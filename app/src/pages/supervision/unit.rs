//! `/supervision/units/{id}`: who answers at a unit, who waits there, and the units below it.

use crate::{
    components::{
        admin::{Done, crumb_links, kind_name, page_number, pager},
        icon::{Icon, icon},
    },
    error::AppError,
    pages::unit::named,
    shell::Page,
    visit::{AsSupervisor, Visit},
};
use axum::{
    extract::{Path, Query},
    response::Response,
};
use domain::{
    row::{Branch, Line, Unit},
    supervision::{self, UnitView, Waiting},
};
use i18n::t;
use leptos::prelude::*;
use model::{Language, UnitId};
use std::collections::HashMap;

pub async fn show(visit: Visit, AsSupervisor(supervisor): AsSupervisor, Path(id): Path<UnitId>, Query(asked): Query<Done>) -> Result<Response, AppError> {
    let l = visit.language;
    let view = supervision::unit(&visit.app.domain, &supervisor, id, page_number(asked.page.as_deref())).await?.ok_or(AppError::NotFound)?;
    let name = view.unit.name.clone();
    let base = format!("/supervision/units/{id}?page=");
    let below = (!view.below.lines.is_empty()).then(|| {
        view! {
            <section>
                <h2>{t!(l, admin.units_below)}</h2>
                {branches(l, &view.below.lines, &view.waiting)}
                {pager(l, &base, view.below.page, view.below.has_more)}
            </section>
        }
    });
    let main = view! {
        <main id="main" class="wide">
            {way(l, &view.above)}
            <div class="head"><h1>{name.clone()}</h1>{staffing(&view.branch)}</div>
            {posts(l, &view)}
            {below}
        </main>
    };
    Ok(Page::new(&visit, name).body_class("at-desk").for_staff(&supervisor.staff).await?.render(main))
}

/// The way from the top of what is the supervisor's.
pub fn way(l: Language, above: &[Unit]) -> impl IntoView + use<> {
    let mut links = vec![("/supervision".to_owned(), t!(l, people.supervision))];
    links.extend(above.iter().map(|u| (format!("/supervision/units/{}", u.id), u.name.clone())));
    crumb_links(l, links)
}

fn staffing(branch: &Branch) -> Option<impl IntoView + use<>> {
    (branch.coverage.leaves > 0).then(|| {
        view! {
            <span class="num">
                <progress max=branch.coverage.leaves.to_string() value=branch.coverage.held.to_string() aria-hidden="true"></progress>
                {format!(" {} / {}", branch.coverage.held, branch.coverage.leaves)}
            </span>
        }
    })
}

/// Units in a table: how many of their grids and classes are staffed, or who answers there, and who waits below.
pub fn branches(l: Language, branches: &[Branch], waiting: &HashMap<UnitId, Waiting>) -> impl IntoView + use<> {
    let rows: Vec<_> = branches.iter().map(|branch| branch_row(l, branch, waiting.get(&branch.id).copied())).collect();
    view! {
        <table class="tab">
            <thead>
                <tr>
                    <th scope="col">{t!(l, people.unit)}</th>
                    <th scope="col">{t!(l, people.staffed)}</th>
                    <th scope="col">{t!(l, admin.waiting_now)}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn branch_row(l: Language, branch: &Branch, waiting: Option<Waiting>) -> impl IntoView + use<> {
    let staffed = match &branch.holder {
        Some(name) if branch.children == 0 => name.clone().into_any(),
        _ if branch.coverage.leaves == 0 => "—".into_any(),
        None if branch.children == 0 => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.nobody)}</span> }.into_any(),
        _ => view! {
            <span class="num">
                <progress max=branch.coverage.leaves.to_string() value=branch.coverage.held.to_string() aria-hidden="true"></progress>
                {format!(" {} / {}", branch.coverage.held, branch.coverage.leaves)}
            </span>
        }
        .into_any(),
    };
    let late = waiting.filter(|w| w.late > 0).map(|w| view! { " "<span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.late, count = w.late)}</span> });
    let count = waiting.map_or(0, |w| w.waiting);
    view! {
        <tr>
            <th scope="row"><a href=format!("/supervision/units/{}", branch.id)>{branch.name.clone()}</a><small>{kind_name(l, branch.kind)}</small></th>
            <td data-l=t!(l, people.staffed)>{staffed}</td>
            <td data-l=t!(l, admin.waiting_now)><span class="num">{count}{late}</span></td>
        </tr>
    }
}

fn posts(l: Language, view: &UnitView) -> AnyView {
    if view.posts.is_empty() {
        return view! { <section><h2>{t!(l, admin.posts)}</h2><p>{t!(l, people.no_posts)}</p></section> }.into_any();
    }
    let rows: Vec<_> = view.posts.iter().map(|post| row(l, post, view.late.get(&post.id).copied().unwrap_or_default())).collect();
    view! {
        <section>
            <h2>{t!(l, admin.posts)}</h2>
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, admin.post)}</th>
                        <th scope="col">{t!(l, admin.holder)}</th>
                        <th scope="col">{t!(l, people.answers_now)}</th>
                        <th scope="col">{t!(l, admin.waiting_now)}</th>
                        <th scope="col">{t!(l, admin.contact_points)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
    .into_any()
}

fn row(l: Language, post: &Line, late: i64) -> impl IntoView + use<> {
    let holder = match &post.holder {
        Some(name) if post.holders > 1 => t!(l, admin.and_others, name = name.clone(), count = post.holders - 1).into_any(),
        Some(name) => name.clone().into_any(),
        None => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.vacant)}</span> }.into_any(),
    };
    let answers = match (&post.answering_title, &post.holder) {
        (Some(title), _) => named(title, post.answering_unit.as_deref()),
        (None, Some(name)) => name.clone(),
        (None, None) => t!(l, admin.nobody),
    };
    let late = (late > 0).then(|| view! { " "<span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.late, count = late)}</span> });
    view! {
        <tr>
            <th scope="row"><a href=format!("/supervision/posts/{}", post.id)>{post.title.clone()}</a></th>
            <td data-l=t!(l, admin.holder)>{holder}</td>
            <td data-l=t!(l, people.answers_now)>{answers}</td>
            <td data-l=t!(l, admin.waiting_now)><span class="num">{post.waiting}{late}</span></td>
            <td data-l=t!(l, admin.contact_points)><span class="num">{post.points}</span></td>
        </tr>
    }
}
