//! `/admin/staff/{id}/leave`: somebody leaves, today or on a day to come, and what becomes of each post they hold.

use crate::{
    components::{
        admin::{crumb_links, open_waits},
        field::Field,
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error},
    pages::{
        post::{day_error, who_error},
        unit::named,
    },
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    leaving::{self, LeavingError, Mistakes, Seat, Typed},
    routing::Orphan,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{Language, PostId, StaffId, calendar::Calendar};
use std::collections::HashMap;

#[derive(Default)]
struct Draft {
    last_day: String,
    successors: HashMap<PostId, String>,
    confirmed: bool,
    mistakes: Mistakes,
    unconfirmed: bool,
    orphans: Vec<Orphan>,
    refused: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<StaffId>) -> Result<Response, AppError> {
    page(&visit, &admin, id, Draft::default(), StatusCode::OK).await
}

/// The fields of the posts are named `to-` and the post's id.
pub async fn change(
    visit: Visit,
    AsAdmin(admin): AsAdmin,
    Path(id): Path<StaffId>,
    Posted(fields): Posted<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap_or_default();
    if field("intent") == "stay" {
        return match leaving::stay(domain, &admin, id).await {
            Ok(()) => Ok(Redirect::to(&format!("/admin/staff/{id}?saved=1")).into_response()),
            Err(LeavingError::Store(e)) => Err(e.into()),
            Err(e) => {
                let draft = match e {
                    LeavingError::Own => Draft { refused: Some(t!(l, admin.end_self)), ..Draft::default() },
                    LeavingError::Elsewhere => Draft { refused: Some(t!(l, admin.end_elsewhere)), ..Draft::default() },
                    LeavingError::Ownerless(orphans) => Draft { orphans, ..Draft::default() },
                    _ => return Err(AppError::NotFound),
                };
                page(&visit, &admin, id, draft, StatusCode::UNPROCESSABLE_ENTITY).await
            }
        };
    }
    let successors = fields.iter().filter_map(|(name, value)| Some((name.strip_prefix("to-")?.parse().ok()?, value.clone()))).collect();
    let mut draft = Draft { last_day: field("last_day"), successors, confirmed: field("confirm") == "yes", ..Draft::default() };
    if !draft.confirmed {
        draft.unconfirmed = true;
        return page(&visit, &admin, id, draft, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let typed = Typed { last_day: &draft.last_day, successors: draft.successors.iter().map(|(post, who)| (*post, who.as_str())).collect() };
    match leaving::leave(domain, &admin, id, typed).await {
        Ok(()) if draft.last_day.trim().is_empty() => return Ok(Redirect::to("/admin/staff").into_response()),
        Ok(()) => return Ok(Redirect::to(&format!("/admin/staff/{id}?saved=1")).into_response()),
        Err(LeavingError::Invalid(mistakes)) => draft.mistakes = mistakes,
        Err(LeavingError::Own) => draft.refused = Some(t!(l, admin.end_self)),
        Err(LeavingError::LastAdmin) => draft.refused = Some(t!(l, people.last_admin)),
        Err(LeavingError::Elsewhere) => draft.refused = Some(t!(l, admin.end_elsewhere)),
        Err(LeavingError::Ownerless(orphans)) => draft.orphans = orphans,
        Err(LeavingError::NotFound) => return Err(AppError::NotFound),
        Err(LeavingError::Store(e)) => return Err(e.into()),
    }
    page(&visit, &admin, id, draft, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, id: StaffId, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let l = visit.language;
    let view = leaving::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let name = view.staff.name.clone();
    let title = t!(l, people.leave_title, name = name.clone());
    let seats: Vec<_> = view.seats.iter().map(|seat| seat_fields(visit, seat, &draft)).collect();
    let names: Vec<_> = view.people.iter().map(|s| view! { <option value=s.email.clone()>{s.name.clone()}</option> }).collect();
    let refused = draft.refused.clone().or(view.is_self.then(|| t!(l, admin.end_self)));
    let refused = refused.map(|text| view! { <div class="sum" role="alert" tabindex="-1"><h2>{text}</h2></div> });
    let id_of = |post: &PostId| format!("to-{post}");
    let wrong = draft.mistakes.successors.first().map(|(post, e)| (id_of(post), who_error(l, *e)));
    let wrong = wrong.map(|(id, text)| view! { <div class="sum" role="alert" tabindex="-1"><h2>{t!(l, admin.please_correct)}</h2><ul><li><a href=format!("#{id}")>{text}</a></li></ul></div> });
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/staff".to_owned(), t!(l, admin.staff)), (format!("/admin/staff/{id}"), name.clone())])}
            <h1>{title.clone()}</h1>
            <p>{t!(l, people.leave_text)}</p>
            {refused}
            {wrong}
            {open_waits(visit, &draft.orphans)}
            {planned(visit, view.leaves_at)}
            <form class="task" method="post">
                {visit.csrf_field()}
                {Field::new("last_day", t!(l, admin.last_day))
                    .kind("date")
                    .short()
                    .optional()
                    .value(draft.last_day.clone())
                    .hint(t!(l, people.leave_day_hint))
                    .error(draft.mistakes.last_day.map(|e| day_error(l, e)))
                    .view()}
                {seats}
                <datalist id="people">{names}</datalist>
                {field_error("confirm", draft.unconfirmed.then(|| t!(l, admin.tick_first)))}
                <div class="pick">
                    <input
                        type="checkbox"
                        id="confirm"
                        name="confirm"
                        value="yes"
                        required
                        checked=draft.confirmed
                        aria-invalid=draft.unconfirmed.then_some("true")
                        aria-describedby=draft.unconfirmed.then_some("confirm-e")
                    />
                    <label for="confirm">{t!(l, people.leave_confirm, name = name)}</label>
                </div>
                <button class="btn bad">{icon(Icon::Out)}{t!(l, people.leave_button)}</button>
            </form>
        </main>
    };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// A day that is set already, and the way back.
fn planned(visit: &Visit, leaves_at: Option<model::At>) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = Calendar::standard();
    leaves_at.map(|at| {
        let day = when::date(l, &calendar.local(at.plus_seconds(-1)), &calendar.local(visit.now));
        view! {
            <div class="banner time">
                {icon(Icon::Out)}
                <div>
                    <p>{t!(l, people.leaves_on, day = day)}</p>
                    <p class="soft">{t!(l, people.stays_text)}</p>
                    <form class="acts" method="post">
                        {visit.csrf_field()}
                        <button class="btn alt" name="intent" value="stay">{t!(l, people.stays)}</button>
                    </form>
                </div>
            </div>
        }
    })
}

/// A post: what is open there, and who takes it over.
fn seat_fields(visit: &Visit, seat: &Seat, draft: &Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let post = seat.term.post_id;
    let id = format!("to-{post}");
    let error = draft.mistakes.successors.iter().find(|(p, _)| *p == post).map(|(_, e)| who_error(l, *e));
    let is_bad = error.is_some();
    let typed = draft.successors.get(&post).cloned().unwrap_or_default();
    let described = if is_bad { format!("{id}-h {id}-e") } else { format!("{id}-h") };
    view! {
        <div class=if is_bad { "f bad" } else { "f" }>
            <label for=id.clone()>{t!(l, people.successor, post = named(&seat.term.title, Some(&seat.term.unit_name)))}</label>
            <p class="hint" id=format!("{id}-h")>{t!(l, people.seat_open, open = seat.open, waiting = seat.waiting)}{then(l, seat)}</p>
            {field_error(&id, error)}
            <input
                class="in"
                id=id.clone()
                name=id.clone()
                list="people"
                autocomplete="off"
                value=typed
                aria-invalid=is_bad.then_some("true")
                aria-describedby=described
            />
        </div>
    }
}

/// Who answers if the field stays empty.
fn then(l: Language, seat: &Seat) -> String {
    match &seat.then {
        Some((title, unit, Some(holder))) => t!(l, people.then_answers, name = holder.clone(), post = named(title, Some(unit))),
        Some((title, unit, None)) => t!(l, people.then_post, post = named(title, Some(unit))),
        None => t!(l, people.then_nobody),
    }
}
