//! An axum server with its metrics: `GET /metrics` for Prometheus, `GET /me` for Clerk's access tokens,
//! `GET /health` and `GET /ready` for probes. `dashboard.json` beside this file is a dashboard for Grafana.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=… cargo run --example prometheus
//! ```
//!
//! In another crate, this needs the feature `metrics` of `tower-clerk`. Restrict access to `/metrics` in the network:
//! it shows the amount of traffic, but nothing about callers.

use std::{env, error::Error, iter, process::ExitCode, time::Duration};

use axum::{Json, Router, http::StatusCode, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};

/// In seconds: from a nearby Clerk to the time limit of one attempt.
const BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0];

async fn me(claims: ClerkClaims) -> Json<ClerkClaims> {
    Json(claims)
}

/// Returns 503 only if the configuration has to change. An outage of Clerk does not count: it would take all replicas
/// out of service at once, even for requests that need no Clerk.
async fn ready(auth: ClerkAuthLayer) -> (StatusCode, &'static str) {
    if auth.authenticator().health().credentials_rejected {
        let why = "Clerk rejects the client id and secret\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why);
    }
    (StatusCode::OK, "ready\n")
}

/// Runs the recorder's clean-up of data that no scrape has fetched.
async fn keep_up(metrics: PrometheusHandle) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    // The recorder comes before the layer: a layer uses the recorder that is installed when it is created.
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    tokio::spawn(keep_up(metrics.clone()));

    let auth = ClerkAuthLayer::new(ClerkConfig::from_env()?);
    let probed = auth.clone();
    let app = Router::new()
        .route("/me", get(me))
        .route_layer(auth)
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(move || ready(probed.clone())))
        .route("/metrics", get(move || async move { metrics.render() }));

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt::init();
    let Err(error) = serve().await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        eprintln!("caused by: {cause}");
    }
    let is_unset = |name| env::var_os(name).is_none();
    if ["CLERK_DOMAIN", "CLERK_PUBLISHABLE_KEY"]
        .into_iter()
        .all(is_unset)
    {
        eprintln!(
            "note: `cargo run --example fake_clerk` starts a fake Clerk and prints the variables to export, such as \
             CLERK_DOMAIN, CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET"
        );
    }
    ExitCode::FAILURE
}
