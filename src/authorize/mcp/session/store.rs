//! The owner of each session, and the limit of sessions per owner.
//!
//! One table behind a mutex holds all sessions and two orders of their last use: one for all sessions, and one per
//! holder. A holder is a subject of an issuer, over all its clients and token kinds, because a subject can register any
//! number of clients. Every operation takes at most logarithmic time in the number of sessions, so a flood of new
//! sessions costs no more than its requests.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Principal;
use crate::{
    ClerkClaims, TokenKind,
    clock::{Clock, millis},
    token::digest::{TokenDigest, TokenHasher},
};

/// The sessions and their owners, see the module docs.
pub(super) struct Sessions {
    hasher: TokenHasher,
    table: Mutex<Table>,
    clock: Arc<dyn Clock>,
}

struct Table {
    capacity: usize,
    /// The number of sessions that one holder may have.
    share: usize,
    /// In milliseconds.
    idle_timeout: u64,
    sessions: HashMap<TokenDigest, Session>,
    /// The sessions by their last use, the oldest use first.
    uses: BTreeMap<Use, TokenDigest>,
    /// The uses of each holder's sessions. It has no holders without sessions.
    holders: HashMap<Arc<Holder>, BTreeSet<Use>>,
    next: u64,
}

struct Session {
    holder: Arc<Holder>,
    /// The token kind of the owner: a user's API key may not use the session of the user's browser. `None` for a session
    /// without a token.
    kind: Option<TokenKind>,
    client_id: Option<Box<str>>,
    last_use: Use,
}

/// The holder whose share of the capacity a session uses.
#[derive(PartialEq, Eq, Hash)]
enum Holder {
    /// All callers without a token.
    Anonymous,
    Subject {
        issuer: Box<str>,
        subject: Box<str>,
    },
}

/// One use of a session. Later uses are greater, and no two are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    /// On the monotonic clock, in milliseconds.
    time: u64,
    number: u64,
}

// === impl Sessions ===

impl Sessions {
    /// `share`: the number of sessions that one subject may have, at most `capacity`.
    pub(super) fn new(
        capacity: u64,
        share: u64,
        idle_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random numbers");
        let count = |sessions: u64| usize::try_from(sessions.max(1)).unwrap_or(usize::MAX);
        Self {
            hasher: TokenHasher::new(secret, &[]),
            table: Mutex::new(Table {
                capacity: count(capacity),
                share: count(share.min(capacity)),
                idle_timeout: millis(idle_timeout),
                sessions: HashMap::new(),
                uses: BTreeMap::new(),
                holders: HashMap::new(),
                next: 0,
            }),
            clock,
        }
    }

    pub(super) fn key(&self, id: &str) -> TokenDigest {
        self.hasher.key(id)
    }

    /// Returns true if a session exists and belongs to this principal. Records the use of the session.
    pub(super) fn is_owned(&self, key: &TokenDigest, principal: &Principal) -> bool {
        let now = self.clock.now().mono;
        self.table(now).touch(key, principal, now) == Some(true)
    }

    /// Binds a session to this principal, unless it is already bound. Returns true if it belongs to the principal.
    pub(super) fn bind(&self, key: TokenDigest, principal: &Principal) -> bool {
        let now = self.clock.now().mono;
        let mut table = self.table(now);
        table.touch(&key, principal, now).unwrap_or_else(|| {
            table.open(key, principal, now);
            true
        })
    }

    pub(super) fn end(&self, key: &TokenDigest) {
        self.lock().remove(key);
    }

    pub(super) fn len(&self) -> u64 {
        let now = self.clock.now().mono;
        u64::try_from(self.table(now).sessions.len()).unwrap_or(u64::MAX)
    }

