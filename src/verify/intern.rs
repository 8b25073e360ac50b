//! An interner for strings that many tokens have in common: client ids, scopes, audiences.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The strings in use.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    known: Mutex<HashSet<Arc<str>>>,
}

impl Interner {
    /// Returns the shared copy of a string. If there are too many strings, returns a copy that is not shared.
    pub(super) fn intern(&self, text: &str) -> Arc<str> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(text) {
            return Arc::clone(shared);
        }
        let text: Arc<str> = text.into();
        if known.len() == MANY {
            known.retain(|text| Arc::strong_count(text) > 1);
        }
        if known.len() < MANY {
            known.insert(Arc::clone(&text));
        }
        text
    }
}

/// The largest number of strings: some hundred KiB. Instances with more applications than this store a few strings
/// repeatedly.
const MANY: usize = 2048;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Interner, MANY};

    #[test]
    fn equal_strings_are_one() {
        let strings = Interner::default();
        let (first, second) = (
            strings.intern("email profile"),
            strings.intern("email profile"),
        );
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(&*strings.intern("email"), "email");
    }

    #[test]
    fn strings_that_nobody_uses_are_forgotten() {
        let strings = Interner::default();
        let kept = strings.intern("kept");
        for n in 0..MANY * 3 {
            drop(strings.intern(&n.to_string()));
        }
        assert!(Arc::ptr_eq(&kept, &strings.intern("kept")));
        assert!(strings.known.lock().unwrap().len() <= MANY);
    }

    #[test]
    fn too_many_strings_are_not_shared() {
        let strings = Interner::default();
        let kept: Vec<_> = (0..MANY * 3)
            .map(|n| strings.intern(&n.to_string()))
            .collect();
        assert!(strings.known.lock().unwrap().len() <= MANY);
        assert!(
            kept.iter()
                .enumerate()
                .all(|(n, text)| **text == n.to_string())
        );
    }
}
