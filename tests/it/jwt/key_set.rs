//! The key set of the instance: when it is fetched, and what happens where it cannot be.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use tower_clerk::{
    AuthErrorKind, Enrichment, TokenKind,
    fake_clerk::{Endpoint, Fault},
};

use super::{key_set_calls, message, parts, sessions, signed, synchronise, with, world};
use crate::support::{App, World};

const SECOND: Duration = Duration::from_secs(1);

fn advance(world: &World, by: Duration) {
    world.clock.advance(by);
    world.clerk.advance(by);
}

/// A new session token is sent, and accepted.
async fn pass(world: &World, app: &App) {
    let token = world.clerk.session("user_1").issue();
    app.bearer(&token).await.assert_accepted();
}

/// A new session token is sent, and nobody can tell.
async fn cannot_tell(world: &World, app: &App) {
    let token = world.clerk.session("user_1").issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_refused(503, AuthErrorKind::UpstreamUnavailable);
    }
}

/// Tokens that name keys which nobody has.
fn of_unknown_keys(world: &World, count: usize) -> Vec<String> {
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    let signature = URL_SAFE_NO_PAD.encode([1; 256]);
    (0..count)
        .map(|n| {
            let header = with(&header, "kid", format!("ins_{n}"));
            format!("{}.{signature}", message(header, &payload))
        })
        .collect()
}

#[tokio::test]
async fn keys_are_fetched_before_the_first_request_where_that_is_wanted() {
    let world = world();
    let app = sessions(&world);
    assert_eq!(world.clerk.total_calls(), 0);
    app.layer.warm_up().await.unwrap();
    app.layer.warm_up().await.unwrap();
    assert_eq!(key_set_calls(&world), 1);
    pass(&world, &app).await;
    assert_eq!(key_set_calls(&world), 1);
}

#[tokio::test]
async fn warming_up_without_clerk_fails_and_harms_nothing() {
    let world = world();
    let app = sessions(&world);
    world.clerk.fail(Endpoint::Jwks, Fault::reset());
    let error = app.layer.warm_up().await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    world.clerk.heal_all();
    pass(&world, &app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_at_the_start_costs_one_fetch() {
    let world = world();
    let app = sessions(&world);
    let crowd = (0..100).map(|_| pass(&world, &app));
    join_all(crowd).await;
    assert_eq!(key_set_calls(&world), 1);
}

#[tokio::test]
async fn keys_are_fetched_anew_while_requests_go_on() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    advance(&world, 299 * SECOND);
    pass(&world, &app).await;
    assert_eq!(key_set_calls(&world), 1);
    advance(&world, SECOND);
    // Nobody waits for it.
    world.clerk.fail(Endpoint::Jwks, Fault::hang());
    for _ in 0..10 {
        pass(&world, &app).await;
    }
    world.clerk.heal_all();
    while key_set_calls(&world) < 2 {
        tokio::task::yield_now().await;
    }
    pass(&world, &app).await;
    assert_eq!(key_set_calls(&world), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_key_is_found_by_those_who_bear_its_tokens() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let old = world.clerk.session("user_1").issue();
    world.clerk.rotate_key();
    synchronise(&world);
    join_all((0..100).map(|_| pass(&world, &app))).await;
    assert_eq!(key_set_calls(&world), 2);
    app.bearer(&old).await.assert_accepted();
    assert_eq!(key_set_calls(&world), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_key_of_an_old_name_is_found_as_well() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let old = world.clerk.session("user_1").issue();
    world.clerk.replace_key_under_same_kid();
    synchronise(&world);
    join_all((0..100).map(|_| pass(&world, &app))).await;
    assert_eq!(key_set_calls(&world), 2);
    for _ in 0..2 {
        let answer = app.bearer(&old).await;
        answer.assert_refused(401, AuthErrorKind::InvalidSignature);
    }
    assert_eq!(key_set_calls(&world), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotation_under_load_refuses_nobody() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    for _ in 0..3 {
        // So far apart, another fetch may be demanded.
        advance(&world, 10 * SECOND);
        let load = join_all((0..200).map(async |n: u32| {
            for _ in 0..n % 7 {
                tokio::task::yield_now().await;
            }
            pass(&world, &app).await;
        }));
        let rotation = async {
            tokio::task::yield_now().await;
            world.clerk.rotate_key();
        };
        tokio::join!(load, rotation);
    }
    assert!((1..=4).contains(&key_set_calls(&world)));
}

#[tokio::test]
async fn a_second_rotation_within_the_interval_is_no_verdict() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    world.clerk.rotate_key();
    synchronise(&world);
    pass(&world, &app).await;
    world.clerk.rotate_key();
    let token = world.clerk.session("user_1").issue();
    world.clock.advance(SECOND);
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_refused(503, AuthErrorKind::RateLimited);
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(key_set_calls(&world), 2);
    world.clock.advance(9 * SECOND);
    app.bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn names_of_keys_that_nobody_has_cost_next_to_nothing() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let tokens = of_unknown_keys(&world, 1_000);
    for chunk in tokens.chunks(100) {
        for answer in join_all(chunk.iter().map(|token| app.bearer(token))).await {
            let kind = answer.kind().unwrap();
            let expected = if kind == AuthErrorKind::RateLimited {
                503
            } else {
                assert_eq!(kind, AuthErrorKind::InvalidSignature);
                401
            };
            assert_eq!(answer.status(), expected);
        }
        pass(&world, &app).await;
    }
    assert_eq!(key_set_calls(&world), 2);
    assert_eq!(app.inner_calls(), 11);
    // For ever.
    for n in 0..6 {
        advance(&world, 10 * SECOND);
        for token in of_unknown_keys(&world, 50) {
            app.bearer(&token).await;
        }
        assert!(key_set_calls(&world) <= 3 + n);
    }
}

#[tokio::test]
async fn a_name_that_was_not_found_is_remembered_for_a_minute() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    // Each time another token, so that none is remembered itself.
    let refuse = async || {
        let token = of_unknown_keys(&world, 1).remove(0);
        let answer = app.bearer(&token).await;
        answer.assert_refused(401, AuthErrorKind::InvalidSignature);
    };
    refuse().await;
    assert_eq!(key_set_calls(&world), 2);
    for _ in 0..59 {
        advance(&world, SECOND);
        refuse().await;
    }
    assert_eq!(key_set_calls(&world), 2);
    advance(&world, SECOND);
    refuse().await;
    assert_eq!(key_set_calls(&world), 3);
}

#[tokio::test]
async fn a_flood_of_other_tokens_leaves_room_for_the_key_set() {
    let world = world();
    let kinds = [TokenKind::OAuth, TokenKind::Session];
    let config = world.config().accept(kinds).rate_limit(10);
    let app = App::new(config.enrichment(Enrichment::Off));
    let mut last = None;
    for _ in 0..20 {
        last = app
            .bearer(&world.clerk.token("user_1").issue())
            .await
            .kind();
    }
    assert_eq!(last, Some(AuthErrorKind::RateLimited));
    pass(&world, &app).await;
}

#[tokio::test]
async fn signatures_that_are_bad_cost_next_to_nothing() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    for n in 0..100 {
        let message = message(&header, with(&payload, "n", n));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode([1; 256]));
        let answer = app.bearer(&token).await;
        answer.assert_refused(401, AuthErrorKind::InvalidSignature);
    }
    assert_eq!(key_set_calls(&world), 2);
    pass(&world, &app).await;
}

