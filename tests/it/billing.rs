//! Plans and features of session tokens (Clerk Billing), and the rules about them.

use allocation_counter::measure;
use axum::routing::MethodRouter;
use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind, ClerkAuthLayer, RequireLayer, TokenKind,
    claims::Entitlement,
    fake_clerk::SessionBuilder,
    kinds::{ApiKeys, SessionTokens},
};

use crate::{
    rules::ask,
    support::{App, World},
};

/// Name, of the organization, of the user.
fn listed<'a>(list: impl Iterator<Item = &'a Entitlement>) -> Vec<(&'a str, bool, bool)> {
    list.map(|entry| (entry.name(), entry.of_organization(), entry.of_user()))
        .collect()
}

#[tokio::test]
async fn claims_have_the_plans_and_features_of_the_token() {
    let world = World::new();
    let app = App::new(world.accepting(SessionTokens::new()));
    let token = world
        .clerk
        .session("user_1")
        .organization("org_1", "acme", "admin")
        .permissions(["org:teams:read"])
        .plan("o:pro")
        .plan("u:basic")
        .feature("ou:export")
        .issue();
    // A miss, then a hit.
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        let claims = answer.claims();
        let plans = [("pro", true, false), ("basic", false, true)];
        assert_eq!(listed(claims.plans()), plans);
        let features = [("teams", true, false), ("export", true, true)];
        assert_eq!(listed(claims.features()), features);
        for (plan, expected) in [
            ("pro", true),
            ("org:pro", true),
            ("user:pro", false),
            ("user:basic", true),
            ("org:basic", false),
            ("team:pro", false),
            ("export", false),
        ] {
            assert_eq!(claims.has_plan(plan), expected, "{plan}");
        }
        for (feature, expected) in [
            ("export", true),
            ("org:export", true),
            ("user:export", true),
            ("org:teams", true),
            ("user:teams", false),
            ("pro", false),
        ] {
            assert_eq!(claims.has_feature(feature), expected, "{feature}");
        }
        // The permissions that the same list encodes are still there.
        assert!(claims.has_permission("org:teams:read"));
        let all: Value = claims.claims_as().unwrap();
        assert_eq!(all["pla"], "o:pro,u:basic");
    }
    assert_eq!(app.layer.authenticator().stats().hits, 1);
}

#[tokio::test]
async fn what_is_not_clerks_list_is_no_plan() {
    type Case = (
        &'static str,
        for<'a> fn(SessionBuilder<'a>) -> SessionBuilder<'a>,
    );
    let cases: [Case; 8] = [
        ("a plan of an organization, and none is active", |it| {
            it.plan("o:pro")
        }),
        ("version 1", |it| it.v1().claim("pla", "u:pro")),
        ("version 3", |it| it.claim("v", 3).claim("pla", "u:pro")),
        ("an array", |it| it.claim("pla", json!(["u:pro"]))),
        ("no colon", |it| it.claim("pla", "u:pro,x")),
        ("an unknown scope", |it| it.claim("pla", "x:pro")),
        ("another claim", |it| it.claim("plans", "u:pro")),
        ("a feature", |it| it.feature("u:pro")),
    ];
    let world = World::new();
    let app = App::new(world.accepting(SessionTokens::new()));
    for (name, change) in cases {
        let token = change(world.clerk.session("user_1")).issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert!(!answer.claims().has_plan("pro"), "{name}");
            assert!(!answer.claims().has_plan("user:pro"), "{name}");
            assert!(answer.claims().plans().next().is_none(), "{name}");
        }
    }
}

