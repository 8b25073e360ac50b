//! A plain hyper server, HTTP/1.1 and HTTP/2, without a framework: `GET /health` is open, `GET /me` accepts Clerk's
//! access tokens and returns the claims. With `CLERK_RESOURCE`, `/.well-known/oauth-protected-resource` names the
//! authorization server to clients.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=… cargo run --example hyper
//! ```

use std::{convert::Infallible, env, error::Error, iter, process::ExitCode};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};

type Body = Full<Bytes>;

async fn me(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let json = request
        .extensions()
        .get::<ClerkClaims>()
        .and_then(|claims| serde_json::to_vec(claims).ok());
    Ok(match json {
        Some(json) => {
            let mut response = Response::new(json.into());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        // This happens only without the layer.
        None => plain(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

/// Returns a response that contains only its status.
fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(format!("{status}\n").into());
    *response.status_mut() = status;
    response
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let auth = ClerkAuthLayer::new(ClerkConfig::from_env()?);
    // The layer wraps only this inner service. Requests for open paths do not pass through it.
    let protected = auth.layer(service_fn(me));
    let metadata = auth.authenticator().resource_metadata();
    let app = service_fn(move |request: Request<Incoming>| {
        let (protected, metadata) = (protected.clone(), metadata.clone());
        async move {
            let path = request.uri().path();
            if let Some(metadata) = metadata
                && metadata.paths().any(|its| its == path)
            {
                return metadata.oneshot(request).await;
            }
            match (request.method(), path) {
                (&Method::GET, "/health") => Ok(plain(StatusCode::OK)),
                (&Method::GET, "/me") => protected.oneshot(request).await,
                _ => Ok(plain(StatusCode::NOT_FOUND)),
            }
        }
    });

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // A client that disconnects is not an error of the server.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
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
