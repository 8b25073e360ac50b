//! Organizations, roles and permissions: of every kind of token, in claims, rules and arguments.

use axum::{Router, body::Body, routing::any};
use http::{Request, Response};
use serde_json::json;
use tower::ServiceExt;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfigBuilder, RequireLayer,
    TokenKind,
    claims::{Actor, Organization},
    kinds::SessionTokens,
    reject::JsonBody,
};

use crate::{
    rules::text,
    session_tokens::sessions,
    support::{App, World, as_grpc},
};

const READ: &str = "org:billing:read";
const PAY: &str = "org:billing:pay";

fn both_kinds(world: &World) -> ClerkConfigBuilder {
    world.config().accept(SessionTokens::new())
}

#[tokio::test]
async fn a_session_token_names_organization_role_and_permissions() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let session = || {
        world
            .clerk
            .session("user_1")
            .organization("org_1", "acme", "admin")
            .permissions([READ, "org:teams:manage"])
    };
    for token in [
        session(),
        session().v1(),
        session().features(["u:export", "o:dashboard"]),
    ] {
        let token = token.issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            let claims = answer.claims();
            let organization = claims.organization().unwrap();
            assert_eq!(
                (organization.id(), claims.org_id()),
                ("org_1", Some("org_1"))
            );
            assert_eq!(organization.slug(), Some("acme"));
            assert_eq!(organization.name(), None);
            assert_eq!(organization.role(), Some("org:admin"));
            let permissions: Vec<_> = organization.permissions().collect();
            assert_eq!(permissions, [READ, "org:teams:manage"]);
            assert!(claims.has_permission(READ) && claims.has_role("org:admin"));
            // fault E4
            assert!(claims.has_permission("billing:read") && claims.has_role("admin"));
            assert!(!claims.has_permission(PAY) && !claims.has_role("member"));
        }
    }
}

#[tokio::test]
async fn a_claim_of_ones_own_that_older_tokens_named_the_organization_with_is_none() {
    #[derive(serde::Deserialize)]
    struct Raw {
        org_id: Option<serde_json::Value>,
    }

    let world = World::new();
    let app = App::new(sessions(&world));
    for value in [json!("org_2"), json!(5), json!({"a": 1}), json!([])] {
        let session = || world.clerk.session("user_1").claim("org_id", value.clone());
        let active = session().organization("org_1", "acme", "admin");
        for (token, expected) in [(session(), None), (active, Some("org_1"))] {
            let token = token.issue();
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                let claims = answer.claims();
                assert_eq!(claims.org_id(), expected, "{value}");
                let raw: Raw = claims.claims_as().unwrap();
                assert_eq!(raw.org_id, expected.map(Into::into), "{value}");
            }
        }
    }
}

#[tokio::test]
async fn there_may_be_more_permissions_than_a_word_has_bits() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let all: Vec<String> = (0..200).map(|n| format!("org:a:p{n}")).collect();
    // Of the second feature the last name alone.
    let held = all.iter().cloned().chain(["org:b:p199".to_owned()]);
    let token = world
        .clerk
        .session("user_1")
        .organization("org_1", "acme", "admin")
        .permissions(held)
        .issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        let claims = answer.claims();
        let organization = claims.organization().unwrap();
        assert_eq!(organization.permissions().count(), 201);
        assert!(all.iter().all(|it| claims.has_permission(it)));
        assert!(claims.has_permission("org:b:p199"));
        assert!(!claims.has_permission("org:b:p198"));
    }
}

