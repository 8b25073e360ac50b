//! An axum server: `GET /health` is open, `GET /me` accepts Clerk's access tokens and returns the claims. With
//! `CLERK_RESOURCE`, `/.well-known/oauth-protected-resource` names the authorization server to clients. Scripts of
//! every origin may call the server.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=… cargo run --example axum
//! ```

use std::{env, error::Error, iter, process::ExitCode};

use axum::{
    Json, Router,
    http::{
        Method,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    routing::get,
};
use tokio::net::TcpListener;
use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};
use tower_http::cors::{Any, CorsLayer};

async fn me(claims: ClerkClaims) -> Json<ClerkClaims> {
    Json(claims)
}

/// The CORS layer, outside of the authentication: a browser sends its preflight request without a token.
fn cors() -> CorsLayer {
    CorsLayer::new()
        // Any origin is safe: a browser adds no bearer token by itself, so a page has to add one itself.
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION])
        // Otherwise a script cannot read the challenge, which explains a rejection.
        .expose_headers([WWW_AUTHENTICATE])
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let auth = ClerkAuthLayer::new(ClerkConfig::from_env()?);
    let metadata = auth.authenticator().resource_metadata();
    let mut app = Router::new()
        .route("/me", get(me))
        // Protects the routes above it. Unlike `layer`, it keeps the 404 of paths that do not exist.
        .route_layer(auth)
        .route("/health", get(|| async { "ok\n" }))
        .layer(cors());
    // A `route_layer` does not see requests for the metadata, which are open to every origin anyway.
    if let Some(metadata) = metadata {
        app = app.merge(metadata.router());
    }

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
