//! `/admin/units`: the tree with one way open, a search, and lists of units that lack something.

use crate::{
    components::{
        admin::{Tab, kind_name, page_number, pager, tabs, tree, unit_id},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    routes::encode,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{extract::Query, response::Response};
use domain::unit::{self, Found, Lack};
use i18n::t;
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
        let found = unit::search(domain, &admin, &typed, page).await?;
        let base = format!("/admin/units?q={}&page=", encode(&typed));
        list(l, t!(l, admin.found_units, q = typed.clone()), found, &base)
    } else if let Some((lack, title)) = lack {
        let found = unit::lacking(domain, &admin, lack, page).await?;
        let base = format!("/admin/units?lack={}&page=", encode(&asked.lack));
        list(l, title, found, &base)
    } else {
        let open = unit::tree(domain, &admin, unit_id(asked.open.as_deref()), page).await?;
        let base = open.open.map_or("/admin/units?page=".to_owned(), |id| format!("/admin/units?open={id}&page="));
        let (page, has_more) = (open.page, open.has_more);
        view! { <p class="soft">{t!(l, admin.tree_hint)}</p>{tree(l, open.nodes)}{pager(l, &base, page, has_more)} }.into_any()
    };
    let top = admin.units.first().map(|u| format!("/admin/units/new?parent={u}")).unwrap_or_default();
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{t!(l, admin.units)}</h1><a class="btn" href=top>{icon(Icon::Plus)}{t!(l, admin.add_unit)}</a></div>
            {tabs(l, Tab::Units)}
            <form class="find task" role="search" action="/admin/units">
                <label class="sr" for="q">{t!(l, admin.find_unit)}</label>
                <input class="in" id="q" name="q" type="search" placeholder=t!(l, admin.find_unit) value=typed/>
                <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
            </form>
            {body}
        </main>
    };
    Ok(Page::new(&visit, t!(l, admin.units)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// Units with the way to them.
fn list(l: Language, title: String, found: unit::Page<Found>, base: &str) -> AnyView {
    let back = view! { <p><a href="/admin/units">{t!(l, admin.whole_tree)}</a></p> };
    if found.lines.is_empty() {
        return view! { <div class="empty">{art(&HOUSES)}<h2>{title}</h2><p>{t!(l, admin.no_such_unit)}</p>{back}</div> }.into_any();
    }
    let lines: Vec<_> = found
        .lines
        .into_iter()
        .map(|line| {
            let above = line.above.join(" › ");
            let code = line.branch.code.clone().map(|code| view! { " "<span class="soft num">{code}</span> });
            view! {
                <li>
                    <a href=format!("/admin/units/{}", line.branch.id)>
                        {icon(Icon::Unit)}
                        <span>
                            <b>{line.branch.name.clone()}</b>" "<small class="soft">{kind_name(l, line.branch.kind)}</small>{code}
                            <br/>
                            <small class="soft">{above}</small>
                        </span>
                        {icon(Icon::Turn)}
                    </a>
                </li>
            }
        })
        .collect();
    view! { <h2>{title}</h2><ul class="links">{lines}</ul>{pager(l, base, found.page, found.has_more)}{back} }.into_any()
}
