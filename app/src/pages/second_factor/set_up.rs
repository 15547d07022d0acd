//! `/account/second-factor`: an authenticator app, recovery codes, passkeys. Whoever's role asks for a second factor comes here first.

use super::{codes, passkey::add_form};
use crate::{
    components::{
        field::{Field, summary},
        icon::{Icon, icon},
        qr::qr,
    },
    error::AppError,
    form::{Posted, field_error},
    pages::session::onward,
    routes::encode,
    shell::Page,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Staff, passkey,
    second_factor::{self, ChangeError, Mine, Offer},
    session::agent_name,
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, Language, calendar::Calendar};
use qrcode::EcLevel;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    back: String,
    done: String,
}

/// The forms of the page in one: `intent` says which was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    back: String,
    nonce: String,
    code: String,
    password: String,
    codes_password: String,
    remove_password: String,
    /// The passkey that is to go, and the password for that.
    passkey: String,
    passkey_password: String,
    /// New recovery codes, separated by spaces, to be shown once.
    shown: String,
    #[serde(skip)]
    errors: Vec<(&'static str, Option<String>)>,
    #[serde(skip)]
    done: String,
}

pub async fn show(visit: Visit, SignedIn(staff): SignedIn, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, AppError> {
    page(&visit, &staff, &headers, Draft { back: asked.back, done: asked.done, ..Draft::default() }).await
}

pub async fn change(visit: Visit, SignedIn(staff): SignedIn, headers: HeaderMap, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let onward = if draft.back.is_empty() { "/account" } else { onward(&draft.back) };
    if draft.intent == "shown" {
        let codes: Vec<String> = draft.shown.split_whitespace().map(str::to_owned).collect();
        let is_theirs = codes.len() <= second_factor::CODES && second_factor::are_codes(domain, &staff, &codes).await?;
        return Ok(if is_theirs { codes::page(&visit, &staff.email, &codes, onward) } else { Redirect::to("/account/second-factor").into_response() });
    }
    let (done, password_field) = match draft.intent.as_str() {
        "set" => (second_factor::set_app(domain, &staff, &draft.nonce, &draft.code, &draft.password).await, "password"),
        "codes" => (second_factor::renew_codes(domain, &staff, &draft.codes_password).await, "codes_password"),
        "remove" => (second_factor::remove_app(domain, &staff, &draft.remove_password).await.map(|()| Vec::new()), "remove_password"),
        "remove_passkey" => {
            let id = draft.passkey.parse().map_err(|_| AppError::NotFound)?;
            (second_factor::remove_passkey(domain, &staff, id, &draft.passkey_password).await.map(|()| Vec::new()), "passkey_password")
        }
        _ => return Err(AppError::BadRequest),
    };
    let l = visit.language;
    let (field, words) = match done {
        Ok(codes) if codes.is_empty() => return Ok(Redirect::to("/account/second-factor?done=removed").into_response()),
        Ok(codes) => return Ok(codes::page(&visit, &staff.email, &codes, onward)),
        Err(ChangeError::Code) => ("code", t!(l, secure.code_wrong_new)),
        Err(ChangeError::Password) => (password_field, t!(l, account.old_wrong)),
        Err(ChangeError::Wait { seconds }) => (password_field, t!(l, secure.step_wait, wait = when::duration(l, i64::try_from(seconds).unwrap_or(i64::MAX)))),
        Err(ChangeError::Last) => (password_field, t!(l, secure.last_one)),
        // The form was sent twice: what it was to do is done.
        Err(ChangeError::NotFound) => return Ok(Redirect::to("/account/second-factor").into_response()),
        Err(ChangeError::Store(e)) => return Err(e.into()),
    };
    draft.errors.push((field, Some(words)));
    page(&visit, &staff, &headers, draft).await
}

impl Draft {
    fn error(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|(id, _)| *id == field).and_then(|(_, words)| words.clone())
    }
}