    /// Returns the table, after it removed the sessions that were idle for too long.
    fn table(&self, now: u64) -> MutexGuard<'_, Table> {
        let mut table = self.lock();
        table.expire(now);
        table
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Table ===

impl Table {
    /// Records that the owner used a session. `None` if the session is unknown. `Some(false)` if it belongs to another
    /// principal, whose requests do not keep it alive.
    fn touch(&mut self, key: &TokenDigest, principal: &Principal, now: u64) -> Option<bool> {
        let used = self.next_use(now);
        let session = self.sessions.get_mut(key)?;
        if !session.is_of(principal) {
            return Some(false);
        }
        self.uses.remove(&session.last_use);
        self.uses.insert(used, *key);
        if let Some(uses) = self.holders.get_mut(&session.holder) {
            uses.remove(&session.last_use);
            uses.insert(used);
        }
        session.last_use = used;
        Some(true)
    }

    /// Adds a new session. If its holder already has its full share, the holder's least recently used session is
    /// removed.
    fn open(&mut self, key: TokenDigest, principal: &Principal, now: u64) {
        let holder = Arc::new(Holder::of(principal));
        let (holder, own) = match self.holders.get_key_value(&holder) {
            Some((holder, uses)) => (Arc::clone(holder), uses.first().copied()),
            None => (holder, None),
        };
        let held = self.holders.get(&holder).map_or(0, BTreeSet::len);
        let is_full = self.sessions.len() >= self.capacity;
        // In a full table, a holder of at least an equal part of the capacity loses one of the sessions that it holds.
        let has_its_part = held.saturating_mul(self.holders.len()) >= self.capacity;
        let oldest = match own {
            Some(own) if held >= self.share || (is_full && has_its_part) => Some(own),
            _ if is_full => self.uses.first_key_value().map(|(oldest, _)| *oldest),
            _ => None,
        };
        if let Some(oldest) = oldest {
            self.forget(oldest);
        }
        let last_use = self.next_use(now);
        self.uses.insert(last_use, key);
        let uses = self.holders.entry(Arc::clone(&holder)).or_default();
        uses.insert(last_use);
        let claims = principal.claims();
        let session = Session {
            holder,
            kind: claims.map(ClerkClaims::kind),
            client_id: claims.and_then(ClerkClaims::client_id).map(Into::into),
            last_use,
        };
        self.sessions.insert(key, session);
    }

    /// Removes the sessions that were idle for too long, in the order of their last use.
    fn expire(&mut self, now: u64) {
        while let Some((oldest, _)) = self.uses.first_key_value() {
            if now.saturating_sub(oldest.time) < self.idle_timeout {
                break;
            }
            let oldest = *oldest;
            self.forget(oldest);
        }
    }

    fn forget(&mut self, last_use: Use) {
        if let Some(key) = self.uses.get(&last_use).copied() {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &TokenDigest) {
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        self.uses.remove(&session.last_use);
        if let Some(uses) = self.holders.get_mut(&session.holder) {
            uses.remove(&session.last_use);
            if uses.is_empty() {
                self.holders.remove(&session.holder);
            }
        }
    }

    fn next_use(&mut self, now: u64) -> Use {
        self.next += 1;
        // The clock is read before the mutex is locked. A use must not be older than the one before it.
        let time = match self.uses.last_key_value() {
            Some((latest, _)) => now.max(latest.time),
            None => now,
        };
        Use {
            time,
            number: self.next,
        }
    }
}

// === impl Session ===

impl Session {
    fn is_of(&self, principal: &Principal) -> bool {
        match (&*self.holder, principal.claims()) {
            (Holder::Anonymous, None) => true,
            (Holder::Subject { issuer, subject }, Some(claims)) => {
                **subject == *claims.subject()
                    && self.kind == Some(claims.kind())
                    && self.client_id.as_deref() == claims.client_id()
                    && **issuer == *issuer_of(claims)
            }
            (Holder::Anonymous, Some(_)) | (Holder::Subject { .. }, None) => false,
        }
    }
}

// === impl Holder ===

impl Holder {
    fn of(principal: &Principal) -> Self {
        match principal.claims() {
            None => Self::Anonymous,
            Some(claims) => Self::Subject {
                issuer: issuer_of(claims).into(),
                subject: claims.subject().into(),
            },
        }
    }
}

/// Returns the issuer that the layer is configured for. An issuer in an introspection response equals it.
fn issuer_of(claims: &ClerkClaims) -> &str {
    claims.shared().rules.issuer()
}

#[cfg(test)]
mod tests;
