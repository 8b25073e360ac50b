use std::{
    error::Error,
    future::Future,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, oneshot},
    time::{Instant, advance, sleep},
};

use super::{GRACE, Join, Landed, MAX_STARTS, SingleFlight, Waiter, wait};
use crate::{AuthError, AuthErrorKind, cache::Outcome, clock::Now, verify::Verified};
use crate::{
    claims::entry::{Entry, Lifetimes},
    token::digest::{TokenDigest, TokenHasher},
};

type Flights = SingleFlight<TokenDigest, Arc<Entry>>;

const LIMIT: Duration = Duration::from_secs(2);

fn flights() -> Arc<Flights> {
    SingleFlight::new(LIMIT)
}

fn key(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(token)
}

fn good(subject: &str) -> Outcome {
    let verified = Verified::assertion(subject, None, None, true);
    let lifetimes = Lifetimes::new(Duration::from_secs(30), Duration::ZERO);
    let now = Now {
        mono: 1_000,
        wall: 1_700_000_000_000,
    };
    Ok(Arc::new(Entry::new(
        verified,
        key("any"),
        0,
        lifetimes,
        now,
    )))
}

/// Joins while nothing is known, and remembers nothing.
fn join_any<F>(
    flights: &Arc<Flights>,
    key: TokenDigest,
    start: impl FnOnce() -> F,
) -> Result<Join<Arc<Entry>, ()>, AuthError>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let remember = |_, _: &Outcome| {};
    let start = |_| (start().map(|outcome| (0, outcome)), remember);
    flights.join(key, |_| true, || None, || 0, start)
}

/// The same, of which nothing can be known.
fn board<F>(
    flights: &Arc<Flights>,
    key: TokenDigest,
    start: impl FnOnce() -> F,
) -> Result<Waiter<Arc<Entry>>, AuthError>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    match join_any(flights, key, start)? {
        Join::Pending(waiter) => Ok(waiter),
        Join::Ready(()) => unreachable!("nothing is known"),
    }
}

/// Waits for this flight alone.
async fn outcome(mut waiter: Waiter<Arc<Entry>>) -> Outcome {
    let lost = AuthError::new(AuthErrorKind::Overloaded);
    waiter.outcome().await.unwrap_or(Err(lost))
}

#[tokio::test]
async fn no_flight_is_started_for_what_has_become_known() {
    let flights = flights();
    let known = |is_known: bool| {
        flights.join(
            key("a"),
            |_| true,
            || is_known.then_some("known"),
            || 0,
            |_| (future::pending(), |_, _: &Outcome| {}),
        )
    };
    assert!(matches!(known(true), Ok(Join::Ready("known"))));
    assert_eq!(flights.len(), 0);
    assert!(matches!(known(false), Ok(Join::Pending(_))));
    // Under way comes before known: its outcome is newer.
    let joined = known(true).unwrap();
    assert!(matches!(
        joined,
        Join::Pending(Waiter {
            is_shared: true,
            ..
        })
    ));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[track_caller]
fn assert_lost(outcome: Outcome) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    let source = error.source().unwrap().to_string();
    assert!(
        source.starts_with("the call ended without an outcome"),
        "{source}"
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_who_asks_meanwhile_shares_one_flight() {
    // C115
    let flights = flights();
    let starts = Arc::new(AtomicUsize::new(0));
    let (land, landed) = oneshot::channel::<()>();
    let mut landed = Some(landed);
    let mut seats = Vec::new();
    for number in 0..1_000 {
        let seat = board(&flights, key("a"), || {
            starts.fetch_add(1, Ordering::SeqCst);
            let landed = landed.take().unwrap();
            async move {
                landed.await.unwrap();
                good("user_1")
            }
        });
        let seat = seat.unwrap();
        assert_eq!(seat.is_shared, number > 0, "{number}");
        seats.push(seat);
    }
    assert_eq!(flights.len(), 1);
    land.send(()).unwrap();
    let outcomes = future::join_all(seats.into_iter().map(outcome)).await;
    let first = outcomes[0].as_ref().unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| Arc::ptr_eq(outcome.as_ref().unwrap(), first))
    );
    assert_eq!(&*first.claims().subject, "user_1");
    assert_eq!(starts.load(Ordering::SeqCst), 1);
    assert_eq!(flights.len(), 0);
}

