//! `/admin/trial`: a unit's trial: beginning it, who would have got mail, and ending it.

use crate::{
    components::{
        admin::{Tab, page_number, pager, tabs},
        art::{LETTER, art},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error},
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
    row::{Trial, Withheld},
    trial::{self, TrialError, View},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, Language, MailKind, UnitId, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    unit: String,
    page: Option<String>,
}

/// One unit's trial; without a unit the only one there is, or all to choose from.
pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(wish): Query<Wish>) -> Result<Response, AppError> {
    let number = page_number(wish.page.as_deref());
    if !wish.unit.is_empty() {
        return page(&visit, &admin, wish.unit.parse().map_err(|_| AppError::NotFound)?, number, None).await;
    }
    let known = trial::known_to(&visit.app.domain, &admin).await?;
    match known.as_slice() {
        [] => page(&visit, &admin, *admin.units.first().ok_or(AppError::NotFound)?, number, None).await,
        [only] => page(&visit, &admin, only.unit_id, number, None).await,
        many => {
            let main = choice(&visit, many);
            frame(&visit, &admin, StatusCode::OK, main).await
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// `begin` or `end`.
    intent: String,
    unit: String,
    confirm: String,
    release: String,
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Posted(draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let unit: UnitId = draft.unit.parse().map_err(|_| AppError::NotFound)?;
    if draft.confirm != "yes" {
        return page(&visit, &admin, unit, 0, Some(t!(visit.language, admin.tick_first))).await;
    }
    let done = match draft.intent.as_str() {
        "begin" => trial::begin(domain, &admin, unit).await,
        "end" => trial::end(domain, &admin, unit, draft.release == "yes").await,
        _ => return Err(AppError::BadRequest),
    };
    match done {
        Ok(()) | Err(TrialError::Over | TrialError::Had) => Ok(Redirect::to(&format!("/admin/trial?unit={unit}")).into_response()),
        // Those above may look, and have no say.
        Err(TrialError::NotYours) => match trial::view(domain, &admin, unit, 0).await? {
            Some(_) => Err(AppError::Forbidden),
            None => Err(AppError::NotFound),
        },
        Err(TrialError::Store(e)) => Err(e.into()),
    }
}

async fn frame(visit: &Visit, admin: &Admin, status: StatusCode, body: impl IntoView + 'static) -> Result<Response, AppError> {
    let l = visit.language;
    let title = t!(l, secure.trial);
    let main = view! { <main id="main" class="wide"><h1>{title.clone()}</h1>{tabs(l, Tab::Overview)}{body}</main> };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

async fn page(visit: &Visit, admin: &Admin, unit: UnitId, number: i64, error: Option<String>) -> Result<Response, AppError> {
    let l = visit.language;
    let view = trial::view(&visit.app.domain, admin, unit, number).await?.ok_or(AppError::NotFound)?;
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let visit = &visit.on(format!("/admin/trial?unit={unit}"));
    let above = view.above.as_ref().map(|above| view! { <p>{t!(l, secure.trial_above, above = above.name.clone())}</p> });
    let body = match &view.trial {
        Some(trial) if view.is_on() => on(visit, &view, trial.began_at, error).into_any(),
        Some(trial) => over(l, t!(l, secure.trial_over, unit = view.unit.name.clone(), when = moment(visit, trial.ended_at.unwrap_or(visit.now)))).into_any(),
        None if view.is_mine => begin_form(visit, &view, error).into_any(),
        None => over(l, t!(l, secure.trial_never, unit = view.unit.name.clone())).into_any(),
    };
    frame(visit, admin, status, view! { {above}{body} }).await
}

fn moment(visit: &Visit, at: At) -> String {
    let calendar = Calendar::standard();
    when::moment(visit.language, &calendar.local(at), &calendar.local(visit.now))
}

/// Several units are on trial.
fn choice(visit: &Visit, many: &[Trial]) -> impl IntoView + use<> {
    let l = visit.language;
    let links: Vec<_> = many
        .iter()
        .map(|trial| {
            let since = t!(l, secure.trial_since, when = moment(visit, trial.began_at));
            view! {
                <li>
                    <a href=format!("/admin/trial?unit={}", trial.unit_id)>
                        <span>{trial.unit_name.clone()}<br/><small class="soft">{since}</small></span>{icon(Icon::Turn)}
                    </a>
                </li>
            }
        })
        .collect();
    view! { <p>{t!(l, secure.trial_choice)}</p><ul class="links">{links}</ul> }
}

fn over(l: Language, text: String) -> impl IntoView + use<> {
    view! {
        <div class="empty">
            {art(&LETTER)}<h2>{text}</h2><p>{t!(l, secure.trial_over_text)}</p>
            <p><a class="btn" href="/admin/invitations">{icon(Icon::Mail)}{t!(l, secure.invitations)}</a></p>
        </div>
    }
}

fn on(visit: &Visit, view: &View, since: At, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let kinds = [
        (MailKind::Invitation, t!(l, secure.kind_invitations)),
        (MailKind::Answer, t!(l, secure.kind_answers)),
        (MailKind::Password, t!(l, secure.kind_passwords)),
    ];
    let numbers: Vec<_> = kinds.into_iter().map(|(kind, words)| view! { <div><dt>{words}</dt><dd>{view.count(kind)}</dd></div> }).collect();
    let unit = view.unit.name.clone();
    let end = match view.is_mine {
        true => end_form(visit, view, error).into_any(),
        false => view! { <p>{t!(l, secure.trial_not_yours, unit = unit.clone())}</p> }.into_any(),
    };
    view! {
        <p>{t!(l, secure.trial_text, unit = unit, when = moment(visit, since))}</p>
        {end}
        <h2>{t!(l, secure.withheld)}</h2>
        <dl class="stats">{numbers}</dl>
        {list(visit, view)}
    }
}

fn confirm_box(label: String, error: Option<String>) -> impl IntoView + use<> {
    let is_bad = error.is_some();
    view! {
        {field_error("confirm", error)}
        <div class="pick">
            <input
                type="checkbox"
                id="confirm"
                name="confirm"
                value="yes"
                required
                aria-invalid=is_bad.then_some("true")
                aria-describedby=is_bad.then_some("confirm-e")
            />
            <label for="confirm">{label}</label>
        </div>
    }
}

fn begin_form(visit: &Visit, view: &View, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let unit = view.unit.name.clone();
    view! {
        <p>{t!(l, secure.trial_begin_text, unit = unit.clone())}</p>
        <form class="task" method="post" action="/admin/trial">
            {visit.csrf_field()}
            <input type="hidden" name="unit" value=view.unit.id.to_string()/>
            {confirm_box(t!(l, secure.trial_begin_confirm, unit = unit), error)}
            <button class="btn bad" name="intent" value="begin">{t!(l, secure.trial_begin)}</button>
        </form>
    }
}

fn end_form(visit: &Visit, view: &View, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    view! {
        <form class="task" method="post" action="/admin/trial">
            {visit.csrf_field()}
            <input type="hidden" name="unit" value=view.unit.id.to_string()/>
            <div class="pick">
                <input type="checkbox" id="release" name="release" value="yes"/>
                <label for="release">{t!(l, secure.trial_release)}</label>
            </div>
            {confirm_box(t!(l, secure.trial_confirm, unit = view.unit.name.clone()), error)}
            <button class="btn" name="intent" value="end">{t!(l, secure.trial_end)}</button>
            <p class="hint">{t!(l, secure.trial_end_hint)}</p>
        </form>
    }
}

fn list(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    if view.mails.lines.is_empty() {
        return None;
    }
    let rows: Vec<_> = view
        .mails
        .lines
        .iter()
        .map(|mail| {
            view! {
                <tr>
                    <th scope="row">{whom(l, mail)}</th>
                    <td data-l=t!(l, secure.what)>{what(l, mail.kind)}</td>
                    <td data-l=t!(l, secure.when)>{moment(visit, mail.withheld_at)}</td>
                </tr>
            }
        })
        .collect();
    Some(view! {
        <table class="tab">
            <caption>{t!(l, secure.withheld_list)}</caption>
            <thead>
                <tr><th scope="col">{t!(l, secure.to)}</th><th scope="col">{t!(l, secure.what)}</th><th scope="col">{t!(l, secure.when)}</th></tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {pager(l, &format!("/admin/trial?unit={}&page=", view.unit.id), view.mails.page, view.mails.has_more)}
    })
}

/// Staff by name; of a resident only who would have written to them.
fn whom(l: Language, mail: &Withheld) -> AnyView {
    match (&mail.staff_id, &mail.staff_name, &mail.unit_name) {
        (Some(id), Some(name), _) => view! { <a href=format!("/admin/staff/{id}")>{name.clone()}</a><small>{mail.staff_email.clone()}</small> }.into_any(),
        (_, _, Some(unit)) => view! { {t!(l, secure.a_resident, unit = unit.clone())} }.into_any(),
        _ => view! { "—" }.into_any(),
    }
}

fn what(l: Language, kind: MailKind) -> String {
    match kind {
        MailKind::Invitation => t!(l, secure.kind_invitation),
        MailKind::Answer => t!(l, secure.kind_answer),
        MailKind::HandOver => t!(l, people.kind_hand_over),
        MailKind::Password => t!(l, secure.kind_password),
        MailKind::SecondFactor => t!(l, secure.kind_second_factor),
    }
}
