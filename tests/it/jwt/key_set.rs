//! The key set of the instance: when it is fetched, and what happens where it cannot be.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use tokio::time::Instant;
use tower_clerk::{
    AuthErrorKind, TokenKind,
    fake_clerk::{Endpoint, Fault},
    kinds::Enrichment,
    transport::Transport as _,
};

use super::{key_set_calls, message, parts, sessions, signed, synchronise, with, world};
use crate::support::{App, World, runtime};

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
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
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
    app.layer.authenticator().warm_up().await.unwrap();
    app.layer.authenticator().warm_up().await.unwrap();
    assert_eq!(key_set_calls(&world), 1);
    pass(&world, &app).await;
    assert_eq!(key_set_calls(&world), 1);
}

#[tokio::test]
async fn warming_up_without_clerk_fails_and_harms_nothing() {
    let world = world();
    let app = sessions(&world);
    world.clerk.fail(Endpoint::Jwks, Fault::reset());
    let error = app.layer.authenticator().warm_up().await.unwrap_err();
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
        answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
    }
    // A set that was fetched after it came has shown that (fault B7).
    assert_eq!(key_set_calls(&world), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotation_under_load_rejects_nobody() {
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
async fn rotations_in_a_row_cost_a_second_each() {
    // fault B7
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    for rotations in 1..4 {
        world.clerk.rotate_key();
        synchronise(&world);
        pass(&world, &app).await;
        assert_eq!(key_set_calls(&world), 1 + rotations);
    }
}

#[tokio::test]
async fn names_of_keys_that_nobody_has_cost_a_fetch_a_second() {
    // fault B7
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let start = Instant::now();
    for tokens in of_unknown_keys(&world, 600).chunks(300) {
        for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
            answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
        }
        pass(&world, &app).await;
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!((2..=2 + seconds).contains(&key_set_calls(&world)));
    assert_eq!(app.inner_calls(), 3);
}

#[tokio::test]
async fn a_forged_token_costs_no_good_one_its_key() {
    // fault B7: just before a rotation, under another name and under the same.
    let rotations: [fn(&World); 2] = [
        |world| drop(world.clerk.rotate_key()),
        |world| world.clerk.replace_key_under_same_kid(),
    ];
    for rotate in rotations {
        let world = world();
        let app = sessions(&world);
        pass(&world, &app).await;
        let [header, payload] = parts(&world.clerk.session("user_1").issue());
        let signature = URL_SAFE_NO_PAD.encode([1; 256]);
        let mut forged = of_unknown_keys(&world, 1);
        forged.push(format!("{}.{signature}", message(&header, &payload)));
        for forged in forged {
            for _ in 0..2 {
                let answer = app.bearer(&forged).await;
                answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
            }
        }
        rotate(&world);
        synchronise(&world);
        join_all((0..20).map(|_| pass(&world, &app))).await;
    }
}

/// The key set as it is now.
async fn key_set(world: &World) -> Bytes {
    let address = format!("{}/.well-known/jwks.json", world.clerk.url());
    let request = Request::get(address).body(Bytes::new()).unwrap();
    let answer = world.clerk.transport().send(request).await.unwrap();
    answer.into_body()
}

#[tokio::test]
async fn a_set_from_a_cache_on_the_way_proves_nothing() {
    // fault B7
    for age in ["1", "86400", "soon"] {
        let world = world();
        let app = sessions(&world);
        pass(&world, &app).await;
        let old = Fault::answer(200, "application/json", key_set(&world).await);
        world.clerk.rotate_key();
        synchronise(&world);
        world.clerk.fail(Endpoint::Jwks, old.header("age", age));
        let token = world.clerk.session("user_1").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
            assert!(answer.header("retry-after").is_some());
        }
        // It verifies what it can.
        world.clerk.heal_all();
        app.bearer(&token).await.assert_accepted();
        let answer = app.bearer(&of_unknown_keys(&world, 1).remove(0)).await;
        answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
    }
}

#[tokio::test]
async fn what_needs_no_key_to_be_rejected_causes_no_fetch() {
    // fault B7
    let world = world();
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    let signature = URL_SAFE_NO_PAD.encode([1; 256]);
    let now = crate::support::unix_seconds(world.clock.now());
    for (name, header, payload, expected) in [
        (
            "over",
            header.clone(),
            with(&payload, "exp", now - 60),
            AuthErrorKind::Expired,
        ),
        (
            "of another issuer",
            header.clone(),
            with(&payload, "iss", "https://evil.example"),
            AuthErrorKind::WrongIssuer,
        ),
        (
            "of another class",
            with(&header, "cat", "cl_B7d4PD222AAA"),
            payload.clone(),
            AuthErrorKind::NotSessionToken,
        ),
        (
            "of another type",
            with(&header, "typ", "dpop+jwt"),
            payload.clone(),
            AuthErrorKind::NotSessionToken,
        ),
        (
            "of another algorithm",
            with(&header, "alg", "HS256"),
            payload.clone(),
            AuthErrorKind::InvalidSignature,
        ),
        (
            "without a name for its key",
            with(&header, "kid", serde_json::Value::Null),
            payload.clone(),
            AuthErrorKind::InvalidSignature,
        ),
    ] {
        let token = format!("{}.{signature}", message(&header, &payload));
        for _ in 0..2 {
            let app = sessions(&world);
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.kind(), Some(expected), "{name}");
                assert_eq!(answer.status(), 401, "{name}");
            }
        }
    }
    assert_eq!(key_set_calls(&world), 0);
}