#[tokio::test]
async fn each_key_has_a_flight_of_its_own() {
    // B03 C120
    let flights = flights();
    let a = board(&flights, key("a"), || async { good("user_a") }).unwrap();
    let b = board(&flights, key("b"), || async { good("user_b") }).unwrap();
    assert!(!a.is_shared && !b.is_shared);
    assert_eq!(flights.len(), 2);
    assert_eq!(&*outcome(b).await.unwrap().claims().subject, "user_b");
    assert_eq!(&*outcome(a).await.unwrap().claims().subject, "user_a");
}

#[tokio::test]
async fn two_sets_of_flights_share_nothing() {
    // B03
    let (ours, theirs) = (flights(), flights());
    let a = board(&ours, key("a"), || async { good("user_ours") }).unwrap();
    let b = board(&theirs, key("a"), || async { good("user_theirs") }).unwrap();
    assert!(!b.is_shared);
    assert_eq!(&*outcome(a).await.unwrap().claims().subject, "user_ours");
    assert_eq!(&*outcome(b).await.unwrap().claims().subject, "user_theirs");
}

#[tokio::test]
async fn key_is_free_before_the_outcome_is_known() {
    let flights = flights();
    for number in 0..3 {
        let seat = board(&flights, key("a"), || async { good("user_1") }).unwrap();
        assert!(!seat.is_shared, "{number}");
        assert!(outcome(seat).await.is_ok());
        assert_eq!(flights.len(), 0);
    }
}

#[tokio::test]
async fn error_is_shared_and_not_kept() {
    // C118
    let flights = flights();
    let failing = || async { Err(AuthErrorKind::Inactive.into()) };
    let first = board(&flights, key("a"), failing).unwrap();
    let second = board(&flights, key("a"), failing).unwrap();
    assert!(second.is_shared);
    assert_eq!(
        outcome(first).await.unwrap_err().kind(),
        AuthErrorKind::Inactive
    );
    assert_eq!(
        outcome(second).await.unwrap_err().kind(),
        AuthErrorKind::Inactive
    );
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(!anew.is_shared);
    assert!(outcome(anew).await.is_ok());
}

#[tokio::test]
async fn flight_goes_on_when_those_who_waited_hang_up() {
    // C116 C117
    let flights = flights();
    let gate = Arc::new(Semaphore::new(0));
    let (done, is_done) = oneshot::channel();
    let at_gate = Arc::clone(&gate);
    let leader = board(&flights, key("a"), || async move {
        drop(at_gate.acquire().await.unwrap());
        done.send(()).unwrap();
        good("user_1")
    })
    .unwrap();
    let join = || board(&flights, key("a"), || async { good("user_2") }).unwrap();
    let (follower, patient) = (join(), join());
    drop(leader);
    // One that has begun to wait.
    let waiting = tokio::spawn(outcome(follower));
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(flights.len(), 1);
    gate.add_permits(1);
    assert_eq!(&*outcome(patient).await.unwrap().claims().subject, "user_1");
    is_done.await.unwrap();
    assert_eq!(flights.len(), 0);
}

#[tokio::test]
async fn flight_without_anybody_waiting_frees_its_key() {
    // C117
    let flights = flights();
    let (done, is_done) = oneshot::channel();
    let seat = board(&flights, key("a"), || async move {
        done.send(()).unwrap();
        good("user_1")
    });
    drop(seat);
    is_done.await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(flights.len(), 0);
}

#[tokio::test]
async fn panic_frees_the_key() {
    // C119 B10
    let flights = flights();
    let panicking = || async { panic!("a verifier that panics") };
    let first = board(&flights, key("a"), panicking).unwrap();
    let second = board(&flights, key("a"), panicking).unwrap();
    assert!(second.is_shared);
    assert_lost(outcome(first).await);
    assert_lost(outcome(second).await);
    assert_eq!(flights.len(), 0);
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(!anew.is_shared);
    assert!(outcome(anew).await.is_ok());
}

#[tokio::test]
async fn panic_before_the_first_await_frees_the_key() {
    let flights = flights();
    let start = || -> future::Ready<Outcome> { panic!("a verifier that panics at once") };
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| board(&flights, key("a"), start)));
    assert!(panicked.is_err());
    assert_eq!(flights.len(), 0);
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(outcome(anew).await.is_ok());
}

#[tokio::test]
async fn flight_may_look_at_the_flights() {
    let flights = flights();
    let seen = Arc::clone(&flights);
    let seat = board(&flights, key("a"), || {
        assert_eq!(seen.len(), 1);
        async { good("user_1") }
    })
    .unwrap();
    assert!(outcome(seat).await.is_ok());
}

