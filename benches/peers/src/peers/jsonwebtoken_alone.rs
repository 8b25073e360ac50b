//! jsonwebtoken and nothing else: what a signature check costs that is read from no key set and handed to nobody.
//!
//! It is no peer where more is asked of one: it has its key from the start, and fetches none.

use std::{future::ready, hint::black_box, sync::Arc};

use axum::body::Body;
use http::{StatusCode, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use tower::service_fn;

use super::{Guard, Means, Peer, Request, Response, Shape, Starting, handle};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "jsonwebtoken alone",
    packages: &["jsonwebtoken"],
    means: Means::Signature,
    shape: Shape::Layer,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let key = DecodingKey::from_rsa_pem(target.public_key.as_bytes())?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[target.url]);
        validation.validate_nbf = true;
        let means = Arc::new((key, validation));
        let guard: Box<dyn Guard> = Box::new(service_fn(move |request: Request| {
            let (key, validation) = &*means;
            let token = bearer(&request);
            let claims = token.and_then(|it| decode::<Claims>(it, key, validation).ok());
            ready(Ok(match black_box(claims) {
                Some(_) => handle(request),
                None => reject(),
            }))
        }));
        Ok(guard)
    })
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?;
    value.to_str().ok()?.strip_prefix("Bearer ")
}

fn reject() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

/// What somebody would want to know of a session.
#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "it is read from the token, as by whoever uses it")]
struct Claims {
    sub: String,
    sid: String,
    iss: String,
    exp: u64,
    o: Option<Organization>,
}

#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Organization {
    id: String,
    slg: Option<String>,
    rol: String,
    per: Option<String>,
    fpm: Option<String>,
}
