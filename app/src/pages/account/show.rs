//! `/account`: what residents see of me, my duty, my password and my sessions.

use crate::{
    components::{
        field::{Field, described_by, summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, text_error},
    pages::second_factor,
    shell::{Page, look},
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Staff,
    duty::{self, Duty},
    photo::SIDE,
    profile::{self, Profile, ProfileError},
    row::{Held, Session},
    session,
    sign_in::{self, PasswordError},
};
use i18n::{t, when};
use jiff::Zoned;
use leptos::prelude::*;
use model::{At, Language};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Done {
    /// What was just done.
    done: Option<String>,
}

pub async fn show(visit: Visit, SignedIn(staff): SignedIn, Query(Done { done }): Query<Done>) -> Result<Response, AppError> {
    let l = visit.language;
    let done = match done.as_deref() {
        Some("profile" | "photo") => Some(t!(l, account.saved)),
        Some("password") => Some(t!(l, account.password_changed)),
        _ => None,
    };
    page(&visit, &staff, Typed { done, ..Typed::default() }).await
}

#[derive(Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Change {
    Profile {
        #[serde(default)]
        name: String,
        #[serde(default)]
        title: String,
        mail_language: Language,
    },
    Password {
        #[serde(default)]
        old: String,
        #[serde(default)]
        new: String,
    },
}

pub async fn save(visit: Visit, SignedIn(staff): SignedIn, Posted(change): Posted<Change>) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    match change {
        Change::Profile { name, title, mail_language } => match profile::save(domain, &staff, &name, &title, mail_language).await {
            Ok(()) => Ok(Redirect::to("/account?done=profile").into_response()),
            Err(ProfileError::Invalid { name: wrong_name, title: wrong_title }) => {
                let mut typed = Typed { profile: Some((name, title, mail_language)), ..Typed::default() };
                typed.wrong("name", wrong_name.map(|e| text_error(l, e)));
                typed.wrong("title", wrong_title.map(|e| text_error(l, e)));
                page(&visit, &staff, typed).await
            }
            Err(ProfileError::NotFound) => Err(AppError::NotFound),
            Err(ProfileError::Store(e)) => Err(e.into()),
        },
        Change::Password { old, new } => {
            let (field, words) = match sign_in::change_password(domain, &staff, &old, &new).await {
                Ok(()) => return Ok(Redirect::to("/account?done=password").into_response()),
                Err(PasswordError::Wrong) => ("old", t!(l, account.old_wrong)),
                Err(PasswordError::Wait { seconds }) => ("old", t!(l, account.wait, wait = when::duration(l, i64::try_from(seconds).unwrap_or(i64::MAX)))),
                Err(PasswordError::New(e)) => ("new", text_error(l, e)),
                Err(PasswordError::Store(e)) => return Err(e.into()),
            };
            let mut typed = Typed::default();
            typed.wrong(field, Some(words));
            page(&visit, &staff, typed).await
        }
    }
}

/// What the page shows besides what is kept: what was typed, what is wrong with it, what was just done.
#[derive(Default)]
pub struct Typed {
    pub profile: Option<(String, String, Language)>,
    /// Which choice of the rest, and the moment typed.
    pub rest: Option<(String, String)>,
    errors: Vec<(&'static str, Option<String>)>,
    done: Option<String>,
}

impl Typed {
    pub fn wrong(&mut self, field: &'static str, words: Option<String>) {
        if words.is_some() {
            self.errors.push((field, words));
        }
    }

    fn error(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|(id, _)| *id == field).and_then(|(_, words)| words.clone())
    }
}

