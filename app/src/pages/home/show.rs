//! `/`: what Linli is, and the ways in for people who cannot scan.

use crate::{
    components::{
        art::{HOUSES, art},
        icon::{Icon, icon},
    },
    routes::encode,
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use i18n::t;
use leptos::prelude::*;
use model::ClaimCode;
use serde::Deserialize;

pub async fn show(visit: Visit) -> Response {
    let l = visit.language;
    let link = |href: &'static str, glyph: Icon, name: String| {
        view! { <li><a href=href>{icon(glyph)}<span>{name}</span>{icon(Icon::Turn)}</a></li> }
    };
    let main = view! {
        <main id="main" class="col page">
            <div class="hero">{art(&HOUSES)}<h1>{t!(l, resident.home_title)}</h1><p>{t!(l, resident.home_text)}</p></div>
            <form class="card" method="get" action="/q">
                <div class="f">
                    <label for="code">{t!(l, resident.home_code)}</label>
                    <input class="in code" id="code" name="code" placeholder="7KQM4T2X" autocomplete="off" autocapitalize="characters" spellcheck="false"/>
                </div>
                <button class="btn wide">{t!(l, resident.open)}</button>
            </form>
            <ul class="links">
                {link("/c", Icon::Reply, t!(l, resident.mine))}
                {link("/claim", Icon::Key, t!(l, resident.claim_link))}
                {link("/sign-in", Icon::Person, t!(l, resident.staff_link))}
            </ul>
        </main>
    };
    Page::new(&visit, t!(l, resident.home_heading)).render(main)
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    code: String,
}

/// `/q?code=…`: the code typed by hand.
pub async fn open_code(Query(typed): Query<Typed>) -> Response {
    // Some will paste the sticker's whole address.
    let code = typed.code.trim().rsplit_once("/q/").map_or(typed.code.trim(), |(_, code)| code);
    let code: String = code.chars().take(40).collect();
    // So will some type the claim code: it is longer.
    if let Some(claim) = ClaimCode::read(&code) {
        return Redirect::to(&format!("/claim/{claim}")).into_response();
    }
    if code.is_empty() { Redirect::to("/").into_response() } else { Redirect::to(&format!("/q/{}", encode(&code).replace('/', "%2F"))).into_response() }
}
