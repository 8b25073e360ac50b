//! What is read of tokens and answers, the same from every source: scopes, actors, profiles, claims of the
//! application's own, and versions that are later than this crate.

use axum::{Router, body::Body, routing::get};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_clerk::{
    AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfigBuilder, RequireLayer,
    claims::{Actor, Organization},
    kinds::{Enrichment, JwtVerification, MachineTokens, OAuthTokens, SessionTokens},
    testing::ManualClock,
};

use crate::{
    jwt::synchronise,
    redaction::Log,
    session_tokens::sessions,
    stub::{Reply, Stub},
    support::{App, World},
};

/// A world whose clocks agree, however long a test takes.
fn world() -> World {
    let world = World::new();
    synchronise(&world);
    world
}

/// A configuration that reads the JWTs of this world, of every kind.
fn local(world: &World) -> ClerkConfigBuilder {
    local_oauth(world, signed_oauth(world))
        .accept(SessionTokens::new())
        .accept(MachineTokens::addressed_to_any().jwts())
}

fn signed_oauth(world: &World) -> OAuthTokens {
    world
        .oauth()
        .jwts(JwtVerification::Local)
        .userinfo(Enrichment::Off)
}

/// OAuth tokens alone.
fn local_oauth(world: &World, oauth: OAuthTokens) -> ClerkConfigBuilder {
    world.accepting(oauth)
}

fn json_of(claims: &ClerkClaims) -> Value {
    serde_json::to_value(claims).unwrap()
}

/// The Backend API's answer about an OAuth token.
fn verified(others: &Value) -> String {
    let mut answer = json!({
        "object": "clerk_idp_oauth_access_token", "subject": "user_1", "client_id": "me",
        "revoked": false, "expired": false, "scopes": ["email"],
    });
    for (name, value) in others.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer.to_string()
}

/// An introspection answer.
fn introspected(others: &Value) -> String {
    let mut answer =
        json!({ "active": true, "sub": "user_1", "client_id": "me", "scope": "email" });
    for (name, value) in others.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer.to_string()
}

/// OAuth tokens by the Backend API, of the client of the stub.
fn by_backend_api() -> OAuthTokens {
    OAuthTokens::backend_api()
        .allow_clients(["me"])
        .audiences(["me"])
        .userinfo(Enrichment::Off)
}

fn backend(stub: &Stub, oauth: OAuthTokens) -> ClerkConfigBuilder {
    stub.config_with(&ManualClock::new(), oauth)
        .secret_key("sk_test_secret")
}

#[tokio::test]
async fn a_scope_has_no_space_whichever_reader_it_comes_from() {
    // fault A3
    let world = world();
    for (name, granted) in [
        ("a space", json!(["read admin", "write"])),
        (
            "a space in front and behind",
            json!([" admin", "admin ", "write"]),
        ),
        ("a tab", json!(["read\tadmin", "write"])),
        ("a newline", json!(["read\nadmin", "write"])),
        ("nothing", json!(["", " ", "write"])),
        ("another letter", json!(["\u{e9}", "write"])),
    ] {
        let oauth = |claim: &str| {
            world
                .clerk
                .token("user_1")
                .jwt()
                .claim(claim, granted.clone())
        };
        synchronise(&world);
        let stub = Stub::always(Reply::Json(200, verified(&json!({ "scopes": granted }))));
        let needing = |stub: Option<&Stub>, scope: &str| {
            App::new(match stub {
                None => local_oauth(&world, signed_oauth(&world).required_scopes([scope])),
                Some(stub) => backend(stub, by_backend_api().required_scopes([scope])),
            })
        };
        let sources = [
            ("scp", oauth("scp").issue(), None),
            (
                "scope",
                oauth("scope").claim("scp", Value::Null).issue(),
                None,
            ),
            ("the Backend API", "oat_1".to_owned(), Some(&stub)),
        ];
        for (source, token, stub) in sources {
            for app in [needing(stub, "write"), needing(stub, "write")] {
                for _ in 0..2 {
                    let answer = app.bearer(&token).await;
                    assert_eq!(answer.kind(), None, "{name}, {source}");
                    let scopes: Vec<_> = answer.claims().scopes().collect();
                    assert_eq!(scopes, ["write"], "{name}, {source}");
                    assert_eq!(json_of(answer.claims())["scopes"], json!(["write"]));
                }
            }
            for scope in ["admin", "read"] {
                let app = needing(stub, scope);
                for _ in 0..2 {
                    let answer = app.bearer(&token).await;
                    answer.assert_rejected(403, AuthErrorKind::InsufficientScope);
                }
            }
        }
    }
    // Introspection has one string: what is no scope in it is left out, too, and an array is no answer.
    for (scope, expected) in [
        (json!("write  read\tadmin \u{e9}"), Some(vec!["write"])),
        (
            json!("read admin write"),
            Some(vec!["read", "admin", "write"]),
        ),
        (json!(["write"]), None),
    ] {
        let stub = Stub::always(Reply::Json(200, introspected(&json!({ "scope": scope }))));
        let app = stub.app(&ManualClock::new());
        for _ in 0..2 {
            let answer = app.bearer("oat_1").await;
            match &expected {
                Some(expected) => {
                    assert_eq!(answer.claims().scopes().collect::<Vec<_>>(), *expected);
                }
                None => answer.assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse),
            }
        }
    }
}

