//! What the browser loads: the islands of `app`, each attached to its place on the page.

use app as _;

#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
