//! What one layer knows is nothing to another, and what one kind costs is not paid by another.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tower_clerk::{AuthErrorKind, TokenKind, Tokens, fake_clerk::Fault, kinds::MachineTokens};

use super::{
    ApiKey, Cookie, KINDS, Kind, Machine, MachineJwt, OAuth, OAuthJwtBoth, OAuthJwtLocal, SECOND,
    Session, settled, worlds,
};
use crate::{
    jwt::{synchronise, world},
    support::{App, World},
};

#[tokio::test]
async fn two_layers_share_nothing() {
    for (kind, world) in worlds() {
        let (one, other) = (kind.app(&world), kind.app(&world));
        let (token, bad) = (kind.good(&world), kind.bad(&world, 1).remove(0));
        let before = kind.calls(&world);
        for app in [&one, &other] {
            kind.send(app, &token).await.assert_accepted();
            let answer = kind.send(app, &bad).await;
            answer.assert_rejected(401, kind.rejection());
            let stats = app.layer.authenticator().stats();
            assert_eq!((stats.hits, stats.negative_hits), (0, 0), "{kind:?}");
            assert_eq!((stats.entries, stats.negative_entries), (1, 1), "{kind:?}");
        }
        // The same calls for each.
        assert_eq!((kind.calls(&world) - before) % 2, 0, "{kind:?}");
        one.layer.authenticator().invalidate(Tokens::all());
        assert_eq!(one.layer.authenticator().stats().entries, 0, "{kind:?}");
        kind.send(&other, &token).await.assert_accepted();
        assert_eq!(other.layer.authenticator().stats().hits, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_good_for_one_layer_is_not_good_for_a_stricter_one() {
    for (kind, world) in worlds() {
        let mut options = kind.options(&world);
        let (status, expected) = match kind.token_kind() {
            TokenKind::OAuth => {
                options.oauth = options.oauth.allow_clients(["another"]);
                (401, AuthErrorKind::WrongClient)
            }
            TokenKind::Session => {
                let parties = ["https://app.example.com"];
                options.session = options.session.authorized_parties(parties);
                (401, AuthErrorKind::UnauthorizedParty)
            }
            TokenKind::Machine => {
                options.machine = MachineTokens::addressed_to(["mch_other"]).jwts();
                (401, AuthErrorKind::WrongMachine)
            }
            _ => {
                options.api_key = options.api_key.required_scopes(["admin"]);
                (403, AuthErrorKind::InsufficientScope)
            }
        };
        let (lax, strict) = (
            kind.app(&world),
            App::new(kind.config_with(&world, options)),
        );
        let token = kind.good(&world);
        for _ in 0..2 {
            kind.send(&lax, &token).await.assert_accepted();
            let answer = kind.send(&strict, &token).await;
            answer.assert_rejected(status, expected);
        }
        assert_eq!(strict.inner_calls(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn bad_tokens_displace_no_good_ones_and_cost_a_bounded_number_of_calls() {
    const HOT: usize = 20;

    for (kind, world) in worlds() {
        // Fewer where others go the same way.
        let flood = match kind {
            OAuth | OAuthJwtBoth | Session | Machine | ApiKey => 2000,
            _ => 500,
        };
        // So slow is Clerk, and so little is remembered.
        let config = kind.config(&world).rate_limit(100).cache_capacity(100);
        let app = App::new(config);
        let hot: Vec<_> = (0..HOT).map(|_| kind.good(&world)).collect();
        for token in &hot {
            kind.send(&app, token).await.assert_accepted();
        }
        let (before, hits) = (
            world.clerk.total_calls(),
            app.layer.authenticator().stats().hits,
        );
        // Those that may have a newer key wait for the next key set together (fault B7).
        let at_once = if kind.rejection() == AuthErrorKind::Inactive {
            10
        } else {
            500
        };
        let start = Instant::now();
        for crowd in kind.bad(&world, flood).chunks(at_once) {
            let requests = crowd.iter().map(|bad| kind.send(&app, bad));
            for answer in join_all(requests).await {
                match answer.kind() {
                    Some(AuthErrorKind::RateLimited) => assert_eq!(answer.status(), 503),
                    rejection => assert_eq!(rejection, Some(kind.rejection()), "{kind:?}"),
                }
            }
            for token in hot.iter().cycle().take(crowd.len() / 10) {
                kind.send(&app, token).await.assert_accepted();
            }
        }
        let asked = world.clerk.total_calls() - before;
        if kind.rejection() == AuthErrorKind::Inactive {
            // The rest is kept for tokens that are known, and the first ones had their share.
            assert_eq!(asked, 65 - HOT, "{kind:?}");
        } else {
            // A newer key set is looked for, once a second.
            let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
            assert!((1..=1 + seconds).contains(&asked), "{kind:?}: {asked}");
        }
        let stats = app.layer.authenticator().stats();
        assert_eq!(
            stats.hits - hits,
            u64::try_from(flood / 10).unwrap(),
            "{kind:?}: all of them from the cache"
        );
        assert_eq!(stats.entries, 20, "{kind:?}");
        assert!(stats.negative_entries <= 10, "{kind:?}: {stats:?}");
        // It was no outage: who comes next is asked about, as soon as the rate allows.
        synchronise(&world);
        world.clock.advance(10 * SECOND);
        let token = kind.good(&world);
        kind.send(&app, &token).await.assert_accepted();
    }
}

/// A layer that accepts every kind.
fn everything(world: &World) -> App {
    let kinds = KINDS.map(Kind::token_kind);
    let options = Cookie.options(world);
    let kinds: std::collections::HashSet<_> = kinds.into_iter().collect();
    let config = options
        .accept(world.nothing(), kinds)
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
        .rate_limit(0);
    let attempt = Duration::from_millis(300);
    App::new(config.rate_limit(100).attempt_timeout(attempt))
}

#[tokio::test]
async fn a_flood_of_one_kind_takes_nothing_from_tokens_of_another() {
    for flooded in [OAuth, Machine, ApiKey] {
        let world = world();
        let app = everything(&world);
        let others = [OAuth, Machine, ApiKey].into_iter();
        let others: Vec<_> = others
            .filter(|kind| *kind != flooded)
            .map(|kind| (kind, kind.good(&world)))
            .collect();
        for (kind, token) in &others {
            kind.send(&app, token).await.assert_accepted();
        }
        // In the last fifth of their verdicts.
        world.clock.advance(Duration::from_millis(26_999));
        let mut last = None;
        for bad in flooded.bad(&world, 100) {
            last = flooded.send(&app, &bad).await.kind();
        }
        assert_eq!(last, Some(AuthErrorKind::RateLimited), "{flooded:?}");
        // Those that are in use are verified ahead of time, from what is kept for them.
        for (kind, token) in &others {
            let before = kind.calls(&world);
            kind.send(&app, token).await.assert_accepted();
            settled(&app).await;
            assert_eq!(kind.calls(&world) - before, 1, "{kind:?}");
        }
        // The keys are fetched from it, too.
        for kind in [Session, Cookie, MachineJwt] {
            let token = kind.good(&world);
            kind.send(&app, &token).await.assert_accepted();
        }
        // Others that nobody knows cannot be told where the same API would have to be asked.
        let is_backend = |kind: Kind| kind != OAuth;
        for (kind, _) in &others {
            let answer = kind.send(&app, &kind.good(&world)).await;
            if is_backend(*kind) != is_backend(flooded) {
                answer.assert_accepted();
                continue;
            }
            answer.assert_rejected(503, AuthErrorKind::RateLimited);
            assert!(answer.header("retry-after").is_some());
        }
    }
}

#[tokio::test]
async fn an_outage_for_one_kind_is_none_for_another() {
    for down in [OAuth, Machine, ApiKey] {
        for fault in [Fault::status(500), Fault::hang()] {
            let world = world();
            let app = everything(&world);
            world.clerk.fail(down.endpoints()[0], fault);
            // More than there are calls at a time.
            let crowd: Vec<_> = down.bad(&world, 70);
            let crowd = join_all(crowd.iter().map(|token| down.send(&app, token)));
            let others = async {
                for kind in [OAuth, Session, Cookie, MachineJwt, Machine, ApiKey] {
                    if kind == down {
                        continue;
                    }
                    let token = kind.good(&world);
                    let answer = kind.send(&app, &token).await;
                    assert_eq!(answer.kind(), None, "{kind:?} without {down:?}");
                }
            };
            let (rejected, ()) = futures_util::join!(crowd, others);
            for answer in rejected {
                assert_eq!(answer.status(), 503, "{down:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_outage_of_the_keys_is_none_for_opaque_tokens() {
    let world = world();
    let app = everything(&world);
    world
        .clerk
        .fail(OAuthJwtLocal.endpoints()[0], Fault::status(500));
    for _ in 0..20 {
        let answer = Session.send(&app, &Session.good(&world)).await;
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    for kind in [OAuth, Machine, ApiKey] {
        kind.send(&app, &kind.good(&world)).await.assert_accepted();
    }
}
