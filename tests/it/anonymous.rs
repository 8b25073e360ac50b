//! Who gets through, and with what: `optional` lets those without credentials, and nobody else;
//! `strip_authorization` keeps the token from the service.

use std::{convert::Infallible, time::Duration};

use axum::{Router, routing::get};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims,
    fake_clerk::{Endpoint, Fault},
    kinds::OAuthTokens,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    redaction::Log,
    support::{App, World},
    wire::{one, send, serve},
};

/// What the service behind the layer saw of a request.
#[derive(Clone, Debug)]
struct Seen {
    authorization: Vec<HeaderValue>,
    /// Another header, which nobody touches.
    other: bool,
    subject: Option<String>,
    is_stale: bool,
}

/// Sends a request through a layer, and finds out what the service behind it saw: nothing, where it was
/// rejected.
async fn pass(layer: &ClerkAuthLayer, mut request: Request<()>) -> Result<Seen, AuthErrorKind> {
    request
        .headers_mut()
        .insert("proxy-authorization", HeaderValue::from_static("x"));
    let inner = service_fn(async |request: Request<()>| {
        let claims = request.extensions().get::<ClerkClaims>();
        let seen = Seen {
            authorization: request
                .headers()
                .get_all(AUTHORIZATION)
                .iter()
                .cloned()
                .collect(),
            other: request.headers().contains_key("proxy-authorization"),
            subject: claims.map(|claims| claims.subject().to_owned()),
            is_stale: claims.is_some_and(ClerkClaims::is_stale),
        };
        let mut response = Response::new(());
        response.extensions_mut().insert(seen);
        Ok::<_, Infallible>(response)
    });
    let Ok(response) = layer.layer(inner).oneshot(request).await;
    let extensions = response.extensions();
    match extensions.get::<AuthError>() {
        Some(error) => Err(error.kind()),
        None => Ok(extensions.get::<Seen>().unwrap().clone()),
    }
}

fn request(authorization: &[&str]) -> Request<()> {
    let mut request = Request::new(());
    for value in authorization {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(AUTHORIZATION, value);
    }
    request
}

fn bearer(token: &str) -> Request<()> {
    request(&[&format!("Bearer {token}")])
}

fn layer(world: &World) -> ClerkAuthLayer {
    let config = world.accepting(world.oauth().required_scopes(["email"]));
    ClerkAuthLayer::new(config.build().unwrap())
}

#[tokio::test]
async fn no_credentials_of_ours_pass_without_claims() {
    let world = World::new();
    let strict = layer(&world);
    let lenient = strict.clone().optional();
    let inputs: [(&str, &[&str]); 6] = [
        ("no header", &[]),
        ("an empty header", &[""]),
        ("another scheme", &["Basic dTpw"]),
        ("a scheme that begins like ours", &["Bearerx abc"]),
        ("a scheme that ours begins like", &["Bear abc"]),
        ("a token without a scheme", &["oat_abc"]),
    ];
    for _ in 0..2 {
        for (name, input) in inputs {
            let seen = pass(&lenient, request(input)).await.unwrap();
            assert_eq!(seen.subject, None, "{name}");
            assert_eq!(seen.authorization, input, "{name}");
            let rejected = pass(&strict, request(input)).await.unwrap_err();
            assert_eq!(rejected, AuthErrorKind::MissingCredentials, "{name}");
        }
    }
    assert_eq!(world.clerk.total_calls(), 0);
    let stats = lenient.authenticator().stats();
    assert_eq!((stats.anonymous, stats.rejected), (12, 12));
}

