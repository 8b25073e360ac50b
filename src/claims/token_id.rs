//! The id of a token.

/// The place of a token's id in the text of the token's other members, which contains it in any case.
///
/// It fits into a gap of [`Claims`](super::Claims). A text of its own would enlarge every cache entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TokenId {
    start: u16,
    /// Zero if there is no id.
    length: u16,
}

impl TokenId {
    /// Finds an id in the text of the other members. There is no id if it is longer than 255 bytes or contains
    /// anything but visible ASCII: log lines show it, and JSON must not escape it.
    pub(crate) fn find(id: Option<&str>, other: Option<&str>) -> Self {
        let found = || {
            let id = id.filter(|id| is_usable(id))?;
            Some(Self {
                start: u16::try_from(other?.find(id)?).ok()?,
                length: u16::try_from(id.len()).ok()?,
            })
        };
        found().unwrap_or_default()
    }

    /// Returns the id from the text in which it was found.
    pub(crate) fn in_text(self, other: &str) -> Option<&str> {
        let start = usize::from(self.start);
        let id = other.get(start..start + usize::from(self.length))?;
        (!id.is_empty()).then_some(id)
    }
}

fn is_usable(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=255).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
