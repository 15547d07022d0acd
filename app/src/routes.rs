//! Every route with its access policy. There is no way to add a route without one; [`Routes::table`] is what the tests walk through.

use crate::{
    error::AppError,
    pages::second_factor::first,
    visit::{LooksFor, Visit},
};
use axum::{
    Form, Router,
    body::{Body, BodyDataStream, Bytes},
    extract::{ConnectInfo, FromRequest, Request, State},
    handler::Handler,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get, post},
};
use domain::Domain;
use futures::{StreamExt, stream};
use model::Role;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::sync::watch;

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub domain: Domain,
    pub assets: Arc<Assets>,
    /// Take the client's address from the last entry of X-Forwarded-For, because a proxy of ours wrote it.
    pub trust_proxy: bool,
    /// A mail server is set; without one, what would be mailed is shown to be handed over.
    pub sends_mail: bool,
    /// Becomes true when the server is about to stop: streams end and tell their readers to come back.
    pub stopping: watch::Receiver<bool>,
}

/// Where the static files are.
pub struct Assets {
    /// `/static/HASH`, so that a new build is never mixed with an old one from a cache.
    pub base: String,
}

impl Assets {
    pub fn url(&self, file: &str) -> String {
        format!("{}/{file}", self.base)
    }
}

impl App {
    pub fn is_https(&self) -> bool {
        self.domain.public_url.starts_with("https://")
    }

    pub fn address(&self, request: &Request) -> IpAddr {
        // A proxy may add a line of its own instead of lengthening the one it got.
        let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back().filter(|_| self.trust_proxy);
        let last = forwarded.and_then(|v| v.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
        last.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody; what they see still depends on their device.
    Public,
    /// A resident's device that has written or claimed before.
    Contact,
    /// Signed-in staff, also those who have yet to set up the second factor their role asks for.
    SigningIn,
    /// Signed-in staff. What is theirs, the use case decides.
    Staff,
    /// Signed-in staff with an admin grant, for its subtree.
    Admin,
    /// Signed-in staff with a supervisor's grant: reads in its subtree, and each reading is on record.
    Supervisor,
    /// Signed-in staff with an auditor's grant: sees what was done in its subtree.
    Auditor,
}

impl Policy {
    /// The role without which staff are not let in.
    fn role(self) -> Option<Role> {
        match self {
            Policy::Public | Policy::Contact | Policy::SigningIn | Policy::Staff => None,
            Policy::Admin => Some(Role::Admin),
            Policy::Supervisor => Some(Role::Supervisor),
            Policy::Auditor => Some(Role::Auditor),
        }
    }

    fn is_for_staff(self) -> bool {
        !matches!(self, Policy::Public | Policy::Contact)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub method: Method,
    pub path: &'static str,
    pub policy: Policy,
    /// Harmless and signed by its own link: mail programs post it by themselves (RFC 8058).
    pub is_csrf_exempt: bool,
}

/// Routes under construction.
pub struct Routes {
    app: App,
    router: Router<App>,
    table: Vec<Entry>,
}

impl Routes {
    pub fn new(app: App) -> Routes {
        Routes { app, router: Router::new(), table: Vec::new() }
    }

    pub fn get<H: Handler<T, App>, T: 'static>(self, path: &'static str, policy: Policy, handler: H) -> Routes {
        self.add(Entry { method: Method::GET, path, policy, is_csrf_exempt: false }, get(handler))
    }

    pub fn post<H: Handler<T, App>, T: 'static>(self, path: &'static str, policy: Policy, handler: H) -> Routes {
        self.add(Entry { method: Method::POST, path, policy, is_csrf_exempt: false }, post(handler))
    }

    /// A POST that other programs may send without having seen our page.
    pub fn post_from_anywhere<H: Handler<T, App>, T: 'static>(self, path: &'static str, policy: Policy, handler: H) -> Routes {
        self.add(Entry { method: Method::POST, path, policy, is_csrf_exempt: true }, post(handler))
    }

    fn add(mut self, entry: Entry, handler: MethodRouter<App>) -> Routes {
        let guard = Guard { app: self.app.clone(), policy: entry.policy, is_csrf_exempt: entry.is_csrf_exempt, route: Some(entry.path) };
        self.router = self.router.route(entry.path, handler.layer(middleware::from_fn_with_state(guard, admit)));
        self.table.push(entry);
        self
    }

