//! `/admin/contact-points/{id}/sheet`: the A4 sheet beside a door, in both languages at once.

use crate::{
    components::qr::qr,
    error::AppError,
    shell::{mark, render},
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Path,
    response::{Html, IntoResponse, Response},
};
use domain::contact_point::{self, View};
use i18n::{t, when::week};
use leptos::prelude::*;
use model::{
    ContactPointId,
    Language::{Chinese, English},
};
use qrcode::EcLevel;

/// Longer lines than this need the smaller face.
const LONG_NAME: usize = 12;
/// Characters of both names, two English ones as one, with which even the second size would push the check phrase off the page.
const VERY_LONG: usize = 55;
const LONG_URL: usize = 34;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>) -> Result<Response, AppError> {
    let view = contact_point::view(&visit.app.domain, &admin, id).await?.ok_or(AppError::NotFound)?;
    // A sticker out of use is not printed again.
    if view.point.revoked_at.is_some() {
        return Err(AppError::NotFound);
    }
    let html = render(&visit, || document(&visit, &view).into_any());
    Ok(Html(format!("<!DOCTYPE html>{html}")).into_response())
}

fn document(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    view! {
        <html lang=l.as_str()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width,initial-scale=1"/>
                <title>{format!("A4 · {}", view.point.place)}</title>
                <link rel="icon" href=visit.app.assets.url("icon.svg") type="image/svg+xml"/>
                <link rel="stylesheet" href=visit.app.assets.url("sheet.css")/>
            </head>
            <body>
                <nav class="bar" aria-label=t!(l, print.print)>
                    <a href=format!("/admin/contact-points/{}", view.point.id)>{t!(l, common.back)}</a>
                    <span>{t!(l, print.how)}</span>
                </nav>
                <main class="sheet">{sheet(view)}</main>
            </body>
        </html>
    }
}

fn sheet(view: &View) -> impl IntoView + use<> {
    let post = &view.post.post;
    let printed = view.printed();
    let lengths = [&post.unit_name, &post.title].map(|line| line.chars().count());
    let english = printed.in_english();
    let size = match lengths.iter().sum::<usize>() + english.chars().count() / 2 {
        VERY_LONG.. => Some("long very"),
        _ if lengths.iter().any(|length| *length > LONG_NAME) => Some("long"),
        _ => None,
    };
    let short_url = printed.short_url().to_owned();
    let is_long_url = short_url.chars().count() > LONG_URL;
    view! {
        <h1 lang="zh-CN" class=size>{post.unit_name.clone()}<br/>{post.title.clone()}</h1>
        <p lang="en">{english}</p>
        <p class="call" lang="zh-CN">{t!(Chinese, print.call)}</p>
        <p lang="en">{t!(English, print.call)}</p>
        <div class="scan">
            <div class="qr">{qr(&view.url, EcLevel::H, t!(Chinese, print.qr))}</div>
            {facts(view)}
        </div>
        <div class="url">
            <p>{t!(Chinese, print.type_it)}" "<span lang="en">{t!(English, print.type_it)}</span></p>
            <b class=is_long_url.then_some("long")>{short_url}</b>
        </div>
        {phrase(view)}
        <div class="small">
            <p lang="zh-CN">{t!(Chinese, print.emergency)}<br/><span lang="en">{t!(English, print.emergency)}</span></p>
            <p class="mark">{mark()}</p>
        </div>
    }
}

fn facts(view: &View) -> impl IntoView + use<> {
    let calendar = &view.post.calendar.calendar;
    let topic = view
        .point
        .topic
        .clone()
        .map(|topic| view! { <div><dt>{t!(Chinese, print.topic)}" "<span lang="en">{t!(English, print.topic)}</span></dt><dd>{topic}</dd></div> });
    view! {
        <dl class="by">
            <div><dt>{t!(Chinese, print.place)}" "<span lang="en">{t!(English, print.place)}</span></dt><dd><span lang="zh-CN">{view.point.place.clone()}</span><small lang="en">{view.point.place_en.clone()}</small></dd></div>
            {topic}
            <div>
                <dt>{t!(Chinese, print.on_duty)}" "<span lang="en">{t!(English, print.on_duty)}</span></dt>
                <dd><small lang="zh-CN">{week(Chinese, calendar)}</small><small lang="en">{week(English, calendar)}</small></dd>
            </div>
            <div><dt lang="zh-CN">{t!(Chinese, print.no_app)}</dt><dd><small lang="en">{t!(English, print.no_app)}</small></dd></div>
        </dl>
    }
}

/// The four characters with their readings.
fn phrase(view: &View) -> impl IntoView + use<> {
    let phrase = &view.point.check_phrase;
    let reading = phrase.reading();
    let characters: Vec<_> = phrase
        .as_str()
        .chars()
        .zip(reading.split(' '))
        .map(|(character, reading)| view! { <li><small>{reading.to_owned()}</small><b>{character.to_string()}</b></li> })
        .collect();
    view! {
        <div class="phrase">
            <ol lang="zh-CN">{characters}</ol>
            <div><strong lang="zh-CN">{t!(Chinese, print.genuine)}</strong><br/><small lang="en">{t!(English, print.genuine)}</small></div>
        </div>
    }
}
