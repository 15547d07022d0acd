//! `POST /c/{id}/seen`: the page says up to which number it has shown the messages, while somebody could see it.

use crate::{
    error::AppError,
    form::Posted,
    visit::{Resident, Visit},
};
use axum::{extract::Path, http::StatusCode};
use domain::conversation;
use model::ConversationId;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    seq: i64,
}

pub async fn seen(visit: Visit, Resident(device): Resident, Path(id): Path<ConversationId>, Posted(shown): Posted<Shown>) -> Result<StatusCode, AppError> {
    conversation::seen(&visit.app.domain, &device, id, shown.seq).await?.ok_or(AppError::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}
