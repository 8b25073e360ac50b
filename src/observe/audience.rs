//! The warning about tokens for another audience. A client cannot distinguish such a token from others: it logs in
//! again, gets the same kind of token, and repeats this without end. Only the operator can see the reason.

use std::fmt::Write as _;

use tracing::field::display;

use super::{
    AudienceVerdict, Outcome,
    metrics::{LabelledCounters, audiences},
    per_minute::PerMinute,
};
use crate::{AuthErrorKind, TokenKind, clock::Now};

/// A token that was rejected because of its audience. Clerk issued it, so a client without a token cannot cause a log
/// line.
#[derive(Debug)]
pub(crate) struct AudienceRejection<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) client: Option<&'a str>,
    /// The audiences of the token. Empty if it has none.
    pub(crate) found: Vec<&'a str>,
    /// The audiences that the configuration accepts.
    pub(crate) expected: Vec<&'a str>,
}

/// Counts the audiences of verified tokens, and logs at most one warning per minute for each client.
#[derive(Debug)]
pub(crate) struct AudienceObserver {
    warnings: PerMinute,
    verdicts: LabelledCounters<AudienceVerdict>,
}

impl AudienceObserver {
    pub(crate) fn new() -> Self {
        Self {
            warnings: PerMinute::default(),
            verdicts: audiences(),
        }
    }

    /// Counts a verification that reached the rule about the audience.
    pub(crate) fn verified(&self, verdict: AudienceVerdict) {
        self.verdicts.increment(verdict);
    }

    /// Logs a token that was rejected because of its audience.
    pub(crate) fn rejected(&self, rejection: &AudienceRejection<'_>, now: Now) {
        if self
            .warnings
            .allows((rejection.kind.as_str(), rejection.client), now)
        {
            warn(rejection);
        }
    }
}

fn warn(rejection: &AudienceRejection<'_>) {
    let outcome = Outcome::BadAudience.as_str();
    let auth_kind = match rejection.kind {
        TokenKind::Machine => AuthErrorKind::WrongMachine,
        _ => AuthErrorKind::WrongAudience,
    };
    let token_kind = rejection.kind.as_str();
    let client = rejection.client.map(quoted).map(display);
    let found = listed(&rejection.found);
    let expected = listed(&rejection.expected);
    if rejection.kind == TokenKind::Machine {
        tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            auth.audience = %found,
            auth.expected_audience = %expected,
            "machine token rejected: it was issued for another machine. If this service is that machine, add the \
             machine's id to `addressed_to`, or to CLERK_MACHINES"
        );
    } else if rejection.found.is_empty() {
        tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            auth.client_id = client,
            auth.audience = %found,
            auth.expected_audience = %expected,
            "token rejected: it has no audience, and the audience policy is `require`. Clients must send `resource` when they \
             request a token. Clerk's introspection responses contain no audience: verify JWTs with \
             `local-then-introspect`, and opaque tokens with the Backend API"
        );
    } else {
        tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            auth.client_id = client,
            auth.audience = %found,
            auth.expected_audience = %expected,
            "token rejected: it was issued for another audience. If that audience is this service, set `resource` to the \
             address that clients use, or add the audience to `audiences`"
        );
    }
}

/// Returns the first of several texts, each in quotes.
fn listed(texts: &[&str]) -> String {
    let shown: Vec<_> = texts.iter().take(MAX_TEXTS).map(|it| quoted(it)).collect();
    let mut list = shown.join(", ");
    let more = texts.len() - shown.len();
    if more > 0 {
        let _ = write!(list, ", and {more} more");
    }
    list
}

/// Returns the beginning of an untrusted text in a form fit for a log line: quoted, with unprintable characters
/// escaped.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

const MAX_TEXTS: usize = 4;

/// Longer than any resource address.
const MAX_CHARS: usize = 200;

#[cfg(test)]
mod tests;
