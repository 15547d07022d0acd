//! A live stream that comes back. The browser itself reconnects after a cut; where it has given up, or sleeps, or has changed networks, this does.

use super::browser::{after, is_hidden, jittered, on, on_document, on_window, post};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::JsCast;
use web_sys::{EventSource, MessageEvent};

const SHORTEST: f64 = 1_000.0;
const LONGEST: f64 = 30_000.0;

pub type Call = Box<dyn Fn(&str)>;

pub struct Stream {
    path: String,
    /// The last number read; a stream opened anew goes on after it.
    last: Cell<i64>,
    /// The last number that somebody could see.
    seen: Cell<i64>,
    source: RefCell<Option<EventSource>>,
    calls: Vec<(&'static str, Call)>,
    pause: Cell<f64>,
    is_waiting: Cell<bool>,
    is_over: Cell<bool>,
}

/// Reads `path?after=last` for as long as the page is open; each call gets the data of its event. The event `end`, to be among them, closes the
/// stream for good.
pub fn open(path: String, last: i64, calls: Vec<(&'static str, Call)>) {
    let stream = Rc::new(Stream {
        path,
        last: Cell::new(last),
        seen: Cell::new(last),
        source: RefCell::new(None),
        calls,
        pause: Cell::new(SHORTEST),
        is_waiting: Cell::new(false),
        is_over: Cell::new(false),
    });
    stream.connect();
    let same = stream.clone();
    // Another network: the old connection may be dead without knowing.
    on_window("online", move |_| same.connect());
    on_document("visibilitychange", move |_| {
        if !is_hidden() {
            stream.wake();
            stream.saw();
        }
    });
}

impl Stream {
    fn wake(self: &Rc<Self>) {
        let is_open = self.source.borrow().as_ref().is_some_and(|s| s.ready_state() == EventSource::OPEN);
        if !is_open {
            self.connect();
        }
    }

    fn connect(self: &Rc<Self>) {
        if let Some(old) = self.source.take() {
            old.close();
        }
        if self.is_over.get() {
            return;
        }
        let Ok(source) = EventSource::new(&format!("{}?after={}", self.path, self.last.get())) else { return };
        for index in 0..self.calls.len() {
            let stream = self.clone();
            on(&source, self.calls[index].0, move |event| {
                let Ok(event) = event.dyn_into::<MessageEvent>() else { return };
                stream.pause.set(SHORTEST);
                if let Ok(number) = event.last_event_id().parse() {
                    stream.last.set(number);
                }
                let (name, call) = &stream.calls[index];
                if *name == "end" {
                    stream.is_over.set(true);
                    stream.connect();
                }
                call(&event.data().as_string().unwrap_or_default());
                stream.saw();
            });
        }
        let stream = self.clone();
        let failed = source.clone();
        on(&source, "error", move |_| {
            let is_current = stream.source.borrow().as_ref() == Some(&failed);
            if is_current && failed.ready_state() == EventSource::CLOSED {
                stream.connect_later();
            }
        });
        self.source.replace(Some(source));
    }

    /// Tells the server what is on the screen, which what came while the page was hidden is not.
    fn saw(&self) {
        let last = self.last.get();
        if is_hidden() || self.seen.replace(last) >= last {
            return;
        }
        post(&format!("{}/seen", self.path.trim_end_matches("/live")), &format!("seq={last}"));
    }

    fn connect_later(self: &Rc<Self>) {
        if self.is_waiting.replace(true) {
            return;
        }
        let pause = self.pause.get();
        self.pause.set((pause * 2.0).min(LONGEST));
        let stream = self.clone();
        after(jittered(pause), move || {
            stream.is_waiting.set(false);
            stream.wake();
        });
    }
}
