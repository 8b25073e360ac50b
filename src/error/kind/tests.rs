use std::collections::BTreeSet;

use super::{AuthErrorKind, Class};

const ALL: [AuthErrorKind; 30] = [
    AuthErrorKind::CredentialsRejected,
    AuthErrorKind::Expired,
    AuthErrorKind::Forbidden,
    AuthErrorKind::Inactive,
    AuthErrorKind::InsufficientScope,
    AuthErrorKind::InvalidSignature,
    AuthErrorKind::InvalidUpstreamResponse,
    AuthErrorKind::MalformedCredentials,
    AuthErrorKind::MalformedToken,
    AuthErrorKind::MissingCredentials,
    AuthErrorKind::MissingLayer,
    AuthErrorKind::MissingSubject,
    AuthErrorKind::MultipleCredentials,
    AuthErrorKind::NotAccessToken,
    AuthErrorKind::NotSessionToken,
    AuthErrorKind::NotYetValid,
    AuthErrorKind::Overloaded,
    AuthErrorKind::PendingSession,
    AuthErrorKind::ProfileUnavailable,
    AuthErrorKind::RateLimited,
    AuthErrorKind::ReverificationRequired,
    AuthErrorKind::SenderConstrained,
    AuthErrorKind::TokenTooLong,
    AuthErrorKind::UnauthorizedParty,
    AuthErrorKind::UnsupportedToken,
    AuthErrorKind::UpstreamUnavailable,
    AuthErrorKind::WrongAudience,
    AuthErrorKind::WrongClient,
    AuthErrorKind::WrongIssuer,
    AuthErrorKind::WrongMachine,
];

#[test]
fn names_are_those_of_the_variants_in_snake_case() {
    for kind in ALL {
        let mut expected = String::new();
        for letter in format!("{kind:?}").chars() {
            if letter.is_uppercase() && !expected.is_empty() {
                expected.push('_');
            }
            expected.push(letter.to_ascii_lowercase());
        }
        assert_eq!(kind.as_str(), expected);
    }
    let names: BTreeSet<_> = ALL.into_iter().map(AuthErrorKind::as_str).collect();
    assert_eq!(names.len(), ALL.len());
    let texts: BTreeSet<_> = ALL.into_iter().map(AuthErrorKind::text).collect();
    assert_eq!(texts.len(), ALL.len());
}

#[test]
fn only_what_concerns_the_token_is_remembered() {
    for kind in ALL {
        assert!(!(kind.is_authoritative() && kind.is_outage()), "{kind:?}");
        let is_of_token = matches!(kind.class(), Class::InvalidToken | Class::InsufficientScope);
        // No verification rejects a token that is of no accepted kind.
        let is_expected = is_of_token && kind != AuthErrorKind::UnsupportedToken;
        assert_eq!(kind.is_authoritative(), is_expected, "{kind:?}");
        assert!(
            !kind.is_outage() || kind.class() == Class::Unavailable,
            "{kind:?}"
        );
    }
}
