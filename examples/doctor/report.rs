//! What is printed, and what is not.

/// Prints findings, without the secrets.
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

    /// How many things are wrong.
    pub(crate) fn findings(&self) -> usize {
        self.findings
    }

    pub(crate) fn section(&self, title: &str) {
        println!("\n{}", self.clean(title));
    }

    /// Something is as it should be.
    pub(crate) fn good(&self, text: &str) {
        println!("  ok    {}", self.clean(text));
    }

    /// Something to know.
    pub(crate) fn note(&self, text: &str) {
        println!("        {}", self.clean(text));
    }

    /// Something is wrong, and this is what to do about it.
    pub(crate) fn bad(&mut self, text: &str, advice: &str) {
        self.findings += 1;
        println!("  FAIL  {}", self.clean(text));
        println!("        -> {}", self.clean(advice));
    }

    /// What came of what was found before.
    pub(crate) fn summary(&self, text: &str) {
        println!("  FAIL  {}", self.clean(text));
    }

    /// A server may send anything back: what was secret, what moves a terminal's cursor, or a lot.
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

/// In characters. A few lines of a terminal.
const LONGEST: usize = 500;
