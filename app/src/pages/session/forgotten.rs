//! `/sign-in/forgotten`: a link to set a new password, by mail. What is said does not tell who has a login.

use super::Brought;
use crate::{
    components::{
        field::{Field, summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, text_error},
    shell::Page,
    visit::Visit,
};
use axum::{
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{forgotten, sign_in::Asked, trial};
use i18n::{t, when};
use leptos::prelude::*;
use model::text;
use serde::Deserialize;

pub async fn show(visit: Visit) -> Result<Response, AppError> {
    Ok(page(&visit, &Typed::default(), None, trial::is_any(&visit.app.domain).await?))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    email: String,
}

pub async fn ask(visit: Visit, headers: HeaderMap, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    if !visit.app.sends_mail {
        return Ok(page(&visit, &typed, None, false));
    }
    if let Err(e) = text::email(&typed.email) {
        return Ok(page(&visit, &typed, Some(text_error(l, e)), trial::is_any(domain).await?));
    }
    domain.limits.forgotten(visit.address).map_err(|e| AppError::TooMany { seconds: e.seconds })?;
    let known = Brought::read(&visit.app, &headers).known();
    forgotten::ask(domain, &typed.email, Asked { address: visit.address, known });
    let title = t!(l, secure.forgotten_sent);
    let time = when::duration(l, forgotten::MINUTES * 60);
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            <div class="banner" role="status">{icon(Icon::Mail)}<div><p>{t!(l, secure.forgotten_sent_text, email = typed.email.trim().to_owned(), time = time)}</p></div></div>
            <p class="soft">{t!(l, secure.forgotten_none)}</p>
            <p><a href="/sign-in">{t!(l, account.sign_in)}</a></p>
        </main>
    };
    Ok(Page::new(&visit.on("/sign-in/forgotten".to_owned()), title).render(main).into_response())
}

fn page(visit: &Visit, typed: &Typed, error: Option<String>, is_trial: bool) -> Response {
    let l = visit.language;
    let title = t!(l, secure.forgotten);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let summary = summary(l, &[("email", error.clone())]);
    let trial = is_trial.then(|| view! { <p>{t!(l, secure.forgotten_trial)}</p> });
    let body = if visit.app.sends_mail {
        let email = Field::new("email", t!(l, account.email)).kind("email").autocomplete("username").value(typed.email.clone()).error(error);
        view! {
            <p>{t!(l, secure.forgotten_text)}</p>
            {trial}
            <form method="post" action="/sign-in/forgotten">
                {visit.csrf_field()}
                {email.view()}
                <button class="btn wide">{t!(l, secure.forgotten_send)}</button>
            </form>
            <p class="soft">{t!(l, secure.forgotten_none)}</p>
        }
        .into_any()
    } else {
        view! { <p>{t!(l, account.forgotten)}</p> }.into_any()
    };
    let main = view! { <main id="main" class="col page"><h1>{title.clone()}</h1>{summary}{body}<p><a href="/sign-in">{t!(l, common.back)}</a></p></main> };
    Page::new(visit, title).status(status).render(main)
}
