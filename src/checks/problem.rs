//! [`ConfigError`] and [`ConfigProblem`], and the list in which the checks of a configuration collect them.

use std::{borrow::Cow, error::Error, fmt};

use super::{secret::may_be_secret, untyped::Misfit};

/// All problems of a configuration, found by [`build`](crate::ClerkConfigBuilder::build).
///
/// `Display` and `Debug` print the same list, one problem per line, since `main` prints an error by `Debug`. It
/// contains no secret, regardless of the option that a secret was written to.
#[derive(Clone)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    option: Cow<'static, str>,
    variable: Option<Cow<'static, str>>,
    message: String,
}

/// A problem that does not name its option yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    message: String,
    is_missing: bool,
}

/// Collects the problems of a configuration.
#[derive(Clone, Default)]
pub(crate) struct Problems {
    found: Vec<ConfigProblem>,
    origins: Origins,
}

/// Maps options to the environment variables that they were taken from.
#[derive(Clone, Default)]
pub(crate) struct Origins(Vec<(&'static str, &'static str)>);

impl ConfigError {
    /// Returns the problems, at least one.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

/// Makes the error of a file that cannot be read.
impl From<Misfit> for ConfigError {
    fn from(misfit: Misfit) -> Self {
        let path = misfit.path();
        let option = match &*path {
            "" => "configuration".into(),
            _ => path.into(),
        };
        let flaw = Flaw::hidden(misfit.reason());
        let problem = ConfigProblem {
            option,
            variable: None,
            message: flaw.message,
        };
        Self {
            problems: vec![problem],
        }
    }
}

impl ConfigProblem {
    /// Returns the option, as it is named in files: `accept.oauth.required_scopes`.
    pub fn option(&self) -> &str {
        &self.option
    }

    /// Returns the environment variable. `None` if the value did not come from one.
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }

    /// Returns the problem, the value unless it may be a secret, and what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Flaw {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_missing: false,
        }
    }

    /// The problem of a missing mandatory option. Not reported if the option already has another problem.
    pub(crate) fn missing(hint: &str) -> Self {
        Self {
            message: format!("is missing or empty: {hint}"),
            is_missing: true,
        }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The problem of an invalid value. The value is shown unless it may be a secret.
    pub(crate) fn invalid(value: &str, reason: impl fmt::Display) -> Self {
        if may_be_secret(value) {
            return Self::hidden(reason);
        }
        Self::new(format!("cannot be {value:?}: {reason}"))
    }

    /// The problem of an invalid value, with what to write instead. Neither is shown if the value may be a secret.
    pub(crate) fn instead(value: &str, reason: &str, hint: impl fmt::Display) -> Self {
        if may_be_secret(value) {
            return Self::hidden(reason);
        }
        Self::new(format!("cannot be {value:?}: {reason}: {hint}"))
    }

    /// The problem of an invalid value that is not shown.
    pub(crate) fn hidden(reason: impl fmt::Display) -> Self {
        Self::new(format!("cannot be used: {reason}"))
    }

    pub(crate) fn out_of_range(value: impl fmt::Display, bound: &str) -> Self {
        Self::new(format!("is {value}, but must be {bound}"))
    }
}

impl Problems {
    pub(crate) fn new(origins: Origins) -> Self {
        Self {
            found: Vec::new(),
            origins,
        }
    }

    /// Returns the map from options to environment variables.
    pub(crate) fn origins(&mut self) -> &mut Origins {
        &mut self.origins
    }

    pub(crate) fn add(&mut self, option: &'static str, flaw: Flaw) {
        if flaw.is_missing && self.found.iter().any(|problem| problem.option == option) {
            return;
        }
        let variable = self.origins.of(option).map(Cow::Borrowed);
        self.push(option, variable, flaw);
    }

    /// Adds the problem of an environment variable.
    pub(crate) fn add_variable(
        &mut self,
        option: &'static str,
        variable: impl Into<Cow<'static, str>>,
        flaw: Flaw,
    ) {
        self.push(option, Some(variable.into()), flaw);
    }

    /// Returns the value of a successful check. Adds the problem of a failed one.
    pub(crate) fn check<T>(&mut self, option: &'static str, outcome: Result<T, Flaw>) -> Option<T> {
        outcome.map_err(|flaw| self.add(option, flaw)).ok()
    }

    /// Checks each entry of a list.
    pub(crate) fn check_each(
        &mut self,
        option: &'static str,
        entries: &[String],
        check: impl Fn(&str) -> Result<(), Flaw>,
    ) {
        for entry in entries {
            self.check(option, check(entry));
        }
    }

    pub(crate) fn extend(&mut self, earlier: &Self) {
        self.found.extend(earlier.found.iter().cloned());
    }

    /// Returns the problems as an error, if there are any.
    pub(crate) fn into_result(self) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(ConfigError {
            problems: self.found,
        })
    }

    fn push(&mut self, option: &'static str, variable: Option<Cow<'static, str>>, flaw: Flaw) {
        let problem = ConfigProblem {
            option: option.into(),
            variable,
            message: flaw.message,
        };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }
}

impl Origins {
    pub(crate) fn set(&mut self, option: &'static str, variable: &'static str) {
        self.0.push((option, variable));
    }

    /// Removes the variable of an option that code has set since.
    pub(crate) fn forget(&mut self, option: &str) {
        self.0.retain(|(known, _)| *known != option);
    }

    fn of(&self, option: &str) -> Option<&'static str> {
        let found = self.0.iter().find(|(known, _)| *known == option);
        found.map(|(_, variable)| *variable)
    }
}

/// Prints one line.
impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.option)?;
        if let Some(variable) = &self.variable {
            write!(f, " ({variable})")?;
        }
        write!(f, " {}", self.message)
    }
}

/// Prints the problem, or a list of problems.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &*self.problems {
            return problem.fmt(f);
        }
        write!(f, "the configuration has {} problems:", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n- {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
