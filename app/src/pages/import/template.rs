//! `/admin/imports/template/{name}`: empty sheets to fill in.

use crate::{
    error::AppError,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::import::{
    heads::Kind,
    template::{self, csv, xlsx},
};

const ALL: [Kind; 5] = [Kind::Roster, Kind::Units, Kind::Posts, Kind::Staff, Kind::Holdings];

pub async fn show(visit: Visit, AsAdmin(_): AsAdmin, Path(name): Path<String>) -> Result<Response, AppError> {
    let l = visit.language;
    let (stem, end) = name.rsplit_once('.').ok_or(AppError::NotFound)?;
    let kind = ALL.into_iter().find(|kind| kind.as_str() == stem);
    let bytes = match (kind, stem, end) {
        (None, "all", "xlsx") => xlsx(&[Kind::Units, Kind::Posts, Kind::Staff, Kind::Holdings], l).ok_or(AppError::Internal)?,
        (Some(kind), _, "xlsx") => xlsx(&[kind], l).ok_or(AppError::Internal)?,
        (Some(kind), _, "csv") => csv(kind, l),
        _ => return Err(AppError::NotFound),
    };
    let called = kind.map_or(if l == model::Language::Chinese { "导入表格" } else { "Sheets" }, |kind| template::name(kind, l));
    Ok(file(&format!("{called}.{end}"), bytes))
}

/// A file to keep.
pub fn file(name: &str, bytes: Vec<u8>) -> Response {
    let kind = if name.ends_with(".xlsx") { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" } else { "text/csv; charset=utf-8" };
    let disposition = format!("attachment; filename*=UTF-8''{}", crate::routes::encode(name));
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
