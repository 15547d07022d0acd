//! One request's reader: language, chosen look, who they are, and what a form needs to come back.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::cookie::CookieJar;
use domain::{Admin, Auditor, Device, Staff, Supervisor};
use leptos::{nonce::Nonce, prelude::*};
use model::{At, Language};
use std::{net::IpAddr, sync::Arc};

use crate::{error::AppError, routes::App};

/// Everything about a request that pages need. Cheap to clone.
#[derive(Clone)]
pub struct Visit(Arc<Reading>);

#[derive(Clone)]
pub struct Reading {
    pub app: App,
    pub language: Language,
    pub look: Look,
    /// Path and query, to come back to after a change of language or look.
    pub path: String,
    pub address: IpAddr,
    pub now: At,
    pub nonce: Nonce,
    pub device_key: Option<String>,
    session_key: Option<String>,
    pub device: Option<Device>,
    pub staff: Option<Staff>,
    /// They are signed in and set up the second factor their role asks for, before anything else.
    pub must_set_up: bool,
    /// What a form of this visit carries where the browser does not say which site it comes from.
    pub csrf: String,
}

impl std::ops::Deref for Visit {
    type Target = Reading;
    fn deref(&self) -> &Reading {
        &self.0
    }
}

/// Chosen with the switches at the foot of every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// `elder`, `elder-2` or `elder-3`; the standard view when empty.
    pub view: Option<&'static str>,
    /// `light` or `dark`; the device's own when empty.
    pub theme: Option<&'static str>,
}

impl Look {
    /// How many steps larger than the elder view's own letters, for the style sheet.
    pub fn text(&self) -> Option<&'static str> {
        self.view.and_then(|view| view.strip_prefix("elder-"))
    }
}

pub const VIEWS: [&str; 3] = ["elder", "elder-2", "elder-3"];
pub const THEMES: [&str; 2] = ["light", "dark"];

