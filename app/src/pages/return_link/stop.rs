//! `/r/{token}/stop`: no more mails. A mail program may post here by itself (RFC 8058): no cookie and no token, because the link is signed and
//! all it can do is stop a mail.

use crate::{
    components::art::{LETTER, art},
    error::AppError,
    shell::Page,
    visit::Visit,
};
use axum::{extract::Path, http::StatusCode, response::Response};
use domain::return_link::{self, Stop};
use i18n::t;
use leptos::prelude::*;

pub async fn show(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    let found = return_link::find_stop(&visit.app.domain, &token).await?;
    Ok(page(&visit, found))
}

pub async fn stop(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    let found = return_link::stop(&visit.app.domain, &token).await?;
    Ok(page(&visit, found))
}

fn page(visit: &Visit, found: Option<Stop>) -> Response {
    let l = visit.language;
    let Some(found) = found else {
        let main = view! {
            <main id="main" class="col page">
                <div class="empty">{art(&LETTER)}<h1>{t!(l, mail.stop_unknown)}</h1><p>{t!(l, mail.stop_unknown_text)}</p></div>
            </main>
        };
        return Page::new(visit, t!(l, mail.stop_unknown)).status(StatusCode::NOT_FOUND).render(main);
    };
    let (title, rest) = if found.is_stopped {
        let rest = view! { <p>{t!(l, mail.stopped_text)}</p><p><a class="btn" href="/c">{t!(l, resident.see_mine)}</a></p> };
        (t!(l, mail.stopped), rest.into_any())
    } else {
        let rest = view! {
            <p>{t!(l, mail.stop_text, unit = found.answer.unit_in(l))}</p>
            <form method="post">{visit.csrf_field()}<button class="btn wide">{t!(l, mail.stop_button)}</button></form>
        };
        (t!(l, mail.stop_title), rest.into_any())
    };
    let main = view! { <main id="main" class="col page"><div class="empty">{art(&LETTER)}<h1>{title.clone()}</h1>{rest}</div></main> };
    Page::new(visit, title).unit(found.answer.unit_in(l)).render(main)
}
