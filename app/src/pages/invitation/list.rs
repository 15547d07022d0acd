//! `/admin/invitations`: how far every invitation has come; sending many at once; what did not arrive.

use crate::{
    components::{
        admin::{Tab, page_number, pager, tabs, unit_id},
        art::{LETTER, art},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, text_error},
    pages::unit::named,
    routes::encode,
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    invitation::{self, Asked, CorrectError, List, REMINDERS, SendError, Whom},
    row::{InvitationLine, Unit},
    unit,
};
use i18n::{number, t, when};
use leptos::prelude::*;
use model::{At, InvitationState, Language, StaffId, calendar::Calendar};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    state: String,
    q: String,
    /// A unit's id.
    unit: String,
    /// A unit as it is called.
    at: String,
    page: Option<String>,
    sent: Option<String>,
    /// What somebody typed as an address, and what is wrong with it.
    #[serde(skip)]
    mistake: Option<(StaffId, String, String)>,
}

impl Wish {
    fn state(&self) -> InvitationState {
        self.state.parse().unwrap_or(InvitationState::Unsent)
    }

    /// The same list in another state.
    fn path(&self, state: InvitationState) -> String {
        format!("/admin/invitations?state={state}&unit={}", encode(&self.unit))
    }
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Query(wish): Query<Wish>) -> Result<Response, AppError> {
    page(&visit, &admin, wish, StatusCode::OK).await
}

/// The forms of the page in one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    unit: String,
    state: String,
    staff: String,
    email: String,
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Posted(draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let unit = match draft.unit.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| AppError::NotFound)?),
    };
    let whom = match draft.intent.as_str() {
        "send" => Whom::Unsent,
        "remind" => Whom::Unanswered,
        "retry" => Whom::Failed,
        "correct" => return correct(&visit, &admin, draft).await,
        _ => return Err(AppError::BadRequest),
    };
    match invitation::send_all(domain, &admin, unit, whom).await {
        Ok(count) => {
            let state = if count == 0 { InvitationState::Sent } else { InvitationState::Waiting };
            Ok(Redirect::to(&format!("/admin/invitations?state={state}&unit={}&sent={count}", encode(&draft.unit))).into_response())
        }
        Err(SendError::Trial) => Ok(Redirect::to("/admin/trial").into_response()),
        Err(SendError::NotFound) => Err(AppError::NotFound),
        Err(SendError::Store(e)) => Err(e.into()),
    }
}

async fn correct(visit: &Visit, admin: &Admin, draft: Draft) -> Result<Response, AppError> {
    let l = visit.language;
    let id: StaffId = draft.staff.parse().map_err(|_| AppError::NotFound)?;
    let words = match invitation::correct(&visit.app.domain, admin, id, &draft.email).await {
        Ok(()) => {
            return Ok(Redirect::to(&format!("/admin/invitations?state={}&unit={}&sent=1", InvitationState::Waiting, encode(&draft.unit))).into_response());
        }
        Err(CorrectError::Email(e)) => text_error(l, e),
        Err(CorrectError::Taken) => t!(l, admin.email_taken),
        Err(CorrectError::Often) => t!(l, secure.often, count = REMINDERS),
        Err(CorrectError::Answered | CorrectError::NotFound) => return Err(AppError::NotFound),
        Err(CorrectError::Store(e)) => return Err(e.into()),
    };
    let wish = Wish { state: draft.state, unit: draft.unit, mistake: Some((id, draft.email, words)), ..Wish::default() };
    page(visit, admin, wish, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, mut wish: Wish, status: StatusCode) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let choices = choose(visit, admin, &mut wish).await?;
    let asked = Asked { unit: unit_id(Some(&wish.unit)), state: wish.state(), typed: &wish.q, page: page_number(wish.page.as_deref()) };
    let list = invitation::list(domain, admin, asked).await?.ok_or(AppError::NotFound)?;
    let visit = &visit.on(format!("/admin/invitations?state={}&unit={}&q={}", wish.state(), encode(&wish.unit), encode(&wish.q)));
    let title = t!(l, secure.invitations);
    let main = view! {
        <main id="main" class="wide">
            <div class="head"><h1>{title.clone()}</h1><a class="btn alt" href="/admin/staff/new">{icon(Icon::Mail)}{t!(l, admin.invite_someone)}</a></div>
            {tabs(l, Tab::Staff)}
            {sent(l, wish.sent.as_deref())}
            {find(l, &wish, list.unit.as_ref(), choices)}
            {states(l, &wish, &list)}
            {progress(visit, &list)}
            {many(visit, &wish, &list)}
            {lines(visit, &wish, &list)}
        </main>
    };
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// Finds the unit that was typed; several of that name are offered, and none is said.
async fn choose(visit: &Visit, admin: &Admin, wish: &mut Wish) -> Result<Option<AnyView>, AppError> {
    let l = visit.language;
    let typed = wish.at.trim().to_owned();
    if typed.is_empty() {
        return Ok(None);
    }
    let found = unit::tree::search(&visit.app.domain, admin, &typed, 0).await?.lines;
    if let [only] = found.as_slice() {
        wish.unit = only.branch.id.to_string();
        return Ok(None);
    }
    if found.is_empty() {
        return Ok(Some(view! { <p class="err" role="alert">{icon(Icon::Alert)}{t!(l, admin.no_such_unit)}</p> }.into_any()));
    }
    let links: Vec<_> = found
        .into_iter()
        .map(|unit| {
            let href = format!("/admin/invitations?state={}&unit={}", wish.state(), unit.branch.id);
            view! { <li><a href=href><span>{unit.branch.name.clone()}<br/><small class="soft">{unit.above.join(" / ")}</small></span>{icon(Icon::Turn)}</a></li> }
        })
        .collect();
    Ok(Some(view! { <section><h2>{t!(l, secure.which_unit)}</h2><ul class="links">{links}</ul></section> }.into_any()))
}

fn sent(l: Language, count: Option<&str>) -> Option<impl IntoView + use<>> {
    let count: i64 = count?.parse().ok()?;
    let words = if count == 0 { t!(l, secure.sent_none) } else { t!(l, secure.sent_count, count = number(count)) };
    Some(view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{words}</p></div></div> })
}

