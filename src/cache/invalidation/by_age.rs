//! Values by the name of a scope, in the order of their latest invalidations.

use std::collections::{BTreeSet, HashMap};

#[derive(Debug)]
pub(super) struct ByAge<V> {
    by_name: HashMap<u64, Aged<V>>,
    /// The numbers of the latest invalidations, with the names.
    by_epoch: BTreeSet<(u64, u64)>,
}

#[derive(Debug)]
struct Aged<V> {
    epoch: u64,
    /// The time of the latest invalidation on the monotonic clock, in milliseconds.
    set: u64,
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
    pub(super) fn get(&self, name: u64) -> Option<&V> {
        self.by_name.get(&name).map(|aged| &aged.value)
    }

    /// Sets the value of a name. `raise` gets the earlier value. The name becomes the youngest one.
    pub(super) fn raise(
        &mut self,
        name: u64,
        epoch: u64,
        set: u64,
        raise: impl FnOnce(Option<V>) -> V,
    ) {
        let earlier = self.by_name.remove(&name);
        if let Some(earlier) = &earlier {
            self.by_epoch.remove(&(earlier.epoch, name));
        }
        let aged = Aged {
            epoch,
            set,
            value: raise(earlier.map(|earlier| earlier.value)),
        };
        self.by_epoch.insert((epoch, name));
        self.by_name.insert(name, aged);
    }

    /// Removes the values from before a time on the monotonic clock.
    pub(super) fn drop_older_than(&mut self, set: u64) {
        while let Some((_, name)) = self.by_epoch.first()
            && self.by_name.get(name).is_none_or(|aged| aged.set < set)
        {
            self.drop_oldest();
        }
    }

    pub(super) fn drop_oldest(&mut self) {
        if let Some((_, name)) = self.by_epoch.pop_first() {
            self.by_name.remove(&name);
        }
    }

    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.by_name.len(), self.by_epoch.len());
        self.by_name.len()
    }
}
