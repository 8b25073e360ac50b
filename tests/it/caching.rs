//! What is remembered, for how long, and what ends it. Time is moved by hand.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind, Tokens,
    fake_clerk::{Endpoint, Fault, Field},
};

use crate::support::{App, World, settled};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_verdict_is_used_for_its_ttl_and_no_longer() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    // Jitter shortens by a tenth at the most; the last fifth would start a refresh.
    world.clock.advance(21 * SECOND);
    app.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls(), (1, 1));
    world.clerk.revoke(&token);
    world.clock.advance(9 * SECOND);
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    assert_eq!(world.calls(), (2, 1));
}

#[tokio::test]
async fn a_verdict_is_remembered_whatever_http_says_of_storing_it() {
    // C097: what is kept is our verdict, for as long as the configuration says; `no-store` is about the
    // answer, which is not.
    let world = World::new();
    let app = world.app();
    let answer = r#"{"active":true,"client_id":"ID","sub":"user_1"}"#;
    let fault = Fault::answer(
        200,
        "application/json",
        answer.replace("ID", &world.clerk.client_id()),
    );
    let fault = fault.header("cache-control", "no-store");
    world.clerk.fail(Endpoint::Introspection, fault);
    for _ in 0..2 {
        app.bearer("oat_1").await.assert_accepted();
    }
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 1);
}

#[tokio::test]
async fn each_layer_keeps_its_own_ttl() {
    // B32
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let short = App::new(world.config().cache_ttl(10 * SECOND));
    let long = App::new(world.config().cache_ttl(300 * SECOND));
    for app in [&short, &long] {
        app.bearer(&token).await.assert_accepted();
    }
    world.clerk.revoke(&token);
    world.clock.advance(10 * SECOND);
    short
        .bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    long.bearer(&token).await.assert_accepted();
    world.clock.advance(290 * SECOND);
    long.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
}

#[tokio::test]
async fn a_ttl_of_zero_asks_every_time() {
    // D20
    let world = World::new();
    let app = App::new(world.config().cache_ttl(Duration::ZERO));
    let token = world.clerk.token("user_1").issue();
    for asked in 1..=3 {
        app.bearer(&token).await.assert_accepted();
        assert_eq!(world.calls(), (asked, asked));
    }
    world.clerk.revoke(&token);
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    assert_eq!(world.calls(), (5, 3));
    let stats = app.layer.authenticator().stats();
    assert_eq!((stats.entries, stats.negative_entries), (0, 0));
}