fn find(l: Language, wish: &Wish, unit: Option<&Unit>, choices: Option<AnyView>) -> impl IntoView + use<> {
    let at = unit.map(|unit| {
        view! {
            <p class="acts">
                <span class="tag">{icon(Icon::Unit)}{unit.name.clone()}</span>
                <a class="btn text" href=format!("/admin/invitations?state={}", wish.state())>{t!(l, secure.everywhere)}</a>
            </p>
        }
    });
    let hidden = unit.map(|unit| view! { <input type="hidden" name="unit" value=unit.id.to_string()/> });
    view! {
        <form class="find both" role="search" action="/admin/invitations">
            <input type="hidden" name="state" value=wish.state().as_str()/>
            {hidden}
            <label class="sr" for="q">{t!(l, admin.find_staff)}</label>
            <input class="in" id="q" name="q" type="search" placeholder=t!(l, admin.name_or_email) value=wish.q.clone()/>
            <label class="sr" for="at">{t!(l, secure.at_unit)}</label>
            <input class="in" id="at" name="at" type="search" placeholder=t!(l, secure.at_unit) value=wish.at.clone()/>
            <button class="btn alt">{icon(Icon::Search)}{t!(l, admin.find)}</button>
        </form>
        {choices}
        {at}
    }
}

fn state_name(l: Language, state: InvitationState) -> String {
    match state {
        InvitationState::Unsent => t!(l, secure.state_unsent),
        InvitationState::Waiting => t!(l, secure.state_waiting),
        InvitationState::Sent => t!(l, secure.state_sent),
        InvitationState::Failed => t!(l, secure.state_failed),
        InvitationState::Expired => t!(l, secure.state_expired),
        InvitationState::Answered => t!(l, secure.state_answered),
    }
}

fn states(l: Language, wish: &Wish, list: &List) -> impl IntoView + use<> {
    let links: Vec<_> = InvitationState::ALL
        .iter()
        .map(|state| {
            let is_here = (*state == wish.state()).then_some("page");
            let count = list.counts.of(*state);
            view! { <a href=wish.path(*state) aria-current=is_here>{state_name(l, *state)}<span class="num">{number(count)}</span></a> }
        })
        .collect();
    view! { <nav class="tabs" aria-label=t!(l, admin.state)>{links}</nav> }
}

fn moment(visit: &Visit, at: At) -> String {
    let calendar = Calendar::standard();
    when::moment(visit.language, &calendar.local(at), &calendar.local(visit.now))
}

fn day(visit: &Visit, at: At) -> String {
    let calendar = Calendar::standard();
    when::date(visit.language, &calendar.local(at), &calendar.local(visit.now))
}

