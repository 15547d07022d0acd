//! `/account/absences`: when I shall be away, and who stands in for me.

use super::view::{Draft, mistakes, sections};
use crate::{
    components::admin::{Done, crumb_links, saved},
    error::AppError,
    form::Posted,
    shell::Page,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Staff, absence};
use i18n::t;
use leptos::prelude::*;

pub async fn show(visit: Visit, SignedIn(staff): SignedIn, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &staff, done.saved.is_some(), Draft::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, SignedIn(staff): SignedIn, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let done = match draft.intent.as_str() {
        "end" => absence::end(domain, &staff, draft.id()?).await,
        _ => absence::plan(domain, &staff, draft.typed()).await,
    };
    match done {
        Ok(()) => Ok(Redirect::to("/account/absences?saved=1").into_response()),
        Err(e) => {
            draft.errors = mistakes(&visit, e, None)?;
            page(&visit, &staff, false, draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

async fn page(visit: &Visit, staff: &Staff, is_saved: bool, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let l = visit.language;
    let view = absence::mine(&visit.app.domain, staff).await?;
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/account".to_owned(), staff.name.clone())])}
            <h1>{t!(l, people.absences)}</h1>
            <p>{t!(l, people.absences_text)}</p>
            {saved(l, is_saved)}
            {sections(visit, &view, draft)}
        </main>
    };
    Ok(Page::new(visit, t!(l, people.absences)).status(status).body_class("at-desk").for_staff(staff).await?.render(main))
}
