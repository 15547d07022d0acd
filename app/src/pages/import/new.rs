//! `/admin/imports/new`: a file, where it belongs, and what becomes of what it does not mention.

use super::{upload::Form, words};
use crate::{
    components::{
        admin::{choice, crumb_links},
        field::titled_summary,
        icon::{Icon, icon},
    },
    error::AppError,
    form::field_error,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Query, Request},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    import::{self, ImportError, heads::Kind, plan::Mode},
    unit,
};
use i18n::t;
use leptos::prelude::*;
use model::UnitId;
use serde::Deserialize;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    unit: String,
    mode: String,
    kind: String,
    #[serde(skip)]
    error: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(draft): Query<Draft>) -> Result<Response, AppError> {
    page(&visit, &admin, draft, StatusCode::OK).await
}

pub async fn create(visit: Visit, AsAdmin(admin): AsAdmin, request: Request) -> Result<Response, AppError> {
    let l = visit.language;
    let form = Form::read(&visit, request).await?;
    let mut draft = Draft { unit: form.get("unit").to_owned(), mode: form.get("mode").to_owned(), kind: form.get("kind").to_owned(), error: None };
    let unit: UnitId = draft.unit.parse().map_err(|_| AppError::NotFound)?;
    let mode = if draft.mode == Mode::Replace.as_str() { Mode::Replace } else { Mode::Add };
    let result = match form.upload {
        None => Err(ImportError::Read(import::read::ReadError::TooLarge)),
        Some(upload) if upload.bytes.is_empty() => {
            draft.error = Some(if upload.file_name.is_empty() { t!(l, import.no_file) } else { t!(l, import.e_empty) });
            return page(&visit, &admin, draft, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        Some(upload) => import::start(&visit.app.domain, &admin, unit, upload, mode, draft.kind.parse().ok()).await,
    };
    match result {
        Ok(id) => Ok(Redirect::to(&format!("/admin/imports/{id}")).into_response()),
        Err(ImportError::Read(e)) => {
            draft.error = Some(words::read_error(l, &e));
            page(&visit, &admin, draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(ImportError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn page(visit: &Visit, admin: &Admin, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let mut units: Vec<(String, String)> = unit::tops(domain, admin).await?.into_iter().map(|unit| (unit.id.to_string(), unit.name)).collect();
    // Another one of theirs, come from its own page.
    if let Ok(id) = draft.unit.parse()
        && !units.iter().any(|(value, _)| *value == draft.unit)
        && let Some((unit, _)) = unit::parent(domain, admin, id).await?
    {
        units.push((draft.unit.clone(), unit.name));
    }
    let mut kinds = vec![(String::new(), t!(l, import.kind_guess))];
    kinds.extend([Kind::Roster, Kind::Units, Kind::Posts, Kind::Staff, Kind::Holdings].map(|kind| (kind.to_string(), words::kind(l, kind))));
    let is_bad = draft.error.is_some();
    let sum = draft.error.clone().map(|error| view! { <div class="task">{titled_summary(t!(l, admin.please_correct), vec![("file", error)])}</div> });
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/imports".to_owned(), t!(l, import.imports))])}
            <h1>{t!(l, import.new)}</h1>
            <p class="soft">{t!(l, import.lead)}</p>
            {sum}
            <div class="two">
                <form class="task" method="post" action="/admin/imports/new" enctype="multipart/form-data">
                    {visit.csrf_field()}
                    {choice("unit", t!(l, import.into), units, &draft.unit, Some(t!(l, import.into_hint)), None)}
                    {modes(visit, &draft.mode)}
                    {choice("kind", t!(l, import.kind), kinds, &draft.kind, None, None)}
                    <div class=if is_bad { "f bad" } else { "f" }>
                        <label for="file">{t!(l, import.choose_file)}</label>
                        <p class="hint" id="file-h">{t!(l, import.choose_file_hint)}</p>
                        {field_error("file", draft.error)}
                        <input
                            class="in"
                            id="file"
                            name="file"
                            type="file"
                            accept=".xlsx,.csv,.txt,.zip,text/csv"
                            required
                            aria-invalid=is_bad.then_some("true")
                            aria-describedby=if is_bad { "file-h file-e" } else { "file-h" }
                        />
                    </div>
                    <button class="btn">{icon(Icon::Send)}{t!(l, import.upload)}</button>
                    <p class="hint">{t!(l, import.upload_hint)}</p>
                </form>
                <section>
                    <h2>{t!(l, import.templates)}</h2>
                    <p>{t!(l, import.templates_text)}</p>
                    <ul class="links">
                        <li>
                            <a href="/admin/imports/template/roster.xlsx" download="">
                                {icon(Icon::Print)}<span>{t!(l, import.template_roster)}</span>{icon(Icon::Turn)}
                            </a>
                        </li>
                        <li>
                            <a href="/admin/imports/template/all.xlsx" download="">
                                {icon(Icon::Print)}<span>{t!(l, import.template_all)}</span>{icon(Icon::Turn)}
                            </a>
                        </li>
                    </ul>
                </section>
            </div>
        </main>
    };
    Ok(Page::new(visit, t!(l, import.new)).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// What becomes of what the file does not mention.
pub fn modes(visit: &Visit, chosen: &str) -> impl IntoView + use<> {
    let l = visit.language;
    let is_replace = chosen == Mode::Replace.as_str();
    let pick = |mode: Mode, is_chosen: bool, name: String, hint: String| {
        let id = format!("mode-{}", mode.as_str());
        view! {
            <div class="pick">
                <input type="radio" id=id.clone() name="mode" value=mode.as_str() checked=is_chosen/>
                <label for=id>{name}<br/><small class="soft">{hint}</small></label>
            </div>
        }
    };
    view! {
        <fieldset class="f">
            <legend>{t!(l, import.mode)}</legend>
            {pick(Mode::Add, !is_replace, t!(l, import.mode_add), t!(l, import.mode_add_hint))}
            {pick(Mode::Replace, is_replace, t!(l, import.mode_replace), t!(l, import.mode_replace_hint))}
        </fieldset>
    }
}
