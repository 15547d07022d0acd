//! `/admin/units/{id}/day-one`: what is ready and what is missing before residents can be told.

use crate::{
    components::{
        admin::{crumbs, kind_name, page_number, pager},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    pages::unit::named,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query},
    response::Response,
};
use domain::day_one::{self, Figures, Lines, Missing, PostLine, StaffLine, UnitLine, View};
use i18n::{number, t, when};
use leptos::prelude::*;
use model::{Language, UnitId, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    missing: String,
    page: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let page = page_number(asked.page.as_deref());
    let view = day_one::view(&visit.app.domain, &admin, id, Missing::read(&asked.missing), page).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let mut above = view.above.clone();
    above.push(view.unit.clone());
    let is_ready = Missing::ALL.into_iter().all(|missing| missing.count(&view.figures) == 0);
    let missing = if is_ready {
        view! { <div class="empty">{art(&HOUSES)}<h2>{t!(l, codes.all_ready)}</h2></div> }.into_any()
    } else {
        view! { <section><h2>{t!(l, codes.what_is_missing)}</h2>{lists(l, id, &view)}{lines(&visit, &view)}</section> }.into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &above)}
            <h1>{t!(l, codes.day_one_of, name = view.unit.name.clone())}</h1>
            {staffing(l, &view.figures)}
            {to_do(l, id, &view.figures)}
            {missing}
        </main>
    };
    let title = t!(l, codes.day_one_of, name = view.unit.name.clone());
    Ok(Page::new(&visit, title).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn staffing(l: Language, f: &Figures) -> impl IntoView + use<> {
    let name = t!(l, codes.staffing);
    let figure = match day_one::staffing(f) {
        Some((ready, leaves)) => {
            let rate = ready * 100 / leaves.max(1);
            view! {
                <dd>{format!("{rate} %")}" "<small>{t!(l, codes.staffing_is, ready = number(ready), leaves = number(leaves))}</small></dd>
                <dd><progress max=leaves.to_string() value=ready.to_string() aria-label=name.clone()></progress></dd>
            }
            .into_any()
        }
        None => view! { <dd><small>{t!(l, codes.staffing_few)}</small></dd> }.into_any(),
    };
    view! {
        <dl class="stats">
            <div><dt>{name}</dt>{figure}</div>
            <div><dt>{t!(l, codes.posts)}</dt><dd>{number(f.posts)}</dd></div>
            <div><dt>{t!(l, codes.points)}</dt><dd>{number(f.points)}</dd></div>
            <div><dt>{t!(l, admin.staff)}</dt><dd>{number(f.staff)}</dd></div>
        </dl>
        <details class="fold">
            <summary>{icon(Icon::Info)}<span>{t!(l, codes.staffing_how)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <div class="body"><p>{t!(l, codes.staffing_definition, leaves = number(f.leaves))}</p></div>
        </details>
    }
}

fn to_do(l: Language, id: UnitId, f: &Figures) -> Option<impl IntoView + use<>> {
    let codes = format!("/admin/units/{id}/codes");
    let list = |missing: Missing| format!("/admin/units/{id}/day-one?missing={}", missing.as_str());
    let steps = [
        (
            f.without_holder,
            Icon::People,
            list(Missing::Holder),
            t!(l, codes.holders_to_find, count = number(f.without_holder)),
            t!(l, codes.holders_to_find_text),
        ),
        (f.without_point, Icon::Qr, codes.clone(), t!(l, codes.codes_to_make, count = number(f.without_point)), t!(l, codes.codes_to_make_text)),
        (f.unscanned, Icon::Print, codes, t!(l, codes.posters_to_print, count = number(f.unscanned)), t!(l, codes.posters_to_print_text)),
        (
            f.absent,
            Icon::Mail,
            format!("/admin/invitations?unit={id}"),
            t!(l, codes.invitations_to_send, count = number(f.absent)),
            t!(l, codes.invitations_to_send_text),
        ),
    ];
    let lines: Vec<_> = steps
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(_, glyph, href, title, text)| {
            view! { <li><a href=href>{icon(glyph)}<span><b>{title}</b><br/><small class="soft">{text}</small></span>{icon(Icon::Turn)}</a></li> }
        })
        .collect();
    (!lines.is_empty()).then(|| view! { <section><h2>{t!(l, codes.to_do_now)}</h2><ul class="links">{lines}</ul></section> })
}

fn missing_name(l: Language, missing: Missing) -> String {
    match missing {
        Missing::Holder => t!(l, codes.missing_holder),
        Missing::Point => t!(l, codes.missing_point),
        Missing::SignIn => t!(l, codes.missing_sign_in),
    }
}

fn lists(l: Language, id: UnitId, view: &View) -> impl IntoView + use<> {
    let here = view.missing;
    let links: Vec<_> = Missing::ALL
        .into_iter()
        .map(|missing| {
            let href = format!("/admin/units/{id}/day-one?missing={}", missing.as_str());
            view! {
                <a href=href aria-current=(missing == here).then_some("page")>{missing_name(l, missing)}" "<span class="num">{number(missing.count(&view.figures))}</span></a>
            }
        })
        .collect();
    view! { <nav class="tabs counted" aria-label=t!(l, codes.what_is_missing)>{links}</nav> }
}

fn lines(visit: &Visit, view: &View) -> AnyView {
    let l = visit.language;
    let base = format!("/admin/units/{}/day-one?missing={}&page=", view.unit.id, view.missing.as_str());
    let (rows, heads, page, has_more): (Vec<AnyView>, [String; 3], i64, bool) = match &view.lines {
        Lines::Holder(page) => {
            (page.lines.iter().map(|line| unit_row(l, line)).collect(), [t!(l, codes.unit), t!(l, codes.post), t!(l, codes.actions)], page.page, page.has_more)
        }
        Lines::Point(page) => {
            (page.lines.iter().map(|line| post_row(l, line)).collect(), [t!(l, codes.unit), t!(l, codes.post), t!(l, codes.actions)], page.page, page.has_more)
        }
        Lines::SignIn(page) => (
            page.lines.iter().map(|line| staff_row(visit, line)).collect(),
            [t!(l, codes.person), t!(l, codes.invitation), t!(l, codes.actions)],
            page.page,
            page.has_more,
        ),
    };
    if rows.is_empty() {
        return view! { <p>{icon(Icon::Tick)}" "{t!(l, codes.nothing_missing)}</p> }.into_any();
    }
    let [first, second, third] = heads;
    view! {
        <table class="tab">
            <caption class="sr">{missing_name(l, view.missing)}</caption>
            <thead><tr><th scope="col">{first}</th><th scope="col">{second}</th><th scope="col"><span class="sr">{third}</span></th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
        {pager(l, &base, page, has_more)}
    }
    .into_any()
}

fn unit_row(l: Language, line: &UnitLine) -> AnyView {
    let above = line.above.clone().unwrap_or_default();
    let (post, href, action) = match (&line.title, line.post_id) {
        (Some(title), Some(post)) => (title.clone().into_any(), format!("/admin/posts/{post}"), t!(l, codes.appoint)),
        _ => {
            let none = view! { <span class="tag off">{t!(l, codes.no_post_yet)}</span> }.into_any();
            (none, format!("/admin/units/{}/posts/new", line.id), t!(l, codes.add_post))
        }
    };
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/units/{}", line.id)>{line.name.clone()}</a><small>{kind_name(l, line.kind)}" · "{above}</small></th>
            <td data-l=t!(l, codes.post)>{post}</td>
            <td class="act"><a class="btn text" href=href>{action}</a></td>
        </tr>
    }
    .into_any()
}