#[test]
fn end_of_the_runtime_ends_its_flights() {
    // B11 C121
    let flights = flights();
    let first = runtime();
    let seat = first
        .block_on(async { board(&flights, key("a"), future::pending::<Outcome>) })
        .unwrap();
    assert_eq!(flights.len(), 1);
    drop(first);
    assert_eq!(flights.len(), 0);
    // C122
    let second = runtime();
    let error = second.block_on(outcome(seat)).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Overloaded, "it joins again");
    let anew = second.block_on(async {
        let seat = board(&flights, key("a"), || async { good("user_1") });
        outcome(seat.unwrap()).await
    });
    assert!(anew.is_ok());
}

#[test]
fn flight_on_a_runtime_that_ended_is_lost_and_not_started_for_ever() {
    // C121, fault C2
    let flights = flights();
    let ended = runtime();
    let handle = ended.handle().clone();
    drop(ended);
    let starts = AtomicUsize::new(0);
    let join = || {
        let _inside = handle.enter();
        join_any(&flights, key("a"), || {
            starts.fetch_add(1, Ordering::SeqCst);
            async { good("user_1") }
        })
    };
    let landed = runtime().block_on(wait(Instant::now() + LIMIT, join));
    assert_eq!(flights.len(), 0);
    assert_lost(landed.map(|_| unreachable!("no flight can end")));
    assert_eq!(
        starts.load(Ordering::SeqCst),
        usize::try_from(MAX_STARTS).unwrap()
    );
}

#[test]
fn one_waiter_starts_a_lost_flight_again_and_all_get_its_outcome() {
    // fault C2
    let flights = flights();
    let first = runtime();
    let starts = Arc::new(AtomicUsize::new(0));
    let start = |flight: future::BoxFuture<'static, Outcome>| {
        starts.fetch_add(1, Ordering::SeqCst);
        flight
    };
    let lost = || start(Box::pin(future::pending()));
    first.block_on(async { board(&flights, key("a"), lost).unwrap() });
    let second = runtime();
    second.block_on(async {
        let anew = || start(Box::pin(async { good("user_1") }));
        let waiters = (0..100).map(|_| {
            wait(Instant::now() + LIMIT, || {
                join_any(&flights, key("a"), anew)
            })
        });
        let mut waiters = Box::pin(future::join_all(waiters));
        assert!(futures_util::poll!(&mut waiters).is_pending());
        assert_eq!(starts.load(Ordering::SeqCst), 1);
        // A runtime must not be dropped within another.
        std::thread::spawn(move || drop(first)).join().unwrap();
        for landed in waiters.await {
            let Ok(Landed::Flight {
                outcome: Ok(entry), ..
            }) = landed
            else {
                panic!("{landed:?}");
            };
            assert_eq!(&*entry.claims().subject, "user_1");
        }
    });
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    assert_eq!(flights.len(), 0);
}

/// A flight that lands when it is let, and notes that its outcome is remembered.
struct Recorder {
    flights: Arc<Flights>,
    remembered: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            flights: flights(),
            remembered: Arc::default(),
        }
    }

    /// Starts a flight of this name, or joins one.
    fn join(
        &self,
        name: &'static str,
        epoch: u64,
        may_join: impl FnOnce(u64) -> bool,
    ) -> (Waiter<Arc<Entry>>, oneshot::Sender<()>) {
        let (land, landed) = oneshot::channel();
        let remembered = Arc::clone(&self.remembered);
        let join = self.flights.join(
            key("a"),
            may_join,
            || None::<()>,
            || epoch,
            |_| {
                let flight = async move {
                    let _ = landed.await;
                    (epoch, good(name))
                };
                let remember = move |_, outcome: &Outcome| {
                    let subject = outcome.as_ref().unwrap().claims().subject.to_string();
                    remembered.lock().unwrap().push(subject);
                };
                (flight, remember)
            },
        );
        match join.unwrap() {
            Join::Pending(waiter) => (waiter, land),
            Join::Ready(()) => unreachable!("nothing is known"),
        }
    }

    fn remembered(&self) -> Vec<String> {
        self.remembered.lock().unwrap().clone()
    }
}

async fn subject(waiter: Waiter<Arc<Entry>>) -> String {
    outcome(waiter).await.unwrap().claims().subject.to_string()
}

