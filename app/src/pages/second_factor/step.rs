//! `/sign-in/second`: the code of the app, a recovery code or a passkey, after the password was right.

use super::{passkey::step_form, ticket_of, without_ticket};
use crate::{
    components::field::{Field, titled_summary},
    error::AppError,
    form::{self, Posted},
    pages::session::{Brought, keep, onward},
    routes::encode,
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Query,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::second_factor::{self, Step, StepError};
use i18n::{t, when};
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    code: String,
    back: String,
}

/// Back to the first step.
fn again(back: &str) -> Response {
    Redirect::to(&format!("/sign-in?back={}", encode(back))).into_response()
}

pub async fn show(visit: Visit, Query(typed): Query<Typed>, headers: HeaderMap) -> Result<Response, AppError> {
    let Some(ticket) = ticket_of(&visit.app, &headers) else { return Ok(again(&typed.back)) };
    let Some(step) = second_factor::step(&visit.app.domain, &ticket).await? else { return Ok(again(&typed.back)) };
    Ok(page(&visit, step, &typed.back, None, StatusCode::OK))
}

pub async fn sign_in(visit: Visit, headers: HeaderMap, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let Some(ticket) = ticket_of(&visit.app, &headers) else { return Ok(again(&typed.back)) };
    let brought = Brought::read(&visit.app, &headers);
    let (words, status, seconds) = match second_factor::sign_in(domain, &ticket, &typed.code, brought.browser(&visit)).await {
        Ok(signed_in) => return Ok(without_ticket(&visit.app, keep(&visit.app, &signed_in, Redirect::to(onward(&typed.back)).into_response())?)),
        Err(StepError::Over) => return Ok(again(&typed.back)),
        Err(StepError::Wrong) => (t!(l, secure.code_wrong), StatusCode::UNPROCESSABLE_ENTITY, None),
        Err(StepError::Wait { seconds }) => {
            let wait = when::duration(l, i64::try_from(seconds).unwrap_or(i64::MAX));
            (t!(l, secure.step_wait, wait = wait), StatusCode::TOO_MANY_REQUESTS, Some(seconds))
        }
        Err(StepError::Store(e)) => return Err(e.into()),
    };
    let Some(step) = second_factor::step(domain, &ticket).await? else { return Ok(again(&typed.back)) };
    let response = page(&visit, step, &typed.back, Some(words), status);
    Ok(match seconds {
        Some(seconds) => form::wait(response, seconds),
        None => response,
    })
}

fn page(visit: &Visit, step: Step, back: &str, error: Option<String>, status: StatusCode) -> Response {
    let l = visit.language;
    let title = t!(l, secure.step_title);
    let summary = error.clone().map(|e| titled_summary(t!(l, account.not_signed_in), vec![("code", e)]));
    let has_code = step.has_app || step.has_recovery_codes;
    let hint = if step.has_app { t!(l, secure.step_hint) } else { t!(l, secure.step_hint_codes) };
    let code = has_code.then(|| {
        let field = Field::new("code", t!(l, secure.code)).autocomplete("one-time-code").hint(hint).error(error);
        view! {
            <form method="post" action="/sign-in/second">
                <input type="hidden" name="back" value=back.to_owned()/>
                {visit.csrf_field()}
                {field.view()}
                <button class="btn wide">{t!(l, account.sign_in)}</button>
            </form>
        }
    });
    let passkey = step.has_passkeys.then(|| step_form(visit, back));
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            {summary}
            {passkey}
            {code}
            <p class="soft">{t!(l, secure.step_lost)}</p>
        </main>
    };
    Page::new(&visit.on(format!("/sign-in/second?back={}", encode(back))), title).status(status).render(main)
}