/// The whole page; with errors its status is 422.
pub async fn page(visit: &Visit, staff: &Staff, typed: Typed) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    let me = match profile::mine(domain, staff).await {
        Ok(me) => me,
        Err(ProfileError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(AppError::NotFound),
    };
    let duty = duty::mine(domain, staff).await?;
    let sessions = session::mine(domain, staff).await?;
    let factors = domain::second_factor::mine(domain, staff).await?;
    let status = if typed.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    // The forms of this page post to several addresses; the switches lead back to the one it is at.
    let visit = &visit.on("/account".to_owned());
    let done = typed.done.clone().map(|words| view! { <p role="status"><span class="tag">{icon(Icon::Tick)}{words}</span></p> });
    let main = view! {
        <main id="main" class="wide">
            <h1>{me.staff.name.clone()}</h1>
            {summary(l, &typed.errors)}
            {done}
            <div class="two">
                <div>{duty_section(visit, &duty, &typed)}{posts_section(visit, &me.posts, &duty)}{profile_section(visit, &me, &typed)}</div>
                <div>
                    {photo_section(visit, &me, &typed)}{second_factor::section(visit, &factors)}{sessions_section(visit, staff, &sessions, &duty)}
                    {password_section(visit, &typed)}
                </div>
            </div>
            {look(visit)}
        </main>
    };
    Ok(Page::new(visit, me.staff.name.clone()).for_staff(staff).await?.body_class("at-desk").status(status).render(main))
}

/// A moment in the calendar of the reader's post, said as a person would.
fn moment(l: Language, duty: &Duty, at: At, now: At) -> String {
    let local = |at| duty.calendar.calendar.local(at);
    when::moment(l, &local(at), &local(now))
}

fn duty_section(visit: &Visit, duty: &Duty, typed: &Typed) -> impl IntoView + use<> {
    let (l, now) = (visit.language, visit.now);
    let state = match duty.off {
        None => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, account.on_duty)}</span> }.into_any(),
        Some((_, until)) => {
            let words = match until {
                Some(until) => t!(l, account.off_until, when = moment(l, duty, until, now)),
                None => t!(l, account.off_open),
            };
            view! { <span class="tag off">{icon(Icon::Rest)}{words}</span> }.into_any()
        }
    };
    let back = duty.off.map(|_| {
        view! {
            <form method="post" action="/account/off-duty">
                {visit.csrf_field()}
                <button class="btn" name="until" value="now">{icon(Icon::Tick)}{t!(l, account.rest_back)}</button>
            </form>
        }
    });
    let is_off = duty.off.is_some();
    view! {
        <section id="off-duty" aria-labelledby="off-t">
            <h2 id="off-t">{t!(l, account.rest)}</h2>
            <p>{t!(l, account.rest_text)}</p>
            <p>{state}</p>
            {back}
            <form class="task" method="post" action="/account/off-duty">
                {visit.csrf_field()}
                {rest_choices(l, duty, typed, now)}
                <p class="hint">{t!(l, people.rest_or_absence)}" "<a href="/account/absences">{t!(l, people.absences)}</a></p>
                <button class=if is_off { "btn alt" } else { "btn" }>
                    {icon(Icon::Rest)}{if is_off { t!(l, account.rest_change) } else { t!(l, account.rest_start) }}
                </button>
            </form>
        </section>
    }
}

fn rest_choices(l: Language, duty: &Duty, typed: &Typed, now: At) -> impl IntoView + use<> {
    let next_day = match duty.next_day {
        Some(at) => t!(l, account.rest_next_day, when = moment(l, duty, at, now)),
        None => t!(l, account.rest_tomorrow),
    };
    let (chosen, at) = typed.rest.clone().unwrap_or_else(|| {
        let suggestion = duty.off.and_then(|(_, until)| until).or(duty.next_day);
        let wall = suggestion.map(|at| wall(&duty.calendar.calendar.local(at))).unwrap_or_default();
        ("next-day".to_owned(), wall)
    });
    let choice = |value: &'static str, words: String| {
        let id = format!("until-{value}");
        let is_chosen = chosen == value;
        view! { <div class="pick"><input type="radio" id=id.clone() name="until" value=value checked=is_chosen/><label for=id>{words}</label></div> }
    };
    let error = typed.error("at");
    let is_bad = error.is_some();
    view! {
        <fieldset class="f">
            <legend>{t!(l, account.rest_until)}</legend>
            {choice("next-day", next_day)}
            {choice("open", t!(l, account.rest_open))}
            {choice("at", t!(l, account.rest_at))}
        </fieldset>
        <div class=if is_bad { "f bad" } else { "f" }>
            <label for="at">{t!(l, account.rest_when)}</label>
            {field_error("at", error)}
            <input
                class="in short"
                id="at"
                name="at"
                type="datetime-local"
                value=at
                aria-invalid=is_bad.then_some("true")
                aria-describedby=described_by("at", false, is_bad)
            />
        </div>
    }
}

