//! `/admin/staff/{id}/absences`: when one of the admin's staff will be away, and who stands in.

use super::view::{Draft, mistakes, sections};
use crate::{
    components::admin::{Done, crumb_links, saved},
    error::AppError,
    form::Posted,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Admin, absence};
use i18n::t;
use leptos::prelude::*;
use model::StaffId;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<StaffId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, done.saved.is_some(), Draft::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<StaffId>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let done = match draft.intent.as_str() {
        "end" => absence::end_for(domain, &admin, id, draft.id()?).await,
        _ => absence::plan_for(domain, &admin, id, draft.typed()).await,
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/admin/staff/{id}/absences?saved=1")).into_response()),
        Err(e) => {
            let name = absence::of(domain, &admin, id).await?.ok_or(AppError::NotFound)?.name;
            draft.errors = mistakes(&visit, e, Some(&name))?;
            page(&visit, &admin, id, false, draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

async fn page(visit: &Visit, admin: &Admin, id: StaffId, is_saved: bool, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let l = visit.language;
    let view = absence::of(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let title = t!(l, people.absences_of, name = view.name.clone());
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/staff".to_owned(), t!(l, admin.staff)), (format!("/admin/staff/{id}"), view.name.clone())])}
            <h1>{title.clone()}</h1>
            <p>{t!(l, people.absences_text)}</p>
            {saved(l, is_saved)}
            {sections(visit, &view, draft)}
        </main>
    };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}
