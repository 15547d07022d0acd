//! Passkeys, for `app/script/passkey.js`: questions and answers in JSON, and the forms that ask for them.

use super::{ticket_of, without_ticket};
use crate::{
    components::icon::{Icon, icon},
    error::AppError,
    form::{Posted, text_error},
    pages::session::{Brought, keep, onward},
    visit::{SignedIn, Visit},
};
use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{
    passkey::{self, PasskeyError, Question},
    second_factor::{ChangeError, StepError},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::Language;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// The answer to a question, as the script sends it.
#[derive(Deserialize)]
struct Answer {
    id: Uuid,
    credential: Value,
    #[serde(default)]
    back: String,
}

fn read(body: &str) -> Result<Answer, AppError> {
    serde_json::from_str(body).map_err(|_| AppError::BadRequest)
}

fn asked(l: Language, question: Result<Question, PasskeyError>) -> Result<Response, AppError> {
    match question {
        Ok(question) => Ok(Json(question).into_response()),
        Err(e) => refused(l, e),
    }
}

/// What went wrong, for the script to show.
fn refused(l: Language, e: PasskeyError) -> Result<Response, AppError> {
    let words = match e {
        PasskeyError::Store(e) | PasskeyError::Change(ChangeError::Store(e)) | PasskeyError::Step(StepError::Store(e)) => return Err(e.into()),
        PasskeyError::Impossible => t!(l, secure.passkey_impossible),
        PasskeyError::Name(e) => text_error(l, e),
        PasskeyError::TooMany => t!(l, secure.passkey_many),
        PasskeyError::Change(ChangeError::Password) => t!(l, account.old_wrong),
        PasskeyError::Change(ChangeError::Wait { seconds }) | PasskeyError::Step(StepError::Wait { seconds }) => {
            t!(l, secure.step_wait, wait = when::duration(l, i64::try_from(seconds).unwrap_or(i64::MAX)))
        }
        PasskeyError::Step(StepError::Over) => t!(l, secure.step_over),
        PasskeyError::Wrong | PasskeyError::Change(_) | PasskeyError::Step(_) => t!(l, secure.passkey_wrong),
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": words }))).into_response())
}

fn too_many(visit: &Visit) -> Result<(), AppError> {
    visit.app.domain.limits.passkey(visit.address).map_err(|e| AppError::TooMany { seconds: e.seconds })
}

pub async fn begin_signing_in(visit: Visit, headers: HeaderMap, Posted(form): Posted<Begin>) -> Result<Response, AppError> {
    too_many(&visit)?;
    let ticket = ticket_of(&visit.app, &headers).filter(|_| form.step == "second");
    asked(visit.language, passkey::begin_signing_in(&visit.app.domain, ticket.as_deref()).await)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Begin {
    step: String,
    name: String,
    key_password: String,
}

pub async fn sign_in(visit: Visit, headers: HeaderMap, body: String) -> Result<Response, AppError> {
    let answer = read(&body)?;
    let brought = Brought::read(&visit.app, &headers);
    match passkey::sign_in(&visit.app.domain, answer.id, answer.credential, brought.browser(&visit)).await {
        Ok(signed_in) => {
            let to = Json(json!({ "to": onward(&answer.back) })).into_response();
            Ok(without_ticket(&visit.app, keep(&visit.app, &signed_in, to)?))
        }
        Err(e) => refused(visit.language, e),
    }
}

pub async fn begin_adding(visit: Visit, SignedIn(staff): SignedIn, Posted(form): Posted<Begin>) -> Result<Response, AppError> {
    asked(visit.language, passkey::begin_adding(&visit.app.domain, &staff, &form.name, &form.key_password).await)
}

pub async fn add(visit: Visit, SignedIn(staff): SignedIn, body: String) -> Result<Response, AppError> {
    let answer = read(&body)?;
    match passkey::add(&visit.app.domain, &staff, answer.id, answer.credential).await {
        Ok(codes) if codes.is_empty() => Ok(Json(json!({ "to": "/account/second-factor?done=passkey" })).into_response()),
        // The script sends them on to the page that shows them once.
        Ok(codes) => Ok(Json(json!({ "to": "/account/second-factor", "codes": codes })).into_response()),
        Err(e) => refused(visit.language, e),
    }
}

/// The script behind every form below.
fn script(visit: &Visit) -> impl IntoView + use<> {
    view! { <script type="module" nonce=visit.nonce.clone() src=visit.app.assets.url("passkey.js")></script> }
}

/// Where the script says what went wrong.
fn wrong() -> impl IntoView {
    view! { <p class="err" role="alert" hidden>{icon(Icon::Alert)}<span></span></p> }
}

fn get_form(visit: &Visit, step: &'static str, back: &str, words: String, class: &'static str) -> impl IntoView + use<> {
    let l = visit.language;
    view! {
        <form
            method="post"
            action="/sign-in/passkey/begin"
            data-passkey="get"
            data-finish="/sign-in/passkey"
            data-back=back.to_owned()
            data-cancelled=t!(l, secure.passkey_cancelled)
            data-known=""
            data-failed=t!(l, secure.passkey_wrong)
            hidden
        >
            {visit.csrf_field()}
            <input type="hidden" name="step" value=step/>
            {wrong()}
            <button class=class>{icon(Icon::Key)}{words}</button>
        </form>
        {script(visit)}
    }
}

/// At the first step: no address, no password.
pub fn sign_in_form(visit: &Visit, back: &str) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    passkey::is_possible(&visit.app.domain).then(|| get_form(visit, "first", back, t!(l, secure.passkey_sign_in), "btn alt wide"))
}

/// At the second.
pub fn step_form(visit: &Visit, back: &str) -> impl IntoView + use<> {
    let l = visit.language;
    view! { {get_form(visit, "second", back, t!(l, secure.passkey_use), "btn wide")} <p class="soft" data-without-passkey="">{t!(l, secure.passkey_needs)}</p> }
}

/// One more passkey.
pub fn add_form(visit: &Visit, asks_password: bool, suggestion: String, back: String) -> impl IntoView + use<> {
    use crate::components::field::Field;
    let l = visit.language;
    let password = asks_password.then(|| Field::new("key_password", t!(l, account.old_password)).kind("password").autocomplete("current-password").view());
    view! {
        <p class="soft" data-without-passkey="">{t!(l, secure.passkey_needs)}</p>
        <form
            class="task"
            method="post"
            action="/account/passkeys/begin"
            data-passkey="add"
            data-finish="/account/passkeys"
            data-back=back
            data-cancelled=t!(l, secure.passkey_cancelled)
            data-known=t!(l, secure.passkey_known)
            data-failed=t!(l, secure.passkey_wrong)
            hidden
        >
            {visit.csrf_field()}
            {wrong()}
            {Field::new("name", t!(l, secure.passkey_name)).hint(t!(l, secure.passkey_name_hint)).value(suggestion).view()}
            {password}
            <button class="btn alt">{icon(Icon::Key)}{t!(l, secure.passkey_add)}</button>
        </form>
        {script(visit)}
    }
}
