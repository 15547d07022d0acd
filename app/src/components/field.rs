//! A labelled field of a form, with its hint and what is wrong with it, and the summary above a form that could not be taken.

use crate::form::field_error;
use i18n::t;
use leptos::prelude::*;
use model::Language;

/// One line to type in. The id is its name in the form too.
pub struct Field {
    id: &'static str,
    label: String,
    kind: &'static str,
    value: String,
    autocomplete: &'static str,
    hint: Option<String>,
    error: Option<String>,
    is_required: bool,
    is_short: bool,
}

impl Field {
    pub fn new(id: &'static str, label: String) -> Field {
        Field { id, label, kind: "text", value: String::new(), autocomplete: "off", hint: None, error: None, is_required: true, is_short: false }
    }

    /// The `type` of the input: `email`, `password`, `datetime-local`.
    pub fn kind(self, kind: &'static str) -> Field {
        Field { kind, ..self }
    }

    pub fn value(self, value: impl Into<String>) -> Field {
        Field { value: value.into(), ..self }
    }

    pub fn autocomplete(self, autocomplete: &'static str) -> Field {
        Field { autocomplete, ..self }
    }

    pub fn hint(self, hint: String) -> Field {
        Field { hint: Some(hint), ..self }
    }

    pub fn error(self, error: Option<String>) -> Field {
        Field { error, ..self }
    }

    pub fn optional(self) -> Field {
        Field { is_required: false, ..self }
    }

    pub fn short(self) -> Field {
        Field { is_short: true, ..self }
    }

    pub fn view(self) -> impl IntoView + use<> {
        let id = self.id;
        let is_bad = self.error.is_some();
        let described = described_by(id, self.hint.is_some(), is_bad);
        let hint = self.hint.map(|text| view! { <p class="hint" id=format!("{id}-h")>{text}</p> });
        view! {
            <div class=if is_bad { "f bad" } else { "f" }>
                <label for=id>{self.label}</label>
                {hint}
                {field_error(id, self.error)}
                <input
                    class=if self.is_short { "in short" } else { "in" }
                    id=id
                    name=id
                    type=self.kind
                    value=self.value
                    autocomplete=self.autocomplete
                    required=self.is_required
                    aria-invalid=is_bad.then_some("true")
                    aria-describedby=described
                />
            </div>
        }
    }
}

/// The ids that explain a field: its hint, and what is wrong with it.
pub fn described_by(id: &str, has_hint: bool, is_bad: bool) -> Option<String> {
    let ids: Vec<String> = [has_hint.then(|| format!("{id}-h")), is_bad.then(|| format!("{id}-e"))].into_iter().flatten().collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// What to correct, with a way to each field.
pub fn summary(l: Language, errors: &[(&'static str, Option<String>)]) -> Option<impl IntoView + use<>> {
    let wrong: Vec<(&'static str, String)> = errors.iter().filter_map(|(id, e)| Some((*id, e.clone()?))).collect();
    let title = match wrong.len() {
        0 => return None,
        1 => t!(l, account.fix_one),
        count => t!(l, account.fix_many, count = count),
    };
    Some(titled_summary(title, wrong))
}

/// The same under a title of its own.
pub fn titled_summary(title: String, wrong: Vec<(&'static str, String)>) -> impl IntoView + use<> {
    let lines: Vec<_> = wrong.into_iter().map(|(id, text)| view! { <li><a href=format!("#{id}")>{text}</a></li> }).collect();
    view! { <div class="sum" role="alert" tabindex="-1"><h2>{title}</h2><ul>{lines}</ul></div> }
}
