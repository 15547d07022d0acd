//! `/admin/contact-points/{id}/label.svg`: the whole sticker as a picture that scales.

use super::qr::file;
use crate::{
    error::AppError,
    visit::{AsAdmin, Visit},
};
use axum::{extract::Path, response::Response};
use domain::contact_point;
use model::ContactPointId;

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>) -> Result<Response, AppError> {
    let view = contact_point::view(&visit.app.domain, &admin, id).await?.ok_or(AppError::NotFound)?;
    if view.point.revoked_at.is_some() {
        return Err(AppError::NotFound);
    }
    let body = contact_point::label(&view).map_err(|e| {
        tracing::error!(error = %e, "a label could not be drawn");
        AppError::Internal
    })?;
    Ok(file(body.into_bytes(), "image/svg+xml", &format!("linli-{}-label.svg", view.point.code)))
}
