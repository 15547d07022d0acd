//! Somebody was given a role while they were working: what they have just sent comes back, with the way to the second step.

use crate::{
    components::icon::{Icon, icon},
    form::inside,
    routes::encode,
    shell::Page,
    visit::Visit,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use i18n::t;
use leptos::prelude::*;

/// The answer to a form that cannot be taken before the second step is set up. `is_island` is for a script that keeps what was written itself.
pub fn page(visit: &Visit, is_island: bool, fields: &[(String, String)]) -> Response {
    let l = visit.language;
    let (title, text) = (t!(l, secure.first), t!(l, secure.first_text));
    if is_island {
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let path = visit.path.clone();
    let back = path.split('?').next().unwrap_or_default();
    let set_up = format!("/account/second-factor?back={}", encode(back));
    let kept = is_message(fields).then(|| kept(visit, &path, fields));
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            <p>{text}</p>
            // Beside this page, which holds what was written.
            <p><a class="btn" href=set_up target="_blank" rel="noopener">{icon(Icon::Key)}{t!(l, secure.set_up)}</a></p>
            {kept}
        </main>
    };
    Page::new(visit, title).status(StatusCode::FORBIDDEN).with_desk_style().render(main)
}

/// The fields of a message. Of any other form, with a password perhaps, nothing is sent back.
fn is_message(fields: &[(String, String)]) -> bool {
    fields.iter().any(|(name, text)| name == "text" && !text.trim().is_empty())
        && fields.iter().all(|(name, _)| matches!(&**name, "text" | "key" | "csrf" | "intent"))
}

fn kept(visit: &Visit, path: &str, fields: &[(String, String)]) -> impl IntoView + use<> {
    let l = visit.language;
    let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let hidden: Vec<_> = ["key", "intent"].map(|name| view! { <input type="hidden" name=name value=of(name)/> }).into_iter().collect();
    view! {
        <form class="task" method="post" action=path.to_owned()>
            {visit.csrf_field()}
            {hidden}
            <div class="f">
                <label for="text">{t!(l, secure.first_kept)}</label>
                <textarea class="in" id="text" name="text" rows="6">{inside(&of("text"))}</textarea>
            </div>
            <button class="btn alt">{t!(l, secure.first_again)}</button>
        </form>
    }
}
