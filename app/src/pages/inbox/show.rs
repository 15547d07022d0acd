//! `/inbox/{id}`: one conversation at the desk, with the list beside it and the person on the other side. What is written here goes to the
//! page's own address with an `intent`.

use super::{
    hand_over::{self, Handing},
    list::{Asking, contact_name, island, keys, length, pane, post_name},
};
use crate::{
    components::{
        card::initials,
        icon::{Icon, icon},
        log::{Log, Side},
    },
    error::AppError,
    form::{Posted, field_error, inside, text_error},
    shell::Page,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Staff,
    desk::{self, Asked, DeskError, Inbox, Standing, View},
    row::{QuickReply, ScheduledReply, Told},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, ClientKey, ConversationId, ConversationState, Language, QuickReplyId, calendar::Calendar};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Older {
    /// Show the messages below this number.
    before: Option<i64>,
}

pub async fn show(visit: Visit, SignedIn(staff): SignedIn, Path(id): Path<ConversationId>, Query(older): Query<Older>) -> Result<Response, AppError> {
    let shown = Shown { older: older.before, ..Shown::new(&visit) };
    page(&visit, &staff, id, shown).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Intent {
    Answer,
    Note,
    Schedule,
    Close,
    AnswerAndClose,
    Name,
}

#[derive(Deserialize)]
pub struct Written {
    intent: Option<Intent>,
    #[serde(default)]
    text: String,
    key: Option<ClientKey>,
    /// Put this quick reply into the box.
    quick: Option<QuickReplyId>,
    #[serde(default)]
    name: String,
}

/// Whatever is written on the page. The island asks for the bare outcome (`Accept: text/plain`), a form gets the page.
pub async fn write(
    visit: Visit,
    SignedIn(staff): SignedIn,
    Path(id): Path<ConversationId>,
    headers: HeaderMap,
    Posted(form): Posted<Written>,
) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let is_island = headers.get("accept").is_some_and(|a| a == "text/plain");
    let key = form.key.unwrap_or_else(|| ClientKey(domain.id()));
    if let Some(quick) = form.quick {
        return page(&visit, &staff, id, Shown { text: form.text, key: written(key), quick: Some(quick), ..Shown::new(&visit) }).await;
    }
    let intent = form.intent.unwrap_or(Intent::Answer);
    let error = if intent == Intent::Close && !form.text.trim().is_empty() {
        // What stands in the box is not sent by the way, and not lost either.
        t!(visit.language, inbox.unsent)
    } else {
        match done(&visit, &staff, id, intent, &form, key).await {
            Ok(seq) if is_island => return Ok(seq.map(|s| s.to_string()).unwrap_or_default().into_response()),
            Ok(Some(seq)) => return Ok(Redirect::to(&format!("/inbox/{id}#m{seq}")).into_response()),
            Ok(None) if matches!(intent, Intent::Close | Intent::AnswerAndClose) => return Ok(Redirect::to("/inbox?done=closed").into_response()),
            Ok(None) => return Ok(Redirect::to(&format!("/inbox/{id}")).into_response()),
            Err(e) => mistake(visit.language, e)?,
        }
    };
    if is_island {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, error).into_response());
    }
    let shown = Shown::new(&visit);
    let shown = if intent == Intent::Name {
        Shown { name: Some((form.name, error)), ..shown }
    } else {
        let closes = matches!(intent, Intent::Close | Intent::AnswerAndClose);
        Shown { text: form.text, key: written(key), error: Some(error), closes, ..shown }
    };
    page(&visit, &staff, id, Shown { status: StatusCode::UNPROCESSABLE_ENTITY, ..shown }).await
}

/// Does what was meant; the number of what was written, if anything.
async fn done(visit: &Visit, staff: &Staff, id: ConversationId, intent: Intent, form: &Written, key: ClientKey) -> Result<Option<i64>, DeskError> {
    let domain = &visit.app.domain;
    match intent {
        Intent::Answer => desk::answer(domain, staff, id, &form.text, key).await.map(|sent| Some(sent.seq)),
        Intent::Note => desk::note(domain, staff, id, &form.text, key).await.map(|sent| Some(sent.seq)),
        Intent::Schedule => desk::schedule(domain, staff, id, &form.text, key).await.map(|_| None),
        Intent::Close => desk::close(domain, staff, id, None).await.map(|()| None),
        Intent::AnswerAndClose => desk::close(domain, staff, id, Some((form.text.as_str(), key))).await.map(|()| None),
        Intent::Name => desk::name(domain, staff, id, &form.name).await.map(|()| None),
    }
}

