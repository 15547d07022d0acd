//! `/admin/posts/{id}`: who holds a post and who stands in, its contact points and its welcome.

use crate::{
    components::{
        admin::{Done, area, choice, crumbs, open_waits, saved},
        field::Field,
        icon::{Icon, icon},
        term::terms,
    },
    error::AppError,
    form::{Posted, text_error},
    pages::{absence, unit::named},
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    holding::{self, DayError, HoldingError, Typed, WhoError},
    post::{self, PostError, View},
    routing::Orphan,
    row::Term,
};
use i18n::t;
use leptos::prelude::*;
use model::{HoldingId, Language, PostId};
use serde::Deserialize;

/// The forms of the page in one: `intent` says which was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    title: Option<String>,
    title_en: Option<String>,
    welcome: Option<String>,
    substitute: String,
    who: String,
    from: String,
    until: String,
    holding: String,
    /// Instead of whoever holds it then, not beside them.
    instead: String,
    /// Which post takes the conversations of one that ends.
    to: String,
    confirm: String,
    #[serde(skip)]
    errors: Errors,
}

/// What is wrong, in the reader's words.
#[derive(Default)]
struct Errors {
    title: Option<String>,
    title_en: Option<String>,
    welcome: Option<String>,
    substitute: Option<String>,
    who: Option<String>,
    from: Option<String>,
    until: Option<String>,
    release: Option<String>,
    end: Option<String>,
    to: Option<String>,
    /// Where somebody waits whom nobody would answer.
    open: Vec<Orphan>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PostId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, &done, Draft::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<PostId>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let errors = match draft.intent.as_str() {
        "substitute" => substitute(&visit, &admin, id, &draft).await?,
        "hold" => hold(&visit, &admin, id, &draft).await?,
        "release" => release(&visit, &admin, &draft).await?,
        "end" => match end(&visit, &admin, id, &draft).await? {
            Ok(to) => return Ok(Redirect::to(&to).into_response()),
            Err(errors) => Some(errors),
        },
        _ => save(&visit, &admin, id, &draft).await?,
    };
    match errors {
        None => Ok(Redirect::to(&format!("/admin/posts/{id}?saved=1")).into_response()),
        Some(errors) => {
            draft.errors = errors;
            page(&visit, &admin, id, &Done::default(), draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

async fn save(visit: &Visit, admin: &Admin, id: PostId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let typed = post::Typed {
        title: draft.title.as_deref().unwrap_or(""),
        title_en: draft.title_en.as_deref().unwrap_or(""),
        welcome: draft.welcome.as_deref().unwrap_or(""),
    };
    match post::change(&visit.app.domain, admin, id, typed).await {
        Ok(()) => Ok(None),
        Err(PostError::Invalid(mistakes)) => Ok(Some(Errors {
            title: mistakes.title.map(|e| text_error(l, e)),
            title_en: mistakes.title_en.map(|e| text_error(l, e)),
            welcome: mistakes.welcome.map(|e| text_error(l, e)),
            ..Errors::default()
        })),
        Err(PostError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn substitute(visit: &Visit, admin: &Admin, id: PostId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let chosen = match draft.substitute.as_str() {
        "" => None,
        // What is no id is no post nearby either.
        text => Some(text.parse().unwrap_or(id)),
    };
    let error = match post::set_substitute(&visit.app.domain, admin, id, chosen).await {
        Ok(()) => return Ok(None),
        Err(PostError::NotNearby) => t!(l, admin.not_nearby),
        Err(PostError::Ownerless(open)) => return Ok(Some(Errors { substitute: Some(t!(l, admin.ownerless)), open, ..Errors::default() })),
        Err(PostError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(AppError::NotFound),
    };
    Ok(Some(Errors { substitute: Some(error), ..Errors::default() }))
}

async fn hold(visit: &Visit, admin: &Admin, id: PostId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let typed = Typed { who: &draft.who, from: &draft.from, until: &draft.until };
    let done = match draft.instead.as_str() {
        "yes" => holding::hand_over(&visit.app.domain, admin, id, typed).await,
        _ => holding::add(&visit.app.domain, admin, id, typed).await,
    };
    match done {
        Ok(()) => Ok(None),
        Err(HoldingError::Ownerless(open)) => Ok(Some(Errors { who: Some(t!(l, admin.ownerless)), open, ..Errors::default() })),
        Err(HoldingError::Invalid(mistakes)) => Ok(Some(Errors {
            who: mistakes.who.map(|e| who_error(l, e)),
            from: mistakes.from.map(|e| day_error(l, e)),
            until: mistakes.until.map(|e| day_error(l, e)),
            ..Errors::default()
        })),
        Err(HoldingError::Overlap) => Ok(Some(Errors { who: Some(t!(l, admin.holds_already)), ..Errors::default() })),
        Err(HoldingError::Store(e)) => Err(e.into()),
        Err(HoldingError::NotFound) => Err(AppError::NotFound),
    }
}

pub fn who_error(l: Language, e: WhoError) -> String {
    match e {
        WhoError::Empty => t!(l, admin.who_empty),
        WhoError::Unknown => t!(l, admin.who_unknown),
        WhoError::Several => t!(l, admin.who_several),
        WhoError::Leaves => t!(l, people.who_leaves),
    }
}

pub fn day_error(l: Language, e: DayError) -> String {
    match e {
        DayError::NotADate => t!(l, admin.not_a_date),
        DayError::TooEarly => t!(l, admin.too_early),
        DayError::TooLate => t!(l, admin.too_late),
    }
}

async fn release(visit: &Visit, admin: &Admin, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let holding: HoldingId = draft.holding.parse().map_err(|_| AppError::NotFound)?;
    let error = match holding::end(&visit.app.domain, admin, holding, &draft.until).await {
        Ok(_) => return Ok(None),
        Err(HoldingError::Invalid(mistakes)) => mistakes.until.map_or_else(String::new, |e| day_error(l, e)),
        Err(HoldingError::Ownerless(open)) => return Ok(Some(Errors { release: Some(t!(l, admin.ownerless)), open, ..Errors::default() })),
        Err(HoldingError::Store(e)) => return Err(e.into()),
        Err(HoldingError::NotFound | HoldingError::Overlap) => return Err(AppError::NotFound),
    };
    Ok(Some(Errors { release: Some(error), ..Errors::default() }))
}

/// Where to go when the post is gone, or why it is not.
async fn end(visit: &Visit, admin: &Admin, id: PostId, draft: &Draft) -> Result<Result<String, Errors>, AppError> {
    let l = visit.language;
    let refused = |text| Ok(Err(Errors { end: Some(text), ..Errors::default() }));
    if draft.confirm != "yes" {
        return refused(t!(l, admin.tick_first));
    }
    let to = match draft.to.as_str() {
        "" => None,
        // What is no id is no post nearby either.
        text => Some(text.parse().unwrap_or(id)),
    };
    match post::end(&visit.app.domain, admin, id, to).await {
        Ok(unit) => Ok(Ok(format!("/admin/units/{unit}"))),
        Err(PostError::Ownerless(open)) => Ok(Err(Errors { end: Some(t!(l, admin.ownerless)), open, ..Errors::default() })),
        Err(PostError::NotNearby) => Ok(Err(Errors { to: Some(t!(l, admin.not_nearby)), ..Errors::default() })),
        Err(PostError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn page(visit: &Visit, admin: &Admin, id: PostId, done: &Done, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let view = post::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let name = named(&view.post.title, Some(&view.line.unit_name));
    let errors = draft.errors;
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &view.above)}
            <div class="head"><h1>{name.clone()}</h1>{state(visit, &view)}</div>
            {saved(l, done.saved.is_some())}
            {open_waits(visit, &errors.open)}
            <div class="two">
                <div>
                    {points(l, &view)}
                    <section>
                        <h2>{t!(l, admin.substitute)}</h2>
                        {substitute_form(visit, &view, &draft.substitute, errors.substitute)}
                    </section>
                    <section>
                        <h2>{t!(l, admin.what_people_see)}</h2>
                        <form class="task" method="post">
                            {visit.csrf_field()}
                            <input type="hidden" name="intent" value="save"/>
                            {Field::new("title", t!(l, admin.post_title))
                                .value(draft.title.unwrap_or_else(|| view.post.title.clone()))
                                .hint(t!(l, admin.post_title_hint))
                                .error(errors.title)
                                .view()}
                            {Field::new("title_en", t!(l, admin.post_title_en))
                                .value(draft.title_en.unwrap_or_else(|| view.post.title_en.clone().unwrap_or_default()))
                                .optional()
                                .hint(t!(l, admin.english_hint))
                                .error(errors.title_en)
                                .view()}
                            {area(
                                "welcome",
                                t!(l, admin.welcome),
                                draft.welcome.unwrap_or_else(|| view.post.welcome.clone().unwrap_or_default()),
                                3,
                                Some(t!(l, admin.welcome_hint)),
                                errors.welcome,
                            )}
                            <button class="btn">{t!(l, common.save)}</button>
                        </form>
                        {end_form(visit, &view, &name, &draft.to, errors.end, errors.to)}
                    </section>
                </div>
                <div>
                    {holders(visit, &view, errors.release, &draft.holding)}
                    {absences(visit, &view)}
                    {appoint(visit, &view, (draft.who, draft.from, draft.until), draft.instead == "yes", (errors.who, errors.from, errors.until))}
                </div>
            </div>
        </main>
    };
    Ok(Page::new(visit, name).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// Who answers now.
fn state(visit: &Visit, view: &View) -> AnyView {
    let (l, line) = (visit.language, &view.line);
    let is_given = view.terms.iter().any(|t| t.until_at.is_none_or(|until| until > visit.now));
    match (&line.answering_title, &line.holder) {
        (Some(title), _) => {
            let other = named(title, line.answering_unit.as_deref());
            view! { <span class="tag time">{icon(Icon::Hand)}{t!(l, admin.answered_by, name = other)}</span> }.into_any()
        }
        (None, Some(holder)) => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, admin.answers, name = holder.clone())}</span> }.into_any(),
        (None, None) if is_given => view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, admin.nobody_yet)}</span> }.into_any(),
        (None, None) => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.nobody)}</span> }.into_any(),
    }
}

fn points(l: Language, view: &View) -> AnyView {
    let new = format!("/admin/posts/{}/contact-points/new", view.post.id);
    let head = view! {
        <div class="head"><h2>{t!(l, admin.contact_points)}</h2><a class="btn alt" href=new>{icon(Icon::Plus)}{t!(l, admin.add_point)}</a></div>
    };
    if view.points.is_empty() {
        return view! { <section>{head}<p>{t!(l, admin.no_points)}</p></section> }.into_any();
    }
    let rows: Vec<_> = view
        .points
        .iter()
        .map(|point| {
            let href = format!("/admin/contact-points/{}", point.id);
            let action = match point.revoked_at {
                None => view! { <a class="btn text" href=format!("{href}/sheet")>{icon(Icon::Print)}{t!(l, admin.print)}</a> }.into_any(),
                Some(_) => view! { <span class="tag off">{t!(l, admin.revoked)}</span> }.into_any(),
            };
            view! {
                <tr>
                    <th scope="row"><a href=href>{point.place.clone()}</a></th>
                    <td data-l=t!(l, admin.point_code)><span class="code">{point.code.to_string()}</span></td>
                    <td data-l=t!(l, admin.phrase) lang="zh-CN">{point.check_phrase.to_string()}</td>
                    <td data-l=t!(l, admin.conversations)>{point.conversations}</td>
                    <td class="act">{action}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <section>
            {head}
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, admin.place)}</th>
                        <th scope="col">{t!(l, admin.point_code)}</th>
                        <th scope="col">{t!(l, admin.phrase)}</th>
                        <th scope="col">{t!(l, admin.conversations)}</th>
                        <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
    .into_any()
}

fn substitute_form(visit: &Visit, view: &View, typed: &str, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let mut options = vec![(String::new(), t!(l, admin.unit_above_answers))];
    for line in &view.nearby {
        let name = named(&line.title, Some(&line.unit_name));
        let holder = line.holder.clone().unwrap_or_else(|| t!(l, admin.vacant));
        options.push((line.id.to_string(), t!(l, admin.post_of, post = name, name = holder)));
    }
    // One chosen before it was too far away stays in the list.
    if let (Some(id), Some(title)) = (view.post.substitute_id, &view.line.substitute_title)
        && !view.nearby.iter().any(|line| line.id == id)
    {
        options.push((id.to_string(), named(title, view.line.substitute_unit.as_deref())));
    }
    let chosen = match (error.is_some(), view.post.substitute_id) {
        (false, Some(id)) => id.to_string(),
        _ => typed.to_owned(),
    };
    view! {
        <form class="task" method="post">
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="substitute"/>
            {choice("substitute", t!(l, admin.substitute_label), options, &chosen, None, error)}
            <button class="btn alt">{t!(l, common.save)}</button>
        </form>
    }
}

fn holders(visit: &Visit, view: &View, error: Option<String>, failed: &str) -> impl IntoView + use<> {
    let l = visit.language;
    let empty = view.terms.is_empty().then(|| view! { <p>{t!(l, admin.nobody_ever)}</p> });
    let who = |term: &Term| view! { <a href=format!("/admin/staff/{}", term.staff_id)>{term.staff_name.clone()}</a> }.into_any();
    let lines = terms(visit, &view.calendar.calendar, &view.terms, who, (error, failed));
    view! { <section><h2>{t!(l, admin.holders)}</h2>{empty}{lines}</section> }
}

/// Which of the holders will be away, and who stands in.
fn absences(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let lines: Vec<_> = view.absences.iter().map(|(name, a)| view! { <li><span><b>{name.clone()}</b><br/>{absence::line(visit, a)}</span></li> }).collect();
    (!lines.is_empty()).then(|| view! { <section><h2>{t!(l, people.absences)}</h2><ul class="links items">{lines}</ul></section> })
}

/// Ends the post; its conversations go to whoever routing finds, or to a post that is chosen here.
fn end_form(visit: &Visit, view: &View, name: &str, chosen: &str, error: Option<String>, to_error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = error.is_some();
    let is_open = is_bad || to_error.is_some();
    let mut options = vec![(String::new(), t!(l, people.heir_usual))];
    options.extend(view.nearby.iter().filter(|line| line.holders > 0).map(|line| {
        let holder = line.holder.clone().unwrap_or_default();
        (line.id.to_string(), t!(l, admin.post_of, post = named(&line.title, Some(&line.unit_name)), name = holder))
    }));
    let described = is_bad.then_some("end-confirm-e");
    view! {
        <details class="fold" open=is_open.then_some("")>
            <summary>{icon(Icon::Stop)}<span>{t!(l, admin.end_post)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <form class="body" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="end"/>
                <p>{t!(l, people.end_post_text)}</p>
                {choice("to", t!(l, people.heir), options, chosen, None, to_error)}
                {crate::form::field_error("end-confirm", error)}
                <div class="pick">
                    <input
                        type="checkbox"
                        id="end-confirm"
                        name="confirm"
                        value="yes"
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=described
                    />
                    <label for="end-confirm">{t!(l, admin.end_post_confirm, name = name.to_owned())}</label>
                </div>
                <button class="btn bad">{t!(l, admin.end_post)}</button>
            </form>
        </details>
    }
}

fn appoint(
    visit: &Visit,
    view: &View,
    typed: (String, String, String),
    instead: bool,
    errors: (Option<String>, Option<String>, Option<String>),
) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = errors.0.is_some();
    let is_held = view.terms.iter().any(|t| t.until_at.is_none_or(|until| until > visit.now));
    let instead = is_held.then(|| {
        view! {
            <div class="pick">
                <input type="checkbox" id="instead" name="instead" value="yes" checked=instead/>
                <label for="instead">{t!(l, people.instead)}</label>
            </div>
        }
    });
    let names: Vec<_> = view.people.iter().map(|s| view! { <option value=s.email.clone()>{s.name.clone()}</option> }).collect();
    view! {
        <section id="hand-over">
            <h2>{t!(l, admin.appoint_next)}</h2>
            <form class="task" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="hold"/>
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="who">{t!(l, admin.who)}</label>
                    <p class="hint" id="who-h">{t!(l, admin.who_hint)}</p>
                    {crate::form::field_error("who", errors.0)}
                    <input
                        class="in"
                        id="who"
                        name="who"
                        list="people"
                        autocomplete="off"
                        value=typed.0
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "who-h who-e" } else { "who-h" }
                    />
                    <datalist id="people">{names}</datalist>
                </div>
                {Field::new("from", t!(l, admin.from)).kind("date").short().optional().value(typed.1).hint(t!(l, admin.from_hint)).error(errors.1).view()}
                {Field::new("until", t!(l, admin.until)).kind("date").short().optional().value(typed.2).hint(t!(l, admin.until_hint)).error(errors.2).view()}
                {instead}
                <p class="hint">{t!(l, people.hand_over_hint)}</p>
                <button class="btn alt">{t!(l, admin.appoint)}</button>
            </form>
            <p><a href=format!("/admin/staff/new?post={}", view.post.id)>{t!(l, admin.invite_for_post)}</a></p>
        </section>
    }
}
