//! `/inbox/{id}/hand-over`: another post takes the conversation; the deadline stays.

use super::show::{Shown, mistake, page};
use crate::{
    components::icon::{Icon, icon},
    error::AppError,
    form::{Posted, field_error, inside},
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::desk::{self, DeskError, Target, View};
use i18n::t;
use leptos::prelude::*;
use model::{ConversationId, Language, PostId};
use serde::Deserialize;

/// What was typed, and what is wrong with it.
#[derive(Deserialize)]
pub struct Handing {
    post: Option<PostId>,
    #[serde(default)]
    reason: String,
    #[serde(skip)]
    error: Option<String>,
}

pub async fn hand_over(visit: Visit, SignedIn(staff): SignedIn, Path(id): Path<ConversationId>, Posted(form): Posted<Handing>) -> Result<Response, AppError> {
    let outcome = match form.post {
        Some(post) => desk::hand_over(&visit.app.domain, &staff, id, post, &form.reason).await,
        None => Err(DeskError::NotATarget),
    };
    match outcome {
        Ok(()) => Ok(Redirect::to("/inbox?done=handed_over").into_response()),
        Err(e) => {
            let handing = Handing { error: Some(mistake(visit.language, e)?), ..form };
            let shown = Shown { status: StatusCode::UNPROCESSABLE_ENTITY, handing: Some(handing), ..Shown::new(&visit) };
            page(&visit.on(format!("/inbox/{id}")), &staff, id, shown).await
        }
    }
}

/// The button in the conversation's head, with the form behind it.
pub fn menu(visit: &Visit, view: &View, handing: Option<&Handing>) -> impl IntoView + use<> {
    let l = visit.language;
    let id = view.standing.conversation.id;
    let error = handing.and_then(|h| h.error.clone());
    let is_bad = error.is_some();
    let option = |target: &Target| {
        let is_chosen = handing.is_some_and(|h| h.post == Some(target.id));
        view! { <option value=target.id.to_string() selected=is_chosen>{name(l, target)}</option> }
    };
    let form = if view.targets.is_empty() {
        view! { <div class="panel"><p>{t!(l, inbox.no_target)}</p></div> }.into_any()
    } else {
        view! {
            <form class="panel" method="post" action=format!("/inbox/{id}/hand-over")>
                {visit.csrf_field()}
                <div class="f">
                    <label for="post">{t!(l, inbox.hand_over_to)}</label>
                    <select class="in" id="post" name="post">{view.targets.iter().map(option).collect::<Vec<_>>()}</select>
                </div>
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="reason">{t!(l, inbox.hand_over_why)}</label>
                    <p class="hint" id="reason-h">{t!(l, inbox.hand_over_hint)}</p>
                    {field_error("reason", error)}
                    <textarea
                        class="in"
                        id="reason"
                        name="reason"
                        rows="2"
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "reason-h reason-e" } else { "reason-h" }
                    >{handing.map(|h| inside(h.reason.as_str()))}</textarea>
                </div>
                <button class="btn">{t!(l, inbox.hand_over_do)}</button>
            </form>
        }
        .into_any()
    };
    view! {
        <details class="menu" open=is_bad><summary class="btn alt" data-key="h">{icon(Icon::Hand)}{t!(l, inbox.hand_over)}</summary>{form}</details>
    }
}

fn name(l: Language, target: &Target) -> String {
    let (unit, title) = (target.unit_name.clone(), target.title.clone());
    match &target.staff_name {
        Some(name) => t!(l, inbox.target, unit = unit, title = title, name = name.clone()),
        None => t!(l, inbox.group, unit = unit, title = title),
    }
}