/// What went wrong, in the reader's words, where a person can do something about it.
pub fn mistake(l: Language, e: DeskError) -> Result<String, AppError> {
    Ok(match e {
        DeskError::Text(e) => text_error(l, e),
        DeskError::StillWaiting => t!(l, inbox.still_waiting),
        DeskError::WorkingTime => t!(l, inbox.working_time),
        DeskError::NotATarget => t!(l, inbox.not_a_target),
        DeskError::TooLate => t!(l, inbox.too_late),
        DeskError::NotFound => return Err(AppError::NotFound),
        DeskError::Store(e) => return Err(e.into()),
    })
}

fn written(key: ClientKey) -> String {
    key.0.as_simple().to_string()
}

/// What the page shows besides what is in the database.
pub struct Shown {
    pub status: StatusCode,
    pub older: Option<i64>,
    /// In the box.
    pub text: String,
    pub key: String,
    pub error: Option<String>,
    pub quick: Option<QuickReplyId>,
    /// Offer to answer and close in one.
    pub closes: bool,
    /// A name that will not do, and why.
    pub name: Option<(String, String)>,
    pub handing: Option<Handing>,
}

impl Shown {
    pub fn new(visit: &Visit) -> Shown {
        Shown {
            status: StatusCode::OK,
            older: None,
            text: String::new(),
            key: visit.client_key(),
            error: None,
            quick: None,
            closes: false,
            name: None,
            handing: None,
        }
    }
}

/// Loads and renders the page.
pub async fn page(visit: &Visit, staff: &Staff, id: ConversationId, mut shown: Shown) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let view = match desk::show(domain, staff, id, shown.older).await {
        Ok(view) => view,
        Err(DeskError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(AppError::NotFound),
    };
    let inbox = desk::inbox(domain, staff, &Asked::default()).await?;
    if let Some(quick) = shown.quick.and_then(|q| view.quick_replies.iter().find(|r| r.id == q)) {
        shown.text = inserted(&shown.text, &filled(visit, &view, quick));
    }
    let l = visit.language;
    let name = name(l, &view);
    let title = name.clone();
    let main = view! {
        <main id="main" class="desk on" data-live=shown.older.is_none().then(|| format!("/inbox/{id}/live"))>
            {pane(visit, staff, &inbox, &Asking::default(), Some(id))}
            {talk(visit, &view, &inbox, &name, &shown)}
            {person(visit, &view, &inbox, &name, shown.name.as_ref())}
        </main>
        {keys(l)}
        {island(l)}
    };
    Ok(Page::new(visit, format!("{title} · {}", t!(l, inbox.title)))
        .for_staff(staff)
        .await?
        .body_class("full at-desk at-talk")
        .status(shown.status)
        .with_islands()
        .render(main))
}

fn name(l: Language, view: &View) -> String {
    contact_name(l, view.standing.contact.name.as_deref(), view.standing.contact.id)
}

/// A quick reply after what is in the box already.
fn inserted(text: &str, reply: &str) -> String {
    if text.trim().is_empty() { reply.to_owned() } else { format!("{}\n{reply}", text.trim_end()) }
}

/// A quick reply with its variables filled in.
fn filled(visit: &Visit, view: &View, reply: &QuickReply) -> String {
    let standing = &view.standing;
    let calendar = &standing.calendar.calendar;
    // Where nobody waits, a question asked now would be answered by then.
    let due = standing.wait.as_ref().map_or_else(|| standing.calendar.due(visit.now), |w| w.due_at);
    let time = when::moment(visit.language, &calendar.local(due), &calendar.local(visit.now));
    let values = domain::quick_reply::Values {
        name: view.standing.contact.name.as_deref().unwrap_or(""),
        post: &standing.post.title,
        unit: &standing.post.unit_name,
        time: &time,
    };
    domain::quick_reply::fill(&reply.body, values)
}

