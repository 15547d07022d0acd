//! The worker's desk, alive: the list as it changes, the open conversation, sending without leaving the page, and the keyboard.

use leptos::prelude::*;

/// Attaches itself to what the page has of `#main`, `#list`, `#log` and `#answer`; `pages::inbox` says what they hold. Texts come translated.
#[island]
pub fn Desk(
    /// Under a message that waits for the network.
    waiting: String,
    sending: String,
    failed: String,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    attached::attach(super::sending::Words { waiting, sending, failed });
    #[cfg(not(feature = "hydrate"))]
    drop((waiting, sending, failed));
}

#[cfg(feature = "hydrate")]
mod attached {
    use crate::islands::{
        browser::{after, by_id, document, every, find, holding, is_hidden, on_document, on_window, renew_by_id, window},
        kept::Kept,
        log::Log,
        sending,
        stream::{self, Call},
    };
    use std::{cell::Cell, rc::Rc};
    use wasm_bindgen::JsCast;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Element, Event, HtmlDialogElement, HtmlElement, HtmlFormElement, KeyboardEvent, Response};

    /// The times left are words, which grow old.
    const AGES: i32 = 60_000;
    /// Many changes at once are one look at the list.
    const PAUSE: i32 = 400;

    pub fn attach(words: sending::Words) -> Option<()> {
        let main: Element = by_id("main")?;
        let live = main.get_attribute("data-live")?;
        let list = List::new(&live);
        let same = list.clone();
        // Who hands a conversation over is on the way to a page that says so; the stream, which ends by that, must not come in between.
        let is_leaving = Rc::new(Cell::new(false));
        let leaves = is_leaving.clone();
        on_window("beforeunload", move |_| leaves.set(true));
        let mut calls: Vec<(&'static str, Call)> = vec![
            ("list", Box::new(move |_| same.changed())),
            // Signed out, or the conversation is another's now; the inbox knows which.
            (
                "end",
                Box::new(move |_| {
                    if let Some(window) = window().filter(|_| !is_leaving.get()) {
                        let _ = window.location().assign("/inbox");
                    }
                }),
            ),
        ];
        let mut last = 0;
        if let (Some(element), Some(form)) = (by_id::<HtmlElement>("log"), by_id::<HtmlFormElement>("answer")) {
            last = element.get_attribute("data-last").and_then(|n| n.parse().ok()).unwrap_or_default();
            let log = Log::new(element, form.clone().into());
            log.to_end();
            let (with_messages, with_later) = (log.clone(), log.clone());
            calls.push(("messages", Box::new(move |html| with_messages.add(html))));
            calls.push(("later", Box::new(move |html| with_later.set_later(html))));
            calls.push((
                "state",
                Box::new(|html| {
                    renew_by_id("state", html);
                }),
            ));
            calls.push((
                "presence",
                Box::new(|html| {
                    renew_by_id("here", html);
                }),
            ));
            let address = form.get_attribute("action")?;
            let draft = Kept::for_this_tab(format!("linli.draft.{address}"));
            let queue = Kept::for_this_tab(format!("linli.queue.{address}"));
            sending::attach(form, log, words, draft, queue);
        }
        stream::open(live, last, calls);
        keys();
        Some(())
    }

    /// The list of conversations.
    struct List {
        /// The list alone, as this page shows it.
        address: String,
        title: String,
        is_pressed: Cell<bool>,
        is_stale: Cell<bool>,
        is_busy: Cell<bool>,
    }

    impl List {
        fn new(live: &str) -> Rc<List> {
            let open = live.trim_start_matches("/inbox").trim_end_matches("/live").trim_start_matches('/');
            let query = window().and_then(|w| w.location().search().ok()).unwrap_or_default();
            let address = match (open, query.strip_prefix('?')) {
                ("", Some(query)) => format!("/inbox?fragment=list&{query}"),
                ("", None) => "/inbox?fragment=list".to_owned(),
                (open, _) => format!("/inbox?fragment=list&open={open}"),
            };
            let title = document().map(|d| d.title()).unwrap_or_default();
            let list = Rc::new(List { address, title, is_pressed: Cell::new(false), is_stale: Cell::new(false), is_busy: Cell::new(false) });
            list.count();
            // Nothing is moved from under a finger.
            let same = list.clone();
            on_document("pointerdown", move |_| same.is_pressed.set(true));
            for released in ["pointerup", "pointercancel"] {
                let same = list.clone();
                on_document(released, move |_| {
                    let same = same.clone();
                    // First the click.
                    after(PAUSE, move || {
                        same.is_pressed.set(false);
                        same.look();
                    });
                });
            }
            let same = list.clone();
            every(AGES, move || {
                if !is_hidden() {
                    same.changed();
                }
            });
            list
        }

        fn changed(self: &Rc<Self>) {
            self.is_stale.set(true);
            self.look();
        }

        fn look(self: &Rc<Self>) {
            if !self.is_stale.get() || self.is_pressed.get() || self.is_busy.replace(true) {
                return;
            }
            let same = self.clone();
            after(PAUSE, move || {
                wasm_bindgen_futures::spawn_local(async move {
                    same.is_stale.set(false);
                    // A failed look is made good by the next: the stream says so when it is back.
                    let html = fetch(&same.address).await;
                    if same.is_pressed.get() {
                        same.is_stale.set(true);
                    } else if let Some(html) = html {
                        show(&html);
                        same.count();
                    }
                    same.is_busy.set(false);
                    same.look();
                });
            });
        }

        /// The number in the navigation, in the title too, where a worker in another window sees it.
        fn count(&self) {
            let (Some(document), Some(unread)) = (document(), by_id::<Element>("unread")) else { return };
            let number = unread.text_content().unwrap_or_default();
            let is_none = number == "0";
            if let Some(badge) = unread.parent_element() {
                let _ = badge.toggle_attribute_with_force("hidden", is_none);
            }
            document.set_title(&if is_none { self.title.clone() } else { format!("({number}) {}", self.title) });
        }
    }

    fn all(inside: &Element, selector: &str) -> Vec<HtmlElement> {
        let Ok(found) = inside.query_selector_all(selector) else { return Vec::new() };
        (0..found.length()).filter_map(|i| found.item(i)?.dyn_into().ok()).collect()
    }

    async fn fetch(address: &str) -> Option<String> {
        let response: Response = JsFuture::from(window()?.fetch_with_str(address)).await.ok()?.dyn_into().ok()?;
        if !response.ok() {
            return None;
        }
        JsFuture::from(response.text().ok()?).await.ok()?.as_string()
    }

    fn show(html: &str) -> Option<()> {
        let list: Element = by_id("list")?;
        let Some(new) = find::<Element>(&holding(html)?, "#list") else {
            // Signed out meanwhile: this is the page that asks who it is.
            let _ = window()?.location().reload();
            return None;
        };
        let focused = focused_row(&list).and_then(|row| row.get_attribute("href"));
        if list.inner_html() != new.inner_html() {
            list.set_inner_html(&new.inner_html());
        }
        if let Some(href) = focused
            && let Some(row) = find::<HtmlElement>(&list, &format!("a[href='{href}']"))
        {
            let _ = row.focus();
        }
        renew_by_id("state", html);
        renew_by_id("waits", html);
        renew_by_id("unread", html);
        by_id::<Element>("waiting")?.set_text_content(new.get_attribute("data-waiting").as_deref());
        Some(())
    }

    fn focused_row(list: &Element) -> Option<HtmlElement> {
        find(list, "a:focus")
    }

    fn keys() {
        on_document("keydown", |event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            if key.ctrl_key() || key.meta_key() || key.alt_key() || key.is_composing() || find_open("dialog[open]").is_some() {
                return;
            }
            let typing = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok()).filter(is_typed_in);
            let was_meant = match (key.key().as_str(), typing) {
                // A panel with a field in it closes at once.
                ("Escape", Some(field)) => field.blur().is_ok() && (field.closest(".menu[open]").ok().flatten().is_none() || close_menu()),
                (_, Some(_)) => false,
                ("Escape", None) if close_menu() => true,
                ("j", None) => step(1).is_some(),
                ("k", None) => step(-1).is_some(),
                ("?", None) => by_id::<HtmlDialogElement>("keys").is_some_and(|d| d.show_modal().is_ok()),
                ("r", None) => write("to-answer").is_some(),
                ("n", None) => write("to-note").is_some(),
                (name @ ("h" | "q" | "s" | "c" | "/" | "Escape"), None) => press(name).is_some(),
                _ => false,
            };
            if was_meant {
                event.prevent_default();
            }
        });
    }

    fn is_typed_in(element: &HtmlElement) -> bool {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
    }

    fn find_open(selector: &str) -> Option<Element> {
        document()?.query_selector(selector).ok()?
    }

    fn close_menu() -> bool {
        find_open(".menu[open]").is_some_and(|menu| menu.remove_attribute("open").is_ok())
    }

    /// To the next row or the one before: from the focused one, else from the open one, else from the top.
    fn step(by: isize) -> Option<()> {
        let list: Element = by_id("list")?;
        let rows = all(&list, "a.row");
        let here = focused_row(&list).or_else(|| find(&list, "a[aria-current]"));
        let place = here.and_then(|h| rows.iter().position(|r| *r == h));
        let next = match place {
            Some(place) => place.checked_add_signed(by)?,
            None => 0,
        };
        rows.get(next)?.focus().ok()
    }

    /// Into the box, for an answer or for a note.
    fn write(what: &str) -> Option<()> {
        let form: HtmlFormElement = by_id("answer")?;
        form.dispatch_event(&Event::new(what).ok()?).ok().map(|_| ())
    }

    /// What the page marks with the key: a field gets the cursor, anything else is pressed.
    fn press(key: &str) -> Option<()> {
        let element: HtmlElement = find_open(&format!("[data-key='{key}']"))?.dyn_into().ok()?;
        if is_typed_in(&element) {
            element.focus().ok()?;
        } else {
            element.click();
            // A panel that opens begins with its first field.
            if element.tag_name() == "SUMMARY"
                && let Some(field) = find::<HtmlElement>(&element.parent_element()?, "select, textarea, input:not([type=hidden]), button")
            {
                field.focus().ok()?;
            }
        }
        Some(())
    }
}
