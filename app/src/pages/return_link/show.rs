//! `/r/{token}`: the way back from a mail. Looking changes nothing, because mail programs and virus scanners look too; the button opens the
//! conversation on this device.

use crate::{
    components::art::{LETTER, art},
    error::AppError,
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::return_link;
use i18n::t;
use leptos::prelude::*;

pub async fn show(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    let l = visit.language;
    let Some(found) = return_link::find(&visit.app.domain, visit.device.as_ref(), &token).await? else { return Ok(over(&visit)) };
    if found.has_access {
        return Ok(Redirect::to(&format!("/c/{}", found.answer.conversation_id)).into_response());
    }
    let title = match &found.to {
        Some(card) => t!(l, mail.hand_over_subject, name = card.name_in(l)),
        None => t!(l, mail.answer_subject, name = found.answer.name_in(l)),
    };
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&LETTER)}<h1>{title}</h1><p>{t!(l, mail.return_text)}</p>
                <form method="post">{visit.csrf_field()}<button class="btn wide">{t!(l, mail.return_open)}</button></form>
            </div>
        </main>
    };
    Ok(Page::new(&visit, t!(l, mail.return_title)).unit(found.answer.unit_in(l)).render(main))
}

pub async fn open(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    let device_key = visit.device_key.clone().unwrap_or_else(|| visit.new_device_key());
    let Some(id) = return_link::open(&visit.app.domain, &device_key, &token, visit.language).await? else { return Ok(over(&visit)) };
    let mut response = Redirect::to(&format!("/c/{id}")).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&visit.device_cookie(&device_key)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn over(visit: &Visit) -> Response {
    let l = visit.language;
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&LETTER)}<h1>{t!(l, mail.return_over)}</h1><p>{t!(l, mail.return_over_text)}</p>
                <p><a class="btn" href="/claim">{t!(l, resident.have_claim)}</a></p>
            </div>
        </main>
    };
    Page::new(visit, t!(l, mail.return_over)).status(StatusCode::NOT_FOUND).render(main)
}
