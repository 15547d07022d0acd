//! The verified card: who answers.

use super::icon::{Icon, icon};
use crate::visit::Visit;
use domain::{
    contact_point::Point,
    post::{Answering, off_duty_until},
    row::Card,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, CheckPhrase, Language, calendar::Calendar};

/// The photo or, without one, the initials.
pub fn disc(card: &Card) -> impl IntoView + use<> {
    match (card.staff_id, card.photo_at, &card.staff_name) {
        (Some(staff), Some(at), _) => view! { <img class="disc" src=format!("/photo/{staff}/{}", at.0) alt="" width="56" height="56"/> }.into_any(),
        (_, _, Some(name)) => view! { <span class="disc" aria-hidden="true">{initials(name)}</span> }.into_any(),
        _ => view! { <span class="disc" aria-hidden="true">{icon(Icon::Unit)}</span> }.into_any(),
    }
}

/// A Chinese name's surname, other names' first two capitals; a number is no name.
pub fn initials(name: &str) -> String {
    match name.chars().next() {
        Some(c) if !c.is_ascii() => c.to_string(),
        _ => name.split_whitespace().filter_map(|word| word.chars().next()).filter(|c| c.is_alphabetic()).take(2).flat_map(char::to_uppercase).collect(),
    }
}

pub fn unit_mark(l: Language, unit: &str) -> impl IntoView + use<> {
    let unit = format!("@{unit}\u{2060}");
    view! { <p class="unit">{unit}{icon(Icon::Check)}<span class="sr">{t!(l, common.verified)}</span></p> }
}

/// The whole card of a sticker's page: person, duty, habit, place and check phrase.
pub fn full_card(visit: &Visit, point: &Point) -> impl IntoView + use<> {
    let l = visit.language;
    let answering = &point.answering;
    let card = answering.card();
    let (place, phrase) = (point.point.place_in(l).to_owned(), &point.point.check_phrase);
    view! {
        <section class="card">
            <div class="who">
                {disc(card)}
                <div>
                    <h1>{card.name_in(l).to_owned()}</h1>
                    <p>{card.title_in(l).to_owned()}</p>
                    {unit_mark(l, card.unit_in(l))}
                </div>
            </div>
            <ul class="facts">
                {overflow(l, point)}{stands_in(visit, answering)}{duty(visit, answering)}{usual(l, point.usual_seconds)}
            </ul>
            <div class="spot">
                <p class="place"><small>{t!(l, resident.you_are_at)}</small>{place}</p>
                {seal(l, phrase)}
            </div>
        </section>
    }
}

/// Why another answers than the one whose sticker it is: so that nobody waits long.
fn overflow(l: Language, point: &Point) -> impl IntoView + use<> {
    point.full.as_ref().map(|full| {
        let words = t!(l, people.overflow_card, name = full.card().name_in(l).to_owned());
        view! { <li>{icon(Icon::People)}<span>{words}</span></li> }
    })
}

/// The one who is away, until when if that is known, and that another answers meanwhile.
pub fn away(visit: &Visit, calendar: &Calendar, (name, until): &(String, Option<At>), by: &str) -> impl IntoView + use<> {
    let l = visit.language;
    let words = match until {
        Some(at) => t!(l, people.away_until, name = name.clone(), when = when::moment(l, &calendar.local(*at), &calendar.local(visit.now)), by = by.to_owned()),
        None => t!(l, people.away, name = name.clone(), by = by.to_owned()),
    };
    view! { <p class="soft">{icon(Icon::Hand)}" "{words}</p> }
}

fn stands_in(visit: &Visit, answering: &Answering) -> impl IntoView + use<> {
    let l = visit.language;
    answering.stand_in.as_ref().map(|_| {
        let absent = &answering.post;
        let calendar = &answering.calendar.calendar;
        let back = answering.away(visit.now).and_then(|(_, until)| until).map(|at| when::moment(l, &calendar.local(at), &calendar.local(visit.now)));
        let for_whom = match (&absent.staff_name, back) {
            (Some(name), Some(back)) => t!(l, people.stands_in_until, name = name.clone(), title = absent.title_in(l), when = back),
            (Some(name), None) => t!(l, resident.stands_in_for, name = name.clone(), title = absent.title_in(l)),
            (None, _) => t!(l, resident.stands_in_for_vacant, title = absent.title_in(l), unit = absent.unit_in(l)),
        };
        view! { <li>{icon(Icon::Hand)}<span>{for_whom}</span></li> }
    })
}

/// Whether they are on duty and the hours of the week.
fn duty(visit: &Visit, answering: &Answering) -> impl IntoView + use<> {
    let l = visit.language;
    let calendar = &answering.calendar.calendar;
    let now = visit.now;
    let local = |at| calendar.local(at);
    let (glyph, state) = match off_duty_until(answering.card(), now) {
        Some(Some(until)) => {
            (Icon::Rest, t!(l, resident.off_duty_until, when = when::moment(l, &local(calendar.next_working(until).unwrap_or(until)), &local(now))))
        }
        Some(None) => (Icon::Rest, t!(l, resident.off_duty)),
        None if calendar.is_working(now) => (Icon::Clock, t!(l, resident.on_duty)),
        None => match calendar.next_working(now) {
            Some(next) => (Icon::Clock, t!(l, resident.next_duty, when = when::moment(l, &local(next), &local(now)))),
            None => (Icon::Clock, t!(l, resident.off_duty)),
        },
    };
    let hours = week(l, answering);
    view! { <li>{icon(glyph)}<span><b>{state}</b>" · "{hours}</span></li> }
}

/// "周一至周五 8:30–12:00，14:00–17:30".
pub fn week(l: Language, answering: &Answering) -> String {
    when::week(l, &answering.calendar.calendar)
}

fn usual(l: Language, seconds: Option<i64>) -> impl IntoView + use<> {
    seconds.map(|seconds| {
        let within = when::working(l, seconds);
        view! { <li>{icon(Icon::Reply)}<span>{t!(l, resident.usually_before)}<b>{t!(l, resident.usually, within = within)}</b>{t!(l, resident.usually_after)}</span></li> }
    })
}

/// The four characters that are printed on the sticker too.
pub fn seal(l: Language, phrase: &CheckPhrase) -> impl IntoView + use<> {
    let spoken = match l {
        Language::Chinese => phrase.to_string(),
        Language::English => format!("{phrase} ({})", phrase.reading()),
    };
    let characters: Vec<_> = phrase.as_str().chars().map(|c| view! { <span aria-hidden="true">{c.to_string()}</span> }).collect();
    let reading = (l == Language::English).then(|| view! { <small class="soft">{phrase.reading()}</small> });
    view! { <p><small>{t!(l, resident.same_phrase)}</small><span class="seal" role="img" aria-label=spoken lang="zh-CN">{characters}</span>{reading}</p> }
}