/// As a `datetime-local` input wants it.
fn wall(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

fn posts_section(visit: &Visit, posts: &[Held], duty: &Duty) -> impl IntoView + use<> {
    let (l, now) = (visit.language, visit.now);
    let local = |at| duty.calendar.calendar.local(at);
    let lines: Vec<_> = posts
        .iter()
        .map(|p| {
            let since = t!(l, account.since, day = when::date(l, &local(p.from_at), &local(now)));
            let substitute = match (&p.substitute_unit, &p.substitute_title) {
                (Some(unit), Some(title)) => t!(l, account.substitute, title = format!("{unit} {title}")),
                _ => t!(l, account.no_substitute),
            };
            view! {
                <li><a href=format!("/inbox?post={}", p.post_id)>
                    <span>{format!("{} {}", p.unit_name, p.title)}<br/><small class="soft">{format!("{since} · {substitute}")}</small></span>
                    {icon(Icon::Turn)}
                </a></li>
            }
        })
        .collect();
    let none = lines.is_empty().then(|| view! { <p class="soft">{t!(l, account.no_posts)}</p> });
    view! { <section aria-labelledby="posts-t"><h2 id="posts-t">{t!(l, account.posts)}</h2>{none}<ul class="links">{lines}</ul></section> }
}

fn profile_section(visit: &Visit, me: &Profile, typed: &Typed) -> impl IntoView + use<> {
    let l = visit.language;
    let kept = (me.staff.name.clone(), me.staff.title.clone().unwrap_or_default(), me.staff.language);
    let (name, title, language) = typed.profile.clone().unwrap_or(kept);
    let name = Field::new("name", t!(l, account.name)).hint(t!(l, account.name_hint)).autocomplete("name").value(name).error(typed.error("name"));
    let title = Field::new("title", t!(l, account.title)).hint(t!(l, account.title_hint)).value(title).error(typed.error("title")).optional();
    let choice = |value: Language, words: &'static str| {
        let id = format!("mail-{value}");
        view! {
            <div class="pick">
                <input type="radio" id=id.clone() name="mail_language" value=value.as_str() checked=value == language/>
                <label for=id lang=value.as_str()>{words}</label>
            </div>
        }
    };
    view! {
        <section aria-labelledby="profile-t">
            <h2 id="profile-t">{t!(l, account.profile)}</h2>
            <form class="task" method="post" action="/account">
                <input type="hidden" name="intent" value="profile"/>
                {visit.csrf_field()}
                {name.view()}
                {title.view()}
                <fieldset class="f">
                    <legend>{t!(l, account.mail_language)}</legend>{choice(Language::Chinese, "中文")}{choice(Language::English, "English")}
                </fieldset>
                <button class="btn">{t!(l, common.save)}</button>
            </form>
        </section>
    }
}

