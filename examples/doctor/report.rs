//! The output, without secrets.

/// Prints findings, with all secrets removed.
pub(crate) struct Report {
    secrets: Vec<String>,
    findings: usize,
}

impl Report {
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a String>) -> Self {
        Self {
            secrets: secrets.cloned().collect(),
            findings: 0,
        }
    }

    /// The number of problems.
    pub(crate) fn findings(&self) -> usize {
        self.findings
    }

    pub(crate) fn section(&self, title: &str) {
        println!("\n{}", self.clean(title));
    }

    /// Prints a check that passed.
    pub(crate) fn good(&self, text: &str) {
        println!("  ok    {}", self.clean(text));
    }

    /// Prints information.
    pub(crate) fn note(&self, text: &str) {
        println!("        {}", self.clean(text));
    }

    /// Prints a problem, and advice.
    pub(crate) fn bad(&mut self, text: &str, advice: &str) {
        self.findings += 1;
        println!("  FAIL  {}", self.clean(text));
        println!("        -> {}", self.clean(advice));
    }

    /// Prints the conclusion from the findings before.
    pub(crate) fn summary(&self, text: &str) {
        println!("  FAIL  {}", self.clean(text));
    }

    /// Removes dangerous text from an answer: secrets, control characters for the terminal, or a large amount of
    /// text.
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "[secret]");
        }
        let printed = |letter: char| match letter {
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        };
        text.chars().map(printed).take(LONGEST).collect()
    }
}

/// In characters: a few lines of a terminal.
const LONGEST: usize = 500;
