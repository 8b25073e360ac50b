//! OAuth access tokens that are JWTs: asked about, read here, or both.

use tower_clerk::{
    AuthErrorKind, TokenKind,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::{JwtVerification, OAuthTokens},
};

use super::{accepting, key_set_calls, parts, signed, with, world};
use crate::support::{App, World};

fn local(world: &World) -> App {
    App::new(accepting(world, [TokenKind::OAuth]))
}

fn local_then_introspect(world: &World) -> App {
    App::new(world.accepting(world.oauth().jwts(JwtVerification::LocalThenIntrospect)))
}

fn introspections(world: &World) -> usize {
    world.clerk.calls(Endpoint::Introspection)
}

/// Tokens that are no good, and say so themselves.
fn bad(world: &World) -> [(&'static str, String, AuthErrorKind); 5] {
    let clerk = &world.clerk;
    let [header, payload] = parts(&clerk.token("user_1").jwt().issue());
    let stranger = FakeClerk::start().unwrap();
    [
        (
            "forged",
            signed(&stranger, &header, &payload),
            AuthErrorKind::InvalidSignature,
        ),
        (
            "expired",
            clerk.token("user_1").expired().jwt().issue(),
            AuthErrorKind::Expired,
        ),
        (
            "of another issuer",
            signed(clerk, &header, with(&payload, "iss", "https://a.example")),
            AuthErrorKind::WrongIssuer,
        ),
        (
            "of nobody",
            signed(clerk, &header, with(&payload, "client_id", ())),
            AuthErrorKind::WrongClient,
        ),
        (
            "without end",
            signed(clerk, &header, with(&payload, "exp", ())),
            AuthErrorKind::MalformedToken,
        ),
    ]
}

#[tokio::test]
async fn by_default_clerk_is_asked_and_no_key_fetched() {
    let world = world();
    let app = world.app();
    let token = world.clerk.token("user_1").jwt().issue();
    app.layer.authenticator().warm_up().await.unwrap();
    app.bearer(&token).await.assert_accepted();
    assert_eq!((introspections(&world), key_set_calls(&world)), (1, 0));
}

#[tokio::test]
async fn a_signature_alone_costs_no_introspection() {
    let world = world();
    let app = local(&world);
    let token = world.clerk.token("user_1").scopes(["email"]).jwt().issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        let claims = answer.claims();
        assert_eq!(claims.subject(), "user_1");
        assert_eq!(claims.client_id(), Some(&*world.clerk.client_id()));
        assert!(claims.has_scope("email") && claims.profile().is_some());
    }
    // What is revoked goes on, until it expires.
    world.clerk.revoke(&token);
    app.bearer(&token).await.assert_accepted();
    for (name, token, expected) in bad(&world) {
        let app = local(&world);
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.kind(), Some(expected), "{name}");
        }
        assert_eq!(app.inner_calls(), 0, "{name}");
    }
    assert_eq!(introspections(&world), 0);
}

#[tokio::test]
async fn without_credentials_opaque_tokens_are_not_accepted() {
    let world = world();
    let app = local(&world);
    let opaque = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let answer = app.bearer(&opaque).await;
        answer.assert_rejected(401, AuthErrorKind::UnsupportedToken);
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn only_clients_that_are_named_pass() {
    let world = world();
    let oauth = OAuthTokens::signature().allow_clients(["client_1"]);
    let config = world.accepting(oauth);
    let app = App::new(config);
    let token = |id: &str| world.clerk.token("user_1").client_id(id).jwt().issue();
    app.bearer(&token("client_1")).await.assert_accepted();
    for _ in 0..2 {
        let answer = app.bearer(&token("client_2")).await;
        answer.assert_rejected(401, AuthErrorKind::WrongClient);
    }
}

#[tokio::test]
async fn what_is_bad_by_itself_never_costs_an_introspection() {
    let world = world();
    for (name, token, expected) in bad(&world) {
        for _ in 0..2 {
            let app = local_then_introspect(&world);
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.kind(), Some(expected), "{name}");
                assert_eq!(answer.status(), 401, "{name}");
            }
            assert_eq!(app.inner_calls(), 0, "{name}");
        }
    }
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn what_is_good_by_itself_is_asked_about() {
    let world = world();
    let app = local_then_introspect(&world);
    let token = world.clerk.token("user_1").jwt().issue();
    for _ in 0..2 {
        app.bearer(&token).await.assert_accepted();
    }
    assert_eq!((introspections(&world), key_set_calls(&world)), (1, 1));

    let revoked = world.clerk.token("user_1").jwt().issue();
    world.clerk.revoke(&revoked);
    for _ in 0..2 {
        let answer = app.bearer(&revoked).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
    }
    assert_eq!(introspections(&world), 2);

    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(500));
    let unknown = world.clerk.token("user_1").jwt().issue();
    for _ in 0..2 {
        let answer = app.bearer(&unknown).await;
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
}

#[tokio::test]
async fn where_clerk_does_not_introspect_jwts_the_signature_stands() {
    let world = world();
    world.clerk.reject_jwt_introspection(true);
    let app = local_then_introspect(&world);
    let token = world.clerk.token("user_1").jwt().issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert!(answer.claims().profile().is_some());
        assert!(answer.claims().expires_at().is_some());
    }
    assert_eq!(introspections(&world), 1);
    // Without the signature, that same answer is a rejection.
    let app = world.app();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
    }
}
