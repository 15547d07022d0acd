//! The resident's conversation, alive: messages as they come, sending without leaving the page, waiting for the network.

use leptos::prelude::*;

/// Attaches itself to `#log`, `#promise`, `#who` and `#write` of the page around it. Texts come translated.
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
    #[cfg(feature = "hydrate")]
    attach(address, last_seq, super::sending::Words { waiting, sending, failed });
    #[cfg(not(feature = "hydrate"))]
    drop((address, last_seq, waiting, sending, failed));
}

#[cfg(feature = "hydrate")]
fn attach(address: String, last_seq: i64, words: super::sending::Words) -> Option<()> {
    use super::{browser, first_message, kept::Kept, log::Log, sending, stream};
    use web_sys::{Element, HtmlFormElement};

    first_message::forget_sent();
    let form: HtmlFormElement = browser::by_id("write")?;
    let log = Log::new(browser::by_id("log")?, form.clone().into());
    let promise = browser::by_id::<Element>("promise")?;
    let draft = Kept::for_long(format!("linli.draft.{address}"));
    let queue = Kept::for_long(format!("linli.queue.{address}"));
    sending::attach(form, log.clone(), words, draft, queue);
    stream::open(
        format!("{address}/live"),
        last_seq,
        vec![
            ("messages", Box::new(move |html| log.add(html))),
            ("promise", Box::new(move |html| browser::renew_inside(&promise, html))),
            (
                "who",
                Box::new(|html| {
                    answers_now(html);
                }),
            ),
            ("end", Box::new(|_| {})),
        ],
    );
    Some(())
}

/// Somebody else answers from here on: above, and beside the box.
#[cfg(feature = "hydrate")]
fn answers_now(html: &str) -> Option<()> {
    use super::browser;
    use web_sys::{Element, HtmlTextAreaElement};

    let who = browser::by_id::<Element>("who")?;
    who.set_inner_html(html);
    let write = browser::find::<Element>(&who, "[data-write]")?.get_attribute("data-write")?;
    let text = browser::by_id::<HtmlTextAreaElement>("text")?;
    text.set_placeholder(&write);
    text.set_attribute("aria-label", &write).ok()
}