#[tokio::test]
async fn permissions_that_readers_disagree_on_are_none() {
    let world = World::new();
    let app = App::new(sessions(&world));
    for (features, masks, expected) in [
        ("o:billing,u:export", "1,0", 1),
        ("o:billing,u:export", "1", 1),
        ("u:export,o:billing", "1", 1),
        ("u:export,o:billing", "0,1", 0),
        ("u:export,o:billing", "1,0", 0),
        ("o:billing", "1,1", 0),
        ("o:billing,export", "1,0", 0),
    ] {
        let token = world
            .clerk
            .session("user_1")
            .claim("fea", features)
            .claim(
                "o",
                serde_json::json!({ "id": "org_1", "rol": "admin", "per": "read", "fpm": masks }),
            )
            .issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            let organization = answer.claims().organization().unwrap();
            let found = organization.permissions().count();
            assert_eq!(found, expected, "{features}, {masks}");
            assert_eq!(organization.role(), Some("org:admin"));
        }
    }
}

#[tokio::test]
async fn an_oauth_token_names_the_organization_of_the_consent() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").claim("org_id", "org_1");
    // Whatever else a token claims.
    let token = token
        .claim("org_role", "org:admin")
        .claim("org_permissions", serde_json::json!([READ]))
        .claim("sid", "sess_1")
        .issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        let claims = answer.claims();
        let organization = claims.organization().unwrap();
        assert_eq!(organization.id(), "org_1");
        assert_eq!(organization.role(), None);
        assert_eq!(organization.permissions().count(), 0);
        assert_eq!(claims.session_id(), None);
    }
}

fn router(layer: ClerkAuthLayer) -> Router {
    let inside = || any(async || "in");
    Router::new()
        .route("/read", inside().layer(RequireLayer::permissions([READ])))
        .route(
            "/both",
            inside().layer(RequireLayer::permissions([READ, PAY])),
        )
        .route(
            "/either",
            inside().layer(RequireLayer::any_permission([READ, PAY])),
        )
        .route(
            "/staff",
            inside().layer(RequireLayer::any_role(["org:admin", "org:support"])),
        )
        .route(
            "/in-person",
            inside().layer(RequireLayer::any_kind([TokenKind::Session])),
        )
        .route(
            "/client",
            inside().layer(RequireLayer::any_kind([TokenKind::OAuth])),
        )
        .route("/organization", any(organization))
        .route("/maybe", any(maybe))
        .route(
            "/actor",
            any(async |actor: Actor| actor.subject().to_owned()),
        )
        .route(
            "/claims",
            any(async |claims: ClerkClaims| axum::Json(claims)),
        )
        .layer(layer)
}

async fn organization(organization: Organization) -> String {
    organization.id().to_owned()
}

async fn maybe(organization: Option<Organization>, actor: Option<Actor>) -> String {
    let organization = organization.map_or("none".to_owned(), |it| it.id().to_owned());
    let actor = actor.map_or("nobody".to_owned(), |it| it.subject().to_owned());
    format!("{organization} {actor}")
}

async fn ask(app: &Router, path: &str, token: Option<&str>, is_grpc: bool) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut request = request.body(Body::empty()).unwrap();
    if is_grpc {
        request = as_grpc(request);
    }
    app.clone().oneshot(request).await.unwrap()
}

/// Twice, and by gRPC.
async fn check(app: &Router, who: &str, path: &str, token: &str, passes: bool) {
    for _ in 0..2 {
        let response = ask(app, path, Some(token), false).await;
        let expected = if passes { 200 } else { 403 };
        assert_eq!(response.status(), expected, "{who} at {path}");
        if !passes {
            let error = response.extensions().get::<AuthError>().unwrap();
            assert_eq!(error.kind(), AuthErrorKind::Forbidden, "{who} at {path}");
            let challenge = &response.headers()["www-authenticate"];
            assert_eq!(challenge, "Bearer", "{who} at {path}");
        }
    }
    let response = ask(app, path, Some(token), true).await;
    let code = response.headers().get("grpc-status");
    let code = code.map(|code| code.to_str().unwrap());
    let expected = (!passes).then_some("7");
    assert_eq!(code, expected, "{who} at {path}");
}

