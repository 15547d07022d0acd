//! `/supervision/posts/{id}`: the conversations of a post, without a word of what was said in them.

use super::unit::way;
use crate::{
    components::{
        admin::{page_number, pager},
        art::{LETTER, art},
        icon::{Icon, icon},
    },
    error::AppError,
    pages::unit::named,
    shell::Page,
    visit::{AsSupervisor, Visit},
};
use axum::{
    extract::{Path, Query},
    response::Response,
};
use domain::{
    desk,
    row::SupervisedRow,
    supervision::{self, PostView, Which},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, ConversationState, Language, PostId};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    show: String,
    page: Option<String>,
}

pub async fn show(visit: Visit, AsSupervisor(supervisor): AsSupervisor, Path(id): Path<PostId>, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    let l = visit.language;
    let which = match asked.show.as_str() {
        "open" => Which::Open,
        "closed" => Which::Closed,
        _ => Which::Waiting,
    };
    let view = supervision::post(&visit.app.domain, &supervisor, id, which, page_number(asked.page.as_deref())).await?.ok_or(AppError::NotFound)?;
    let name = named(&view.line.title, Some(&view.line.unit_name));
    let base = format!("/supervision/posts/{id}?show={}&page=", asked.show.replace(|c: char| !c.is_ascii_lowercase(), ""));
    let main = view! {
        <main id="main" class="wide">
            {way(l, &view.above)}
            <div class="head"><h1>{name.clone()}</h1>{answers(l, &view)}</div>
            {filters(l, id, which)}
            {table(&visit, &view)}
            {pager(l, &base, view.conversations.page, view.conversations.has_more)}
            <p class="soft">{icon(Icon::Eye)}" "{t!(l, people.reading_is_recorded)}</p>
        </main>
    };
    Ok(Page::new(&visit, name).body_class("at-desk").for_staff(&supervisor.staff).await?.render(main))
}

fn answers(l: Language, view: &PostView) -> AnyView {
    let line = &view.line;
    match (&line.answering_title, &line.holder) {
        (Some(title), _) => {
            let other = named(title, line.answering_unit.as_deref());
            view! { <span class="tag time">{icon(Icon::Hand)}{t!(l, admin.answered_by, name = other)}</span> }.into_any()
        }
        (None, Some(holder)) => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, admin.answers, name = holder.clone())}</span> }.into_any(),
        (None, None) => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.nobody)}</span> }.into_any(),
    }
}

fn filters(l: Language, id: PostId, here: Which) -> impl IntoView + use<> {
    let link = move |which, show: &'static str, name: String| {
        view! { <a href=format!("/supervision/posts/{id}?show={show}") aria-current=(which == here).then_some("page")>{name}</a> }
    };
    view! {
        <nav class="tabs" aria-label=t!(l, admin.conversations)>
            {link(Which::Waiting, "waiting", t!(l, people.filter_waiting))}
            {link(Which::Open, "open", t!(l, people.filter_open))}
            {link(Which::Closed, "closed", t!(l, people.filter_closed))}
        </nav>
    }
}

fn table(visit: &Visit, view: &PostView) -> AnyView {
    let l = visit.language;
    if view.conversations.lines.is_empty() {
        return view! { <div class="empty">{art(&LETTER)}<h2>{t!(l, people.no_conversations)}</h2></div> }.into_any();
    }
    let rows: Vec<_> = view.conversations.lines.iter().map(|c| row(visit, view, c)).collect();
    view! {
        <table class="tab">
            <thead>
                <tr>
                    <th scope="col">{t!(l, people.resident)}</th>
                    <th scope="col">{t!(l, admin.place)}</th>
                    <th scope="col">{t!(l, people.last_message)}</th>
                    <th scope="col">{t!(l, admin.state)}</th>
                    <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(visit: &Visit, view: &PostView, row: &SupervisedRow) -> impl IntoView + use<> {
    let l = visit.language;
    let calendar = &view.calendar.calendar;
    let said = |at: At| when::moment(l, &calendar.local(at), &calendar.local(visit.now));
    let state = match (row.due_at, row.state) {
        (Some(due), _) if due <= visit.now => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, people.late_since, when = said(due))}</span> }.into_any(),
        (Some(due), _) => view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, people.due_by, when = said(due))}</span> }.into_any(),
        (None, ConversationState::Open) => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, people.answered)}</span> }.into_any(),
        (None, ConversationState::Closed) => view! { <span class="tag off">{t!(l, people.closed)}</span> }.into_any(),
    };
    let href = format!("/supervision/conversations/{}", row.id);
    view! {
        <tr>
            <th scope="row">{t!(l, inbox.contact, number = desk::short_id(row.contact_id))}</th>
            <td data-l=t!(l, admin.place)>{row.place.clone().unwrap_or_else(|| "—".to_owned())}</td>
            <td data-l=t!(l, people.last_message)>{said(row.last_message_at)}</td>
            <td data-l=t!(l, admin.state)>{state}</td>
            <td class="act"><a class="btn text" href=href>{icon(Icon::Eye)}{t!(l, people.read)}</a></td>
        </tr>
    }
}
