//! `/admin/prints/{id}`: a file of codes, how far it has come, and its download. The file is made while it is fetched.

use crate::{
    components::{
        admin::crumbs,
        icon::{Icon, icon},
    },
    error::AppError,
    shell::{Page, render},
    visit::{AsAdmin, Visit},
};
use axum::{
    body::Body,
    extract::{Path, Query},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use domain::{
    print::{self, PrintError, State, extension, media_type},
    row::{Print, Unit},
};
use futures::stream;
use i18n::{number, t};
use leptos::prelude::*;
use model::{Language, PrintFormat, PrintId};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    busy: Option<String>,
    nothing: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PrintId>, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let (print, unit) = print::find(&visit.app.domain, &admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let told = match asked {
        Asked { busy: Some(_), .. } => Some(t!(l, codes.press_busy)),
        Asked { nothing: Some(_), .. } => Some(t!(l, codes.nothing_to_print)),
        Asked { .. } => None,
    };
    let told = told.map(|text| view! { <div class="banner time" role="status">{icon(Icon::Clock)}<div><p>{text}</p></div></div> });
    let how = match print.format {
        PrintFormat::Posters => t!(l, codes.how_posters),
        PrintFormat::Stickers => t!(l, codes.how_stickers),
        PrintFormat::Svg => t!(l, codes.how_svg),
    };
    let again = print::state(&print, visit.now) != State::Ready;
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, std::slice::from_ref(&unit))}
            <h1>{name_of(l, &print)}</h1>
            {told}
            <p class="acts">
                // Without `download`: what the server says instead of a file is to be seen.
                <a class="btn" href=format!("/admin/prints/{id}/file")>
                    {icon(Icon::Print)}{if again { t!(l, codes.download_again) } else { t!(l, codes.download) }}
                </a>
                <a class="btn alt" href=format!("/admin/units/{}/codes", unit.id)>{t!(l, codes.back_to_codes)}</a>
            </p>
            <iframe class="after tall" src=format!("/admin/prints/{id}/progress") title=t!(l, codes.progress)></iframe>
            <p>{how}</p>
            <p class="soft">{t!(l, codes.leave)}</p>
        </main>
    };
    Ok(Page::new(&visit, name_of(l, &print)).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// What it is and how many.
pub fn name_of(l: Language, print: &Print) -> String {
    match print.format {
        PrintFormat::Posters => t!(l, codes.sheet_posters, count = number(print.total)),
        PrintFormat::Stickers => t!(l, codes.sheet_stickers, count = number(print.total)),
        PrintFormat::Svg => t!(l, codes.sheet_svg, count = number(print.total)),
    }
}

pub fn state_tag(visit: &Visit, print: &Print) -> AnyView {
    let text = state_text(visit, print);
    match print::state(print, visit.now) {
        State::Ready => view! { <span class="tag">{icon(Icon::Print)}{text}</span> }.into_any(),
        State::Running => view! { <span class="tag time">{icon(Icon::Clock)}{text}</span> }.into_any(),
        State::CutOff => view! { <span class="tag bad">{icon(Icon::Alert)}{text}</span> }.into_any(),
        State::Finished => view! { <span class="tag">{icon(Icon::Tick)}{text}</span> }.into_any(),
    }
}

fn state_text(visit: &Visit, print: &Print) -> String {
    let l = visit.language;
    match print::state(print, visit.now) {
        State::Ready => t!(l, codes.is_ready),
        State::Running => t!(l, codes.is_running, made = number(print.made), total = number(print.total)),
        State::CutOff => t!(l, codes.is_cut, made = number(print.made), total = number(print.total)),
        State::Finished => t!(l, codes.is_finished, total = number(print.total), size = format!("{:.1}", print.bytes as f64 / 1e6)),
    }
}

/// The file, as it is made. A HEAD says what would come, and a piece from the middle is not to be had: either would make the whole of it anew.
pub async fn file(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PrintId>, method: Method, headers: HeaderMap) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    if method != Method::GET {
        let (print, unit) = print::find(domain, &admin, id).await?.ok_or(AppError::NotFound)?;
        return Ok(as_file(&print, &unit, Body::empty()));
    }
    if headers.get(header::RANGE).is_some_and(|range| range != "bytes=0-") {
        print::find(domain, &admin, id).await?.ok_or(AppError::NotFound)?;
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::ACCEPT_RANGES, "none")]).into_response());
    }
    let (print, unit, pieces) = match print::fetch(domain, &admin, id).await {
        Ok(fetched) => fetched,
        Err(PrintError::NotFound) => return Err(AppError::NotFound),
        Err(PrintError::Busy) => return Ok(Redirect::to(&format!("/admin/prints/{id}?busy=1")).into_response()),
        Err(PrintError::Nothing) => return Ok(Redirect::to(&format!("/admin/prints/{id}?nothing=1")).into_response()),
        Err(PrintError::Store(e)) => return Err(e.into()),
        Err(PrintError::Invalid(_) | PrintError::Paper(_)) => return Err(AppError::Internal),
    };
    let body = Body::from_stream(stream::unfold(pieces, async |mut pieces| Some((pieces.next().await?, pieces))));
    Ok(as_file(&print, &unit, body))
}

fn as_file(print: &Print, unit: &Unit, body: Body) -> Response {
    let code = unit.code.clone().unwrap_or_default();
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = format!("linli-{}-{}.{}", print.format, if code.is_empty() { print.id.to_string() } else { code }, extension(print.format));
    let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, media_type(print.format)), (header::ACCEPT_RANGES, "none")], body).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Seconds until the small page looks again.
const AGAIN: i64 = 2;

/// A small page inside the other that looks again by itself, so that the other does not move.
pub async fn progress(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PrintId>) -> Result<Response, AppError> {
    let (print, _) = print::find(&visit.app.domain, &admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let assets = [visit.app.assets.url("main.css"), visit.app.assets.url("desk.css")].map(|href| view! { <link rel="stylesheet" href=href/> });
    let missing = (!print.missing.is_empty()).then(|| {
        let text = t!(l, codes.missing, characters = print.missing.clone());
        view! { <div class="banner bad" role="alert">{icon(Icon::Alert)}<div><p>{text}</p></div></div> }
    });
    let bar = (print::state(&print, visit.now) != State::Ready)
        .then(|| view! { <progress max=print.total.max(1).to_string() value=print.made.to_string() aria-label=t!(l, codes.progress)></progress> });
    let look = visit.look.clone();
    let html = render(&visit, || {
        view! {
            <html lang=l.as_str() data-view=look.view.map(|_| "elder") data-text=look.text() data-theme=look.theme>
                <head>
                    <meta charset="utf-8"/>
                    <meta name="viewport" content="width=device-width,initial-scale=1"/>
                    <title>{t!(l, codes.progress)}</title>
                    {assets}
                </head>
                <body class="bare">
                    <main class="progress"><h1 class="sr">{t!(l, codes.progress)}</h1><p role="status">{state_tag(&visit, &print)}</p>{bar}{missing}</main>
                </body>
            </html>
        }
        .into_any()
    });
    let mut response = Html(format!("<!DOCTYPE html>{html}")).into_response();
    // It moves only while there is something to wait for, and takes nobody's place on the page around it.
    if print::state(&print, visit.now) != State::Finished {
        response.headers_mut().insert("refresh", AGAIN.into());
    }
    Ok(response)
}
