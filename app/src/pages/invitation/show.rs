//! `/invitation/{token}`: choose name and password. Looking changes nothing, so a mail scanner that follows the link uses nothing up.

use crate::{
    components::{
        art::{LETTER, art},
        field::{Field, summary},
    },
    error::AppError,
    form::{Posted, text_error},
    pages::{
        second_factor,
        session::{Brought, keep},
    },
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::invitation::{self, AcceptError, InvitationError, Invited};
use i18n::t;
use leptos::prelude::*;
use serde::Deserialize;

pub async fn show(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    match invitation::find(&visit.app.domain, &token).await {
        Ok(invited) => Ok(page(&visit, &token, &invited, &invited.name, (None, None))),
        Err(e) => gone(&visit, e),
    }
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

pub async fn accept(visit: Visit, Path(token): Path<String>, headers: HeaderMap, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let l = visit.language;
    let brought = Brought::read(&visit.app, &headers);
    match invitation::accept(domain, &token, &typed.name, &typed.password, brought.browser(&visit)).await {
        Ok(signed_in) => keep(&visit.app, &signed_in, Redirect::to("/inbox").into_response()),
        Err(AcceptError::Invalid { name, password }) => {
            let errors = (name.map(|e| text_error(l, e)), password.map(|e| text_error(l, e)));
            match invitation::find(domain, &token).await {
                Ok(invited) => Ok(page(&visit, &token, &invited, &typed.name, errors)),
                Err(e) => gone(&visit, e),
            }
        }
        Err(AcceptError::SecondFactor { ticket }) => second_factor::ask(&visit.app, &ticket, ""),
        Err(AcceptError::Invitation(e)) => gone(&visit, e),
    }
}

fn page(visit: &Visit, token: &str, invited: &Invited, name: &str, errors: (Option<String>, Option<String>)) -> Response {
    let l = visit.language;
    let is_bad = errors.0.is_some() || errors.1.is_some();
    let title = if invited.is_again { t!(l, account.again) } else { t!(l, account.welcome, name = invited.name.clone()) };
    let button = if invited.is_again { t!(l, account.again_set) } else { t!(l, account.begin) };
    let text = match invited.is_again {
        true => t!(l, account.again_text, email = invited.email.clone()),
        false => t!(l, account.welcome_text, email = invited.email.clone()),
    };
    let summary = summary(l, &[("name", errors.0.clone()), ("password", errors.1.clone())]);
    let name = Field::new("name", t!(l, account.name)).hint(t!(l, account.name_hint)).autocomplete("name").value(name).error(errors.0);
    let password =
        Field::new("password", t!(l, account.password)).kind("password").hint(t!(l, account.password_hint)).autocomplete("new-password").error(errors.1);
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            {summary}
            <p class="lead">{text}</p>
            <form method="post" action=format!("/invitation/{token}")>
                {visit.csrf_field()}
                // So that the browser keeps the password under the right address.
                <input type="hidden" name="email" value=invited.email.clone() autocomplete="username"/>
                {(!invited.is_again).then(|| name.view())}
                {password.view()}
                <button class="btn wide">{button}</button>
            </form>
        </main>
    };
    let status = if is_bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(visit, title).status(status).render(main)
}

fn gone(visit: &Visit, e: InvitationError) -> Result<Response, AppError> {
    let l = visit.language;
    let (status, title, text) = match e {
        InvitationError::Unknown => (StatusCode::NOT_FOUND, t!(l, account.invitation_unknown), t!(l, account.invitation_unknown_text)),
        InvitationError::Expired => (StatusCode::GONE, t!(l, account.invitation_expired), t!(l, account.invitation_expired_text)),
        InvitationError::Used => (StatusCode::GONE, t!(l, account.invitation_used), t!(l, account.invitation_used_text)),
        InvitationError::Store(e) => return Err(e.into()),
    };
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&LETTER)}<h1>{title.clone()}</h1><p>{text}</p>
                <p><a class="btn" href="/sign-in">{t!(l, account.sign_in)}</a></p>
            </div>
        </main>
    };
    Ok(Page::new(visit, title).status(status).render(main))
}
