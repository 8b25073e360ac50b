//! The audiences in the log line of a rejection, and those that are counted.

use super::{answer, owned, rules};
use crate::{
    AuthErrorKind::{InsufficientScope, WrongAudience, WrongClient},
    TokenKind,
    verify::policy::concerns_audience,
};

#[test]
fn a_rejection_names_what_its_kind_expects() {
    let mut rules = rules();
    rules.machines = Some(owned(&["mch_us"]));
    let mut stated = answer();
    stated.scope = Some("mch_a mch_b".to_owned());
    for (kind, audience, found, expected) in [
        (
            TokenKind::OAuth,
            Some("x"),
            &["x"][..],
            &["https://api.example.com", "client_1"][..],
        ),
        (
            TokenKind::OAuth,
            None,
            &[],
            &["https://api.example.com", "client_1"],
        ),
        (
            TokenKind::Session,
            Some("x"),
            &["x"],
            &["https://api.example.com"],
        ),
        (TokenKind::ApiKey, Some("x"), &["x"], &[]),
        (TokenKind::Machine, Some("x"), &["x"], &["mch_us"]),
        // Without an audience, it names machines as scopes.
        (TokenKind::Machine, None, &["mch_a", "mch_b"], &["mch_us"]),
    ] {
        stated.aud = audience.map(|audience| owned(&[audience]));
        let rejection = rules.audience_rejection(&stated, None, kind);
        assert_eq!(rejection.found, found, "{kind:?}");
        assert_eq!(rejection.expected, expected, "{kind:?}");
    }
}

#[test]
fn audiences_are_counted_if_their_rule_was_reached() {
    for (verdict, is_reached) in [
        (Ok(()), true),
        (Err(WrongAudience), true),
        (Err(InsufficientScope), true),
        (Err(WrongClient), false),
    ] {
        for (kind, has_rule) in [
            (TokenKind::OAuth, true),
            (TokenKind::Session, true),
            (TokenKind::ApiKey, false),
            (TokenKind::Machine, false),
        ] {
            let counts = concerns_audience(verdict, kind);
            assert_eq!(counts, is_reached && has_rule, "{kind:?} {verdict:?}");
        }
    }
}
