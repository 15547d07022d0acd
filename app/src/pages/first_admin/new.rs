//! `/first/{token}`: the link a new installation prints. It makes the first admin, once.

use crate::{
    components::{
        art::{HOUSES, art},
        field::{Field, summary},
    },
    error::AppError,
    form::{Posted, text_error},
    pages::{
        second_factor,
        session::{Brought, keep},
    },
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::first_admin::{self, FirstAdminError, Invalid, Open};
use i18n::t;
use leptos::prelude::*;
use model::{Language, UnitKind};
use serde::Deserialize;

/// What can stand at the top of a tree.
const KINDS: [UnitKind; 6] = [UnitKind::District, UnitKind::City, UnitKind::Street, UnitKind::Community, UnitKind::Bureau, UnitKind::School];

pub async fn show(visit: Visit, Path(token): Path<String>) -> Result<Response, AppError> {
    match first_admin::find(&visit.app.domain, &token).await {
        Ok(open) => Ok(page(&visit, &token, open, &Typed::default(), None)),
        Err(FirstAdminError::Store(e)) => Err(e.into()),
        Err(_) => Ok(gone(&visit)),
    }
}

#[derive(Default, Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    unit: String,
    kind: Option<UnitKind>,
}

pub async fn create(visit: Visit, Path(token): Path<String>, headers: HeaderMap, Posted(typed): Posted<Typed>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let brought = Brought::read(&visit.app, &headers);
    let given = first_admin::Typed {
        name: &typed.name,
        email: &typed.email,
        password: &typed.password,
        unit: &typed.unit,
        kind: typed.kind.filter(|k| KINDS.contains(k)).unwrap_or(UnitKind::District),
        language: visit.language,
    };
    match first_admin::accept(domain, &token, given, brought.browser(&visit)).await {
        Ok(signed_in) => keep(&visit.app, &signed_in, Redirect::to("/admin").into_response()),
        Err(FirstAdminError::Invalid(invalid)) => match first_admin::find(domain, &token).await {
            Ok(open) => Ok(page(&visit, &token, open, &typed, Some(&invalid))),
            Err(FirstAdminError::Store(e)) => Err(e.into()),
            Err(_) => Ok(gone(&visit)),
        },
        Err(FirstAdminError::SecondFactor { ticket }) => second_factor::ask(&visit.app, &ticket, "/admin"),
        Err(FirstAdminError::NotFound) => Ok(gone(&visit)),
        Err(FirstAdminError::Store(e)) => Err(e.into()),
    }
}

fn page(visit: &Visit, token: &str, open: Open, typed: &Typed, invalid: Option<&Invalid>) -> Response {
    let l = visit.language;
    let words = invalid.cloned().unwrap_or_default();
    let (name_e, email_e) = (words.name.map(|e| text_error(l, e)), words.email.map(|e| text_error(l, e)));
    let (password_e, unit_e) = (words.password.map(|e| text_error(l, e)), words.unit.map(|e| text_error(l, e)));
    let summary = summary(l, &[("unit", unit_e.clone()), ("name", name_e.clone()), ("email", email_e.clone()), ("password", password_e.clone())]);
    let unit = open.needs_unit.then(|| {
        let name = Field::new("unit", t!(l, account.unit)).hint(t!(l, account.unit_hint)).value(typed.unit.clone()).error(unit_e);
        let chosen = typed.kind.unwrap_or(UnitKind::District);
        let kinds: Vec<_> = KINDS.into_iter().map(|k| view! { <option value=k.as_str() selected=k == chosen>{kind_name(l, k)}</option> }).collect();
        view! {
            {name.view()}
            <div class="f"><label for="kind">{t!(l, account.unit_kind)}</label><select class="in" id="kind" name="kind">{kinds}</select></div>
        }
    });
    let name = Field::new("name", t!(l, account.name)).hint(t!(l, account.name_hint)).autocomplete("name").value(typed.name.clone()).error(name_e);
    let email = Field::new("email", t!(l, account.email))
        .kind("email")
        .hint(t!(l, account.email_hint))
        .autocomplete("username")
        .value(typed.email.clone())
        .error(email_e);
    let password =
        Field::new("password", t!(l, account.password)).kind("password").hint(t!(l, account.password_hint)).autocomplete("new-password").error(password_e);
    let main = view! {
        <main id="main" class="col page">
            <h1>{t!(l, account.first_title)}</h1>
            {summary}
            <p class="lead">{t!(l, account.first_text)}</p>
            <form method="post" action=format!("/first/{token}")>
                {visit.csrf_field()}
                {unit}
                {name.view()}
                {email.view()}
                {password.view()}
                <button class="btn wide">{t!(l, account.first_button)}</button>
            </form>
        </main>
    };
    let status = if invalid.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(visit, t!(l, account.first_title)).status(status).render(main)
}

fn kind_name(l: Language, kind: UnitKind) -> String {
    match kind {
        UnitKind::City => t!(l, account.kind_city),
        UnitKind::District => t!(l, account.kind_district),
        UnitKind::Street => t!(l, account.kind_street),
        UnitKind::Community | UnitKind::Grid => t!(l, account.kind_community),
        UnitKind::Bureau => t!(l, account.kind_bureau),
        UnitKind::School | UnitKind::Grade | UnitKind::Class => t!(l, account.kind_school),
    }
}

fn gone(visit: &Visit) -> Response {
    let l = visit.language;
    let title = t!(l, account.first_gone);
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&HOUSES)}<h1>{title.clone()}</h1><p>{t!(l, account.first_gone_text)}</p>
                <p><a class="btn" href="/sign-in">{t!(l, account.sign_in)}</a></p>
            </div>
        </main>
    };
    Page::new(visit, title).status(StatusCode::NOT_FOUND).render(main)
}
