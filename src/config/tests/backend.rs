use super::{Case, Wrong, accepting, builder, check, parts};
use crate::{
    ClerkConfigBuilder,
    kinds::{ApiKeys, MachineTokens, OAuthTokens},
    verify::Enrichment,
};

const KEY: &str = "sk_test_canarySecret";

fn check_all<const N: usize>(
    set: impl Fn(&str) -> ClerkConfigBuilder,
    cases: [(&'static str, Wrong); N],
) {
    for (name, expected) in cases {
        check(Case {
            name,
            input: set(name),
            expected,
        });
    }
}

#[test]
fn address_is_a_plain_https_url() {
    let wrong = Some(("invalid", "backend_api_url"));
    let secret = Some(("invalid secret", "backend_api_url"));
    check_all(
        |url| builder().secret_key(KEY).backend_api_url(url),
        [
            ("https://api.clerk.com/v1", None),
            ("https://api.clerk.com", None),
            ("https://api.clerk.com/v1/", None),
            ("HTTPS://API.CLERK.COM/v1", None),
            ("https://proxy.example:8443/to/clerk-v1.2_x~", None),
            ("http://127.0.0.1:3000/v1", None),
            ("http://localhost/v1", None),
            ("http://[::1]:1/v1", None),
            ("http://api.clerk.com/v1", wrong),
            ("http://127.0.0.1.example/v1", wrong),
            ("http://10.0.0.1/v1", wrong),
            ("", wrong),
            ("api.clerk.com/v1", wrong),
            ("ftp://api.clerk.com", wrong),
            ("https://", wrong),
            ("https:///v1", wrong),
            ("https://api.clerk.com/v1?key=1", wrong),
            ("https://api.clerk.com/v1#x", wrong),
            ("https://api.clerk.com/../v1", wrong),
            ("https://api.clerk.com/./v1", wrong),
            ("https://api.clerk.com//v1", wrong),
            ("https://api.clerk.com/v%31", wrong),
            ("https://api.clerk.com/v 1", wrong),
            ("https://api.clerk.com\\v1", wrong),
            ("https://api.clerk.com:port/v1", wrong),
            ("https://api.clerk.com:99999/v1", wrong),
            ("https://api%2eclerk.com/v1", wrong),
            ("https://\u{fc}pi.example/v1", wrong),
            ("https://2130706433/v1", wrong),
            ("https://user:canarySecret@api.clerk.com", secret),
            (KEY, secret),
        ],
    );
    let long = format!("https://api.clerk.com/{}", "a".repeat(1024));
    let error = builder().backend_api_url(long).build().unwrap_err();
    assert_eq!(parts(&error), ("invalid", "backend_api_url"));
}

#[test]
fn address_is_joined_with_paths() {
    for (url, expected) in [
        (
            "https://api.clerk.com",
            "https://api.clerk.com/v1/users/user_1",
        ),
        (
            "https://api.clerk.com/",
            "https://api.clerk.com/v1/users/user_1",
        ),
        (
            "https://api.clerk.com/v1/",
            "https://api.clerk.com/v1/users/user_1",
        ),
        (
            "https://API.clerk.com:443/x",
            "https://api.clerk.com/x/users/user_1",
        ),
        (
            "http://127.0.0.1:3000/a/b",
            "http://127.0.0.1:3000/a/b/users/user_1",
        ),
    ] {
        let config = builder()
            .secret_key(KEY)
            .backend_api_url(url)
            .build()
            .unwrap();
        let backend = config.backend.unwrap();
        assert_eq!(backend.endpoint("/users/user_1"), expected, "{url}");
    }
}

#[test]
fn version_is_a_date() {
    let wrong = Some(("invalid", "backend_api_version"));
    check_all(
        |version| builder().secret_key(KEY).backend_api_version(version),
        [
            ("2026-05-12", None),
            ("2021-02-05", None),
            ("", wrong),
            ("v1", wrong),
            ("2026-5-12", wrong),
            ("2026/05/12", wrong),
            ("2026-05-12 ", wrong),
            ("2026-05-1\n", wrong),
            ("2026-05-1\u{663}", wrong),
            ("20260-5-12", wrong),
        ],
    );
}

#[test]
fn a_kind_that_no_credential_can_verify_is_rejected() {
    // fault E9
    let missing = Some(("missing", "secret_key"));
    let machine = Some(("missing", "accept.machine.machine_secret_key"));
    let backend = || OAuthTokens::backend_api().allow_any_client();
    let us = || MachineTokens::addressed_to(["mch_1"]);
    let key_of_machine = "ak_1/2=";
    for (name, input, expected) in [
        ("introspection", builder(), None),
        ("API keys", accepting(ApiKeys::new()), missing),
        ("OAuth tokens", accepting(backend()), missing),
        ("users", builder().users(Enrichment::BestEffort), missing),
        (
            "API keys, with it",
            accepting(ApiKeys::new()).secret_key(KEY),
            None,
        ),
        (
            "OAuth tokens, with it",
            accepting(backend()).secret_key(KEY),
            None,
        ),
        (
            "OAuth tokens of no client",
            accepting(OAuthTokens::backend_api()).secret_key(KEY),
            Some(("missing", "accept.oauth.allowed_clients")),
        ),
        ("machine tokens", accepting(us()), machine),
        (
            "machine tokens, with it",
            accepting(us()).secret_key(KEY),
            None,
        ),
        (
            "machine tokens, with the key of a machine",
            accepting(us().machine_secret_key(key_of_machine)),
            None,
        ),
        (
            "machine tokens, with both",
            accepting(us().machine_secret_key(key_of_machine)).secret_key(KEY),
            None,
        ),
        #[cfg(feature = "jwt")]
        ("machine tokens that are JWTs", accepting(us().jwts()), None),
        (
            "the key of the instance as that of a machine",
            accepting(us().machine_secret_key(KEY)),
            Some(("invalid secret", "accept.machine.machine_secret_key")),
        ),
        (
            "the key of a machine as that of the instance",
            accepting(ApiKeys::new()).secret_key("ak_1"),
            Some(("invalid secret", "secret_key")),
        ),
    ] {
        check(Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn key_is_a_secret_key() {
    let wrong = Some(("invalid secret", "secret_key"));
    check_all(
        |key| builder().secret_key(key),
        [
            (KEY, None),
            ("sk_live_1", None),
            ("pk_test_1", wrong),
            ("secret", wrong),
            ("sk_test_1 2", wrong),
            ("sk_test_1\n", wrong),
            ("sk_test_\u{fc}", wrong),
        ],
    );
}

/// The secret key of a machine, and a token of one, stand beside its id in the dashboard.
#[test]
fn what_stands_in_place_of_the_id_of_a_machine_is_not_shown() {
    for mistaken in ["ak_canary", "sk_test_canary", "mt_canary", "canary"] {
        for machines in [vec![mistaken], vec!["mch_1", mistaken]] {
            let config = accepting(MachineTokens::addressed_to(machines)).secret_key(KEY);
            let error = config.build().unwrap_err();
            let option = "accept.machine.addressed_to";
            assert_eq!(parts(&error), ("invalid secret", option));
            let texts = format!("{error} {error:?}");
            assert!(!texts.contains("canary"), "{texts}");
        }
    }
}

#[test]
fn key_is_shown_nowhere() {
    let config = builder().secret_key(KEY);
    let mut texts = format!("{config:?}");
    let config = config.build().unwrap();
    texts += &format!("{config:?} {:#?}", config.backend);
    assert!(!texts.contains("canary"), "{texts}");
    assert!(texts.contains("api.clerk.com"), "{texts}");
    let backend = config.backend.unwrap();
    assert!(backend.credentials.is_sensitive());
    assert_eq!(backend.credentials, format!("Bearer {KEY}"));
}
