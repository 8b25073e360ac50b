//! The key set, fetched from the Backend API.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_clerk::{
    AuthErrorKind::{CredentialsRejected, InvalidSignature, UpstreamUnavailable},
    ClerkConfig, ClerkConfigBuilder, TokenKind,
    config::JwtKeys,
    fake_clerk::{Endpoint, Fault, InProcess},
    kinds::{Enrichment, JwtVerification, OAuthTokens},
    transport::{Transport, TransportError},
};

use super::{accepting, message, parts, synchronise, world};
use crate::support::{App, Kinds, World};

fn config(world: &World) -> ClerkConfigBuilder {
    accepting(world, [TokenKind::Session, TokenKind::OAuth])
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.backend_api_url())
        .jwt_keys(JwtKeys::backend_api())
}

/// Calls to the key set of the Backend API and of the instance.
fn calls(world: &World) -> (usize, usize) {
    let calls = |endpoint| world.clerk.calls(endpoint);
    (calls(Endpoint::BackendJwks), calls(Endpoint::Jwks))
}

fn advance(world: &World, by: Duration) {
    world.clock.advance(by);
    world.clerk.advance(by);
}

#[tokio::test]
async fn keys_are_fetched_with_the_secret_key_and_again_after_a_rotation() {
    let world = world();
    let app = App::new(config(&world));
    let session = || world.clerk.session("user_1").issue();
    let jwt = || world.clerk.token("user_1").jwt().issue();
    for token in [session(), jwt()] {
        for _ in 0..2 {
            app.bearer(&token).await.assert_accepted();
        }
    }
    assert_eq!(calls(&world), (1, 0));
    let requests = world.clerk.requests();
    let request = requests
        .iter()
        .find(|it| it.endpoint == Some(Endpoint::BackendJwks))
        .unwrap();
    let secret = format!("Bearer {}", world.clerk.secret_key());
    assert_eq!(request.headers["authorization"], *secret);
    assert!(request.headers.contains_key("clerk-api-version"));
    assert_eq!(request.path, "/v1/jwks");

    for replace in [false, true] {
        advance(&world, Duration::from_secs(2));
        if replace {
            world.clerk.replace_key_under_same_kid();
        } else {
            world.clerk.rotate_key();
        }
        synchronise(&world);
        let before = calls(&world).0;
        for token in [session(), jwt()] {
            for _ in 0..2 {
                app.bearer(&token).await.assert_accepted();
            }
        }
        assert_eq!(calls(&world), (before + 1, 0), "{replace}");
    }
    // A forged token is rejected after a fetch.
    advance(&world, Duration::from_secs(2));
    let [header, payload] = parts(&session());
    let forged = format!("{}.{}", message(header, payload), "A".repeat(342));
    for _ in 0..2 {
        app.bearer(&forged)
            .await
            .assert_rejected(401, InvalidSignature);
    }
    assert_eq!(calls(&world).1, 0);
}

#[tokio::test]
async fn keys_are_fetched_before_the_first_request_if_wanted() {
    let world = world();
    let app = App::new(config(&world));
    app.layer.authenticator().warm_up().await.unwrap();
    assert_eq!(calls(&world), (1, 0));
    let token = world.clerk.session("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    assert_eq!(calls(&world), (1, 0));
}

#[tokio::test]
async fn a_failure_to_fetch_is_no_verdict_about_a_token() {
    for (name, fault, kind) in [
        ("an outage", Some(Fault::status(500)), UpstreamUnavailable),
        ("another secret key", None, CredentialsRejected),
    ] {
        let world = world();
        let mut config = config(&world);
        match fault {
            Some(fault) => world.clerk.fail(Endpoint::BackendJwks, fault),
            None => config = config.secret_key("sk_test_of_another_instance"),
        }
        let app = App::new(config);
        let token = world.clerk.session("user_1").issue();
        for _ in 0..2 {
            app.bearer(&token).await.assert_rejected(503, kind);
        }
        assert_eq!(calls(&world).1, 0, "{name}");
    }
}

/// A network that lets requests to the Backend API pass, and no others.
struct BackendOnly {
    clerk: InProcess,
    origin: String,
}

impl Transport for BackendOnly {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let uri = request.uri().to_string();
        assert!(uri.starts_with(&self.origin), "{uri} is out of reach");
        self.clerk.send(request)
    }
}

#[tokio::test]
async fn every_kind_is_verified_in_a_network_that_reaches_only_the_backend_api() {
    let kinds = [
        TokenKind::OAuth,
        TokenKind::Session,
        TokenKind::ApiKey,
        TokenKind::Machine,
    ];
    for mode in [
        JwtVerification::Introspect,
        JwtVerification::Local,
        JwtVerification::LocalThenIntrospect,
    ] {
        let world = world();
        let clerk = &world.clerk;
        let oauth = OAuthTokens::backend_api()
            .allow_any_client()
            .userinfo(Enrichment::Off)
            .jwts(mode);
        let network = BackendOnly {
            clerk: clerk.transport(),
            origin: "https://api.clerk.com/v1/".to_owned(),
        };
        let config = ClerkConfig::builder(clerk.url())
            .clock(world.clock.clone())
            .secret_key(clerk.secret_key())
            .jwt_keys(JwtKeys::backend_api())
            .users(Enrichment::Required)
            .transport(network);
        let app = App::new(Kinds::of(oauth).accept(config, kinds));
        app.layer.authenticator().warm_up().await.unwrap();
        let machine = || clerk.machine_token("mch_1").scopes(["mch_us"]);
        for token in [
            clerk.token("user_1").issue(),
            clerk.token("user_1").jwt().issue(),
            clerk.session("user_1").issue(),
            clerk.api_key("user_1").issue(),
            machine().issue(),
            machine().jwt().issue(),
        ] {
            for _ in 0..2 {
                app.bearer(&token).await.assert_accepted();
            }
        }
        assert_eq!(calls(&world).1, 0, "{mode:?}");
    }
}
