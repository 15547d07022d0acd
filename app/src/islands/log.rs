//! The messages on the page: new ones as the server sends them, one's own before the server has them.

use super::browser::{document, find, has_class, holding, window};
use web_sys::{Element, HtmlElement};

/// So far from the end, in pixels, still counts as being there.
const NEAR: f64 = 64.0;

#[derive(Clone)]
pub struct Log {
    list: HtmlElement,
    /// The form under the messages, which may cover the end of them.
    form: HtmlElement,
}

impl Log {
    pub fn new(list: HtmlElement, form: HtmlElement) -> Log {
        Log { list, form }
    }

    /// Puts the server's lines at the end, those already there excepted.
    pub fn add(&self, html: &str) {
        let Some(new) = holding(html) else { return };
        self.keeping_place(|| {
            // A time above a message comes and stays away with it.
            let mut above = None;
            while let Some(line) = new.first_element_child() {
                line.remove();
                if line.id().is_empty() {
                    above = Some(line);
                    continue;
                }
                let shown = find::<Element>(&self.list, &format!("#{}", line.id()));
                if shown.as_ref().is_some_and(|s| !s.has_attribute("data-key")) {
                    above = None;
                    continue;
                }
                let own = shown.or_else(|| self.expected(&line));
                let place = own.clone().or_else(|| self.foot());
                if let Some(time) = above.take() {
                    let _ = self.list.insert_before(&time, place.as_deref());
                }
                match own {
                    Some(own) => {
                        own.set_class_name(&line.class_name());
                        self.settle(&own, &line.id());
                        let _ = own.remove_attribute("data-key");
                        frame(&own, &line);
                    }
                    None => drop(self.list.insert_before(&line, place.as_deref())),
                }
            }
        });
    }

    /// The writer's own message, before the server has it.
    pub fn show(&self, key: &str, text: &str, class: &str) {
        let Some(document) = document() else { return };
        let (Ok(line), Ok(said)) = (document.create_element("li"), document.create_element("p")) else { return };
        let above = self.later().map_or_else(|| self.list.last_element_child(), |l| l.previous_element_sibling());
        let is_first = !above.is_some_and(|l| has_class(&l, "mine"));
        line.set_class_name(&if is_first { format!("{class} first") } else { class.to_owned() });
        let _ = line.set_attribute("data-key", key);
        said.set_class_name("say");
        said.set_text_content(Some(text));
        let _ = line.append_child(&said);
        let _ = self.list.insert_before(&line, self.later().as_deref());
    }

    /// Makes a change while the form stays where it is on the screen: a second tap must not hit something else.
    pub fn holding_form(&self, change: impl FnOnce()) {
        let foot = || self.form.get_bounding_client_rect().bottom();
        let before = foot();
        change();
        if let Some(window) = window() {
            window.scroll_by_with_x_and_y(0.0, foot() - before);
        }
        self.to_end();
    }

    /// A word under it: on its way, or waiting.
    pub fn say(&self, key: &str, words: &str) {
        let Some(line) = self.own(key) else { return };
        if let Some(state) = find::<Element>(&line, ".state") {
            state.set_text_content(Some(words));
            return;
        }
        self.keeping_place(|| {
            let Some(state) = document().and_then(|d| d.create_element("span").ok()) else { return };
            state.set_class_name("state");
            state.set_text_content(Some(words));
            let _ = line.append_child(&state);
        });
    }

    /// The server has it, as this number, if it said one.
    pub fn arrived(&self, key: &str, number: Option<i64>) {
        let Some(line) = self.own(key) else { return };
        let Some(number) = number else { return };
        let id = format!("m{number}");
        // The stream may have been faster.
        if find::<Element>(&self.list, &format!("#{id}")).is_some() {
            line.remove();
        } else {
            self.settle(&line, &id);
        }
    }

    pub fn withdraw(&self, key: &str) {
        if let Some(line) = self.own(key) {
            line.remove();
        }
    }

    pub fn to_end(&self) {
        if self.scrolls_itself() {
            self.list.set_scroll_top(self.list.scroll_height());
        } else if let Some(window) = window() {
            let over = self.end() - self.visible_end();
            if over > 0.0 {
                window.scroll_by_with_x_and_y(0.0, over);
            }
        }
    }

    fn settle(&self, line: &Element, id: &str) {
        line.set_id(id);
        if let Some(state) = find::<Element>(line, ".state") {
            self.keeping_place(|| state.remove());
        }
    }

    fn own(&self, key: &str) -> Option<Element> {
        find(&self.list, &format!("[data-key='{key}']"))
    }

    fn first_pending(&self) -> Option<Element> {
        find(&self.list, "[data-key]:not([id])")
    }

    /// Replies that wait for their hour stay at the foot.
    fn later(&self) -> Option<Element> {
        find(&self.list, ".later")
    }

    fn foot(&self) -> Option<Element> {
        find(&self.list, "[data-key]:not([id]), .later")
    }

    /// The replies that wait for their hour, all anew.
    pub fn set_later(&self, html: &str) {
        let Some(new) = holding(html) else { return };
        self.keeping_place(|| {
            while let Some(old) = self.later() {
                old.remove();
            }
            while let Some(line) = new.first_element_child() {
                let _ = self.list.append_child(&line);
            }
        });
    }

    /// The waiting message that this line is: the stream can be faster than the answer to the sending itself.
    fn expected(&self, line: &Element) -> Option<Element> {
        let text = said(line)?;
        let pending = self.first_pending()?;
        let is_same_kind = ["mine", "memo"].iter().all(|class| has_class(&pending, class) == has_class(line, class));
        (is_same_kind && said(&pending)? == text).then_some(pending)
    }

    /// Makes a change at the end. A reader who was there stays there, any other is not moved.
    fn keeping_place(&self, change: impl FnOnce()) {
        if self.scrolls_itself() {
            let below = self.list.scroll_height() - self.list.scroll_top() - self.list.client_height();
            change();
            if f64::from(below) < NEAR {
                self.to_end();
            }
        } else {
            let end = self.end();
            let was_at_end = end < self.visible_end() + NEAR;
            change();
            if was_at_end && let Some(window) = window() {
                window.scroll_by_with_x_and_y(0.0, self.end() - end);
            }
        }
    }

    /// At the desk the messages scroll in their own pane.
    fn scrolls_itself(&self) -> bool {
        self.list.scroll_height() > self.list.client_height() + 1
    }

    fn end(&self) -> f64 {
        self.list.get_bounding_client_rect().bottom()
    }

    /// Where the window ends for the messages: above the form that sticks to its foot.
    fn visible_end(&self) -> f64 {
        let height = window().and_then(|w| w.inner_height().ok()?.as_f64()).unwrap_or_default();
        height - self.form.get_bounding_client_rect().height()
    }
}

/// What the server says around the text: who, when. The text itself stays, so that it is not read out twice.
fn frame(own: &Element, line: &Element) {
    let text = find::<Element>(own, ".say");
    let mut is_above = true;
    while let Some(part) = line.first_element_child() {
        part.remove();
        if has_class(&part, "say") {
            is_above = false;
        } else {
            let _ = own.insert_before(&part, if is_above { text.as_deref() } else { None });
        }
    }
}

fn said(line: &Element) -> Option<String> {
    find::<Element>(line, ".say")?.text_content().map(|t| t.trim().to_owned())
}