#[tokio::test]
async fn what_claims_to_be_a_token_is_never_taken_for_none() {
    let world = World::new();
    let layer = layer(&world).optional();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    let expired = world.clerk.token("user_1").expired().issue();
    let foreign = world.clerk.token("user_1").client_id("other").issue();
    let refresh = world.clerk.refresh_token("user_1");
    let long = "a".repeat(5_000);
    for _ in 0..2 {
        for (input, expected) in [
            (bearer(&narrow), AuthErrorKind::InsufficientScope),
            (bearer(&expired), AuthErrorKind::Inactive),
            (bearer(&foreign), AuthErrorKind::WrongClient),
            (bearer(&refresh), AuthErrorKind::UnsupportedToken),
            (bearer("oat_unknown"), AuthErrorKind::Inactive),
            (bearer("garbage"), AuthErrorKind::UnsupportedToken),
            (bearer(&long), AuthErrorKind::TokenTooLong),
            (bearer(""), AuthErrorKind::MalformedCredentials),
            (bearer("a b"), AuthErrorKind::MalformedCredentials),
            (request(&["Bearer"]), AuthErrorKind::MalformedCredentials),
            (
                request(&["Bearer\toat_a"]),
                AuthErrorKind::MalformedCredentials,
            ),
            (
                request(&["Basic dTpw", "Bearer oat_a"]),
                AuthErrorKind::MultipleCredentials,
            ),
            (request(&["", ""]), AuthErrorKind::MultipleCredentials),
        ] {
            let shown = format!("{:?}", input.headers());
            let rejected = pass(&layer, input).await;
            assert_eq!(rejected.unwrap_err(), expected, "{shown}");
        }
    }
    assert_eq!(layer.authenticator().stats().anonymous, 0);
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_is_rejected_in_an_outage() {
    let world = World::new();
    let layer = layer(&world).optional();
    let token = world.clerk.token("user_1").issue();
    for (fault, expected) in [
        (Fault::status(500), AuthErrorKind::UpstreamUnavailable),
        (Fault::reset(), AuthErrorKind::UpstreamUnavailable),
        (Fault::malformed(), AuthErrorKind::InvalidUpstreamResponse),
        (Fault::status(401), AuthErrorKind::CredentialsRejected),
    ] {
        world.clerk.fail(Endpoint::Introspection, fault);
        for _ in 0..2 {
            let rejected = pass(&layer, bearer(&token)).await;
            assert_eq!(rejected.unwrap_err(), expected);
            // Who sends none needs no Clerk.
            let seen = pass(&layer, request(&[])).await.unwrap();
            assert_eq!(seen.subject, None);
        }
        // What a token provokes is remembered for it (fault B1).
        world.clock.advance(std::time::Duration::from_secs(5));
    }
    world.clerk.heal_all();
    let seen = pass(&layer, bearer(&token)).await.unwrap();
    assert_eq!(seen.subject.as_deref(), Some("user_1"));
}

/// Says of every token that there is none.
struct Confused;

impl Verify for Confused {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async { Err(AuthErrorKind::MissingCredentials.into()) })
    }
}

#[tokio::test]
async fn a_verifier_cannot_turn_a_token_into_none() {
    let world = World::new();
    let layer = {
        let oauth = OAuthTokens::verified_by(Confused).allow_any_client();
        ClerkAuthLayer::new(world.accepting(oauth).build().unwrap()).optional()
    };
    for _ in 0..2 {
        let rejected = pass(&layer, bearer("oat_a")).await;
        assert_eq!(rejected.unwrap_err(), AuthErrorKind::MissingCredentials);
    }
    assert_eq!(layer.authenticator().stats().anonymous, 0);
}

#[tokio::test]
async fn only_this_layers_claims_count() {
    let world = World::new();
    let elsewhere = world.app();
    let token = world.clerk.token("user_other").issue();
    let claims = elsewhere.bearer(&token).await.claims().clone();
    let layer = layer(&world).optional();
    for authorization in [&[][..], &["Basic dTpw"]] {
        let mut request = request(authorization);
        request.extensions_mut().insert(claims.clone());
        let seen = pass(&layer, request).await.unwrap();
        assert_eq!(seen.subject, None);
    }
    let mut request = bearer(&world.clerk.token("user_1").issue());
    request.extensions_mut().insert(claims);
    let seen = pass(&layer, request).await.unwrap();
    assert_eq!(seen.subject.as_deref(), Some("user_1"));
}

#[tokio::test]
async fn a_strict_and_an_optional_layer_share_what_is_known() {
    let world = World::new();
    let strict = layer(&world);
    let lenient = strict.clone().optional();
    let token = world.clerk.token("user_1").issue();
    for layer in [&lenient, &strict, &lenient] {
        let seen = pass(layer, bearer(&token)).await.unwrap();
        assert_eq!(seen.subject.as_deref(), Some("user_1"));
    }
    assert_eq!(world.calls(), (1, 1));
    // To make one lenient leaves the other as it was.
    let rejected = pass(&strict, request(&[])).await;
    assert_eq!(rejected.unwrap_err(), AuthErrorKind::MissingCredentials);
    // And it stays with what it is shaped into.
    let shaped = lenient.reject_with(tower_clerk::reject::JsonBody);
    let inner =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(bytes::Bytes::new())));
    let response = shaped.layer(inner).oneshot(request(&[])).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn anonymous_requests_are_counted_and_logged() {
    let world = World::new();
    let app = App::of(layer(&world).optional());
    let log = Log::default();
    let guard = log.subscribe();
    app.send(&[]).await.assert_accepted();
    drop(guard);
    let stats = app.layer.authenticator().stats();
    assert_eq!((stats.anonymous, stats.rejected), (1, 0));
    assert_eq!((stats.hits, stats.misses), (0, 0));
    assert_eq!(app.inner_calls(), 1);
    let log = log.text();
    assert!(log.contains("auth.outcome=\"anonymous\""), "{log}");
}

