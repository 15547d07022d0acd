//! Lets in what can be answered soon and turns the rest away at once, the least urgent first: when everybody comes at the same moment, first
//! messages and answers go through, and history, search and figures wait. Also keeps one address from taking the place of all others.

use crate::serve::BODY_LIMIT;
use app::{App, visit};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use i18n::t;
use model::{Language, text::escaped};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, time};
use url::form_urlencoded;

/// What waits longest gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Messages, answers, everything that is sent.
    Vital,
    /// The page a sticker opens.
    First,
    /// Pages that are being read.
    Usual,
    /// History, search, figures, administration.
    Spare,
}

/// How many requests may be answered at the same moment while one more of each urgency is let in. At some thousand a second the last of a
/// thousand waits a fifth of a second.
const LIMITS: [usize; 4] = [1024, 256, 128, 32];

/// What can wait is answered by so few at a time that it leaves the database to the others; the rest of it stands in line.
const SPARE_AT_ONCE: usize = 2;
/// Streams that begin at the same moment. The others wait: thousands come back at once after a restart, and a browser does not ask again for
/// a stream that was refused.
const STREAMS_AT_ONCE: usize = 16;

/// Requests being answered now.
#[derive(Clone)]
pub struct Gate {
    app: App,
    inside: Arc<AtomicUsize>,
    limits: [usize; 4],
    spare: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Gate {
    pub fn new(app: App) -> Gate {
        Gate::with_limits(app, LIMITS)
    }

    /// With room for so many, as each of [`Urgency`].
    pub fn with_limits(app: App, limits: [usize; 4]) -> Gate {
        Gate { app, inside: Arc::default(), limits, spare: Arc::new(Semaphore::new(SPARE_AT_ONCE)), streams: Arc::new(Semaphore::new(STREAMS_AT_ONCE)) }
    }

    fn enter(&self, urgency: Urgency) -> Option<Inside> {
        let inside = Inside(self.inside.clone());
        // The guard takes itself back when there is no room.
        (inside.0.fetch_add(1, Ordering::Relaxed) < self.limits[urgency as usize]).then_some(inside)
    }
}

struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `None` for what costs next to nothing and must always work.
fn urgency(method: &Method, path: &str, query: &str) -> Option<Urgency> {
    if path == "/up" || path == "/metrics" || path == "/favicon.ico" || path.starts_with("/static/") {
        return None;
    }
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    Some(match *method {
        Method::POST if path.ends_with("/seen") => Urgency::Usual,
        Method::POST => Urgency::Vital,
        _ if path.starts_with("/q/") => Urgency::First,
        _ if path.starts_with("/admin") || has("q") || has("before") || has("after") && path == "/inbox" || has("closed") => Urgency::Spare,
        _ => Urgency::Usual,
    })
}

pub async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let Some(urgency) = urgency(request.method(), uri.path(), uri.query().unwrap_or("")) else { return next.run(request).await };
    let address = gate.app.address(&request);
    // This machine itself: a proxy that does not say whom it speaks for.
    if !address.is_loopback() && gate.app.domain.limits.request(address).is_err() {
        metrics::counter!("linli_refused_total", "why" => "address").increment(1);
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "10")]).into_response();
    }
    if request.uri().path().ends_with("/live") {
        // Never closed, so there is always a turn.
        let _turn = gate.streams.acquire().await;
        return next.run(request).await;
    }
    let request = match arrived(request).await {
        Ok(request) => request,
        Err(status) => return status.into_response(),
    };
    match gate.enter(urgency) {
        Some(_inside) => {
            let _turn = if urgency == Urgency::Spare { gate.spare.acquire().await.ok() } else { None };
            next.run(request).await
        }
        None => {
            metrics::counter!("linli_refused_total", "why" => "busy").increment(1);
            busy(&gate.app, request).await
        }
    }
}

