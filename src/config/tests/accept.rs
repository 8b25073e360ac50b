//! The kinds that are accepted.

use super::{Case, accepting, builder, check, kind_of, nothing, oauth};
use crate::{
    TokenKind,
    kinds::{ApiKeys, MachineTokens, OAuthTokens},
    token::Kinds,
    verify::Enrichment,
};

const KEY: &str = "sk_test_1";

#[test]
fn what_is_accepted_is_named_once() {
    // fault H9i
    let us = || MachineTokens::addressed_to(["mch_1"]);
    for (name, input, expected) in [
        ("nothing", nothing(), Some(("missing", "accept"))),
        ("one kind", builder(), None),
        (
            "OAuth tokens twice",
            builder().accept(oauth()),
            Some(("invalid secret", "accept.oauth")),
        ),
        (
            "API keys twice",
            accepting(ApiKeys::new())
                .accept(ApiKeys::new())
                .secret_key(KEY),
            Some(("invalid secret", "accept.api_key")),
        ),
        (
            "machine tokens twice",
            accepting(us()).accept(us()).secret_key(KEY),
            Some(("invalid secret", "accept.machine")),
        ),
        (
            "no machine",
            accepting(MachineTokens::addressed_to([""; 0])).secret_key(KEY),
            Some(("missing", "accept.machine.addressed_to")),
        ),
    ] {
        check(Case {
            name,
            input,
            expected,
        });
    }
    let config = builder()
        .accept(ApiKeys::new().required_scopes(["keys"]))
        .accept(us())
        .secret_key(KEY)
        .build()
        .unwrap();
    let kinds = [TokenKind::OAuth, TokenKind::ApiKey, TokenKind::Machine];
    assert_eq!(config.rules.accept, Kinds::from_iter(kinds));
    assert_eq!(config.rules.api_key_scopes, ["keys"]);
    assert!(config.rules.required_scopes.is_empty());
    assert!(!config.machine_jwts);
    assert_eq!(config.rules.machines, Some(vec!["mch_1".to_owned()]));
    let any = accepting(MachineTokens::addressed_to_any()).secret_key(KEY);
    assert_eq!(any.build().unwrap().rules.machines, None);
}

#[test]
fn several_scopes_in_one_text_are_rejected_with_the_list() {
    // fault H9h
    for (name, scope) in [("a comma", "email,profile"), ("both", "email, profile")] {
        for config in [
            accepting(oauth().required_scopes([scope])),
            accepting(ApiKeys::new().required_scopes([scope])).secret_key(KEY),
        ] {
            let error = config.build().unwrap_err();
            let message = error.problems()[0].message();
            assert_eq!(kind_of(message), "invalid");
            assert!(
                message.contains(r#"["email", "profile"]"#),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn userinfo_is_off_while_users_are_on() {
    use Enrichment::{BestEffort, Off, Required};

    let with = |users, userinfo: Option<Enrichment>| {
        let oauth = userinfo.map_or(oauth(), |userinfo| oauth().userinfo(userinfo));
        let config = accepting(oauth).users(users).secret_key(KEY);
        let config = config.build().unwrap();
        (config.users, config.userinfo)
    };
    for (users, userinfo, expected) in [
        (Off, None, BestEffort),
        (Off, Some(Off), Off),
        (BestEffort, None, Off),
        (Required, None, Off),
        (Required, Some(BestEffort), BestEffort),
        (BestEffort, Some(Required), Required),
    ] {
        assert_eq!(with(users, userinfo), (users, expected), "{userinfo:?}");
    }
}

#[cfg(feature = "jwt")]
#[test]
fn parties_are_origins_as_browsers_write_them() {
    // fault E6
    use crate::kinds::SessionTokens;

    let invalid = Some(("invalid", "accept.session.authorized_parties"));
    let parties = |parties: &[&str]| {
        accepting(SessionTokens::new().authorized_parties(parties.iter().copied()))
    };
    for (name, party, expected, hint) in [
        ("an origin", "https://app.example.com", None, ""),
        ("a port", "http://localhost:3000", None, ""),
        ("an address", "http://[::1]:3000", None, ""),
        ("null", "null", None, ""),
        ("an extension", "chrome-extension://abcdef", None, ""),
        ("an app", "capacitor://localhost", None, ""),
        (
            "a slash",
            "https://app.example.com/",
            invalid,
            "\"https://app.example.com\"",
        ),
        (
            "the port of https",
            "https://a.example:443",
            invalid,
            "\"https://a.example\"",
        ),
        (
            "the port of http",
            "http://a.example:80",
            invalid,
            "\"http://a.example\"",
        ),
        (
            "a capital",
            "https://App.example.com",
            invalid,
            "\"https://app.example.com\"",
        ),
        (
            "a scheme in capitals",
            "HTTPS://a.example",
            invalid,
            "\"https://a.example\"",
        ),
        (
            "no scheme",
            "app.example.com",
            invalid,
            "https://app.example.com",
        ),
        ("a star", "*", invalid, "leave the list out"),
        (
            "a path",
            "https://a.example/login",
            invalid,
            "\"https://a.example\"",
        ),
        (
            "a query",
            "https://a.example?x",
            invalid,
            "\"https://a.example\"",
        ),
        (
            "beyond ASCII",
            "https://b\u{fc}cher.example",
            invalid,
            "xn--bcher-kva",
        ),
        ("a space", "https://a example", invalid, "origin"),
        (
            "a path of an extension",
            "chrome-extension://abcdef/",
            invalid,
            "without a path",
        ),
        (
            "a capital in a scheme",
            "Chrome-extension://a",
            invalid,
            "small letters",
        ),
        ("nothing", "", invalid, "write an origin"),
    ] {
        let input = parties(&[party]);
        if let Err(error) = input.clone().build() {
            assert!(error.to_string().contains(hint), "{name}: {error}");
        }
        check(Case {
            name,
            input,
            expected,
        });
    }
    check(Case {
        name: "no party",
        input: parties(&[]),
        expected: Some(("missing", "accept.session.authorized_parties")),
    });
    let twice = accepting(SessionTokens::new()).accept(SessionTokens::new());
    let error = twice.build().unwrap_err();
    assert_eq!(super::parts(&error), ("invalid secret", "accept.session"));
}

#[test]
fn a_custom_verifier_needs_named_clients() {
    let own = || OAuthTokens::verified_by(super::Never);
    let error = accepting(own()).build().unwrap_err();
    assert_eq!(
        super::parts(&error),
        ("missing", "accept.oauth.allowed_clients")
    );
    let config = accepting(own().allow_any_client()).build().unwrap();
    assert_eq!(config.rules.allowed_clients, None);
    assert_eq!(config.client_id, None);
}