/// Cookies that hold secrets have the `__Host-` prefix wherever browsers accept it: over https.
pub fn secret_name(app: &App, name: &str) -> String {
    if app.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// A secret the request brought in its cookie.
pub fn secret_of(app: &App, headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(&secret_name(app, name)).map(|c| c.value().to_owned())
}

/// A `Set-Cookie` value for a secret no script may read, for `days`; zero days removes it.
pub fn secret_cookie(app: &App, name: &str, value: &str, days: i64) -> String {
    format!("{}; HttpOnly", plain_cookie(app, &secret_name(app, name), value, days))
}

/// A `Set-Cookie` value for a choice such as the language. Values are words or base 32, so nothing needs escaping.
pub fn plain_cookie(app: &App, name: &str, value: &str, days: i64) -> String {
    let secure = if app.is_https() { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={}; SameSite=Lax{secure}", days * 24 * 60 * 60)
}

/// A secret for some minutes; zero removes it.
pub fn short_secret_cookie(app: &App, name: &str, value: &str, minutes: i64) -> String {
    let secure = if app.is_https() { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={}; SameSite=Lax{secure}; HttpOnly", secret_name(app, name), minutes * 60)
}

/// Half a year: how long a choice is remembered after it was made, and a device after it last opened a conversation.
pub const LONG: i64 = 180;

/// The cookie that makes a resident's browser known again.
pub const DEVICE: &str = "device";
/// The cookie of a signed-in member of staff.
pub const SESSION: &str = "session";

impl Visit {
    /// Reads cookies and headers and looks up who is asking.
    pub async fn read(app: &App, headers: &HeaderMap, path: String, address: IpAddr, looks_for: LooksFor) -> Result<Visit, AppError> {
        let jar = CookieJar::from_headers(headers);
        let cookie = |name: &str| jar.get(name).map(|c| c.value().to_owned());
        let domain = &app.domain;
        let device_key = cookie(&secret_name(app, DEVICE)).filter(|k| is_key(k));
        let session_key = cookie(&secret_name(app, SESSION)).filter(|k| is_key(k));
        let device = match &device_key {
            Some(key) if looks_for.device => domain::caller::device(domain, key).await?,
            _ => None,
        };
        let signed_in = match &session_key {
            Some(key) if looks_for.staff => domain::caller::signed_in(domain, key).await?,
            _ => None,
        };
        let must_set_up = signed_in.as_ref().is_some_and(|caller| caller.must_set_up);
        let staff = signed_in.map(|caller| caller.staff);
        let csrf = csrf(app, device_key.as_deref(), session_key.as_deref());
        let word = |name: &str, words: &[&'static str]| cookie(name).and_then(|c| words.iter().find(|w| **w == c).copied());
        Ok(Visit(Arc::new(Reading {
            language: language(cookie("language").as_deref(), headers),
            look: Look { view: word("view", &VIEWS), theme: word("theme", &THEMES) },
            path,
            address,
            now: domain.now(),
            nonce: Nonce::new(),
            device_key,
            session_key,
            device,
            staff,
            must_set_up,
            csrf,
            app: app.clone(),
        })))
    }

    /// The same visit at this moment, for streams that outlive their request.
    pub fn at_now(&self) -> Visit {
        Visit(Arc::new(Reading { now: self.app.domain.now(), ..(*self.0).clone() }))
    }

    /// The same visit as if to another page: an address that only takes forms is none to come back to.
    pub fn on(&self, path: String) -> Visit {
        Visit(Arc::new(Reading { path, ..(*self.0).clone() }))
    }

    /// Whether the request brought any cookie that gives it rights somebody else could abuse.
    pub fn has_rights(&self) -> bool {
        self.device_key.is_some() || self.staff.is_some()
    }

    /// Whether somebody works here in this browser: what they open to look at it is not what residents do.
    pub fn is_staffs_browser(&self) -> bool {
        self.session_key.is_some()
    }

    /// The hidden field every POST form carries.
    pub fn csrf_field(&self) -> impl IntoView + use<> {
        view! { <input type="hidden" name="csrf" value=self.csrf.clone()/> }
    }

    /// A new device key: 128 random bits.
    pub fn new_device_key(&self) -> String {
        data_encoding::BASE32_NOPAD.encode(&self.app.domain.random.bytes::<16>()).to_lowercase()
    }

    pub fn device_cookie(&self, key: &str) -> String {
        secret_cookie(&self.app, DEVICE, key, LONG)
    }

    /// The same visit with the device key it is about to be given, so that the forms on its page fit the cookie.
    pub fn as_new_device(&self) -> Visit {
        let key = self.new_device_key();
        let csrf = csrf(&self.app, Some(&key), self.session_key.as_deref());
        Visit(Arc::new(Reading { device_key: Some(key), csrf, ..(*self.0).clone() }))
    }

    /// A key for one message of a form: sending the form twice gives one message.
    pub fn client_key(&self) -> String {
        self.app.domain.id().as_simple().to_string()
    }
}

/// What a form of this device or session carries.
fn csrf(app: &App, device_key: Option<&str>, session_key: Option<&str>) -> String {
    app.domain.keys.sign("csrf", &format!("{}.{}", device_key.unwrap_or(""), session_key.unwrap_or("")))
}

/// Which callers are worth a look into the database.
#[derive(Clone, Copy, Debug)]
pub struct LooksFor {
    pub device: bool,
    pub staff: bool,
}

/// Keys are base 32 in lower case; anything else is not one of ours and is not looked up.
fn is_key(value: &str) -> bool {
    (20..=64).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The reader's language, where nothing else of a visit is read.
pub fn language_of(headers: &HeaderMap) -> Language {
    language(CookieJar::from_headers(headers).get("language").map(|c| c.value()), headers)
}

/// By cookie, then by what the browser prefers, then Chinese.
fn language(cookie: Option<&str>, headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie.and_then(|c| c.parse().ok()) {
        return chosen;
    }
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let mut wishes: Vec<(f32, &str)> = accepted.split(',').take(20).map(wish).collect();
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let known = wishes.into_iter().filter(|(quality, _)| *quality > 0.0).find_map(|(_, tag)| {
        let tag = tag.to_ascii_lowercase();
        match tag.split('-').next() {
            Some("zh") => Some(Language::Chinese),
            Some("en") => Some(Language::English),
            _ => None,
        }
    });
    known.unwrap_or(Language::Chinese)
}

/// `en-GB;q=0.8` as its quality and tag.
fn wish(text: &str) -> (f32, &str) {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next().unwrap_or("");
    let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (quality, tag)
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visit, AppError> {
        parts.extensions.get::<Visit>().cloned().ok_or(AppError::Internal)
    }
}

/// The resident's device; only on routes with the policy `Contact`.
pub struct Resident(pub Device);
/// The signed-in member of staff; only on routes with a policy for staff.
pub struct SignedIn(pub Staff);
/// The signed-in admin; only on routes with the policy `Admin`.
pub struct AsAdmin(pub Admin);
/// The signed-in supervisor; only on routes with the policy `Supervisor`.
pub struct AsSupervisor(pub Supervisor);
/// The signed-in auditor; only on routes with the policy `Auditor`.
pub struct AsAuditor(pub Auditor);

impl<S: Send + Sync> FromRequestParts<S> for Resident {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let visit = Visit::from_request_parts(parts, state).await?;
        visit.device.clone().map(Resident).ok_or(AppError::NotFound)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let visit = Visit::from_request_parts(parts, state).await?;
        visit.staff.clone().map(SignedIn).ok_or(AppError::Forbidden)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AsAdmin {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let SignedIn(staff) = SignedIn::from_request_parts(parts, state).await?;
        staff.admin().map(AsAdmin).ok_or(AppError::Forbidden)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AsSupervisor {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let SignedIn(staff) = SignedIn::from_request_parts(parts, state).await?;
        staff.supervisor().map(AsSupervisor).ok_or(AppError::Forbidden)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AsAuditor {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let SignedIn(staff) = SignedIn::from_request_parts(parts, state).await?;
        staff.auditor().map(AsAuditor).ok_or(AppError::Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value.parse().unwrap())])
    }

    #[test]
    fn the_language_is_the_cookies_then_the_browsers_then_chinese() {
        assert_eq!(language(Some("en"), &accepting("zh-CN")), Language::English);
        assert_eq!(language(None, &accepting("fr, en-GB;q=0.8, zh;q=0.9")), Language::Chinese);
        assert_eq!(language(None, &accepting("en-US,en;q=0.9")), Language::English);
        assert_eq!(language(Some("xx"), &accepting("fr")), Language::Chinese);
        assert_eq!(language(None, &accepting("en;q=0, zh;q=0.1")), Language::Chinese);
    }
}
