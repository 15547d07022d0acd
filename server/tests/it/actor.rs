//! Somebody with a browser: cookies, headers, forms.

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::ConnectInfo,
    http::{Request, StatusCode, header},
};
use futures::StreamExt;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tower::ServiceExt;

#[derive(Clone)]
pub struct Actor {
    router: Router,
    cookies: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
}

pub struct Page {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Actor {
    pub fn new(router: Router) -> Actor {
        let headers = [("accept-language", "zh-CN"), ("sec-fetch-site", "same-origin")];
        Actor { router, cookies: BTreeMap::new(), headers: headers.into_iter().map(|(k, v)| (k.into(), v.into())).collect() }
    }

    pub fn cookie(&self, name: &str) -> &str {
        &self.cookies[name]
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.into(), value.into());
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut builder = Request::builder().method(method).uri(path).extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4000))));
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if cookies.is_empty() { builder } else { builder.header(header::COOKIE, cookies.join("; ")) }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body.join("&"))).unwrap();
        self.send(request).await
    }

    /// Posts what a script sends.
    pub async fn post_json(&mut self, path: &str, body: &serde_json::Value) -> Page {
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap();
        self.send(request).await
    }

    /// Posts a form with a file in its field `name`.
    pub async fn upload(&mut self, path: &str, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Page {
        let mut body = Vec::new();
        for (field, value) in fields {
            body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").into_bytes());
        }
        body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"file\"\r\n\r\n").into_bytes());
        body.extend(file);
        body.extend(b"\r\n--edge--\r\n");
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge").body(Body::from(body)).unwrap();
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Body>) -> Page {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = value.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        // A live stream has no end to wait for.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "text/event-stream");
        let bytes = if is_stream { Default::default() } else { axum::body::to_bytes(body, 10 << 20).await.unwrap() };
        Page { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub async fn head(&mut self, path: &str) -> Page {
        let request = self.request("HEAD", path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    /// Begins to read what comes, and stops when it is dropped.
    pub async fn open(&self, path: &str) -> BodyDataStream {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream()
    }

    /// Opens a live stream; `None` when it is refused.
    pub async fn stream(&self, path: &str) -> Option<Stream> {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "text/event-stream");
        is_stream.then(|| Stream { body: response.into_body().into_data_stream(), text: String::new() })
    }
}

/// A live stream being read.
pub struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    /// Reads until the stream has said `what`; the text so far, or a failure after five seconds or at the end of the stream.
    pub async fn until(&mut self, what: &str) -> String {
        while !self.text.contains(what) {
            let next = tokio::time::timeout(Duration::from_secs(5), self.body.next()).await;
            match next {
                Ok(Some(Ok(bytes))) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                other => panic!("the stream did not say {what:?} but {:?} ({other:?})", self.text),
            }
        }
        std::mem::take(&mut self.text)
    }

    /// Whether the stream ends within five seconds.
    pub async fn ends(&mut self) -> bool {
        let drain = async { while self.body.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(5), drain).await.is_ok()
    }
}

impl Page {
    pub fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    /// The value of the first field with this name.
    pub fn field(&self, name: &str) -> String {
        let at = self.body.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        let rest = &self.body[at..];
        let rest = &rest[rest.find("value=\"").unwrap() + 7..];
        rest[..rest.find('"').unwrap()].to_owned()
    }

    #[track_caller]
    pub fn has(&self, text: &str) -> &Page {
        assert!(self.body.contains(text), "{text:?} is missing in {}", self.body);
        self
    }

    #[track_caller]
    pub fn has_not(&self, text: &str) -> &Page {
        assert!(!self.body.contains(text), "{text:?} is in {}", self.body);
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Page {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
