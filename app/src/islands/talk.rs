//! The resident's conversation, alive: messages as they come, sending without leaving the page, waiting for the network.

use leptos::prelude::*;

/// Attaches itself to `#log`, `#promise` and `#write` of the page around it. Texts come translated.
#[island]
pub fn Talk(
    /// `/c/{id}`.
    address: String,
    /// The number of the last message on the page.
    last_seq: i64,
    /// Under a message that waits for the network.
    waiting: String,
    sending: String,
    failed: String,
) -> impl IntoView {
    let _ = (address, last_seq, waiting, sending, failed);
}