/// A form has to arrive within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The request with its whole form, so that who sends one slowly takes nobody's place meanwhile. Photos are read as they come.
async fn arrived(request: Request) -> Result<Request, StatusCode> {
    if !is_form(request.headers()) {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let body = time::timeout(PATIENCE, to_bytes(body, BODY_LIMIT)).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
    Ok(Request::from_parts(head, Body::from(body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?)))
}

async fn busy(app: &App, request: Request) -> Response {
    let [chance] = app.domain.random.bytes::<1>();
    // Not all at once again.
    let seconds = 2 + i64::from(chance % 5);
    let language = visit::language_of(request.headers());
    let is_island = request.headers().get(header::ACCEPT).is_some_and(|a| a == "text/plain");
    let mut response = if is_island {
        // Without a word: the island keeps the message and sends it again by itself.
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    } else {
        let (path, is_post) = (request.uri().path().to_owned(), request.method() == Method::POST);
        let kept = if is_form(request.headers()) { kept(request.into_body()).await } else { None };
        (StatusCode::SERVICE_UNAVAILABLE, Html(page(app, language, seconds, &path, is_post, kept.as_deref()))).into_response()
    };
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// The fields of a message. Of any other form, with a password perhaps, nothing is sent back.
async fn kept(body: Body) -> Option<Vec<(String, String)>> {
    let bytes = to_bytes(body, BODY_LIMIT).await.ok()?;
    let fields: Vec<(String, String)> = form_urlencoded::parse(&bytes).into_owned().collect();
    let is_message = fields.iter().any(|(name, _)| name == "text") && fields.iter().all(|(name, _)| matches!(&**name, "text" | "key" | "csrf" | "intent"));
    is_message.then_some(fields)
}

fn page(app: &App, l: Language, seconds: i64, path: &str, is_post: bool, kept: Option<&[(String, String)]>) -> String {
    let (title, text) = (t!(l, error.busy), if is_post { t!(l, error.busy_send_text) } else { t!(l, error.busy_text, seconds = seconds) });
    let again = match kept {
        Some(fields) => form(l, path, fields),
        None => format!("<p><a class=\"btn\" href=\"{}\">{}</a></p>", escaped(path), t!(l, error.busy_again)),
    };
    // A page that is looked at again by itself; what was typed stays where it is.
    let refresh = if is_post { String::new() } else { format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">") };
    format!(
        "<!DOCTYPE html><html lang=\"{l}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{refresh}\
         <title>{title}</title><link rel=\"stylesheet\" href=\"{}\"></head><body><main id=\"main\" class=\"col page\"><div class=\"empty\"><h1>{title}</h1>\
         <p>{text}</p></div>{again}</main></body></html>",
        app.assets.url("main.css")
    )
}

fn form(l: Language, path: &str, fields: &[(String, String)]) -> String {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| match &**name {
            "text" => format!(
                "<label for=\"text\">{}</label><textarea class=\"in\" id=\"text\" name=\"text\" rows=\"4\">{}</textarea>",
                t!(l, error.busy_kept),
                escaped(value)
            ),
            _ => format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)),
        })
        .collect();
    format!("<form class=\"write\" method=\"post\" action=\"{}\">{inputs}<button class=\"btn wide\">{}</button></form>", escaped(path), t!(l, error.busy_send))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_send_goes_before_what_they_read_and_that_before_what_can_wait() {
        let of = |method: Method, address: &str| {
            let (path, query) = address.split_once('?').unwrap_or((address, ""));
            urgency(&method, path, query)
        };
        for address in ["/q/7KQM4T2X", "/c/1", "/inbox/1", "/sign-in"] {
            assert_eq!(of(Method::POST, address), Some(Urgency::Vital), "{address}");
        }
        assert_eq!(of(Method::GET, "/q/7KQM4T2X"), Some(Urgency::First));
        for address in ["/", "/c/1", "/inbox", "/inbox/1", "/inbox?fragment=list&open=1"] {
            assert_eq!(of(Method::GET, address), Some(Urgency::Usual), "{address}");
        }
        assert_eq!(of(Method::POST, "/c/1/seen"), Some(Urgency::Usual));
        for address in ["/c/1?before=100", "/inbox?q=x", "/inbox?closed=1", "/inbox?after=1", "/admin/units"] {
            assert_eq!(of(Method::GET, address), Some(Urgency::Spare), "{address}");
        }
        for address in ["/up", "/static/1/main.css"] {
            assert_eq!(of(Method::GET, address), None, "{address}");
        }
    }
}
