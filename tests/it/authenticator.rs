//! The authenticator without a middleware: it decides as the layer does, and shares the cache with it.

use http::Request;
use tower_clerk::{AuthErrorKind, Authenticator, ClerkAuthLayer, Tokens};

use crate::support::{App, World};

fn parts(headers: &[(&str, &str)]) -> http::request::Parts {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[tokio::test]
async fn authenticate_decides_as_the_layer_does() {
    let world = World::new();
    let good = world.clerk.token("user_1").scopes(["email"]).issue();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    let config = world.accepting(world.oauth().required_scopes(["email"]));
    let authenticator = Authenticator::new(config.build().unwrap());
    let bearer = |token: &str| format!("Bearer {token}");
    let (good, narrow, unknown) = (bearer(&good), bearer(&narrow), bearer("oat_unknown"));
    let cases: [(&str, Vec<(&str, &str)>); 8] = [
        ("good", vec![("authorization", &good)]),
        ("without a scope", vec![("authorization", &narrow)]),
        ("unknown", vec![("authorization", &unknown)]),
        ("no credentials", vec![]),
        ("another scheme", vec![("authorization", "Basic abc")]),
        ("malformed", vec![("authorization", "Bearer a b")]),
        (
            "two headers",
            vec![("authorization", &good), ("authorization", &good)],
        ),
        (
            "a cookie that does not count",
            vec![("cookie", "__session=a.b.c")],
        ),
    ];
    // Of another cache, so that each of them verifies.
    let app = App::new(world.accepting(world.oauth().required_scopes(["email"])));
    for (name, headers) in &cases {
        for time in ["first", "second"] {
            let expected = app.send(headers).await;
            match authenticator.authenticate(&parts(headers)).await {
                Ok(claims) => {
                    expected.assert_accepted();
                    assert_eq!(claims.subject(), expected.claims().subject(), "{name}");
                    assert_eq!(claims.instance(), world.clerk.url(), "{name}");
                }
                Err(rejection) => {
                    assert_eq!(Some(rejection.kind()), expected.kind(), "{name}, {time}");
                    assert_eq!(rejection.status(), expected.status(), "{name}, {time}");
                    let challenge = rejection.challenge().map(|it| it.to_str().unwrap());
                    assert_eq!(challenge, expected.challenge(), "{name}, {time}");
                    assert!(!rejection.is_grpc(), "{name}, {time}");
                }
            }
        }
    }
    let stats = authenticator.stats();
    // The good one, and each rejection twice.
    assert_eq!((stats.hits, stats.rejected), (1, 14));
}

#[tokio::test]
async fn authenticate_leaves_the_request_as_it_is() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let authenticator = Authenticator::new(world.config().build().unwrap());
    let parts = parts(&[("authorization", &format!("Bearer {token}"))]);
    authenticator.authenticate(&parts).await.unwrap();
    assert!(!parts.headers["authorization"].is_sensitive());
    assert!(parts.extensions.is_empty());
}

#[tokio::test]
async fn authenticate_takes_the_form_of_the_request() {
    let world = World::new();
    let authenticator = Authenticator::new(world.config().build().unwrap());
    let request = crate::support::as_grpc(Request::post("/").body(()).unwrap());
    let rejection = authenticator
        .authenticate(&request.into_parts().0)
        .await
        .unwrap_err();
    assert!(rejection.is_grpc());
    assert_eq!(rejection.grpc_code(), 16);
}

#[tokio::test]
async fn a_layer_and_its_authenticator_share_one_cache() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let authenticator = Authenticator::new(world.config().build().unwrap());
    let app = App::of(ClerkAuthLayer::from(authenticator.clone()));
    let other = App::of(ClerkAuthLayer::from(authenticator.clone()));
    authenticator.verify(&token).await.unwrap();
    app.bearer(&token).await.assert_accepted();
    other.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls().0, 1);

    world.clerk.revoke(&token);
    other
        .layer
        .authenticator()
        .invalidate(Tokens::of_subject("user_1"));
    for _ in 0..2 {
        let error = authenticator.verify(&token).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Inactive);
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    assert_eq!(world.calls().0, 2);
}

#[tokio::test]
async fn verify_takes_what_a_header_may_carry() {
    let world = World::new();
    let authenticator = Authenticator::new(world.config().build().unwrap());
    let long = format!("oat_{}", "a".repeat(5_000));
    let cases = [
        ("empty", "", AuthErrorKind::MalformedCredentials),
        ("a space", "oat_a b", AuthErrorKind::MalformedCredentials),
        (
            "a scheme",
            "Bearer oat_a",
            AuthErrorKind::MalformedCredentials,
        ),
        ("a newline", "oat_a\n", AuthErrorKind::MalformedCredentials),
        ("no ASCII", "oat_ä", AuthErrorKind::MalformedCredentials),
        ("too long", &long, AuthErrorKind::TokenTooLong),
        ("another kind", "ak_abc", AuthErrorKind::UnsupportedToken),
        ("a word", "hello", AuthErrorKind::UnsupportedToken),
    ];
    for (name, token, expected) in cases {
        for _ in 0..2 {
            let error = authenticator.verify(token).await.unwrap_err();
            assert_eq!(error.kind(), expected, "{name}");
        }
    }
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn debug_shows_neither_tokens_nor_secrets() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let authenticator = Authenticator::new(world.config().build().unwrap());
    authenticator.verify(&token).await.unwrap();
    let shown = format!("{authenticator:?} {:?}", Tokens::one(&token));
    let secret = world.clerk.client_secret();
    for secret in [token.as_str(), secret.as_str(), "user_1"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
