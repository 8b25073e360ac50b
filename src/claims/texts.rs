//! Several texts in one allocation.

use std::num::NonZeroU32;

/// Up to `N` texts. A text of its own would take 16 bytes for its pointer, and another allocation.
#[derive(Clone)]
pub(super) struct Texts<const N: usize> {
    /// All texts, one after the other.
    all: Box<str>,
    /// The end of each text, plus one. `None` if there is no such text.
    ends: [Option<NonZeroU32>; N],
}

impl<const N: usize> Texts<N> {
    /// Stores the texts. They are not stored if they take more than 4 GiB.
    pub(super) fn new(texts: [Option<Box<str>>; N]) -> Self {
        let mut all = String::new();
        let ends = texts.map(|text| {
            all.push_str(&text?);
            NonZeroU32::new(u32::try_from(all.len() + 1).ok()?)
        });
        Self {
            all: all.into_boxed_str(),
            ends,
        }
    }

    /// Returns the text at this place.
    pub(super) fn get(&self, place: usize) -> Option<&str> {
        let offset = |end: NonZeroU32| usize::try_from(end.get() - 1).ok();
        let (before, rest) = self.ends.split_at_checked(place)?;
        let end = offset((*rest.first()?)?)?;
        let start = before.iter().flatten().next_back();
        let start = start.map_or(Some(0), |start| offset(*start))?;
        self.all.get(start..end)
    }

    /// Returns the length of all texts together, in bytes.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn each_text_is_found_at_its_place() {
        for texts in [
            [None, None, None, None],
            [Some("a"), None, Some("bc"), None],
            [None, Some(""), None, Some("é")],
            [Some(""), Some(""), Some("x"), Some("")],
            [Some("one"), Some("two"), Some("three"), Some("four")],
        ] {
            let stored = Texts::new(texts.map(|text| text.map(Into::into)));
            for (place, text) in texts.iter().enumerate() {
                assert_eq!(stored.get(place), *text, "{texts:?}, {place}");
            }
            assert_eq!(stored.get(texts.len()), None, "{texts:?}");
            let length: usize = texts.iter().flatten().map(|text| text.len()).sum();
            assert_eq!(stored.len(), length, "{texts:?}");
        }
    }
}