fn post_row(l: Language, line: &PostLine) -> AnyView {
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/units/{}", line.unit_id)>{line.unit_name.clone()}</a><small>{line.above.clone()}</small></th>
            <td data-l=t!(l, codes.post)><a href=format!("/admin/posts/{}", line.id)>{line.title.clone()}</a></td>
            <td class="act"><a class="btn text" href=format!("/admin/posts/{}/contact-points/new", line.id)>{t!(l, codes.make_one)}</a></td>
        </tr>
    }
    .into_any()
}

fn staff_row(visit: &Visit, line: &StaffLine) -> AnyView {
    let l = visit.language;
    let calendar = Calendar::standard();
    let now = calendar.local(visit.now);
    let invitation = match line.expires_at {
        None => view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, codes.not_invited)}</span> }.into_any(),
        Some(at) if at > visit.now => {
            let date = when::date(l, &calendar.local(at), &now);
            view! { <span class="tag">{icon(Icon::Mail)}{t!(l, codes.invited_until, date = date)}</span> }.into_any()
        }
        Some(_) => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, codes.invitation_over)}</span> }.into_any(),
    };
    let post = line.title.as_ref().map(|title| named(title, line.unit_name.as_deref())).unwrap_or_default();
    view! {
        <tr>
            <th scope="row"><a href=format!("/admin/staff/{}", line.id)>{line.name.clone()}</a><small>{post}</small></th>
            <td data-l=t!(l, codes.invitation)>{invitation}</td>
            <td class="act"><a class="btn text" href=format!("/admin/staff/{}", line.id)>{t!(l, codes.invite)}</a></td>
        </tr>
    }
    .into_any()
}
