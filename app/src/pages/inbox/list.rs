//! `/inbox`: who waits, for which post, since when. A search (`?q=`), one post (`?post=`), the closed ones (`?closed=1`), the next page (`?after=`).

use super::show;
use crate::{
    components::{
        art::{LETTER, art},
        icon::{Icon, icon},
    },
    error::AppError,
    islands::desk::Desk,
    shell::{Page, at_most, render},
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Query,
    response::{Html, IntoResponse, Response},
};
use domain::{
    Staff,
    desk::{self, Asked, Inbox, Post, Row, Today},
    overflow::Reached,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, ContactId, ConversationId, Language, PostId, Role};
use serde::Deserialize;

#[derive(Clone, Default, Deserialize)]
pub struct Asking {
    #[serde(default)]
    q: String,
    post: Option<PostId>,
    closed: Option<u8>,
    after: Option<ConversationId>,
    /// What has just been done: `handed_over`, `closed`.
    done: Option<String>,
    /// `list`: only what the island renews.
    fragment: Option<String>,
    /// The conversation shown beside the list.
    open: Option<ConversationId>,
}

impl Asking {
    fn asked(&self) -> Asked {
        Asked { post: self.post, closed: self.is_closed(), query: self.q.clone(), after: self.after }
    }

    fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    fn is_search(&self) -> bool {
        !self.q.trim().is_empty()
    }

    /// The list with another filter or page.
    fn link(&self, post: Option<PostId>, closed: bool, after: Option<ConversationId>) -> String {
        let parts = [post.map(|p| format!("post={p}")), closed.then(|| "closed=1".to_owned()), after.map(|a| format!("after={a}"))];
        let query: Vec<String> = parts.into_iter().flatten().collect();
        if query.is_empty() { "/inbox".to_owned() } else { format!("/inbox?{}", query.join("&")) }
    }
}

pub async fn list(visit: Visit, SignedIn(staff): SignedIn, Query(asking): Query<Asking>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let inbox = desk::inbox(domain, &staff, &asking.asked()).await?;
    if asking.fragment.is_some() {
        return fragment(&visit, &staff, &inbox, &asking).await;
    }
    let today = desk::today(domain, &staff, &inbox).await?;
    let l = visit.language;
    let main = view! {
        <main id="main" class="desk" data-live="/inbox/live">
            {pane(&visit, &staff, &inbox, &asking, None)}
            <section class="pane talk" aria-label=t!(l, inbox.conversation)>
                <div class="empty">{art(&LETTER)}<h2>{t!(l, inbox.choose)}</h2><p>{t!(l, inbox.choose_text)}</p></div>
            </section>
            {today_pane(l, &staff, &today)}
        </main>
        {keys(l)}
        {island(l)}
    };
    let page = Page::new(&visit, t!(l, inbox.title)).for_staff(&staff).await?.body_class("full at-desk").with_islands();
    Ok(page.render(main))
}

/// What grows old on the page: the rows, the times of the conversation beside them, the number in the navigation.
async fn fragment(visit: &Visit, staff: &Staff, inbox: &Inbox, asking: &Asking) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let open = match asking.open {
        Some(id) => desk::glance(domain, staff, id).await?,
        None => None,
    };
    let unread = desk::unread(domain, staff).await?;
    let html = render(visit, || {
        let beside = open.map(|(standing, waits)| view! { {show::state(visit, &standing)}{show::past_waits(visit, &standing, &waits)} });
        view! { {rows(visit, staff, inbox, asking, asking.open)}{beside}<span id="unread">{at_most(unread)}</span> }.into_any()
    });
    Ok(Html(html).into_response())
}

