//! The output: findings, advice, and values from outside.

use serde_json::Value;

/// Prints findings, and counts the problems.
pub(crate) struct Report {
    secrets: Vec<String>,
    findings: usize,
}

impl Report {
    /// `secrets`: the values that [`shown`](Self::shown) never shows.
    pub(crate) fn new(secrets: Vec<String>) -> Self {
        Self {
            secrets,
            findings: 0,
        }
    }

    /// The number of problems.
    pub(crate) fn findings(&self) -> usize {
        self.findings
    }

    pub(crate) fn section(&self, title: &str) {
        println!("\n{}", printable(title));
    }

    /// Prints a check that passed.
    pub(crate) fn good(&self, text: &str) {
        println!("  ok    {}", printable(text));
    }

    /// Prints information.
    pub(crate) fn note(&self, text: &str) {
        println!("        {}", printable(text));
    }

    /// Prints a problem, and advice.
    pub(crate) fn bad(&mut self, text: &str, advice: &str) {
        self.findings += 1;
        self.summary(text);
        println!("        -> {}", printable(advice));
    }

    /// Prints the conclusion from the findings before.
    pub(crate) fn summary(&self, text: &str) {
        println!("  FAIL  {}", printable(text));
    }

    /// Returns a value of an answer or a token in a form that may be printed. A value that contains a secret is left
    /// out as a whole. Every text that does not come from this program or the operating system passes through here.
    pub(crate) fn shown(&self, value: &Value) -> String {
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        if self.secrets.iter().any(|secret| text.contains(secret)) {
            return "(not shown: it contains a secret)".to_owned();
        }
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    pub(crate) fn shown_text(&self, text: &str) -> String {
        self.shown(&Value::from(text))
    }
}

/// Replaces control characters, which could change what a terminal shows.
fn printable(text: &str) -> String {
    let printed = |letter: char| match letter {
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(printed).collect()
}

/// In characters: a few lines of a terminal.
const LONGEST: usize = 400;
