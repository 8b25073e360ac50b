//! Outages: whoever cannot be asked, it is nobody's fault, and what is known goes on.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind, Tokens,
    fake_clerk::{Endpoint, Fault},
};

use super::{Kind, LONG, SECOND, settled, worlds};
use crate::support::{Answer, App, World, unix_seconds};

/// A request that could not be judged.
#[track_caller]
fn assert_undecided(answer: &Answer, name: &str) {
    assert_eq!(answer.status(), 503, "{name}: {answer:?}");
    assert!(answer.header("retry-after").is_some(), "{name}: {answer:?}");
    assert_eq!(answer.challenge(), None, "{name}");
}

fn fail_all(kind: Kind, world: &World) {
    for endpoint in kind.endpoints() {
        world.clerk.fail(*endpoint, Fault::status(500));
    }
}

#[tokio::test]
async fn whoever_cannot_be_asked_no_token_is_bad_for_it() {
    for (kind, world) in worlds() {
        for endpoint in kind.endpoints() {
            let app = App::new(kind.config_with_tls(&world, kind.options(&world)));
            let hasty = kind
                .config_with_tls(&world, kind.options(&world))
                .attempt_timeout(SECOND / 20);
            let hasty = App::new(hasty);
            let (token, bad) = (kind.good(&world), kind.bad(&world, 1).remove(0));
            for (name, app, fault) in [
                ("500", &app, Fault::status(500)),
                ("reset", &app, Fault::reset()),
                ("malformed", &app, Fault::malformed()),
                ("oversized", &app, Fault::oversized(100_000)),
                ("HTML", &app, Fault::answer(200, "text/html", "<html>")),
                ("nothing", &app, Fault::answer(200, "application/json", "")),
                ("hang", &hasty, Fault::hang()),
            ] {
                let name = format!("{kind:?}, {endpoint:?}, {name}");
                let before = world.clerk.calls(*endpoint);
                world.clerk.fail(*endpoint, fault);
                for token in [&token, &token, &bad] {
                    let answer = kind.send(app, token).await;
                    // A bad signature is bad, whoever else cannot be asked.
                    if *endpoint != Endpoint::Jwks
                        && *token == bad
                        && kind.rejection() == AuthErrorKind::InvalidSignature
                    {
                        answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
                    } else {
                        assert_undecided(&answer, &name);
                    }
                }
                assert!(world.clerk.calls(*endpoint) > before, "{name}");
                assert_eq!(app.inner_calls(), 0, "{name}");
                assert_eq!(app.layer.authenticator().stats().entries, 0, "{name}");
                world.clerk.heal_all();
                // The breaker may be open by now; it lets a probe through. And what a token provokes is
                // remembered for it (fault B1).
                world.clock.advance(5 * SECOND);
            }
            // Nothing of it is remembered.
            kind.send(&app, &token).await.assert_accepted();
        }
    }
}

#[tokio::test]
async fn what_is_known_goes_on_to_its_end() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = kind.issue(&world, 120);
        let answer = kind.send(&app, &token).await;
        let end = unix_seconds(answer.claims().expires_at().unwrap()) + kind.leeway();
        fail_all(kind, &world);
        for _ in 0..26 {
            kind.send(&app, &token).await.assert_accepted();
            world.clock.advance(SECOND);
        }
        settled(&app).await;
        world.clock.advance(4 * SECOND);
        // That of the verdict.
        for _ in 0..2 {
            let answer = kind.send(&app, &token).await;
            if kind.is_local() {
                // The keys are good for longer.
                answer.assert_accepted();
                assert!(!answer.claims().is_stale(), "{kind:?}");
            } else {
                assert_undecided(&answer, &format!("{kind:?}"));
            }
        }
        // That of the token.
        world.clock.set(crate::support::unix(end - 1));
        let last = kind.send(&app, &token).await;
        assert_eq!(last.status().is_success(), kind.is_local(), "{kind:?}");
        world.clock.set(crate::support::unix(end));
        let over = kind.send(&app, &token).await;
        assert!(!over.status().is_success(), "{kind:?}");
    }
}

