//! Running the server: the router with its middleware, background work, and a graceful stop.

use crate::{
    assets, commands,
    gate::{self, Gate},
    listen, metrics,
    settings::{Settings, Stop},
};
use app::{
    App,
    routes::{Assets, FORM_LIMIT, routes},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, StatusCode},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{Domain, audit, backup, desk, first_admin, grant, holding, import, leaving, mail, nodes, routing, scan, telling, trial};
use std::{
    fs::{self, File, TryLockError},
    io,
    sync::Arc,
    time::Duration,
};
use tokio::{signal::unix, sync::watch, time};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span, info};

/// How long a mail and whatever else is on its way may take to end after the stop signal.
const LAST_MAIL: Duration = Duration::from_secs(10);

pub async fn serve(settings: &Settings, sample: bool) -> Result<(), Stop> {
    if !assets::are_there() {
        return Err(Stop::Failed("this program was built without style sheets and browser client; run `make site` and build it again".to_owned()));
    }
    let _alone = alone(settings)?;
    if let Some(plan) = &settings.backup {
        fs::create_dir_all(&plan.folder).map_err(|e| Stop::Setting(format!("backup_dir: {} cannot be made: {e}", plan.folder.display())))?;
    }
    let domain = commands::open(settings).await?;
    let listener = listen::socket(settings.addr).await?;
    if !sample || !commands::sample(settings, &domain).await? {
        println!("Linli is at {}", settings.public_url);
    }
    if first_admin::is_needed(&domain).await.map_err(|e| format!("the database cannot be read: {e}"))? {
        println!("There is no admin yet. This link makes the first one, once:\n{}", first_admin::link(&domain));
    }

    let (stop, stopping) = watch::channel(false);
    let app = App {
        domain: domain.clone(),
        assets: Arc::new(Assets { base: assets::base() }),
        trust_proxy: settings.trust_proxy,
        sends_mail: settings.smtp_url.is_some(),
        stopping: stopping.clone(),
    };
    let upkeep = tokio::spawn(upkeep(domain.clone(), stopping.clone()));
    let mut told = stopping.clone();
    let mails = tokio::spawn(mail::run(domain.clone(), settings.mailer().map_err(|e| e.to_string())?, async move {
        let _ = told.wait_for(|s| *s).await;
    }));
    let scheduled = tokio::spawn(send_scheduled(domain.clone(), stopping.clone()));
    let scans = tokio::spawn(write_scans(domain.clone(), stopping.clone()));
    let backups = settings.backup.clone().map(|plan| tokio::spawn(backup::run(domain.clone(), settings.database_url.clone(), plan, stopping.clone())));
    let records = tokio::spawn(audit::look_after(domain.clone(), settings.audit_keep.clone(), settings.anchors(), stopping.clone()));
    let nodes = tokio::spawn(nodes::run(domain.clone(), stopping.clone()));

    let told = async {
        signal().await;
        info!("stopping");
        // Streams end by themselves, then requests are drained, then the last writes are committed.
        let _ = stop.send(true);
    };
    listen::serve(listener, router(app), settings.peers, told).await.map_err(|e| format!("connections cannot be taken: {e}"))?;
    // Also what the last requests counted.
    let last_scans = write_counted(&domain);
    // A mail that is on its way is finished; one that hangs stays in the outbox for the next start. A database may hang too.
    let _ = time::timeout(LAST_MAIL, async { tokio::join!(upkeep, mails, scheduled, records, nodes, scans, last_scans) }).await;
    if let Some(backups) = backups {
        let _ = backups.await;
    }
    domain.db.close().await;
    Ok(())
}

/// One server for a file, until it ends: what one writes, another would not tell those who watch. The lock goes with the process, however it ends.
fn alone(settings: &Settings) -> Result<Option<File>, Stop> {
    let Some(database) = settings.database_file() else { return Ok(None) };
    settings.make_data_dir()?;
    let lock = database.with_added_extension("serving");
    let cannot = |e: io::Error| Stop::Setting(format!("database_url: {} cannot be written: {e}", lock.display()));
    let file = File::create(&lock).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Stop::Failed(format!("{} is being served already; for two servers, use one PostgreSQL", database.display()))),
        Err(TryLockError::Error(e)) => Err(cannot(e)),
    }
}