/// The left pane, beside an open conversation too.
pub fn pane(visit: &Visit, staff: &Staff, inbox: &Inbox, asking: &Asking, open: Option<ConversationId>) -> impl IntoView + use<> {
    let l = visit.language;
    let title = t!(l, inbox.title);
    let heading = match open {
        None => view! { <h1 id="inbox-t">{title}</h1> }.into_any(),
        Some(_) => view! { <h2 id="inbox-t">{title}</h2> }.into_any(),
    };
    let label = t!(l, inbox.find_label);
    let done = match asking.done.as_deref() {
        Some("handed_over") => Some(t!(l, inbox.done_handed_over)),
        Some("closed") => Some(t!(l, inbox.done_closed)),
        _ => None,
    };
    let done = done.map(|words| view! { <div class="banner slim" role="status">{icon(Icon::Tick)}<div><p>{words}</p></div></div> });
    view! {
        <section class="pane list" aria-labelledby="inbox-t">
            <header class="head">
                {heading}
                <span class="soft num" id="waiting">{waiting(l, inbox)}</span>
                <noscript><a class="btn text" href="/inbox">{t!(l, inbox.reload)}</a></noscript>
                <form class="find" role="search" action="/inbox">
                    <label class="sr" for="q">{label.clone()}</label>
                    <input class="in" id="q" name="q" type="search" value=asking.q.clone() placeholder=label data-key="/"/>
                    <button class="btn alt" aria-label=t!(l, inbox.find)>{icon(Icon::Search)}</button>
                </form>
            </header>
            {off_duty(visit, staff)}
            {reached(l, inbox)}
            {done}
            {rows(visit, staff, inbox, asking, open)}
        </section>
    }
}

/// Said where the messages come in: somebody else answers them now, and the way back.
fn off_duty(visit: &Visit, staff: &Staff) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    staff.is_off_duty.then(|| {
        view! {
            <div class="banner time slim">
                {icon(Icon::Rest)}
                <div>
                    <p>{t!(l, inbox.off_duty)}</p>
                    <form class="acts" method="post" action="/account/off-duty">
                        {visit.csrf_field()}<button class="btn alt" name="until" value="now">{t!(l, account.rest_back)}</button>
                    </form>
                </div>
            </div>
        }
    })
}

/// Said calmly: today's new residents go elsewhere, so that those who are here are served well.
fn reached(l: Language, inbox: &Inbox) -> Vec<AnyView> {
    let words = |r: &Reached| {
        let post = t!(l, inbox.group, unit = r.unit_name.clone(), title = r.title.clone());
        let enough = match (r.per_day, r.open) {
            (Some(most), _) => t!(l, people.reached_day, post = post, count = most),
            (None, most) => t!(l, people.reached_open, post = post, count = most.unwrap_or_default()),
        };
        let by = r.by.clone().map(|(unit, name)| t!(l, people.reached_by, unit = unit, name = name));
        let elsewhere = (r.elsewhere > 0).then(|| t!(l, people.reached_elsewhere, count = r.elsewhere));
        [Some(enough), by, elsewhere].into_iter().flatten().collect::<String>()
    };
    let line = |r| view! { <div class="banner slim" role="status">{icon(Icon::People)}<div><p>{words(r)}</p></div></div> }.into_any();
    inbox.reached.iter().map(line).collect()
}

fn waiting(l: Language, inbox: &Inbox) -> String {
    t!(l, inbox.waiting, count = inbox.waiting())
}