/// How many are on the way, and until when.
fn progress(visit: &Visit, list: &List) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let waiting = list.counts.of(InvitationState::Waiting);
    let gone = list.counts.of(InvitationState::Sent) + list.counts.of(InvitationState::Failed) + list.counts.of(InvitationState::Answered);
    let words = match list.last_due {
        Some(at) if visit.app.sends_mail => t!(l, secure.on_the_way, count = number(waiting), when = moment(visit, at.max(visit.now))),
        _ => t!(l, secure.no_mail_server, count = number(waiting)),
    };
    (waiting > 0).then(|| {
        view! {
            <div class="banner time">
                {icon(Icon::Mail)}
                <div>
                    <p>{words.clone()}</p>
                    <progress max=(waiting + gone).to_string() value=gone.to_string() aria-label=words></progress>
                </div>
            </div>
        }
    })
}

/// How it goes out, and about how long many take: the hours between 7 and 22 only.
fn send_all_hint(l: Language, count: i64) -> String {
    let hint = t!(l, secure.send_all_hint);
    let seconds = count * invitation::GAP / 1_000;
    if seconds < 600 { hint } else { format!("{hint}{}", t!(l, secure.send_all_takes, time = when::duration(l, seconds))) }
}

/// One button for all of a state.
fn many(visit: &Visit, wish: &Wish, list: &List) -> Option<AnyView> {
    let l = visit.language;
    let (intent, count, words, hint) = match wish.state() {
        InvitationState::Unsent => {
            let count = list.counts.of(InvitationState::Unsent);
            ("send", count, t!(l, secure.send_all, count = number(count)), send_all_hint(l, count))
        }
        InvitationState::Sent | InvitationState::Expired => {
            let count = list.counts.of(InvitationState::Sent) + list.counts.of(InvitationState::Expired);
            ("remind", count, t!(l, secure.remind_all, count = number(count)), t!(l, secure.remind_all_hint, count = REMINDERS))
        }
        InvitationState::Failed => {
            let count = list.counts.of(InvitationState::Failed);
            ("retry", count, t!(l, secure.retry_all, count = number(count)), t!(l, secure.retry_all_hint))
        }
        _ => return None,
    };
    if count == 0 {
        return None;
    }
    if list.is_trial {
        return Some(view! { <p>{t!(l, secure.trial_no_sending)}" "<a href="/admin/trial">{t!(l, secure.trial_link)}</a></p> }.into_any());
    }
    let left_out = (!list.on_trial.is_empty()).then(|| {
        let units = list.on_trial.join(t!(l, secure.names_comma).as_str());
        view! { <p class="hint">{t!(l, secure.trial_left_out, units = units)}" "<a href="/admin/trial">{t!(l, secure.trial_link)}</a></p> }
    });
    // Somebody was told of every address by name; all at once is for when the server was wrong.
    let class = if intent == "retry" { "btn alt" } else { "btn" };
    Some(
        view! {
            <form method="post" action="/admin/invitations">
                {visit.csrf_field()}
                <input type="hidden" name="unit" value=wish.unit.clone()/>
                <button class=class name="intent" value=intent>{icon(Icon::Mail)}{words}</button>
                <p class="hint">{hint}</p>
                {left_out}
            </form>
        }
        .into_any(),
    )
}

fn lines(visit: &Visit, wish: &Wish, list: &List) -> AnyView {
    let l = visit.language;
    let state = wish.state();
    if list.lines.lines.is_empty() {
        let (title, text) = match state {
            _ if !wish.q.trim().is_empty() => (t!(l, admin.nobody_found), t!(l, secure.empty_search)),
            InvitationState::Unsent => (t!(l, secure.empty_unsent), t!(l, secure.empty_unsent_text)),
            InvitationState::Failed => (t!(l, secure.empty_failed), t!(l, secure.empty_failed_text)),
            _ => (t!(l, secure.empty_other), t!(l, secure.empty_other_text)),
        };
        return view! { <div class="empty">{art(&LETTER)}<h2>{title}</h2><p>{text}</p></div> }.into_any();
    }
    let rows: Vec<_> = list.lines.lines.iter().map(|line| row(visit, wish, line)).collect();
    let base = format!("/admin/invitations?state={state}&unit={}&q={}&page=", encode(&wish.unit), encode(&wish.q));
    view! {
        <table class="tab">
            <caption class="sr">{state_name(l, state)}</caption>
            <thead>
                <tr>
                    <th scope="col">{t!(l, admin.person)}</th>
                    <th scope="col">{t!(l, admin.post)}</th>
                    <th scope="col">{t!(l, admin.state)}</th>
                    <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {pager(l, &base, list.lines.page, list.lines.has_more)}
    }
    .into_any()
}

