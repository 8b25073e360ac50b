//! Each audience policy with each audience, by the source that names it.

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind::WrongAudience,
    ClerkConfigBuilder,
    kinds::{
        ApiKeys,
        AudiencePolicy::{self, Observe, RejectForeign, Require},
        JwtVerification, MachineTokens, OAuthTokens, SessionTokens,
    },
};

use crate::{
    by_jti::{ByJti, edited, header, payload, unsigned},
    jwt::{parts, signed, with, world},
    metrics::Meter,
    support::World,
};

const RESOURCE: &str = "https://h.example/mcp";
const FOREIGN: &str = "https://b.example/mcp";

const VERDICTS: [&str; 3] = ["ours", "foreign", "absent"];

/// The audiences of a token, with the verdict about each.
fn audiences() -> [(&'static str, Value, &'static str); 5] {
    [
        ("ours", json!(RESOURCE), "ours"),
        ("ours and another", json!([FOREIGN, RESOURCE]), "ours"),
        ("another", json!(FOREIGN), "foreign"),
        ("an empty list", json!([]), "foreign"),
        ("none", json!(null), "absent"),
    ]
}

fn is_accepted(policy: AudiencePolicy, verdict: &str) -> bool {
    match policy {
        Observe => true,
        RejectForeign => verdict != "foreign",
        Require => verdict == "ours",
        _ => unreachable!("there are three policies"),
    }
}