/// What the island fetches anew when the list has changed.
fn rows(visit: &Visit, staff: &Staff, inbox: &Inbox, asking: &Asking, open: Option<ConversationId>) -> impl IntoView + use<> {
    let l = visit.language;
    let list = |rows: &[Row]| {
        let rows: Vec<_> = rows.iter().map(|row| line(visit, inbox, asking, row, open)).collect();
        view! { <ul class="rows">{rows}</ul> }
    };
    let groups: Vec<_> = inbox
        .groups
        .iter()
        .map(|group| {
            let heading = post_name(l, &group.post);
            view! { {group_heading(open, heading, Some(group.post.waiting))}{list(&group.rows)} }
        })
        .collect();
    let quiet = (!inbox.quiet.is_empty()).then(|| {
        let (name, count) = if asking.is_search() {
            (t!(l, inbox.found, count = inbox.quiet.len()), None)
        } else if asking.is_closed() {
            (t!(l, inbox.closed), Some(closed(inbox, asking)))
        } else {
            (t!(l, inbox.answered), Some(answered(inbox, asking)))
        };
        view! { {group_heading(open, name, count)}{list(&inbox.quiet)} }
    });
    let is_empty = inbox.rows().next().is_none();
    view! {
        <div id="list" data-waiting=waiting(l, inbox)>
            {groups}
            {quiet}
            {is_empty.then(|| empty(l, staff, inbox, asking))}
            {ways(l, inbox, asking)}
        </div>
    }
}

fn group_heading(open: Option<ConversationId>, name: String, count: Option<i64>) -> AnyView {
    let count = count.map(|n| view! { <span class="num">{n}</span> });
    match open {
        None => view! { <h2 class="group">{name}{count}</h2> }.into_any(),
        Some(_) => view! { <h3 class="group">{name}{count}</h3> }.into_any(),
    }
}

fn chosen<'a>(inbox: &'a Inbox, asking: &'a Asking) -> impl Iterator<Item = &'a Post> {
    inbox.posts.iter().filter(|p| asking.post.is_none_or(|only| only == p.id))
}

fn answered(inbox: &Inbox, asking: &Asking) -> i64 {
    chosen(inbox, asking).map(|p| p.open - p.waiting).sum()
}

fn closed(inbox: &Inbox, asking: &Asking) -> i64 {
    chosen(inbox, asking).map(|p| p.closed).sum()
}

pub fn post_name(l: Language, post: &Post) -> String {
    let (unit, title) = (post.unit_name.clone(), post.title.clone());
    if post.stands_in == 1 { t!(l, inbox.group_stand_in, unit = unit, title = title) } else { t!(l, inbox.group, unit = unit, title = title) }
}

/// The contact's name, or how they are told from others without one.
pub fn contact_name(l: Language, name: Option<&str>, id: ContactId) -> String {
    name.map_or_else(|| t!(l, inbox.contact, number = desk::short_id(id)), str::to_owned)
}

fn line(visit: &Visit, inbox: &Inbox, asking: &Asking, row: &Row, open: Option<ConversationId>) -> impl IntoView + use<> {
    let l = visit.language;
    let left = left(visit, inbox, row);
    let class = format!("row{}{}", left.class, if row.unread > 0 { " unread" } else { "" });
    let unread = (row.unread > 0).then(|| view! { <span class="n"><span class="sr">{t!(l, inbox.unread)}</span>{row.unread}</span> });
    let progress = left.used.map(|used| view! { <progress max="100" value=used.to_string() aria-hidden="true"></progress> });
    let text = match desk::hit(&row.text, &asking.q) {
        Some(hit) if asking.is_search() => view! { {hit.before}<mark>{hit.found}</mark>{hit.after} }.into_any(),
        _ => row.text.chars().take(120).collect::<String>().into_any(),
    };
    view! {
        <li>
            <a class=class href=format!("/inbox/{}", row.id) aria-current=(open == Some(row.id)).then_some("page")>
                <b>{contact_name(l, row.contact_name.as_deref(), row.contact_id)}</b>
                <span class="at">{row.place.clone()}</span>
                <span class="text">{text}</span>
                {(row.scheduled > 0).then(|| view! { <span class="tag time">{icon(Icon::Clock)}{t!(l, inbox.scheduled)}</span> })}
                {unread}
                <span class="left">{left.words}</span>
                {progress}
            </a>
        </li>
    }
}

struct Left {
    class: &'static str,
    words: String,
    /// Percent of the time used.
    used: Option<i64>,
}

