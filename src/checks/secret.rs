//! Recognizes texts that may be misplaced secrets, and replaces them in `Debug` output.

use std::fmt;

/// Returns true if a text has the form of a secret: a key or token of Clerk, a JWT, a PEM, HTTP credentials, or an
/// address with user info, 32 bytes in base64. In doubt, a text counts as a secret.
pub(crate) fn may_be_secret(text: &str) -> bool {
    let is_inside_a_word = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        before.ends_with(|last: char| last.is_ascii_alphanumeric())
    };
    let has_prefix = PREFIXES.iter().any(|prefix| {
        text.match_indices(prefix)
            .any(|(at, _)| !is_inside_a_word(at))
    });
    has_prefix || text.contains('@') || text.contains("%40") || has_fleet_secret(text)
}

/// Returns true if a text is 32 bytes in base64, or contains a word that may be them. Words of small letters are names,
/// and publishable keys are public.
fn has_fleet_secret(text: &str) -> bool {
    const LEN: usize = 43;
    let is_digit = |char: char| char.is_ascii_alphanumeric() || "+/-_".contains(char);
    let text = text.trim().trim_end_matches('=');
    let may_be_one = |word: &str| {
        let has_capital = word.contains(|char: char| char.is_ascii_uppercase());
        word.len() >= LEN && has_capital && !word.starts_with("pk_")
    };
    (text.len() == LEN && text.chars().all(is_digit))
        || text.split(|char| !is_digit(char)).any(may_be_one)
}

/// The prefixes of keys, tokens, JWTs (`{"` in base64) and PEMs.
const PREFIXES: [&str; 9] = [
    "sk_", "ak_", "oat_", "mt_", "whsec_", "eyJ", "-----", "Bearer ", "Basic ",
];

/// Replaces a user's value in `Debug` output. It shows if there is a value, and the length of a list.
pub(crate) struct Hidden(usize);

/// Any value is allowed.
const ANY: usize = usize::MAX;

impl Hidden {
    pub(crate) fn text(text: &str) -> Self {
        Self(usize::from(!text.is_empty()))
    }

    pub(crate) fn any() -> Self {
        Self(ANY)
    }

    pub(crate) fn list(entries: &[String]) -> Self {
        Self(entries.len())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            ANY => f.write_str("any"),
            1 => f.write_str("[redacted]"),
            count => write!(f, "[{count} redacted]"),
        }
    }
}

#[cfg(test)]
mod tests;
