//! What is remembered, for how long, and what ends it.

use std::{pin::pin, time::Duration};

use futures_util::poll;
use tower_clerk::{AuthErrorKind, ClerkAuthLayer, TokenKind, Tokens, fake_clerk::Fault};

use super::{Kind, LONG, SECOND, settled, worlds};
use crate::support::{App, unix_seconds};

/// Hits and misses.
fn counts(app: &App) -> (u64, u64) {
    let stats = app.layer.authenticator().stats();
    (stats.hits, stats.misses)
}

#[tokio::test]
async fn a_second_request_costs_nothing() {
    for (kind, world) in worlds() {
        for layer in ["first", "second"] {
            let app = kind.app(&world);
            let token = kind.good(&world);
            let (before, all) = (kind.calls(&world), world.clerk.total_calls());
            for _ in 0..4 {
                let answer = kind.send(&app, &token).await;
                assert_eq!(answer.kind(), None, "{kind:?}");
                assert_eq!(answer.claims().kind(), kind.token_kind());
                assert_eq!(answer.claims().subject(), kind.subject());
            }
            let asked = kind.endpoints().len();
            assert_eq!(kind.calls(&world) - before, asked, "{kind:?}, {layer}");
            assert_eq!(world.clerk.total_calls() - all, asked, "nobody else");
            assert_eq!(counts(&app), (3, 1), "{kind:?}, {layer}");
        }
    }
}

