//! The messages of a conversation as bubbles.

use super::{
    card::initials,
    icon::{Icon, icon},
};
use domain::row::Message;
use i18n::{t, when};
use jiff::Zoned;
use leptos::prelude::*;
use model::{At, Event, Language, MessageKind, calendar::Calendar};

/// Whose page the messages stand on: their own are right, the others' left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side<'a> {
    Contact,
    Staff {
        /// The contact's name in the lists of staff.
        contact: &'a str,
        /// The number up to which the contact has seen everything.
        seen: i64,
    },
}

/// How messages are put on a page.
pub struct Log<'a> {
    pub language: Language,
    pub side: Side<'a>,
    pub calendar: &'a Calendar,
    pub now: At,
}

/// Minutes of silence after which the time is said again.
const SILENCE: i64 = 20;

impl Log<'_> {
    /// One `<li>` or two (time and message) for each message. `before` is the message just above, if the page already shows one.
    pub fn lines(&self, before: Option<&Message>, messages: &[Message]) -> Vec<AnyView> {
        let mut lines = Vec::new();
        let mut above = before;
        for message in messages {
            if self.needs_time(above, message) {
                lines.push(self.time(message.sent_at).into_any());
                above = None;
            }
            lines.push(self.line(above, message));
            above = Some(message);
        }
        lines
    }

    fn needs_time(&self, above: Option<&Message>, message: &Message) -> bool {
        above.is_none_or(|a| message.sent_at.seconds_since(a.sent_at) > SILENCE * 60)
    }

    fn local(&self, at: At) -> Zoned {
        self.calendar.local(at)
    }

    fn time(&self, at: At) -> impl IntoView + use<> {
        let said = when::moment(self.language, &self.local(at), &self.local(self.now));
        view! { <li class="sys"><time datetime=at.timestamp().to_string()>{said}</time></li> }
    }

    fn line(&self, above: Option<&Message>, message: &Message) -> AnyView {
        let id = format!("m{}", message.seq);
        match message.kind {
            MessageKind::Event => view! { <li class="sys" id=id>{self.event(&message.body)}</li> }.into_any(),
            MessageKind::Auto => {
                let class = if self.side == Side::Contact { "msg first auto" } else { "msg mine first auto" };
                self.bubble(&id, class, self.auto_by(), self.event(&message.body), None)
            }
            MessageKind::Note => self.bubble(&id, "msg memo", self.note_by(message), message.body.clone(), None),
            MessageKind::Contact | MessageKind::Answer => {
                let is_mine = (message.kind == MessageKind::Contact) == (self.side == Side::Contact);
                let is_first = !above.is_some_and(|a| a.kind == message.kind && a.staff_id == message.staff_id);
                let class = format!(
                    "msg{}{}{}",
                    if is_mine { " mine" } else { "" },
                    if is_first { " first" } else { "" },
                    if message.removed_at.is_some() { " gone" } else { "" }
                );
                let by = if is_first && !is_mine { self.by(message) } else { ().into_any() };
                let text = if message.removed_at.is_some() { t!(self.language, resident.removed) } else { message.body.clone() };
                let state = if is_mine { self.state(message) } else { None };
                self.bubble(&id, &class, by, text, state)
            }
        }
    }

    fn bubble(&self, id: &str, class: &str, by: AnyView, text: String, state: Option<String>) -> AnyView {
        let state = state.map(|s| view! { <span class="state">{s}</span> });
        view! { <li class=class.to_owned() id=id.to_owned()>{by}<p class="say">{text}</p>{state}</li> }.into_any()
    }

    /// Who speaks, at the start of a run.
    fn by(&self, message: &Message) -> AnyView {
        if let Side::Staff { contact, .. } = self.side {
            return view! { <span class="disc" aria-hidden="true">{initials(contact)}</span><span class="by">{contact.to_owned()}</span> }.into_any();
        }
        let name = message.staff_name.clone().unwrap_or_default();
        let unit = message.unit_in(self.language).map(|u| format!("@{u}"));
        view! { <span class="disc" aria-hidden="true">{initials(&name)}</span><span class="by">{name}" "<span class="unit">{unit}</span></span> }.into_any()
    }

    /// Under an answer, for staff: who wrote it when, and whether it has been read.
    fn state(&self, message: &Message) -> Option<String> {
        let Side::Staff { seen, .. } = self.side else { return None };
        let (name, time) = (message.staff_name.clone().unwrap_or_default(), self.clock(message.sent_at));
        let l = self.language;
        Some(if message.seq <= seen { t!(l, inbox.said_and_read, name = name, time = time) } else { t!(l, inbox.said, name = name, time = time) })
    }

    fn clock(&self, at: At) -> String {
        self.local(at).strftime("%-H:%M").to_string()
    }

    fn note_by(&self, message: &Message) -> AnyView {
        let by = t!(self.language, inbox.note_by, name = message.staff_name.clone().unwrap_or_default(), time = self.clock(message.sent_at));
        view! { <span class="by">{icon(Icon::Note)}" "{by}</span> }.into_any()
    }

    fn auto_by(&self) -> AnyView {
        view! { <span class="by">{t!(self.language, resident.automatic)}</span> }.into_any()
    }

    /// An event in the reader's words.
    fn event(&self, body: &str) -> String {
        let l = self.language;
        let Some(event) = Event::read(body) else { return String::new() };
        if let Side::Staff { .. } = self.side {
            match event {
                Event::HandedOver { to } => return t!(l, inbox.handed_over, name = to.name, title = to.title, unit = to.unit),
                Event::Claimed => return t!(l, inbox.claimed),
                Event::ClaimsEnded => return t!(l, inbox.claims_ended),
                Event::Closed => return t!(l, inbox.was_closed),
                Event::OffDuty { .. } | Event::Overflow { .. } => {}
            }
        }
        match event {
            Event::OffDuty { name, until, stand_in } => {
                let back = match until {
                    Some(until) => t!(l, resident.auto_until, name = name, when = when::moment(l, &self.local(until), &self.local(self.now))),
                    None => t!(l, resident.auto_away, name = name),
                };
                match stand_in {
                    Some(p) => format!("{back}{}", t!(l, resident.auto_stand_in, name = p.name.as_str(), unit = p.unit_in(l))),
                    None => format!("{back}{}", t!(l, resident.auto_kept)),
                }
            }
            Event::HandedOver { to } => t!(l, resident.handed_over, name = to.name.as_str(), title = to.title_in(l), unit = to.unit_in(l)),
            Event::Overflow { name, to } if name.is_empty() => {
                t!(l, people.overflow_nobody, by = to.name.as_str(), title = to.title_in(l), unit = to.unit_in(l))
            }
            Event::Overflow { name, to } => t!(l, people.overflow_told, name = name, by = to.name.as_str(), title = to.title_in(l), unit = to.unit_in(l)),
            Event::Claimed => t!(l, resident.claimed),
            Event::ClaimsEnded => t!(l, resident.claims_ended),
            Event::Closed => t!(l, resident.closed),
        }
    }
}