async fn page(visit: &Visit, staff: &Staff, headers: &HeaderMap, draft: Draft) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let mine = second_factor::mine(domain, staff).await?;
    let nonce = Some(draft.nonce.as_str()).filter(|_| draft.intent == "set");
    let offer = second_factor::offer(domain, staff, nonce).ok_or(AppError::Internal)?;
    let status = if draft.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = t!(l, secure.title);
    let visit = &visit.on(format!("/account/second-factor?back={}", encode(&draft.back)));
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(agent_name).unwrap_or_default();
    let lead = if visit.must_set_up { t!(l, secure.lead_required) } else { t!(l, secure.lead) };
    let main = view! {
        <main id="main" class="col page">
            <h1>{title.clone()}</h1>
            {summary(l, &draft.errors)}
            {done(l, &draft.done)}
            <p>{lead}</p>
            {app_section(visit, &mine, &offer, &draft)}
            {codes_section(visit, &mine, &draft)}
            {passkeys_section(visit, &mine, &draft, agent)}
            {visit.must_set_up.then(|| sign_out(visit))}
        </main>
    };
    let page = Page::new(visit, title).status(status);
    // Nothing else may be opened before.
    let page = if visit.must_set_up { page.with_desk_style() } else { page.for_staff(staff).await?.body_class("at-desk") };
    Ok(page.render(main))
}

fn done(l: Language, what: &str) -> Option<AnyView> {
    let words = match what {
        "passkey" => t!(l, secure.done_passkey),
        "removed" => t!(l, secure.done_removed),
        _ => return None,
    };
    Some(view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{words}</p></div></div> }.into_any())
}

fn day(l: Language, at: At, now: At) -> String {
    let calendar = Calendar::standard();
    when::date(l, &calendar.local(at), &calendar.local(now))
}

fn password(id: &'static str, l: Language, mine: &Mine, draft: &Draft) -> Option<impl IntoView + use<>> {
    mine.asks_password.then(|| Field::new(id, t!(l, account.old_password)).kind("password").autocomplete("current-password").error(draft.error(id)).view())
}

