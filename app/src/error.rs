//! What a request can end in besides a page: one function gives the status, one the words.

use crate::{
    components::icon::{Icon, icon},
    form,
    shell::Page,
    visit::Visit,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use i18n::t;
use leptos::prelude::*;

#[derive(Clone, Debug, thiserror::Error)]
pub enum AppError {
    /// No such page, or not for this caller: the two are not told apart.
    #[error("not found")]
    NotFound,
    #[error("forbidden")]
    Forbidden,
    /// A form that no page of ours sends.
    #[error("bad request")]
    BadRequest,
    /// The request came from another site.
    #[error("cross-site")]
    CrossSite,
    #[error("too large")]
    TooLarge,
    #[error("too many")]
    TooMany { seconds: u64 },
    /// As many files are being uploaded as there is room for.
    #[error("too many uploads")]
    Uploads { seconds: u64 },
    /// The database is out of reach or has no room.
    #[error("away")]
    Away,
    /// Logged where it happened; the request id is in the header `x-request-id`.
    #[error("internal")]
    Internal,
}

/// Seconds after which it is worth asking again.
const AWAY: u64 = 5;

impl From<domain::StoreError> for AppError {
    fn from(e: domain::StoreError) -> AppError {
        tracing::error!(error = %e, "the database failed");
        if e.is_away() { AppError::Away } else { AppError::Internal }
    }
}

impl AppError {
    pub fn status(&self) -> StatusCode {
        match self {
            AppError::NotFound => StatusCode::NOT_FOUND,
            AppError::Forbidden | AppError::CrossSite => StatusCode::FORBIDDEN,
            AppError::BadRequest => StatusCode::BAD_REQUEST,
            AppError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            AppError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            AppError::Uploads { .. } | AppError::Away => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self, visit: &Visit) -> (String, String) {
        let l = visit.language;
        match self {
            AppError::NotFound if visit.staff.is_some() => (t!(l, error.not_found), t!(l, error.not_found_staff_text)),
            AppError::NotFound => (t!(l, error.not_found), t!(l, error.not_found_text)),
            AppError::Forbidden => (t!(l, error.forbidden), t!(l, error.forbidden_text)),
            AppError::BadRequest => (t!(l, error.bad_request), t!(l, error.bad_request_text)),
            AppError::CrossSite => (t!(l, error.cross_site), t!(l, error.cross_site_text)),
            AppError::TooLarge => (t!(l, error.too_large), t!(l, error.too_large_text)),
            AppError::TooMany { seconds } => (t!(l, error.too_many), t!(l, error.too_many_text, seconds = *seconds)),
            AppError::Uploads { seconds } => (t!(l, error.uploads), t!(l, error.uploads_text, seconds = *seconds)),
            AppError::Away => (t!(l, error.away), t!(l, error.away_text)),
            AppError::Internal => (t!(l, error.internal), t!(l, error.internal_text)),
        }
    }

    /// The page for this error, in the reader's language.
    pub fn page(&self, visit: &Visit) -> Response {
        let (title, text) = self.words(visit);
        let home = t!(visit.language, error.home);
        let home_path = if visit.staff.is_some() { "/inbox" } else { "/" };
        let body = view! {
            <main id="main" class="col page"><div class="empty">
                {icon(Icon::Alert)}<h1>{title.clone()}</h1><p>{text}</p><p><a class="btn" href=home_path>{home}</a></p>
            </div></main>
        };
        let page = Page::new(visit, title).status(self.status());
        let page = if let Some(staff) = &visit.staff { page.body_class("at-desk").beside(staff) } else { page };
        let mut response = page.render(body);
        let wait = match self {
            AppError::TooMany { seconds } | AppError::Uploads { seconds } => Some(*seconds),
            AppError::Away => Some(AWAY),
            _ => None,
        };
        // For the gate, which gives back what was written where nothing could be kept.
        response.extensions_mut().insert(self.clone());
        match wait {
            Some(seconds) => form::wait(response, seconds),
            None => response,
        }
    }
}

/// The status alone, with the error attached: the policy layer, which knows the reader, makes the page of it.
impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
