//! Tokens that the instance signed.

use std::time::Duration;

use http::StatusCode;
use tower_clerk::{
    AuthErrorKind, TokenKind,
    config::JwtKeys,
    fake_clerk::{Category, FakeClerk},
};

use super::{accepting, key_set_calls, parts, sessions, signed, with, world};
use crate::support::{App, World};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_session_token_passes_by_its_signature() {
    let world = world();
    let app = sessions(&world);
    let clerk = &world.clerk;
    for token in [
        clerk.session("user_1").issue(),
        clerk.session("user_1").v1().issue(),
        clerk.session("user_1").category(Category::Absent).issue(),
        clerk
            .session("user_1")
            .category(Category::Unclassified)
            .issue(),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert_eq!(answer.claims().subject(), "user_1");
            assert_eq!(answer.claims().issuer(), Some(&*clerk.url()));
        }
    }
    assert_eq!(key_set_calls(&world), 1);
    assert_eq!(world.clerk.total_calls(), 1);
}

#[tokio::test]
async fn a_machine_token_passes_where_it_is_addressed_to_us() {
    let world = world();
    let app = App::new(accepting(&world, [TokenKind::Machine]));
    let token = |machine: &str| {
        let builder = world.clerk.machine_token("mch_them").jwt();
        builder.scopes([machine]).issue()
    };
    let ours = token("mch_us");
    for _ in 0..2 {
        let answer = app.bearer(&ours).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().subject(), "mch_them");
    }
    let theirs = token("mch_others");
    for _ in 0..2 {
        let answer = app.bearer(&theirs).await;
        answer.assert_rejected(401, AuthErrorKind::WrongMachine);
    }
    assert_eq!(world.clerk.total_calls(), 1);
}

#[tokio::test]
async fn a_machine_does_not_address_itself() {
    let world = world();
    let token = world.clerk.machine_token("mch_them").jwt().issue();
    let [header, payload] = parts(&token);
    let payload = with(&with(&payload, "aud", ()), "scopes", ());
    // A claim of its own choice.
    let token = signed(&world.clerk, &header, with(&payload, "scope", "mch_us"));
    let app = App::new(accepting(&world, [TokenKind::Machine]));
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_rejected(401, AuthErrorKind::WrongMachine);
    }
    let token = signed(&world.clerk, &header, with(&payload, "scopes", "mch_us"));
    app.bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn a_token_lives_until_its_end_and_the_leeway() {
    for cached in [false, true] {
        let world = world();
        let config = accepting(&world, [TokenKind::Session]);
        let app = App::new(if cached {
            config.cache_ttl(60 * SECOND)
        } else {
            config.cache_ttl(Duration::ZERO)
        });
        let token = world.clerk.session("user_1").lifetime(20 * SECOND).issue();
        let end = parts(&token)[1]["exp"].as_u64().unwrap();
        app.bearer(&token).await.assert_accepted();
        // By default five seconds.
        world.clock.set(crate::support::unix(end + 4));
        app.bearer(&token).await.assert_accepted();
        world.clock.set(crate::support::unix(end + 5));
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(401, AuthErrorKind::Expired);
        }
    }
}

#[tokio::test]
async fn leeway_is_what_it_is_set_to() {
    let world = world();
    let app = App::new(accepting(&world, [TokenKind::Session]).leeway(Duration::ZERO));
    let token = world.clerk.session("user_1").issue();
    let [header, payload] = parts(&token);
    let end = payload["exp"].as_u64().unwrap();
    world.clock.set(crate::support::unix(end - 1));
    app.bearer(&token).await.assert_accepted();
    world.clock.set(crate::support::unix(end));
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Expired);

    let late = with(&with(&payload, "exp", end + 60), "nbf", end + 1);
    let late = signed(&world.clerk, &header, late);
    app.bearer(&late)
        .await
        .assert_rejected(401, AuthErrorKind::NotYetValid);
    world.clock.advance(2 * SECOND);
    app.bearer(&late).await.assert_accepted();
}

#[tokio::test]
async fn a_key_of_the_configuration_needs_no_network() {
    let world = world();
    let config = accepting(&world, [TokenKind::Session])
        .jwt_keys(JwtKeys::pem(world.clerk.public_key_pem()));
    let app = App::new(config);
    app.layer.authenticator().warm_up().await.unwrap();
    let token = world.clerk.session("user_1").issue();
    let [header, payload] = parts(&token);
    let stranger = FakeClerk::start().unwrap();
    let forged = signed(&stranger, &header, &payload);
    let unnamed = signed(&world.clerk, with(&header, "kid", ()), &payload);
    let renamed = signed(&world.clerk, with(&header, "kid", "ins_other"), &payload);

    let World { clerk, .. } = world;
    assert_eq!(clerk.total_calls(), 0);
    drop(clerk);
    for token in [&token, &unnamed, &renamed] {
        for _ in 0..2 {
            assert_eq!(app.bearer(token).await.status(), StatusCode::OK);
        }
    }
    for _ in 0..2 {
        let answer = app.bearer(&forged).await;
        answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
    }
    assert_eq!(app.inner_calls(), 6);
}