fn app_section(visit: &Visit, mine: &Mine, offer: &Offer, draft: &Draft) -> AnyView {
    let l = visit.language;
    let form = app_form(visit, mine, offer, draft);
    let Some(since) = mine.app_since else {
        return view! { <section aria-labelledby="app-t"><h2 id="app-t">{t!(l, secure.app)}</h2>{form}</section> }.into_any();
    };
    let is_open = draft.intent == "set" && !draft.errors.is_empty();
    let is_removing = draft.intent == "remove" && !draft.errors.is_empty();
    view! {
        <section aria-labelledby="app-t">
            <h2 id="app-t">{t!(l, secure.app)}</h2>
            <p><span class="tag">{icon(Icon::Tick)}{t!(l, secure.app_since, day = day(l, since, visit.now))}</span></p>
            <details class="fold" open=is_open.then_some("")>
                <summary>{icon(Icon::Phone)}<span>{t!(l, secure.app_other)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <div class="body">{form}</div>
            </details>
            <details class="fold" open=is_removing.then_some("")>
                <summary>{icon(Icon::Stop)}<span>{t!(l, secure.app_remove)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post" action="/account/second-factor">
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value="remove"/>
                    <p>{if mine.is_required { t!(l, secure.app_remove_required) } else { t!(l, secure.app_remove_text) }}</p>
                    {password("remove_password", l, mine, draft)}
                    <button class="btn bad">{t!(l, secure.app_remove)}</button>
                </form>
            </details>
        </section>
    }
    .into_any()
}

/// Scan, type the code, done.
fn app_form(visit: &Visit, mine: &Mine, offer: &Offer, draft: &Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let grouped = offer.secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let code =
        Field::new("code", t!(l, secure.first_code)).autocomplete("one-time-code").hint(t!(l, secure.first_code_hint)).short().error(draft.error("code"));
    view! {
        <p>{t!(l, secure.app_text)}</p>
        <div class="qr">{qr(&offer.url, EcLevel::M, t!(l, secure.app_qr))}</div>
        <details class="fold">
            <summary>{icon(Icon::Key)}<span>{t!(l, secure.app_by_hand)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <div class="body">
                <p>{t!(l, secure.app_by_hand_text)}</p>
                <p class="code secret">{grouped}</p>
                <p><a href=offer.url.clone()>{t!(l, secure.app_open)}</a></p>
            </div>
        </details>
        <form method="post" action="/account/second-factor">
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="set"/>
            <input type="hidden" name="nonce" value=offer.nonce.clone()/>
            <input type="hidden" name="back" value=draft.back.clone()/>
            {code.view()}
            {password("password", l, mine, draft)}
            <button class="btn">{t!(l, secure.app_set)}</button>
            <p class="hint">{t!(l, account.password_effect)}</p>
        </form>
    }
}

fn codes_section(visit: &Visit, mine: &Mine, draft: &Draft) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let is_open = draft.intent == "codes" && !draft.errors.is_empty();
    let left = match mine.codes_left {
        0 => view! { <span class="tag time">{icon(Icon::Alert)}{t!(l, secure.codes_none)}</span> }.into_any(),
        count => view! { <span class="tag">{icon(Icon::Tick)}{t!(l, secure.codes_left, count = count)}</span> }.into_any(),
    };
    mine.is_set().then(|| {
        view! {
            <section aria-labelledby="codes-t">
                <h2 id="codes-t">{t!(l, secure.codes)}</h2>
                <p>{left}</p>
                <details class="fold" open=is_open.then_some("")>
                    <summary>{icon(Icon::Print)}<span>{t!(l, secure.codes_new)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                    <form class="body" method="post" action="/account/second-factor">
                        {visit.csrf_field()}
                        <input type="hidden" name="intent" value="codes"/>
                        <p>{t!(l, secure.codes_new_text)}</p>
                        {password("codes_password", l, mine, draft)}
                        <button class="btn alt">{t!(l, secure.codes_new)}</button>
                    </form>
                </details>
            </section>
        }
    })
}

fn passkeys_section(visit: &Visit, mine: &Mine, draft: &Draft, agent: String) -> impl IntoView + use<> {
    let l = visit.language;
    let lines: Vec<_> = mine
        .passkeys
        .iter()
        .map(|key| {
            let used = match key.used_at {
                Some(at) => t!(l, secure.passkey_used, day = day(l, at, visit.now)),
                None => t!(l, secure.passkey_unused),
            };
            let since = t!(l, secure.passkey_since, day = day(l, key.created_at, visit.now));
            view! {
                <li>
                    <span>{key.name.clone()}<br/><small class="soft">{since}" · "{used}</small></span>
                    {remove_passkey(visit, mine, draft, &key.id.to_string())}
                </li>
            }
        })
        .collect();
    let add = match passkey::is_possible(&visit.app.domain) {
        true => add_form(visit, mine.asks_password, agent, draft.back.clone()).into_any(),
        false => view! { <p class="soft">{t!(l, secure.passkey_impossible)}</p> }.into_any(),
    };
    view! {
        <section id="passkeys" aria-labelledby="keys-t">
            <h2 id="keys-t">{t!(l, secure.passkeys)}</h2>
            <p>{t!(l, secure.passkeys_text)}</p>
            <ul class="links items keys">{lines}</ul>
            {add}
        </section>
    }
}

/// Asks for the password where that is asked for, and says there why it cannot be.
fn remove_passkey(visit: &Visit, mine: &Mine, draft: &Draft, id: &str) -> impl IntoView + use<> {
    let l = visit.language;
    let error = draft.error("passkey_password").filter(|_| draft.passkey == id);
    // The summary above leads to the one that was wrong.
    let field = if error.is_some() { "passkey_password".to_owned() } else { format!("passkey_password-{id}") };
    let form = |password: AnyView, class: &'static str| {
        view! {
            <form class=class method="post" action="/account/second-factor">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="remove_passkey"/>
                <input type="hidden" name="passkey" value=id.to_owned()/>
                <input type="hidden" name="back" value=draft.back.clone()/>
                {password}
                <button class="btn bad">{t!(l, secure.passkey_remove)}</button>
            </form>
        }
    };
    if !mine.asks_password {
        return view! { {field_error(&field, error)} {form(().into_any(), "")} }.into_any();
    }
    let (is_open, is_bad) = (error.is_some(), error.is_some());
    let password = view! {
        <label for=field.clone()>{t!(l, account.old_password)}</label>
        {field_error(&field, error)}
        <input
            class="in"
            id=field.clone()
            name="passkey_password"
            type="password"
            autocomplete="current-password"
            required
            aria-invalid=is_bad.then_some("true")
            aria-describedby=is_bad.then(|| format!("{field}-e"))
        />
    };
    view! {
        <details class="fold" open=is_open.then_some("")>
            <summary>{icon(Icon::Stop)}<span>{t!(l, secure.passkey_remove)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            {form(password.into_any(), "body")}
        </details>
    }
    .into_any()
}

fn sign_out(visit: &Visit) -> impl IntoView + use<> {
    let l = visit.language;
    view! {
        <form method="post" action="/sign-out">{visit.csrf_field()}<button class="btn text">{icon(Icon::Out)}{t!(l, account.sign_out)}</button></form>
    }
}
