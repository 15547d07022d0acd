//! Lets in what can be answered soon and turns the rest away at once, the least urgent first: when everybody comes at the same moment, first
//! messages and answers go through, and history, search and figures wait. Also keeps one address from taking the place of all others.

use crate::{
    busy::{Unanswered, Why},
    places::{self, Place, Places},
};
use app::{App, error::AppError, routes::FORM_LIMIT};
use axum::{
    body::{Body, Bytes, HttpBody as _, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{FutureExt, StreamExt};
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time,
};
use tokio_util::task::AbortOnDropHandle;

/// From what is let in last of all to be turned away, to what gives way first.
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

/// How many requests may be answered at the same moment while one more of each urgency is let in. At five thousand messages a
/// second the last of two thousand waits less than half a second.
const LIMITS: [usize; 4] = [2048, 256, 128, 32];

/// What can wait is answered by so few at a time that it leaves the database to the others; the rest of it stands in line.
const SPARE_AT_ONCE: usize = 2;
/// Pages that are being made at the same moment; who sends something does not wait for them. Those who wait cost nothing, so that whoever is
/// turned away hears it soon.
const PAGES_AT_ONCE: usize = 16;
/// Passwords that are looked at, or in line for it, as one. Each takes a processor for a while, and at eight in the morning everybody signs in:
/// the others wait outside, where they take no message's place.
const SIGN_INS_AT_ONCE: usize = 4;
/// Forms that are on their way at the same moment, each of [`FORM_LIMIT`] bytes at most.
const FORMS_AT_ONCE: usize = 2048;
/// Streams that begin at the same moment. The others wait: thousands come back at once after a restart, and a browser does not ask again for
/// a stream that was refused.
const STREAMS_AT_ONCE: usize = 16;

/// Not every one that is turned away has a line in the log.
const SAID: Duration = Duration::from_secs(10);

/// Requests being answered now.
#[derive(Clone)]
pub struct Gate {
    app: App,
    /// The threads on which requests are answered. Connections have others ([`crate::listen`]), so that whoever is turned away costs those who were let in
    /// as little as possible.
    answering: Handle,
    inside: Arc<AtomicUsize>,
    places: Places,
    /// Of those whose form has not arrived yet, and of streams.
    arriving: Places,
    held: Places,
    /// How many were turned away since the log last said so.
    turned_away: Arc<Mutex<(u64, Option<Instant>)>>,
    limits: [usize; 4],
    spare: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    forms: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
}

impl Gate {
    pub fn new(app: App) -> Gate {
        Gate::with_limits(app, LIMITS)
    }

    /// With room for so many, as each of [`Urgency`].
    pub fn with_limits(app: App, limits: [usize; 4]) -> Gate {
        let line = |places| Arc::new(Semaphore::new(places));
        Gate {
            app,
            answering: Handle::current(),
            inside: Arc::default(),
            places: Places::of_one_address(places::INSIDE),
            arriving: Places::of_one_address(places::ARRIVING),
            held: Places::of_one_address(places::STREAMS),
            turned_away: Arc::default(),
            limits,
            spare: line(SPARE_AT_ONCE),
            pages: line(PAGES_AT_ONCE),
            streams: line(STREAMS_AT_ONCE),
            forms: line(FORMS_AT_ONCE),
            sign_ins: line(SIGN_INS_AT_ONCE),
        }
    }

    fn refused(&self, why: &'static str, response: Response) -> Response {
        metrics::counter!("linli_refused_total", "why" => why).increment(1);
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        turned_away.0 += 1;
        if turned_away.1.is_none_or(|said| said.elapsed() >= SAID) {
            tracing::warn!(count = turned_away.0, "more requests than can be answered: some were turned away");
            *turned_away = (0, Some(Instant::now()));
        }
        response
    }

    fn is_full(&self, urgency: Urgency) -> bool {
        self.inside.load(Ordering::Relaxed) >= self.limits[urgency as usize]
    }

    /// What comes of it where requests are answered; `None` if it failed there. It ends when nobody waits for it any more.
    async fn answered<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        AbortOnDropHandle::new(self.answering.spawn(work)).await.ok()
    }

    /// On those threads too: a connection to the database belongs to the threads that opened it, and those of connections end first.
    async fn unlimited(&self, request: Request, next: Next) -> Response {
        self.answered(next.run(request)).await.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
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
        _ if path.starts_with("/admin")
            || path.starts_with("/supervision")
            || has("q")
            || has("before")
            || has("after") && path == "/inbox"
            || has("closed") =>
        {
            Urgency::Spare
        }
        _ => Urgency::Usual,
    })
}