#[tokio::test]
async fn the_machines_of_an_array_are_its_entries() {
    // fault A3
    let world = world();
    let config = || world.accepting(MachineTokens::addressed_to(["mch_us"]).jwts());
    let token = |scopes: Value| {
        let token = world.clerk.machine_token("mch_1").scopes(["mch_x"]).jwt();
        let token = token.claim("scopes", scopes).claim("aud", Value::Null);
        token.issue()
    };
    for (scopes, is_accepted) in [
        (json!(["mch_us"]), true),
        (json!(["mch_them", "mch_us"]), true),
        (json!("mch_them mch_us"), true),
        (json!(["mch_them mch_us"]), false),
        (json!(["mch_us "]), false),
    ] {
        synchronise(&world);
        let token = token(scopes.clone());
        let app = App::new(config());
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.status() == 200, is_accepted, "{scopes}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_actor_has_one_of_its_own_from_every_source() {
    // fault E16
    let world = world();
    let act = json!({ "sub": "agent_1", "type": "agent", "act": {
        "sub": "user_2", "iss": "https://dashboard.clerk.com", "act": { "sub": "user_3" },
    } });
    let others = json!({ "act": act });
    let introspection = Stub::always(Reply::Json(200, introspected(&others)));
    let verification = Stub::always(Reply::Json(200, verified(&others)));
    let session = world
        .clerk
        .session("user_1")
        .claim("act", act.clone())
        .issue();
    let jwt = world
        .clerk
        .token("user_1")
        .jwt()
        .claim("act", act.clone())
        .issue();
    for (name, app, token) in [
        (
            "introspection",
            introspection.app(&ManualClock::new()),
            "oat_1",
        ),
        (
            "the Backend API",
            App::new(backend(&verification, by_backend_api())),
            "oat_1",
        ),
        ("a session token", App::new(local(&world)), &*session),
        ("an OAuth JWT", App::new(local(&world)), &*jwt),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(token).await;
            answer.assert_accepted();
            let claims = answer.claims();
            let outer = claims.actor().unwrap();
            assert_eq!(
                (outer.subject(), outer.kind()),
                ("agent_1", Some("agent")),
                "{name}"
            );
            let inner = outer.actor().unwrap();
            assert_eq!(inner.subject(), "user_2", "{name}");
            assert_eq!(
                inner.issuer(),
                Some("https://dashboard.clerk.com"),
                "{name}"
            );
            assert_eq!(inner.actor(), None, "{name}");
            let expected = json!({
                "sub": "agent_1", "iss": null, "sid": null, "type": "agent",
                "act": { "sub": "user_2", "iss": "https://dashboard.clerk.com", "sid": null, "type": null },
            });
            assert_eq!(json_of(claims)["actor"], expected, "{name}");
            // As it came.
            let raw: Value = claims.claims_as().unwrap();
            assert_eq!(raw["act"], act, "{name}");
        }
    }
}