fn photo_section(visit: &Visit, me: &Profile, typed: &Typed) -> impl IntoView + use<> {
    let l = visit.language;
    let has_post = !me.posts.is_empty();
    let photo = me.photo_at.map(|at| {
        let shown = has_post.then(|| {
            let src = format!("/photo/{}/{}", me.staff.id, at.0);
            view! { <p><img class="disc" src=src alt="" width=SIDE.to_string() height=SIDE.to_string()/></p> }
        });
        let hidden = (!has_post).then(|| view! { <p class="soft">{t!(l, account.photo_no_post)}</p> });
        view! { {shown}{hidden} }
    });
    let delete = me.photo_at.map(|_| view! { <button class="btn text" name="intent" value="delete">{t!(l, account.photo_delete)}</button> });
    let error = typed.error("photo");
    let is_bad = error.is_some();
    view! {
        <section aria-labelledby="photo-t">
            <h2 id="photo-t">{t!(l, account.photo)}</h2>
            <p>{t!(l, account.photo_text)}</p>
            {photo}
            <form class="task" method="post" action="/account/photo" enctype="multipart/form-data">
                {visit.csrf_field()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="photo">{t!(l, account.photo_file)}</label>
                    <p class="hint" id="photo-h">{t!(l, account.photo_hint)}</p>
                    {field_error("photo", error)}
                    <input
                        class="in"
                        id="photo"
                        name="photo"
                        type="file"
                        accept="image/jpeg,image/png"
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=described_by("photo", true, is_bad)
                    />
                </div>
                <div class="acts"><button class="btn" name="intent" value="save">{t!(l, account.photo_save)}</button>{delete}</div>
            </form>
        </section>
    }
}

fn sessions_section(visit: &Visit, staff: &Staff, sessions: &[Session], duty: &Duty) -> impl IntoView + use<> {
    let (l, now) = (visit.language, visit.now);
    let lines: Vec<_> = sessions
        .iter()
        .map(|s| {
            let agent = if s.agent.is_empty() { t!(l, account.unknown_agent) } else { s.agent.clone() };
            let is_here = s.id == staff.session_id;
            let seen = match is_here || now.seconds_since(s.seen_at) < 600 {
                true => t!(l, account.just_now),
                false => moment(l, duty, s.seen_at, now),
            };
            let act = match is_here {
                true => view! { <span class="tag">{t!(l, account.here)}</span> }.into_any(),
                false => view! {
                    <form method="post" action=format!("/account/sessions/{}/end", s.id)>
                        {visit.csrf_field()}
                        <button class="btn bad">{t!(l, account.end_session)}</button>
                    </form>
                }
                .into_any(),
            };
            let since = t!(l, account.signed_in_at, when = moment(l, duty, s.created_at, now));
            view! { <li><span>{agent}<br/><small class="soft">{since}" · "{seen}</small></span>{act}</li> }
        })
        .collect();
    let others = (sessions.len() > 2).then(|| {
        view! {
            <form method="post" action="/account/sessions/end">
                {visit.csrf_field()}
                <button class="btn bad">{t!(l, account.end_others)}</button>
            </form>
        }
    });
    view! {
        <section id="sessions" aria-labelledby="ses-t">
            <h2 id="ses-t">{t!(l, account.sessions)}</h2>
            <ul class="links items">{lines}</ul>
            <div class="acts">
                {others}
                <form method="post" action="/sign-out">
                    {visit.csrf_field()}
                    <button class="btn alt">{icon(Icon::Out)}{t!(l, account.sign_out)}</button>
                </form>
            </div>
        </section>
    }
}

fn password_section(visit: &Visit, typed: &Typed) -> impl IntoView + use<> {
    let l = visit.language;
    let old = Field::new("old", t!(l, account.old_password)).kind("password").autocomplete("current-password").error(typed.error("old"));
    let new = Field::new("new", t!(l, account.new_password))
        .kind("password")
        .hint(t!(l, account.password_hint))
        .autocomplete("new-password")
        .error(typed.error("new"));
    view! {
        <section aria-labelledby="password-t">
            <h2 id="password-t">{t!(l, account.change_password)}</h2>
            <p>{t!(l, account.password_effect)}</p>
            <form class="task" method="post" action="/account">
                <input type="hidden" name="intent" value="password"/>
                {visit.csrf_field()}
                {old.view()}
                {new.view()}
                <button class="btn">{t!(l, account.change_password)}</button>
            </form>
        </section>
    }
}
