//! The static files inside the binary, as they were compressed when they were built.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
#[allow_missing = true]
struct Site;

const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#0f6b4f" fill-rule="evenodd"><path d="M2 14.6 9 7l7 7.6V27H2zM6.4 27h5.2v-6.4a2.6 2.6 0 0 0-5.2 0z"/><path opacity=".55" d="M16 14.6 23 7l7 7.6V27H16zm4.4 12.4h5.2v-6.4a2.6 2.6 0 0 0-5.2 0z"/></svg>"##;

/// So small that it needs no building.
const PASSKEY: &str = include_str!("../../app/script/passkey.js");

/// Whether the style sheets and the browser client are there: `make site` builds them, and a program built before it has none.
pub fn are_there() -> bool {
    ["main.css", "desk.css", "sheet.css", "linli.js", "linli_bg.wasm"].iter().all(|name| Site::get(name).is_some())
}

/// `/static/HASH`, where HASH is of all files together.
pub fn base() -> String {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in PASSKEY.bytes() {
        sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    for name in Site::iter() {
        if let Some(file) = Site::get(&name) {
            // FNV-1a over SHA-256 hashes that rust-embed has already made: only to tell builds apart.
            for byte in file.metadata.sha256_hash() {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    format!("/static/{sum:016x}")
}

pub fn router() -> Router {
    Router::new().route("/static/{hash}/{file}", get(file)).route("/favicon.ico", get(async || icon()))
}

fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

async fn file(Path((_, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let mut response = match name.as_str() {
        "icon.svg" => icon(),
        "passkey.js" => ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], PASSKEY).into_response(),
        _ => embedded(&name, &headers),
    };
    if response.status() == StatusCode::OK {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    response
}

fn embedded(name: &str, headers: &HeaderMap) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
    let accepts = |coding: &str| accepted.split(',').any(|c| c.split(';').next().is_some_and(|c| c.trim() == coding));
    let packed = [("br", "br"), ("gzip", "gz")].into_iter().filter(|(coding, _)| accepts(coding));
    for (coding, ending) in packed {
        if let Some(file) = Site::get(&format!("{name}.{ending}")) {
            let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_ENCODING, coding), (header::VARY, "accept-encoding")];
            return (headers, file.data.into_owned()).into_response();
        }
    }
    match Site::get(name) {
        Some(file) => ([(header::CONTENT_TYPE, kind), (header::VARY, "accept-encoding")], file.data.into_owned()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