#[tokio::test]
async fn a_start_without_clerk_is_no_refusal() {
    let world = world();
    let app = sessions(&world);
    world.clerk.fail(Endpoint::Jwks, Fault::status(500));
    cannot_tell(&world, &app).await;
    let forged = of_unknown_keys(&world, 1).remove(0);
    let answer = app.bearer(&forged).await;
    answer.assert_refused(503, AuthErrorKind::UpstreamUnavailable);
    world.clerk.heal_all();
    pass(&world, &app).await;
}

#[tokio::test]
async fn answers_that_are_no_key_set_are_no_refusal() {
    for fault in [
        Fault::answer(200, "application/json", r#"{"keys":[]}"#),
        Fault::answer(200, "application/json", "{}"),
        Fault::answer(200, "text/html", "<html>"),
        Fault::answer(404, "application/json", "{}"),
        Fault::malformed(),
        Fault::oversized(100_000),
    ] {
        let world = world();
        let app = sessions(&world);
        world.clerk.fail(Endpoint::Jwks, fault);
        let token = world.clerk.session("user_1").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_refused(503, AuthErrorKind::UpstreamProtocol);
        }
        world.clerk.heal_all();
        app.bearer(&token).await.assert_accepted();
    }
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_not_believed_by_who_had_nothing_to_do() {
    let world = world();
    for _ in 0..2 {
        let app = sessions(&world);
        pass(&world, &app).await;
        let token = world
            .clerk
            .session("user_1")
            .lifetime(3600 * SECOND)
            .issue();
        world.clerk.rotate_key();
        world.clerk.retire_old_keys();
        advance(&world, 600 * SECOND);
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_refused(401, AuthErrorKind::InvalidSignature);
        }
    }
}

#[tokio::test]
async fn the_last_good_keys_serve_for_an_hour() {
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    world.clerk.fail(Endpoint::Jwks, Fault::status(500));
    for _ in 0..59 {
        advance(&world, 60 * SECOND);
        pass(&world, &app).await;
    }
    advance(&world, 59 * SECOND);
    pass(&world, &app).await;
    // A key that may be newer than the set, be it by its name or not: it cannot be told.
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    let unknown = signed(&world.clerk, with(&header, "kid", "ins_new"), &payload);
    let signature = URL_SAFE_NO_PAD.encode([1; 256]);
    let damaged = format!("{}.{signature}", message(&header, &payload));
    for _ in 0..2 {
        assert_eq!(app.bearer(&unknown).await.status(), 503);
        assert_eq!(app.bearer(&damaged).await.status(), 503);
    }
    advance(&world, SECOND);
    cannot_tell(&world, &app).await;
    world.clerk.heal_all();
    advance(&world, 60 * SECOND);
    pass(&world, &app).await;
}