#[tokio::test]
async fn routes_ask_for_permissions_roles_and_kinds() {
    let world = World::new();
    let app = router(ClerkAuthLayer::new(both_kinds(&world).build().unwrap()));
    let clerk = &world.clerk;
    let member = |role: &str, permissions: &[&str]| {
        let session = clerk.session("user_1").organization("org_1", "acme", role);
        session.permissions(permissions.iter().copied())
    };
    let tokens = [
        ("admin", member("admin", &[READ, PAY]).issue()),
        ("support", member("support", &[PAY]).v1().issue()),
        ("member", member("member", &[READ]).issue()),
        ("nobody", clerk.session("user_1").issue()),
        (
            "client",
            clerk.token("user_1").claim("org_id", "org_1").issue(),
        ),
    ];
    let rules = [
        ("/read", ["admin", "member", ""]),
        ("/both", ["admin", "", ""]),
        ("/either", ["admin", "support", "member"]),
        ("/staff", ["admin", "support", ""]),
        ("/client", ["client", "", ""]),
    ];
    for (who, token) in &tokens {
        for (path, passing) in &rules {
            check(&app, who, path, token, passing.contains(who)).await;
        }
        check(&app, who, "/in-person", token, *who != "client").await;
    }
}

#[tokio::test]
async fn rules_and_arguments_tell_an_anonymous_request_to_sign_in() {
    let world = World::new();
    let layer = ClerkAuthLayer::new(both_kinds(&world).build().unwrap());
    let app = router(layer.optional());
    for path in [
        "/read",
        "/either",
        "/staff",
        "/in-person",
        "/organization",
        "/actor",
    ] {
        for _ in 0..2 {
            assert_eq!(ask(&app, path, None, false).await.status(), 401, "{path}");
        }
        let response = ask(&app, path, None, true).await;
        assert_eq!(response.headers()["grpc-status"], "16", "{path}");
    }
    let response = ask(&app, "/maybe", None, false).await;
    assert_eq!(text(response).await, "none nobody");
}

#[tokio::test]
async fn handlers_take_organization_and_actor() {
    let world = World::new();
    let app = router(ClerkAuthLayer::new(both_kinds(&world).build().unwrap()));
    let full = world
        .clerk
        .session("user_1")
        .session_id("sess_1")
        .organization("org_1", "acme", "admin")
        .permissions([READ])
        .actor("user_2")
        .issue();
    let bare = world.clerk.session("user_1").issue();
    for _ in 0..2 {
        for (path, expected) in [
            ("/organization", "org_1"),
            ("/actor", "user_2"),
            ("/maybe", "org_1 user_2"),
        ] {
            let response = ask(&app, path, Some(&full), false).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(text(response).await, expected, "{path}");
        }
        let response = ask(&app, "/maybe", Some(&bare), false).await;
        assert_eq!(text(response).await, "none nobody");
        let claims = text(ask(&app, "/claims", Some(&full), false).await).await;
        let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
        assert_eq!(claims["session_id"], "sess_1");
        assert_eq!(claims["organization"]["role"], "org:admin");
        assert_eq!(claims["organization"]["permissions"][0], READ);
        assert_eq!(claims["actor"]["sub"], "user_2");
        assert_eq!(claims["token_kind"], "session_token");
    }
    for path in ["/organization", "/actor"] {
        check(&app, "nobody", path, &bare, false).await;
    }
}

#[tokio::test]
async fn rejections_of_rules_have_a_body_where_one_is_wanted() {
    let world = World::new();
    let auth = ClerkAuthLayer::new(sessions(&world).build().unwrap());
    let app: Router = Router::new()
        .route(
            "/",
            any(async || "in").layer(RequireLayer::permissions([READ])),
        )
        .layer(auth.reject_with(JsonBody));
    let token = world.clerk.session("user_1").issue();
    for _ in 0..2 {
        let response = ask(&app, "/", Some(&token), false).await;
        assert_eq!(response.status(), 403);
        let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(body["error"], "forbidden");
        // What a rule asks for is not the caller's to know.
        assert!(!body.to_string().contains("billing"), "{body}");
    }
}
