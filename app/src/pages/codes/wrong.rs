//! `/q/{code}/wrong`: a resident says that something is wrong with the sticker. Nothing is kept of who says it.

use crate::{
    components::{
        admin::area,
        art::{STICKER, art},
        field::titled_summary,
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, text_error, wait},
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    contact_point::{self, About},
    sticker::{self, Heard, ReportError, Reported},
};
use i18n::t;
use leptos::prelude::*;
use model::{Language, PointCode, ReportReason};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Form {
    reason: String,
    body: String,
    #[serde(skip)]
    reason_error: Option<String>,
    #[serde(skip)]
    body_error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    heard: Option<String>,
}

pub async fn show(visit: Visit, Path(typed): Path<String>, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let (code, about) = about(&visit, &typed).await?;
    if let Some(heard) = asked.heard {
        return Ok(thanks(&visit, &about, if heard == KNOWN { Heard::Known } else { Heard::Kept }));
    }
    Ok(page(&visit, &code, &about, Form::default(), StatusCode::OK))
}

async fn about(visit: &Visit, typed: &str) -> Result<(PointCode, About), AppError> {
    let code = PointCode::read(typed).ok_or(AppError::NotFound)?;
    let about = contact_point::about(&visit.app.domain, &code).await?.ok_or(AppError::NotFound)?;
    Ok((code, about))
}

pub async fn send(visit: Visit, Path(typed): Path<String>, Posted(mut form): Posted<Form>) -> Result<Response, AppError> {
    let l = visit.language;
    let (code, about) = about(&visit, &typed).await?;
    let reported = Reported { reason: &form.reason, body: &form.body, device: visit.device.as_ref().map(|device| device.id), address: visit.address };
    match sticker::report(&visit.app.domain, &code, reported).await {
        Ok(heard) => {
            let word = if heard == Heard::Known { KNOWN } else { "yes" };
            return Ok(Redirect::to(&format!("/q/{code}/wrong?heard={word}")).into_response());
        }
        Err(ReportError::NoReason) => form.reason_error = Some(t!(l, codes.wrong_choose)),
        Err(ReportError::Text(e)) => form.body_error = Some(text_error(l, e)),
        Err(ReportError::TooMany(over)) => {
            form.body_error = Some(t!(l, resident.too_many, seconds = over.seconds));
            return Ok(wait(page(&visit, &code, &about, form, StatusCode::TOO_MANY_REQUESTS), over.seconds));
        }
        Err(ReportError::NotFound) => return Err(AppError::NotFound),
        Err(ReportError::Store(e)) => return Err(e.into()),
    }
    Ok(page(&visit, &code, &about, form, StatusCode::UNPROCESSABLE_ENTITY))
}

pub fn reason_text(l: Language, reason: ReportReason) -> String {
    match reason {
        ReportReason::Place => t!(l, codes.reason_place),
        ReportReason::Damaged => t!(l, codes.reason_damaged),
        ReportReason::Fake => t!(l, codes.reason_fake),
        ReportReason::Other => t!(l, codes.reason_other),
    }
}

fn page(visit: &Visit, code: &PointCode, about: &About, form: Form, status: StatusCode) -> Response {
    let l = visit.language;
    let wrong: Vec<(&'static str, String)> =
        [("reason-place", &form.reason_error), ("body", &form.body_error)].into_iter().filter_map(|(id, e)| Some((id, e.clone()?))).collect();
    let is_bad = form.reason_error.is_some();
    let option = |reason: &ReportReason| {
        let id = format!("reason-{reason}");
        let is_chosen = form.reason == reason.as_str();
        view! {
            <div class="pick">
                <input
                    type="radio"
                    id=id.clone()
                    name="reason"
                    value=reason.as_str()
                    checked=is_chosen
                    required
                    aria-describedby=is_bad.then_some("reason-e")
                />
                <label for=id>{reason_text(l, *reason)}</label>
            </div>
        }
    };
    let options: Vec<_> = ReportReason::ALL.iter().map(option).collect();
    let main = view! {
        <main id="main" class="col page">
            <h1>{t!(l, codes.wrong_title)}</h1>
            <p>{about.unit_in(l).to_owned()}" · "{about.place_in(l).to_owned()}</p>
            <p>{t!(l, codes.wrong_text)}</p>
            <form class="task" method="post" action=format!("/q/{code}/wrong")>
                {visit.csrf_field()}
                {(!wrong.is_empty()).then(|| titled_summary(t!(l, admin.please_correct), wrong))}
                <fieldset class=if is_bad { "f bad" } else { "f" }>
                    <legend>{t!(l, codes.wrong_reason)}</legend>
                    {field_error("reason", form.reason_error)}
                    {options}
                </fieldset>
                {area("body", t!(l, codes.wrong_body), form.body, 3, Some(t!(l, codes.wrong_body_hint)), form.body_error)}
                <button class="btn wide">{t!(l, codes.wrong_send)}</button>
            </form>
            <div class="banner time">{icon(Icon::Alert)}<div><p>{t!(l, codes.wrong_phone)}</p></div></div>
        </main>
    };
    Page::new(visit, t!(l, codes.wrong_title)).unit(about.unit_in(l)).status(status).render(main)
}

/// In the address after a report that many had made before.
const KNOWN: &str = "known";

fn thanks(visit: &Visit, about: &About, heard: Heard) -> Response {
    let l = visit.language;
    let title = match heard {
        Heard::Kept => t!(l, codes.wrong_thanks),
        Heard::Known => t!(l, codes.wrong_known),
    };
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&STICKER)}<h1>{title.clone()}</h1><p>{t!(l, codes.wrong_thanks_text, unit = about.unit_in(l).to_owned())}</p>
            </div>
            <div class="banner time">{icon(Icon::Alert)}<div><p>{t!(l, codes.wrong_phone)}</p></div></div>
        </main>
    };
    Page::new(visit, title).unit(about.unit_in(l)).render(main)
}
