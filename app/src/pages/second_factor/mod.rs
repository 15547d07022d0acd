//! The second factor: showing it at sign-in, setting it up, and passkeys.

mod codes;
pub mod first;
mod passkey;
mod section;
mod set_up;
mod step;

pub use passkey::sign_in_form;
pub use section::section;

use crate::{
    error::AppError,
    routes::{App, Policy, Routes, encode},
    visit::{secret_name, short_secret_cookie},
};
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::second_factor::TICKET_MINUTES;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/sign-in/second", Policy::Public, step::show)
        .post("/sign-in/second", Policy::Public, step::sign_in)
        .post("/sign-in/passkey/begin", Policy::Public, passkey::begin_signing_in)
        .post("/sign-in/passkey", Policy::Public, passkey::sign_in)
        .get("/account/second-factor", Policy::SigningIn, set_up::show)
        .post("/account/second-factor", Policy::SigningIn, set_up::change)
        .post("/account/passkeys/begin", Policy::SigningIn, passkey::begin_adding)
        .post("/account/passkeys", Policy::SigningIn, passkey::add)
}

/// The cookie between the two steps of signing in.
const TICKET: &str = "ticket";

/// The password was right: on to the second step.
pub fn ask(app: &App, ticket: &str, back: &str) -> Result<Response, AppError> {
    let mut response = Redirect::to(&format!("/sign-in/second?back={}", encode(back))).into_response();
    let cookie = short_secret_cookie(app, TICKET, ticket, TICKET_MINUTES);
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(|_| AppError::Internal)?);
    Ok(response)
}

/// The second step is done.
fn without_ticket(app: &App, mut response: Response) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(&short_secret_cookie(app, TICKET, "", 0)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn ticket_of(app: &App, headers: &axum::http::HeaderMap) -> Option<String> {
    let jar = axum_extra::extract::cookie::CookieJar::from_headers(headers);
    jar.get(&secret_name(app, TICKET)).map(|c| c.value().to_owned())
}
