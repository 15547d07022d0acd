//! `POST /account/off-duty`: going off duty and coming back.

use super::show::{Typed, page};
use crate::{
    error::AppError,
    form::Posted,
    visit::{SignedIn, Visit},
};
use axum::response::{IntoResponse, Redirect, Response};
use domain::duty::{self, DutyError, Until};
use i18n::t;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Rest {
    /// `next-day`, `at`, `open`, or `now` for coming back.
    until: String,
    #[serde(default)]
    at: String,
}

pub async fn change(visit: Visit, SignedIn(staff): SignedIn, Posted(rest): Posted<Rest>) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    let until = match rest.until.as_str() {
        "now" => {
            duty::back(domain, &staff).await?;
            return Ok(Redirect::to("/account").into_response());
        }
        "next-day" => Some(Until::NextDay),
        "open" => Some(Until::Open),
        "at" => rest.at.trim().parse().ok().map(Until::Wall),
        _ => return Err(AppError::BadRequest),
    };
    let words = match until {
        None => t!(l, account.rest_no_time),
        Some(until) => match duty::rest(domain, &staff, until).await {
            Ok(()) => return Ok(Redirect::to("/account").into_response()),
            Err(DutyError::Past) => t!(l, account.rest_past),
            Err(DutyError::TooFar) => t!(l, account.rest_far),
            Err(DutyError::Store(e)) => return Err(e.into()),
        },
    };
    let mut typed = Typed::default();
    typed.rest = Some((rest.until, rest.at));
    typed.wrong("at", Some(words));
    page(&visit, &staff, typed).await
}