pub async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let Some(urgency) = urgency(request.method(), uri.path(), uri.query().unwrap_or("")) else { return gate.unlimited(request, next).await };
    let has_form = !request.body().is_end_stream();
    // Nothing was typed that would be lost, and nothing more has to be known about who asks.
    if gate.is_full(urgency) && !has_form && !is_stream(&request) {
        return gate.refused("busy", Unanswered::of(&request).busy(&gate.app));
    }
    let address = gate.app.address(&request);
    // This machine itself: a proxy that does not say whom it speaks for.
    let is_too_often = !address.is_loopback() && gate.app.domain.limits.request(address).is_err();
    if is_too_often && (!has_form || is_upload(&request)) {
        return gate.refused("address", in_few_words());
    }
    let mut visitor = Visitor { gate, address, urgency, unanswered: Unanswered::of(&request) };
    if is_stream(&request) {
        return visitor.stream(request, next).await;
    }
    // Only staff send files, and who sends one slowly takes nobody's place.
    if is_upload(&request) {
        let answer = visitor.gate.answered(async move { time::timeout(UPLOAD, next.run(request)).await }).await;
        return answer.and_then(Result::ok).unwrap_or_else(|| visitor.unanswered(StatusCode::REQUEST_TIMEOUT, Why::NotArrived));
    }
    let request = match visitor.form(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    if is_too_often {
        return visitor.gate.refused("address", visitor.unanswered(StatusCode::TOO_MANY_REQUESTS, Why::Busy));
    }
    let _at_the_door = match visitor.at_the_door(request.uri().path()).await {
        Ok(turn) => turn,
        Err(refusal) => return refusal,
    };
    visitor.answer(request, next).await
}

/// It may come ten thousand times a second.
fn in_few_words() -> Response {
    let text = "请求太多，请稍后再试。Too many requests: please try again later.\n";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "10")], text).into_response()
}

/// Who asks for something.
struct Visitor {
    gate: Gate,
    address: IpAddr,
    urgency: Urgency,
    /// What they hear if it cannot be answered.
    unanswered: Unanswered,
}

impl Visitor {
    fn unanswered(&self, status: StatusCode, why: Why) -> Response {
        self.unanswered.response(&self.gate.app, status, why)
    }

    fn turned_away(&self, why: &'static str) -> Response {
        self.gate.refused(why, self.unanswered.busy(&self.gate.app))
    }

    async fn stream(&self, request: Request, next: Next) -> Response {
        let Some(place) = self.gate.held.take(self.address, self.urgency) else { return self.turned_away("address") };
        // Never closed, so there is always a turn.
        let _turn = self.gate.streams.acquire().await;
        match self.gate.answered(async move { time::timeout(PATIENCE, next.run(request)).await }).await {
            Some(Ok(stream)) => until_it_ends(stream, place),
            _ => self.unanswered.busy(&self.gate.app),
        }
    }

    /// The request once its form has arrived, if it has one.
    async fn form(&mut self, request: Request) -> Result<Request, Response> {
        if request.body().is_end_stream() {
            return Ok(request);
        }
        let _own_room = self.gate.arriving.take(self.address, self.urgency).ok_or_else(|| self.turned_away("address"))?;
        let _room = self.gate.forms.try_acquire().map_err(|_| self.turned_away("busy"))?;
        let (request, form) = arrived(request).await.map_err(|status| self.unanswered(status, Why::NotArrived))?;
        self.unanswered.form = form;
        Ok(request)
    }

