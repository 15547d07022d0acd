//! A form with a table in it, taken in piece by piece.

use crate::{error::AppError, visit::Visit};
use axum::{
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
};
use domain::import::{Upload, read::FILE_LIMIT};
use std::{collections::HashMap, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time};

/// More than any file that is taken: whoever sends a larger one still hears why it is not.
pub const BODY_LIMIT: usize = 4 * FILE_LIMIT;

/// How long somebody waits for others to have uploaded, and after how long it is worth trying again.
const PATIENCE: Duration = Duration::from_secs(5);
const LATER_SECONDS: u64 = 20;

pub struct Form {
    pub fields: HashMap<String, String>,
    /// `None` if it is too large.
    pub upload: Option<Upload>,
    /// Held as long as the file is.
    _place: OwnedSemaphorePermit,
}

impl Form {
    pub async fn read(visit: &Visit, request: Request) -> Result<Form, AppError> {
        let places = visit.app.domain.imports.uploads.clone();
        let place = time::timeout(PATIENCE, places.acquire_owned()).await.ok().and_then(Result::ok);
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| AppError::BadRequest)?;
        let Some(place) = place else {
            pass_over(form).await?;
            return Err(AppError::Uploads { seconds: LATER_SECONDS });
        };
        let mut read = Form { fields: HashMap::new(), upload: Some(Upload { file_name: String::new(), bytes: Vec::new() }), _place: place };
        loop {
            match form.next_field().await {
                Ok(None) => return Ok(read),
                Ok(Some(field)) if field.name() == Some("file") => {
                    let file_name = field.file_name().unwrap_or_default().to_owned();
                    read.upload = file(field).await?.map(|bytes| Upload { file_name, bytes });
                }
                Ok(Some(field)) => {
                    let name = field.name().unwrap_or_default().to_owned();
                    read.fields.insert(name, field.text().await.map_err(unreadable)?);
                }
                Err(e) => return Err(unreadable(e)),
            }
        }
    }

    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Reads to the end and keeps nothing, so that the answer finds a browser that listens.
async fn pass_over(mut form: Multipart) -> Result<(), AppError> {
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        while field.chunk().await.map_err(unreadable)?.is_some() {}
    }
    Ok(())
}

/// What is too large is read to its end and kept nowhere, so that the answer finds a browser that listens.
async fn file(mut field: Field<'_>) -> Result<Option<Vec<u8>>, AppError> {
    let mut bytes = Some(Vec::new());
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        bytes = bytes.filter(|bytes| bytes.len() + chunk.len() <= FILE_LIMIT);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}

fn unreadable(e: MultipartError) -> AppError {
    if e.status() == StatusCode::PAYLOAD_TOO_LARGE { AppError::TooLarge } else { AppError::BadRequest }
}
