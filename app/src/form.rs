//! Reading forms, and saying what is wrong with a field.

use crate::{
    components::icon::{Icon, icon},
    error::AppError,
};
use axum::{
    Form,
    extract::{FromRequest, Request, rejection::FormRejection},
    http::header,
    response::Response,
};
use i18n::t;
use leptos::prelude::*;
use model::{
    Language,
    text::{TextError, escaped},
};
use serde::de::DeserializeOwned;

/// A posted form. What no page of ours would send is a bad request.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = AppError;
    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Posted(form)),
            Err(FormRejection::BytesRejection(_)) => Err(AppError::TooLarge),
            Err(_) => Err(AppError::BadRequest),
        }
    }
}

/// What is wrong with a typed text, in the reader's words.
pub fn text_error(l: Language, e: TextError) -> String {
    match e {
        TextError::Empty => t!(l, error.empty),
        TextError::TooLong { limit, length } => t!(l, error.too_long, limit = limit, over = length - limit),
        TextError::TooShort { limit } => t!(l, error.too_short, limit = limit),
        TextError::Control => t!(l, error.control),
        TextError::NotEmail => t!(l, error.not_email),
    }
}

/// The same answer, saying too when it is worth trying again.
pub fn wait(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// What stands in a `<textarea>`: Leptos writes it as it is, so a tag in it would be one of the page's.
pub fn inside(text: &str) -> String {
    escaped(text)
}

/// The line under a field that says what is wrong; `id` is the field's id with `-e`.
pub fn field_error(id: &str, error: Option<String>) -> impl IntoView + use<> {
    let id = format!("{id}-e");
    error.map(|text| view! { <p class="err" id=id>{icon(Icon::Alert)}{text}</p> })
}
