//! `POST /view`: language, text size and brightness, kept in cookies.

use crate::{
    form::Posted,
    visit::{LONG, THEMES, VIEWS, Visit, plain_cookie},
};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use model::Language;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Choice {
    language: Option<String>,
    view: Option<String>,
    theme: Option<String>,
    #[serde(default)]
    back: String,
}

pub async fn choose(visit: Visit, Posted(choice): Posted<Choice>) -> Response {
    let mut headers = HeaderMap::new();
    let mut keep = |name: &str, value: Option<&str>| {
        let (value, days) = value.map_or(("", 0), |v| (v, LONG));
        if let Ok(cookie) = HeaderValue::from_str(&plain_cookie(&visit.app, name, value, days)) {
            headers.append(header::SET_COOKIE, cookie);
        }
    };
    if let Some(language) = choice.language.and_then(|l| l.parse::<Language>().ok()) {
        keep("language", Some(language.as_str()));
    }
    if let Some(view) = &choice.view {
        keep("view", VIEWS.into_iter().find(|v| v == view));
    }
    if let Some(theme) = &choice.theme {
        keep("theme", THEMES.into_iter().find(|v| v == theme));
    }
    (headers, Redirect::to(local(&choice.back))).into_response()
}

/// Only a path of our own: `//evil.example` and `/\evil.example` lead elsewhere.
pub fn local(path: &str) -> &str {
    let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.chars().any(char::is_control);
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_way_back_never_leads_to_another_site() {
        assert_eq!(local("/c/1?x=2"), "/c/1?x=2");
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\tx"] {
            assert_eq!(local(elsewhere), "/", "{elsewhere}");
        }
    }
}
