//! Userinfo: what it adds, and that it never widens.

use std::time::Duration;

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault},
    kinds::Enrichment,
};

use crate::support::{App, World};

#[tokio::test]
async fn the_profile_is_typed_and_kept_whole() {
    let world = World::new();
    world
        .clerk
        .user("user_1")
        .email("ada@example.com")
        .email_verified(true)
        .given_name("Ada")
        .family_name("Lovelace")
        .name("Ada Lovelace")
        .preferred_username("ada")
        .picture("https://img.example.com/ada.png")
        .public_metadata(json!({"plan": "pro"}))
        .unsafe_metadata(json!({"theme": "dark"}))
        .private_metadata(json!({"crm": 7}))
        .org("org_1", "Analytical Engines", "engines")
        .save();
    let token = world
        .clerk
        .token("user_1")
        .scopes([
            "email",
            "profile",
            "public_metadata",
            "private_metadata",
            "user:org:read",
        ])
        .claim("tenant", "t1")
        .issue();
    let answer = world.app().bearer(&token).await;
    let claims = answer.claims();
    let profile = claims.profile().unwrap();
    assert_eq!(profile.email(), Some("ada@example.com"));
    assert_eq!(profile.email_verified(), Some(true));
    assert_eq!(profile.given_name(), Some("Ada"));
    assert_eq!(profile.family_name(), Some("Lovelace"));
    assert_eq!(profile.name(), Some("Ada Lovelace"));
    assert_eq!(profile.preferred_username(), Some("ada"));
    assert_eq!(profile.picture(), Some("https://img.example.com/ada.png"));
    assert_eq!(profile.public_metadata(), Some(json!({"plan": "pro"})));
    assert_eq!(profile.unsafe_metadata(), Some(json!({"theme": "dark"})));
    assert_eq!(profile.private_metadata(), Some(json!({"crm": 7})));
    let organization = profile.organization().unwrap();
    assert_eq!(organization.id(), "org_1");
    assert_eq!(organization.name(), Some("Analytical Engines"));
    assert_eq!(organization.slug(), Some("engines"));
    assert_eq!(claims.org_id(), Some("org_1"));
    assert_eq!(profile.userinfo()["object"], "oauth_user_info");

    #[derive(serde::Deserialize)]
    struct Mine {
        sub: String,
        tenant: String,
        userinfo: Value,
    }
    let mine: Mine = claims.claims_as().unwrap();
    assert_eq!((&*mine.sub, &*mine.tenant), ("user_1", "t1"));
    assert_eq!(mine.userinfo["email"], "ada@example.com");
}

#[tokio::test]
async fn off_means_that_userinfo_is_not_asked() {
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().userinfo(Enrichment::Off)));
    let answer = app.bearer(&world.clerk.token("user_1").issue()).await;
    assert!(answer.claims().profile().is_none());
    assert_eq!(world.calls(), (1, 0));
}

#[tokio::test]
async fn required_lets_in_with_a_profile() {
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().userinfo(Enrichment::Required)));
    let answer = app.bearer(&world.clerk.token("user_1").issue()).await;
    assert!(answer.claims().profile().is_some());
}

#[tokio::test]
async fn userinfo_is_not_asked_about_a_bad_token() {
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().required_scopes(["admin"])));
    app.bearer("oat_unknown").await;
    app.bearer(&world.clerk.token("user_1").issue()).await;
    assert_eq!(world.calls(), (2, 0));
}

