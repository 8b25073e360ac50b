//! The tokens that were valid before. A flood of first-seen tokens must not delay them.
//!
//! The set holds only digests, and accepts no token: a token in the set is verified like any other, with a higher
//! [priority](crate::clerk::http::Priority). The set is written when a verification ends and read on a miss, never on a
//! hit.
//!
//! | bound | reason |
//! |---|---|
//! | [`CAPACITY`] digests | less than 10 MiB; the digest with the oldest verification is dropped |
//! | [`PER_SUBJECT`] digests of one subject | with dynamic registration a user can create any number of valid tokens |
//! | [`LIFE`] after the last positive result, and the end of the token | the lifetime of Clerk's access tokens |
//!
//! Tokens that are verified only by their signature are not in the set, because they need no call. A session token is
//! replaced every minute in any case.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::PoisonError,
};

use crate::{
    clock::{Deadline, Now},
    sync::Mutex,
    token::digest::TokenDigest,
};

/// The set of digests.
#[derive(Debug)]
pub(super) struct Returning {
    set: Mutex<Set>,
    /// Hashes subjects with a random key, because subjects are untrusted input.
    hasher: RandomState,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Set {
    /// The tokens by the first eight bytes of their digest. Two tokens with the same bytes would only share their
    /// priority.
    tokens: HashMap<u64, Token>,
    /// The tokens by the number of their latest positive result.
    by_verdict: BTreeMap<u64, u64>,
    /// The subjects, each with the numbers of its tokens' latest positive results.
    by_subject: BTreeSet<(u64, u64)>,
    verdicts: u64,
}

#[derive(Debug)]
struct Token {
    subject: u64,
    verdict: u64,
    until: Deadline,
}

impl Returning {
    pub(super) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            set: Mutex::default(),
            hasher: RandomState::new(),
            capacity,
        }
    }

    /// Returns true if a token was valid before.
    pub(super) fn contains(&self, key: TokenDigest, now: Now) -> bool {
        self.with(|set| {
            let token = set.tokens.get(&key.prefix());
            token.is_some_and(|token| !token.until.has_passed(now))
        })
    }

    /// Records a positive result. `expires`: the end of the token, in Unix seconds.
    pub(super) fn insert(&self, key: TokenDigest, subject: &str, expires: Option<i64>, now: Now) {
        let until = Deadline::after(now, now.millis_until(expires).min(LIFE));
        let subject = self.subject(subject);
        self.with(|set| set.insert(key.prefix(), subject, until, self.capacity));
    }

    pub(super) fn remove(&self, key: TokenDigest) {
        self.with(|set| set.remove(key.prefix()));
    }

    pub(super) fn remove_subject(&self, subject: &str) {
        let subject = self.subject(subject);
        self.with(|set| {
            let tokens: Vec<_> = set.of_subject(subject).collect();
            for token in tokens {
                set.remove(token);
            }
        });
    }

    pub(super) fn clear(&self) {
        self.with(|set| {
            *set = Set {
                verdicts: set.verdicts,
                ..Set::default()
            };
        });
    }

    fn subject(&self, subject: &str) -> u64 {
        self.hasher.hash_one(subject)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Set) -> T) -> T {
        act(&mut self.set.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Set {
    fn insert(&mut self, token: u64, subject: u64, until: Deadline, capacity: usize) {
        self.remove(token);
        let mut of_subject = self.of_subject(subject);
        let oldest = of_subject.next();
        if of_subject.count() + 1 >= PER_SUBJECT
            && let Some(oldest) = oldest
        {
            self.remove(oldest);
        }
        if self.tokens.len() >= capacity
            && let Some(oldest) = self.by_verdict.values().next().copied()
        {
            self.remove(oldest);
        }
        self.verdicts += 1;
        let verdict = self.verdicts;
        self.by_verdict.insert(verdict, token);
        self.by_subject.insert((subject, verdict));
        self.tokens.insert(
            token,
            Token {
                subject,
                verdict,
                until,
            },
        );
    }

    fn remove(&mut self, token: u64) {
        if let Some(Token {
            subject, verdict, ..
        }) = self.tokens.remove(&token)
        {
            self.by_verdict.remove(&verdict);
            self.by_subject.remove(&(subject, verdict));
        }
    }

    /// Returns the tokens of a subject, from the oldest to the newest.
    fn of_subject(&self, subject: u64) -> impl Iterator<Item = u64> + '_ {
        let range = (subject, 0)..=(subject, u64::MAX);
        let verdicts = self.by_subject.range(range);
        verdicts.filter_map(|(_, verdict)| self.by_verdict.get(verdict).copied())
    }
}

/// The number of digests that the set keeps.
const CAPACITY: usize = 65_536;

/// The number of digests that the set keeps for one subject.
const PER_SUBJECT: usize = 8;

/// The time for which a digest is kept after a positive result, in milliseconds.
const LIFE: u64 = 86_400_000;

#[cfg(test)]
mod tests;