#[tokio::test]
async fn stale_verdicts_bridge_an_outage_and_never_the_end_of_a_token() {
    for (kind, world) in worlds() {
        if kind.is_local() {
            continue;
        }
        let app = App::new(kind.config(&world).stale_if_error(600 * SECOND));
        let (short, long) = (kind.issue(&world, 100), kind.good(&world));
        let answer = kind.send(&app, &short).await;
        let end = unix_seconds(answer.claims().expires_at().unwrap());
        kind.send(&app, &long).await.assert_accepted();
        fail_all(kind, &world);
        world.clock.advance(30 * SECOND);
        for token in [&short, &long, &short, &long] {
            let answer = kind.send(&app, token).await;
            assert_eq!(answer.kind(), None, "{kind:?}");
            assert!(answer.claims().is_stale(), "{kind:?}");
        }
        // A token that nobody knows is not let in.
        let unknown = kind.send(&app, &kind.good(&world)).await;
        assert_undecided(&unknown, &format!("{kind:?}"));
        let (mono, now) = (
            world.clock.clone(),
            crate::support::unix_seconds(world.clock.now()),
        );
        mono.advance(Duration::from_secs(end - 1 - now));
        let answer = kind.send(&app, &short).await;
        assert_eq!(answer.kind(), None, "{kind:?}");
        assert!(answer.claims().is_stale(), "{kind:?}");
        world.clock.advance(SECOND);
        for _ in 0..2 {
            let answer = kind.send(&app, &short).await;
            assert!(!answer.status().is_success(), "{kind:?}: {answer:?}");
        }
        // The other one goes on, up to the bound.
        kind.send(&app, &long).await.assert_accepted();
        world.clock.advance(600 * SECOND);
        for _ in 0..2 {
            let answer = kind.send(&app, &long).await;
            assert_undecided(&answer, &format!("{kind:?}"));
        }
    }
}

#[tokio::test]
async fn a_stale_verdict_ends_with_an_invalidation_and_with_the_first_answer() {
    for (kind, world) in worlds() {
        if kind.is_local() {
            continue;
        }
        for is_invalidated in [true, false] {
            let app = App::new(kind.config(&world).stale_if_error(600 * SECOND));
            let token = kind.good(&world);
            kind.send(&app, &token).await.assert_accepted();
            fail_all(kind, &world);
            world.clock.advance(30 * SECOND);
            assert!(
                kind.send(&app, &token).await.claims().is_stale(),
                "{kind:?}"
            );
            if is_invalidated {
                app.layer.authenticator().invalidate(Tokens::one(&token));
                for _ in 0..2 {
                    let answer = kind.send(&app, &token).await;
                    assert_undecided(&answer, &format!("{kind:?}"));
                }
                world.clerk.heal_all();
            } else {
                world.clerk.heal_all();
                world.clerk.revoke(&token);
                world.clock.advance(30 * SECOND);
                for _ in 0..2 {
                    let answer = kind.send(&app, &token).await;
                    answer.assert_rejected(401, AuthErrorKind::Inactive);
                }
            }
        }
    }
}

#[tokio::test]
async fn without_keys_local_verdicts_are_bridged_and_never_beyond_the_end_of_a_token() {
    for (kind, world) in worlds() {
        if !kind.is_local() {
            continue;
        }
        let app = App::new(kind.config(&world).stale_if_error(600 * SECOND));
        let (short, long) = (kind.issue(&world, LONG + 100), kind.issue(&world, 3 * LONG));
        let answer = kind.send(&app, &short).await;
        let end = unix_seconds(answer.claims().expires_at().unwrap()) + kind.leeway();
        fail_all(kind, &world);
        // The last good keys serve for an hour.
        world.clock.advance(Duration::from_secs(LONG - 10));
        for token in [&short, &long] {
            let answer = kind.send(&app, token).await;
            assert_eq!(answer.kind(), None, "{kind:?}");
            assert!(!answer.claims().is_stale(), "{kind:?}");
        }
        settled(&app).await;
        world.clock.advance(40 * SECOND + kind.kept_longer());
        for token in [&short, &long] {
            let answer = kind.send(&app, token).await;
            assert_eq!(answer.kind(), None, "{kind:?}");
            assert!(answer.claims().is_stale(), "{kind:?}");
        }
        let now = crate::support::unix_seconds(world.clock.now());
        world.clock.advance(Duration::from_secs(end - 1 - now));
        assert!(
            kind.send(&app, &short).await.claims().is_stale(),
            "{kind:?}"
        );
        world.clock.advance(SECOND);
        for _ in 0..2 {
            let answer = kind.send(&app, &short).await;
            answer.assert_rejected(401, AuthErrorKind::Expired);
        }
        kind.send(&app, &long).await.assert_accepted();
        world.clock.advance(600 * SECOND);
        let answer = kind.send(&app, &long).await;
        assert_undecided(&answer, &format!("{kind:?}"));
    }
}
