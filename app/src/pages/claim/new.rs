//! `/claim` and `/claim/{code}`: the code typed or scanned. Looking changes nothing; the button opens the conversation on this device.

use crate::{
    error::AppError,
    form::{self, Posted, field_error},
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::claim::{self, ClaimError};
use i18n::t;
use leptos::prelude::*;
use model::ClaimCode;
use serde::Deserialize;

pub async fn empty(visit: Visit) -> Response {
    page(&visit, "", None, StatusCode::OK)
}

pub async fn filled(visit: Visit, Path(code): Path<String>) -> Response {
    page(&visit, &code, None, StatusCode::OK)
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    code: String,
}

pub async fn open(visit: Visit, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let l = visit.language;
    let unknown = |visit: &Visit| page(visit, &typed.code, Some(t!(l, resident.claim_unknown)), StatusCode::UNPROCESSABLE_ENTITY);
    let Some(code) = ClaimCode::read(&typed.code) else { return Ok(unknown(&visit)) };
    let device_key = visit.device_key.clone().unwrap_or_else(|| visit.new_device_key());
    match claim::open(&visit.app.domain, &device_key, &code, l, visit.address).await {
        Ok(id) => {
            let mut response = Redirect::to(&format!("/c/{id}")).into_response();
            if let Ok(cookie) = HeaderValue::from_str(&visit.device_cookie(&device_key)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(ClaimError::NotFound) => Ok(unknown(&visit)),
        Err(ClaimError::TooMany(wait)) => {
            let error = t!(l, resident.claim_too_many, seconds = wait.seconds);
            Ok(form::wait(page(&visit, &typed.code, Some(error), StatusCode::TOO_MANY_REQUESTS), wait.seconds))
        }
        Err(ClaimError::Store(e)) => Err(e.into()),
    }
}

fn page(visit: &Visit, typed: &str, error: Option<String>, status: StatusCode) -> Response {
    let l = visit.language;
    let typed: String = typed.chars().filter(|c| !c.is_control()).take(40).collect();
    let shown = ClaimCode::read(&typed).map_or(typed, |code| code.grouped().replace(' ', "-"));
    let is_bad = error.is_some();
    let main = view! {
        <main id="main" class="col page">
            <h1>{t!(l, resident.claim_link)}</h1>
            <p>{t!(l, resident.claim_intro)}</p>
            <form method="post" action="/claim">
                {visit.csrf_field()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="code">{t!(l, resident.claim_code)}</label>
                    <p class="hint" id="code-h">{t!(l, resident.claim_example)}</p>
                    {field_error("code", error)}
                    <input
                        class="in code"
                        id="code"
                        name="code"
                        value=shown
                        autocomplete="off"
                        autocapitalize="characters"
                        spellcheck="false"
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "code-h code-e" } else { "code-h" }
                    />
                </div>
                <button class="btn wide">{t!(l, resident.claim_open)}</button>
            </form>
        </main>
    };
    Page::new(visit, t!(l, resident.claim_link)).status(status).render(main)
}
