//! `/admin/units`: the tree with one way open, a search, and lists of units that lack something. `/admin/units/below` and `/admin/units/found` are the
//! parts of it that `tree.js` asks for.

use crate::{
    components::{
        admin::{Tab, crumb_links, kind_name, page_number, pager, tabs, unit_id},
        art::{HOUSES, art},
        icon::{Icon, icon},
        tree::{bar, legend, level, tree},
    },
    error::AppError,
    routes::encode,
    shell::{Page, render},
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Query,
    response::{Html, IntoResponse, Response},
};
use domain::unit::{
    self, Lack,
    tree::{Found, Tree},
};
use i18n::{number, t};
use leptos::prelude::*;
use model::Language;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    open: Option<String>,
    page: Option<String>,
    q: String,
    lack: String,
    unit: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let l = visit.language;
    let page = page_number(asked.page.as_deref());
    let typed = asked.q.trim().to_owned();
    let lack = match asked.lack.as_str() {
        "post" => Some((Lack::Post, t!(l, admin.lack_post))),
        "holder" => Some((Lack::Holder, t!(l, admin.lack_holder))),
        "point" => Some((Lack::Point, t!(l, admin.lack_point))),
        _ => None,
    };
    let body = if !typed.is_empty() {
        let found = unit::tree::search(domain, &admin, &typed, page).await?;
        view! { <div id="found">{searched(l, &typed, found)}{back(l)}</div> }.into_any()
    } else if let Some((lack, title)) = lack {
        let found = unit::tree::lacking(domain, &admin, lack, page).await?;
        let base = format!("/admin/units?lack={}&page=", encode(&asked.lack));
        view! { <div id="found">{list(l, title, t!(l, admin.no_such_unit), found, &base)}{back(l)}</div> }.into_any()
    } else {
        whole(l, unit::tree::open(domain, &admin, unit_id(asked.open.as_deref()), page).await?)
    };
    let top = admin.units.first().map(|u| format!("/admin/units/new?parent={u}")).unwrap_or_default();
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{t!(l, admin.units)}</h1><a class="btn" href=top>{icon(Icon::Plus)}{t!(l, admin.add_unit)}</a></div>
            {tabs(l, Tab::Units)}
            <form class="find task" role="search" action="/admin/units">
                <label class="sr" for="q">{t!(l, tree.find)}</label>
                <input class="in" id="q" name="q" type="search" placeholder=t!(l, tree.find) value=typed autocomplete="off"/>
                <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
            </form>
            <p class="sr" id="told" role="status" data-failed=t!(l, tree.failed)></p>
            {body}
            <script nonce=visit.nonce.as_inner().to_string() inner_html=include_str!("tree.js")></script>
        </main>
    };
    Ok(Page::new(&visit, t!(l, admin.units)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// What `tree.js` puts under a unit that is opened.
pub async fn below(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let unit = unit_id(asked.unit.as_deref()).ok_or(AppError::NotFound)?;
    let page = page_number(asked.page.as_deref());
    let shown = unit::tree::below(&visit.app.domain, &admin, unit, page).await?.ok_or(AppError::NotFound)?;
    Ok(Html(render(&visit, || level(visit.language, unit, shown))).into_response())
}

/// What `tree.js` shows while something is typed.
pub async fn found(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let found = unit::tree::search(&visit.app.domain, &admin, &asked.q, page_number(asked.page.as_deref())).await?;
    Ok(Html(render(&visit, || searched(visit.language, asked.q.trim(), found))).into_response())
}

/// The tree itself, with the way to what is open.
fn whole(l: Language, open: Tree) -> AnyView {
    let c = open.coverage;
    let way = (open.above.len() > 1)
        .then(|| crumb_links(l, open.above.iter().map(|(id, name)| (format!("/admin/units?open={id}"), name.clone())).collect()).into_any());
    let sum = (c.leaves > 0)
        .then(|| view! { <p class="sum-up">{bar(l, c)}<span>{t!(l, tree.of_ready, ready = number(c.ready), leaves = number(c.leaves))}</span></p> });
    view! {
        <div id="found" hidden></div>
        <div id="whole">
            {sum}
            {legend(l)}
            {way}
            {tree(l, open.nodes)}
            <p class="soft hint" id="keys" hidden>{t!(l, tree.keys)}</p>
        </div>
    }
    .into_any()
}

fn back(l: Language) -> impl IntoView + use<> {
    view! { <p><a href="/admin/units">{t!(l, admin.whole_tree)}</a></p> }
}

fn searched(l: Language, typed: &str, found: unit::Page<Found>) -> AnyView {
    let base = format!("/admin/units?q={}&page=", encode(typed));
    // Up to the end of this page.
    let count = unit::PAGE.saturating_mul(found.page) + found.lines.len() as i64;
    let title = if found.has_more { t!(l, tree.found_many, count = number(count)) } else { t!(l, tree.found_count, count = number(count)) };
    list(l, title, t!(l, tree.nothing, q = typed.to_owned()), found, &base)
}

/// Units with the way to them.
fn list(l: Language, title: String, nothing: String, found: unit::Page<Found>, base: &str) -> AnyView {
    if found.lines.is_empty() {
        return view! { <div class="empty">{art(&HOUSES)}<h2>{title}</h2><p>{nothing}</p></div> }.into_any();
    }
    let lines: Vec<_> = found
        .lines
        .into_iter()
        .map(|line| {
            let above = line.above.join(" › ");
            let code = line.branch.code.clone().map(|code| view! { " "<span class="soft num">{code}</span> });
            let drawn = (line.branch.coverage.leaves > 0).then(|| bar(l, line.branch.coverage));
            view! {
                <li>
                    <a href=format!("/admin/units/{}", line.branch.id)>
                        {icon(Icon::Unit)}
                        <span>
                            <b>{line.branch.name.clone()}</b>" "<small class="soft">{kind_name(l, line.branch.kind)}</small>{code}
                            <br/>
                            <small class="soft">{above}</small>
                        </span>
                        {drawn}
                        {icon(Icon::Turn)}
                    </a>
                </li>
            }
        })
        .collect();
    view! { <h2>{title}</h2><ul class="links">{lines}</ul>{pager(l, base, found.page, found.has_more)} }.into_any()
}
