//! Forward authentication: a proxy sends the headers of each request to `/auth`, and decides by the status alone. A
//! 200 contains the caller in `X-Auth-Subject`, `X-Auth-Client` and `X-Auth-Scopes`; a 401 or 403 contains the
//! challenge; an outage is a 503. `GET /health` is open.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=… cargo run --example forward_auth
//! ```
//!
//! The configurations beside this file are complete: `nginx.conf`, `Caddyfile`, `traefik.yaml`, `envoy.yaml`. Each removes
//! the headers of these names that a client sends, also if they are spelled with an underscore: many servers read
//! `X_Auth_Subject` as `X-Auth-Subject`. The server behind the proxy must be reachable only through the proxy.

use std::{env, error::Error, iter, process::ExitCode};

use axum::{
    Router,
    http::{HeaderValue, StatusCode},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tokio::net::TcpListener;
use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};

/// Returns the claims as headers. A claim that is not valid text for a header is a 500, never a pass: a reader of
/// other bytes may misread them.
async fn auth(claims: ClerkClaims) -> Result<impl IntoResponse, StatusCode> {
    let header = |value: &str| match HeaderValue::from_str(value) {
        Ok(header) if value.is_ascii() => Ok(header),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let scopes: Vec<_> = claims.scopes().collect();
    Ok([
        ("x-auth-subject", header(claims.subject())?),
        ("x-auth-client", header(claims.client_id().unwrap_or(""))?),
        ("x-auth-scopes", header(&scopes.join(" "))?),
    ])
}

/// Turns a 400 for malformed credentials into a 401. nginx would make it a 500, with a line in its log.
async fn unauthorized(mut response: Response) -> Response {
    if response.status() == StatusCode::BAD_REQUEST {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response
}

async fn serve() -> Result<(), Box<dyn Error>> {
    // Without `http_status_only`, a caller could request the gRPC form of a rejection, which has the status 200.
    let layer = ClerkAuthLayer::new(ClerkConfig::from_env()?).http_status_only();
    let app = Router::new()
        // nginx sends `GET`; other proxies send the client's method. Envoy appends the client's path.
        .route("/auth", any(auth))
        .route("/auth/", any(auth))
        .route("/auth/{*path}", any(auth))
        .route_layer(layer)
        .route_layer(map_response(unauthorized))
        .route("/health", get(|| async { "ok\n" }));

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
    // An error returned from `main` would be shown with `Debug`, which is not for people.
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
