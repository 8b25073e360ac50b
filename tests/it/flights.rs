//! One verification per token at a time, and nobody pays for another's hang-up.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    future::{self, BoxFuture},
    poll,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, Enrichment, Introspection, Verification, Verify,
    fake_clerk::{Endpoint, Fault},
};

use crate::support::{App, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_first_requests_are_one_verification() {
    // C115, E2
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    world.clerk.fail(
        Endpoint::Introspection,
        Fault::delay(Duration::from_millis(100)),
    );
    let mut requests = JoinSet::new();
    for _ in 0..10_000 {
        let (app, token) = (app.clone(), token.clone());
        requests.spawn(async move { app.bearer(&token).await.assert_accepted() });
    }
    while let Some(result) = requests.join_next().await {
        result.unwrap();
    }
    assert_eq!(world.calls(), (1, 1));
    assert_eq!(app.inner_calls(), 10_000);
    assert_eq!(app.layer.stats().in_flight, 0);
}

#[tokio::test]
async fn a_failing_verification_is_answered_once_for_all() {
    // C118
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::malformed());
    let answers = future::join_all((0..100).map(|_| app.bearer(&token))).await;
    for answer in answers {
        answer.assert_refused(503, AuthErrorKind::UpstreamProtocol);
    }
    assert_eq!(world.calls(), (1, 0));
}

/// A layer that asks this verifier, and nobody else.
fn app(world: &World, verifier: impl Verify) -> App {
    let config = world
        .config()
        .client_credentials("me", "secret")
        .enrichment(Enrichment::Off)
        .build()
        .unwrap();
    App::of(ClerkAuthLayer::with_verifier(config, verifier))
}

/// A verifier whose answers are let go one by one.
#[derive(Clone)]
struct Gated {
    gate: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
}

impl Gated {
    fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            asked: Arc::default(),
        }
    }

    fn app(&self, world: &World) -> App {
        app(world, self.clone())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Verify for Gated {
    fn verify<'a>(
        &'a self,
        _: Verification<'a>,
    ) -> BoxFuture<'a, Result<Introspection, AuthError>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            Introspection::from_json(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
        })
    }
}

/// Lets everything that can run, run.
async fn run() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_leader_that_hangs_up_costs_nobody_anything() {
    // C116, at each of its await points
    for polls in 0..4 {
        let world = World::new();
        let gated = Gated::new();
        let app = gated.app(&world);
        {
            let mut leader = pin!(app.bearer("oat_abc"));
            for _ in 0..polls {
                assert!(poll!(&mut leader).is_pending());
                run().await;
            }
        }
        let mut follower = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut follower).is_pending());
        run().await;
        gated.gate.add_permits(1);
        follower.await.assert_accepted();
        assert_eq!(gated.asked(), 1, "{polls} polls");
        assert_eq!(app.inner_calls(), 1);
    }
}

#[tokio::test]
async fn nothing_is_left_when_all_hang_up() {
    // C117
    let world = World::new();
    let gated = Gated::new();
    let app = gated.app(&world);
    for n in 0..100 {
        let token = format!("oat_{n}");
        let mut request = pin!(app.bearer(&token));
        assert!(poll!(&mut request).is_pending());
    }
    run().await;
    assert_eq!(app.layer.stats().in_flight, 100);
    gated.gate.add_permits(100);
    run().await;
    assert_eq!(app.layer.stats().in_flight, 0);
    assert_eq!(app.inner_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_never_answers_is_given_up() {
    // C117
    let world = World::new();
    let app = Gated::new().app(&world);
    app.bearer("oat_abc")
        .await
        .assert_refused(503, AuthErrorKind::UpstreamUnavailable);
    run().await;
    assert_eq!(app.layer.stats().in_flight, 0);
}

struct Panicking(AtomicUsize);

impl Verify for Panicking {
    fn verify<'a>(
        &'a self,
        _: Verification<'a>,
    ) -> BoxFuture<'a, Result<Introspection, AuthError>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            assert!(
                self.0.fetch_add(1, Ordering::SeqCst) > 0,
                "as the test wants it"
            );
            Introspection::from_json(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
        })
    }
}

