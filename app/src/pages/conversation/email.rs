//! `POST /c/{id}/email`: where to be told of an answer.

use super::show::{Draft, page_with_email};
use crate::{
    components::icon::{Icon, icon},
    error::AppError,
    form::{Posted, field_error, text_error},
    visit::{Resident, Visit},
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::conversation::{self, SendError, View};
use i18n::t;
use leptos::prelude::*;
use model::ConversationId;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    email: String,
}

/// What was typed and what is wrong with it.
pub struct Mistake {
    pub typed: String,
    pub error: String,
}

pub async fn keep(visit: Visit, Resident(device): Resident, Path(id): Path<ConversationId>, Posted(form): Posted<Address>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    match conversation::set_email(domain, &device, id, &form.email, visit.language).await {
        Ok(()) => Ok(Redirect::to(&format!("/c/{id}")).into_response()),
        Err(SendError::Text(e)) => {
            let view = conversation::view(domain, &device, id, None).await?.ok_or(AppError::NotFound)?;
            let mistake = Mistake { typed: form.email, error: text_error(visit.language, e) };
            let visit = visit.on(format!("/c/{id}"));
            Ok(page_with_email(&visit, &view, Draft::new(&visit), StatusCode::UNPROCESSABLE_ENTITY, Some(mistake)))
        }
        Err(SendError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

pub fn fold(visit: &Visit, view: &View, mistake: Option<Mistake>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = mistake.is_some();
    let (typed, error) = mistake.map_or((view.email.clone().unwrap_or_default(), None), |m| (m.typed, Some(m.error)));
    let title = match &view.email {
        Some(email) => t!(l, resident.email_kept, email = email.clone()),
        None => t!(l, resident.email_title),
    };
    let hint = if view.is_trial { t!(l, secure.trial_email_hint) } else { t!(l, resident.email_hint) };
    view! {
        <details class="fold" open=is_bad.then_some("")>
            <summary>{icon(Icon::Mail)}<span>{title}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <form class="body" method="post" action=format!("/c/{}/email", view.conversation.id)>
                {visit.csrf_field()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="email">{t!(l, resident.email)}</label>
                    <p class="hint" id="email-h">{hint}</p>
                    {field_error("email", error)}
                    <input
                        class="in"
                        id="email"
                        name="email"
                        type="email"
                        autocomplete="email"
                        value=typed
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "email-h email-e" } else { "email-h" }
                    />
                </div>
                <button class="btn alt">{t!(l, common.save)}</button>
            </form>
        </details>
    }
}
