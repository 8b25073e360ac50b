//! Tokens that are verified by their signature.

use super::{ISSUER, NOW, answer, owned, rules};
use crate::{
    AuthErrorKind::{Expired, MalformedToken, WrongClient, WrongIssuer},
    TokenKind,
};

#[test]
fn local_token_names_its_end_and_its_issuer() {
    for (name, exp, iss, expected) in [
        ("both", Some(NOW + 1), Some(ISSUER), Ok(())),
        ("no end", None, Some(ISSUER), Err(MalformedToken)),
        ("no issuer", Some(NOW + 1), None, Err(WrongIssuer)),
        ("within the leeway", Some(NOW - 4), Some(ISSUER), Ok(())),
        ("over", Some(NOW - 5), Some(ISSUER), Err(Expired)),
    ] {
        let mut local = answer();
        local.is_local = true;
        local.exp = exp;
        local.iss = iss.map(ToOwned::to_owned);
        let verdict = rules().check(&local, TokenKind::OAuth, NOW);
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn end_and_issuer_are_checked_before_the_signature() {
    let proxied = "https://app.example.com/__clerk";
    let mut rules = rules();
    rules.proxy_issuer = Some(proxied.to_owned());
    for (name, exp, iss, expected) in [
        // What is absent is rejected after the signature.
        ("neither", None, None, Ok(())),
        ("ours", Some(NOW + 1), Some(ISSUER), Ok(())),
        ("of the proxy", Some(NOW + 1), Some(proxied), Ok(())),
        ("over", Some(NOW - 5), Some(ISSUER), Err(Expired)),
        (
            "another",
            Some(NOW + 1),
            Some("https://x.example"),
            Err(WrongIssuer),
        ),
    ] {
        let mut stated = answer();
        stated.is_local = true;
        stated.exp = exp;
        stated.iss = iss.map(ToOwned::to_owned);
        assert_eq!(rules.check_end_and_issuer(&stated, NOW), expected, "{name}");
    }
}

#[test]
fn a_challenge_names_the_scopes_of_an_accepted_kind() {
    for (accepted, expected) in [
        (vec![TokenKind::OAuth, TokenKind::ApiKey], "email"),
        (vec![TokenKind::ApiKey], "read"),
    ] {
        let mut rules = rules();
        rules.accept = accepted.into_iter().collect();
        rules.required_scopes = owned(&["email"]);
        rules.api_key_scopes = owned(&["read"]);
        assert_eq!(rules.challenged_scopes(), [expected]);
    }
}

#[test]
fn a_client_that_a_payload_names_is_allowed() {
    for (name, allowed, client, expected) in [
        ("none", Some("client_1"), None, Ok(())),
        ("ours", Some("client_1"), Some("client_1"), Ok(())),
        (
            "another",
            Some("client_1"),
            Some("client_2"),
            Err(WrongClient),
        ),
        ("any", None, Some("client_2"), Ok(())),
    ] {
        let mut rules = rules();
        rules.allowed_clients = allowed.map(|client| owned(&[client]));
        let mut stated = answer();
        stated.client_id = client.map(ToOwned::to_owned);
        assert_eq!(rules.check_named_client(&stated), expected, "{name}");
    }
}