fn row(visit: &Visit, wish: &Wish, line: &InvitationLine) -> impl IntoView + use<> {
    let l = visit.language;
    let href = format!("/admin/staff/{}", line.staff_id);
    let post = match (&line.post_title, &line.unit_name) {
        (Some(title), unit) => named(title, unit.as_deref()),
        (None, Some(unit)) => unit.clone(),
        (None, None) => "—".to_owned(),
    };
    view! {
        <tr>
            <th scope="row"><a href=href>{line.name.clone()}</a><small>{line.email.clone()}</small></th>
            <td data-l=t!(l, admin.post)>{post}</td>
            <td data-l=t!(l, admin.state)>{state(visit, line)}</td>
            <td class="act">{act(visit, wish, line)}</td>
        </tr>
    }
}

fn state(visit: &Visit, line: &InvitationLine) -> AnyView {
    let l = visit.language;
    let tries = (line.tries > 1).then(|| view! { <small>{t!(l, secure.reminded, count = line.tries - 1, most = REMINDERS)}</small> });
    let at = |at: Option<At>| at.map(|at| moment(visit, at)).unwrap_or_default();
    let tag = match line.state {
        InvitationState::Unsent => view! { <span class="tag off">{t!(l, secure.never_sent)}</span> }.into_any(),
        InvitationState::Waiting => {
            view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, secure.goes_out, when = at(line.due_at.max(Some(visit.now))))}</span> }.into_any()
        }
        InvitationState::Sent => view! { <span class="tag">{icon(Icon::Mail)}{t!(l, secure.holds_until, when = at(line.expires_at))}</span> }.into_any(),
        InvitationState::Failed => {
            let why = line.failure.as_deref().unwrap_or("");
            view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, secure.not_arrived)}</span><small>{failure(l, why)}</small> }.into_any()
        }
        InvitationState::Expired => view! { <span class="tag bad">{icon(Icon::Clock)}{t!(l, secure.ran_out, when = at(line.expires_at))}</span> }.into_any(),
        InvitationState::Answered => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, secure.here_since, day = line.activated_at.map(|at| day(visit, at)).unwrap_or_default())}</span> }.into_any(),
    };
    view! { <div>{tag}{tries}</div> }.into_any()
}

/// In words what a mail server says in numbers (RFC 3463), or what went wrong on this side.
fn failure(l: Language, code: &str) -> String {
    match code {
        "5.1.1" | "5.1.0" | "5.1.6" | "5.1.10" | "no mailbox" => t!(l, secure.why_unknown),
        "5.1.2" | "5.4.4" => t!(l, secure.why_host),
        "5.2.1" => t!(l, secure.why_disabled),
        "5.2.2" | "4.2.2" => t!(l, secure.why_full),
        "address" => t!(l, secure.why_address),
        "timed out" | "tls" | "connection" => t!(l, secure.why_connection),
        _ => match code.strip_prefix("smtp ") {
            Some(number) => t!(l, secure.why_refused, code = number.to_owned()),
            None => t!(l, secure.why_other, code = code.to_owned()),
        },
    }
}

fn act(visit: &Visit, wish: &Wish, line: &InvitationLine) -> AnyView {
    let l = visit.language;
    if line.state != InvitationState::Failed {
        return view! { <a class="btn text" href=format!("/admin/staff/{}", line.staff_id)>{t!(l, admin.edit)}</a> }.into_any();
    }
    let mistake = wish.mistake.as_ref().filter(|(id, ..)| *id == line.staff_id);
    let (typed, error) = mistake.map_or((line.email.clone(), None), |(_, typed, words)| (typed.clone(), Some(words.clone())));
    let is_bad = error.is_some();
    let id = format!("email-{}", line.staff_id);
    view! {
        <form class="correct" method="post" action="/admin/invitations">
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="correct"/>
            <input type="hidden" name="state" value=line.state.as_str()/>
            <input type="hidden" name="unit" value=wish.unit.clone()/>
            <input type="hidden" name="staff" value=line.staff_id.to_string()/>
            <label class="sr" for=id.clone()>{t!(l, secure.right_address, name = line.name.clone())}</label>
            {field_error(&id, error)}
            <input
                class="in"
                id=id.clone()
                name="email"
                type="email"
                value=typed
                required
                aria-invalid=is_bad.then_some("true")
                aria-describedby=is_bad.then(|| format!("{id}-e"))
            />
            <button class="btn alt">{icon(Icon::Mail)}{t!(l, secure.correct)}</button>
        </form>
    }
    .into_any()
}