#[tokio::test]
async fn those_who_wait_for_a_hanging_key_set_are_bounded() {
    // fault B6
    let world = world();
    let app = sessions(&world);
    world.clerk.fail(Endpoint::Jwks, Fault::hang());
    let tokens = of_unknown_keys(&world, 5_000);
    let start = Instant::now();
    let shed = AtomicUsize::new(0);
    let requests = tokens.iter().map(async |token| {
        let answer = app.bearer(token).await;
        assert_eq!(answer.status(), 503);
        if answer.kind() == Some(AuthErrorKind::Overloaded) {
            shed.fetch_add(1, Ordering::Relaxed);
        }
        assert!(start.elapsed() < 10 * SECOND);
    });
    join_all(requests).await;
    // The share of tokens never seen.
    assert_eq!(5_000 - shed.into_inner(), 665);
    assert_eq!(key_set_calls(&world), 1);
}

#[tokio::test]
async fn a_flood_of_forged_tokens_leaves_those_whose_key_is_known() {
    // fault B6
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    world.clerk.fail(Endpoint::Jwks, Fault::hang());
    let tokens = of_unknown_keys(&world, 1_000);
    let flood = join_all(tokens.iter().map(|token| app.bearer(token)));
    let good = async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
            pass(&world, &app).await;
        }
    };
    let (answers, ()) = tokio::join!(flood, good);
    assert!(answers.iter().all(|answer| answer.status() == 503));
}

#[test]
fn a_parked_runtime_keeps_no_key_set_from_others() {
    // fault C1
    let world = world();
    let app = sessions(&world);
    let token = world.clerk.session("user_1").issue();
    world.clerk.fail(Endpoint::Jwks, Fault::hang().times(1));
    let parked = runtime();
    parked.block_on(async {
        let mut request = std::pin::pin!(app.bearer(&token));
        while key_set_calls(&world) == 0 {
            assert!(futures_util::poll!(&mut request).is_pending());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    runtime().block_on(async {
        let start = Instant::now();
        let answer = app.bearer(&world.clerk.session("user_2").issue()).await;
        assert!(start.elapsed() < 3 * SECOND);
        // Its own deadline may come before the end of the fetch that it has joined.
        if answer.status() != 200 {
            assert_eq!(answer.status(), 503);
            pass(&world, &app).await;
        }
    });
    drop(parked);
}

#[tokio::test]
async fn a_flood_of_other_tokens_leaves_room_for_the_key_set() {
    let world = world();
    let kinds = [TokenKind::OAuth, TokenKind::Session];
    let mut options = world.kinds();
    options.oauth = options.oauth.userinfo(Enrichment::Off);
    let config = options.accept(world.nothing(), kinds).rate_limit(10);
    let app = App::new(config);
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
async fn signatures_that_are_bad_cost_a_fetch_a_second() {
    // fault B7
    let world = world();
    let app = sessions(&world);
    pass(&world, &app).await;
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    let start = Instant::now();
    let requests = (0..100).map(|n| {
        let message = message(&header, with(&payload, "n", n));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode([1; 256]));
        let app = app.clone();
        async move {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
        }
    });
    join_all(requests).await;
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!((2..=2 + seconds).contains(&key_set_calls(&world)));
    pass(&world, &app).await;
}

#[tokio::test]
async fn a_start_without_clerk_is_no_rejection() {
    let world = world();
    let app = sessions(&world);
    world.clerk.fail(Endpoint::Jwks, Fault::status(500));
    cannot_tell(&world, &app).await;
    let forged = of_unknown_keys(&world, 1).remove(0);
    let answer = app.bearer(&forged).await;
    answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    world.clerk.heal_all();
    pass(&world, &app).await;
}

#[tokio::test]
async fn answers_that_are_no_key_set_are_no_rejection() {
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
            answer.assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
            world.clock.advance(SECOND);
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
                .assert_rejected(401, AuthErrorKind::InvalidSignature);
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
