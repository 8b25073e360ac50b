//! The URL of a proxy, beside the instance.

use super::{Silent, builder, check_all, oauth};
use crate::{ClerkConfig, ClerkConfigBuilder};

const PROXY: &str = "https://app.example.com/__clerk";
/// A key of `clerk.example.com`.
const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";

fn of(instance: &str) -> ClerkConfigBuilder {
    ClerkConfig::builder(instance)
        .accept(oauth())
        .transport(Silent)
}

#[test]
fn a_proxy_is_a_whole_url() {
    let with = |url: &str| builder().proxy_url(url);
    let invalid = Some(("invalid", "proxy_url"));
    let secret = Some(("invalid secret", "proxy_url"));
    check_all([
        ("a path", with(PROXY), None),
        (
            "a slash at the end",
            with("https://app.example.com/__clerk/"),
            None,
        ),
        (
            "a host of its own",
            with("https://clerk-proxy.example.com"),
            None,
        ),
        ("none", with(""), None),
        ("a path alone", with("/__clerk"), invalid),
        ("no scheme", with("app.example.com/__clerk"), invalid),
        (
            "plain http",
            with("http://app.example.com/__clerk"),
            invalid,
        ),
        (
            "a dot segment",
            with("https://app.example.com/../__clerk"),
            invalid,
        ),
        (
            "a query",
            with("https://app.example.com/__clerk?x"),
            invalid,
        ),
        // faults H9c to H9e
        (
            "the account portal",
            with("https://accounts.example.com"),
            invalid,
        ),
        (
            "the dashboard",
            with("https://dashboard.clerk.com"),
            invalid,
        ),
        ("the Backend API", with("https://api.clerk.com"), invalid),
        (
            "their path",
            with("https://accounts.example.com/__clerk"),
            None,
        ),
        ("a publishable key", with(KEY), invalid),
        ("a secret key", with("sk_test_1"), secret),
        (
            "user info",
            with("https://a:canary@app.example.com/__clerk"),
            secret,
        ),
        (
            "beside a URL with a path",
            of(PROXY).proxy_url(PROXY),
            Some(("invalid secret", "proxy_url")),
        ),
    ]);
}

#[test]
fn addresses_are_below_the_proxy_and_both_issuers_are_known() {
    for (name, config, issuers, base) in [
        (
            "a host",
            of("clerk.example.com"),
            &["https://clerk.example.com"][..],
            "https://clerk.example.com",
        ),
        ("a base URL", of(PROXY), &[PROXY], PROXY),
        (
            "a host and a proxy",
            of("clerk.example.com").proxy_url(PROXY),
            &["https://clerk.example.com", PROXY],
            PROXY,
        ),
        (
            "a key and a proxy",
            of(KEY).proxy_url(format!("{PROXY}/")),
            &["https://clerk.example.com", PROXY],
            PROXY,
        ),
    ] {
        let config = config.discover([""; 0]).resource("https://api.example.com");
        let config = config.build().unwrap();
        assert_eq!(config.issuer(), issuers[0], "{name}");
        assert!(config.rules.issuers().eq(issuers.iter().copied()), "{name}");
        assert_eq!(
            config.discovery_bases.as_deref().unwrap(),
            issuers,
            "{name}"
        );
        let endpoint = config.frontend().introspection_endpoint();
        assert_eq!(endpoint, *format!("{base}/oauth/token_info"), "{name}");
        // Clients have to reach it.
        let metadata = config.resource_metadata.as_ref().unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(metadata.json()).unwrap();
        assert_eq!(metadata["authorization_servers"], serde_json::json!([base]));
    }
}

#[test]
fn calls_through_a_proxy_on_this_machine_have_no_rate_limit() {
    for (name, config, expected) in [
        ("elsewhere", of(KEY).proxy_url(PROXY), Some(1_000)),
        (
            "here",
            of(KEY).proxy_url("http://127.0.0.1:4000/__clerk"),
            None,
        ),
        (
            "of a development instance",
            of("verb-noun-00.clerk.accounts.dev").proxy_url(PROXY),
            Some(100),
        ),
    ] {
        assert_eq!(config.build().unwrap().rate_limit, expected, "{name}");
    }
}

#[test]
fn a_builder_shows_neither_the_proxy_nor_a_path() {
    for builder in [of(KEY).proxy_url(PROXY), of(PROXY)] {
        let shown = format!("{builder:?}");
        assert!(!shown.contains("__clerk"), "{shown}");
    }
}
