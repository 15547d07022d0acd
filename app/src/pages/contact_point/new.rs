//! `/admin/posts/{id}/contact-points/new`: a code for a place.

use super::admin::{Form, fields};
use crate::{
    components::admin::crumb_links,
    error::AppError,
    form::Posted,
    pages::unit::named,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    contact_point::{self, PointError},
    post,
};
use i18n::t;
use leptos::prelude::*;
use model::PostId;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PostId>) -> Result<Response, AppError> {
    page(&visit, &admin, id, Form::default(), StatusCode::OK).await
}

pub async fn create(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PostId>, Posted(mut form): Posted<Form>) -> Result<Response, AppError> {
    match contact_point::create(&visit.app.domain, &admin, id, form.typed()).await {
        Ok(point) => Ok(Redirect::to(&format!("/admin/contact-points/{point}")).into_response()),
        Err(PointError::Invalid(mistakes)) => {
            form.mistakes = mistakes;
            page(&visit, &admin, id, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(PointError::Store(e)) => Err(e.into()),
        Err(PointError::NotFound | PointError::Revoked | PointError::Replaced) => Err(AppError::NotFound),
    }
}

async fn page(visit: &Visit, admin: &Admin, id: PostId, form: Form, status: StatusCode) -> Result<Response, AppError> {
    let view = post::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let name = named(&view.post.title, Some(&view.line.unit_name));
    let mut links: Vec<(String, String)> = view.above.iter().map(|u| (format!("/admin/units/{}", u.id), u.name.clone())).collect();
    links.push((format!("/admin/posts/{id}"), view.post.title.clone()));
    let title = t!(l, admin.point_for, name = name);
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, links)}
            <h1>{title.clone()}</h1>
            <form class="task" method="post">
                {visit.csrf_field()}
                {fields(l, form)}
                <button class="btn">{t!(l, admin.make_point)}</button>
                <p class="hint">{t!(l, admin.make_point_hint)}</p>
            </form>
        </main>
    };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}