    /// A turn for those whose password is to be looked at.
    async fn at_the_door(&self, path: &str) -> Result<Option<SemaphorePermit<'_>>, Response> {
        if self.urgency != Urgency::Vital || !looks_at_a_password(path) {
            return Ok(None);
        }
        let _own_place_in_line = self.gate.arriving.take(self.address, self.urgency).ok_or_else(|| self.turned_away("address"))?;
        time::timeout(PATIENCE, self.gate.sign_ins.acquire()).await.map(Result::ok).map_err(|_| self.turned_away("busy"))
    }

    /// A turn among all who want a page from the same address. Whoever waits for it takes no place that somebody else could have.
    async fn own_turn(&self, place: &Place) -> Result<Option<OwnedSemaphorePermit>, Response> {
        if !matches!(self.urgency, Urgency::First | Urgency::Usual) {
            return Ok(None);
        }
        time::timeout(PATIENCE, place.turn()).await.map_err(|_| self.turned_away("busy"))
    }

    async fn answer(&self, request: Request, next: Next) -> Response {
        let Some(place) = self.gate.places.take(self.address, self.urgency) else { return self.turned_away("address") };
        let own_turn = match self.own_turn(&place).await {
            Ok(turn) => turn,
            Err(refusal) => return refusal,
        };
        let Some(inside) = self.gate.enter(self.urgency) else { return self.turned_away("busy") };
        let line = match self.urgency {
            Urgency::Vital => None,
            Urgency::First | Urgency::Usual => Some(self.gate.pages.clone()),
            Urgency::Spare => Some(self.gate.spare.clone()),
        };
        let answer = self.gate.answered(async move {
            let _held = (place, own_turn, inside);
            let made = async {
                let _turn = match line {
                    Some(line) => line.acquire_owned().await.ok(),
                    None => None,
                };
                next.run(request).then(whole).await
            };
            time::timeout(PATIENCE, made).await
        });
        match answer.await {
            Some(Ok(response)) if !(is_failure(&response) && self.unanswered.is_message()) => response,
            _ => self.unanswered(StatusCode::SERVICE_UNAVAILABLE, Why::NotKept),
        }
    }
}

/// A page with all of its text, packed: that is work too, and would else be done by whoever sends it. What is made piece by piece, as files and
/// streams are, stays so.
async fn whole(response: Response) -> Response {
    if !has_kind(response.headers(), "text/html") {
        return response;
    }
    let (head, text) = response.into_parts();
    match to_bytes(text, usize::MAX).await {
        Ok(text) => Response::from_parts(head, Body::from(text)),
        Err(e) => {
            tracing::error!(error = %e, "a page could not be packed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn is_failure(response: &Response) -> bool {
    response.status() == StatusCode::INTERNAL_SERVER_ERROR || matches!(response.extensions().get(), Some(AppError::Away))
}

/// A stream keeps its place as long as it is read.
fn until_it_ends(stream: Response, place: Place) -> Response {
    stream.map(|body| {
        Body::from_stream(body.into_data_stream().inspect(move |_| {
            let _held = &place;
        }))
    })
}

fn is_stream(request: &Request) -> bool {
    request.method() == Method::GET && request.uri().path().ends_with("/live")
}

fn is_upload(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::POST && (path.starts_with("/account/") || path.starts_with("/admin/")) && has_kind(request.headers(), "multipart/form-data")
}

/// Signing in, and setting the first password by a link.
fn looks_at_a_password(path: &str) -> bool {
    path == "/sign-in" || path.starts_with("/invitation/") || path.starts_with("/first/")
}

fn has_kind(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|given| given.as_bytes().starts_with(kind.as_bytes()))
}

/// A form has to arrive within this time, and its answer within this time after that.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file has to arrive within this time: the 32 megabytes of the largest register over 900 kbit/s.
const UPLOAD: Duration = Duration::from_secs(300);

/// The request with all that was sent, so that who sends slowly takes nobody's place; and the form, if it is one.
async fn arrived(request: Request) -> Result<(Request, Bytes), StatusCode> {
    let (head, body) = request.into_parts();
    let body = time::timeout(PATIENCE, collected(body)).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    let form = if has_kind(&head.headers, "application/x-www-form-urlencoded") { body.clone() } else { Bytes::new() };
    Ok((Request::from_parts(head, Body::from(body)), form))
}

/// What comes after the limit is read and let go, up to this: whoever is cut off while they send never sees the answer.
const LET_GO: usize = 16 << 20;

async fn collected(body: Body) -> Result<Bytes, StatusCode> {
    let (mut pieces, mut kept, mut length) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        length += piece.len();
        if length <= FORM_LIMIT {
            kept.extend_from_slice(&piece);
        } else if length > LET_GO {
            break;
        }
    }
    if length > FORM_LIMIT { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(kept.into()) }
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
        for address in ["/c/1?before=100", "/inbox?q=x", "/inbox?closed=1", "/inbox?after=1", "/admin/units", "/supervision", "/supervision/posts/1"] {
            assert_eq!(of(Method::GET, address), Some(Urgency::Spare), "{address}");
        }
        for address in ["/up", "/static/1/main.css"] {
            assert_eq!(of(Method::GET, address), None, "{address}");
        }
    }
}
