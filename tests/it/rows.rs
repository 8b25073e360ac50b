//! Rows of the catalogue that have no better place.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{future, poll};
use http::{Request, Response};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthErrorKind, ClerkAuthLayer,
    fake_clerk::{Endpoint, Fault},
    kinds::{Enrichment, OAuthTokens},
};

use crate::support::{App, World, request};

fn answering(world: &World, body: &Value) {
    let fault = Fault::answer(200, "application/json", body.to_string());
    world.clerk.fail(Endpoint::Introspection, fault);
}

#[tokio::test]
async fn credentials_that_are_there_and_bad_are_never_nobodys() {
    // B09: as missing ones they might be let through by something that takes guests.
    let world = World::new();
    let app = world.app();
    for (token, status) in [("oat_bad", 401), ("sess_1", 401), ("a b", 400)] {
        for _ in 0..2 {
            let answer = app.bearer(token).await;
            assert_eq!(answer.status(), status, "{token}");
            assert_ne!(answer.kind(), Some(AuthErrorKind::MissingCredentials));
            assert!(answer.challenge().unwrap().contains("error="), "{token}");
        }
    }
    assert_eq!(app.inner_calls(), 0);
}

#[tokio::test]
async fn https_does_not_fall_back_to_plain_http() {
    // B15: the server at this address speaks no TLS.
    let world = World::over_sockets();
    let url = format!("https://{}", world.clerk.addr());
    let config = tower_clerk::ClerkConfig::builder(url).accept(OAuthTokens::introspection(
        world.clerk.client_id(),
        world.clerk.client_secret(),
    ));
    let app = App::new(config);
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn no_header_path_or_query_opens_the_door() {
    // B17, B18, B19
    let world = World::new();
    let app = App::new(world.config().resource("https://api.example.com"));
    let plain = app.send(&[]).await;
    let uris = [
        "/health",
        "/healthz?x=/me",
        "//health",
        "/me/../health",
        "/%68ealth",
        "/me;/health",
        "/HEALTH/",
        "/.well-known/oauth-protected-resource",
        "http://localhost/health",
    ];
    for uri in uris {
        for (name, value) in [
            ("user-agent", "GoogleHC/1.0"),
            ("user-agent", "kube-probe/1.30"),
            ("host", "evil.example.com"),
            ("x-forwarded-host", "evil.example.com"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-uri", "/health"),
            ("x-forwarded-user", "user_1"),
            ("x-original-url", "/health"),
            ("x-auth-request-user", "user_1"),
            ("forwarded", "for=127.0.0.1;host=evil.example.com"),
        ] {
            let request = Request::get(uri).header(name, value).body(()).unwrap();
            let answer = app.request(request).await;
            answer.assert_rejected(401, AuthErrorKind::MissingCredentials);
            assert_eq!(answer.challenge(), plain.challenge(), "{uri} {name}");
        }
    }
    assert_eq!(app.inner_calls(), 0);
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn an_issuer_may_be_absent_but_not_another() {
    // B22, C067, C068: Clerk's documented answer names none, and the origin is the configured one.
    let world = World::new();
    let client = world.clerk.client_id();
    let with =
        |iss: Value| json!({"active": true, "sub": "user_1", "client_id": client, "iss": iss});
    let own = world.clerk.url();
    for iss in [json!(own), Value::Null] {
        answering(&world, &with(iss));
        world.app().bearer("oat_abc").await.assert_accepted();
    }
    let others = [
        format!("{own}/"),
        own.replace("http://", "https://"),
        own.to_ascii_uppercase(),
        own.replace("://", "://clerk@"),
        format!("{own}.evil.example.com"),
        String::new(),
    ];
    for iss in others {
        answering(&world, &with(json!(iss)));
        let app = world.app();
        for _ in 0..2 {
            app.bearer("oat_abc")
                .await
                .assert_rejected(401, AuthErrorKind::WrongIssuer);
        }
    }
}

#[tokio::test]
async fn a_token_in_the_query_beside_a_header_changes_nothing() {
    // C029, C030: the query is not looked at, so there is no second credential.
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    for query in [
        "access_token=oat_other",
        "access_token=",
        "access%5Ftoken=a&access_token=b",
    ] {
        let request = Request::get(format!("/me?{query}"))
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        let answer = app.request(request).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().subject(), "user_1");
    }
    assert_eq!(world.calls(), (1, 1));
}

#[tokio::test]
async fn names_of_headers_have_no_case() {
    // C033: HTTP/2 sends them in lower case; two lines are two, however they are spelled.
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    let value = format!("Bearer {token}");
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        app.send(&[(name, &value)]).await.assert_accepted();
        app.send(&[(name, &value), ("authorization", &value)])
            .await
            .assert_rejected(400, AuthErrorKind::MultipleCredentials);
    }
}

#[tokio::test]
async fn a_token_bound_to_a_key_is_not_taken_from_a_bearer() {
    // C037, C078: whoever sends it this way did not prove that the key is theirs.
    let world = World::new();
    let token = |builder: tower_clerk::fake_clerk::TokenBuilder<'_>| builder.issue();
    let clerk = &world.clerk;
    for token in [
        token(clerk.token("user_1").claim("cnf", json!({"jkt": "abc"}))),
        token(
            clerk
                .token("user_1")
                .claim("cnf", json!({"x5t#S256": "abc"})),
        ),
        token(clerk.token("user_1").claim("cnf", json!({}))),
        token(clerk.token("user_1").claim("token_type", "DPoP")),
    ] {
        let app = world.app();
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_rejected(401, AuthErrorKind::SenderConstrained);
        }
        // Nor under its own scheme.
        app.send(&[("authorization", &format!("DPoP {token}"))])
            .await
            .assert_rejected(401, AuthErrorKind::MissingCredentials);
        assert_eq!(app.inner_calls(), 0);
    }
}