#[tokio::test]
async fn a_verifier_that_panics_is_trouble_and_the_token_stays_usable() {
    // C119
    let world = World::new();
    let app = app(&world, Panicking(AtomicUsize::new(0)));
    let answers = future::join_all((0..10).map(|_| app.bearer("oat_abc"))).await;
    for answer in answers {
        answer.assert_refused(503, AuthErrorKind::UpstreamUnavailable);
    }
    app.bearer("oat_abc").await.assert_accepted();
}

#[tokio::test]
async fn an_invalidation_wins_over_a_verification_under_way() {
    // C111
    type Invalidate = fn(&ClerkAuthLayer);
    let ways: [(&str, Invalidate); 3] = [
        ("the token", |layer| layer.invalidate("oat_abc")),
        ("the subject", |layer| layer.invalidate_subject("user_1")),
        ("everything", ClerkAuthLayer::clear),
    ];
    for (name, invalidate) in ways {
        let world = World::new();
        let gated = Gated::new();
        let app = gated.app(&world);
        let mut request = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut request).is_pending());
        run().await;
        invalidate(&app.layer);
        gated.gate.add_permits(1);
        run().await;
        // The old answer neither counts for who waited nor is it remembered.
        assert!(poll!(&mut request).is_pending(), "{name}");
        run().await;
        assert_eq!(gated.asked(), 2, "{name}");
        gated.gate.add_permits(1);
        request.await.assert_accepted();
        app.bearer("oat_abc").await.assert_accepted();
        assert_eq!(gated.asked(), 2, "{name}");
    }
}

/// A verifier that says no at first, and yes from then on, each time when it is let.
struct Wavering(Gated);

impl Verify for Wavering {
    fn verify<'a>(
        &'a self,
        verification: Verification<'a>,
    ) -> BoxFuture<'a, Result<Introspection, AuthError>> {
        Box::pin(async move {
            let is_first = self.0.asked() == 0;
            let answer = self.0.verify(verification).await;
            if is_first {
                return Err(AuthErrorKind::Inactive.into());
            }
            answer
        })
    }
}

#[tokio::test]
async fn an_invalidation_wins_over_a_refusal_under_way() {
    // C111: who asks after it is not told what was found out before it.
    let world = World::new();
    let gated = Gated::new();
    let app = app(&world, Wavering(gated.clone()));
    let mut before = pin!(app.bearer("oat_abc"));
    assert!(poll!(&mut before).is_pending());
    run().await;
    app.layer.invalidate("oat_abc");
    let mut after = pin!(app.bearer("oat_abc"));
    assert!(poll!(&mut after).is_pending());
    gated.gate.add_permits(1);
    run().await;
    assert!(poll!(&mut after).is_pending());
    assert!(poll!(&mut before).is_pending());
    run().await;
    gated.gate.add_permits(1);
    after.await.assert_accepted();
    before.await.assert_accepted();
    assert_eq!(gated.asked(), 2);
}

#[tokio::test]
async fn a_request_that_is_invalidated_over_and_over_gives_up() {
    let world = World::new();
    let gated = Gated::new();
    let app = gated.app(&world);
    let mut request = pin!(app.bearer("oat_abc"));
    for _ in 0..3 {
        assert!(poll!(&mut request).is_pending());
        run().await;
        app.layer.clear();
        gated.gate.add_permits(1);
        run().await;
    }
    request
        .await
        .assert_refused(503, AuthErrorKind::UpstreamUnavailable);
    assert_eq!(gated.asked(), 3);
}

#[test]
fn a_runtime_that_shuts_down_takes_nothing_with_it() {
    // C121, C122: the layer outlives the runtime, and works on the next.
    let world = World::new();
    let gated = Gated::new();
    let app = gated.app(&world);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    first.block_on(async {
        let mut request = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut request).is_pending());
        run().await;
    });
    drop(first);
    assert_eq!(app.layer.stats().in_flight, 0);
    gated.gate.add_permits(1);
    runtime().block_on(async { app.bearer("oat_abc").await.assert_accepted() });
}

#[test]
fn two_runtimes_share_a_layer() {
    // C122
    let world = World::new();
    let app = world.app();
    let tokens: Vec<_> = (0..4)
        .map(|_| world.clerk.token("user_1").issue())
        .collect();
    std::thread::scope(|scope| {
        for pair in tokens.chunks(2) {
            let app = &app;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for token in pair {
                        app.bearer(token).await.assert_accepted();
                    }
                });
            });
        }
    });
}