#[tokio::test]
async fn a_verdict_ends_with_its_ttl() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = kind.good(&world);
        kind.send(&app, &token).await.assert_accepted();
        let before = kind.calls(&world);
        // Jitter shortens by a tenth at the most; the last fifth would start a refresh.
        world.clock.advance(21 * SECOND);
        kind.send(&app, &token).await.assert_accepted();
        assert_eq!(counts(&app), (1, 1), "{kind:?}");
        assert_eq!(kind.calls(&world), before, "{kind:?}");
        world.clerk.revoke(&token);
        world.clock.advance(9 * SECOND + kind.kept_longer());
        for _ in 0..2 {
            let answer = kind.send(&app, &token).await;
            if kind.is_local() {
                answer.assert_accepted();
            } else {
                answer.assert_rejected(401, AuthErrorKind::Inactive);
            }
        }
        // Once, and the keys are there.
        let asked = usize::from(!kind.is_local());
        assert_eq!(kind.calls(&world) - before, asked, "{kind:?}");
        assert_eq!(app.layer.authenticator().stats().misses, 2, "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_ends_at_its_end_to_the_second() {
    for (kind, world) in worlds() {
        let config = || kind.config(&world).cache_ttl(300 * SECOND);
        let token = kind.issue(&world, 50);
        let (warm, cold) = (App::new(config()), App::new(config()));
        let uncached = App::new(config().cache_ttl(Duration::ZERO));
        let answer = kind.send(&warm, &token).await;
        let end = unix_seconds(answer.claims().expires_at().unwrap());
        // By our clock: Clerk's stands before the end, and calls the token active.
        let end = end + kind.leeway();
        world.clock.set(crate::support::unix(end - 1));
        for app in [&warm, &cold, &uncached] {
            let answer = kind.send(app, &token).await;
            assert_eq!(answer.kind(), None, "{kind:?}");
        }
        assert_eq!(counts(&warm), (1, 1), "{kind:?}, from the cache");
        world.clock.set(crate::support::unix(end));
        for app in [&warm, &cold, &uncached, &App::new(config())] {
            for _ in 0..2 {
                let answer = kind.send(app, &token).await;
                assert_eq!(answer.kind(), Some(AuthErrorKind::Expired), "{kind:?}");
                assert_eq!(answer.status(), 401, "{kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_ttl_of_zero_verifies_every_time() {
    for (kind, world) in worlds() {
        let app = App::new(kind.config(&world).cache_ttl(Duration::ZERO));
        let token = kind.good(&world);
        let bad = kind.bad(&world, 1).remove(0);
        kind.send(&app, &token).await.assert_accepted();
        let before = kind.calls(&world);
        for _ in 0..2 {
            kind.send(&app, &token).await.assert_accepted();
        }
        let asked = usize::from(!kind.is_local());
        assert_eq!(kind.calls(&world) - before, 2 * asked, "{kind:?}");
        for _ in 0..2 {
            let answer = kind.send(&app, &bad).await;
            answer.assert_rejected(401, kind.rejection());
        }
        let stats = app.layer.authenticator().stats();
        assert_eq!((stats.hits, stats.negative_hits), (0, 0), "{kind:?}");
        assert_eq!((stats.entries, stats.negative_entries), (0, 0), "{kind:?}");
        assert_eq!(stats.misses, 5, "{kind:?}");
    }
}

type Way = (&'static str, fn(&ClerkAuthLayer, Kind, &str));

const WAYS: [Way; 3] = [
    ("the token", |layer, _, token| {
        layer.authenticator().invalidate(Tokens::one(token))
    }),
    ("the subject", |layer, kind, _| {
        layer
            .authenticator()
            .invalidate(Tokens::of_subject(kind.subject()));
    }),
    ("everything", |layer, _, _| {
        layer.authenticator().invalidate(Tokens::all())
    }),
];

#[tokio::test]
async fn what_is_invalidated_is_verified_anew_at_once() {
    for (kind, world) in worlds() {
        for (name, invalidate) in WAYS {
            let app = kind.app(&world);
            let (token, bad) = (kind.good(&world), kind.bad(&world, 1).remove(0));
            for _ in 0..2 {
                kind.send(&app, &token).await.assert_accepted();
                assert_eq!(kind.send(&app, &bad).await.status(), 401);
            }
            assert_eq!(counts(&app), (1, 2), "{kind:?}, {name}");
            world.clerk.revoke(&token);
            kind.send(&app, &token).await.assert_accepted();
            invalidate(&app.layer, kind, &token);
            for _ in 0..2 {
                let answer = kind.send(&app, &token).await;
                let expected = (!kind.is_local()).then_some(AuthErrorKind::Inactive);
                assert_eq!(answer.kind(), expected, "{kind:?}, {name}");
            }
            assert_eq!(
                app.layer.authenticator().stats().misses,
                3,
                "{kind:?}, {name}"
            );
        }
    }
}

#[tokio::test]
async fn an_invalidation_wins_over_a_verification_under_way() {
    for (kind, world) in worlds() {
        for (name, invalidate) in WAYS {
            let app = kind.app(&world);
            let token = kind.good(&world);
            let last = *kind.endpoints().last().unwrap();
            let before = world.clerk.calls(last);
            world.clerk.fail(last, Fault::hang().times(1));
            let mut request = pin!(kind.send(&app, &token));
            while world.clerk.calls(last) == before {
                assert!(poll!(&mut request).is_pending());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            invalidate(&app.layer, kind, &token);
            world.clerk.heal_all();
            // Clerk was called after all that was invalidated before the request came (fault C3).
            request.await.assert_accepted();
            // What is remembered is what was found out afterwards.
            for _ in 0..2 {
                kind.send(&app, &token).await.assert_accepted();
                // Keys are nothing that is said of a token.
                let asked = if kind.is_local() { 1 } else { 2 };
                assert_eq!(world.clerk.calls(last) - before, asked, "{kind:?}, {name}");
            }
            assert_eq!(counts(&app), (1, 2), "{kind:?}, {name}");
        }
    }
}

#[tokio::test]
async fn a_token_in_use_is_verified_ahead_of_time() {
    // No request waits for Clerk because of a session token.
    for (kind, world) in worlds().filter(|(kind, _)| kind.token_kind() != TokenKind::Session) {
        let app = kind.app(&world);
        let token = kind.good(&world);
        kind.send(&app, &token).await.assert_accepted();
        let before = kind.calls(&world);
        world.clock.advance(Duration::from_millis(26_999));
        for _ in 0..3 {
            kind.send(&app, &token).await.assert_accepted();
        }
        settled(&app).await;
        let asked = usize::from(!kind.is_local());
        assert_eq!(kind.calls(&world) - before, asked, "{kind:?}");
        assert_eq!(app.layer.authenticator().stats().refreshes, 1, "{kind:?}");
        // It lives on past the end of the first verdict, and nobody has waited.
        world.clock.advance(10 * SECOND);
        kind.send(&app, &token).await.assert_accepted();
        assert_eq!(counts(&app), (4, 1), "{kind:?}");

        // One that learns of the end ends it.
        world.clerk.revoke(&token);
        world.clock.advance(Duration::from_millis(16_998));
        kind.send(&app, &token).await.assert_accepted();
        settled(&app).await;
        assert_eq!(app.layer.authenticator().stats().refreshes, 2, "{kind:?}");
        let answer = kind.send(&app, &token).await;
        let expected = (!kind.is_local()).then_some(AuthErrorKind::Inactive);
        assert_eq!(answer.kind(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_rejection_is_remembered_for_five_seconds() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let bad = kind.bad(&world, 1).remove(0);
        let rejected = async |misses: u64, negative_hits: u64| {
            let answer = kind.send(&app, &bad).await;
            assert_eq!(answer.kind(), Some(kind.rejection()), "{kind:?}");
            assert_eq!(answer.status(), 401, "{kind:?}");
            let stats = app.layer.authenticator().stats();
            let counted = (stats.misses, stats.negative_hits);
            assert_eq!(counted, (misses, negative_hits), "{kind:?}");
        };
        rejected(1, 0).await;
        let before = world.clerk.total_calls();
        rejected(1, 1).await;
        world.clock.advance(Duration::from_millis(4999));
        rejected(1, 2).await;
        assert_eq!(world.clerk.total_calls(), before, "{kind:?}");
        world.clock.advance(Duration::from_millis(1));
        rejected(2, 2).await;
        // A signature that is bad is worth another look at the keys by then (fault B7).
        assert_eq!(world.clerk.total_calls() - before, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_prolongs_nothing() {
    for (kind, world) in worlds() {
        let app = App::new(kind.config(&world).cache_ttl(300 * SECOND));
        let token = kind.issue(&world, 60);
        let answer = kind.send(&app, &token).await;
        answer.assert_accepted();
        // Suspended beyond the token's end: the monotonic clock has not noticed.
        world.clock.set(world.clock.now() + 70 * SECOND);
        for _ in 0..2 {
            let answer = kind.send(&app, &token).await;
            assert_eq!(answer.kind(), Some(AuthErrorKind::Expired), "{kind:?}");
        }
        // Set back by an hour: the wall clock never gets to the end of the verdict.
        let token = kind.issue(&world, LONG);
        let app = kind.app(&world);
        kind.send(&app, &token).await.assert_accepted();
        let now = crate::support::unix_seconds(world.clock.now());
        world.clock.set(crate::support::unix(now - 3600));
        world.clock.advance(30 * SECOND + kind.kept_longer());
        let answer = kind.send(&app, &token).await;
        assert_ne!(answer.status(), 503, "{kind:?}");
        assert_eq!(app.layer.authenticator().stats().misses, 2, "{kind:?}");
    }
}

#[tokio::test]
async fn the_cache_is_bounded() {
    for (kind, world) in worlds() {
        let app = App::new(kind.config(&world).cache_capacity(5));
        for _ in 0..15 {
            let token = kind.good(&world);
            kind.send(&app, &token).await.assert_accepted();
        }
        assert!(app.layer.authenticator().stats().entries <= 5, "{kind:?}");
    }
}
