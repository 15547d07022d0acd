//! Sending without leaving the page. What was sent stays in the browser until the server has it, under the same key: a cut, a second
//! tap or a second tab gives one message.

use super::{
    browser::{after, document, every, fields, find, new_key, on, on_document, on_window, value, window},
    kept::Kept,
    log::Log,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Element, HtmlElement, HtmlFormElement, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent, RequestInit, Response, SubmitEvent,
};

/// Milliseconds before "sending" is said: most messages are faster and need no word.
const SLOW: i32 = 1_000;
/// After so long without an answer a message counts as waiting.
const PATIENCE: i32 = 20_000;
const AGAIN: i32 = 15_000;
/// What could not be sent is tried again after so long, then after twice as long each time, up to [`AGAIN`].
const SOON: i32 = 1_500;
/// What is kept for colleagues.
const NOTE: &str = "note";

/// Translated, for under a message and for what went wrong.
pub struct Words {
    pub waiting: String,
    pub sending: String,
    pub failed: String,
}

struct Sending {
    form: HtmlFormElement,
    text: HtmlTextAreaElement,
    key: HtmlInputElement,
    log: Log,
    words: Words,
    draft: Kept,
    queue: Kept,
    /// The fields of each message not yet with the server, in order.
    waiting: RefCell<Vec<String>>,
    is_busy: Cell<bool>,
    /// Attempts in a row that failed.
    failed: Cell<u32>,
    /// The next attempt is planned.
    is_planned: Cell<bool>,
    /// The network was away since the queue was last empty.
    was_cut: Cell<bool>,
    /// The button last pressed: browsers before 2022 do not say with which one a form is sent.
    pressed: RefCell<Option<HtmlElement>>,
}

/// What became of one attempt.
enum Outcome {
    Sent(Option<i64>),
    /// For good, with the server's words.
    Refused(String),
    Later,
}

/// Takes over the form.
pub fn attach(form: HtmlFormElement, log: Log, words: Words, draft: Kept, queue: Kept) -> Option<()> {
    let text: HtmlTextAreaElement = find(&form, "textarea")?;
    let key: HtmlInputElement = find(&form, "[name=key]")?;
    // A browser that fills in what stood here before must not bring back the key of another message.
    key.set_value(&key.default_value());
    // A second tap finds the box empty, which is nothing to complain about.
    form.set_no_validate(true);
    let waiting = queue.read().unwrap_or_default().lines().map(str::to_owned).collect();
    let sending = Rc::new(Sending {
        form,
        text,
        key,
        log,
        words,
        draft,
        queue,
        waiting: RefCell::new(waiting),
        is_busy: Cell::new(false),
        failed: Cell::new(0),
        is_planned: Cell::new(false),
        was_cut: Cell::new(false),
        pressed: RefCell::default(),
    });
    sending.take_up();
    sending.listen();
    Some(())
}

impl Sending {
    /// Goes on where the last page stopped.
    fn take_up(self: &Rc<Self>) {
        if self.text.value().is_empty()
            && let Some(draft) = self.draft.read()
        {
            self.text.set_value(&draft);
        }
        // Some may have been typed before the client was there.
        self.typed();
        let waiting = self.waiting.borrow().clone();
        for entry in &waiting {
            self.show(entry);
            self.log.say(&value(entry, "key"), &self.words.waiting);
        }
        self.was_cut.set(!waiting.is_empty());
        self.send();
    }

