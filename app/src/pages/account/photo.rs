//! `POST /account/photo` takes a photo or takes it away; `/photo/{staff}/{updated_at}` shows it to everybody while they hold a post.

use super::show::{Typed, page};
use crate::{
    error::AppError,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::{
        Multipart, Path,
        multipart::{MultipartError, MultipartRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::photo::{self, PhotoError, UPLOAD_LIMIT};
use i18n::t;
use model::StaffId;

/// The photo and the form around it.
pub const BODY_LIMIT: usize = UPLOAD_LIMIT + 64 * 1024;

pub async fn show(visit: Visit, Path((staff, updated_at)): Path<(String, String)>) -> Result<Response, AppError> {
    let staff: StaffId = staff.parse().map_err(|_| AppError::NotFound)?;
    let found = photo::shown(&visit.app.domain, staff).await?;
    let photo = found.filter(|p| p.updated_at.0.to_string() == updated_at).ok_or(AppError::NotFound)?;
    // A day only: somebody who has left their post is not shown much longer.
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "public, max-age=86400")];
    Ok((headers, photo.image).into_response())
}

pub async fn save(visit: Visit, SignedIn(staff): SignedIn, form: Result<Multipart, MultipartRejection>) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    let form = form.map_err(|_| AppError::BadRequest)?;
    let words = match read(form).await {
        Err(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => t!(l, account.photo_large),
        Err(_) => return Err(AppError::BadRequest),
        Ok(Upload::Delete) => {
            photo::delete(domain, &staff).await?;
            return Ok(Redirect::to("/account?done=photo").into_response());
        }
        Ok(Upload::Photo(bytes)) if bytes.is_empty() => t!(l, account.photo_none),
        Ok(Upload::Photo(bytes)) => match photo::save(domain, &staff, bytes).await {
            Ok(()) => return Ok(Redirect::to("/account?done=photo").into_response()),
            Err(PhotoError::TooLarge) => t!(l, account.photo_large),
            Err(PhotoError::NotPhoto) => t!(l, account.photo_bad),
            Err(PhotoError::Store(e)) => return Err(e.into()),
        },
    };
    let mut typed = Typed::default();
    typed.wrong("photo", Some(words));
    page(&visit, &staff, typed).await
}

enum Upload {
    Photo(Vec<u8>),
    Delete,
}

async fn read(mut form: Multipart) -> Result<Upload, MultipartError> {
    let mut photo = Vec::new();
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or("").to_owned();
        let bytes = field.bytes().await?;
        match name.as_str() {
            "photo" => photo = bytes.to_vec(),
            "intent" if &bytes[..] == b"delete" => return Ok(Upload::Delete),
            _ => {}
        }
    }
    Ok(Upload::Photo(photo))
}
