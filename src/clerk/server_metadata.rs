//! The instance's own metadata as an authorization server (RFC 8414), which this service can serve to clients that
//! request it at the resource's host.
//!
//! The document is served as Clerk sent it, byte for byte. It is accepted only if it is one JSON object with unique
//! members that names an issuer of the configured instance: this service never vouches for another one.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::document::{CachedDocument, Fetched};
use crate::{
    AuthError, BoxFuture,
    clerk::{
        http::{Endpoint, Upstream},
        instance::Instance,
        response::{object, unexpected, violation},
    },
    token::json::Members,
};

/// The cached metadata.
pub(crate) struct ServerMetadata(CachedDocument<Bytes>);

/// A response that is a JSON object, and the issuer that it names.
struct Read {
    json: Bytes,
    issuer: Option<String>,
}

impl ServerMetadata {
    /// `issuers`: those that the metadata may name. `timeout`: the limit of a fetch.
    pub(crate) fn new(
        instance: &Instance,
        issuers: &[String],
        timeout: Duration,
        upstream: &Upstream,
    ) -> Self {
        let client = Arc::new(upstream.client(Endpoint::AuthorizationServer, decode));
        let endpoint = instance.authorization_server_endpoint();
        let issuers: Arc<[String]> = issuers.into();
        let fetch = move || -> BoxFuture<'static, _> {
            let (client, endpoint) = (Arc::clone(&client), endpoint.clone());
            let issuers = Arc::clone(&issuers);
            Box::pin(async move {
                let Read { json, issuer } = client.get(endpoint, timeout).await?;
                if !issuer.is_some_and(|named| issuers.contains(&named)) {
                    return Err(violation("the metadata has another issuer"));
                }
                Ok(Fetched {
                    document: json,
                    is_fresh: true,
                })
            })
        };
        let (clock, waiters) = (Arc::clone(&upstream.clock), Arc::clone(&upstream.waiters));
        Self(CachedDocument::new(
            Box::new(fetch),
            clock,
            waiters,
            timeout,
        ))
    }

    /// Returns the document without waiting. `None` if it has not been fetched yet: a fetch then begins.
    pub(crate) fn json(&self) -> Option<Bytes> {
        let version = self.0.current()?;
        Some(Bytes::clone(&version.document))
    }

    /// Fetches the document before the first request for it.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        self.0.warm_up().await
    }
}

impl fmt::Debug for ServerMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerMetadata").finish_non_exhaustive()
    }
}

fn decode(response: &Response<Bytes>) -> Result<Read, AuthError> {
    if response.status() != StatusCode::OK {
        return Err(unexpected(response.status()));
    }
    let Members(mut members) = object(response)?;
    let issuer = match members.remove("issuer") {
        Some(Value::String(issuer)) => Some(issuer),
        _ => None,
    };
    Ok(Read {
        json: response.body().clone(),
        issuer,
    })
}
