//! Two layers share nothing; clones of one share everything.

use tower_clerk::{
    AuthErrorKind, Tokens,
    fake_clerk::{Endpoint, FakeClerk},
    kinds::OAuthTokens,
};

use crate::support::{App, World};

#[tokio::test]
async fn two_instances_never_share_a_verdict() {
    // B02, B03, B05, B06, C120
    let (one, two) = (World::new(), World::new());
    // The same id and secret, so that only the instance differs.
    two.clerk
        .register_client(one.clerk.client_id(), one.clerk.client_secret());
    let token = one.clerk.token("user_1").issue();
    let app_one = one.app();
    let app_two = App::new(two.accepting(OAuthTokens::introspection(
        one.clerk.client_id(),
        one.clerk.client_secret(),
    )));
    for _ in 0..2 {
        let (first, second) = tokio::join!(app_one.bearer(&token), app_two.bearer(&token));
        first.assert_accepted();
        second.assert_rejected(401, AuthErrorKind::Inactive);
    }
    assert_eq!(one.calls(), (1, 1));
    assert_eq!(two.calls(), (1, 0));
}

#[tokio::test]
async fn two_layers_of_one_instance_ask_each_for_themselves() {
    // B01, B04, C120: also where only the rules differ.
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let lenient = world.app();
    let strict = App::new(world.accepting(world.oauth().required_scopes(["admin"])));
    for _ in 0..2 {
        let (first, second) = tokio::join!(lenient.bearer(&token), strict.bearer(&token));
        first.assert_accepted();
        second.assert_rejected(403, AuthErrorKind::InsufficientScope);
    }
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 2);
    lenient.layer.authenticator().invalidate(Tokens::all());
    strict.bearer(&token).await;
    assert_eq!(
        world.clerk.calls(Endpoint::Introspection),
        2,
        "not the other's"
    );
}

#[tokio::test]
async fn two_layers_of_one_configuration_share_no_cache() {
    // C126
    let world = World::new();
    let config = world.config().build().unwrap();
    let token = world.clerk.token("user_1").issue();
    for asked in 1..=2 {
        let app = App::of(tower_clerk::ClerkAuthLayer::new(config.clone()));
        app.bearer(&token).await.assert_accepted();
        assert_eq!(world.calls(), (asked, asked));
    }
}

#[tokio::test]
async fn clones_share_one_cache() {
    // C126
    let world = World::new();
    let app = world.app();
    let clone = App::of(app.layer.clone());
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    clone.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls(), (1, 1));
    clone.layer.authenticator().invalidate(Tokens::one(&token));
    app.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls(), (2, 2));
}

#[tokio::test]
async fn random_interleavings_never_cross() {
    // E3, on a small scale: eight instances that know the same users under other tokens.
    let worlds: Vec<_> = (0..4).map(|_| World::new()).collect();
    let apps: Vec<_> = worlds.iter().map(World::app).collect();
    let tokens: Vec<_> = worlds
        .iter()
        .flat_map(|world| (0..8).map(|n| world.clerk.token(format!("user_{n}")).issue()))
        .collect();
    let mut random = fastrand::Rng::with_seed(7);
    for step in 0..2_000 {
        let (app, token) = (random.usize(..apps.len()), random.usize(..tokens.len()));
        let answer = apps[app].bearer(&tokens[token]).await;
        if token / 8 == app {
            answer.assert_accepted();
            assert_eq!(
                answer.claims().subject(),
                format!("user_{}", token % 8),
                "step {step}"
            );
        } else {
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test]
async fn with_no_clerk_from_the_start_nobody_gets_in() {
    // B13, E16: and once it is there, everybody does.
    let clerk = FakeClerk::start().unwrap();
    let (address, id, secret) = (clerk.addr(), clerk.client_id(), clerk.client_secret());
    let config = tower_clerk::ClerkConfig::builder(clerk.url())
        .accept(OAuthTokens::introspection(&id, &secret));
    let app = App::new(config);
    drop(clerk);
    for _ in 0..2 {
        app.bearer("oat_abc")
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    let clerk = FakeClerk::start_on(address).expect("the port is free again");
    clerk.register_client(&id, &secret);
    let token = clerk.token("user_1").client_id(&id).issue();
    app.bearer(&token).await.assert_accepted();
}
