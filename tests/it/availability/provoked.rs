//! Answers that one token can provoke.

use tower_clerk::{AuthErrorKind, kinds::Enrichment, observe::BreakerState};

use super::script::{At, HTML, JSON, Reply, SECOND, Scripted};
use crate::{redaction::Log, support::App};

/// What one token can provoke at any endpoint.
fn provoked() -> Vec<(&'static str, Reply)> {
    let json = |status, body: &str| Reply::new(status, JSON, body);
    let page = |status| Reply::new(status, HTML, "<h1>no</h1>");
    vec![
        (
            "302",
            page(302).header("location", "https://elsewhere.example/"),
        ),
        ("308", json(308, "")),
        ("400", page(400)),
        ("402", json(402, "{}")),
        ("403 of a firewall", page(403)),
        ("401 of a firewall", page(401)),
        ("403 without a reason", json(403, "{}")),
        ("404", page(404)),
        ("405", json(405, "{}")),
        ("413", page(413)),
        ("414", page(414)),
        ("418", json(418, "{}")),
        (
            "422",
            json(
                422,
                r#"{"errors":[{"code":"feature_requires_oidc_provider"}]}"#,
            ),
        ),
        ("431", page(431)),
        ("451", page(451)),
        ("200 with HTML", page(200)),
        ("200 that is broken off", json(200, r#"{"active":tr"#)),
        ("200 that is too large", json(200, &" ".repeat(300_000))),
        ("204", json(204, "")),
    ]
}

/// A layer, the endpoint that is provoked, and how its tokens begin.
fn places(scripted: &Scripted) -> Vec<(&'static str, App, At, &'static str)> {
    let required = scripted.required();
    vec![
        (
            "introspection",
            App::new(scripted.config()),
            At::TokenInfo,
            "oat_",
        ),
        ("userinfo", App::new(required), At::Userinfo, "oat_"),
        ("API keys", App::new(scripted.config()), At::ApiKey, "ak_"),
        (
            "users",
            App::new(scripted.users(Enrichment::Required)),
            At::User,
            "ak_",
        ),
    ]
}

fn is_bad(about: &str) -> bool {
    about.contains("bad")
}

#[tokio::test(start_paused = true)]
async fn answer_that_a_token_provokes_costs_no_other_token_anything() {
    // fault B1
    for (name, reply) in provoked() {
        let scripted = Scripted::new(|_, _| None);
        for (place, app, bad_at, prefix) in places(&scripted) {
            let reply = reply.clone();
            scripted
                .script(move |at, about| (at == bad_at && is_bad(about)).then(|| reply.clone()));
            for number in 0..20 {
                for _ in 0..2 {
                    let answer = app.bearer(&format!("{prefix}bad{number}")).await;
                    assert_eq!(answer.status(), 503, "{place}, {name}");
                    assert!(answer.header("retry-after").is_some(), "{place}, {name}");
                }
            }
            let mut accepted = 0;
            // A minute.
            let good_ones = if name == "302" { 600 } else { 60 };
            for second in 0..60 {
                app.bearer(&format!("{prefix}bad_{second}")).await;
                for number in 0..good_ones / 60 {
                    let token = format!("{prefix}{second}_{number}");
                    accepted += usize::from(app.bearer(&token).await.status() == 200);
                }
                scripted.pass(SECOND).await;
            }
            assert_eq!(accepted, good_ones, "{place}, {name}");
            let health = app.layer.authenticator().health();
            for breaker in [health.introspection, health.userinfo, health.backend_api] {
                assert_eq!(breaker, BreakerState::Closed, "{place}, {name}");
            }
            assert!(!health.credentials_rejected, "{place}, {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn profile_that_is_not_required_is_left_out_after_an_answer_that_the_token_provoked() {
    // fault B1
    for (name, reply) in provoked() {
        let scripted = Scripted::new(move |at, _| {
            matches!(at, At::Userinfo | At::User).then(|| reply.clone())
        });
        let userinfo = scripted.config_with(Enrichment::BestEffort);
        for app in [
            App::new(userinfo),
            App::new(scripted.users(Enrichment::BestEffort)),
        ] {
            for number in 0..30 {
                let answer = app.bearer(&format!("oat_{number}")).await;
                answer.assert_accepted();
                assert!(answer.claims().profile().is_none(), "{name}");
            }
            assert_eq!(
                app.layer.authenticator().health().userinfo,
                BreakerState::Closed,
                "{name}"
            );
            assert_eq!(
                app.layer.authenticator().health().backend_api,
                BreakerState::Closed,
                "{name}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_counts_for_the_circuit_breaker_and_answers_that_are_provoked_do_not_reset_it() {
    // fault B1: of the failures, every second is followed by an answer that shows nothing.
    for status in [408, 500, 501] {
        let scripted = Scripted::new(move |_, about| {
            Some(if is_bad(about) {
                Reply::new(404, HTML, "")
            } else {
                Reply::new(status, JSON, "{}")
            })
        });
        let app = App::new(scripted.config());
        for number in 0..10 {
            assert_eq!(
                app.layer.authenticator().health().introspection,
                BreakerState::Closed
            );
            app.bearer(&format!("oat_{number}"))
                .await
                .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
            if number < 9 {
                app.bearer(&format!("oat_bad{number}")).await;
            }
        }
        assert_eq!(
            app.layer.authenticator().health().introspection,
            BreakerState::Open,
            "{status}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn probe_with_a_bad_token_leaves_the_next_probe_to_a_good_one() {
    // fault B1
    let scripted = Scripted::new(|_, _| Some(Reply::new(500, JSON, "{}")));
    let app = App::new(scripted.config());
    for number in 0..10 {
        app.bearer(&format!("oat_{number}")).await;
    }
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::Open
    );
    scripted.script(|_, about| is_bad(about).then(|| Reply::new(404, HTML, "")));
    scripted.pass(SECOND).await;
    for _ in 0..3 {
        app.bearer("oat_bad")
            .await
            .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
    }
    app.bearer("oat_good").await.assert_accepted();
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn health_degrades_after_ten_different_tokens_and_not_after_one() {
    // fault B1
    let scripted = Scripted::new(|_, about| is_bad(about).then(|| Reply::new(404, HTML, "")));
    for (place, app, _, prefix) in places(&scripted).into_iter().filter(|it| it.0 != "users") {
        app.bearer(&format!("{prefix}good")).await.assert_accepted();
        let reachable = || app.layer.authenticator().health().reachable;
        for _ in 0..100 {
            app.bearer(&format!("{prefix}bad")).await;
            scripted.pass(SECOND).await;
        }
        assert_eq!(reachable(), Some(true), "{place}");
        for number in 0..9 {
            assert_eq!(reachable(), Some(true), "{place}");
            app.bearer(&format!("{prefix}bad{number}")).await;
        }
        // With the first one, these are ten.
        assert_eq!(reachable(), Some(false), "{place}");
        app.bearer(&format!("{prefix}good2"))
            .await
            .assert_accepted();
        assert_eq!(reachable(), Some(true), "{place}");
        for number in 10..19 {
            app.bearer(&format!("{prefix}bad{number}")).await;
        }
        assert_eq!(
            reachable(),
            Some(true),
            "{place}: a success came in between"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn page_of_a_firewall_is_not_about_our_credentials() {
    // fault B2
    let log = Log::default();
    let _guard = log.subscribe();
    for status in [401, 403] {
        let scripted = Scripted::new(move |_, about| {
            is_bad(about).then(|| Reply::new(status, HTML, "<h1>no</h1>"))
        });
        for (place, app, _, prefix) in places(&scripted).into_iter().filter(|it| it.0 != "users") {
            for _ in 0..2 {
                app.bearer(&format!("{prefix}bad//..//etc/passwd")).await;
                assert!(
                    !app.layer.authenticator().health().credentials_rejected,
                    "{place}, {status}"
                );
            }
        }
        let users = App::new(scripted.users(Enrichment::BestEffort));
        users
            .bearer("ak_bad")
            .await
            .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
        assert!(
            !users.layer.authenticator().health().credentials_rejected,
            "{status}"
        );
    }
    assert!(!log.text().contains("ERROR"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn answer_about_our_credentials_is_one_in_every_documented_form() {
    // fault B2
    let clerk = r#"{"errors":[{"code":"clerk_key_invalid","message":"no"}]}"#;
    let oauth = r#"{"error":"invalid_client"}"#;
    for (name, at, reply) in [
        ("401 without a body", At::TokenInfo, Reply::new(401, "", "")),
        ("401 of OAuth", At::TokenInfo, Reply::new(401, JSON, oauth)),
        (
            "401 as text",
            At::TokenInfo,
            Reply::new(401, "text/plain", "no"),
        ),
        ("403 of OAuth", At::TokenInfo, Reply::new(403, JSON, oauth)),
        ("403 of Clerk", At::TokenInfo, Reply::new(403, JSON, clerk)),
        ("401 of Clerk", At::ApiKey, Reply::new(401, JSON, clerk)),
        ("403 of OAuth", At::ApiKey, Reply::new(403, JSON, oauth)),
    ] {
        let prefix = if at == At::ApiKey { "ak_" } else { "oat_" };
        let scripted = Scripted::new(move |_, _| Some(reply.clone()));
        let app = App::new(scripted.config());
        for number in 0..2 {
            app.bearer(&format!("{prefix}{number}"))
                .await
                .assert_rejected(503, AuthErrorKind::CredentialsRejected);
        }
        assert!(
            app.layer.authenticator().health().credentials_rejected,
            "{name}"
        );
        scripted.script(|_, _| None);
        app.bearer(&format!("{prefix}2")).await.assert_accepted();
        assert!(
            !app.layer.authenticator().health().credentials_rejected,
            "{name}"
        );
    }
}