    fn listen(self: &Rc<Self>) {
        let same = self.clone();
        on(&self.form, "submit", move |event| {
            let submitter = event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter);
            let pressed = submitter.or(same.pressed.take());
            if same.press(pressed.as_ref()) {
                event.prevent_default();
            }
        });
        let same = self.clone();
        on_document("click", move |event| {
            let button = event.target().and_then(|t| t.dyn_into::<Element>().ok()?.closest("button").ok()?);
            same.pressed.replace(button.and_then(|b| b.dyn_into().ok()));
        });
        let same = self.clone();
        on(&self.text, "input", move |_| same.typed());
        let same = self.clone();
        on(&self.text, "keydown", move |event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            // Enter alone is a new line: on a phone it stands where the thumb slips.
            if key.key() == "Enter" && (key.ctrl_key() || key.meta_key()) && !key.is_composing() {
                event.prevent_default();
                let at_desk = same.form.id() == "answer";
                same.submit(if same.is_note() {
                    NOTE
                } else if at_desk {
                    "answer"
                } else {
                    ""
                });
            } else if key.key() == "Escape" {
                same.write_note(false);
            }
        });
        // The desk's shortcuts say what is to be written.
        for (said, is_note) in [("to-note", true), ("to-answer", false)] {
            let same = self.clone();
            on(&self.form, said, move |_| same.write_note(is_note));
        }
        let same = self.clone();
        on_window("online", move |_| same.send());
        let same = self.clone();
        every(AGAIN, move || same.send());
    }

    /// False where the page's own way is the right one.
    fn press(self: &Rc<Self>, button: Option<&HtmlElement>) -> bool {
        let Some(button) = button else { return self.submit("") };
        if let Some(text) = button.get_attribute("data-text") {
            if let Ok(Some(menu)) = button.closest("details") {
                let _ = menu.remove_attribute("open");
            }
            self.insert(&text);
            return true;
        }
        let is_intent = button.get_attribute("name").is_some_and(|n| n == "intent");
        let intent = button.get_attribute("value").filter(|_| is_intent).unwrap_or_default();
        if intent == NOTE && self.text.value().trim().is_empty() {
            self.write_note(!self.is_note());
            return true;
        }
        if matches!(intent.as_str(), "" | "answer" | "note" | "schedule") {
            return self.submit(&intent);
        }
        self.draft.write("");
        false
    }

    fn is_note(&self) -> bool {
        self.form.get_attribute("data-mode").is_some_and(|mode| mode == NOTE)
    }

    /// What is typed from now on is a note for colleagues, and looks like one; or an answer again.
    fn write_note(&self, is_note: bool) {
        let _ = self.text.focus();
        if is_note == self.is_note() {
            return;
        }
        // The box holds the other words ready.
        let (now, other) = (self.text.placeholder(), self.text.get_attribute("data-other").unwrap_or_default());
        self.text.set_placeholder(&other);
        let _ = self.text.set_attribute("aria-label", &other);
        let _ = self.text.set_attribute("data-other", &now);
        let _ = self.form.set_attribute("data-mode", if is_note { NOTE } else { "" });
    }

    /// Text at the cursor, as if typed.
    fn insert(&self, text: &str) {
        let (start, end) = (self.text.selection_start().ok().flatten().unwrap_or_default(), self.text.selection_end().ok().flatten().unwrap_or_default());
        let _ = self.text.focus();
        let _ = self.text.set_range_text_with_start_and_end_and_mode(text, start, end, "end");
        self.typed();
    }

    fn typed(&self) {
        self.draft.write(&self.text.value());
        self.grow();
    }

    /// As tall as its text, up to what the style allows.
    fn grow(&self) {
        let style = self.text.style();
        let _ = style.remove_property("height");
        let needed = self.text.scroll_height();
        if needed > self.text.client_height() {
            let frame = self.text.offset_height() - self.text.client_height();
            let _ = style.set_property("height", &format!("{}px", needed + frame));
        }
    }

    fn submit(self: &Rc<Self>, intent: &str) -> bool {
        let typed = self.text.value();
        let text = typed.trim();
        let _ = self.text.focus();
        if text.is_empty() {
            return true;
        }
        self.write_note(false);
        let entry = fields(&[("key", &self.key.value()), ("intent", intent), ("text", text)]);
        self.waiting.borrow_mut().push(entry.clone());
        self.keep(|kept| kept.push(entry.clone()));
        self.key.set_value(&new_key());
        self.log.holding_form(|| {
            self.all_well();
            self.show(&entry);
            self.write("");
        });
        let (same, key) = (self.clone(), value(&entry, "key"));
        after(SLOW, move || {
            if same.is_busy.get() && same.waiting.borrow().contains(&entry) {
                same.log.say(&key, &same.words.sending);
            }
        });
        self.send();
        true
    }

    fn write(&self, text: &str) {
        self.text.set_value(text);
        self.typed();
    }

    fn show(&self, entry: &str) {
        let class = match value(entry, "intent").as_str() {
            "note" => "msg memo",
            // Scheduled answers come from the server with their time.
            "schedule" => return,
            _ => "msg mine",
        };
        self.log.show(&value(entry, "key"), &value(entry, "text"), class);
    }

    /// Changes the queue that the browser keeps; another tab may have changed it too.
    fn keep(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut kept = self.queue.read().unwrap_or_default().lines().map(str::to_owned).collect();
        change(&mut kept);
        self.queue.write(&kept.join("\n"));
    }

    /// Sends what waits, one after the other.
    fn send(self: &Rc<Self>) {
        if self.waiting.borrow().is_empty() || self.is_busy.replace(true) {
            return;
        }
        let same = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            while let Some(entry) = same.next() {
                let outcome = same.post(&entry).await;
                if !same.settle(&entry, outcome) {
                    break;
                }
            }
            same.is_busy.set(false);
        });
    }

    fn next(&self) -> Option<String> {
        self.waiting.borrow().first().cloned()
    }

    /// Whether to go on with the next message.
    fn settle(self: &Rc<Self>, entry: &str, outcome: Outcome) -> bool {
        let key = value(entry, "key");
        if let Outcome::Later = outcome {
            self.was_cut.set(true);
            for entry in self.waiting.borrow().iter() {
                self.log.say(&value(entry, "key"), &self.words.waiting);
            }
            self.try_again();
            return false;
        }
        self.failed.set(0);
        self.waiting.borrow_mut().retain(|e| e != entry);
        self.keep(|kept| kept.retain(|e| e != entry));
        if self.waiting.borrow().is_empty() {
            self.was_cut.set(false);
        }
        match outcome {
            Outcome::Refused(words) => {
                self.log.withdraw(&key);
                let (typed, text) = (self.text.value(), value(entry, "text"));
                self.write(&if typed.is_empty() { text } else { format!("{text}\n{typed}") });
                self.complain(&words);
            }
            Outcome::Sent(number) => {
                self.log.arrived(&key, number);
            }
            Outcome::Later => {}
        }
        true
    }

    /// Not all phones at the same moment. One attempt is planned at a time, or each that fails in between would plan another for good.
    fn try_again(self: &Rc<Self>) {
        if self.is_planned.replace(true) {
            return;
        }
        let failed = self.failed.replace(self.failed.get() + 1);
        let wait = (SOON << failed.min(4)).min(AGAIN);
        let same = self.clone();
        after(wait + (js_sys::Math::random() * 1_000.0) as i32, move || {
            same.is_planned.set(false);
            same.send();
        });
    }

    async fn post(&self, entry: &str) -> Outcome {
        let Ok(response) = self.fetch(entry).await else { return Outcome::Later };
        let status = response.status();
        let is_plain = response.headers().get("content-type").ok().flatten().is_some_and(|t| t.starts_with("text/plain"));
        let body = match response.text() {
            Ok(text) => JsFuture::from(text).await.ok().and_then(|t| t.as_string()),
            Err(_) => None,
        };
        match (status, body) {
            (200..300, Some(body)) => Outcome::Sent(body.trim().parse().ok()),
            // Several that waited for the network go out at once, which is nobody's haste.
            (429, _) if self.was_cut.get() => Outcome::Later,
            // The whole address came too often, not this device.
            (429, Some(words)) if words.is_empty() => Outcome::Later,
            (400.., Some(words)) if is_plain && !words.is_empty() => Outcome::Refused(words),
            (400..500, _) => Outcome::Refused(self.words.failed.clone()),
            _ => Outcome::Later,
        }
    }

    async fn fetch(&self, entry: &str) -> Result<Response, JsValue> {
        let Some(window) = window() else { return Err(JsValue::NULL) };
        let csrf = find::<HtmlInputElement>(&self.form, "[name=csrf]").map(|c| c.value()).unwrap_or_default();
        let controller = AbortController::new()?;
        let request = RequestInit::new();
        request.set_method("POST");
        request.set_body(&format!("{entry}&{}", fields(&[("csrf", &csrf)])).into());
        request.set_signal(Some(&controller.signal()));
        let header = |name: &str, value: &str| js_sys::Array::of2(&name.into(), &value.into());
        request.set_headers(&js_sys::Array::of2(&header("accept", "text/plain"), &header("content-type", "application/x-www-form-urlencoded")));
        after(PATIENCE, move || controller.abort());
        let action = self.form.get_attribute("action").unwrap_or_default();
        JsFuture::from(window.fetch_with_str_and_init(&action, &request)).await?.dyn_into()
    }

    fn complain(&self, words: &str) {
        self.all_well();
        let Some(line) = document().and_then(|d| d.create_element("p").ok()) else { return };
        line.set_class_name("err");
        line.set_id("text-e");
        let _ = line.set_attribute("role", "alert");
        line.set_text_content(Some(words));
        if let Some(label) = find::<Element>(&self.form, "label") {
            let _ = label.insert_adjacent_element("afterend", &line);
        }
        let _ = self.text.set_attribute("aria-invalid", "true");
        let _ = self.text.set_attribute("aria-describedby", "text-e");
    }

    fn all_well(&self) {
        if let Some(line) = find::<Element>(&self.form, ".err") {
            line.remove();
            let _ = self.text.remove_attribute("aria-invalid");
            let _ = self.text.remove_attribute("aria-describedby");
        }
    }
}