#[tokio::test]
async fn nothing_is_accepted_at_or_past_its_exp() {
    // B24, D19: by the answer, and by the token itself where it is a JWT.
    for jwt in [false, true] {
        let world = World::new();
        let app = world.app();
        let builder = world.clerk.token("user_1").lifetime(3 * SECOND);
        let token = if jwt {
            builder.jwt().issue()
        } else {
            // The documented answer does not say when an opaque token ends.
            world.clerk.introspection_includes([Field::Exp]);
            builder.issue()
        };
        // The clock of the test stands at a whole second at or before the token's birth.
        app.bearer(&token).await.assert_accepted();
        world.clock.advance(2 * SECOND);
        app.bearer(&token).await.assert_accepted();
        assert_eq!(world.calls(), (1, 1), "from the cache");
        world.clock.advance(2 * SECOND);
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_rejected(401, AuthErrorKind::Expired);
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_prolongs_nothing() {
    // C108
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    let asked = |times| assert_eq!(world.clerk.calls(Endpoint::Introspection), times);
    app.bearer(&token).await.assert_accepted();
    asked(1);

    // Set back by an hour: the monotonic clock ends the entry.
    world.clock.set(crate::support::unix(
        crate::support::unix_seconds(world.clock.now()) - 3600,
    ));
    world.clock.advance(30 * SECOND);
    // The token now seems to come from the future.
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::NotYetValid);
    asked(2);

    // Set right: the rejection was remembered for a second at the most.
    world.clock.set(crate::support::unix(
        crate::support::unix_seconds(world.clock.now()) + 3600,
    ));
    world.clock.advance(SECOND);
    app.bearer(&token).await.assert_accepted();
    asked(3);

    // Suspended for a minute: the monotonic clock has not noticed, the wall clock has.
    world.clock.set(world.clock.now() + 60 * SECOND);
    app.bearer(&token).await.assert_accepted();
    asked(4);
}

#[tokio::test]
async fn a_token_of_yesterday_is_not_remembered() {
    // Clerk's tokens live a day, as documented; what is active all the same is accepted, and asked
    // about every time.
    let world = World::new();
    let day_old = crate::support::unix_seconds(world.clock.now()) - 86_400;
    let token = world
        .clerk
        .token("user_1")
        .lifetime(100_000 * SECOND)
        .claim("iat", day_old)
        .issue();
    let app = world.app();
    for asked in 1..=2 {
        app.bearer(&token).await.assert_accepted();
        assert_eq!(world.calls(), (asked, asked));
    }
}

#[tokio::test]
async fn a_rejection_is_remembered_for_five_seconds() {
    // C106
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    // Not replicated yet.
    let inactive = Fault::answer(200, "application/json", r#"{"active":false}"#);
    world.clerk.fail(Endpoint::Introspection, inactive.times(1));
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    world.clock.advance(Duration::from_millis(4999));
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    assert_eq!(world.calls(), (1, 0));
    world.clock.advance(Duration::from_millis(1));
    app.bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn trouble_is_not_remembered() {
    // C107
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    for fault in [Fault::status(401), Fault::status(500), Fault::status(429)] {
        world.clerk.fail(Endpoint::Introspection, fault);
        assert_eq!(app.bearer(&token).await.status(), 503);
        world.clerk.heal_all();
    }
    // The 429 is obeyed for a second.
    world.clock.advance(SECOND);
    app.bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn what_a_token_provokes_is_remembered_for_it_alone() {
    // fault B1
    let world = World::new();
    let app = world.app();
    let asked = || world.clerk.calls(Endpoint::Introspection);
    for fault in [
        Fault::malformed(),
        Fault::answer(200, "text/html", "<html>"),
        Fault::status(302),
        Fault::status(404),
        Fault::status(413),
        Fault::status(422),
    ] {
        let (token, other) = (
            world.clerk.token("user_1").issue(),
            world.clerk.token("user_2").issue(),
        );
        world.clerk.fail(Endpoint::Introspection, fault);
        let rejected = async || {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
            let delay: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=5).contains(&delay), "{delay}");
            delay
        };
        let before = asked();
        let delay = rejected().await;
        world.clerk.heal_all();
        for _ in 0..2 {
            rejected().await;
        }
        assert_eq!(asked() - before, 1);
        // Others are none the worse for it.
        app.bearer(&other).await.assert_accepted();
        // What is left of the delay.
        world.clock.advance(SECOND);
        if delay > 1 {
            assert_eq!(rejected().await, delay - 1);
        }
        world.clock.advance(5 * SECOND);
        app.bearer(&token).await.assert_accepted();
    }
    assert_eq!(app.layer.authenticator().stats().entries, 12);
}

#[tokio::test]
async fn what_a_token_provokes_leaves_its_entry() {
    // fault B1: it is no authoritative rejection.
    let world = World::new();
    let app = App::new(world.config().stale_if_error(60 * SECOND));
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::malformed());
    world.clock.advance(26 * SECOND);
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert!(!answer.claims().is_stale());
        settled(&app).await;
    }
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 2);
    assert_eq!(app.layer.authenticator().stats().entries, 1);
}

#[tokio::test]
async fn bad_tokens_evict_no_good_one() {
    // C105
    let world = World::new();
    let app = App::new(world.config().cache_capacity(10));
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    for n in 0..50 {
        app.bearer(&format!("oat_{n}"))
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    let calls = world.calls();
    app.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls(), calls);
    let stats = app.layer.authenticator().stats();
    assert_eq!(stats.entries, 1);
    assert!(stats.negative_entries <= 1, "a tenth of the capacity");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    // C101, C104
    let world = World::new();
    let app = App::new(world.config().cache_capacity(20));
    for _ in 0..60 {
        app.bearer(&world.clerk.token("user_1").issue())
            .await
            .assert_accepted();
    }
    assert!(app.layer.authenticator().stats().entries <= 20);
}

