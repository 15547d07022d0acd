//! Staff signing in and out, and their sessions.

mod end;
mod forgotten;
mod new;

pub use new::onward;

use crate::{
    error::AppError,
    routes::{App, Policy, Routes},
    visit::{SESSION, Visit, secret_cookie, secret_of},
};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use domain::{
    session::DAYS,
    sign_in::{Browser, SignedIn},
};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/sign-in", Policy::Public, new::show)
        .post("/sign-in", Policy::Public, new::sign_in)
        .get("/sign-in/forgotten", Policy::Public, forgotten::show)
        .post("/sign-in/forgotten", Policy::Public, forgotten::ask)
        .post("/sign-out", Policy::SigningIn, end::sign_out)
        .post("/account/sessions/{id}/end", Policy::Staff, end::end)
        .post("/account/sessions/end", Policy::Staff, end::end_others)
}

/// The cookie of a browser that has signed in before. Browsers keep none for longer than 400 days.
const KNOWN: &str = "known";
const KNOWN_DAYS: i64 = 400;

/// What a request tells of the browser behind it; kept while the use case borrows from it.
pub struct Brought {
    agent: String,
    known: Option<String>,
    session: Option<String>,
}

impl Brought {
    pub fn read(app: &App, headers: &HeaderMap) -> Brought {
        let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
        Brought { agent: agent.chars().take(400).collect(), known: secret_of(app, headers, KNOWN), session: secret_of(app, headers, SESSION) }
    }

    /// Who has signed in here before, as the browser's cookie says.
    pub fn known(&self) -> Option<String> {
        self.known.clone()
    }

    pub fn browser(&self, visit: &Visit) -> Browser<'_> {
        Browser { address: visit.address, agent: &self.agent, known: self.known.as_deref(), session: self.session.as_deref() }
    }
}

/// Puts the session and the browser's being known into its cookies.
pub fn keep(app: &App, signed_in: &SignedIn, mut response: Response) -> Result<Response, AppError> {
    let cookies = [secret_cookie(app, SESSION, &signed_in.key, DAYS), secret_cookie(app, KNOWN, &signed_in.known, KNOWN_DAYS)];
    for cookie in cookies {
        let value = HeaderValue::from_str(&cookie).map_err(|_| AppError::Internal)?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}