#[tokio::test(start_paused = true)]
async fn flight_that_is_overdue_is_superseded_by_one_other() {
    // fault C1
    let recorder = Recorder::new();
    let (old, land_old) = recorder.join("old", 0, |_| true);
    advance(LIMIT + GRACE - Duration::from_millis(1)).await;
    let (waiter, _) = recorder.join("too early", 0, |_| true);
    assert!(waiter.is_shared);
    advance(Duration::from_millis(1)).await;
    let (new, land_new) = recorder.join("new", 0, |_| true);
    assert!(!new.is_shared);
    let (other, _) = recorder.join("another", 0, |_| true);
    assert!(other.is_shared);
    assert_eq!(recorder.flights.len(), 1);

    // The old one wakes up: it remembers nothing, and leaves the key to its successor.
    land_old.send(()).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(recorder.flights.len(), 1);
    assert_eq!(recorder.remembered(), [""; 0]);
    assert_eq!(subject(old).await, "old");
    land_new.send(()).unwrap();
    assert_eq!(subject(new).await, "new");
    assert_eq!(subject(other).await, "new");
    assert_eq!(recorder.remembered(), ["new"]);
    assert_eq!(recorder.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn superseded_flight_never_overwrites_a_newer_outcome() {
    // fault C1
    let recorder = Recorder::new();
    let (_, land_old) = recorder.join("old", 0, |_| true);
    advance(LIMIT + GRACE).await;
    let (new, land_new) = recorder.join("new", 0, |_| true);
    land_new.send(()).unwrap();
    assert_eq!(subject(new).await, "new");
    let (newest, land_newest) = recorder.join("newest", 0, |_| true);
    land_old.send(()).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(recorder.flights.len(), 1);
    land_newest.send(()).unwrap();
    assert_eq!(subject(newest).await, "newest");
    assert_eq!(recorder.remembered(), ["new", "newest"]);
}

#[tokio::test(start_paused = true)]
async fn flight_of_a_rejected_epoch_is_superseded() {
    // fault C3
    let recorder = Recorder::new();
    let (before, land_before) = recorder.join("before", 1, |_| true);
    let (after, land_after) = recorder.join("after", 2, |epoch| {
        assert_eq!(epoch, 1);
        false
    });
    assert!(!after.is_shared);
    assert_eq!((before.epoch, after.epoch), (1, 2));
    land_after.send(()).unwrap();
    assert_eq!(subject(after).await, "after");
    land_before.send(()).unwrap();
    // Those who waited for it get it all the same.
    assert_eq!(subject(before).await, "before");
    assert_eq!(recorder.remembered(), ["after"]);
}

#[tokio::test(start_paused = true)]
async fn waiter_of_an_overdue_flight_joins_again_until_its_own_deadline() {
    // fault C1
    let flights = flights();
    let starts = AtomicUsize::new(0);
    let parked = || {
        starts.fetch_add(1, Ordering::SeqCst);
        future::pending::<Outcome>()
    };
    let begun = Instant::now();
    board(&flights, key("a"), parked).unwrap();
    advance(Duration::from_secs(1)).await;
    // One that arrives now finds the next flight parked as well.
    let landed = wait(Instant::now() + LIMIT, || {
        join_any(&flights, key("a"), parked)
    })
    .await;
    let error = landed.map(drop).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    // One that arrives later is served by a flight that is not.
    advance(LIMIT).await;
    let served = || join_any(&flights, key("a"), || async { good("user_1") });
    let landed = wait(Instant::now() + LIMIT, served).await;
    assert!(matches!(landed, Ok(Landed::Flight { outcome: Ok(_), .. })));
}

#[tokio::test(start_paused = true)]
async fn outcome_counts_at_the_deadline_itself() {
    let flights = flights();
    let late = || async {
        sleep(LIMIT).await;
        good("user_1")
    };
    let waiter = board(&flights, key("a"), late).unwrap();
    let deadline = Instant::now() + LIMIT;
    let mut waiting = Box::pin(wait(deadline, || {
        Ok(Join::<_, ()>::Pending(waiter.clone()))
    }));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    tokio::task::yield_now().await;
    advance(LIMIT).await;
    tokio::task::yield_now().await;
    assert!(waiting.await.is_ok());
}

#[test]
fn no_runtime_is_an_error() {
    // C122
    let flights = flights();
    let start = || -> future::Ready<Outcome> { unreachable!("nothing is started") };
    let error = board(&flights, key("a"), start).map(drop).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    assert!(error.source().is_some());
    assert_eq!(flights.len(), 0);
}
