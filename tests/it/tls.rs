//! Who is at the other end: certificates, names, and the proxies of the environment.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::time::Duration;

use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use tokio::time::Instant;
use tower_clerk::{
    AuthErrorKind, ClerkConfig,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
};

use crate::{
    child::{again, again_with_authority, authority, impostor, is_child, params, tls},
    raw::{Raw, Step, active},
    redaction::Log,
    support::App,
};

/// More than anything needs but silence.
const ATTEMPT: Duration = Duration::from_secs(3);

fn app(domain: &str, attempt_timeout: Duration) -> App {
    let config = ClerkConfig::builder(domain)
        .accept(OAuthTokens::introspection("me", "secret").userinfo(Enrichment::Off))
        .timeout(2 * attempt_timeout)
        .attempt_timeout(attempt_timeout)
        .clock(ManualClock::new());
    App::new(config)
}

fn url(host: &str, server: &Raw) -> String {
    format!("https://{host}:{}", server.port())
}

/// An outage for the caller, and a line in the log that tells the cause. Twice, for two layers.
async fn check(name: &str, domain: &str, cause: &str) {
    let attempt_timeout = match name {
        "silence" => ATTEMPT / 10,
        _ => ATTEMPT,
    };
    for _ in 0..2 {
        let log = Log::default();
        let guard = log.subscribe();
        let start = Instant::now();
        let answer = app(domain, attempt_timeout).bearer("oat_1").await;
        let waited = start.elapsed();
        assert!(waited < 3 * attempt_timeout, "{name}: {waited:?}");
        drop(guard);
        assert_eq!(
            answer.kind(),
            Some(AuthErrorKind::UpstreamUnavailable),
            "{name}"
        );
        assert_eq!(answer.status(), 503, "{name}");
        let log = log.text();
        let told: Vec<_> = log
            .lines()
            .filter(|line| line.contains(" WARN ") && line.contains("request to Clerk failed"))
            .collect();
        assert!(!told.is_empty(), "{name}: nothing was logged");
        for line in told {
            let (_, told) = line.split_once("cause=").unwrap();
            assert!(told.contains(cause), "{name}: {told}");
        }
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_rejected_by_default() {
    // B15, C084, D21
    let acceptor = tls(&params(&["localhost", "127.0.0.1"]), None, "http/1.1");
    let server = Raw::start_tls(acceptor, [vec![Step::Answers(active())]]);
    for host in ["localhost", "127.0.0.1"] {
        check("self-signed", &url(host, &server), "certificate").await;
    }
    assert_eq!(server.connections(), 8, "it was reached");
    assert_eq!(server.requests(), 0, "and not spoken to");
}

#[tokio::test]
async fn only_a_good_certificate_of_a_trusted_authority_is_accepted() {
    // B15, C084, D21
    if !is_child() {
        return again_with_authority(
            "tls::only_a_good_certificate_of_a_trusted_authority_is_accepted",
        );
    }
    let authority = authority();
    let good = params(&["localhost"]);
    let with = |change: fn(&mut rcgen::CertificateParams)| {
        let mut params = params(&["localhost"]);
        change(&mut params);
        params
    };
    let expired = with(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let early = with(|params| params.not_before = date_time_ymd(2100, 1, 1));
    let of_a_client = with(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let only_a_common_name = with(|params| {
        params.subject_alt_names.clear();
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
    });
    let of_an_authority = with(|params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let elsewhere = params(&["clerk.example.com", "*.localhost", "localhost.example.com"]);

    // That it is the certificates that are rejected below, and nothing else.
    let server = Raw::start_tls(
        tls(&good, Some(&authority), "http/1.1"),
        [vec![Step::Answers(active())]],
    );
    app(&url("localhost", &server), ATTEMPT)
        .bearer("oat_1")
        .await
        .assert_accepted();
    assert_eq!(server.requests(), 1);

    for (name, params, issuer, host, cause) in [
        (
            "expired",
            &expired,
            Some(&authority),
            "localhost",
            "expired",
        ),
        (
            "early",
            &early,
            Some(&authority),
            "localhost",
            "not valid yet",
        ),
        (
            "of another host",
            &elsewhere,
            Some(&authority),
            "localhost",
            "not valid for name",
        ),
        (
            "of a name, for an address",
            &good,
            Some(&authority),
            "127.0.0.1",
            "not valid for name",
        ),
        (
            "of a common name",
            &only_a_common_name,
            Some(&authority),
            "localhost",
            "not valid for name",
        ),
        (
            "of a client",
            &of_a_client,
            Some(&authority),
            "localhost",
            "certificate",
        ),
        (
            "of an authority",
            &of_an_authority,
            Some(&authority),
            "localhost",
            "certificate",
        ),
        (
            "of an impostor",
            &good,
            Some(&impostor()),
            "localhost",
            "certificate",
        ),
        ("self-signed", &good, None, "localhost", "certificate"),
    ] {
        let server = Raw::start_tls(
            tls(params, issuer, "http/1.1"),
            [vec![Step::Answers(active())]],
        );
        check(name, &url(host, &server), cause).await;
        assert!(server.connections() >= 2, "{name}: it was reached");
        assert_eq!(server.requests(), 0, "{name}: and not spoken to");
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_nothing() {
    // C084
    let old = [
        &b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"[..],
        &[7; 32],
        b"\x00\x00\x2f\x00",
    ]
    .concat();
    let alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    for (name, script, cause) in [
        (
            "TLS 1.0",
            vec![Step::Anything, Step::Send(old), Step::Silence],
            "peer",
        ),
        (
            "an alert",
            vec![Step::Anything, Step::Send(alert)],
            "ProtocolVersion",
        ),
        (
            "plain HTTP",
            vec![Step::Anything, Step::Send(active())],
            "corrupt",
        ),
        ("a close", vec![Step::Anything], ""),
        ("a reset", vec![Step::Anything, Step::Reset], ""),
        ("silence", vec![Step::Silence], ""),
    ] {
        let server = Raw::start([script]);
        check(name, &url("localhost", &server), cause).await;
        assert!(server.connections() >= 2, "{name}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_an_outage_within_the_deadline() {
    // C082
    check("no such host", "clerk.invalid", "").await;
    check("no such host", "https://verb-noun-00.invalid:8443", "").await;
}

#[tokio::test]
async fn a_port_that_nobody_listens_at_is_an_outage() {
    // C083
    let server = Raw::start([vec![]]);
    let url = url("localhost", &server);
    drop(server);
    check("refused", &url, "refused").await;
}

#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    // C100
    if is_child() {
        let [http, https] =
            ["DIRECT_HTTP", "DIRECT_HTTPS"].map(|name| std::env::var(name).unwrap());
        app(&http, ATTEMPT).bearer("oat_1").await.assert_accepted();
        check("through no proxy", &https, "certificate").await;
        // A client that is not told to ignore them uses them.
        let proxied = reqwest::get(format!("{http}/proxied")).await.unwrap();
        assert_eq!(proxied.status(), 418);
        return;
    }
    let teapot = crate::raw::answer("418 Proxy", "", b"");
    let proxy = Raw::start([vec![Step::Answers(teapot)]]);
    let server = Raw::start([vec![Step::Answers(active())]]);
    let acceptor = tls(&params(&["localhost"]), None, "http/1.1");
    let secure = Raw::start_tls(acceptor, [vec![Step::Answers(active())]]);
    let mut variables = vec![
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
        ("DIRECT_HTTP", server.url()),
        ("DIRECT_HTTPS", url("localhost", &secure)),
    ];
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        variables.push((name, proxy.url()));
    }
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    again("tls::proxies_of_the_environment_are_ignored", &variables);
    assert_eq!(server.requests(), 1);
    assert_eq!(secure.connections(), 4);
    // What the other client sent, to show that the proxy works.
    assert_eq!(proxy.connections(), 1);
    let texts = proxy.texts();
    assert!(texts[0].contains("/proxied"), "{texts:?}");
}