#[tokio::test]
async fn active_alone_opens_nothing() {
    // C055: not even for any client, since nothing says whose token it is.
    let world = World::new();
    answering(&world, &json!({"active": true}));
    let apps = [
        (world.app(), AuthErrorKind::WrongClient),
        (
            App::new(world.accepting(world.oauth().allow_any_client())),
            AuthErrorKind::WrongClient,
        ),
        (
            App::new(world.accepting(world.oauth().required_scopes(["email"]))),
            AuthErrorKind::WrongClient,
        ),
    ];
    for (app, kind) in apps {
        for _ in 0..2 {
            app.bearer("oat_abc").await.assert_rejected(401, kind);
        }
    }
}

#[tokio::test]
async fn scopes_are_those_of_scope_alone() {
    // C072: `scp`, `scopes` and `permissions` are other things, elsewhere.
    let world = World::new();
    let client = world.clerk.client_id();
    for other in ["scp", "scopes", "permissions", "Scope"] {
        let body = json!({
            "active": true, "sub": "user_1", "client_id": client, "scope": "email", other: "email admin",
        });
        answering(&world, &body);
        App::new(world.accepting(world.oauth().required_scopes(["admin"])))
            .bearer("oat_abc")
            .await
            .assert_rejected(403, AuthErrorKind::InsufficientScope);
        let answer = world.app().bearer("oat_abc").await;
        assert!(answer.claims().scopes().eq(["email"]), "{other}");
    }
}

#[tokio::test]
async fn profiles_of_many_at_once_are_never_mixed() {
    // C076: over connections that they share.
    let world = World::over_sockets();
    let oauth = world.oauth().userinfo(Enrichment::Required);
    let app = App::new(world.accepting_over_sockets(oauth));
    let tokens: Vec<_> = (0..200)
        .map(|n| {
            let user = format!("user_{}", n % 20);
            world
                .clerk
                .user(&user)
                .email(format!("{user}@example.com"))
                .save();
            (world.clerk.token(&user).issue(), user)
        })
        .collect();
    for _ in 0..2 {
        let requests = tokens.iter().map(|(token, user)| {
            let app = &app;
            async move {
                let answer = app.bearer(token).await;
                let claims = answer.claims();
                let email = format!("{user}@example.com");
                assert_eq!(claims.subject(), user);
                assert_eq!(claims.profile().unwrap().email(), Some(&*email));
            }
        });
        future::join_all(requests).await;
    }
}

#[tokio::test]
async fn who_hangs_up_after_the_verdict_leaves_it_to_others() {
    // C131: between the verdict and the call of the inner service.
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    let request = || request(&token);
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<()>>();
    handle.allow(1);
    let mut service = layer.layer(mock);
    {
        let mut waiting = pin!(tower::Service::call(
            service.ready().await.unwrap(),
            request()
        ));
        handle.allow(0);
        // Until there is a verdict, and the inner service is what is waited for.
        while layer.authenticator().stats().entries == 0 {
            assert!(poll!(&mut waiting).is_pending());
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(poll!(&mut waiting).is_pending());
    }
    assert!(
        poll!(pin!(handle.next_request())).is_pending(),
        "not called"
    );

    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let inner = service_fn(move |_: Request<()>| {
        counter.fetch_add(1, Ordering::SeqCst);
        future::ready(Ok::<_, Infallible>(Response::new(())))
    });
    let response = layer.layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(world.calls(), (1, 1), "the verdict was kept");
}