fn talk(visit: &Visit, view: &View, inbox: &Inbox, name: &str, shown: &Shown) -> impl IntoView + use<> {
    let l = visit.language;
    let standing = &view.standing;
    let id = standing.conversation.id;
    let post = match inbox.post(standing.conversation.post_id) {
        Some(post) => post_name(l, post),
        None => t!(l, inbox.group, unit = standing.post.unit_name.clone(), title = standing.post.title.clone()),
    };
    let place = match &view.place {
        Some(place) => t!(l, inbox.place_and_post, place = place.clone(), post = post),
        None => post,
    };
    let log = Log {
        language: l,
        side: Side::Staff { contact: name, seen: standing.conversation.contact_seen_seq },
        calendar: &standing.calendar.calendar,
        now: visit.now,
    };
    let first = view.messages.first().map_or(1, |m| m.seq);
    let last = view.messages.last().map_or(0, |m| m.seq);
    let older = (first > 1).then(|| view! { <li class="sys"><a href=format!("/inbox/{id}?before={first}")>{t!(l, inbox.older)}</a></li> });
    let is_newest = shown.older.is_none();
    let newest = (!is_newest).then(|| view! { <li class="sys"><a href=format!("/inbox/{id}#m{last}")>{t!(l, inbox.newest)}</a></li> });
    let later = is_newest.then(|| later(visit, standing));
    view! {
        <section class="pane talk" aria-labelledby="talk-t">
            <header class="head">
                <div><h1 id="talk-t">{name.to_owned()}</h1><p>{place}</p></div>
                <div class="acts">{hand_over::menu(visit, view, shown.handing.as_ref())}{close_button(visit, standing)}</div>
            </header>
            {here(l, standing)}
            {state(visit, standing)}
            <ol class="log" id="log" data-last=last.to_string() aria-live="polite" aria-label=t!(l, inbox.messages) tabindex="0">
                {older}{log.lines(None, &view.messages)}{newest}{later}
            </ol>
            {answer_form(visit, view, name, shown)}
        </section>
    }
}

/// Closes when nobody waits. It belongs to the box, so that what is typed there is kept when it is not time to close.
fn close_button(visit: &Visit, standing: &Standing) -> AnyView {
    if standing.conversation.state == ConversationState::Closed {
        return ().into_any();
    }
    let name = t!(visit.language, inbox.close);
    view! { <button class="btn alt" form="answer" name="intent" value="close" data-key="c">{icon(Icon::Tick)}{name}</button> }.into_any()
}

/// Who else looks at this conversation.
pub fn here(l: Language, standing: &Standing) -> impl IntoView + use<> {
    let names = standing.also_here.join(&t!(l, inbox.names_and));
    let is_alone = names.is_empty();
    let words = (!is_alone).then(|| view! { {icon(Icon::Eye)}{t!(l, inbox.also_here, names = names)} });
    view! { <p class="here" id="here" role="status" hidden=is_alone>{words}</p> }
}

/// The promise and the time left, or what became of it.
pub fn state(visit: &Visit, standing: &Standing) -> AnyView {
    let l = visit.language;
    let calendar = &standing.calendar.calendar;
    let said = |at: At| when::moment(l, &calendar.local(at), &calendar.local(visit.now));
    let time = |at: At| view! { <time datetime=at.timestamp().to_string()>{said(at)}</time> };
    match (&standing.wait, standing.answered_after) {
        (Some(wait), _) if wait.due_at <= visit.now => {
            let over = length(l, visit.now.seconds_since(wait.due_at));
            view! {
                <p class="promise late" id="state">
                    {icon(Icon::Alert)}<span>{t!(l, inbox.promise_late_before)}{time(wait.due_at)}{t!(l, inbox.promise_late_after, over = over)}</span>
                </p>
            }
            .into_any()
        }
        (Some(wait), _) => {
            let left = length(l, wait.due_at.seconds_since(visit.now));
            view! {
                <p class="promise" id="state">
                    {icon(Icon::Clock)}<span>{t!(l, inbox.promised_before)}{time(wait.due_at)}{t!(l, inbox.promised_after, left = left)}</span>
                </p>
            }
            .into_any()
        }
        (None, _) if standing.conversation.state == ConversationState::Closed => {
            view! { <p class="promise done" id="state">{icon(Icon::Tick)}<span>{t!(l, inbox.is_closed)}</span></p> }.into_any()
        }
        (None, Some(seconds)) => view! {
            <p class="promise done" id="state">
                {icon(Icon::Tick)}<span>{t!(l, inbox.answered_before)}<strong>{when::working(l, seconds)}</strong>{t!(l, inbox.answered_after)}</span>
            </p>
        }
        .into_any(),
        (None, None) => view! { <p class="promise done" id="state" hidden></p> }.into_any(),
    }
}

