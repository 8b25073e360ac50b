//! Of a payload whose signature is verified before Clerk is asked.

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind::{
        self, InsufficientScope, MalformedToken, MissingSubject, WrongAudience, WrongClient,
    },
    fake_clerk::{Endpoint, Fault},
    kinds::{AudiencePolicy, JwtVerification},
};

use crate::{
    jwt::{parts, signed, with, world},
    support::{App, World},
};

const RESOURCE: &str = "https://h.example/mcp";

/// A layer that verifies first and then asks, and requires an audience.
fn app(world: &World) -> App {
    let config = world
        .accepting(
            world
                .oauth()
                .jwts(JwtVerification::LocalThenIntrospect)
                .audience_policy(AudiencePolicy::Require),
        )
        .resource(RESOURCE);
    App::new(config)
}

/// A token of Clerk's for our resource, with other members in its payload.
fn token(world: &World, members: &Value) -> String {
    let token = world.clerk.token("user_1").resource(RESOURCE).jwt().issue();
    let [header, mut payload] = parts(&token);
    for (name, value) in members.as_object().unwrap() {
        payload = with(&payload, name, value.clone());
    }
    signed(&world.clerk, header, payload)
}

/// Has introspection answer this of every token.
fn answer(world: &World, members: &Value) {
    let mut answer = json!({
        "active": true, "client_id": world.clerk.client_id(), "sub": "user_1", "scope": "email",
    });
    for (name, value) in members.as_object().unwrap() {
        answer[name] = value.clone();
    }
    let fault = Fault::answer(200, "application/json", answer.to_string());
    world.clerk.fail(Endpoint::Introspection, fault);
}

#[tokio::test]
async fn a_verified_payload_supplies_what_the_documented_answer_leaves_open() {
    // fault A2
    let world = world();
    let members = json!({
        "aud": ["https://H.example/mcp/"], "org_id": "org_1", "act": { "sub": "user_9" },
        "scope": "email admin",
    });
    let token = token(&world, &members);
    answer(&world, &json!({}));
    for _ in 0..2 {
        let app = app(&world);
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            let claims = answer.claims();
            assert!(claims.audience().eq(["https://H.example/mcp/"]));
            assert_eq!(claims.organization().map(|it| it.id()), Some("org_1"));
            assert_eq!(claims.actor().map(|it| it.subject()), Some("user_9"));
            let end = parts(&token)[1]["exp"].as_i64();
            assert!(end.is_some() && claims.expires_at().is_some());
            // Taken back since, or never granted.
            assert!(claims.has_scope("email") && !claims.has_scope("admin"));
        }
    }
}

#[tokio::test]
async fn scopes_are_those_of_the_answer() {
    // fault A2
    for (name, payload, told, expected) in [
        (
            "in the answer alone",
            json!(null),
            json!("email admin"),
            None,
        ),
        (
            "in the payload alone",
            json!("admin"),
            json!("email"),
            Some(InsufficientScope),
        ),
        (
            "in none",
            json!("email"),
            json!(null),
            Some(InsufficientScope),
        ),
        ("in both", json!("admin"), json!("admin"), None),
    ] {
        let world = world();
        let token = token(&world, &json!({ "scope": payload }));
        answer(&world, &json!({ "scope": told }));
        let config = world
            .accepting(
                world
                    .oauth()
                    .jwts(JwtVerification::LocalThenIntrospect)
                    .required_scopes(["admin"]),
            )
            .resource(RESOURCE);
        let app = App::new(config);
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.kind(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn answers_and_payloads_that_contradict_each_other_are_a_401() {
    // fault A2
    let cases: [(&str, Value, Value, Option<AuthErrorKind>); 9] = [
        ("nothing", json!({}), json!({}), None),
        (
            "another subject",
            json!({}),
            json!({ "sub": "user_2" }),
            Some(MissingSubject),
        ),
        (
            "a subject in the token alone",
            json!({}),
            json!({ "sub": null }),
            None,
        ),
        (
            "another client",
            json!({}),
            json!({ "client_id": "you" }),
            Some(WrongClient),
        ),
        (
            "a client in the token alone",
            json!({}),
            json!({ "client_id": null }),
            None,
        ),
        (
            "no audience",
            json!({ "aud": null }),
            json!({}),
            Some(WrongAudience),
        ),
        (
            "an audience in the answer alone",
            json!({ "aud": null }),
            json!({ "aud": RESOURCE }),
            None,
        ),
        (
            "another audience in the answer",
            json!({}),
            json!({ "aud": "x" }),
            Some(WrongAudience),
        ),
        (
            "nobody who acts",
            json!({ "act": {} }),
            json!({}),
            Some(MalformedToken),
        ),
    ];
    for (name, members, told, expected) in cases {
        let world = world();
        let token = token(&world, &members);
        answer(&world, &told);
        for _ in 0..2 {
            let app = app(&world);
            let before = world.clerk.calls(Endpoint::Introspection);
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.kind(), expected, "{name}");
                let status = if expected.is_some() { 401 } else { 200 };
                assert_eq!(answer.status(), status, "{name}");
            }
            assert!(
                world.clerk.calls(Endpoint::Introspection) <= before + 1,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn an_audience_of_others_costs_no_introspection() {
    // fault A2
    let world = world();
    let token = token(&world, &json!({ "aud": "https://b.example/mcp" }));
    for _ in 0..2 {
        let app = app(&world);
        for _ in 0..2 {
            app.bearer(&token).await.assert_rejected(401, WrongAudience);
        }
    }
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn without_introspection_of_jwts_the_signature_stands_and_the_rules_hold() {
    // fault A2
    let world = world();
    let fault = Fault::answer(
        400,
        "application/json",
        r#"{"error":"unsupported_token_type"}"#,
    );
    world.clerk.fail(Endpoint::Introspection, fault);
    for (name, members, expected) in [
        ("ours", json!({}), None),
        ("no audience", json!({ "aud": null }), Some(WrongAudience)),
        (
            "nobody who acts",
            json!({ "act": {} }),
            Some(MalformedToken),
        ),
    ] {
        let token = token(&world, &members);
        let app = app(&world);
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.kind(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn introspection_alone_never_fetches_keys() {
    // fault A2
    let world = world();
    let app = App::new(world.config().resource(RESOURCE));
    let ours = world.clerk.token("user_1").resource(RESOURCE).jwt().issue();
    let theirs = world
        .clerk
        .token("user_1")
        .resource("https://b.example")
        .jwt()
        .issue();
    for _ in 0..2 {
        let answer = app.bearer(&ours).await;
        answer.assert_accepted();
        // The documented answer names none, and the payload supplies none.
        assert_eq!(answer.claims().audience().count(), 0);
        assert_eq!(answer.claims().expires_at(), None);
        app.bearer(&theirs)
            .await
            .assert_rejected(401, WrongAudience);
    }
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 2);
    assert_eq!(world.clerk.calls(Endpoint::Jwks), 0);
}
