//! The tree of units, each with a picture of what is below it. Without JavaScript a unit opens by a link; `tree.js` opens it in its place and makes
//! the list a tree for keyboards and screen readers.

use super::{
    admin::kind_name,
    icon::{Icon, icon},
};
use domain::unit::tree::{Branch, Coverage, Level, Node};
use i18n::{number, t};
use leptos::prelude::*;
use model::{Language, UnitId};

/// The open part of the tree.
pub fn tree(l: Language, nodes: Vec<Node>) -> AnyView {
    view! {
        <ul class="tree" id="tree" data-label=t!(l, tree.tree) data-loading=t!(l, tree.loading) data-failed=t!(l, tree.failed)>{items(l, nodes)}</ul>
    }
    .into_any()
}

/// One page of what is below a unit.
pub fn level(l: Language, unit: UnitId, level: Level) -> AnyView {
    let page = |page: i64| format!("/admin/units?open={unit}&page={page}");
    let earlier = (level.page > 0).then(|| view! { <li class="more"><a href=page(level.page - 1)>{t!(l, admin.earlier)}</a></li> });
    let next = level.page + 1;
    let more = level.has_more.then(|| {
        view! { <li class="more"><a href=page(next) data-below=format!("/admin/units/below?unit={unit}&page={next}")>{t!(l, tree.more)}</a></li> }
    });
    view! { <ul>{earlier}{items(l, level.nodes)}{more}</ul> }.into_any()
}

fn items(l: Language, nodes: Vec<Node>) -> Vec<AnyView> {
    let item = |node: Node| {
        let line = line(l, &node.branch, node.below.is_some());
        let below = node.below.filter(|below| !below.nodes.is_empty()).map(|below| level(l, node.branch.id, below));
        view! { <li>{line}{below}</li> }.into_any()
    };
    nodes.into_iter().map(item).collect()
}

/// One unit: its name, and how many of the grids and classes below it are ready, or who answers there.
pub fn line(l: Language, branch: &Branch, is_open: bool) -> AnyView {
    let href = format!("/admin/units/{}", branch.id);
    let code = branch.code.clone().map(|code| view! { <small class="ref">{code}</small> });
    let name = view! { <span class="name"><a href=href>{branch.name.clone()}</a><small>{kind_name(l, branch.kind)}</small>{code}</span> };
    if branch.children == 0 {
        return view! { <div class="node" data-k=branch.initials.clone()><span class="leaf">{icon(Icon::Pin)}</span>{name}{staffing(l, branch)}</div> }
            .into_any();
    }
    let to = if is_open { branch.parent_id } else { Some(branch.id) };
    let to = to.map_or("/admin/units".to_owned(), |id| format!("/admin/units?open={id}"));
    let label = if is_open { t!(l, admin.close_unit, name = branch.name.clone()) } else { t!(l, admin.open_unit, name = branch.name.clone()) };
    let numbers = (branch.coverage.leaves > 0).then(|| numbers(l, branch.coverage));
    view! {
        <div class="node" data-k=branch.initials.clone()>
            <a
                class="turn"
                href=to
                data-below=format!("/admin/units/below?unit={}", branch.id)
                aria-expanded=if is_open { "true" } else { "false" }
                aria-label=label
            >
                {icon(Icon::Turn)}
            </a>
            {name}
            {numbers}
        </div>
    }
    .into_any()
}

fn numbers(l: Language, c: Coverage) -> impl IntoView + use<> {
    view! { {bar(l, c)}<span class="num" aria-hidden="true">{format!("{} / {}", number(c.ready), number(c.leaves))}</span> }
}

/// How the grids and classes below a unit stand, as one bar: those with somebody and a code, with somebody, with a code, with neither.
pub fn bar(l: Language, c: Coverage) -> impl IntoView + use<> {
    let parts = [("ready", c.ready), ("held", c.held - c.ready), ("coded", c.coded - c.ready)];
    let none = c.leaves - c.held - c.coded + c.ready;
    let label = t!(l, tree.bar, ready = number(c.ready), held = number(c.held - c.ready), coded = number(c.coded - c.ready), none = number(none));
    let mut from = 0;
    let mut drawn = Vec::new();
    for (class, count) in parts {
        if count > 0 {
            drawn.push(view! { <rect class=class x=from.to_string() y="0" width=count.to_string() height="1"></rect> });
        }
        from += count;
    }
    let title = label.clone();
    view! {
        <svg class="bar" role="img" aria-label=label viewBox=format!("0 0 {} 1", c.leaves.max(1)) preserveAspectRatio="none">
            <title>{title}</title>
            {drawn}
        </svg>
    }
}

/// What the parts of the bars mean.
pub fn legend(l: Language) -> impl IntoView + use<> {
    let part = |class: &'static str, name: String| {
        view! {
            <li>
                <svg class="bar" aria-hidden="true" viewBox="0 0 1 1" preserveAspectRatio="none"><rect class=class x="0" y="0" width="1" height="1"></rect></svg>
                {name}
            </li>
        }
    };
    view! {
        <ul class="legend" aria-label=t!(l, tree.legend)>
            {part("ready", t!(l, tree.ready))}{part("held", t!(l, tree.held_only))}{part("coded", t!(l, tree.coded_only))}{part("none", t!(l, tree.neither))}
        </ul>
    }
}

/// Who answers at a unit with nothing below it.
fn staffing(l: Language, branch: &Branch) -> AnyView {
    let has_no_code = (branch.coverage.leaves > 0 && branch.posts > 0 && branch.coverage.coded == 0)
        .then(|| view! { <span class="tag off">{icon(Icon::Qr)}{t!(l, tree.held_only)}</span> });
    match &branch.holder {
        Some(_) if has_no_code.is_some() => view! { {has_no_code} }.into_any(),
        Some(holder) => view! { <span class="tag">{icon(Icon::Tick)}{holder.clone()}</span> }.into_any(),
        None if branch.is_given => view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, admin.nobody_yet)}</span> }.into_any(),
        None if branch.posts > 0 || branch.coverage.leaves > 0 => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.nobody)}</span> }.into_any(),
        None => view! { <span class="tag off">{t!(l, admin.no_post)}</span> }.into_any(),
    }
}
