//! `/c`: this phone's conversations.

use crate::{
    components::{
        art::{LETTER, art},
        card::disc,
        icon::{Icon, icon},
    },
    error::AppError,
    shell::Page,
    visit::Visit,
};
use axum::response::Response;
use domain::conversation::{self, Line};
use i18n::t;
use leptos::prelude::*;
use model::Language;

pub async fn list(visit: Visit) -> Result<Response, AppError> {
    let l = visit.language;
    let lines = match &visit.device {
        Some(device) => conversation::mine(&visit.app.domain, device).await?,
        None => Vec::new(),
    };
    let page = Page::new(&visit, t!(l, resident.mine));
    if lines.is_empty() {
        return Ok(page.render(view! {
            <main id="main" class="col page">
                <div class="empty">
                    {art(&LETTER)}<h1>{t!(l, resident.mine_empty)}</h1><p>{t!(l, resident.mine_empty_text)}</p>
                    <p><a class="btn" href="/claim">{t!(l, resident.have_claim)}</a></p>
                </div>
            </main>
        }));
    }
    let rows: Vec<_> = lines.iter().map(|line| row(l, line)).collect();
    Ok(page.render(view! { <main id="main" class="col page"><h1>{t!(l, resident.mine)}</h1><ul class="links">{rows}</ul></main> }))
}

fn row(l: Language, line: &Line) -> impl IntoView + use<> {
    let conversation = &line.conversation;
    let has_news = conversation.last_seq > conversation.contact_seen_seq;
    let end = if has_news { view! { <span class="tag">{t!(l, resident.news)}</span> }.into_any() } else { view! { {icon(Icon::Turn)} }.into_any() };
    let name = line.card.name_in(l).to_owned();
    view! {
        <li><a href=format!("/c/{}", conversation.id)>
            {disc(&line.card)}
            <span><b>{name}</b>" "<small class="soft">{format!("@{}", line.card.unit_in(l))}</small><br/>{conversation.preview.clone()}</span>
            {end}
        </a></li>
    }
}