/// Replies that wait for their hour, below the messages.
pub fn later(visit: &Visit, standing: &Standing) -> Vec<AnyView> {
    let l = visit.language;
    let calendar = &standing.calendar.calendar;
    let line = |(reply, name): &(ScheduledReply, String)| {
        let when = when::moment(l, &calendar.local(reply.send_at), &calendar.local(visit.now));
        view! {
            <li class="msg later">
                <span class="by">
                    {icon(Icon::Clock)}" "{t!(l, inbox.later_before)}<time datetime=reply.send_at.timestamp().to_string()>{when}</time>
                    {t!(l, inbox.later_after, name = name.clone())}
                </span>
                <p class="say">{reply.body.clone()}</p>
                <form method="post" action=format!("/inbox/{}/scheduled/{}/cancel", reply.conversation_id, reply.id)>
                    {visit.csrf_field()}<button class="btn text">{t!(l, inbox.cancel_later)}</button>
                </form>
            </li>
        }
        .into_any()
    };
    standing.scheduled.iter().map(line).collect()
}

fn answer_form(visit: &Visit, view: &View, name: &str, shown: &Shown) -> impl IntoView + use<> {
    let l = visit.language;
    let standing = &view.standing;
    let is_bad = shown.error.is_some();
    let label = t!(l, inbox.write, name = name.to_owned());
    let later = standing.later_at.map(|at| {
        let calendar = &standing.calendar.calendar;
        let (at, now) = (calendar.local(at), calendar.local(visit.now));
        let is_near = at.date() == now.date() || now.date().tomorrow().is_ok_and(|t| t == at.date());
        let time = if is_near { at.strftime("%-H:%M").to_string() } else { when::moment(l, &at, &now) };
        view! { <button class="btn text" name="intent" value="schedule" data-key="s">{icon(Icon::Clock)}{t!(l, inbox.later, time = time)}</button> }
    });
    let close = shown
        .closes
        .then(|| view! { <button class="btn alt" name="intent" value="answer_and_close">{icon(Icon::Tick)}{t!(l, inbox.answer_and_close)}</button> });
    view! {
        <form class="write dock" id="answer" method="post" action=format!("/inbox/{}", standing.conversation.id)>
            <input type="hidden" name="key" value=shown.key.clone()/>
            {visit.csrf_field()}
            <label class="sr" for="text">{label.clone()}</label>
            {field_error("text", shown.error.clone())}
            <textarea
                class="in"
                id="text"
                name="text"
                rows="2"
                placeholder=label
                data-other=t!(l, inbox.write_note)
                aria-invalid=is_bad.then_some("true")
                aria-describedby=is_bad.then_some("text-e")
            >{inside(&shown.text)}</textarea>
            <div class="tools">
                {quick_menu(visit, view)}
                <button class="btn text" name="intent" value="note">{icon(Icon::Note)}{t!(l, inbox.keep_note)}</button>
                {later}
                {close}
                <button class="btn" name="intent" value="answer">{icon(Icon::Send)}{t!(l, inbox.answer)}</button>
            </div>
            <nav class="reach" aria-label=t!(l, inbox.back)>
                <a href="/inbox" data-key="Escape">{icon(Icon::Back)}{t!(l, inbox.title)}</a>
                <a href="#person">{icon(Icon::Person)}{t!(l, inbox.to_contact)}</a>
            </nav>
        </form>
    }
}

fn quick_menu(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    let items: Vec<_> = view
        .quick_replies
        .iter()
        .map(|reply| {
            let body = filled(visit, view, reply);
            let (title, shown) = (reply.title.clone(), body.clone());
            view! { <button class="item" name="quick" value=reply.id.to_string() data-text=body><b>{title}</b><small>{shown}</small></button> }
        })
        .collect();
    let none = items.is_empty().then(|| view! { <p><a href="/quick-replies">{t!(l, inbox.quick_replies_none)}</a></p> });
    view! {
        <details class="menu"><summary class="btn text" data-key="q">{icon(Icon::Quick)}{t!(l, inbox.quick_replies)}</summary><div class="panel">{items}{none}</div></details>
    }
}

