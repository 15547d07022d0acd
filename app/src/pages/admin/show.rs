//! `/admin`: the figures of everything that is the admin's, and what to do next.

use crate::{
    components::{
        admin::{Tab, tabs},
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    error::AppError,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::response::Response;
use domain::{
    grant, holding,
    invitation::{self, Counts},
    sticker,
    unit::{self, Figures},
};
use i18n::{number, t};
use leptos::prelude::*;
use model::{InvitationState, Language, PostId, UnitId};

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let figures = unit::figures(domain, &admin).await?;
    let stickers = sticker::to_look_at(domain, &admin).await?;
    let to_confirm = i64::try_from(grant::to_confirm(domain, &admin).await?).unwrap_or(i64::MAX);
    let kept = holding::kept(domain, &admin).await?;
    let tops = unit::tops(domain, &admin).await?;
    // A page of one unit says nothing about another.
    let top = if let [only] = tops.as_slice() { Some(only.id) } else { None };
    let names: Vec<String> = tops.into_iter().map(|u| u.name).collect();
    let invited = invitation::counts(domain, &admin).await?;
    let l = visit.language;
    let main = view! {
        <main id="main" class="wide">
            <h1>{names.join(&t!(l, common.comma))}</h1>
            {tabs(l, Tab::Overview)}
            {numbers(l, &figures)}
            <h2>{t!(l, admin.to_do)}</h2>
            {to_do(l, &figures, &invited, &kept, stickers, to_confirm, top)}
        </main>
    };
    Ok(Page::new(&visit, t!(l, admin.admin)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn numbers(l: Language, f: &Figures) -> impl IntoView + use<> {
    let staffed = t!(l, admin.staffed);
    let late = (f.late > 0).then(|| view! { <dd><span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.late, count = number(f.late))}</span></dd> });
    view! {
        <dl class="stats">
            <div>
                <dt>{staffed.clone()}</dt>
                <dd>{number(f.staffed)}" "<small>{format!("/ {}", number(f.leaves))}</small></dd>
                <dd><progress max=f.leaves.max(1).to_string() value=f.staffed.to_string() aria-label=staffed></progress></dd>
            </div>
            <div><dt>{t!(l, admin.points_up)}</dt><dd><a href="/admin/contact-points">{number(f.points)}</a></dd></div>
            <div><dt>{t!(l, admin.staff)}</dt><dd>{number(f.staff)}</dd></div>
            <div><dt>{t!(l, admin.waiting_now)}</dt><dd>{number(f.waiting)}</dd>{late}</div>
        </dl>
    }
}

fn to_do(l: Language, f: &Figures, invited: &Counts, kept: &[PostId], (reported, haunted): (i64, i64), to_confirm: i64, top: Option<UnitId>) -> AnyView {
    let (failed, unsent) = (invited.of(InvitationState::Failed), invited.of(InvitationState::Unsent));
    let open = invited.of(InvitationState::Sent) + invited.of(InvitationState::Expired) + invited.of(InvitationState::Waiting);
    let ownerless = t!(l, admin.todo_ownerless, count = number(f.ownerless));
    let is_new = i64::from(f.posts == 0);
    let told = if reported == 1 { t!(l, codes.todo_reported_one) } else { t!(l, codes.todo_reported, count = reported) };
    let codes = top.map_or("/admin/units?lack=point".to_owned(), |id| format!("/admin/units/{id}/codes"));
    let codes = codes.as_str();
    let still = i64::try_from(kept.len()).unwrap_or(i64::MAX);
    // One after the other: once somebody is appointed there, the next is the first.
    let still_at = kept.first().map(|post| format!("/admin/posts/{post}#hand-over")).unwrap_or_default();
    let day_one = top.map_or(String::new(), |id| format!("/admin/units/{id}/day-one"));
    let is_incomplete = i64::from(top.is_some() && (f.without_post, f.vacant, f.without_point) != (0, 0, 0));
    let steps = [
        (is_new, Icon::Unit, "/admin/units", t!(l, admin.todo_first), t!(l, admin.todo_first_text)),
        (is_new, Icon::People, "/admin/imports/new", t!(l, import.import), t!(l, import.lead)),
        (f.ownerless, Icon::Alert, "/admin/units?lack=holder", ownerless, t!(l, admin.todo_ownerless_text)),
        (still, Icon::Alert, still_at.as_str(), t!(l, people.todo_kept, count = still), t!(l, people.todo_kept_text)),
        (reported, Icon::Eye, "/admin/contact-points?state=reported", told, t!(l, codes.todo_reported_text)),
        (haunted, Icon::Eye, "/admin/contact-points?state=haunted", t!(l, codes.todo_haunted, count = haunted), t!(l, codes.todo_haunted_text)),
        (to_confirm, Icon::Key, "/admin/grants", t!(l, people.todo_confirm, count = to_confirm), t!(l, people.todo_confirm_text)),
        (f.vacant, Icon::People, "/admin/units?lack=holder", t!(l, admin.todo_vacant, count = number(f.vacant)), t!(l, admin.todo_vacant_text)),
        (f.without_post, Icon::Unit, "/admin/units?lack=post", t!(l, admin.todo_post, count = number(f.without_post)), t!(l, admin.todo_post_text)),
        (f.without_point, Icon::Qr, codes, t!(l, admin.todo_point, count = number(f.without_point)), t!(l, admin.todo_point_text)),
        (is_incomplete, Icon::Check, day_one.as_str(), t!(l, codes.todo_day_one), t!(l, codes.todo_day_one_text)),
        (failed, Icon::Alert, "/admin/invitations?state=failed", t!(l, secure.todo_failed, count = number(failed)), t!(l, secure.todo_failed_text)),
        (unsent, Icon::Mail, "/admin/invitations?state=unsent", t!(l, secure.todo_unsent, count = number(unsent)), t!(l, secure.todo_unsent_text)),
        (open, Icon::Mail, "/admin/invitations?state=sent", t!(l, admin.todo_invited, count = number(open)), t!(l, admin.todo_invited_text)),
    ];
    let lines: Vec<_> = steps
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(_, glyph, href, title, text)| {
            let href = href.to_owned();
            view! {
                <li>
                    <a href=href>{icon(glyph)}<span><b>{title}</b><br/><small class="soft">{text}</small></span>{icon(Icon::Turn)}</a>
                </li>
            }
        })
        .collect();
    if lines.is_empty() {
        return view! { <div class="empty">{art(&HOUSES)}<h2>{t!(l, admin.all_done)}</h2><p>{t!(l, admin.all_done_text)}</p></div> }.into_any();
    }
    view! { <ul class="links">{lines}</ul> }.into_any()
}
