//! `/admin/units/{id}/posts/new`: a post in a unit.

use crate::{
    components::{
        admin::{area, crumbs},
        field::{Field, titled_summary},
    },
    error::AppError,
    form::{Posted, text_error},
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
    post::{self, Mistakes, PostError, Typed},
    unit,
};
use i18n::t;
use leptos::prelude::*;
use model::{UnitId, text::TextError};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    title: String,
    title_en: String,
    welcome: String,
    #[serde(skip)]
    mistakes: Mistakes,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>) -> Result<Response, AppError> {
    page(&visit, &admin, id, Draft::default(), StatusCode::OK).await
}

pub async fn create(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let typed = Typed { title: &draft.title, title_en: &draft.title_en, welcome: &draft.welcome };
    match post::create(&visit.app.domain, &admin, id, typed).await {
        Ok(post) => Ok(Redirect::to(&format!("/admin/posts/{post}")).into_response()),
        Err(PostError::Invalid(mistakes)) => {
            draft.mistakes = mistakes;
            page(&visit, &admin, id, draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(PostError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn page(visit: &Visit, admin: &Admin, id: UnitId, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let (unit, mut above) = unit::parent(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let title = t!(l, admin.post_at, name = unit.name.clone());
    above.push(unit);
    let error = |e: Option<TextError>| e.map(|e| text_error(l, e));
    let Mistakes { title: title_error, title_en: title_en_error, welcome: welcome_error } = draft.mistakes;
    let (title_error, title_en_error, welcome_error) = (error(title_error), error(title_en_error), error(welcome_error));
    let wrong: Vec<(&'static str, String)> = [("title", &title_error), ("title_en", &title_en_error), ("welcome", &welcome_error)]
        .into_iter()
        .filter_map(|(id, e)| Some((id, e.clone()?)))
        .collect();
    let sum = (!wrong.is_empty()).then(|| view! { <div class="task">{titled_summary(t!(l, admin.please_correct), wrong)}</div> });
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &above)}
            <h1>{title.clone()}</h1>
            {sum}
            <form class="task" method="post">
                {visit.csrf_field()}
                {Field::new("title", t!(l, admin.post_title)).value(draft.title).hint(t!(l, admin.post_title_hint)).error(title_error).view()}
                {Field::new("title_en", t!(l, admin.post_title_en)).value(draft.title_en).optional().hint(t!(l, admin.english_hint)).error(title_en_error).view()}
                {area("welcome", t!(l, admin.welcome), draft.welcome, 3, Some(t!(l, admin.welcome_hint)), welcome_error)}
                <button class="btn">{t!(l, admin.add)}</button>
            </form>
        </main>
    };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}
