//! One value for each scope that was invalidated, in bounded number.
//!
//! | bound | effect of one more |
//! |---|---|
//! | [`MAX_TOKENS`] single tokens | the oldest one is dropped |
//! | [`MAX_OTHERS`] sessions, subjects, memberships and organizations | one value of all tokens replaces them |

use std::collections::{BTreeSet, HashMap};

use super::scope::Scope;

/// The values of all scopes. The names are keyed hashes of scopes.
#[derive(Debug)]
pub(super) struct ByScope<V> {
    /// The value of all tokens. It is never dropped.
    all: Option<V>,
    tokens: ByAge<V>,
    others: ByAge<V>,
}

/// The place of an invalidation in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age {
    /// The number of the invalidation.
    pub(super) epoch: u64,
    /// The time of the invalidation on the monotonic clock, in milliseconds.
    pub(super) set: u64,
}

/// True if the oldest values of single tokens were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(in crate::cache) struct Dropped(pub(in crate::cache) bool);

impl<V> Default for ByScope<V> {
    fn default() -> Self {
        Self {
            all: None,
            tokens: ByAge::default(),
            others: ByAge::default(),
        }
    }
}

impl<V> ByScope<V> {
    /// Drops what is older than `life`, in milliseconds, and sets the value of a scope. `raise` gets the earlier value,
    /// and true if the value stands for scopes beyond the bound.
    pub(super) fn raise(
        &mut self,
        scope: Scope<&str>,
        name: u64,
        age: Age,
        life: u64,
        raise: impl Fn(Option<V>, bool) -> V,
    ) -> Dropped {
        self.tokens.drop_older_than(age.set.saturating_sub(life));
        self.others.drop_older_than(age.set.saturating_sub(life));
        match scope {
            Scope::All => self.all = Some(raise(self.all.take(), false)),
            Scope::Token(_) => {
                self.tokens.raise(name, age, |it| raise(it, false));
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
                self.others.raise(name, age, |it| raise(it, false));
                if self.others.len() > MAX_OTHERS {
                    self.others = ByAge::default();
                    self.all = Some(raise(self.all.take(), true));
                }
            }
        }
        Dropped(false)
    }

    /// Returns the values that concern a token, with their scopes. `scopes`: those of the token, with their names.
    pub(super) fn of<'a>(
        &self,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> impl Iterator<Item = (Scope<&'a str>, &V)> {
        let all = self.all.iter().map(|all| (Scope::All, all));
        all.chain(scopes.filter_map(|(scope, name)| {
            let values = match scope {
                Scope::Token(_) => &self.tokens,
                _ => &self.others,
            };
            Some((scope, values.get(name)?))
        }))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.tokens.len(), self.others.len())
    }
}

/// Values by name, in the order of their latest invalidations.
#[derive(Debug)]
struct ByAge<V> {
    by_name: HashMap<u64, Aged<V>>,
    /// The numbers of the latest invalidations, with the names.
    by_epoch: BTreeSet<(u64, u64)>,
}

#[derive(Debug)]
struct Aged<V> {
    age: Age,
    value: V,
}

impl<V> Default for ByAge<V> {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            by_epoch: BTreeSet::new(),
        }
    }
}

impl<V> ByAge<V> {
    fn get(&self, name: u64) -> Option<&V> {
        self.by_name.get(&name).map(|aged| &aged.value)
    }

    /// Sets the value of a name. `raise` gets the earlier value. The name becomes the youngest one.
    fn raise(&mut self, name: u64, age: Age, raise: impl FnOnce(Option<V>) -> V) {
        let earlier = self.by_name.remove(&name);
        if let Some(earlier) = &earlier {
            self.by_epoch.remove(&(earlier.age.epoch, name));
        }
        let aged = Aged {
            age,
            value: raise(earlier.map(|earlier| earlier.value)),
        };
        self.by_epoch.insert((age.epoch, name));
        self.by_name.insert(name, aged);
    }

    /// Removes the values from before a time on the monotonic clock.
    fn drop_older_than(&mut self, set: u64) {
        while let Some((_, name)) = self.by_epoch.first()
            && self.by_name.get(name).is_none_or(|aged| aged.age.set < set)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, name)) = self.by_epoch.pop_first() {
            self.by_name.remove(&name);
        }
    }

    fn len(&self) -> usize {
        debug_assert_eq!(self.by_name.len(), self.by_epoch.len());
        self.by_name.len()
    }
}

/// The number of single tokens. They take about 10 MiB.
pub(crate) const MAX_TOKENS: usize = 100_000;

/// The number of sessions, subjects, memberships and organizations.
pub(crate) const MAX_OTHERS: usize = 50_000;
