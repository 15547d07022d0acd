//! `/admin/trial`: who would have got mail, and ending the trial.

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
    row::Withheld,
    trial::{self, TrialError, View},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, Language, MailKind, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    page: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(wish): Query<Wish>) -> Result<Response, AppError> {
    page(&visit, &admin, page_number(wish.page.as_deref()), None, StatusCode::OK).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    confirm: String,
    release: String,
}

pub async fn end(visit: Visit, AsAdmin(admin): AsAdmin, Posted(draft): Posted<Draft>) -> Result<Response, AppError> {
    if draft.confirm != "yes" {
        let words = t!(visit.language, admin.tick_first);
        return page(&visit, &admin, 0, Some(words), StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    match trial::end(&visit.app.domain, &admin, draft.release == "yes").await {
        Ok(()) | Err(TrialError::Over) => Ok(Redirect::to("/admin/trial").into_response()),
        Err(TrialError::NotTop) => Err(AppError::Forbidden),
        Err(TrialError::Store(e)) => Err(e.into()),
    }
}

async fn page(visit: &Visit, admin: &Admin, number: i64, error: Option<String>, status: StatusCode) -> Result<Response, AppError> {
    let l = visit.language;
    let view = trial::view(&visit.app.domain, admin, number).await?;
    let title = t!(l, secure.trial);
    let body = match &view {
        None => over(l, t!(l, secure.trial_never)).into_any(),
        Some(view) => match view.since {
            None => over(l, t!(l, secure.trial_over, when = moment(visit, view.ended_at.unwrap_or(visit.now)))).into_any(),
            Some(since) => on(visit, view, since, error).into_any(),
        },
    };
    let main = view! { <main id="main" class="wide"><h1>{title.clone()}</h1>{tabs(l, Tab::Overview)}{body}</main> };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn moment(visit: &Visit, at: At) -> String {
    let calendar = Calendar::standard();
    when::moment(visit.language, &calendar.local(at), &calendar.local(visit.now))
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
    let end = match view.may_end {
        true => end_form(visit, error).into_any(),
        false => view! { <p>{t!(l, secure.trial_not_top)}</p> }.into_any(),
    };
    view! {
        <p>{t!(l, secure.trial_text, when = moment(visit, since))}</p>
        {end}
        <h2>{t!(l, secure.withheld)}</h2>
        <dl class="stats">{numbers}</dl>
        {list(visit, view)}
    }
}

fn end_form(visit: &Visit, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = error.is_some();
    view! {
        <form class="task" method="post" action="/admin/trial">
            {visit.csrf_field()}
            <div class="pick">
                <input type="checkbox" id="release" name="release" value="yes"/>
                <label for="release">{t!(l, secure.trial_release)}</label>
            </div>
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
                <label for="confirm">{t!(l, secure.trial_confirm)}</label>
            </div>
            <button class="btn">{t!(l, secure.trial_end)}</button>
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
        {pager(l, "/admin/trial?page=", view.mails.page, view.mails.has_more)}
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
