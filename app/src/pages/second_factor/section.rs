//! What `/account` says of the second factor.

use crate::{
    components::icon::{Icon, icon},
    visit::Visit,
};
use domain::second_factor::Mine;
use i18n::t;
use leptos::prelude::*;

pub fn section(visit: &Visit, mine: &Mine) -> impl IntoView + use<> {
    let l = visit.language;
    let state = match mine.is_set() {
        true => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, secure.on)}</span> }.into_any(),
        false => view! { <span class="tag off">{t!(l, secure.off)}</span> }.into_any(),
    };
    let app = mine.app_since.map(|_| view! { <li>{t!(l, secure.app)}</li> });
    let keys: Vec<_> = mine.passkeys.iter().map(|key| view! { <li>{t!(l, secure.passkey_named, name = key.name.clone())}</li> }).collect();
    let codes = mine.is_set().then(|| view! { <li>{t!(l, secure.codes_left, count = mine.codes_left)}</li> });
    let words = if mine.is_set() { t!(l, secure.change) } else { t!(l, secure.set_up) };
    view! {
        <section id="second-factor" aria-labelledby="second-t">
            <h2 id="second-t">{t!(l, secure.title)}</h2>
            <p>{state}</p>
            <p>{t!(l, secure.lead)}</p>
            <ul class="items">{app}{codes}{keys}</ul>
            <p><a class="btn alt" href="/account/second-factor">{icon(Icon::Key)}{words}</a></p>
        </section>
    }
}
