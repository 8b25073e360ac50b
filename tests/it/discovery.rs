//! Addresses from the metadata of the instance: which are believed, when they are fetched, and what comes of
//! it where they cannot be had.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::SessionTokens,
};

use crate::support::{App, World};

const METADATA: Endpoint = Endpoint::OpenidConfiguration;

/// The metadata of an instance that has its endpoints at another one.
fn elsewhere(world: &World, other: &FakeClerk) -> Value {
    let url = other.url();
    json!({
        "issuer": world.clerk.url(),
        "introspection_endpoint": format!("{url}/oauth/token_info"),
        "userinfo_endpoint": format!("{url}/oauth/userinfo"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
    })
}

fn publish(world: &World, metadata: &Value) {
    let answer = Fault::answer(200, "application/json", metadata.to_string());
    world.clerk.fail(METADATA, answer);
}

/// Another server that knows our client.
fn other(world: &World) -> FakeClerk {
    let other = FakeClerk::start().unwrap();
    other.register_client(world.clerk.client_id(), world.clerk.client_secret());
    other
}

fn discovering(world: &World) -> ClerkConfigBuilder {
    world.socket_config().discover([""; 0])
}

#[tokio::test]
async fn addresses_are_those_of_the_metadata() {
    let world = World::over_sockets();
    let other = other(&world);
    publish(&world, &elsewhere(&world, &other));
    let token = other
        .token("user_1")
        .client_id(world.clerk.client_id())
        .issue();
    let app = App::new(world.socket_config().discover([other.url()]));
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert!(answer.claims().profile().is_some());
    }
    assert_eq!(world.clerk.calls(METADATA), 1);
    assert_eq!(world.calls(), (0, 0));
    let asked = [Endpoint::Introspection, Endpoint::Userinfo].map(|endpoint| other.calls(endpoint));
    assert_eq!(asked, [1, 1]);
}

#[tokio::test]
async fn keys_are_those_that_the_metadata_names() {
    let world = World::over_sockets();
    let other = other(&world);
    publish(&world, &elsewhere(&world, &other));
    let session = |clerk: &FakeClerk| {
        clerk
            .session("user_1")
            .claim("iss", world.clerk.url())
            .issue()
    };
    let app = App::new(
        world
            .accepting_over_sockets(SessionTokens::new())
            .discover([other.url()]),
    );
    for _ in 0..2 {
        app.bearer(&session(&other)).await.assert_accepted();
        app.bearer(&session(&world.clerk))
            .await
            .assert_rejected(401, AuthErrorKind::InvalidSignature);
    }
    assert_eq!(world.clerk.calls(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn nothing_is_sent_to_an_origin_that_is_not_named() {
    let world = World::over_sockets();
    let other = other(&world);
    let token = world.clerk.token("user_1").issue();
    for member in ["introspection_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let mut metadata = elsewhere(&world, &world.clerk);
        metadata[member] = elsewhere(&world, &other)[member].clone();
        publish(&world, &metadata);
        for _ in 0..2 {
            let app = App::new(discovering(&world));
            for _ in 0..2 {
                app.bearer(&token)
                    .await
                    .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
            }
            assert_eq!(app.inner_calls(), 0, "{member}");
        }
    }
    assert_eq!(other.total_calls(), 0);
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_believed() {
    let world = World::over_sockets();
    let token = world.clerk.token("user_1").issue();
    let url = world.clerk.url();
    for issuer in [
        json!(format!("{url}/")),
        json!("https://evil.example"),
        json!(null),
    ] {
        let mut metadata = elsewhere(&world, &world.clerk);
        metadata["issuer"] = issuer;
        publish(&world, &metadata);
        let app = App::new(discovering(&world));
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
        }
        assert_eq!(app.inner_calls(), 0);
    }
    let bad = Fault::answer(
        200,
        "application/json",
        format!(r#"{{"issuer":"{url}","issuer":"{url}"}}"#),
    );
    world.clerk.fail(METADATA, bad);
    App::new(discovering(&world))
        .bearer(&token)
        .await
        .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn metadata_is_fetched_once_and_refreshed_beside_requests() {
    let world = World::over_sockets();
    let app = App::new(discovering(&world));
    let tokens: Vec<_> = (0..64)
        .map(|n| world.clerk.token(format!("user_{n}")).issue())
        .collect();
    for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
        answer.assert_accepted();
    }
    assert_eq!(world.clerk.calls(METADATA), 1);

    world.clock.advance(Duration::from_secs(299));
    app.bearer(&tokens[0]).await.assert_accepted();
    assert_eq!(world.clerk.calls(METADATA), 1);
    // From now on it is old enough. The request that finds out does not wait for it.
    world.clerk.fail(METADATA, Fault::hang());
    world.clock.advance(Duration::from_secs(60));
    app.bearer(&tokens[1]).await.assert_accepted();
    while world.clerk.calls(METADATA) < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn metadata_serves_through_an_outage_for_an_hour() {
    let world = World::over_sockets();
    let app = App::new(discovering(&world));
    world.clerk.fail(METADATA, Fault::status(500));
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    assert_eq!(world.calls(), (0, 0));
    world.clerk.heal(METADATA);
    app.bearer(&token).await.assert_accepted();

    world.clerk.fail(METADATA, Fault::status(500));
    world.clock.advance(Duration::from_secs(3_590));
    app.bearer(&world.clerk.token("user_2").issue())
        .await
        .assert_accepted();
    world.clock.advance(Duration::from_secs(20));
    let token = world.clerk.token("user_3").issue();
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
}

#[tokio::test]
async fn warming_up_fetches_it() {
    let world = World::over_sockets();
    let app = App::new(discovering(&world));
    world.clerk.fail(METADATA, Fault::status(500));
    let error = app.layer.authenticator().warm_up().await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    world.clerk.heal(METADATA);
    app.layer.authenticator().warm_up().await.unwrap();
    let calls = world.clerk.calls(METADATA);
    app.bearer(&world.clerk.token("user_1").issue())
        .await
        .assert_accepted();
    assert_eq!(world.clerk.calls(METADATA), calls);
}