    pub fn table(&self) -> &[Entry] {
        &self.table
    }

    /// The finished router; what matches no route is a page that says so.
    pub fn into_router(self) -> Router {
        let guard = Guard { app: self.app.clone(), policy: Policy::Public, is_csrf_exempt: true, route: None };
        let not_found = (async || AppError::NotFound).layer(middleware::from_fn_with_state(guard, admit));
        self.router.fallback(not_found.clone()).method_not_allowed_fallback(not_found).with_state(self.app)
    }
}

#[derive(Clone)]
struct Guard {
    app: App,
    policy: Policy,
    is_csrf_exempt: bool,
    /// Its path as it was added; nothing where no route is.
    route: Option<&'static str>,
}

/// Reads who is asking, lets them in or not, and turns what went wrong into a page.
async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_staff_route = guard.policy.is_for_staff();
    let looks_for = LooksFor { device: !is_staff_route, staff: is_staff_route };
    let (headers, path, address) = (request.headers().clone(), path_of(&request), guard.app.address(&request));
    let method = request.method().clone();
    let visit = match Visit::read(&guard.app, &headers, path, address, looks_for).await {
        Ok(visit) => visit,
        Err(e) => return e.into_response(),
    };
    let response = match admitted(&guard, &visit, request).await {
        Ok(mut request) => {
            request.extensions_mut().insert(visit.clone());
            next.run(request).await
        }
        Err(Refusal::SignIn) => Redirect::to(&sign_in_path(&visit.path)).into_response(),
        Err(Refusal::SetUp) => Redirect::to(&format!("/account/second-factor?back={}", encode(page_of(&visit.path)))).into_response(),
        Err(Refusal::SetUpFirst { is_island, fields }) => first::page(&visit, is_island, &fields),
        Err(Refusal::Error(e)) => e.into_response(),
    };
    let error = response.extensions().get::<AppError>().cloned().or_else(|| extractor_refusal(&response));
    if is_staff_route && matches!(error, Some(AppError::NotFound | AppError::Forbidden)) {
        record(&guard, &visit, &method).await;
    }
    let mut response = match error {
        Some(e) => e.page(&visit),
        None => response,
    };
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("60"));
    }
    protect(response.headers_mut(), &visit);
    response
}

/// Keeps that somebody was refused a page of staff: what they asked for, and the first id in it.
async fn record(guard: &Guard, visit: &Visit, method: &Method) {
    let Some(route) = guard.route else { return };
    let path = visit.path.split('?').next().unwrap_or("");
    let id = path.split('/').find_map(|part| part.parse().ok());
    if let Err(e) = domain::audit::refused(&guard.app.domain, visit.staff.as_ref(), &format!("{method} {route}"), id).await {
        tracing::error!(error = %e, "a refused access could not be recorded");
    }
}

/// What axum's own extractors refuse, before a handler runs, is plain English text: a path such as `/c/x` or a form that is no form.
fn extractor_refusal(response: &Response) -> Option<AppError> {
    let is_plain = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/plain"));
    match response.status() {
        StatusCode::BAD_REQUEST if is_plain => Some(AppError::NotFound),
        StatusCode::UNSUPPORTED_MEDIA_TYPE if is_plain => Some(AppError::BadRequest),
        StatusCode::PAYLOAD_TOO_LARGE if is_plain => Some(AppError::TooLarge),
        _ => None,
    }
}

fn path_of(request: &Request) -> String {
    request.uri().path_and_query().map_or("/".to_owned(), |p| p.as_str().to_owned())
}

enum Refusal {
    SignIn,
    /// The second factor first.
    SetUp,
    /// The same for somebody who sends a form, with what is in it.
    SetUpFirst {
        is_island: bool,
        fields: Vec<(String, String)>,
    },
    Error(AppError),
}

