//! The page of a request that is not answered: it says why, comes back by itself, and keeps what was written.

use app::{App, visit};
use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use i18n::t;
use model::{Language, text::escaped};
use url::form_urlencoded;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// More people than can be answered.
    Busy,
    /// The form was too slow, or too long.
    NotArrived,
    /// The database does not take anything, or too slowly.
    NotKept,
}

pub struct Unanswered {
    language: Language,
    is_island: bool,
    is_post: bool,
    path: String,
    /// What was sent, once it has arrived.
    pub form: Bytes,
}

impl Unanswered {
    pub fn of(request: &Request) -> Unanswered {
        Unanswered {
            language: visit::language_of(request.headers()),
            is_island: request.headers().get(header::ACCEPT).is_some_and(|a| a == "text/plain"),
            is_post: request.method() == Method::POST,
            path: request.uri().path().to_owned(),
            form: Bytes::new(),
        }
    }

    pub fn is_message(&self) -> bool {
        self.message().is_some()
    }

    pub fn busy(&self, app: &App) -> Response {
        self.response(app, StatusCode::SERVICE_UNAVAILABLE, Why::Busy)
    }

    pub fn response(&self, app: &App, status: StatusCode, why: Why) -> Response {
        let [chance] = app.domain.random.bytes::<1>();
        // Not all at once again.
        let seconds = 2 + i64::from(chance % 5);
        let mut response = if self.is_island {
            // Without a word: the island keeps the message and sends it again by itself.
            status.into_response()
        } else {
            (status, Html(self.page(app, seconds, why))).into_response()
        };
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The fields of a message. Of any other form, with a password perhaps, nothing is sent back.
    fn message(&self) -> Option<Vec<(String, String)>> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(&self.form).into_owned().collect();
        let is_message = fields.iter().any(|(name, _)| name == "text") && fields.iter().all(|(name, _)| matches!(&**name, "text" | "key" | "csrf" | "intent"));
        is_message.then_some(fields)
    }

    fn page(&self, app: &App, seconds: i64, why: Why) -> String {
        let (l, path) = (self.language, self.path.as_str());
        let title = match why {
            Why::NotKept if self.is_post => t!(l, error.not_kept),
            Why::NotArrived => t!(l, error.not_arrived_title),
            _ => t!(l, error.busy),
        };
        let text = match why {
            Why::NotKept if self.is_post => t!(l, error.not_kept_text),
            Why::NotArrived => t!(l, error.not_arrived),
            _ if self.is_post => t!(l, error.busy_send_text),
            _ => t!(l, error.busy_text, seconds = seconds),
        };
        let again = match self.message() {
            Some(fields) => form(l, path, &fields),
            // What was typed is on the page before.
            None if why == Why::NotArrived => String::new(),
            None => format!("<p><a class=\"btn\" href=\"{}\">{}</a></p>", escaped(path), t!(l, error.busy_again)),
        };
        // A page that is looked at again by itself; what was typed stays where it is.
        let refresh = if self.is_post { String::new() } else { format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">") };
        format!(
            "<!DOCTYPE html><html lang=\"{l}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{refresh}\
             <title>{title}</title><link rel=\"stylesheet\" href=\"{}\"></head><body><main id=\"main\" class=\"col page\"><div class=\"empty\"><h1>{title}</h1>\
             <p>{text}</p></div>{again}</main></body></html>",
            app.assets.url("main.css")
        )
    }
}

fn form(l: Language, path: &str, fields: &[(String, String)]) -> String {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| match &**name {
            "text" => format!(
                "<label for=\"text\">{}</label><textarea class=\"in\" id=\"text\" name=\"text\" rows=\"4\">{}</textarea>",
                t!(l, error.busy_kept),
                escaped(value)
            ),
            _ => format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)),
        })
        .collect();
    format!("<form class=\"write\" method=\"post\" action=\"{}\">{inputs}<button class=\"btn wide\">{}</button></form>", escaped(path), t!(l, error.busy_send))
}
