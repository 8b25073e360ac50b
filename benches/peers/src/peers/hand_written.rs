//! What one writes by hand, with care: tower-http's `AsyncRequireAuthorization` around moka.
//!
//! It has what can be had for a line each: one client for all calls, a time limit, one call for many
//! requests (`try_get_with`), a status that tells a bad token from an outage, and the token's end. The
//! token itself is the key, since that is what one writes. Nothing remembers bad tokens.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::body::Body;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use moka::future::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use tower::Layer;
use tower_http::auth::AsyncRequireAuthorizationLayer;

use super::{Guard, Means, Peer, Request, Response, Shape, Starting, handler};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "by hand (tower-http, moka)",
    packages: &["tower-http", "moka"],
    means: Means::CachedIntrospection,
    shape: Shape::Layer,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let auth = Arc::new(Auth {
            cache: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(300))
                .build(),
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(2))
                .build()?,
            target,
        });
        let layer = AsyncRequireAuthorizationLayer::new(move |mut request: Request| {
            let auth = Arc::clone(&auth);
            async move {
                // A copy: a body is not `Sync`, so nothing of the request can be held on to.
                let token = bearer(request.headers()).map(str::to_owned);
                let claims = match token {
                    Some(token) => auth.claims(token).await,
                    None => Err(StatusCode::UNAUTHORIZED),
                };
                request.extensions_mut().insert(claims.map_err(reject)?);
                Ok::<_, Response>(request)
            }
        });
        let guard: Box<dyn Guard> = Box::new(layer.layer(handler()));
        Ok(guard)
    })
}

struct Auth {
    cache: Cache<String, Arc<Claims>>,
    client: reqwest::Client,
    target: Target,
}

/// What the server says of a good token.
#[derive(Deserialize)]
struct Claims {
    active: bool,
    exp: Option<u64>,
    #[expect(dead_code, reason = "for the handler")]
    sub: Option<String>,
    #[expect(dead_code, reason = "for the handler")]
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Auth {
    async fn claims(&self, token: String) -> Result<Arc<Claims>, StatusCode> {
        let claims = match self.cache.get(&token).await {
            Some(claims) => claims,
            None => {
                let answer = self.introspect(token.clone());
                let shared = self.cache.try_get_with(token, answer).await;
                shared.map_err(|status| *status)?
            }
        };
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        if claims.exp.is_some_and(|exp| exp <= now.as_secs()) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        Ok(claims)
    }

    async fn introspect(&self, token: String) -> Result<Arc<Claims>, StatusCode> {
        let trouble = |_| StatusCode::SERVICE_UNAVAILABLE;
        let answer = self
            .client
            .post(format!("{}/oauth/token_info", self.target.url))
            .basic_auth(&self.target.client_id, Some(&self.target.client_secret))
            .form(&[("token", token)])
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(trouble)?;
        let claims: Claims = answer.json().await.map_err(trouble)?;
        if claims.active {
            Ok(Arc::new(claims))
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

fn reject(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
