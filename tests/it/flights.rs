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
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, Tokens,
    fake_clerk::{Endpoint, Fault},
    kinds::{Enrichment, OAuthTokens},
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::support::{self, App, World};

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
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
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
        answer.assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
    }
    assert_eq!(world.calls(), (1, 0));
}

/// A layer that asks this verifier, and nobody else.
fn app(world: &World, verifier: impl Verify) -> App {
    let oauth = OAuthTokens::verified_by(verifier).allow_clients(["me"]);
    App::new(world.accepting(oauth.userinfo(Enrichment::Off)))
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
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            TokenInfo::from_introspection(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
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
    assert_eq!(app.layer.authenticator().stats().in_flight, 100);
    gated.gate.add_permits(100);
    run().await;
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
    assert_eq!(app.inner_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_never_answers_is_given_up() {
    // C117
    let world = World::new();
    let app = Gated::new().app(&world);
    app.bearer("oat_abc")
        .await
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    run().await;
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
}

struct Panicking(AtomicUsize);

impl Verify for Panicking {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            assert!(
                self.0.fetch_add(1, Ordering::SeqCst) > 0,
                "as the test wants it"
            );
            TokenInfo::from_introspection(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
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
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    app.bearer("oat_abc").await.assert_accepted();
}

type Invalidate = fn(&ClerkAuthLayer);

const WAYS: [(&str, Invalidate); 3] = [
    ("the token", |layer| {
        layer.authenticator().invalidate(Tokens::one("oat_abc"))
    }),
    ("the subject", |layer| {
        layer
            .authenticator()
            .invalidate(Tokens::of_subject("user_1"))
    }),
    ("everything", |layer| {
        layer.authenticator().invalidate(Tokens::all())
    }),
];

#[tokio::test]
async fn an_invalidation_wins_over_a_verification_under_way() {
    // C111, fault C3
    for (name, invalidate) in WAYS {
        let world = World::new();
        let gated = Gated::new();
        let app = gated.app(&world);
        let mut before = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut before).is_pending());
        run().await;
        invalidate(&app.layer);
        let mut after = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut after).is_pending());
        run().await;
        gated.gate.add_permits(1);
        run().await;
        // The old verdict counts for the request that came before the invalidation, and for no other.
        before.await.assert_accepted();
        assert!(poll!(&mut after).is_pending(), "{name}");
        run().await;
        assert_eq!(gated.asked(), 2, "{name}");
        gated.gate.add_permits(1);
        after.await.assert_accepted();
        app.bearer("oat_abc").await.assert_accepted();
        assert_eq!(gated.asked(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_verdict_that_was_overtaken_is_not_remembered() {
    // C111, fault C3
    for (name, invalidate) in WAYS {
        let world = World::new();
        let gated = Gated::new();
        let app = gated.app(&world);
        let mut before = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut before).is_pending());
        run().await;
        invalidate(&app.layer);
        gated.gate.add_permits(2);
        before.await.assert_accepted();
        assert_eq!(app.layer.authenticator().stats().entries, 0, "{name}");
        for _ in 0..2 {
            app.bearer("oat_abc").await.assert_accepted();
            assert_eq!(gated.asked(), 2, "{name}");
        }
    }
}

/// A verifier that says no at first, and yes from then on, each time when it is let.
struct Wavering(Gated);

impl Verify for Wavering {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
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
async fn an_invalidation_wins_over_a_rejection_under_way() {
    // C111, fault C3: a request that comes after it does not get what was found out before it.
    let world = World::new();
    let gated = Gated::new();
    let app = app(&world, Wavering(gated.clone()));
    let mut before = pin!(app.bearer("oat_abc"));
    assert!(poll!(&mut before).is_pending());
    run().await;
    app.layer.authenticator().invalidate(Tokens::one("oat_abc"));
    let mut after = pin!(app.bearer("oat_abc"));
    assert!(poll!(&mut after).is_pending());
    run().await;
    gated.gate.add_permits(2);
    after.await.assert_accepted();
    before.await.assert_rejected(401, AuthErrorKind::Inactive);
    app.bearer("oat_abc").await.assert_accepted();
    assert_eq!(gated.asked(), 2);
}

/// A verifier that answers after a while.
struct Slow(Duration);

impl Verify for Slow {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async {
            sleep(self.0).await;
            TokenInfo::from_introspection(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn invalidations_without_end_keep_no_request_out() {
    // fault C3
    let ways: [(&str, Invalidate, Duration); 3] = [
        ("the token", WAYS[0].1, Duration::from_millis(500)),
        ("the subject", WAYS[1].1, Duration::from_millis(10)),
        ("everything", WAYS[2].1, Duration::from_millis(10)),
    ];
    for (name, invalidate, pause) in ways {
        for number in 0..2 {
            let world = World::new();
            let app = app(&world, Slow(Duration::from_millis(950)));
            let layer = app.layer.clone();
            let storm = tokio::spawn(async move {
                loop {
                    invalidate(&layer);
                    sleep(pause).await;
                }
            });
            // One after the other, and all at once.
            for _ in 0..2 {
                let start = Instant::now();
                let requests = (0..if number == 0 { 1 } else { 20 }).map(async |delay: u64| {
                    sleep(Duration::from_millis(7 * delay)).await;
                    app.bearer("oat_abc").await
                });
                for answer in future::join_all(requests).await {
                    answer.assert_accepted();
                }
                assert!(start.elapsed() <= Duration::from_millis(2_140), "{name}");
                assert_eq!(app.layer.authenticator().stats().entries, 0, "{name}");
            }
            storm.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_all_that_a_request_waits_for() {
    // fault C3: the first verdict is overtaken, and the second comes too late.
    let world = World::new();
    let app = app(&world, Slow(Duration::from_millis(1_500)));
    let mut first = pin!(app.bearer("oat_abc"));
    assert!(poll!(&mut first).is_pending());
    sleep(Duration::from_millis(100)).await;
    app.layer
        .authenticator()
        .invalidate(Tokens::of_subject("user_1"));
    let start = Instant::now();
    app.bearer("oat_abc")
        .await
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    first.await.assert_accepted();
}

/// A verifier whose first call never ends, as on a runtime that is parked; on any other it answers.
#[derive(Clone, Default)]
struct Parked(Arc<AtomicUsize>);

impl Verify for Parked {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                future::pending::<()>().await;
            }
            TokenInfo::from_introspection(br#"{"active":true,"client_id":"me","sub":"user_1"}"#)
        })
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Starts a verification on a runtime that is parked then.
fn park(app: &App) -> tokio::runtime::Runtime {
    let parked = runtime();
    parked.block_on(async {
        let mut request = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut request).is_pending());
        run().await;
    });
    parked
}

#[test]
fn a_parked_runtime_keeps_no_request_of_another_waiting() {
    // fault C1
    let world = World::new();
    let parked = Parked::default();
    let app = app(&world, parked.clone());
    let first = park(&app);
    assert_eq!(parked.0.load(Ordering::SeqCst), 1);
    runtime().block_on(async {
        // As long as the verification may still come to its end, requests wait for it, up to their own
        // deadline.
        let start = Instant::now();
        app.bearer("oat_abc")
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        assert!(start.elapsed() <= Duration::from_secs(2));
        sleep(Duration::from_secs(1)).await;
        // Then one of them starts another.
        let start = Instant::now();
        for answer in future::join_all((0..20).map(|_| app.bearer("oat_abc"))).await {
            answer.assert_accepted();
        }
        assert!(start.elapsed() <= Duration::from_secs(2));
        assert_eq!(parked.0.load(Ordering::SeqCst), 2);
    });
    // The old one ends, and leaves the new verdict as it is.
    first.block_on(async { sleep(Duration::from_secs(10)).await });
    drop(first);
    runtime().block_on(async { app.bearer("oat_abc").await.assert_accepted() });
    assert_eq!(parked.0.load(Ordering::SeqCst), 2);
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
}

#[test]
fn a_verification_that_is_lost_with_its_runtime_is_started_again_by_one() {
    // fault C2
    let world = World::new();
    let parked = Parked::default();
    let app = app(&world, parked.clone());
    let first = park(&app);
    runtime().block_on(async {
        let mut waiting = pin!(future::join_all((0..20).map(|_| app.bearer("oat_abc"))));
        assert!(poll!(&mut waiting).is_pending());
        assert_eq!(parked.0.load(Ordering::SeqCst), 1);
        std::thread::spawn(move || drop(first)).join().unwrap();
        for answer in waiting.await {
            answer.assert_accepted();
        }
        app.bearer("oat_abc").await.assert_accepted();
    });
    assert_eq!(parked.0.load(Ordering::SeqCst), 2);
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
}

#[test]
fn a_runtime_that_shuts_down_takes_nothing_with_it() {
    // C121, C122: the layer outlives the runtime, and works on the next.
    let world = World::new();
    let gated = Gated::new();
    let app = gated.app(&world);
    let first = support::runtime();
    first.block_on(async {
        let mut request = pin!(app.bearer("oat_abc"));
        assert!(poll!(&mut request).is_pending());
        run().await;
    });
    drop(first);
    assert_eq!(app.layer.authenticator().stats().in_flight, 0);
    gated.gate.add_permits(1);
    support::runtime().block_on(async { app.bearer("oat_abc").await.assert_accepted() });
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
                let runtime = support::runtime();
                runtime.block_on(async {
                    for token in pair {
                        app.bearer(token).await.assert_accepted();
                    }
                });
            });
        }
    });
}
