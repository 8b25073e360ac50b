//! How long the verdict on a session token is kept, and what ends it earlier.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder, Tokens, fake_clerk::Endpoint, kinds::Enrichment,
};

use crate::{
    jwt::{synchronise, world},
    session_tokens::sessions,
    support::{App, World},
};

const SECOND: Duration = Duration::from_secs(1);

/// Longer than any verdict is kept, in seconds.
const HOUR: u64 = 3600;

fn issue(world: &World, seconds: u64) -> String {
    let session = world.clerk.session("user_1").session_id("sess_1");
    session.lifetime(Duration::from_secs(seconds)).issue()
}

#[tokio::test]
async fn token_for_which_nothing_is_fetched_is_verified_once_a_minute() {
    struct Case {
        name: &'static str,
        /// The configuration, and the life of the token in seconds.
        input: (fn(&World) -> ClerkConfigBuilder, u64),
        /// Seconds since the first request, and how often the token was verified by then, or why it is rejected.
        expected: &'static [(u64, Result<u64, AuthErrorKind>)],
    }

    let with_users = |world: &World| {
        let config = sessions(world).users(Enrichment::BestEffort);
        let config = config.secret_key(world.clerk.secret_key());
        config.backend_api_url(world.clerk.url())
    };
    let cases = [
        Case {
            name: "by default",
            input: (sessions, HOUR),
            expected: &[(1, Ok(1)), (31, Ok(1)), (59, Ok(1)), (60, Ok(2))],
        },
        // The leeway of 5 s prolongs the token itself.
        Case {
            name: "a token that ends earlier",
            input: (sessions, 50),
            expected: &[
                (54, Ok(1)),
                (55, Err(AuthErrorKind::Expired)),
                (56, Err(AuthErrorKind::Expired)),
            ],
        },
        Case {
            name: "without leeway",
            input: (|world| sessions(world).leeway(Duration::ZERO), 50),
            expected: &[(49, Ok(1)), (50, Err(AuthErrorKind::Expired))],
        },
        Case {
            name: "a shorter TTL",
            input: (|world| sessions(world).cache_ttl(SECOND), HOUR),
            expected: &[(59, Ok(1)), (60, Ok(2))],
        },
        Case {
            name: "a longer TTL",
            input: (|world| sessions(world).cache_ttl(300 * SECOND), HOUR),
            expected: &[(59, Ok(1)), (60, Ok(2)), (119, Ok(2)), (120, Ok(3))],
        },
        Case {
            name: "no cache",
            input: (|world| sessions(world).cache_ttl(Duration::ZERO), HOUR),
            expected: &[(1, Ok(2)), (2, Ok(3))],
        },
        Case {
            name: "the user is fetched",
            input: (with_users, HOUR),
            expected: &[(21, Ok(1)), (30, Ok(2)), (60, Ok(3))],
        },
    ];
    for Case {
        name,
        input: (config, seconds),
        expected,
    } in cases
    {
        let world = world();
        let app = App::new(config(&world));
        // The end of a token is a whole second, so the first request comes at one.
        world.clock.set(crate::support::unix(world.clerk.now()));
        let token = issue(&world, seconds);
        app.bearer(&token).await.assert_accepted();
        let mut now = 0;
        for (at, expected) in expected {
            world.clock.advance(Duration::from_secs(at - now));
            now = *at;
            let answer = app.bearer(&token).await;
            let stats = app.layer.authenticator().stats();
            let found = answer.kind().map_or(Ok(stats.misses), Err);
            assert_eq!(found, *expected, "{name}, after {at} s");
            assert_eq!(stats.refreshes, 0, "{name}");
        }
        assert_eq!(world.clerk.calls(Endpoint::Jwks), 1, "{name}");
    }
}

#[tokio::test]
async fn revocation_ends_what_outlives_the_ttl() {
    type Select = fn(&str) -> Tokens<'_>;
    let selections: [(&str, Select); 4] = [
        ("the token", |token| Tokens::one(token)),
        ("its session", |_| Tokens::of_session("sess_1")),
        ("its subject", |_| Tokens::of_subject("user_1")),
        ("all", |_| Tokens::all()),
    ];
    for (name, select) in selections {
        let world = world();
        let app = App::new(sessions(&world));
        let token = issue(&world, HOUR);
        app.bearer(&token).await.assert_accepted();
        world.clock.advance(45 * SECOND);
        app.bearer(&token).await.assert_accepted();
        let authenticator = app.layer.authenticator();
        assert_eq!(authenticator.stats().misses, 1, "{name}");
        authenticator.revoke(select(&token));
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test]
async fn withdrawn_key_ends_with_the_verdicts_that_it_supports() {
    let world = world();
    let app = App::new(sessions(&world));
    let old = issue(&world, HOUR);
    app.bearer(&old).await.assert_accepted();
    world.clerk.rotate_key();
    world.clerk.retire_old_keys();
    world.clock.advance(10 * SECOND);
    synchronise(&world);
    // The first token of the new key causes a fetch: the old key is gone from here on.
    app.bearer(&issue(&world, HOUR)).await.assert_accepted();
    assert_eq!(world.clerk.calls(Endpoint::Jwks), 2);
    app.bearer(&old).await.assert_accepted();
    world.clock.advance(50 * SECOND);
    for _ in 0..2 {
        let answer = app.bearer(&old).await;
        answer.assert_rejected(401, AuthErrorKind::InvalidSignature);
    }
}
