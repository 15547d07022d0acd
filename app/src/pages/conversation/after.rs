//! `/c/{id}/after/{seq}`: without JavaScript, a small page inside the conversation that looks for news every 20 seconds, so that the
//! conversation itself need not be loaded again under the reader's fingers.

use crate::{
    components::log::{Log, Side},
    error::AppError,
    shell::render,
    visit::{Resident, Visit},
};
use axum::{
    extract::Path,
    response::{Html, IntoResponse, Response},
};
use domain::conversation;
use i18n::t;
use leptos::prelude::*;
use model::ConversationId;

const SECONDS: i64 = 20;

pub async fn after(visit: Visit, Resident(device): Resident, Path((id, seq)): Path<(ConversationId, i64)>) -> Result<Response, AppError> {
    let l = visit.language;
    let news = conversation::news(&visit.app.domain, &device, id, seq).await?.ok_or(AppError::NotFound)?;
    let calendar = &news.promise.calendar.calendar;
    let time = calendar.local(visit.now).strftime("%-H:%M").to_string();
    let log = Log { language: l, side: Side::Contact, calendar, now: visit.now };
    let lines = log.lines(news.above.as_ref(), &news.messages);
    let live = if news.messages.is_empty() {
        view! { <p class="live">{t!(l, resident.looked, time = time, seconds = SECONDS)}</p> }.into_any()
    } else {
        view! { <p class="live">{t!(l, resident.looked_news, time = time)}" "<a href=format!("/c/{id}") target="_top">{t!(l, resident.to_conversation)}</a></p> }.into_any()
    };
    let assets = visit.app.assets.url("main.css");
    let look = visit.look.clone();
    let html = render(&visit, || {
        view! {
            <html lang=l.as_str() data-view=look.view.map(|_| "elder") data-text=look.text() data-theme=look.theme>
                <head>
                    <meta charset="utf-8"/>
                    <meta name="viewport" content="width=device-width,initial-scale=1"/>
                    <meta http-equiv="refresh" content=SECONDS.to_string()/>
                    <title>{t!(l, resident.any_news)}</title>
                    <link rel="stylesheet" href=assets/>
                </head>
                <body class="bare">
                    <main><h1 class="sr">{t!(l, resident.any_news)}</h1><ol class="log">{lines}</ol>{live}</main>
                </body>
            </html>
        }
        .into_any()
    });
    Ok(Html(format!("<!DOCTYPE html>{html}")).into_response())
}