#[tokio::test]
async fn tokens_of_other_kinds_have_no_plans() {
    let world = World::new();
    let config = world
        .config()
        .accept(ApiKeys::new())
        .secret_key(world.clerk.secret_key());
    let app = App::new(config);
    let lists = json!({ "v": 2, "pla": "u:pro,o:pro", "fea": "u:export" });
    let oauth = world.clerk.token("user_1");
    let oauth = ["v", "pla", "fea"]
        .into_iter()
        .fold(oauth, |token, name| token.claim(name, lists[name].clone()));
    let key = world.clerk.api_key("org_1").claims(lists.clone());
    for token in [oauth.issue(), key.issue()] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            let claims = answer.claims();
            assert!(!claims.has_plan("pro") && !claims.has_feature("export"));
            assert_eq!(claims.plans().count() + claims.features().count(), 0);
        }
    }
}

#[tokio::test]
async fn a_rule_requires_a_plan_or_a_feature() {
    let world = World::new();
    let config = world
        .accepting(SessionTokens::new())
        .accept(world.oauth())
        .build()
        .unwrap();
    let routes = [
        ("/pro", RequireLayer::plan("pro")),
        ("/org-pro", RequireLayer::plan("org:pro")),
        ("/user-pro", RequireLayer::plan("user:pro")),
        ("/export", RequireLayer::feature("export")),
        ("/unknown", RequireLayer::plan("team:pro")),
    ];
    let mut app = axum::Router::new();
    for (path, rule) in routes {
        let route = axum::routing::get(async || "in").layer(rule);
        app = app.route(path, route);
    }
    // Several layers are combined with AND.
    let plan: MethodRouter = axum::routing::get(async || "in").layer(RequireLayer::plan("org:pro"));
    let both: MethodRouter = plan.layer(RequireLayer::feature("export"));
    let app = app.route("/both", both).layer(ClerkAuthLayer::new(config));
    let session = || {
        let session = world.clerk.session("user_1");
        session.organization("org_1", "acme", "admin")
    };
    for (name, token, expected) in [
        (
            "of the organization",
            session().plan("o:pro").issue(),
            [200, 200, 403, 403, 403, 403],
        ),
        (
            "of the user",
            session().plan("u:pro").issue(),
            [200, 403, 200, 403, 403, 403],
        ),
        (
            "a feature",
            session().feature("o:export").issue(),
            [403, 403, 403, 200, 403, 403],
        ),
        (
            "both",
            session().plan("ou:pro").feature("u:export").issue(),
            [200, 200, 200, 200, 403, 200],
        ),
        ("neither", session().issue(), [403; 6]),
        (
            "another kind",
            world.clerk.token("user_1").issue(),
            [403; 6],
        ),
    ] {
        let bearer = format!("Bearer {token}");
        let paths = [
            "/pro",
            "/org-pro",
            "/user-pro",
            "/export",
            "/unknown",
            "/both",
        ];
        for _ in 0..2 {
            for (path, expected) in paths.into_iter().zip(expected) {
                let response = ask(&app, path, &[("authorization", &bearer)]).await;
                assert_eq!(response.status(), expected, "{name}, {path}");
                if expected == 403 {
                    assert_eq!(response.headers()["www-authenticate"], "Bearer");
                    let error = response
                        .extensions()
                        .get::<tower_clerk::AuthError>()
                        .unwrap();
                    assert_eq!(error.kind(), AuthErrorKind::Forbidden, "{name}, {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn questions_about_claims_allocate_nothing() {
    let world = World::new();
    let app = App::new(world.accepting(SessionTokens::new()));
    let session = world
        .clerk
        .session("user_1")
        .organization("org_1", "acme", "admin")
        .plan("o:pro")
        .feature("o:export");
    let claims = app.bearer(&session.issue()).await.claims().clone();
    assert_eq!(claims.kind(), TokenKind::Session);
    let allocated = measure(|| {
        assert!(claims.has_plan("org:pro") && claims.has_feature("export"));
        assert!(!claims.has_plan("user:pro") && claims.plans().count() == 1);
        assert!(claims.factor_age().is_some() && claims.token_id().is_some());
    });
    assert_eq!(allocated.count_total, 0);
}