async fn admitted(guard: &Guard, visit: &Visit, request: Request) -> Result<Request, Refusal> {
    let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
    match guard.policy {
        Policy::Public => {}
        Policy::Contact if visit.device.is_some() => {}
        Policy::Contact => return Err(Refusal::Error(AppError::NotFound)),
        Policy::SigningIn | Policy::Staff | Policy::Admin | Policy::Supervisor | Policy::Auditor => match &visit.staff {
            None if is_get => return Err(Refusal::SignIn),
            None => return Err(Refusal::Error(AppError::Forbidden)),
            Some(_) if visit.must_set_up && guard.policy != Policy::SigningIn => {
                return Err(if is_get { Refusal::SetUp } else { sent_too_soon(request).await });
            }
            Some(staff) if guard.policy.role().is_some_and(|role| !staff.has(role)) => return Err(Refusal::Error(AppError::Forbidden)),
            Some(_) => {}
        },
    }
    if is_get || guard.is_csrf_exempt {
        return Ok(request);
    }
    same_site(visit, request).await.map_err(Refusal::Error)
}

/// A role may be given while somebody writes: what they send must not be lost.
async fn sent_too_soon(request: Request) -> Refusal {
    let is_island = request.headers().get(header::ACCEPT).is_some_and(|accepted| accepted == "text/plain");
    let fields = Form::<Vec<(String, String)>>::from_request(request, &()).await.map(|Form(fields)| fields).unwrap_or_default();
    Refusal::SetUpFirst { is_island, fields }
}

fn sign_in_path(back: &str) -> String {
    format!("/sign-in?back={}", encode(page_of(back)))
}

/// Streams and fragments are not pages to come back to.
fn page_of(back: &str) -> &str {
    let (path, _) = back.split_once('?').unwrap_or((back, ""));
    path.strip_suffix("/live").unwrap_or(back)
}

/// Percent-encodes a path for a query.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// Bytes of a form with files in which the token has to stand: ours have it in front of the file.
const TOKEN_WITHIN: usize = 4096;
/// Bytes of a form without files.
pub const FORM_LIMIT: usize = 64 * 1024;

/// Refuses a change asked for by another site's page: by what the browser says of the request (Fetch metadata, then Origin), and for
/// browsers too old to say, by the token in the form.
async fn same_site(visit: &Visit, request: Request) -> Result<Request, AppError> {
    let headers = request.headers();
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return if matches!(site, "same-origin" | "none") { Ok(request) } else { Err(AppError::CrossSite) };
    }
    if let Some(origin) = header("origin") {
        let host = header("host").unwrap_or("");
        let is_ours = origin == visit.app.domain.public_url || origin.split_once("://").is_some_and(|(_, o)| o == host);
        return if is_ours { Ok(request) } else { Err(AppError::CrossSite) };
    }
    if !visit.has_rights() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if kind.starts_with("multipart/form-data") {
        let (begun, rest) = beginning(body).await?;
        let needle = format!("name=\"csrf\"\r\n\r\n{}\r\n", visit.csrf);
        let has_token = String::from_utf8_lossy(&begun).contains(&needle);
        let whole = stream::iter([Ok(Bytes::from(begun))]).chain(rest);
        return if has_token { Ok(Request::from_parts(parts, Body::from_stream(whole))) } else { Err(AppError::CrossSite) };
    }
    let bytes = axum::body::to_bytes(body, FORM_LIMIT).await.map_err(|_| AppError::TooLarge)?;
    let needle = format!("csrf={}", visit.csrf);
    let has_token = String::from_utf8_lossy(&bytes).split('&').any(|pair| pair == needle);
    if has_token { Ok(Request::from_parts(parts, Body::from(bytes))) } else { Err(AppError::CrossSite) }
}

/// So much of a body that the token is in it, and the rest as it comes.
async fn beginning(body: Body) -> Result<(Vec<u8>, BodyDataStream), AppError> {
    let (mut begun, mut rest) = (Vec::new(), body.into_data_stream());
    while begun.len() < TOKEN_WITHIN
        && let Some(chunk) = rest.next().await
    {
        begun.extend_from_slice(&chunk.map_err(|_| AppError::TooLarge)?);
    }
    Ok((begun, rest))
}

/// The headers that keep a page to itself.
fn protect(headers: &mut HeaderMap, visit: &Visit) {
    let nonce = visit.nonce.as_inner();
    let frame = if visit.path.contains("/after/") || visit.path.ends_with("/progress") { "'self'" } else { "'none'" };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-src 'self'; frame-ancestors {frame}; base-uri 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=(), browsing-topics=()"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if visit.app.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// All of Linli's routes.
pub fn routes(app: App) -> Routes {
    crate::pages::routes(Routes::new(app))
}
