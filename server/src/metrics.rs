//! `/metrics` for Prometheus: counts and times by route pattern and status. Only this machine may read it.

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::Domain;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time;

/// Seconds; the upper edges of the histogram's buckets.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

pub fn router(domain: Domain) -> Router {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full("linli_request_seconds".to_owned()), &BUCKETS);
    // A second server in one process, as in tests, shares what the first has set up.
    let handle = builder.map(|b| b.build_recorder()).ok().map(|recorder| {
        let handle = recorder.handle();
        let _ = metrics::set_global_recorder(recorder);
        tokio::spawn(digest(handle.clone()));
        handle
    });
    Router::new().route("/metrics", get(show)).with_state((handle, domain))
}

/// Puts recorded times into their buckets, which otherwise pile up until somebody asks.
async fn digest(handle: PrometheusHandle) {
    let mut ticks = time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

async fn show(State((handle, domain)): State<(Option<PrometheusHandle>, Domain)>, ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap) -> Response {
    // A request that a proxy passed on comes from this machine too, but not from us.
    if !peer.ip().is_loopback() || headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded") {
        return StatusCode::NOT_FOUND.into_response();
    }
    metrics::gauge!("linli_live_watchers").set(domain.hub.watchers() as f64);
    let text = handle.map(|h| h.render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

pub async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |p| p.as_str().to_owned());
    // Anybody may make up a method; each would be a series of its own.
    let method = match *request.method() {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        _ => "other",
    };
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("linli_request_seconds", "route" => route.clone()).record(start.elapsed().as_secs_f64());
    metrics::counter!("linli_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    response
}
