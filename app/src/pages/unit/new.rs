//! `/admin/units/new?parent=`: a unit below another.

use crate::{
    components::{
        admin::{choice, crumbs, kind_name, unit_id},
        field::{Field, titled_summary},
    },
    error::AppError,
    form::{Posted, text_error},
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
    row::Unit,
    unit::{self, Mistakes, Typed, UnitError, kinds_below},
};
use i18n::t;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    parent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    name: String,
    name_en: String,
    code: String,
    kind: String,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    is_code_taken: bool,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    page(&visit, &admin, &asked, Draft::default(), StatusCode::OK).await
}

pub async fn create(visit: Visit, AsAdmin(admin): AsAdmin, Query(asked): Query<Asked>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let parent = unit_id(asked.parent.as_deref()).ok_or(AppError::NotFound)?;
    let typed = Typed { name: &draft.name, name_en: &draft.name_en, code: &draft.code, kind: &draft.kind };
    match unit::create(&visit.app.domain, &admin, parent, typed).await {
        Ok(id) => return Ok(Redirect::to(&format!("/admin/units/{id}")).into_response()),
        Err(UnitError::Invalid(mistakes)) => draft.mistakes = mistakes,
        Err(UnitError::CodeTaken) => draft.is_code_taken = true,
        Err(UnitError::Store(e)) => return Err(e.into()),
        Err(UnitError::NotFound | UnitError::NotEmpty | UnitError::Own) => return Err(AppError::NotFound),
    }
    page(&visit, &admin, &asked, draft, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, asked: &Asked, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let parent = unit_id(asked.parent.as_deref()).ok_or(AppError::NotFound)?;
    let (parent, mut above) = unit::parent(&visit.app.domain, admin, parent).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let title = t!(l, admin.unit_below, name = parent.name.clone());
    let body = form(visit, &parent, draft);
    above.push(parent);
    let main = view! { <main id="main" class="wide">{crumbs(l, &above)}<h1>{title.clone()}</h1>{body}</main> };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn form(visit: &Visit, parent: &Unit, draft: Draft) -> AnyView {
    let l = visit.language;
    let kinds = kinds_below(parent.kind);
    if kinds.is_empty() {
        return view! { <p>{t!(l, admin.nothing_below, kind = kind_name(l, parent.kind))}</p> }.into_any();
    }
    let name_error = draft.mistakes.name.map(|e| text_error(l, e));
    let name_en_error = draft.mistakes.name_en.map(|e| text_error(l, e));
    let code_error = draft.mistakes.code.map(|e| text_error(l, e)).or(draft.is_code_taken.then(|| t!(l, admin.code_taken)));
    let kind_error = draft.mistakes.kind.then(|| t!(l, admin.choose_kind));
    let wrong: Vec<(&'static str, String)> = [("name", &name_error), ("name_en", &name_en_error), ("kind", &kind_error), ("code", &code_error)]
        .into_iter()
        .filter_map(|(id, e)| Some((id, e.clone()?)))
        .collect();
    let sum = (!wrong.is_empty()).then(|| view! { <div class="task">{titled_summary(t!(l, admin.please_correct), wrong)}</div> });
    let options = kinds.iter().map(|k| (k.to_string(), kind_name(l, *k))).collect();
    view! {
        {sum}
        <form class="task" method="post" action=format!("/admin/units/new?parent={}", parent.id)>
            {visit.csrf_field()}
            {Field::new("name", t!(l, admin.name)).value(draft.name).hint(t!(l, admin.unit_name_hint)).error(name_error).view()}
            {Field::new("name_en", t!(l, admin.name_en)).value(draft.name_en).optional().hint(t!(l, admin.english_hint)).error(name_en_error).view()}
            {choice("kind", t!(l, admin.kind), options, &draft.kind, None, kind_error)}
            {Field::new("code", t!(l, admin.code)).value(draft.code).optional().hint(t!(l, admin.unit_code_hint)).error(code_error).view()}
            <button class="btn">{t!(l, admin.add)}</button>
        </form>
    }
    .into_any()
}
