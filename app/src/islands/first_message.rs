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
    use std::{cell::Cell, rc::Rc};
    use web_sys::{HtmlElement, HtmlFormElement, HtmlInputElement, HtmlTextAreaElement};

    let form: HtmlFormElement = browser::by_id("write")?;
    let text: HtmlTextAreaElement = browser::find(&form, "textarea")?;
    let key: HtmlInputElement = browser::find(&form, "[name=key]")?;
    let name = format!("linli.draft.{code}");
    let draft = Rc::new(Kept::for_long(name.clone()));
    // The writer has pressed the button, without network.
    let held = Rc::new(Cell::new(false));
    if text.value().is_empty()
        && let Some(kept) = draft.read()
    {
        text.set_value(&browser::value(&kept, "text"));
        held.set(browser::value(&kept, "held") == "1");
        // The last attempt may have arrived although its answer did not: the same key makes it the same message.
        key.set_value(&browser::value(&kept, "key"));
    }
    let keep = {
        let (text, key, held) = (text.clone(), key.clone(), held.clone());
        move || {
            let held = if held.get() { "1" } else { "" };
            draft.write(&browser::fields(&[("key", &key.value()), ("text", &text.value()), ("held", held)]));
        }
    };
    let keep = Rc::new(keep);
    // Some may have been typed before the client was there.
    if !text.value().is_empty() {
        keep();
    }
    let kept = keep.clone();
    browser::on(&text, "input", move |_| kept());

    let (is_held, same) = (held.clone(), form.clone());
    let said = Cell::new(false);
    browser::on(&form, "submit", move |event| {
        is_held.set(!browser::is_online());
        keep();
        if browser::is_online() {
            sent().write(&name);
        } else {
            event.prevent_default();
            if !said.replace(true) {
                say(&same, &waiting);
            }
        }
    });
    let send = move || {
        if held.get() {
            // Not `submit()`: that would leave out the listener above, which notes what was sent.
            let button: Option<HtmlElement> = browser::find(&form, "button");
            if let Some(button) = button {
                button.click();
            }
        }
    };
    // What waited when the page was closed.
    send();
    browser::on_window("online", move |_| send());
    Some(())
}

#[cfg(feature = "hydrate")]
fn say(form: &web_sys::Element, words: &str) {
    let Some(line) = browser::document().and_then(|d| d.create_element("p").ok()) else { return };
    line.set_class_name("hint");
    let _ = line.set_attribute("role", "alert");
    line.set_text_content(Some(words));
    let _ = form.append_child(&line);
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
