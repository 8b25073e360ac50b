//! Which principal each session belongs to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    ClerkClaims, TokenKind,
    cache::{Key, Keyer, Store},
    clock::{Clock, millis},
};

/// See the module docs.
pub(super) struct Sessions {
    keyer: Keyer,
    bindings: Store<Arc<Binding>>,
    /// In milliseconds.
    idle_timeout: u64,
    clock: Arc<dyn Clock>,
}

struct Binding {
    issuer: Box<str>,
    /// An API key of a user is not the user's browser.
    kind: TokenKind,
    client_id: Option<Box<str>>,
    subject: Box<str>,
    /// On the monotonic clock, in milliseconds.
    last_use: AtomicU64,
}

impl Sessions {
    pub(super) fn new(capacity: u64, idle_timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random numbers");
        Self {
            keyer: Keyer::new(secret, &[]),
            bindings: Store::least_recently_used(capacity.max(1), idle_timeout),
            idle_timeout: millis(idle_timeout),
            clock,
        }
    }

    pub(super) fn key(&self, id: &str) -> Key {
        self.keyer.key(id)
    }

    /// Whether a session is there and belongs to the principal of these claims, who uses it now.
    pub(super) fn is_owned(&self, key: &Key, claims: &ClerkClaims) -> bool {
        let now = self.clock.now().mono;
        let Some(binding) = self.bindings.get(key) else {
            return false;
        };
        let last_use = binding.last_use.load(Ordering::Relaxed);
        if now.saturating_sub(last_use) >= self.idle_timeout {
            self.bindings.remove(key);
            return false;
        }
        let is_owned = binding.is_of(claims);
        if is_owned {
            // What others try does not keep a session alive.
            binding.last_use.fetch_max(now, Ordering::Relaxed);
        }
        is_owned
    }

    /// Binds a session to the principal of these claims, unless it is bound already. Whether it is
    /// theirs.
    pub(super) fn bind(&self, key: Key, claims: &ClerkClaims) -> bool {
        let now = self.clock.now().mono;
        let binding = self
            .bindings
            .get_or_insert_with(key, || Arc::new(Binding::new(claims, now)));
        let is_owned = binding.is_of(claims);
        if is_owned {
            binding.last_use.fetch_max(now, Ordering::Relaxed);
        }
        is_owned
    }

    pub(super) fn end(&self, key: &Key) {
        self.bindings.remove(key);
    }

    pub(super) fn len(&self) -> u64 {
        self.bindings.len()
    }
}

impl Binding {
    fn new(claims: &ClerkClaims, now: u64) -> Self {
        Self {
            issuer: issuer(claims).into(),
            kind: claims.token_kind(),
            client_id: claims.client_id().map(Into::into),
            subject: claims.subject().into(),
            last_use: AtomicU64::new(now),
        }
    }

    fn is_of(&self, claims: &ClerkClaims) -> bool {
        *self.subject == *claims.subject()
            && self.kind == claims.token_kind()
            && self.client_id.as_deref() == claims.client_id()
            && *self.issuer == *issuer(claims)
    }
}

/// Not what the answer names, if it does: the issuer that the layer is configured for. The two are equal
/// where both are there.
fn issuer(claims: &ClerkClaims) -> &str {
    &claims.shared().rules.issuer
}

#[cfg(test)]
mod tests;
