//! Ending sessions: this one, one of mine elsewhere, all of mine elsewhere.

use crate::{
    error::AppError,
    visit::{SESSION, SignedIn, Visit, secret_cookie},
};
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::session::{self, SessionError};
use model::SessionId;

pub async fn sign_out(visit: Visit, SignedIn(staff): SignedIn) -> Result<Response, AppError> {
    session::sign_out(&visit.app.domain, &staff).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    if let Ok(cookie) = HeaderValue::from_str(&secret_cookie(&visit.app, SESSION, "", 0)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub async fn end(visit: Visit, SignedIn(staff): SignedIn, Path(id): Path<String>) -> Result<Response, AppError> {
    let id: SessionId = id.parse().map_err(|_| AppError::NotFound)?;
    match session::end(&visit.app.domain, &staff, id).await {
        Ok(()) => Ok(Redirect::to("/account#sessions").into_response()),
        Err(SessionError::NotFound) => Err(AppError::NotFound),
        Err(SessionError::Store(e)) => Err(e.into()),
    }
}

pub async fn end_others(visit: Visit, SignedIn(staff): SignedIn) -> Result<Response, AppError> {
    session::end_others(&visit.app.domain, &staff).await?;
    Ok(Redirect::to("/account#sessions").into_response())
}
