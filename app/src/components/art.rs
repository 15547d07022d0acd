//! Small line drawings for pages that have nothing else to show.

use leptos::prelude::*;

/// Lines, with `fill` for tinted areas and `hi` for the part that matters.
pub struct Art(&'static str);

pub const HOUSES: Art = Art(
    r#"<path class="fill" d="M22 40h44v36H22z"/><path d="M6 76h132M16 44l28-26 28 26M22 40v36M66 40v36M72 44l28-26 28 26M122 40v36"/><path class="hi" d="M36 76V58a8 8 0 0 1 16 0v18M92 76V58a8 8 0 0 1 16 0v18"/>"#,
);
pub const STICKER: Art = Art(
    r#"<path d="M12 76h120M40 76V10h64v66"/><path class="fill" d="M56 24h32v32H56z"/><path class="hi" d="M56 24h32v32H56zM62 30h7v7h-7zM75 30h7v7h-7zM62 43h7v7h-7zM75 43h3v3M82 50h.01"/>"#,
);
pub const LETTER: Art = Art(r#"<path class="fill" d="M44 30h56v38H44z"/><path d="M12 76h120M44 30h56v38H44z"/><path class="hi" d="m44 32 28 20 28-20"/>"#);

pub fn art(art: &Art) -> impl IntoView + use<> {
    view! { <svg class="art" viewBox="0 0 144 84" aria-hidden="true" inner_html=art.0></svg> }
}