#[tokio::test]
async fn an_optional_argument_is_there_or_not() {
    let world = World::new();
    let greet = get(async |claims: Option<ClerkClaims>| {
        claims.map_or("nobody".to_owned(), |claims| claims.subject().to_owned())
    });
    let config = world.accepting(world.oauth().required_scopes(["email"]));
    let config = config.resource("https://api.example.com").build().unwrap();
    let app = Router::new()
        .route("/", greet)
        .layer(ClerkAuthLayer::new(config).optional());
    let address = serve(app).await;
    let good = format!("Bearer {}", world.clerk.token("user_1").issue());
    for _ in 0..2 {
        for (authorization, status, body) in [
            (None, 200, "nobody"),
            (Some("Basic dTpw"), 200, "nobody"),
            (Some(&*good), 200, "user_1"),
            (Some("Bearer oat_unknown"), 401, ""),
            (Some("Bearer"), 400, ""),
        ] {
            let headers: Vec<_> = authorization
                .map(|value| ("authorization", value))
                .into_iter()
                .collect();
            let answer = send(address, "GET", "/", &headers).await;
            assert_eq!(answer.status(), status, "{authorization:?}");
            assert_eq!(answer.body(), body, "{authorization:?}");
            let is_challenged = one(answer.headers(), "www-authenticate").is_some();
            assert_eq!(is_challenged, status != 200, "{authorization:?}");
        }
    }
}

#[tokio::test]
async fn the_token_stays_with_the_layer_on_every_way_through() {
    let world = World::new();
    let config = world.config().stale_if_error(Duration::from_secs(300));
    let plain = ClerkAuthLayer::new(config.build().unwrap());
    let stripping = plain.clone().strip_authorization();
    let token = world.clerk.token("user_1").issue();

    let check = async |stage: &str, is_stale: bool| {
        let seen = pass(&stripping, bearer(&token)).await.unwrap();
        assert!(seen.authorization.is_empty(), "{stage}: {seen:?}");
        assert!(seen.other, "{stage}");
        assert_eq!(seen.subject.as_deref(), Some("user_1"), "{stage}");
        assert_eq!(seen.is_stale, is_stale, "{stage}");
        // Without it, the header is there, and is not for logs.
        let seen = pass(&plain, bearer(&token)).await.unwrap();
        assert_eq!(seen.authorization.len(), 1, "{stage}");
        assert!(seen.authorization[0].is_sensitive(), "{stage}");
    };
    check("miss", false).await;
    check("hit", false).await;
    assert_eq!(world.calls(), (1, 1));
    world.clock.advance(Duration::from_secs(26));
    check("refresh ahead", false).await;
    while stripping.authenticator().stats().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(500));
    world.clock.advance(Duration::from_secs(31));
    check("bridged", true).await;
    check("stale", true).await;
    assert!(stripping.authenticator().stats().stale >= 3);
    world.clerk.heal_all();

    // With a cache that is off, every request is a miss.
    let config = world.config().cache_ttl(Duration::ZERO).build().unwrap();
    let uncached = ClerkAuthLayer::new(config).strip_authorization();
    for _ in 0..2 {
        let seen = pass(&uncached, bearer(&token)).await.unwrap();
        assert!(seen.authorization.is_empty());
    }
}

#[tokio::test]
async fn what_was_not_accepted_is_not_taken_away() {
    let world = World::new();
    let layer = layer(&world).optional().strip_authorization();
    let seen = pass(&layer, request(&["Basic dTpw"])).await.unwrap();
    assert_eq!(seen.authorization, ["Basic dTpw"]);
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let seen = pass(&layer, bearer(&token)).await.unwrap();
        assert!(seen.authorization.is_empty());
        assert_eq!(seen.subject.as_deref(), Some("user_1"));
        let rejected = pass(&layer, bearer("oat_unknown")).await;
        assert_eq!(rejected.unwrap_err(), AuthErrorKind::Inactive);
    }
}
