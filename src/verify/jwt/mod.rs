//! Local verification of JWTs, by a key of the instance's key set or by a configured key.
//!
//! Pure functions read the frame (`super::jws`), the keys (`keys`) and the payload (`super::payload`). aws-lc
//! verifies the signature. The rules of `policy` decide about the claims, as for every other token.
//!
//! 1. Checks that need no key come first, so that they cause no fetch: the frame, the kind, the time and the issuer.
//!    Before the signature is verified, the payload can only reject the token.
//! 2. The signature is verified with the cached key set.
//! 3. If that fails, the token may be signed by a key that is newer than the set. The request waits for a set
//!    whose fetch began after the request arrived. Only such a set can show that the token is invalid.

mod keys;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use self::keys::KeySet;
pub(crate) use self::keys::PublicKey;
use super::{Rules, Verify, VerifyRequest, jws::Jws, payload};
use crate::{
    AuthError, AuthErrorKind, BoxFuture, TokenKind,
    clerk::{
        TokenInfo,
        backend_api::KeysEndpoint,
        discovery::Address,
        document::{CachedDocument, Fetch, Fetched, Version},
        http::{Endpoint, Priority, Upstream},
        response::{body, unexpected, violation},
    },
    clock::Clock,
    verify::jws::JwtAlgorithm,
};

/// Verifies JWTs.
pub(crate) struct Local {
    algorithms: Vec<JwtAlgorithm>,
    trust: Trust,
    rules: Arc<Rules>,
    clock: Arc<dyn Clock>,
}

/// The configured keys.
#[derive(Clone)]
pub(crate) enum Keys {
    /// This key, regardless of the key id in a token.
    Key(PublicKey),
    /// The key set at the instance.
    Instance(Address),
    /// The key set at the Backend API.
    BackendApi(KeysEndpoint),
}

/// The trusted keys.
enum Trust {
    /// This key, regardless of the key id in a token.
    Key(PublicKey),
    /// The keys of the instance.
    KeySet(Published),
}

/// The key set that the instance publishes.
struct Published {
    keys: CachedDocument<KeySet>,
}

impl Local {
    /// `timeout`: the limit of a fetch.
    pub(crate) fn new(
        algorithms: Vec<JwtAlgorithm>,
        keys: Keys,
        rules: Arc<Rules>,
        timeout: Duration,
        upstream: &Upstream,
    ) -> Self {
        let published = |fetch| Trust::KeySet(Published::new(fetch, timeout, upstream));
        let trust = match keys {
            Keys::Key(key) => Trust::Key(key),
            Keys::Instance(address) => published(from_instance(address, timeout, upstream)),
            Keys::BackendApi(endpoint) => published(from_backend(endpoint, timeout, upstream)),
        };
        Self {
            algorithms,
            trust,
            rules,
            clock: Arc::clone(&upstream.clock),
        }
    }

