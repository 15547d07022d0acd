//! New recovery codes: shown once, to be printed or written down.

use crate::{
    components::icon::{Icon, icon},
    shell::Page,
    visit::Visit,
};
use axum::response::Response;
use i18n::t;
use leptos::prelude::*;

pub fn page(visit: &Visit, who: &str, codes: &[String], onward: &str) -> Response {
    let l = visit.language;
    let title = t!(l, secure.codes_title);
    let lines: Vec<_> = codes.iter().map(|code| view! { <li class="code">{code.clone()}</li> }).collect();
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{t!(l, secure.codes_done)}</p></div></div>
            <p>{t!(l, secure.codes_text)}</p>
            <p class="soft">{visit.app.domain.public_url.clone()}" · "{who.to_owned()}</p>
            <ol class="codes">{lines}</ol>
            <p class="soft">{t!(l, secure.codes_print)}</p>
            <p><a class="btn" href=onward.to_owned()>{t!(l, secure.codes_kept)}</a></p>
        </main>
    };
    Page::new(&visit.on("/account/second-factor".to_owned()), title).with_desk_style().once().render(main)
}
