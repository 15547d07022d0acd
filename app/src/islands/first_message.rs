//! The first message's text is not lost: kept while typing, and held back while there is no network. Sending itself needs no script.

use leptos::prelude::*;

/// Attaches itself to `#write` of the page around it.
#[island]
pub fn FirstMessage(
    /// Where the page's own draft is kept: the code of the sticker.
    code: String,
    /// Said while the text waits for the network.
    waiting: String,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    attach(&code, waiting);
    #[cfg(not(feature = "hydrate"))]
    drop((code, waiting));
}

#[cfg(feature = "hydrate")]
use super::{browser, kept::Kept};

#[cfg(feature = "hydrate")]
fn attach(code: &str, waiting: String) -> Option<()> {
    use std::rc::Rc;
    use web_sys::{Element, HtmlFormElement, HtmlInputElement, HtmlTextAreaElement};

    let form: HtmlFormElement = browser::by_id("write")?;
    let text: HtmlTextAreaElement = browser::find(&form, "textarea")?;
    let key: HtmlInputElement = browser::find(&form, "[name=key]")?;
    let name = format!("linli.draft.{code}");
    let draft = Rc::new(Kept::for_long(name.clone()));
    if text.value().is_empty()
        && let Some(kept) = draft.read()
    {
        text.set_value(&browser::value(&kept, "text"));
        // The last attempt may have arrived although its answer did not: the same key makes it the same message.
        key.set_value(&browser::value(&kept, "key"));
    }
    let keep = {
        let (text, key) = (text.clone(), key.clone());
        move || draft.write(&browser::fields(&[("key", &key.value()), ("text", &text.value())]))
    };
    let keep = Rc::new(keep);
    let kept = keep.clone();
    browser::on(&text, "input", move |_| kept());

    let said: Element = browser::find(&form, "[role=status]")?;
    let held = Rc::new(std::cell::Cell::new(false));
    let (is_held, sent_form) = (held.clone(), form.clone());
    browser::on(&form, "submit", move |event| {
        keep();
        if browser::is_online() {
            sent().write(&name);
        } else {
            event.prevent_default();
            is_held.set(true);
            said.set_text_content(Some(&waiting));
        }
    });
    browser::on_window("online", move |_| {
        if held.take() {
            // Not `submit()`: that would leave out the listener above, which notes what was sent.
            let button: Option<web_sys::HtmlElement> = browser::find(&sent_form, "button");
            if let Some(button) = button {
                button.click();
            }
        }
    });
    Some(())
}

/// The name of the draft last sent.
#[cfg(feature = "hydrate")]
fn sent() -> Kept {
    Kept::for_long("linli.sent".to_owned())
}

/// The conversation is there, so its first message has arrived.
#[cfg(feature = "hydrate")]
pub fn forget_sent() {
    if let Some(name) = sent().read() {
        Kept::for_long(name).write("");
        sent().write("");
    }
}