#[tokio::test]
async fn an_inner_actor_that_cannot_be_read_is_not_overlooked() {
    // fault E16
    let world = world();
    for inner in [json!("user_2"), json!({}), json!({ "sub": 1 }), json!([])] {
        let act = json!({ "sub": "agent_1", "act": inner });
        let token = world
            .clerk
            .session("user_1")
            .claim("act", act.clone())
            .issue();
        let stub = Stub::always(Reply::Json(200, introspected(&json!({ "act": act }))));
        let (here, there) = (App::new(sessions(&world)), stub.app(&ManualClock::new()));
        for _ in 0..2 {
            let answer = here.bearer(&token).await;
            answer.assert_rejected(401, AuthErrorKind::MalformedToken);
            let answer = there.bearer("oat_1").await;
            answer.assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
        }
    }
}

/// An app whose introspection and userinfo answer this.
fn enriched(introspection: &Value, userinfo: &Value, enrichment: Enrichment) -> App {
    let (introspection, userinfo) = (introspection.to_string(), userinfo.to_string());
    let stub = Stub::new(move |path, _| {
        let body = if path.ends_with("/userinfo") {
            &userinfo
        } else {
            &introspection
        };
        Reply::Json(200, body.clone())
    });
    App::new(stub.config_with(&ManualClock::new(), Stub::oauth().userinfo(enrichment)))
}

#[tokio::test]
async fn a_user_id_confirms_the_subject_if_userinfo_has_no_sub() {
    // fault E10
    let named = json!({ "active": true, "sub": "user_1", "client_id": "me" });
    let unnamed = json!({ "active": true, "client_id": "me" });
    let email = "ada@example.com";
    for (name, introspection, userinfo, has_profile, unnamed_status) in [
        ("sub", &named, json!({ "sub": "user_1" }), true, 200),
        ("user_id", &named, json!({ "user_id": "user_1" }), true, 200),
        (
            "sub is null",
            &named,
            json!({ "sub": null, "user_id": "user_1" }),
            true,
            200,
        ),
        (
            "both",
            &named,
            json!({ "sub": "user_1", "user_id": "user_1" }),
            true,
            200,
        ),
        (
            "sub decides",
            &named,
            json!({ "sub": "user_1", "user_id": "user_2" }),
            true,
            200,
        ),
        (
            "sub decides against it",
            &named,
            json!({ "sub": "user_2", "user_id": "user_1" }),
            false,
            200,
        ),
        (
            "another user_id",
            &named,
            json!({ "user_id": "user_2" }),
            false,
            200,
        ),
        (
            "in another case",
            &named,
            json!({ "user_id": "USER_1" }),
            false,
            200,
        ),
        (
            "a user_id of another type",
            &named,
            json!({ "user_id": 1 }),
            false,
            200,
        ),
        (
            "a sub of another type",
            &named,
            json!({ "sub": 1, "user_id": "user_1" }),
            false,
            200,
        ),
        (
            "of no consequence",
            &named,
            json!({ "sub": "user_1", "user_id": 1 }),
            true,
            200,
        ),
        // It confirms a subject, and supplies none.
        (
            "nobody is named",
            &unnamed,
            json!({ "user_id": "user_1" }),
            false,
            503,
        ),
        (
            "userinfo names one",
            &unnamed,
            json!({ "sub": "user_1", "user_id": "user_2" }),
            true,
            200,
        ),
    ] {
        let mut userinfo = userinfo;
        userinfo["email"] = email.into();
        let app = enriched(introspection, &userinfo, Enrichment::BestEffort);
        for _ in 0..2 {
            let answer = app.bearer("oat_1").await;
            assert_eq!(answer.status(), unnamed_status, "{name}");
            if unnamed_status != 200 {
                continue;
            }
            let claims = answer.claims();
            assert_eq!(claims.subject(), "user_1", "{name}");
            let found = claims.profile().and_then(|profile| profile.email());
            assert_eq!(found, has_profile.then_some(email), "{name}");
        }
        let required = enriched(introspection, &userinfo, Enrichment::Required);
        for _ in 0..2 {
            let is_accepted = required.bearer("oat_1").await.status() == 200;
            assert_eq!(is_accepted, has_profile, "{name}");
        }
    }
}

