use std::{
    error::Error,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, oneshot},
};

use super::{
    super::{Key, Keyer, Lifetimes},
    Boarding, Entry, Flights, Outcome, Seat,
};
use crate::{AuthError, AuthErrorKind, clock::Now, verify::Verified};

fn key(token: &str) -> Key {
    Keyer::new([7; 32], &[]).key(token)
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

/// Boards where nothing is known yet.
fn board<F>(flights: &Arc<Flights>, key: Key, start: impl FnOnce() -> F) -> Result<Seat, AuthError>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    match flights.board(key, 0, || None::<()>, start)? {
        Boarding::Seat(seat) => Ok(seat),
        Boarding::Landed(()) => unreachable!("nothing is known"),
    }
}

#[tokio::test]
async fn nobody_flies_for_what_has_become_known() {
    let flights = Arc::new(Flights::default());
    let start = || -> future::Ready<Outcome> { unreachable!("nothing is started") };
    let boarding = flights.board(key("a"), 0, || Some("known"), start).unwrap();
    assert!(matches!(boarding, Boarding::Landed("known")));
    assert_eq!(flights.len(), 0);
    // Under way comes before known: what is being asked is newer.
    let seat = board(&flights, key("a"), future::pending::<Outcome>).unwrap();
    let boarding = flights.board(key("a"), 0, || Some("known"), start).unwrap();
    assert!(matches!(
        boarding,
        Boarding::Seat(Seat {
            is_shared: true,
            ..
        })
    ));
    drop(seat);
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
        source.starts_with("the verification ended without an outcome"),
        "{source}"
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_who_asks_meanwhile_shares_one_flight() {
    // C115
    let flights = Arc::new(Flights::default());
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
    let outcomes = future::join_all(seats.into_iter().map(Seat::outcome)).await;
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
    let flights = Arc::new(Flights::default());
    let a = board(&flights, key("a"), || async { good("user_a") }).unwrap();
    let b = board(&flights, key("b"), || async { good("user_b") }).unwrap();
    assert!(!a.is_shared && !b.is_shared);
    assert_eq!(flights.len(), 2);
    assert_eq!(&*b.outcome().await.unwrap().claims().subject, "user_b");
    assert_eq!(&*a.outcome().await.unwrap().claims().subject, "user_a");
}

#[tokio::test]
async fn two_sets_of_flights_share_nothing() {
    // B03
    let (ours, theirs) = (Arc::new(Flights::default()), Arc::new(Flights::default()));
    let a = board(&ours, key("a"), || async { good("user_ours") }).unwrap();
    let b = board(&theirs, key("a"), || async { good("user_theirs") }).unwrap();
    assert!(!b.is_shared);
    assert_eq!(&*a.outcome().await.unwrap().claims().subject, "user_ours");
    assert_eq!(&*b.outcome().await.unwrap().claims().subject, "user_theirs");
}

#[tokio::test]
async fn key_is_free_before_the_outcome_is_known() {
    let flights = Arc::new(Flights::default());
    for number in 0..3 {
        let seat = board(&flights, key("a"), || async { good("user_1") }).unwrap();
        assert!(!seat.is_shared, "{number}");
        assert!(seat.outcome().await.is_ok());
        assert_eq!(flights.len(), 0);
    }
}

#[tokio::test]
async fn error_is_shared_and_not_kept() {
    // C118
    let flights = Arc::new(Flights::default());
    let failing = || async { Err(AuthErrorKind::Inactive.into()) };
    let first = board(&flights, key("a"), failing).unwrap();
    let second = board(&flights, key("a"), failing).unwrap();
    assert!(second.is_shared);
    assert_eq!(
        first.outcome().await.unwrap_err().kind(),
        AuthErrorKind::Inactive
    );
    assert_eq!(
        second.outcome().await.unwrap_err().kind(),
        AuthErrorKind::Inactive
    );
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(!anew.is_shared);
    assert!(anew.outcome().await.is_ok());
}

#[tokio::test]
async fn flight_goes_on_when_those_who_waited_hang_up() {
    // C116 C117
    let flights = Arc::new(Flights::default());
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
    let waiting = tokio::spawn(follower.outcome());
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(flights.len(), 1);
    gate.add_permits(1);
    assert_eq!(
        &*patient.outcome().await.unwrap().claims().subject,
        "user_1"
    );
    is_done.await.unwrap();
    assert_eq!(flights.len(), 0);
}

#[tokio::test]
async fn flight_without_anybody_waiting_frees_its_key() {
    // C117
    let flights = Arc::new(Flights::default());
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
    let flights = Arc::new(Flights::default());
    let panicking = || async { panic!("a verifier that panics") };
    let first = board(&flights, key("a"), panicking).unwrap();
    let second = board(&flights, key("a"), panicking).unwrap();
    assert!(second.is_shared);
    assert_lost(first.outcome().await);
    assert_lost(second.outcome().await);
    assert_eq!(flights.len(), 0);
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(!anew.is_shared);
    assert!(anew.outcome().await.is_ok());
}

#[tokio::test]
async fn panic_before_the_first_await_frees_the_key() {
    let flights = Arc::new(Flights::default());
    let start = || -> future::Ready<Outcome> { panic!("a verifier that panics at once") };
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| board(&flights, key("a"), start)));
    assert!(outcome.is_err());
    assert_eq!(flights.len(), 0);
    let anew = board(&flights, key("a"), || async { good("user_1") }).unwrap();
    assert!(anew.outcome().await.is_ok());
}

#[tokio::test]
async fn flight_may_look_at_the_flights() {
    let flights = Arc::new(Flights::default());
    let seen = Arc::clone(&flights);
    let seat = board(&flights, key("a"), || {
        assert_eq!(seen.len(), 1);
        async { good("user_1") }
    })
    .unwrap();
    assert!(seat.outcome().await.is_ok());
}

#[test]
fn end_of_the_runtime_ends_its_flights() {
    // B11 C121
    let flights = Arc::new(Flights::default());
    let first = runtime();
    let seat = first
        .block_on(async { board(&flights, key("a"), future::pending::<Outcome>) })
        .unwrap();
    assert_eq!(flights.len(), 1);
    drop(first);
    assert_eq!(flights.len(), 0);
    // C122
    let second = runtime();
    assert_lost(second.block_on(seat.outcome()));
    let anew = second.block_on(async {
        let seat = board(&flights, key("a"), || async { good("user_1") });
        seat.unwrap().outcome().await
    });
    assert!(anew.is_ok());
}

#[test]
fn flight_on_a_runtime_that_ended_is_lost() {
    // C121
    let flights = Arc::new(Flights::default());
    let ended = runtime();
    let handle = ended.handle().clone();
    drop(ended);
    let seat = {
        let _inside = handle.enter();
        board(&flights, key("a"), || async { good("user_1") }).unwrap()
    };
    assert_eq!(flights.len(), 0);
    assert_lost(runtime().block_on(seat.outcome()));
}

#[test]
fn no_runtime_is_an_error() {
    // C122
    let flights = Arc::new(Flights::default());
    let start = || -> future::Ready<Outcome> { unreachable!("nothing is started") };
    let error: AuthError = board(&flights, key("a"), start).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::UpstreamUnavailable);
    assert!(error.source().is_some());
    assert_eq!(flights.len(), 0);
}
