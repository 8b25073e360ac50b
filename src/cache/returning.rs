//! The tokens that were valid before: a flood of tokens never seen must not keep them out.
//!
//! It holds digests alone, and vouches for nothing: a token in here is verified as any other, with a higher
//! [priority](crate::upstream::Priority). It is written when a verification ends and read on a miss, never on
//! a hit.
//!
//! | bound | reason |
//! |---|---|
//! | [`CAPACITY`] digests | less than 10 MiB; the one that was verified longest ago is dropped |
//! | [`PER_SUBJECT`] digests of one subject | with dynamic registration a user can mint valid tokens freely |
//! | [`LIFE`] after the last positive verdict, and the end of the token | that is how long Clerk's access tokens live |
//!
//! Tokens that are verified by their signature alone are not in here, since they need no call. Each session
//! token is a new one every minute anyway.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::PoisonError,
};

use super::{digest::TokenDigest, entry::Deadline};
use crate::{clock::Now, sync::Mutex};

/// The set of digests.
#[derive(Debug)]
pub(super) struct Returning {
    set: Mutex<Set>,
    /// Hashes subjects, with a random key: subjects are data of others.
    hasher: RandomState,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Set {
    /// By the first half of a keyed digest. Two tokens that share one could only share their priority.
    tokens: HashMap<u64, Token>,
    /// The tokens by their latest verdicts, which are numbered.
    by_verdict: BTreeMap<u64, u64>,
    /// The subjects with the latest verdicts of their tokens.
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

    /// Whether a token was valid before.
    pub(super) fn contains(&self, key: TokenDigest, now: Now) -> bool {
        self.with(|set| {
            let token = set.tokens.get(&key.prefix());
            token.is_some_and(|token| !token.until.has_passed(now))
        })
    }

    /// Notes a positive verdict. `expires`: the end of the token, in Unix seconds.
    pub(super) fn insert(&self, key: TokenDigest, subject: &str, expires: Option<i64>, now: Now) {
        let remaining = expires.map_or(u64::MAX, |end| {
            let end = u64::try_from(end).unwrap_or(0).saturating_mul(1000);
            end.saturating_sub(now.wall)
        });
        let until = Deadline::after(now, remaining.min(LIFE));
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

    /// The tokens of a subject, from the oldest.
    fn of_subject(&self, subject: u64) -> impl Iterator<Item = u64> + '_ {
        let range = (subject, 0)..=(subject, u64::MAX);
        let verdicts = self.by_subject.range(range);
        verdicts.filter_map(|(_, verdict)| self.by_verdict.get(verdict).copied())
    }
}

/// How many digests are remembered.
const CAPACITY: usize = 65_536;

/// How many digests are remembered of one subject.
const PER_SUBJECT: usize = 8;

/// How long a digest is remembered after a positive verdict, in milliseconds.
const LIFE: u64 = 86_400_000;

#[cfg(test)]
mod tests;