async fn signal() {
    let terminated = async {
        match unix::signal(unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// What the minute brings: people who leave, holdings and absences that begin or end, who is told of it, forgotten limits, settings whose change on
/// another node was not heard.
async fn upkeep(domain: Domain, mut stopping: watch::Receiver<bool>) {
    let mut minute = time::interval(Duration::from_secs(60));
    minute.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let mut before = domain.now();
    loop {
        tokio::select! {
            _ = minute.tick() => {}
            _ = stopping.wait_for(|s| *s) => break,
        }
        let now = domain.now();
        domain.limits.forget_idle();
        domain.settings.forget();
        domain.hub.forget_unwatched();
        if let Err(e) = import::forget_old(&domain).await {
            tracing::error!(error = %e, "old imports could not be forgotten");
        }
        if let Err(e) = audit::note_repeats(&domain, false).await {
            tracing::error!(error = %e, "repeated refusals could not be recorded");
        }
        // Before anybody's login ends.
        if let Err(e) = holding::keep_needed(&domain).await {
            tracing::error!(error = %e, "whoever is still needed could not be kept");
        }
        if let Err(e) = leaving::end_due(&domain).await {
            tracing::error!(error = %e, "logins could not be ended");
        }
        if let Err(e) = routing::refresh(&domain).await {
            tracing::error!(error = %e, "routing could not be refreshed");
        }
        if let Err(e) = telling::tell_due(&domain).await {
            tracing::error!(error = %e, "open conversations could not be told who answers now");
        }
        if let Err(e) = trial::settle(&domain).await {
            tracing::error!(error = %e, "what a trial held back could not be released");
        }
        if let Err(e) = import::tell_moved(&domain).await {
            tracing::error!(error = %e, "conversations that an import has moved could not be told");
        }
        if let Err(e) = grant::run_out(&domain).await {
            tracing::error!(error = %e, "grants that nobody confirmed could not be ended");
        }
        // Also what no answering post tells: that somebody beside others at a post came or went.
        match holding::wake_begun_and_ended(&domain, before).await {
            Ok(()) => before = now,
            Err(e) => tracing::error!(error = %e, "holdings could not be read"),
        }
    }
    if let Err(e) = audit::note_repeats(&domain, true).await {
        tracing::error!(error = %e, "repeated refusals could not be recorded");
    }
}

/// Sends the replies whose moment has come.
async fn send_scheduled(domain: Domain, mut stopping: watch::Receiver<bool>) {
    let mut ticks = time::interval(Duration::from_secs(5));
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|s| *s) => return,
        }
        if let Err(e) = desk::send_due(&domain).await {
            tracing::error!(error = %e, "scheduled replies could not be sent");
        }
    }
}

/// Writes down every few seconds how often stickers were scanned.
async fn write_scans(domain: Domain, mut stopping: watch::Receiver<bool>) {
    let mut ticks = time::interval(Duration::from_secs(3));
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|s| *s) => return,
        }
        write_counted(&domain).await;
    }
}

async fn write_counted(domain: &Domain) {
    if let Err(e) = scan::write(domain).await {
        tracing::error!(error = %e, "how often stickers were scanned could not be written");
    }
}

/// Everything the server answers.
pub fn router(app: App) -> Router {
    let gate = Gate::new(app.clone());
    router_behind(app, gate)
}

pub fn router_behind(app: App, gate: Gate) -> Router {
    let request_id = HeaderName::from_static("x-request-id");
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let route = request.extensions().get::<MatchedPath>().map_or("none", |p| p.as_str());
            let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or("");
            tracing::info_span!("request", method = %request.method(), route, id)
        })
        .on_response(DefaultOnResponse::new().level(Level::INFO))
        .on_request(|_: &Request, _: &Span| {});
    // Not brotli: for a page made anew each time it costs five times as much and saves a tenth. Static files are packed with it beforehand.
    let compression = CompressionLayer::new().quality(CompressionLevel::Precise(2)).compress_when(
        SizeAbove::new(500)
            .and(NotForContentType::SSE)
            .and(NotForContentType::IMAGES)
            .and(NotForContentType::const_new("application/wasm"))
            .and(NotForContentType::const_new("application/pdf"))
            .and(NotForContentType::const_new("application/zip")),
    );
    let operations = Router::new().route("/up", get(up)).with_state(app.domain.clone()).merge(metrics::router(app.domain.clone()));
    let pages = routes(app).into_router().layer(DefaultBodyLimit::max(FORM_LIMIT)).layer(compression);
    pages.merge(operations).merge(assets::router()).layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(gate, gate::pass))
            .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
            .layer(trace)
            .layer(PropagateRequestIdLayer::new(request_id))
            .layer(CatchPanicLayer::new())
            .layer(middleware::from_fn(metrics::count)),
    )
}

/// Well if records can be read and what people send will be kept.
async fn up(State(domain): State<Domain>) -> Response {
    match domain.is_up().await {
        Ok(()) => "ok\n".into_response(),
        Err(e) => {
            tracing::error!(error = %e, "nothing can be read or kept");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer, or takes nothing\n").into_response()
        }
    }
}