#[tokio::test]
async fn a_failure_costs_the_profile_and_no_more() {
    // C075
    let json = |body: &'static str| Fault::answer(200, "application/json", body);
    for (name, fault) in [
        ("500", Fault::status(500)),
        ("401", Fault::status(401)),
        ("403", Fault::status(403)),
        ("404", Fault::status(404)),
        ("429", Fault::status(429)),
        ("malformed", Fault::malformed()),
        ("oversized", Fault::oversized(64 * 1024 + 1)),
        ("reset", Fault::reset()),
        ("no object", json("[]")),
        ("null", json("null")),
        ("no sub", json(r#"{"email":"x@example.com"}"#)),
        (
            "sub is a number",
            json(r#"{"sub":1,"email":"x@example.com"}"#),
        ),
        (
            "sub twice",
            json(r#"{"sub":"user_2","sub":"user_1","email":"x@example.com"}"#),
        ),
        (
            "C074 somebody else",
            json(r#"{"sub":"user_2","email":"x@example.com"}"#),
        ),
        (
            "C074 another case",
            json(r#"{"sub":"User_1","email":"x@example.com"}"#),
        ),
        (
            "a JWT",
            Fault::answer(200, "application/jwt", r#"{"sub":"user_1"}"#),
        ),
        (
            "HTML",
            Fault::answer(200, "text/html", r#"{"sub":"user_1"}"#),
        ),
        ("204", Fault::status(204)),
    ] {
        let world = World::new();
        world.clerk.fail(Endpoint::Userinfo, fault);
        let app = world.app();
        let token = world.clerk.token("user_1").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert_eq!(answer.claims().subject(), "user_1", "{name}");
            assert!(answer.claims().profile().is_none(), "{name}");
        }
        assert_eq!(world.clerk.calls(Endpoint::Introspection), 1, "{name}");

        // It is tried again soon, unless it was a final no: then in its time. fault B4
        world.clerk.heal_all();
        let is_final = name.starts_with("C074") || ["401", "403"].contains(&name);
        world
            .clock
            .advance(Duration::from_secs(if is_final { 30 } else { 5 }));
        let answer = app.bearer(&token).await;
        assert!(answer.claims().profile().is_some(), "{name}");
    }
}

#[tokio::test]
async fn userinfo_that_hangs_does_not_cost_the_request() {
    let world = World::new();
    world.clerk.fail(Endpoint::Userinfo, Fault::hang());
    let app = App::new(
        world
            .config()
            .timeout(Duration::from_millis(300))
            .attempt_timeout(Duration::from_millis(200)),
    );
    let answer = app.bearer(&world.clerk.token("user_1").issue()).await;
    answer.assert_accepted();
    assert!(answer.claims().profile().is_none());
}

#[tokio::test]
async fn a_subject_that_introspection_does_not_name_comes_from_userinfo() {
    let world = World::new();
    let nameless = || {
        world
            .clerk
            .token("user_1")
            .claim("sub", Value::Null)
            .issue()
    };
    world.clerk.fail(
        Endpoint::Userinfo,
        Fault::answer(200, "application/json", r#"{"sub":"user_7"}"#),
    );
    for enrichment in [
        Enrichment::BestEffort,
        Enrichment::Off,
        Enrichment::Required,
    ] {
        let app = App::new(world.accepting(world.oauth().userinfo(enrichment)));
        let answer = app.bearer(&nameless()).await;
        assert_eq!(answer.claims().subject(), "user_7");
        let has_profile = answer.claims().profile().is_some();
        assert_eq!(has_profile, enrichment != Enrichment::Off);
    }
    // Rejected where it does not name one either, and 503 where it cannot be asked.
    for (fault, status, kind) in [
        (Fault::status(401), 401, AuthErrorKind::MissingSubject),
        (
            Fault::answer(200, "application/json", r#"{"sub":""}"#),
            401,
            AuthErrorKind::MissingSubject,
        ),
        (
            Fault::answer(200, "application/json", "{}"),
            503,
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (Fault::status(500), 503, AuthErrorKind::UpstreamUnavailable),
    ] {
        world.clerk.fail(Endpoint::Userinfo, fault);
        let token = nameless();
        let app = world.app();
        for _ in 0..2 {
            app.bearer(&token).await.assert_rejected(status, kind);
        }
    }
}

#[tokio::test]
async fn userinfo_widens_nothing() {
    // D34: scopes, client and audience of userinfo are no scopes, client and audience.
    let world = World::new();
    world.clerk.fail(
        Endpoint::Userinfo,
        Fault::answer(
            200,
            "application/json",
            r#"{"sub":"user_1","scope":"admin","client_id":"x","aud":["y"],"exp":9999999999}"#,
        ),
    );
    let token = world.clerk.token("user_1").issue();
    App::new(world.accepting(world.oauth().required_scopes(["admin"])))
        .bearer(&token)
        .await
        .assert_rejected(403, AuthErrorKind::InsufficientScope);
    let answer = world.app().bearer(&token).await;
    assert!(!answer.claims().has_scope("admin"));
    assert_eq!(answer.claims().client_id(), Some(&*world.clerk.client_id()));
    assert_eq!(answer.claims().expires_at(), None);
}

#[tokio::test]
async fn the_claims_as_json_are_the_documented_ones() {
    let world = World::new();
    let token = world.clerk.token("user_1").scopes(["email"]).issue();
    world.clerk.user("user_1").email("ada@example.com").save();
    let answer = world.app().bearer(&token).await;
    let json = serde_json::to_value(answer.claims()).unwrap();
    let members: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "sub",
        "client_id",
        "scopes",
        "aud",
        "iss",
        "iat",
        "exp",
        "org_id",
        "organization",
        "session_id",
        "actor",
        "token_kind",
        "stale",
        "email",
        "email_verified",
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "picture",
        "public_metadata",
        "userinfo",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(json["sub"], "user_1");
    assert_eq!(json["scopes"], json!(["email"]));
    assert_eq!(json["aud"], json!([]));
    assert_eq!(json["email"], "ada@example.com");
    for unknown in [
        "iss",
        "exp",
        "org_id",
        "organization",
        "session_id",
        "actor",
        "name",
        "picture",
        "public_metadata",
    ] {
        assert_eq!(json[unknown], Value::Null, "{unknown}");
    }
}
