//! `/admin/staff/new`: an invitation by mail, with a post to hold at once if there is one.

use crate::{
    components::{
        admin::{choice, crumb_links},
        field::{Field, titled_summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, text_error},
    pages::unit::named,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    staff::{self, StaffError, Typed},
};
use i18n::t;
use leptos::prelude::*;
use model::{Language, text::TextError};
use serde::Deserialize;

/// What the form holds; a link from a post fills the post in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    name: String,
    email: String,
    post: String,
    language: String,
    #[serde(skip)]
    mistakes: (Option<TextError>, Option<TextError>),
    #[serde(skip)]
    is_taken: bool,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(draft): Query<Draft>) -> Result<Response, AppError> {
    page(&visit, &admin, draft, StatusCode::OK).await
}

pub async fn invite(visit: Visit, AsAdmin(admin): AsAdmin, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let post = match draft.post.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| AppError::NotFound)?),
    };
    let language = draft.language.parse().unwrap_or(visit.language);
    match staff::invite(&visit.app.domain, &admin, Typed { name: &draft.name, email: &draft.email, language }, post).await {
        Ok(id) => return Ok(Redirect::to(&format!("/admin/staff/{id}?saved=1")).into_response()),
        Err(StaffError::Invalid { name, email }) => draft.mistakes = (name, email),
        Err(StaffError::EmailTaken) => draft.is_taken = true,
        Err(StaffError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(AppError::NotFound),
    }
    page(&visit, &admin, draft, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let l = visit.language;
    let domain = &visit.app.domain;
    let mut posts = vec![(String::new(), t!(l, admin.no_post_yet))];
    posts.extend(staff::vacant(domain, admin).await?.into_iter().map(|p| (p.id.to_string(), named(&p.title, Some(&p.unit_name)))));
    // A post that has a holder already may get a second one.
    if let Ok(id) = draft.post.parse()
        && !posts.iter().any(|(value, _)| *value == draft.post)
        && let Some(view) = domain::post::view(domain, admin, id).await?
    {
        posts.push((draft.post.clone(), named(&view.post.title, Some(&view.line.unit_name))));
    }
    let name_error = draft.mistakes.0.map(|e| text_error(l, e));
    let email_error = draft.mistakes.1.map(|e| text_error(l, e)).or(draft.is_taken.then(|| t!(l, admin.email_taken)));
    let wrong: Vec<(&'static str, String)> =
        [("name", name_error.clone()), ("email", email_error.clone())].into_iter().filter_map(|(id, e)| Some((id, e?))).collect();
    let sum = (!wrong.is_empty()).then(|| view! { <div class="task">{titled_summary(t!(l, admin.please_correct), wrong)}</div> });
    // With a line for none.
    let post_hint = if posts.len() > staff::CHOICES { t!(l, admin.first_choices, count = staff::CHOICES) } else { t!(l, admin.invite_post_hint) };
    let languages = vec![(Language::Chinese.to_string(), "中文".to_owned()), (Language::English.to_string(), "English".to_owned())];
    let language = if draft.language.is_empty() { l.to_string() } else { draft.language };
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/staff".to_owned(), t!(l, admin.staff))])}
            <h1>{t!(l, admin.invite_someone)}</h1>
            {sum}
            <form class="task" method="post" action="/admin/staff/new">
                {visit.csrf_field()}
                {Field::new("name", t!(l, admin.person)).value(draft.name).hint(t!(l, admin.person_hint)).error(name_error).view()}
                {Field::new("email", t!(l, admin.email)).kind("email").value(draft.email).error(email_error).view()}
                {choice("post", t!(l, admin.post), posts, &draft.post, Some(post_hint), None)}
                {choice("language", t!(l, admin.invite_language), languages, &language, None, None)}
                <button class="btn">{icon(Icon::Mail)}{t!(l, admin.send_invitation)}</button>
                <p class="hint">{t!(l, admin.invitation_hint)}</p>
            </form>
        </main>
    };
    Ok(Page::new(visit, t!(l, admin.invite_someone)).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}
