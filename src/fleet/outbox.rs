//! Invalidations that were made here and that the logs do not have yet. Pure.
//!
//! There is one log for each configured secret. A message leaves once all logs have it.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use bytes::Bytes;

use super::{message::Message, seal::LogSeal, store::LOG_LIFE};
use crate::{
    cache::{MAX_OTHERS, MAX_TOKENS, Scope},
    observe::Effect,
    token::digest::TokenDigest,
};

pub(super) struct Outbox {
    /// In the order in which messages are published.
    messages: BTreeMap<Place, Entry>,
    lengths: [usize; 3],
    /// For each log that rejected a message of its last batch, the last place of that batch.
    rejected: BTreeMap<usize, Place>,
    next: u64,
    dropped: u64,
}

/// The order of messages. Revocations come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    End,
    Again,
    Token,
}

/// The place of a message in the outbox. The order is that of publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Rank, u64);

struct Entry {
    message: Message,
    /// The digests of the token under the further secrets. A message about a token names the digest of its log.
    others: Box<[TokenDigest]>,
    /// For each log, the sealed message. Sealed once, so that a repeated message is the same.
    sealed: Box<[Option<Bytes>]>,
    /// For each log, true if it has the message.
    has: Box<[bool]>,
    since: u64,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            messages: BTreeMap::new(),
            lengths: [0; 3],
            rejected: BTreeMap::new(),
            next: 0,
            dropped: 0,
        }
    }

    /// Adds a message for `logs` logs. `now` is a time of the monotonic clock, in milliseconds.
    pub(super) fn push(
        &mut self,
        message: Message,
        others: impl Into<Box<[TokenDigest]>>,
        logs: usize,
        now: u64,
    ) {
        let rank = Rank::of(&message);
        let mut entry = Entry {
            message,
            others: others.into(),
            sealed: vec![None; logs].into(),
            has: vec![false; logs].into(),
            since: now,
        };
        let mut number = self.next;
        self.next += 1;
        if self.lengths[rank.index()] >= rank.bound() {
            match rank {
                // The TTL bounds the effect of what is dropped.
                Rank::Token => {
                    self.dropped += 1;
                    if let Some(oldest) = self.first(rank) {
                        self.remove(oldest);
                    }
                }
                Rank::End | Rank::Again => {
                    // The number of the oldest one: `flush` of any of them waits for the message about all.
                    number = self.first(rank).map_or(number, |Place(_, first)| first);
                    entry.message.scope = Scope::All;
                    while let Some(place) = self.first(rank) {
                        if let Some(merged) = self.remove(place) {
                            entry.message.at = entry.message.at.max(merged.message.at);
                        }
                    }
                }
            }
        }
        self.lengths[rank.index()] += 1;
        self.messages.insert(Place(rank, number), entry);
    }

    /// Returns up to `most` messages that a log does not have, with their places, in the order of publication.
    ///
    /// After a batch of which the log rejected a message, the next one begins behind that batch, and comes to its messages
    /// after all others. So a message that is always rejected delays the others and does not stop them.
    pub(super) fn batch(&mut self, log: usize, seal: &LogSeal, most: usize) -> Vec<(Place, Bytes)> {
        let (behind, before) = match self.rejected.get(&log) {
            Some(last) => ((Excluded(*last), Unbounded), Some(..=*last)),
            None => ((Unbounded, Unbounded), None),
        };
        let before = before.map(|before| self.messages.range(before));
        let in_order = self
            .messages
            .range(behind)
            .chain(before.into_iter().flatten());
        let missing = in_order.filter(|(_, entry)| !entry.has[log]);
        let places: Vec<_> = missing.map(|(place, _)| *place).take(most).collect();
        let sealed = places.into_iter().filter_map(|place| {
            let entry = self.messages.get_mut(&place)?;
            Some((place, entry.seal(log, seal)?))
        });
        sealed.collect()
    }

    /// Notes the last place of a batch if the log rejected a message of it.
    pub(super) fn ended(&mut self, log: usize, last: Place, has_rejected: bool) {
        match has_rejected {
            true => self.rejected.insert(log, last),
            false => self.rejected.remove(&log),
        };
    }

    /// Notes that a log has a message.
    pub(super) fn published(&mut self, log: usize, place: Place, sealed: &Bytes) {
        let Some(entry) = self.messages.get_mut(&place) else {
            return;
        };
        // Another message may have taken the place: one about all.
        if entry.sealed[log].as_ref() != Some(sealed) {
            return;
        }
        entry.has[log] = true;
        if entry.has.iter().all(|has| *has) {
            self.remove(place);
        }
    }

    /// Drops each `again` of a token that has waited for longer than a log keeps messages.
    pub(super) fn expire(&mut self, now: u64) {
        let is_late = |entry: &Entry| {
            entry.message.effect == Effect::Again && now.saturating_sub(entry.since) >= LOG_LIFE
        };
        let tokens = self.messages.range(Place(Rank::Token, 0)..);
        let late = tokens.filter(|(_, entry)| is_late(entry));
        let late: Vec<_> = late.map(|(place, _)| *place).collect();
        for place in late {
            self.remove(place);
        }
    }

    /// Returns true if a message with a number below this one is still here.
    pub(super) fn has_before(&self, number: u64) -> bool {
        let firsts = [Rank::End, Rank::Again, Rank::Token].map(|rank| self.first(rank));
        firsts
            .into_iter()
            .flatten()
            .any(|Place(_, first)| first < number)
    }

    /// Returns the number of the next message.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the number of messages dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn first(&self, rank: Rank) -> Option<Place> {
        let all = Place(rank, 0)..=Place(rank, u64::MAX);
        self.messages.range(all).next().map(|(place, _)| *place)
    }

    fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.messages.remove(&place)?;
        self.lengths[place.0.index()] -= 1;
        Some(entry)
    }
}

impl Entry {
    fn seal(&mut self, log: usize, seal: &LogSeal) -> Option<Bytes> {
        if self.sealed[log].is_none() {
            let mut message = self.message.clone();
            // The first log has the digest of the message, the further ones those beside it.
            if let (Scope::Token(digest), Some(other)) = (
                &mut message.scope,
                log.checked_sub(1).map(|at| self.others.get(at)),
            ) {
                *digest = *other?;
            }
            let sealed = seal.seal(&message.encode()).or_else(|| {
                // An id is too long for a message. No replica may keep what the message is about.
                message.scope = Scope::All;
                seal.seal(&message.encode())
            });
            self.sealed[log] = sealed;
        }
        self.sealed[log].clone()
    }
}

impl Rank {
    fn of(message: &Message) -> Self {
        match (&message.scope, message.effect) {
            (Scope::Token(_), _) => Self::Token,
            (_, Effect::End) => Self::End,
            (_, Effect::Again) => Self::Again,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::End => 0,
            Self::Again => 1,
            Self::Token => 2,
        }
    }

    /// The bounds are those of the table of invalidations.
    fn bound(self) -> usize {
        match self {
            Self::End | Self::Again => MAX_OTHERS,
            Self::Token => MAX_TOKENS,
        }
    }
}

#[cfg(test)]
mod tests;