/// The person on the other side and what has been before.
fn person(visit: &Visit, view: &View, inbox: &Inbox, name: &str, mistake: Option<&(String, String)>) -> impl IntoView + use<> {
    let l = visit.language;
    let calendar = &view.standing.calendar.calendar;
    let now = calendar.local(visit.now);
    let came = view.standing.contact.created_at;
    let email = if view.standing.contact.email.is_some() { t!(l, inbox.email_kept) } else { t!(l, inbox.email_none) };
    let others: Vec<_> = view
        .others
        .iter()
        .map(|row| {
            let post = inbox.post(row.post_id).map(|p| post_name(l, p)).unwrap_or_default();
            view! { <li><a href=format!("/inbox/{}", row.id)><span>{post}</span>{icon(Icon::Turn)}</a></li> }
        })
        .collect();
    let others = (!others.is_empty()).then(|| view! { <h2>{t!(l, inbox.others)}</h2><ul class="links">{others}</ul> });
    view! {
        <section class="pane side" id="person" aria-label=t!(l, inbox.to_contact)>
            <div class="who"><span class="disc" aria-hidden="true">{initials(name)}</span><div><h2>{name.to_owned()}</h2><p class="soft">{view.place.clone()}</p></div></div>
            {name_fold(visit, view, mistake)}
            <dl class="pairs">
                <div>
                    <dt>{t!(l, inbox.first_came)}</dt>
                    <dd><time datetime=came.timestamp().to_string()>{when::date(l, &calendar.local(came), &now)}</time></dd>
                </div>
                <div><dt>{t!(l, inbox.email)}</dt><dd>{email}</dd></div>
                <div><dt>{t!(l, inbox.devices)}</dt><dd>{view.devices}</dd></div>
            </dl>
            <h2>{t!(l, inbox.waits)}</h2>
            {past_waits(visit, &view.standing, &view.waits)}
            {others}
            <nav class="reach" aria-label=t!(l, inbox.back_to_talk)><a href="#main">{icon(Icon::Back)}{t!(l, inbox.to_talk)}</a></nav>
        </section>
    }
}

/// Characters of the message that opened a wait.
const OPENING: usize = 24;

pub fn past_waits(visit: &Visit, standing: &Standing, waits: &[Told]) -> impl IntoView + use<> {
    let waits: Vec<_> = waits.iter().map(|wait| past_wait(visit, &standing.calendar.calendar, wait)).collect();
    view! { <ol class="line" id="waits">{waits}</ol> }
}

/// The beginning of a message, in one line.
fn shortened(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c == '\n' { ' ' } else { c });
    let beginning: String = characters.by_ref().take(OPENING).collect();
    if characters.next().is_some() { format!("{}…", beginning.trim_end()) } else { beginning }
}

fn past_wait(visit: &Visit, calendar: &Calendar, wait: &Told) -> impl IntoView + use<> {
    let l = visit.language;
    let (now, opened) = (calendar.local(visit.now), calendar.local(wait.opened_at));
    let text = match shortened(&wait.text) {
        text if text.is_empty() => t!(l, resident.removed),
        text => text,
    };
    let what = match wait.closed_at {
        None => t!(l, inbox.wait_until, when = when::moment(l, &calendar.local(wait.due_at), &now)),
        Some(closed) => {
            let took = when::working(l, calendar.working_seconds(wait.opened_at, closed));
            t!(l, inbox.wait_answered, day = when::date(l, &opened, &now), time = took)
        }
    };
    view! { <li class=wait.closed_at.is_none().then_some("now")>{text}<small>{what}</small></li> }
}

fn name_fold(visit: &Visit, view: &View, mistake: Option<&(String, String)>) -> impl IntoView + use<> {
    let l = visit.language;
    let typed = mistake.map(|(typed, _)| typed.clone()).or_else(|| view.standing.contact.name.clone()).unwrap_or_default();
    let error = mistake.map(|(_, error)| error.clone());
    let is_bad = error.is_some();
    view! {
        <details class="fold" open=is_bad>
            <summary><span>{t!(l, inbox.rename)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <form class="body" method="post" action=format!("/inbox/{}", view.standing.conversation.id)>
                {visit.csrf_field()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="name">{t!(l, inbox.name)}</label>
                    <p class="hint" id="name-h">{t!(l, inbox.name_hint)}</p>
                    {field_error("name", error)}
                    <input
                        class="in"
                        id="name"
                        name="name"
                        maxlength="40"
                        value=typed
                        autocomplete="off"
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "name-h name-e" } else { "name-h" }
                    />
                </div>
                <button class="btn alt" name="intent" value="name">{t!(l, inbox.save)}</button>
            </form>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::text::TextError;

    #[test]
    fn a_quick_reply_goes_below_what_is_written_already() {
        assert_eq!(inserted(" ", "您好"), "您好");
        assert_eq!(inserted("张阿姨：\n", "您好"), "张阿姨：\n您好");
    }

    #[test]
    fn nothing_written_is_a_mistake_a_person_can_put_right() {
        assert!(mistake(Language::Chinese, DeskError::Text(TextError::Empty)).is_ok());
        assert!(matches!(mistake(Language::Chinese, DeskError::NotFound), Err(AppError::NotFound)));
    }
}