/// The time left to the promise; for who does not wait, when they were last spoken to.
fn left(visit: &Visit, inbox: &Inbox, row: &Row) -> Left {
    let (l, now) = (visit.language, visit.now);
    let (Some(since), Some(due)) = (row.waiting_since, row.due_at) else {
        return Left { class: "", words: lately(visit, inbox, row.last_message_at), used: None };
    };
    if due <= now {
        return Left { class: " late", words: t!(l, inbox.over, time = length(l, now.seconds_since(due))), used: Some(100) };
    }
    let whole = due.seconds_since(since).max(1);
    let used = (now.seconds_since(since) * 100 / whole).clamp(0, 100);
    Left { class: if used > 75 { " soon" } else { "" }, words: t!(l, inbox.left, time = length(l, due.seconds_since(now))), used: Some(used) }
}

/// A length of time in its largest unit, rounded down: who has 119 minutes left has one hour.
pub fn length(l: Language, seconds: i64) -> String {
    match seconds / 60 {
        ..1 => t!(l, inbox.less_than_a_minute),
        minutes @ 1..60 => t!(l, inbox.minutes, count = minutes),
        minutes @ 60..1440 => t!(l, inbox.hours, count = minutes / 60),
        minutes => t!(l, inbox.days, count = minutes / 1440),
    }
}

/// "9:04" today, then "昨天", the weekday, the date.
fn lately(visit: &Visit, inbox: &Inbox, at: At) -> String {
    let l = visit.language;
    let calendar = &inbox.calendar.calendar;
    let (at, now) = (calendar.local(at), calendar.local(visit.now));
    let days = at.date().until(now.date()).map_or(0, |span| span.get_days());
    match days {
        0 => at.strftime("%-H:%M").to_string(),
        1 => t!(l, inbox.yesterday),
        2..=6 => when::weekday(l, &at),
        _ => when::date(l, &at, &now),
    }
}

fn empty(l: Language, staff: &Staff, inbox: &Inbox, asking: &Asking) -> impl IntoView + use<> {
    let (title, text, link) = if inbox.posts.is_empty() {
        let place = place_of(l, staff);
        let text = if place.is_some() { t!(l, inbox.no_post_place) } else { t!(l, inbox.no_post_text) };
        (t!(l, inbox.no_post), text, place)
    } else if asking.is_search() {
        (t!(l, inbox.found_none, query = asking.q.trim().to_owned()), t!(l, inbox.found_none_text), Some(("/inbox".to_owned(), t!(l, inbox.clear))))
    } else if asking.is_closed() {
        (t!(l, inbox.empty_closed), String::new(), None)
    } else {
        (t!(l, inbox.empty), t!(l, inbox.empty_text), None)
    };
    let link = link.map(|(href, name)| view! { <p><a class="btn" href=href>{name}</a></p> });
    let text = (!text.is_empty()).then(|| view! { <p>{text}</p> });
    view! { <div class="empty">{art(&LETTER)}<h2>{title}</h2>{text}{link}</div> }
}

/// Where somebody with a role works, who answers nobody.
fn place_of(l: Language, staff: &Staff) -> Option<(String, String)> {
    let places = [
        (Role::Admin, "/admin", t!(l, common.nav_admin)),
        (Role::Supervisor, "/supervision", t!(l, people.supervision)),
        (Role::Auditor, "/admin/audit", t!(l, audit.nav)),
    ];
    places.into_iter().find(|(role, ..)| staff.has(*role)).map(|(_, href, name)| (href.to_owned(), name))
}

