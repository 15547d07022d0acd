//! `/admin/audit/export`: entries as a file, written while it is read.

use super::{
    list::{self, Wanted},
    words,
};
use crate::{
    error::AppError,
    form::Posted,
    visit::{AsAuditor, Visit},
};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::{
    Auditor,
    audit::{self, Asked, Found},
    row::AuditLine,
};
use futures::{FutureExt, stream};
use i18n::t;
use model::Language;
use serde_json::json;
use std::io;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

pub async fn take(visit: Visit, AsAuditor(auditor): AsAuditor, Posted(query): Posted<Wanted>) -> Result<Response, AppError> {
    let format = if query.format == "jsonl" { Format::JsonLines } else { Format::Csv };
    let (word, kind) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::JsonLines => ("jsonl", "application/jsonl; charset=utf-8"),
    };
    let asked = match query.asked() {
        Ok(asked) => Asked { before: None, ..asked },
        Err(mistakes) => return list::page(&visit, &auditor, &query, Err(mistakes)).await,
    };
    let asked = audit::export(&visit.app.domain, &auditor, &asked, word).await?.ok_or(AppError::NotFound)?;
    let day = visit.now.timestamp().strftime("%Y%m%d");
    // Read where requests are answered; the connection only sends what comes of it.
    let answering = Handle::current();
    let next = move |reading| AbortOnDropHandle::new(answering.spawn(read(reading))).map(|read| read.map_err(io::Error::other).flatten());
    let mut response = Body::from_stream(stream::try_unfold(Some(Reading::begin(visit, auditor, asked, format)), next)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"linli-audit-{day}.{word}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// An export on its way.
struct Reading {
    visit: Visit,
    auditor: Auditor,
    asked: Asked,
    format: Format,
    is_first: bool,
}

impl Reading {
    fn begin(visit: Visit, auditor: Auditor, asked: Asked, format: Format) -> Reading {
        Reading { visit, auditor, asked, format, is_first: true }
    }
}

/// The next piece, and what comes after it.
async fn read(reading: Option<Reading>) -> io::Result<Option<(String, Option<Reading>)>> {
    let Some(mut reading) = reading else { return Ok(None) };
    let found = audit::export_page(&reading.visit.app.domain, &reading.auditor, &reading.asked).await.map_err(|e| {
        tracing::error!(error = %e, "an export was broken off");
        io::Error::other("broken off")
    })?;
    // The unit is no longer the auditor's.
    let Some(found) = found else { return Err(io::Error::other("broken off")) };
    let l = reading.visit.language;
    let mut text = if reading.is_first && reading.format == Format::Csv { head(l) } else { String::new() };
    for line in &found.lines {
        match reading.format {
            Format::Csv => text.push_str(&row(l, &found, line)),
            Format::JsonLines => text.push_str(&object(line)),
        }
    }
    reading.is_first = false;
    let next = found.next.map(|before| Reading { asked: Asked { before: Some(before), ..reading.asked.clone() }, ..reading });
    Ok(Some((text, next)))
}

/// The mark in front is how spreadsheets know that it is UTF-8.
fn head(l: Language) -> String {
    let heads = [
        t!(l, audit.number),
        t!(l, audit.when),
        t!(l, audit.who),
        t!(l, audit.did),
        t!(l, audit.target),
        t!(l, audit.detail),
        t!(l, audit.place),
        t!(l, audit.action),
        t!(l, audit.hash),
    ];
    format!("\u{feff}{}", cells(&heads))
}

fn row(l: Language, found: &Found, line: &AuditLine) -> String {
    let entry = &line.entry;
    cells(&[
        entry.seq.to_string(),
        entry.at.timestamp().to_string(),
        words::who(l, line),
        words::action(l, &entry.action),
        words::target(l, line, &found.names),
        words::detail(l, line, &found.names),
        line.unit_name.clone().unwrap_or_default(),
        entry.action.clone(),
        data_encoding::HEXLOWER.encode(&entry.hash),
    ])
}

fn cells(values: &[String]) -> String {
    let cells: Vec<String> = values.iter().map(|value| cell(value)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front, which spreadsheets show as text.
fn cell(value: &str) -> String {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let plain = if is_formula { format!("'{value}") } else { value.to_owned() };
    if plain.contains([',', '"', '\r', '\n', '\'', ';', '\t']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

/// An entry with everything its hash was made from.
fn object(line: &AuditLine) -> String {
    let entry = &line.entry;
    let object = json!({
        "seq": entry.seq,
        "at": entry.at.0,
        "time": entry.at.timestamp().to_string(),
        "staff": entry.staff_id,
        "staff_name": line.staff_name,
        "unit": entry.unit_id,
        "unit_name": line.unit_name,
        "action": entry.action,
        "target": entry.target,
        "detail": entry.detail,
        "previous_hash": data_encoding::HEXLOWER.encode(&entry.previous_hash),
        "hash": data_encoding::HEXLOWER.encode(&entry.hash),
    });
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("＝HYPERLINK(\"x\")"), "\"'＝HYPERLINK(\"\"x\"\")\"");
        for start in ["+", "-", "@", "\t", "\r"] {
            assert!(cell(&format!("{start}cmd")).trim_start_matches('"').starts_with('\''), "{start:?}");
        }
        assert_eq!(cell("王芳"), "王芳");
        assert_eq!(cell("a,b"), "\"a,b\"");
    }
}
