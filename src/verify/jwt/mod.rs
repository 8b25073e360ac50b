//! JWTs, verified here: by a key of the instance's key set, or by one that the configuration holds.
//!
//! The frame (`super::jws`), the keys (`keys`) and what a token says (`super::payload`) are read by pure functions; the
//! signature is aws-lc's work. Whether the token is good is for the rules of `policy` to say, as of
//! every other.

mod keys;
mod kids;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};

pub(crate) use self::keys::PublicKey;
use self::{keys::KeySet, kids::UnknownKids};
use super::{
    Introspection, Verification, Verify,
    discovery::Address,
    jws::Jws,
    kept::{Edition, Kept, Newer},
    members::{body, violation},
    payload,
};
use crate::{
    AuthError, AuthErrorKind, ClerkConfig, JwtAlgorithm, JwtVerification, TokenKind,
    clock::Clock,
    upstream::{Endpoint, Upstream},
};

/// Verifies JWTs.
pub(crate) struct Local {
    algorithms: Vec<JwtAlgorithm>,
    trust: Trust,
}

/// Whose signature counts.
enum Trust {
    /// That of this key, whatever name a token has for it.
    Key(PublicKey),
    /// Those of the instance.
    KeySet(Published),
}

/// The key set that the instance publishes.
struct Published {
    keys: Kept<KeySet>,
    unknown: UnknownKids,
    clock: Arc<dyn Clock>,
}

impl Local {
    /// Nothing where no JWT is read here.
    pub(crate) fn of(config: &ClerkConfig, upstream: &Upstream, keys: &Address) -> Option<Self> {
        let accepts = |kind| config.rules.accept.contains(kind);
        let reads_oauth =
            accepts(TokenKind::OAuth) && config.oauth_jwts != JwtVerification::Introspect;
        if !(reads_oauth || accepts(TokenKind::Session) || accepts(TokenKind::Machine)) {
            return None;
        }
        let trust = match &config.jwt_key {
            Some(key) => Trust::Key(key.clone()),
            None => Trust::KeySet(Published::new(config, upstream, keys.clone())),
        };
        Some(Self {
            algorithms: config.jwt_algorithms.clone(),
            trust,
        })
    }

    /// Has the keys there before the first token comes.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        match &self.trust {
            Trust::Key(_) => Ok(()),
            Trust::KeySet(published) => published.keys.get().await.map(drop),
        }
    }

    async fn read(&self, token: &str, kind: TokenKind) -> Result<Introspection, AuthError> {
        let jws = Jws::parse(token, &self.algorithms)?;
        match &self.trust {
            Trust::Key(key) => {
                if !key.verifies(jws.algorithm, jws.signed.as_bytes(), &jws.signature) {
                    return Err(AuthErrorKind::InvalidSignature.into());
                }
            }
            Trust::KeySet(published) => published.check(&jws).await?,
        }
        let members = jws.payload()?;
        jws.header.check_kind(&members, kind)?;
        payload::read(members, kind).map_err(|what| {
            AuthError::new(AuthErrorKind::MalformedToken).with_source(Unreadable(what))
        })
    }
}

impl Verify for Local {
    fn verify<'a>(
        &'a self,
        verification: Verification<'a>,
    ) -> BoxFuture<'a, Result<Introspection, AuthError>> {
        Box::pin(self.read(verification.token().expose(), verification.kind()))
    }
}

impl Published {
    fn new(config: &ClerkConfig, upstream: &Upstream, address: Address) -> Self {
        let channel = Arc::new(upstream.channel(Endpoint::Keys, decode));
        // For a fetch, retries and all.
        let patience = config.timeout;
        let fetch = move || -> BoxFuture<'static, _> {
            let (channel, address) = (Arc::clone(&channel), address.clone());
            Box::pin(async move {
                let endpoint = address.get().await?;
                channel.get(endpoint, patience).await
            })
        };
        Self {
            keys: Kept::new(Box::new(fetch), Arc::clone(&config.clock)),
            unknown: UnknownKids::default(),
            clock: Arc::clone(&config.clock),
        }
    }

    /// Checks the signature. The set is fetched anew for a key that it does not have, and for a bad
    /// signature, since a new key may have the name of an old one.
    async fn check(&self, jws: &Jws<'_>) -> Result<(), AuthError> {
        let kid = jws.header.kid.as_deref();
        let kid = kid.ok_or(AuthErrorKind::InvalidSignature)?;
        let fetches = self.keys.fetches_begun();
        let mut edition = self.keys.get().await?;
        // Without end only if fetches that others began went on for ever: each turn has a newer set, and one
        // that was begun for this token is the last.
        while !edition.document.has(kid) {
            edition = self.look_further(kid, fetches, edition).await?;
        }
        if verifies(&edition, kid, jws) {
            return Ok(());
        }
        let is_good = match self.keys.newer(&edition).await? {
            Newer::Edition(edition) => verifies(&edition, kid, jws),
            Newer::NotYet {
                is_recent: true, ..
            } => false,
            Newer::NotYet { wait, .. } => return Err(not_yet(wait)),
        };
        if is_good {
            Ok(())
        } else {
            Err(AuthErrorKind::InvalidSignature.into())
        }
    }

    /// A newer set, for a key that this one does not have. `fetches`: how many had begun when the token came.
    async fn look_further(
        &self,
        kid: &str,
        fetches: u64,
        edition: Edition<KeySet>,
    ) -> Result<Edition<KeySet>, AuthError> {
        let now = self.clock.now();
        if self.unknown.contains(kid, now) {
            return Err(AuthErrorKind::InvalidSignature.into());
        }
        if edition.is_after(fetches) {
            self.unknown.remember(kid, now);
            return Err(AuthErrorKind::InvalidSignature.into());
        }
        match self.keys.newer(&edition).await? {
            Newer::Edition(edition) => Ok(edition),
            // It may be a key that is newer than the set.
            Newer::NotYet { wait, .. } => Err(not_yet(wait)),
        }
    }
}

fn verifies(edition: &Edition<KeySet>, kid: &str, jws: &Jws<'_>) -> bool {
    let (algorithm, message) = (jws.algorithm, jws.signed.as_bytes());
    edition
        .document
        .verifies(kid, algorithm, message, &jws.signature)
}

fn decode(response: &Response<Bytes>) -> Result<KeySet, AuthError> {
    match response.status() {
        StatusCode::OK => KeySet::from_json(body(response)?).map_err(violation),
        _ => Err(violation("an unexpected status")),
    }
}

/// The payload and the signature of a token, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn frame(
    token: &str,
    algorithms: &[JwtAlgorithm],
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<u8>), AuthErrorKind> {
    let jws = Jws::parse(token, algorithms)?;
    let payload = jws.payload()?;
    Ok((payload, jws.signature))
}

/// Whether a key set can be read and has a key of this name, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn key_set_has(body: &[u8], kid: &str) -> Option<bool> {
    KeySet::from_json(body).ok().map(|keys| keys.has(kid))
}

/// It cannot be told yet whether a token is good, and that is no fault of the token.
fn not_yet(wait: Duration) -> AuthError {
    AuthError::new(AuthErrorKind::RateLimited)
        .with_retry_after(wait)
        .with_source(TooSoon)
}

/// Only fixed texts, so that nothing of the token gets into a log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("the key set was fetched anew a moment ago")]
struct TooSoon;

#[cfg(test)]
mod tests;