    /// Fetches the keys before the first token arrives.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        match &self.trust {
            Trust::Key(_) => Ok(()),
            Trust::KeySet(published) => published.keys.warm_up().await,
        }
    }

    async fn read(
        &self,
        token: &str,
        kind: TokenKind,
        priority: Priority,
    ) -> Result<TokenInfo, AuthError> {
        let jws = Jws::parse(token, &self.algorithms)?;
        // The payload may only reject the token until the signature is verified, below.
        let stated = read_payload(&jws, kind);
        self.precheck(&stated)?;
        match &self.trust {
            Trust::Key(key) => {
                if !key.verifies(jws.algorithm, jws.signed.as_bytes(), &jws.signature) {
                    return Err(AuthErrorKind::InvalidSignature.into());
                }
            }
            Trust::KeySet(published) => published.check(&jws, priority).await?,
        }
        stated
    }

    /// Rejects a token for a reason that needs no key: another kind, a past expiry, or another issuer.
    fn precheck(&self, stated: &Result<TokenInfo, AuthError>) -> Result<(), AuthError> {
        match stated {
            Ok(stated) => {
                let now = self.clock.now().unix_seconds();
                Ok(self.rules.check_end_and_issuer(stated, now)?)
            }
            // An unreadable payload is damaged or forged. Then a bad signature is the reason to report, so it is
            // checked first.
            Err(error) if error.kind() == AuthErrorKind::MalformedToken => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Reads the claims of a token. They have not been verified.
fn read_payload(jws: &Jws<'_>, kind: TokenKind) -> Result<TokenInfo, AuthError> {
    let members = jws.payload()?;
    jws.header.check_kind(&members, kind)?;
    payload::read(members, kind)
        .map_err(|what| AuthError::new(AuthErrorKind::MalformedToken).with_source(Unreadable(what)))
}

impl Verify for Local {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(self.read(
            verification.token().expose(),
            verification.kind(),
            verification.priority,
        ))
    }
}

impl Published {
    fn new(fetch: Fetch<KeySet>, timeout: Duration, upstream: &Upstream) -> Self {
        let (clock, waiters) = (Arc::clone(&upstream.clock), Arc::clone(&upstream.waiters));
        Self {
            keys: CachedDocument::new(fetch, clock, waiters, timeout),
        }
    }

    /// Checks the signature. A set that does not verify it shows nothing unless its fetch began after this check: a
    /// key may be newer than the set, and have the name of an old key.
    async fn check(&self, jws: &Jws<'_>, priority: Priority) -> Result<(), AuthError> {
        let kid = jws.header.kid.as_deref();
        let kid = kid.ok_or(AuthErrorKind::InvalidSignature)?;
        let fetches = self.keys.fetches_begun();
        let mut place = self.keys.place(Some(priority));
        let mut version = self.keys.get(&mut place).await?;
        // Each iteration has a later set. A set whose fetch began after this check is the last one.
        while !verifies(&version, kid, jws) {
            if version.is_after(fetches) {
                return Err(if version.is_fresh {
                    AuthErrorKind::InvalidSignature.into()
                } else {
                    unproven()
                });
            }
            version = self.keys.later(&version, &mut place).await?;
        }
        Ok(())
    }
}

/// Fetches the key set of the instance. `patience`: the limit of a fetch, with its retries.
fn from_instance(address: Address, patience: Duration, upstream: &Upstream) -> Fetch<KeySet> {
    let client = Arc::new(upstream.client(Endpoint::Keys, decode));
    Box::new(move || -> BoxFuture<'static, _> {
        let (client, address) = (Arc::clone(&client), address.clone());
        Box::pin(async move {
            // The fetch runs in the background, regardless of how many requests wait for it.
            let endpoint = address.get(None).await?;
            client.get(endpoint, patience).await
        })
    })
}

/// Fetches the key set of the Backend API.
fn from_backend(endpoint: KeysEndpoint, patience: Duration, upstream: &Upstream) -> Fetch<KeySet> {
    let decode = |response: &Response<Bytes>| match response.status() {
        StatusCode::OK => decode(response),
        _ => Err(KeysEndpoint::failure(response)),
    };
    let client = Arc::new(upstream.client(Endpoint::BackendKeys, decode));
    Box::new(move || -> BoxFuture<'static, _> {
        let (client, request) = (Arc::clone(&client), endpoint.request());
        Box::pin(async move { client.fetch(request, patience).await })
    })
}

fn verifies(version: &Version<KeySet>, kid: &str, jws: &Jws<'_>) -> bool {
    let (algorithm, message) = (jws.algorithm, jws.signed.as_bytes());
    version
        .document
        .verifies(kid, algorithm, message, &jws.signature)
}

fn decode(response: &Response<Bytes>) -> Result<Fetched<KeySet>, AuthError> {
    match response.status() {
        StatusCode::OK => Ok(Fetched {
            document: KeySet::from_json(body(response)?).map_err(violation)?,
            is_fresh: is_fresh(response.headers()),
        }),
        _ => Err(unexpected(response.status())),
    }
}

/// Returns true if an answer comes from the server itself. A cache on the way adds the age of its copy (RFC 9111
/// §5.1). An unreadable age counts as an age, too.
fn is_fresh(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::AGE)
        .iter()
        .all(|age| age.as_bytes().trim_ascii() == b"0")
}

/// Returns the payload and the signature of a token, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn frame(
    token: &str,
    algorithms: &[JwtAlgorithm],
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<u8>), AuthErrorKind> {
    let jws = Jws::parse(token, algorithms)?;
    let payload = jws.payload()?;
    Ok((payload, jws.signature))
}

/// Returns true if a key set has a key of this name, and `None` if the set cannot be read, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn key_set_has(body: &[u8], kid: &str) -> Option<bool> {
    KeySet::from_json(body).ok().map(|keys| keys.has(kid))
}

/// Creates the error for a set that does not show whether a token is valid. The token is not at fault.
fn unproven() -> AuthError {
    AuthError::new(AuthErrorKind::UpstreamUnavailable)
        .with_retry_after(Duration::from_secs(1))
        .with_source(Cached)
}

/// A reason with a fixed text, so that no part of the token gets into a log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("the key set comes from an intermediate cache and may lack a new key")]
struct Cached;

#[cfg(test)]
mod tests;