#[tokio::test]
async fn claims_of_the_application_stay_in_claims_as() {
    // fault E11
    let world = world();
    let app = App::new(local(&world));
    let own = json!({
        "userinfo": { "email": "own" }, "email": "own", "email_verified": true, "name": "own",
        "public_metadata": { "a": 1 }, "token_kind": "api_key", "stale": true, "scopes": "own",
        "organization": "own", "session_id": "own", "actor": "own", "profile": [1], "scope": "own",
        "client_id": "own", "user": { "id": "user_2" },
    });
    let mut session = world.clerk.session("user_1").claim("org_id", "org_own");
    for (name, value) in own.as_object().unwrap() {
        session = session.claim(name, value.clone());
    }
    let token = session.issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        let claims = answer.claims();
        let members: Value = claims.claims_as().unwrap();
        for (name, value) in own.as_object().unwrap() {
            assert_eq!(members[name], *value, "{name}");
        }
        assert_eq!(
            members.get("org_id"),
            None,
            "it would look like an organization"
        );
        assert_eq!(members["sub"], "user_1");
        let json = json_of(claims);
        assert!(!json.to_string().contains("own"), "{json}");
        assert_eq!(json["token_kind"], "session_token");
        assert_eq!(
            (&json["scopes"], &json["userinfo"]),
            (&json!([]), &Value::Null)
        );
    }
    // So of machines, but what they are addressed to is never of their own making.
    let machine = world.clerk.machine_token("mch_1").scopes(["mch_us"]).jwt();
    let machine = machine
        .claim("userinfo", "own")
        .claim("scope", "own")
        .claim("org_id", "org_own");
    let answer = app.bearer(&machine.issue()).await;
    let members: Value = answer.claims().claims_as().unwrap();
    assert_eq!(members["userinfo"], "own");
    assert_ne!(members["scope"], "own");
    assert_eq!(members.get("org_id"), None);
}

async fn required(organization: Organization) -> String {
    organization.id().to_owned()
}

async fn optional(organization: Option<Organization>) -> String {
    organization.map_or("personal".to_owned(), |it| it.id().to_owned())
}

async fn acting(actor: Option<Actor>) -> String {
    actor.map_or("nobody".to_owned(), |it| it.subject().to_owned())
}

#[tokio::test]
async fn a_later_version_of_session_tokens_passes_without_its_organization() {
    // fault E14
    let world = world();
    let log = Log::default();
    let guard = log.subscribe();
    let later = |version: Value| {
        let session = world.clerk.session("user_1").session_id("sess_1");
        session
            .organization("org_1", "acme", "admin")
            .permissions(["org:billing:read"])
            .claim("v", version)
    };
    let layer = ClerkAuthLayer::new(sessions(&world).build().unwrap());
    let app = App::of(layer.clone());
    let routes: Router = Router::new()
        .route(
            "/open",
            get(async |claims: ClerkClaims| claims.subject().to_owned()),
        )
        .route("/required", get(required))
        .route("/optional", get(optional))
        .route("/acting", get(acting))
        .route(
            "/role",
            get(async || "role").layer(RequireLayer::any_role(["admin"])),
        )
        .route(
            "/permission",
            get(async || "permission").layer(RequireLayer::any_permission(["org:billing:read"])),
        )
        .layer(layer.clone());
    for version in [json!(3), json!(4), json!(u64::MAX)] {
        let token = later(version.clone()).claim("org_id", "org_2").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            let claims = answer.claims();
            assert!(claims.has_unreadable_organization());
            assert!(claims.organization().is_none() && claims.org_id().is_none());
            assert_eq!(claims.session_id(), Some("sess_1"));
            let json = json_of(claims);
            assert_eq!(json["has_unreadable_organization"], true);
            assert_eq!(
                (&json["org_id"], &json["organization"]),
                (&Value::Null, &Value::Null)
            );
        }
        for (path, status) in [
            ("/open", 200),
            ("/acting", 200),
            ("/required", 403),
            ("/optional", 403),
            ("/role", 403),
            ("/permission", 403),
        ] {
            for _ in 0..2 {
                let request = Request::get(path).header("authorization", format!("Bearer {token}"));
                let request = request.body(Body::empty()).unwrap();
                let answer = routes.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), status, "{path}, version {version}");
            }
        }
    }
    drop(guard);
    let warning = "have a later version than this crate can read";
    assert_eq!(log.text().matches(warning).count(), 1, "{}", log.text());

    // One for each layer.
    let log = Log::default();
    let guard = log.subscribe();
    let other = App::new(sessions(&world));
    for _ in 0..2 {
        other
            .bearer(&later(json!(3)).issue())
            .await
            .assert_accepted();
    }
    drop(guard);
    assert_eq!(log.text().matches(warning).count(), 1);
}

