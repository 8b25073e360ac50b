//! Revocations: an [`Effect::End`](crate::observe::Effect) also rejects tokens that are verified by their signature
//! alone. No server is called about such a token, so the replica itself must keep what has ended.
//!
//! A revocation is kept for at least [`LIFE`], which is longer than any session token lives. Two bounds limit the memory:
//!
//! | bound | effect of one more |
//! |---|---|
//! | [`MAX_TOKENS`] single tokens | the oldest one is dropped |
//! | [`MAX_OTHERS`] sessions, subjects, memberships and organizations | one revocation of all tokens replaces them |

use super::{by_age::ByAge, scope::Scope};

/// The revocations of one replica. The names are keyed hashes of scopes.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The revocation of all tokens. It is never dropped.
    all: Option<End>,
    tokens: ByAge<End>,
    others: ByAge<End>,
}

/// The latest revocation of one scope.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// The number of the invalidation.
    pub(super) epoch: u64,
    /// The time of the revocation on the wall clock, in milliseconds.
    pub(super) at: u64,
    /// The time of the revocation on the monotonic clock, in milliseconds.
    pub(super) set: u64,
}

/// True if the oldest revocations of single tokens were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(in crate::cache) struct Dropped(pub(in crate::cache) bool);

impl Ends {
    /// Adds a revocation. `name`: the hash of the scope. `life`: the time for which revocations are kept, in
    /// milliseconds.
    pub(super) fn add(&mut self, scope: Scope<&str>, name: u64, end: End, life: u64) -> Dropped {
        self.tokens.drop_older_than(end.set.saturating_sub(life));
        self.others.drop_older_than(end.set.saturating_sub(life));
        match scope {
            Scope::All => self.end_all(end),
            Scope::Token(_) => {
                self.tokens
                    .raise(name, end.epoch, end.set, |it| End::raise(it, end));
                let is_full = self.tokens.len() > MAX_TOKENS;
                if is_full {
                    self.tokens.drop_oldest();
                }
                return Dropped(is_full);
            }
            Scope::Session(_)
            | Scope::Subject(_)
            | Scope::Member { .. }
            | Scope::Organization(_) => {
                self.others
                    .raise(name, end.epoch, end.set, |it| End::raise(it, end));
                if self.others.len() > MAX_OTHERS {
                    self.others = ByAge::default();
                    self.end_all(end);
                }
            }
        }
        Dropped(false)
    }

    /// Returns true if a revocation rejects a token that is verified by its signature alone. `scopes`: the scopes that
    /// concern the token, with their hashes. `issued_at`: in Unix seconds; a token without it counts as old.
    ///
    /// A token and a session end forever. A subject may sign in again, so later tokens pass. The token's time has whole
    /// seconds, so one that was issued in the second of the revocation is rejected as well.
    pub(super) fn reject<'a>(
        &self,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
        issued_at: Option<i64>,
    ) -> bool {
        let issued_at = issued_at.unwrap_or(0).max(0).cast_unsigned();
        let is_earlier =
            |end: &End| issued_at.saturating_mul(1000) <= end.at.saturating_add(SECOND);
        self.all.as_ref().is_some_and(is_earlier)
            || self.of(scopes).any(|(scope, end)| match scope {
                Scope::Token(_) | Scope::Session(_) => true,
                _ => is_earlier(end),
            })
    }

    /// Returns true if a revocation with a later number than `epoch` concerns a token.
    pub(super) fn is_later<'a>(
        &self,
        epoch: u64,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> bool {
        let is_later = |end: &End| end.epoch > epoch;
        self.all.as_ref().is_some_and(is_later) || self.of(scopes).any(|(_, end)| is_later(end))
    }

    fn of<'a>(
        &self,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> impl Iterator<Item = (Scope<&'a str>, &End)> {
        scopes.filter_map(|(scope, name)| {
            let ends = match scope {
                Scope::Token(_) => &self.tokens,
                _ => &self.others,
            };
            Some((scope, ends.get(name)?))
        })
    }

    fn end_all(&mut self, end: End) {
        self.all = Some(End::raise(self.all, end));
    }
}

impl End {
    /// The wall clock may be set back. The time of a revocation never is.
    fn raise(earlier: Option<Self>, later: Self) -> Self {
        Self {
            at: later.at.max(earlier.map_or(0, |earlier| earlier.at)),
            ..later
        }
    }
}

/// The shortest time for which a revocation is kept, in milliseconds: 15 minutes.
pub(super) const LIFE: u64 = 900_000;

/// The number of single tokens. They take about 10 MiB.
const MAX_TOKENS: usize = 100_000;

/// The number of sessions, subjects, memberships and organizations.
const MAX_OTHERS: usize = 50_000;

const SECOND: u64 = 1000;

#[cfg(test)]
mod tests;
