//! A form with a table in it, taken in piece by piece.

use crate::error::AppError;
use axum::{
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
};
use domain::import::{Upload, read::FILE_LIMIT};
use std::collections::HashMap;

/// More than any file that is taken: whoever sends a larger one still hears why it is not.
pub const BODY_LIMIT: usize = 4 * FILE_LIMIT;

pub struct Form {
    pub fields: HashMap<String, String>,
    /// `None` if it is too large.
    pub upload: Option<Upload>,
}

impl Form {
    pub async fn read(request: Request) -> Result<Form, AppError> {
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| AppError::BadRequest)?;
        let mut read = Form { fields: HashMap::new(), upload: Some(Upload { file_name: String::new(), bytes: Vec::new() }) };
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