#[tokio::test]
async fn a_later_version_must_show_its_session_and_its_status() {
    // fault E14
    let world = world();
    let app = App::new(sessions(&world));
    let session = || world.clerk.session("user_1").claim("v", 3);
    for (name, token, expected) in [
        ("active", session(), None),
        (
            "pending",
            session().pending(),
            Some(AuthErrorKind::PendingSession),
        ),
        (
            "no sid",
            session().claim("sid", Value::Null),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "no sts",
            session().claim("sts", Value::Null),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "sts of another type",
            session().claim("sts", 1),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "another sid",
            session().claim("sid", "x"),
            Some(AuthErrorKind::NotSessionToken),
        ),
        (
            "3.0",
            session().claim("v", 3.0),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "a text",
            session().claim("v", "3"),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "-1",
            session().claim("v", -1),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "0",
            session().claim("v", 0),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "2^70",
            session().claim("v", 2_f64.powi(70)),
            Some(AuthErrorKind::MalformedToken),
        ),
        (
            "true",
            session().claim("v", true),
            Some(AuthErrorKind::MalformedToken),
        ),
    ] {
        let token = token.issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            match expected {
                None => answer.assert_accepted(),
                Some(kind) => {
                    assert_eq!(answer.kind(), Some(kind), "{name}");
                    assert_eq!(answer.status(), 401, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn roles_and_permissions_are_compared_as_in_clerks_has() {
    // fault E4
    let world = world();
    let layer = ClerkAuthLayer::new(sessions(&world).build().unwrap());
    let role = |names: &[&str]| RequireLayer::any_role(names.iter().copied());
    let permission = |names: &[&str]| RequireLayer::permissions(names.iter().copied());
    let ok = || get(async || "ok");
    let routes: Router = Router::new()
        .route("/admin", ok().layer(role(&["admin"])))
        .route("/org:admin", ok().layer(role(&["org:admin"])))
        .route("/org:org:admin", ok().layer(role(&["org:org:admin"])))
        .route("/member", ok().layer(role(&["member", "org:member", ""])))
        .route("/billing:read", ok().layer(permission(&["billing:read"])))
        .route(
            "/org:billing:read",
            ok().layer(permission(&["org:billing:read"])),
        )
        .route(
            "/both",
            ok().layer(permission(&["billing:read", "org:billing:pay"])),
        )
        .layer(layer);
    let member = |role: &str| {
        let session = world
            .clerk
            .session("user_1")
            .organization("org_1", "acme", "admin");
        let session = session.permissions(["org:billing:read"]).v1();
        session.claim("org_role", role)
    };
    let v2 = world
        .clerk
        .session("user_1")
        .organization("org_1", "acme", "org:admin");
    let v2 = v2.permissions(["org:billing:read"]);
    for token in [
        member("admin").issue(),
        member("org:admin").issue(),
        member("org:org:admin").issue(),
        v2.issue(),
    ] {
        for (path, status) in [
            ("/admin", 200),
            ("/org:admin", 200),
            ("/org:org:admin", 200),
            ("/member", 403),
            ("/billing:read", 200),
            ("/org:billing:read", 200),
            ("/both", 403),
        ] {
            for _ in 0..2 {
                let request = Request::get(path).header("authorization", format!("Bearer {token}"));
                let request = request.body(Body::empty()).unwrap();
                let answer = routes.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), status, "{path}");
            }
        }
    }
    let app = App::new(sessions(&world));
    for role in ["admin", "org:admin"] {
        let answer = app.bearer(&member(role).issue()).await;
        let claims = answer.claims();
        assert_eq!(claims.organization().unwrap().role(), Some("org:admin"));
        assert!(claims.has_role("admin") && claims.has_role("org:admin"));
    }
}
