//! `/admin/staff/{id}`: one person's posts, grants and invitation.

use super::list::{role_name, state};
use crate::{
    components::{
        admin::{Danger, Done, choice, crumb_links, open_waits, saved},
        field::{Field, described_by},
        icon::{Icon, icon},
        term::terms,
    },
    error::AppError,
    form::{Posted, field_error, text_error},
    pages::{
        absence,
        grant::{mistake, span, waiting},
        post::{day_error, who_error},
        unit::named,
    },
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
    grant::{self, GrantError},
    holding::{self, HoldingError, Typed},
    invitation::{self, CorrectError, REMINDERS},
    leaving::{self, LeavingError},
    routing::Orphan,
    row::{Invitation, Term},
    second_factor::{self, ResetError},
    staff::{self, StaffError, View},
    trial, unit,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{GrantId, HoldingId, InvitationState, Language, PostId, Role, StaffId, UnitId, calendar::Calendar};
use serde::Deserialize;

/// The forms of the page in one: `intent` says which was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    post: String,
    from: String,
    until: String,
    holding: String,
    unit: String,
    /// Another unit, as it is called.
    at: String,
    role: String,
    grant: String,
    email: String,
    confirm: String,
    #[serde(skip)]
    errors: Errors,
}

/// What is wrong, in the reader's words.
#[derive(Default)]
struct Errors {
    post: Option<String>,
    from: Option<String>,
    until: Option<String>,
    release: Option<String>,
    grant: Option<String>,
    role: Option<String>,
    grant_at: Option<String>,
    grant_from: Option<String>,
    grant_until: Option<String>,
    end: Option<String>,
    reset: Option<String>,
    again: Option<String>,
    email: Option<String>,
    /// Where somebody waits whom nobody would answer.
    open: Vec<Orphan>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<StaffId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, done.saved.is_some(), Draft::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<StaffId>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let errors = match draft.intent.as_str() {
        "hold" => hold(&visit, &admin, id, &draft).await?,
        "release" => release(&visit, &admin, &draft).await?,
        "give" | "take" | "confirm" | "refuse" => change_grant(&visit, &admin, id, &draft).await?,
        "again" => again(&visit, &admin, id).await?,
        "correct" => correct(&visit, &admin, id, &draft).await?,
        "reset" => reset_second_factor(&visit, &admin, id, &draft).await?,
        "end" => match end(&visit, &admin, id, &draft).await? {
            None => return Ok(Redirect::to("/admin/staff").into_response()),
            errors => errors,
        },
        _ => return Err(AppError::NotFound),
    };
    match errors {
        None => Ok(Redirect::to(&format!("/admin/staff/{id}?saved=1")).into_response()),
        Some(errors) => {
            draft.errors = errors;
            page(&visit, &admin, id, false, draft, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

async fn hold(visit: &Visit, admin: &Admin, id: StaffId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let view = staff::view(domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let Ok(post) = draft.post.parse::<PostId>() else {
        return Ok(Some(Errors { post: Some(t!(l, admin.choose_post)), ..Errors::default() }));
    };
    let typed = Typed { who: &view.line.staff.email, from: &draft.from, until: &draft.until };
    match holding::add(domain, admin, post, typed).await {
        Ok(()) => Ok(None),
        Err(HoldingError::Invalid(mistakes)) => Ok(Some(Errors {
            post: mistakes.who.map(|e| who_error(l, e)),
            from: mistakes.from.map(|e| day_error(l, e)),
            until: mistakes.until.map(|e| day_error(l, e)),
            ..Errors::default()
        })),
        Err(HoldingError::Overlap) => Ok(Some(Errors { post: Some(t!(l, admin.holds_already)), ..Errors::default() })),
        Err(HoldingError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
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
        Err(_) => return Err(AppError::NotFound),
    };
    Ok(Some(Errors { release: Some(error), ..Errors::default() }))
}

/// A unit of the admin's by its code or name, where one was typed; what is wrong with it, in words.
async fn named_unit(visit: &Visit, admin: &Admin, typed: &str) -> Result<Option<Result<UnitId, String>>, AppError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let found = unit::tree::search(&visit.app.domain, admin, typed, 0).await?.lines;
    let is_meant = |unit: &&unit::tree::Found| unit.branch.name == typed || unit.branch.code.as_deref() == Some(typed);
    let mut meant = found.iter().filter(is_meant);
    Ok(Some(match (meant.next(), meant.next(), found.as_slice()) {
        (Some(only), None, _) | (None, _, [only]) => Ok(only.branch.id),
        (None, _, []) => Err(t!(visit.language, admin.no_such_unit)),
        _ => Err(t!(visit.language, people.grant_at_several)),
    }))
}

async fn change_grant(visit: &Visit, admin: &Admin, id: StaffId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let grant = || draft.grant.parse::<GrantId>().map_err(|_| AppError::NotFound);
    let result = match draft.intent.as_str() {
        "give" => {
            let unit: UnitId = match named_unit(visit, admin, &draft.at).await? {
                None => draft.unit.parse().map_err(|_| AppError::NotFound)?,
                Some(Ok(unit)) => unit,
                Some(Err(at)) => return Ok(Some(Errors { grant_at: Some(at), ..Errors::default() })),
            };
            let typed = grant::Typed { role: &draft.role, from: &draft.from, until: &draft.until };
            grant::give(domain, admin, id, unit, typed).await.map(|_| ())
        }
        "confirm" => grant::confirm(domain, admin, grant()?).await.map(|_| ()),
        "refuse" => grant::refuse(domain, admin, grant()?).await.map(|_| ()),
        _ => grant::take(domain, admin, grant()?).await.map(|_| ()),
    };
    match result {
        Ok(()) => Ok(None),
        Err(GrantError::Invalid(m)) => Ok(Some(Errors {
            role: m.role.then(|| t!(l, people.choose_role)),
            grant_from: m.from.map(|e| day_error(l, e)),
            grant_until: m.until.map(|e| day_error(l, e)),
            ..Errors::default()
        })),
        Err(e) => Ok(Some(Errors { grant: Some(mistake(l, e)?), ..Errors::default() })),
    }
}

async fn again(visit: &Visit, admin: &Admin, id: StaffId) -> Result<Option<Errors>, AppError> {
    match staff::invite_again(&visit.app.domain, admin, id).await {
        Ok(()) => Ok(None),
        Err(StaffError::Often) => Ok(Some(Errors { again: Some(t!(visit.language, secure.often, count = REMINDERS)), ..Errors::default() })),
        Err(StaffError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn correct(visit: &Visit, admin: &Admin, id: StaffId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let words = match invitation::correct(&visit.app.domain, admin, id, &draft.email).await {
        Ok(()) => return Ok(None),
        Err(CorrectError::Email(e)) => text_error(l, e),
        Err(CorrectError::Taken) => t!(l, admin.email_taken),
        Err(CorrectError::Often) => t!(l, secure.often, count = REMINDERS),
        Err(CorrectError::Answered | CorrectError::NotFound) => return Err(AppError::NotFound),
        Err(CorrectError::Store(e)) => return Err(e.into()),
    };
    Ok(Some(Errors { email: Some(words), ..Errors::default() }))
}

async fn reset_second_factor(visit: &Visit, admin: &Admin, id: StaffId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let error = if draft.confirm == "yes" {
        match second_factor::reset(&visit.app.domain, admin, id).await {
            Ok(()) => return Ok(None),
            Err(ResetError::Own) => t!(l, secure.reset_self),
            Err(ResetError::Elsewhere) => t!(l, secure.reset_elsewhere),
            Err(ResetError::None) => t!(l, secure.reset_none),
            Err(ResetError::NotFound) => return Err(AppError::NotFound),
            Err(ResetError::Store(e)) => return Err(e.into()),
        }
    } else {
        t!(l, admin.tick_first)
    };
    Ok(Some(Errors { reset: Some(error), ..Errors::default() }))
}

async fn end(visit: &Visit, admin: &Admin, id: StaffId, draft: &Draft) -> Result<Option<Errors>, AppError> {
    let l = visit.language;
    let error = if draft.confirm == "yes" {
        match leaving::leave(&visit.app.domain, admin, id, leaving::Typed::default()).await {
            Ok(()) => return Ok(None),
            Err(LeavingError::Own) => t!(l, admin.end_self),
            Err(LeavingError::Elsewhere) => t!(l, admin.end_elsewhere),
            Err(LeavingError::LastAdmin) => t!(l, people.last_admin),
            Err(LeavingError::Ownerless(open)) => return Ok(Some(Errors { end: Some(t!(l, admin.ownerless)), open, ..Errors::default() })),
            Err(LeavingError::Store(e)) => return Err(e.into()),
            Err(_) => return Err(AppError::NotFound),
        }
    } else {
        t!(l, admin.tick_first)
    };
    Ok(Some(Errors { end: Some(error), ..Errors::default() }))
}

async fn page(visit: &Visit, admin: &Admin, id: StaffId, is_saved: bool, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let view = staff::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let name = view.line.staff.name.clone();
    let mut errors = draft.errors;
    let open = std::mem::take(&mut errors.open);
    let is_grant = matches!(draft.intent.as_str(), "give" | "take" | "confirm" | "refuse");
    let end = Danger {
        intent: "end",
        title: t!(l, admin.end_staff),
        text: t!(l, admin.end_staff_text),
        confirm: t!(l, admin.end_staff_confirm, name = name.clone()),
        button: t!(l, admin.end_staff),
        error: errors.end,
    };
    let is_held_back = trial::holds_back(&visit.app.domain, id, &view.line.staff.email).await?;
    let has_second_factor = second_factor::is_set(&visit.app.domain, id).await?;
    let reset = (errors.reset.is_some() || has_second_factor && !view.is_self).then(|| Danger {
        intent: "reset",
        title: t!(l, secure.reset),
        text: if is_held_back { t!(l, secure.reset_text_trial) } else { t!(l, secure.reset_text) },
        confirm: t!(l, secure.reset_confirm, name = name.clone()),
        button: t!(l, secure.reset),
        error: errors.reset,
    });
    let given = Given {
        role: draft.role,
        unit: draft.unit,
        at: draft.at,
        from: if is_grant { draft.from.clone() } else { String::new() },
        until: if is_grant { draft.until.clone() } else { String::new() },
        errors: [errors.grant, errors.role, errors.grant_at, errors.grant_from, errors.grant_until],
    };
    let typed = if is_grant { Default::default() } else { (draft.post, draft.from, draft.until) };
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/staff".to_owned(), t!(l, admin.staff))])}
            <div class="head"><h1>{name.clone()}</h1>{state(visit, &view.line)}</div>
            <p class="soft">{view.line.staff.email.clone()}</p>
            {saved(l, is_saved)}
            {open_waits(visit, &open)}
            {leaves(visit, &view)}
            {invitation(visit, &view, is_held_back, (errors.again, errors.email, draft.email))}
            {waiting(visit, &view.waiting, &format!("/admin/staff/{id}"))}
            <div class="two">
                <div>
                    {posts(visit, &view, errors.release, &draft.holding)}
                    {hold_form(visit, &view, typed, (errors.post, errors.from, errors.until))}
                </div>
                <div>
                    {absences(visit, &view)}
                    {grants(visit, &view, given)}
                    {forgotten(visit, &view)}
                    {reset.map(|reset| reset.view(visit))}
                    {(!view.is_self).then(|| leave(l, id))}
                    {(!view.is_self).then(|| end.view(visit))}
                </div>
            </div>
        </main>
    };
    Ok(Page::new(visit, name).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn invitation(
    visit: &Visit,
    view: &View,
    is_held_back: bool,
    (often, wrong, typed): (Option<String>, Option<String>, String),
) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    if view.line.staff.activated_at.is_some() {
        return None;
    }
    let is_wrong = wrong.is_some();
    let typed = if is_wrong { typed } else { view.line.staff.email.clone() };
    let calendar = Calendar::standard();
    let open = view.line.invitation.as_ref().filter(|i| i.expires_at > visit.now);
    // The mail went nowhere, or three more did not help.
    let is_by_hand = view.invited.is_some_and(|(state, tries)| {
        matches!(state, InvitationState::Failed | InvitationState::Unsent) || state != InvitationState::Waiting && tries > REMINDERS
    });
    let until = |i: &Invitation| when::moment(l, &calendar.local(i.expires_at), &calendar.local(visit.now));
    let text = match open {
        None if view.line.invitation.is_none() => t!(l, import.not_invited),
        None => t!(l, admin.invitation_over_text),
        Some(_) if view.is_elsewhere && (!visit.app.sends_mail || is_held_back) => t!(l, secure.link_elsewhere),
        Some(i) if visit.app.sends_mail && is_held_back => t!(l, secure.trial_by_hand, when = until(i)),
        Some(i) if visit.app.sends_mail && !view.is_elsewhere && is_by_hand => match view.invited {
            Some((InvitationState::Failed, _)) => t!(l, secure.link_failed, when = until(i)),
            Some((InvitationState::Unsent, _)) => t!(l, secure.link_unsent, when = until(i)),
            _ => t!(l, secure.link_often, count = REMINDERS, when = until(i)),
        },
        Some(i) if visit.app.sends_mail => t!(l, admin.invitation_open_text, when = until(i)),
        Some(i) => t!(l, admin.invitation_by_hand_text, when = until(i)),
    };
    // Whoever has the link becomes this person, with all that was given to them elsewhere.
    let link = open
        .filter(|_| (!visit.app.sends_mail || is_held_back || is_by_hand) && !view.is_elsewhere)
        .map(|i| view! { <p class="code">{invitation::link(&visit.app.domain, i.id)}</p> });
    let other = (!view.is_elsewhere).then(|| {
        view! {
            <details class="fold" open=is_wrong.then_some("")>
                <summary>{icon(Icon::Mail)}<span>{t!(l, secure.other_address)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post">
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value="correct"/>
                    {Field::new("email", t!(l, admin.email)).kind("email").value(typed).error(wrong).view()}
                    <button class="btn alt">{t!(l, secure.correct)}</button>
                </form>
            </details>
        }
    });
    Some(view! {
        <div class="banner time">
            {icon(Icon::Mail)}
            <div>
                <p>{text}</p>
                {link}
                {field_error("again", often)}
                <form class="acts" method="post">
                    {visit.csrf_field()}
                    <button class="btn alt" id="again" name="intent" value="again">{t!(l, admin.invite_again)}</button>
                </form>
                {other}
            </div>
        </div>
    })
}

/// The way back in for somebody who cannot sign in any more.
fn forgotten(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    view.line.staff.activated_at.is_some().then(|| {
        view! {
            <details class="fold">
                <summary>{icon(Icon::Key)}<span>{t!(l, admin.forgotten)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post">
                    {visit.csrf_field()}
                    <p>{t!(l, admin.forgotten_text, email = view.line.staff.email.clone())}</p>
                    <button class="btn alt" name="intent" value="again">{t!(l, admin.forgotten_send)}</button>
                </form>
            </details>
        }
    })
}

fn posts(visit: &Visit, view: &View, error: Option<String>, failed: &str) -> impl IntoView + use<> {
    let l = visit.language;
    let empty = view.history.is_empty().then(|| view! { <p>{t!(l, admin.holds_nothing)}</p> });
    let what = |term: &Term| view! { <a href=format!("/admin/posts/{}", term.post_id)>{named(&term.title, Some(&term.unit_name))}</a> }.into_any();
    let lines = terms(visit, &Calendar::standard(), &view.history, what, (error, failed));
    view! { <section><h2>{t!(l, admin.posts)}</h2>{empty}{lines}</section> }
}

fn hold_form(visit: &Visit, view: &View, typed: (String, String, String), errors: (Option<String>, Option<String>, Option<String>)) -> impl IntoView + use<> {
    let l = visit.language;
    if view.vacant.is_empty() && errors.0.is_none() {
        return view! { <section><h2>{t!(l, admin.give_post)}</h2><p>{t!(l, admin.no_vacant)}</p></section> }.into_any();
    }
    let hint = if view.vacant.len() >= staff::CHOICES { t!(l, admin.first_choices, count = staff::CHOICES) } else { t!(l, admin.vacant_post_hint) };
    let mut options = vec![(String::new(), t!(l, admin.choose_post))];
    options.extend(view.vacant.iter().map(|p| (p.id.to_string(), named(&p.title, Some(&p.unit_name)))));
    view! {
        <section>
            <h2>{t!(l, admin.give_post)}</h2>
            <form class="task" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="hold"/>
                {choice("post", t!(l, admin.vacant_post), options, &typed.0, Some(hint), errors.0)}
                {Field::new("from", t!(l, admin.from)).kind("date").short().optional().value(typed.1).hint(t!(l, admin.from_hint)).error(errors.1).view()}
                {Field::new("until", t!(l, admin.until)).kind("date").short().optional().value(typed.2).hint(t!(l, admin.until_hint)).error(errors.2).view()}
                <button class="btn alt">{t!(l, admin.appoint)}</button>
            </form>
        </section>
    }
    .into_any()
}

/// When they will be away, and the way to change it.
fn absences(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    let lines: Vec<_> = view.absences.iter().map(|a| view! { <li>{absence::line(visit, a)}</li> }).collect();
    let none = lines.is_empty().then(|| view! { <p>{t!(l, people.no_absence)}</p> });
    let href = format!("/admin/staff/{}/absences", view.line.staff.id);
    view! {
        <section>
            <h2>{t!(l, people.absences)}</h2>
            {none}
            <ul class="links items">{lines}</ul>
            <p><a class="btn alt" href=href>{icon(Icon::Rest)}{t!(l, people.plan_absence)}</a></p>
        </section>
    }
}

/// Leaving on a day, with what becomes of each post.
fn leave(l: Language, id: StaffId) -> impl IntoView + use<> {
    view! {
        <section>
            <h2>{t!(l, people.leave)}</h2>
            <p>{t!(l, people.leave_hint)}</p>
            <p><a class="btn alt" href=format!("/admin/staff/{id}/leave")>{icon(Icon::Out)}{t!(l, people.leave)}</a></p>
        </section>
    }
}

fn leaves(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = Calendar::standard();
    view.leaves_at.map(|at| {
        let day = when::date(l, &calendar.local(at.plus_seconds(-1)), &calendar.local(visit.now));
        let href = format!("/admin/staff/{}/leave", view.line.staff.id);
        view! {
            <div class="banner time">
                {icon(Icon::Out)}
                <div><p>{t!(l, people.leaves_on, day = day)}</p><p class="acts"><a class="btn alt" href=href>{t!(l, admin.edit)}</a></p></div>
            </div>
        }
    })
}

/// A grant as typed, with what is wrong with it: as a whole, its role, its unit, its beginning, its end.
struct Given {
    role: String,
    unit: String,
    at: String,
    from: String,
    until: String,
    errors: [Option<String>; 5],
}

fn grants(visit: &Visit, view: &View, given: Given) -> impl IntoView + use<> {
    let l = visit.language;
    let is_self = view.is_self;
    let [error, role_error, at_error, from_error, until_error] = given.errors;
    let lines: Vec<_> = view
        .grants
        .iter()
        .map(|grant| {
            let take = (!is_self).then(|| {
                view! {
                    <form method="post">
                        {visit.csrf_field()}
                        <input type="hidden" name="grant" value=grant.id.to_string()/>
                        <button class="btn text" name="intent" value="take">{t!(l, admin.grant_take)}</button>
                    </form>
                }
            });
            let what = format!("{} · {}", role_name(l, grant.role), grant.unit_name);
            view! { <li><span>{what}<br/><small class="soft">{span(visit, grant.from_at, grant.until_at)}</small></span>{take}</li> }
        })
        .collect();
    let empty = lines.is_empty().then(|| view! { <p>{t!(l, admin.no_grants)}</p> });
    let units = view.grantable.iter().map(|u| (u.id.to_string(), u.name.clone())).collect();
    let mut roles = vec![(String::new(), t!(l, people.choose_role))];
    roles.extend(Role::ALL.iter().map(|role| (role.to_string(), t!(l, people.role_and_what, role = role_name(l, *role), what = role_text(l, *role)))));
    let is_bad = [&role_error, &at_error, &from_error, &until_error].iter().any(|e| e.is_some());
    let form = if is_self {
        view! { <p class="soft">{t!(l, admin.grant_own)}</p> }.into_any()
    } else {
        view! {
            <details class="fold" open=is_bad.then_some("")>
                <summary>{icon(Icon::Key)}<span>{t!(l, people.give_grant)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post">
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value="give"/>
                    {choice("role", t!(l, people.role), roles, &given.role, None, role_error)}
                    {choice("unit", t!(l, people.grant_unit), units, &given.unit, Some(t!(l, admin.grant_hint)), None)}
                    {Field::new("at", t!(l, people.grant_at)).optional().hint(t!(l, people.grant_at_hint)).value(given.at).error(at_error).view()}
                    {day("grant-from", "from", t!(l, admin.from), t!(l, admin.from_hint), given.from, from_error)}
                    {day("grant-until", "until", t!(l, admin.until), t!(l, admin.until_hint), given.until, until_error)}
                    <p class="hint">{t!(l, people.grant_second)}</p>
                    <button class="btn alt">{t!(l, people.give_grant)}</button>
                </form>
            </details>
        }
        .into_any()
    };
    view! {
        <section>
            <h2>{t!(l, admin.grants)}</h2>
            {field_error("grant", error)}
            {empty}
            <ul class="links items">{lines}</ul>
            {form}
        </section>
    }
}

/// A day of a second form on the page, whose id is not its name.
fn day(id: &'static str, name: &'static str, label: String, hint: String, value: String, error: Option<String>) -> impl IntoView + use<> {
    let is_bad = error.is_some();
    view! {
        <div class=if is_bad { "f bad" } else { "f" }>
            <label for=id>{label}</label>
            <p class="hint" id=format!("{id}-h")>{hint}</p>
            {field_error(id, error)}
            <input
                class="in short"
                id=id
                name=name
                type="date"
                value=value
                aria-invalid=is_bad.then_some("true")
                aria-describedby=described_by(id, true, is_bad)
            />
        </div>
    }
}

/// What a role allows, in a few words.
fn role_text(l: Language, role: Role) -> String {
    match role {
        Role::Admin => t!(l, people.what_admin),
        Role::Supervisor => t!(l, people.what_supervisor),
        Role::Auditor => t!(l, people.what_auditor),
    }
}
