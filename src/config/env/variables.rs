//! The variables that are set, and the readers of their values.

use std::collections::BTreeMap;

use super::names::{self, KNOWN, Known, Near};
use crate::checks::{Flaw, Problems, may_be_secret, parse};

/// The variables that are set, trimmed.
#[derive(Clone, Default)]
pub(in crate::config) struct Environment(pub(super) BTreeMap<&'static str, String>);

impl Environment {
    pub(super) fn take(&mut self, known: &'static Known, value: &str, problems: &mut Problems) {
        if value.is_empty() {
            if known.kinds.is_some() {
                let flaw = Flaw::new(
                    "is set but empty, which would lift the restriction: give a value, or unset the variable",
                );
                problems.add_variable(known.option, known.name, flaw);
            }
            return;
        }
        let is_quote = |it: char| it == '"' || it == '\'';
        if !known.is_pem && (value.starts_with(is_quote) || value.ends_with(is_quote)) {
            let flaw =
                Flaw::hidden("it has quotes around it, which are part of the value: remove them");
            problems.add_variable(known.option, known.name, flaw);
            return;
        }
        if known.is_single && value.contains(char::is_whitespace) {
            let flaw = Flaw::hidden("it has spaces in it: remove them");
            problems.add_variable(known.option, known.name, flaw);
            return;
        }
        self.0.insert(known.name, value.to_owned());
    }

    pub(super) fn origin(&self, option: &'static str, name: &'static str, problems: &mut Problems) {
        if self.0.contains_key(name) {
            problems.origins().set(option, name);
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        self.0.get(name).map(|text| parse::list(text))
    }

    pub(super) fn switch(&self, name: &'static str, problems: &mut Problems) -> bool {
        const SWITCH: Words<bool> = &[("1", true), ("true", true), ("0", false), ("false", false)];
        self.word(name, &SWITCH, problems).unwrap_or_default()
    }

    /// Reads one of several words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &'static str,
        words: &Words<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        let named: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let reason = format!("give {}", named.join(" or "));
        let read = |text: &str| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, it)| *it)
        };
        self.parsed(name, read, &reason, problems)
    }

    /// Parses a text into another value.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
        reason: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let value = self.0.get(name)?;
        let read = read(value);
        if read.is_none() {
            let option = KNOWN.iter().find(|known| known.name == name);
            let option = option.map_or("", |known| known.option);
            problems.add_variable(option, name, Flaw::invalid(value, reason));
        }
        read
    }
}

/// Values and the words for them.
pub(super) type Words<T> = &'static [(&'static str, T)];

/// Reports a name that is almost the name of a known variable.
pub(in crate::config) fn report_near_miss(name: &str, problems: &mut Problems) {
    match names::near(name) {
        Some(Near { known, .. }) if known.kinds.is_some() && !may_be_secret(name) => {
            let flaw = Flaw::new(format!(
                "is not a known variable, and would be ignored: write {}",
                known.name
            ));
            problems.add_variable(known.option, name.to_owned(), flaw);
        }
        Some(Near { known, .. }) => tracing::warn!(
            variable = name,
            known = known.name,
            "unknown environment variable ignored: its name is almost that of a known one"
        ),
        None => {}
    }
}