#[tokio::test]
async fn a_token_can_be_invalidated() {
    // B41
    let world = World::new();
    let app = world.app();
    let (token, other) = (
        world.clerk.token("user_1").issue(),
        world.clerk.token("user_1").issue(),
    );
    for token in [&token, &other] {
        app.bearer(token).await.assert_accepted();
        world.clerk.revoke(token);
        app.bearer(token).await.assert_accepted();
    }
    app.layer.authenticator().invalidate(Tokens::one(&token));
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    app.bearer(&other).await.assert_accepted();
}

#[tokio::test]
async fn an_invalidated_rejection_is_asked_about_anew() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    let inactive = Fault::answer(200, "application/json", r#"{"active":false}"#);
    world.clerk.fail(Endpoint::Introspection, inactive.times(1));
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    app.layer.authenticator().invalidate(Tokens::one(&token));
    app.bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn a_subject_can_be_invalidated() {
    let world = World::new();
    let app = world.app();
    let tokens = ["user_1", "user_1", "user_2"].map(|user| world.clerk.token(user).issue());
    for token in &tokens {
        app.bearer(token).await.assert_accepted();
        world.clerk.revoke(token);
    }
    app.layer
        .authenticator()
        .invalidate(Tokens::of_subject("user_1"));
    for token in &tokens[..2] {
        app.bearer(token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
    app.bearer(&tokens[2]).await.assert_accepted();
    // What is verified afterwards counts.
    let later = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        app.bearer(&later).await.assert_accepted();
    }
    assert_eq!(world.clerk.calls(Endpoint::Userinfo), 4);
}

#[tokio::test]
async fn everything_can_be_forgotten() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    app.bearer("oat_bad")
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    app.layer.authenticator().invalidate(Tokens::all());
    app.bearer(&token).await.assert_accepted();
    app.bearer("oat_bad")
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    assert_eq!(world.calls(), (4, 2));
}

#[tokio::test]
async fn a_refresh_ahead_replaces_the_whole_entry() {
    // B42
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().required_scopes(["email"])));
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world.clerk.user("user_1").name("Another Name").save();
    world.clock.advance(Duration::from_millis(26_999));
    // The hit that notices is served from the cache; it starts a refresh, once.
    for _ in 0..3 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
    }
    settled(&app).await;
    assert_eq!(world.calls(), (2, 2));
    assert_eq!(app.layer.authenticator().stats().refreshes, 1);
    let answer = app.bearer(&token).await;
    assert_eq!(
        answer.claims().profile().unwrap().name(),
        Some("Another Name")
    );
    // It lives on past the end of the first entry.
    world.clock.advance(10 * SECOND);
    app.bearer(&token).await.assert_accepted();
    assert_eq!(world.calls(), (2, 2));
}

#[tokio::test]
async fn a_refresh_that_learns_of_a_revocation_ends_the_entry() {
    // C109
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world.clerk.revoke(&token);
    world.clock.advance(Duration::from_millis(26_999));
    app.bearer(&token).await.assert_accepted();
    settled(&app).await;
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_entry_to_its_end() {
    let world = World::new();
    let app = App::new(world.config().cache_ttl(300 * SECOND));
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::malformed());
    world.clock.advance(240 * SECOND);
    app.bearer(&token).await.assert_accepted();
    settled(&app).await;
    let asked = || world.clerk.calls(Endpoint::Introspection);
    assert_eq!(asked(), 2);
    // It waits before it tries again: one second, then two.
    app.bearer(&token).await.assert_accepted();
    settled(&app).await;
    assert_eq!(asked(), 2);
    world.clock.advance(SECOND);
    app.bearer(&token).await.assert_accepted();
    settled(&app).await;
    assert_eq!(asked(), 3);
    world.clock.advance(SECOND);
    app.bearer(&token).await.assert_accepted();
    settled(&app).await;
    assert_eq!(asked(), 3);
    // And at its end, it ends.
    world.clock.advance(58 * SECOND);
    assert_eq!(app.bearer(&token).await.status(), 503);
}

