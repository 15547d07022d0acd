//! `/supervision`: the figures of everything that is the supervisor's, and the way into it.

use super::unit::branches;
use crate::{
    components::icon::{Icon, icon},
    error::AppError,
    shell::Page,
    visit::{AsSupervisor, Visit},
};
use axum::response::Response;
use domain::{supervision, unit::Figures};
use i18n::{number, t};
use leptos::prelude::*;
use model::Language;

pub async fn show(visit: Visit, AsSupervisor(supervisor): AsSupervisor) -> Result<Response, AppError> {
    let l = visit.language;
    let view = supervision::overview(&visit.app.domain, &supervisor).await?;
    let main = view! {
        <main id="main" class="wide">
            <h1>{t!(l, people.supervision)}</h1>
            {numbers(l, &view.figures)}
            <h2>{t!(l, admin.units)}</h2>
            {branches(l, &view.tops, &view.waiting)}
            <p class="soft">{t!(l, people.supervision_text)}</p>
        </main>
    };
    Ok(Page::new(&visit, t!(l, people.supervision)).body_class("at-desk").for_staff(&supervisor.staff).await?.render(main))
}

fn numbers(l: Language, f: &Figures) -> impl IntoView + use<> {
    let staffed = t!(l, admin.staffed);
    let late = (f.late > 0).then(|| view! { <dd><span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.late, count = number(f.late))}</span></dd> });
    let vacant = (f.vacant > 0).then(|| view! { <dd><span class="tag time">{icon(Icon::People)}{t!(l, people.vacant, count = number(f.vacant))}</span></dd> });
    view! {
        <dl class="stats">
            <div>
                <dt>{staffed.clone()}</dt>
                <dd>{number(f.staffed)}" "<small>{format!("/ {}", number(f.leaves))}</small></dd>
                <dd><progress max=f.leaves.max(1).to_string() value=f.staffed.to_string() aria-label=staffed></progress></dd>
            </div>
            <div><dt>{t!(l, admin.posts)}</dt><dd>{number(f.posts)}</dd>{vacant}</div>
            <div><dt>{t!(l, admin.points_up)}</dt><dd>{number(f.points)}</dd></div>
            <div><dt>{t!(l, admin.waiting_now)}</dt><dd>{number(f.waiting)}</dd>{late}</div>
        </dl>
    }
}