/// Sends a token twice, so that the second result is a cached one, and checks the status and the metric.
async fn check(
    name: &str,
    policy: AudiencePolicy,
    config: ClerkConfigBuilder,
    token: &str,
    verdict: &str,
) {
    let name = format!("{name}, {policy:?}");
    let meter = Meter::new();
    let app = meter.app(config);
    for _ in 0..2 {
        let answer = app.bearer(token).await;
        if is_accepted(policy, verdict) {
            assert_eq!(
                (answer.status().as_u16(), answer.kind()),
                (200, None),
                "{name}"
            );
        } else {
            let rejected = (answer.status().as_u16(), answer.kind());
            assert_eq!(rejected, (401, Some(WrongAudience)), "{name}");
        }
        for other in VERDICTS {
            let count = meter.get("audience_total", &format!(r#"verdict="{other}""#));
            let expected = f64::from(u8::from(other == verdict));
            assert_eq!(count, expected, "{name}: {other}");
        }
    }
}

/// A Clerk whose introspection response has this audience.
fn answering(audience: &Value) -> ByJti {
    ByJti::answering(json!({
        "active": true, "client_id": "me", "scope": "email", "sub": "user_1", "aud": audience,
    }))
}

#[tokio::test]
async fn an_audience_in_the_response_is_evidence() {
    for policy in [Observe, RejectForeign, Require] {
        for (name, audience, verdict) in audiences() {
            let oauth = ByJti::introspection().audience_policy(policy);
            let config = || {
                answering(&audience)
                    .config(oauth.clone())
                    .resource(RESOURCE)
            };
            let name = format!("in the response: {name}");
            check(&name, policy, config(), "oat_1", verdict).await;
            let jwt = unsigned(header(), payload());
            check(&name, policy, config(), &jwt, verdict).await;
        }
    }
}

#[tokio::test]
async fn an_unverified_payload_can_make_a_token_foreign_and_never_ours() {
    let verdict_of = |verdict| match verdict {
        "foreign" => "foreign",
        _ => "absent",
    };
    for policy in [Observe, RejectForeign, Require] {
        for (name, audience, verdict) in audiences() {
            let name = format!("in the payload: {name}");
            let token = edited("aud", audience);
            for oauth in [ByJti::introspection(), ByJti::backend_api()] {
                let oauth = oauth.audience_policy(policy);
                let config = ByJti::new().config(oauth).resource(RESOURCE);
                check(&name, policy, config, &token, verdict_of(verdict)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_audience_counts_whichever_source_names_it() {
    for policy in [Observe, RejectForeign, Require] {
        for (name, payload, answer, verdict) in [
            ("foreign beside ours", FOREIGN, RESOURCE, "foreign"),
            ("ours beside foreign", RESOURCE, FOREIGN, "foreign"),
            ("ours beside ours", RESOURCE, RESOURCE, "ours"),
        ] {
            let oauth = ByJti::introspection().audience_policy(policy);
            let config = answering(&json!(answer)).config(oauth).resource(RESOURCE);
            check(name, policy, config, &edited("aud", payload), verdict).await;
        }
    }
}

/// A token of this Clerk, signed again with another audience in its payload.
fn with_audience(world: &World, token: &str, audience: &Value) -> String {
    let [header, payload] = parts(token);
    signed(
        &world.clerk,
        header,
        with(&payload, "aud", audience.clone()),
    )
}

#[tokio::test]
async fn an_audience_in_a_verified_payload_is_evidence() {
    for policy in [Observe, RejectForeign, Require] {
        for (name, audience, verdict) in audiences() {
            let world = world();
            let oauth = |jwts| world.oauth().audience_policy(policy).jwts(jwts);
            let session = world.accepting(SessionTokens::new().audience_policy(policy));
            let token = world.clerk.session("user_1").issue();
            let token = with_audience(&world, &token, &audience);
            let name = format!("in a verified payload: {name}");
            check(&name, policy, session.resource(RESOURCE), &token, verdict).await;

            let token = world.clerk.token("user_1").jwt().issue();
            let token = with_audience(&world, &token, &audience);
            let local = world.accepting(oauth(JwtVerification::Local));
            check(&name, policy, local.resource(RESOURCE), &token, verdict).await;
            // The fake knows its tokens by their text, so this one is issued with its audience.
            let token = world.clerk.token("user_1").jwt();
            let token = match audience.as_str() {
                Some(resource) => token.resource(resource).issue(),
                None if audience.is_null() => token.issue(),
                None => continue,
            };
            let both = world.accepting(oauth(JwtVerification::LocalThenIntrospect));
            check(&name, policy, both.resource(RESOURCE), &token, verdict).await;
        }
    }
}

#[tokio::test]
async fn claims_of_an_observed_token_have_its_audience() {
    let config = answering(&json!(FOREIGN))
        .config(ByJti::introspection().audience_policy(Observe))
        .resource(RESOURCE);
    let app = Meter::new().app(config);
    for _ in 0..2 {
        let answer = app.bearer("oat_1").await;
        assert!(answer.claims().audience().eq([FOREIGN]));
    }
    // An unverified payload supplies none.
    let oauth = ByJti::introspection().audience_policy(Observe);
    let app = Meter::new().app(ByJti::new().config(oauth).resource(RESOURCE));
    let answer = app.bearer(&edited("aud", FOREIGN)).await;
    assert_eq!(answer.claims().audience().count(), 0);
}

#[tokio::test]
async fn only_tokens_that_reach_the_rule_are_counted() {
    let world = world();
    let clerk = &world.clerk;
    let scopes = |oauth: OAuthTokens| oauth.required_scopes(["admin"]);
    let config = world
        .accepting(scopes(world.oauth().audience_policy(Observe)))
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to(["mch_us"]))
        .secret_key(clerk.secret_key())
        .backend_api_url(format!("{}/v1", clerk.url()))
        .resource(RESOURCE);
    for (name, token, status, absent) in [
        ("inactive", "oat_unknown".to_owned(), 401, 0.0),
        (
            "another client",
            clerk.token("user_1").client_id("x").issue(),
            401,
            0.0,
        ),
        (
            "expired",
            clerk.token("user_1").jwt().expired().issue(),
            401,
            0.0,
        ),
        ("an API key", clerk.api_key("user_1").issue(), 200, 0.0),
        (
            "a machine token",
            clerk.machine_token("mch_1").scopes(["mch_us"]).issue(),
            200,
            0.0,
        ),
        // The rule about scopes comes after the one about the audience.
        (
            "a scope is missing",
            clerk.token("user_1").issue(),
            403,
            1.0,
        ),
    ] {
        let meter = Meter::new();
        let app = meter.app(config.clone());
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.status(), status, "{name}");
            for (verdict, expected) in [("ours", 0.0), ("foreign", 0.0), ("absent", absent)] {
                let count = meter.get("audience_total", &format!(r#"verdict="{verdict}""#));
                assert_eq!(count, expected, "{name}: {verdict}");
            }
        }
    }
}
