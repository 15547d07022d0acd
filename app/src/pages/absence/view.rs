//! What the two pages of absences share: the list, the form, and what may be wrong with it.

use crate::{
    components::{
        admin::{choice, date},
        field::{Field, summary},
        icon::{Icon, icon},
    },
    error::AppError,
    pages::{post::day_error, unit::named},
    visit::Visit,
};
use domain::{
    absence::{AbsenceError, LONGEST_DAYS, Typed, View},
    holding::DayError,
    row::AbsenceLine,
};
use i18n::t;
use leptos::prelude::*;
use model::{AbsenceId, AbsenceReason, Language, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    pub intent: String,
    absence: String,
    from: String,
    until: String,
    reason: String,
    substitute: String,
    #[serde(skip)]
    pub errors: Errors,
}

impl Draft {
    pub fn typed(&self) -> Typed<'_> {
        Typed { from: &self.from, until: &self.until, reason: &self.reason, substitute: &self.substitute }
    }

    pub fn id(&self) -> Result<AbsenceId, AppError> {
        self.absence.parse().map_err(|_| AppError::NotFound)
    }
}

/// What is wrong, in the reader's words.
#[derive(Default)]
pub struct Errors {
    from: Option<String>,
    until: Option<String>,
    reason: Option<String>,
    substitute: Option<String>,
}

/// `of` is whose absence it is, where that is not the reader.
pub fn mistakes(visit: &Visit, e: AbsenceError, of: Option<&str>) -> Result<Errors, AppError> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let day = |at| i18n::when::date(l, &calendar.local(at), &calendar.local(visit.now));
    Ok(match e {
        AbsenceError::Invalid(m) => Errors {
            from: m.from.map(|e| day_error(l, e)),
            until: m.until.map(|e| match e {
                DayError::TooLate => t!(l, people.absence_too_long, days = LONGEST_DAYS),
                e => day_error(l, e),
            }),
            reason: m.reason.then(|| t!(l, people.choose_reason)),
            substitute: m.substitute.then(|| t!(l, admin.not_nearby)),
        },
        AbsenceError::Overlap => Errors { from: Some(t!(l, people.absence_overlap)), ..Errors::default() },
        AbsenceError::Ring { name, from, until } => {
            let (from, until) = (day(from), day(until.plus_seconds(-1)));
            let words = match of {
                Some(of) => t!(l, people.absence_ring_of, name = name, from = from, until = until, of = of),
                None => t!(l, people.absence_ring, name = name, from = from, until = until),
            };
            Errors { substitute: Some(words), ..Errors::default() }
        }
        // The page says so in the place of the form.
        AbsenceError::Elsewhere => Errors::default(),
        AbsenceError::NotFound => return Err(AppError::NotFound),
        AbsenceError::Store(e) => return Err(e.into()),
    })
}

pub fn reason_name(l: Language, reason: AbsenceReason) -> String {
    match reason {
        AbsenceReason::Leave => t!(l, people.reason_leave),
        AbsenceReason::Sick => t!(l, people.reason_sick),
        AbsenceReason::Training => t!(l, people.reason_training),
        AbsenceReason::Business => t!(l, people.reason_business),
        AbsenceReason::Other => t!(l, people.reason_other),
    }
}

/// From, until, why, and who stands in: for those who plan it, never for residents.
pub fn line(visit: &Visit, absence: &AbsenceLine) -> AnyView {
    let l = visit.language;
    let calendar = Calendar::standard();
    let is_now = absence.from_at <= visit.now;
    let tag = is_now.then(|| view! { <span class="tag off">{icon(Icon::Rest)}{t!(l, people.away_now)}</span>" " });
    let by = match &absence.substitute_title {
        Some(title) => t!(l, people.stands_in, post = named(title, absence.substitute_unit.as_deref())),
        None => t!(l, people.stands_in_usual),
    };
    view! {
        <span>
            {tag}{date(visit, &calendar, absence.from_at)}" – "{date(visit, &calendar, absence.until_at.plus_seconds(-1))}" · "
            {reason_name(l, absence.reason)}<br/><small class="soft">{by}</small>
        </span>
    }
    .into_any()
}

pub fn sections(visit: &Visit, view: &View, draft: Draft) -> AnyView {
    let l = visit.language;
    let planned = planned(visit, view);
    if view.is_elsewhere {
        let words = t!(l, people.absence_elsewhere, name = view.name.clone());
        return view! { {planned}<div class="banner">{icon(Icon::Rest)}<div><p>{words}</p></div></div> }.into_any();
    }
    view! { {planned}{form(visit, view, draft)} }.into_any()
}

/// What is planned already, and the way to call it off.
fn planned(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    let lines: Vec<_> = view
        .absences
        .iter()
        .map(|absence| {
            let words = if absence.from_at <= visit.now { t!(l, people.back_now) } else { t!(l, people.call_off) };
            view! {
                <li>
                    {line(visit, absence)}
                    {(!view.is_elsewhere).then(|| {
                        view! {
                            <form method="post">
                                {visit.csrf_field()}
                                <input type="hidden" name="absence" value=absence.id.to_string()/>
                                <button class="btn text" name="intent" value="end">{words}</button>
                            </form>
                        }
                    })}
                </li>
            }
        })
        .collect();
    let none = lines.is_empty().then(|| view! { <p>{t!(l, people.no_absence)}</p> });
    view! { <section><h2>{t!(l, people.planned)}</h2>{none}<ul class="links items">{lines}</ul></section> }
}

fn form(visit: &Visit, view: &View, draft: Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let mut reasons = vec![(String::new(), t!(l, people.choose_reason))];
    reasons.extend(AbsenceReason::ALL.iter().map(|reason| (reason.to_string(), reason_name(l, *reason))));
    let mut posts = vec![(String::new(), t!(l, people.usual_substitute))];
    posts.extend(view.choices.iter().map(|line| {
        let name = named(&line.title, Some(&line.unit_name));
        let holder = line.holder.clone().unwrap_or_else(|| t!(l, admin.vacant));
        (line.id.to_string(), t!(l, admin.post_of, post = name, name = holder))
    }));
    let errors = draft.errors;
    let sum = summary(
        l,
        &[("from", errors.from.clone()), ("until", errors.until.clone()), ("reason", errors.reason.clone()), ("substitute", errors.substitute.clone())],
    );
    view! {
        <section>
            <h2>{t!(l, people.plan_absence)}</h2>
            {sum}
            <form class="task" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="plan"/>
                {Field::new("from", t!(l, people.first_day)).kind("date").short().optional().value(draft.from).hint(t!(l, people.first_day_hint)).error(errors.from).view()}
                {Field::new("until", t!(l, admin.last_day)).kind("date").short().value(draft.until).error(errors.until).view()}
                {choice("reason", t!(l, people.reason), reasons, &draft.reason, Some(t!(l, people.reason_hint)), errors.reason)}
                {choice("substitute", t!(l, people.who_stands_in), posts, &draft.substitute, Some(t!(l, people.who_stands_in_hint)), errors.substitute)}
                <button class="btn">{icon(Icon::Rest)}{t!(l, people.plan_absence)}</button>
            </form>
        </section>
    }
}
