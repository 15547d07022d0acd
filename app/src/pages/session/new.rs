//! `/sign-in`: e-mail and password.

use super::{Brought, keep};
use crate::{
    components::field::{Field, titled_summary},
    error::AppError,
    form::{self, Posted},
    pages::{home::local, second_factor},
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Query,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    caller,
    sign_in::{self, SignInError},
};
use i18n::{t, when};
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Back {
    /// The page that asked for a signed-in member of staff.
    #[serde(default)]
    back: String,
}

pub async fn show(visit: Visit, Query(Back { back }): Query<Back>, headers: HeaderMap) -> Result<Response, AppError> {
    let app = &visit.app;
    if let Some(key) = crate::visit::secret_of(app, &headers, crate::visit::SESSION)
        && caller::staff(&app.domain, &key).await?.is_some()
    {
        return Ok(Redirect::to(onward(&back)).into_response());
    }
    Ok(page(&visit, &Typed { back, ..Typed::default() }, None, StatusCode::OK))
}

/// Where to go once signed in.
pub fn onward(back: &str) -> &str {
    match local(back) {
        "/" => "/inbox",
        path => path,
    }
}

#[derive(Default, Deserialize)]
pub struct Typed {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    back: String,
}

pub async fn sign_in(visit: Visit, headers: HeaderMap, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let l = visit.language;
    let brought = Brought::read(&visit.app, &headers);
    match sign_in::sign_in(&visit.app.domain, &typed.email, &typed.password, brought.browser(&visit)).await {
        Ok(signed_in) => keep(&visit.app, &signed_in, Redirect::to(onward(&typed.back)).into_response()),
        Err(SignInError::SecondFactor { ticket }) => second_factor::ask(&visit.app, &ticket, &typed.back),
        Err(SignInError::Wrong) => Ok(page(&visit, &typed, Some(t!(l, account.wrong)), StatusCode::UNPROCESSABLE_ENTITY)),
        Err(SignInError::Wait { seconds }) => {
            let wait = when::duration(l, i64::try_from(seconds).unwrap_or(i64::MAX));
            Ok(form::wait(page(&visit, &typed, Some(t!(l, account.wait, wait = wait)), StatusCode::TOO_MANY_REQUESTS), seconds))
        }
        Err(SignInError::Store(e)) => Err(e.into()),
    }
}

fn page(visit: &Visit, typed: &Typed, error: Option<String>, status: StatusCode) -> Response {
    let l = visit.language;
    let summary = error.clone().map(|e| titled_summary(t!(l, account.not_signed_in), vec![("email", e)]));
    let email = Field::new("email", t!(l, account.email)).kind("email").autocomplete("username").value(typed.email.clone()).error(error);
    let password = Field::new("password", t!(l, account.password)).kind("password").autocomplete("current-password");
    let main = view! {
        <main id="main" class="col page">
            <h1>{t!(l, account.sign_in_title)}</h1>
            {summary}
            <form method="post" action="/sign-in">
                <input type="hidden" name="back" value=typed.back.clone()/>
                {visit.csrf_field()}
                {email.view()}
                {password.view()}
                <button class="btn wide">{t!(l, account.sign_in)}</button>
            </form>
            {second_factor::sign_in_form(visit, &typed.back)}
            <p><a href="/sign-in/forgotten">{t!(l, secure.forgotten)}</a></p>
            <p class="soft">{t!(l, account.resident_hint)}</p>
        </main>
    };
    Page::new(&visit.on(format!("/sign-in?back={}", crate::routes::encode(&typed.back))), t!(l, account.sign_in_title)).status(status).render(main)
}