/// Where else to look: the next page, one post, the closed ones.
fn ways(l: Language, inbox: &Inbox, asking: &Asking) -> impl IntoView + use<> {
    let link = |href: String, name: String| view! { <li><a href=href><span>{name}</span>{icon(Icon::Turn)}</a></li> }.into_any();
    let mut ways = Vec::new();
    if asking.is_search() {
        if !inbox.quiet.is_empty() {
            ways.push(link("/inbox".to_owned(), t!(l, inbox.clear)));
        }
    } else {
        if let Some(next) = inbox.next {
            ways.push(link(asking.link(asking.post, asking.is_closed(), Some(next)), t!(l, inbox.more)));
        }
        if asking.post.is_some() {
            ways.push(link(asking.link(None, asking.is_closed(), None), t!(l, inbox.all_posts)));
        } else if inbox.posts.len() > 1 {
            for post in &inbox.posts {
                ways.push(link(asking.link(Some(post.id), asking.is_closed(), None), t!(l, inbox.only_post, post = post_name(l, post))));
            }
        }
        if asking.is_closed() {
            ways.push(link(asking.link(asking.post, false, None), t!(l, inbox.to_open)));
        } else if closed(inbox, asking) > 0 {
            ways.push(link(asking.link(asking.post, true, None), t!(l, inbox.to_closed)));
        }
    }
    (!ways.is_empty()).then(|| view! { <ul class="links">{ways}</ul> })
}

fn today_pane(l: Language, staff: &Staff, today: &Today) -> impl IntoView + use<> {
    let hours: Vec<String> = today.hours.iter().map(|i| format!("{}–{}", i.from(), i.until())).collect();
    let hours = if hours.is_empty() { t!(l, inbox.day_off) } else { hours.join(", ") };
    let rest = (!staff.is_off_duty).then(|| view! { <p><a class="btn alt" href="/account#off-duty">{icon(Icon::Rest)}{t!(l, inbox.rest)}</a></p> });
    let on_time = t!(l, inbox.on_time_of, count = today.on_time, all = today.answered);
    view! {
        <section class="pane side" aria-label=t!(l, inbox.today)>
            <h2>{t!(l, inbox.today)}</h2>
            <dl class="pairs">
                <div><dt>{t!(l, inbox.hours_today)}</dt><dd>{hours}</dd></div>
                <div><dt>{t!(l, inbox.answered_today)}</dt><dd>{today.answered}</dd></div>
                <div><dt>{t!(l, inbox.on_time)}</dt><dd>{on_time}</dd></div>
            </dl>
            {rest}
        </section>
    }
}

pub fn island(l: Language) -> impl IntoView + use<> {
    view! { <Desk waiting=t!(l, resident.waiting_for_network) sending=t!(l, resident.sending) failed=t!(l, resident.send_failed)/> }
}

/// The shortcuts, opened by the island.
pub fn keys(l: Language) -> impl IntoView + use<> {
    let line = |keys: &[&'static str], name: String| {
        let keys: Vec<_> = keys.iter().map(|k| view! { <kbd>{*k}</kbd>" " }).collect();
        view! { <div><dt>{keys}</dt><dd>{name}</dd></div> }
    };
    view! {
        <dialog class="dialog" id="keys" aria-labelledby="keys-t">
            <h2 id="keys-t">{t!(l, inbox.keys)}</h2>
            <dl class="keys">
                {line(&["J", "K"], t!(l, inbox.key_next))}
                {line(&["↵"], t!(l, inbox.key_open))}
                {line(&["R"], t!(l, inbox.key_answer))}
                {line(&["Ctrl", "↵"], t!(l, inbox.key_send))}
                {line(&["N"], t!(l, inbox.key_note))}
                {line(&["Q"], t!(l, inbox.quick_replies))}
                {line(&["S"], t!(l, inbox.key_later))}
                {line(&["H"], t!(l, inbox.key_hand_over))}
                {line(&["C"], t!(l, inbox.close))}
                {line(&["/"], t!(l, inbox.key_find))}
                {line(&["Esc"], t!(l, inbox.key_back))}
                {line(&["?"], t!(l, inbox.key_help))}
            </dl>
            <form method="dialog"><button class="btn alt">{t!(l, inbox.close_dialog)}</button></form>
        </dialog>
    }
}