#[tokio::test]
async fn a_stale_verdict_bridges_an_outage() {
    // C110, E6
    let world = World::new();
    let app = App::new(world.config().stale_if_error(60 * SECOND));
    let token = world.clerk.token("user_1").issue();
    let answer = app.bearer(&token).await;
    assert!(!answer.claims().is_stale());
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(503));
    world.clock.advance(30 * SECOND);
    for _ in 0..3 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert!(answer.claims().is_stale());
    }
    assert_eq!(app.layer.authenticator().stats().stale, 3);
    // A token that nobody knows is not let in.
    let unknown = world.clerk.token("user_2").issue();
    app.bearer(&unknown)
        .await
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    // It has an end.
    world.clock.advance(60 * SECOND);
    app.bearer(&token)
        .await
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
}

#[tokio::test]
async fn the_first_answer_ends_staleness() {
    // C110
    for revoked in [false, true] {
        let world = World::new();
        let app = App::new(world.config().stale_if_error(60 * SECOND));
        let token = world.clerk.token("user_1").issue();
        app.bearer(&token).await.assert_accepted();
        world
            .clerk
            .fail(Endpoint::Introspection, Fault::status(503));
        world.clock.advance(30 * SECOND);
        assert!(app.bearer(&token).await.claims().is_stale());
        world.clerk.heal_all();
        if revoked {
            world.clerk.revoke(&token);
        }
        world.clock.advance(2 * SECOND);
        let answer = app.bearer(&token).await;
        if revoked {
            answer.assert_rejected(401, AuthErrorKind::Inactive);
            world
                .clerk
                .fail(Endpoint::Introspection, Fault::status(503));
            app.bearer(&token)
                .await
                .assert_rejected(401, AuthErrorKind::Inactive);
        } else {
            assert!(!answer.claims().is_stale());
        }
    }
}

#[tokio::test]
async fn only_an_outage_is_bridged() {
    // D46, C093: not rejected credentials of ours, not broken answers.
    for fault in [
        Fault::status(401),
        Fault::status(403),
        Fault::malformed(),
        Fault::status(404),
    ] {
        let world = World::new();
        let app = App::new(world.config().stale_if_error(60 * SECOND));
        let token = world.clerk.token("user_1").issue();
        app.bearer(&token).await.assert_accepted();
        world.clerk.fail(Endpoint::Introspection, fault);
        world.clock.advance(30 * SECOND);
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.status(), 503);
            assert_eq!(app.bearer(&token).await.status(), 503);
            world.clock.advance(2 * SECOND);
        }
    }
}

#[tokio::test]
async fn staleness_never_reaches_past_exp_nor_an_invalidation() {
    let world = World::new();
    // The documented answer does not say when an opaque token ends.
    world.clerk.introspection_includes([Field::Exp]);
    let app = App::new(world.config().stale_if_error(600 * SECOND));
    let token = world.clerk.token("user_1").lifetime(60 * SECOND).issue();
    let other = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    app.bearer(&other).await.assert_accepted();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(503));
    world.clock.advance(50 * SECOND);
    assert!(app.bearer(&token).await.claims().is_stale());
    assert!(app.bearer(&other).await.claims().is_stale());
    world.clock.advance(11 * SECOND);
    assert_eq!(app.bearer(&token).await.status(), 503);
    assert!(app.bearer(&other).await.claims().is_stale());
    app.layer.authenticator().invalidate(Tokens::one(&other));
    assert_eq!(app.bearer(&other).await.status(), 503);
}

#[tokio::test]
async fn without_the_option_nothing_is_stale() {
    // D46
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(503));
    world.clock.advance(30 * SECOND);
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
}
