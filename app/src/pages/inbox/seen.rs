//! `POST /inbox/{id}/seen`: the page says up to which number it has shown the messages, while somebody could see it.

use crate::{
    error::AppError,
    form::Posted,
    visit::{SignedIn, Visit},
};
use axum::{extract::Path, http::StatusCode};
use domain::desk;
use model::ConversationId;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    seq: i64,
}

pub async fn seen(visit: Visit, SignedIn(staff): SignedIn, Path(id): Path<ConversationId>, Posted(shown): Posted<Shown>) -> Result<StatusCode, AppError> {
    desk::seen(&visit.app.domain, &staff, id, shown.seq).await?.ok_or(AppError::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}
