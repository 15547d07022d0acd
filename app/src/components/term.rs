//! Who holds what, from when until when: the same line on the page of a post and on that of a person.

use super::{
    admin::date,
    icon::{Icon, icon},
};
use crate::{form::field_error, visit::Visit};
use domain::row::Term;
use i18n::t;
use leptos::prelude::*;
use model::calendar::Calendar;

/// All terms, newest first, each with the form that ends it. `names` says who or what is at the other side; `error` belongs to the term with
/// the id `failed`.
pub fn terms(visit: &Visit, calendar: &Calendar, terms: &[Term], names: impl Fn(&Term) -> AnyView, (error, failed): (Option<String>, &str)) -> AnyView {
    let line = |term: &Term| {
        let error = error.clone().filter(|_| term.id.to_string() == failed);
        line(visit, calendar, term, names(term), error).into_any()
    };
    let lines: Vec<AnyView> = terms.iter().map(line).collect();
    view! { <ol class="line">{lines}</ol> }.into_any()
}

fn line(visit: &Visit, calendar: &Calendar, term: &Term, name: AnyView, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_next = term.from_at > visit.now;
    let is_over = term.until_at.is_some_and(|u| u <= visit.now);
    let class = match (is_next, is_over) {
        (true, _) => "next",
        (false, true) => "",
        (false, false) => "now",
    };
    let tag = match (is_next || is_over, term.is_activated) {
        (true, _) => None,
        (false, true) => Some(view! { <span class="tag">{t!(l, admin.holds_now)}</span> }.into_any()),
        (false, false) => Some(view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, admin.invited)}</span> }.into_any()),
    };
    let until = term.until_at.map(|at| view! { " – "{date(visit, calendar, at.plus_seconds(-1))} });
    let since = term.until_at.is_none().then(|| t!(l, admin.since_after));
    let release = (!is_over).then(|| release_form(visit, term, error));
    view! { <li class=class><b>{name}</b>" "{tag}<small>{date(visit, calendar, term.from_at)}{since}{until}</small>{release}</li> }
}

/// A last day, or at once.
fn release_form(visit: &Visit, term: &Term, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let id = format!("until-{}", term.id);
    let is_bad = error.is_some();
    let described = is_bad.then(|| format!("{id}-e"));
    view! {
        <details class="fold" open=is_bad.then_some("")>
            <summary><span>{t!(l, admin.release)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <form class="body" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="release"/>
                <input type="hidden" name="holding" value=term.id.to_string()/>
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for=id.clone()>{t!(l, admin.last_day)}</label>
                    <p class="hint">{t!(l, admin.last_day_hint)}</p>
                    {field_error(&id, error)}
                    <input class="in short" id=id.clone() name="until" type="date" aria-invalid=is_bad.then_some("true") aria-describedby=described/>
                </div>
                <button class="btn alt">{t!(l, admin.release_button)}</button>
            </form>
        </details>
    }
}
