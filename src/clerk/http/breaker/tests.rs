use super::*;
use crate::clerk::http::Endpoint;

fn at(mono: u64) -> Now {
    Now { mono, wall: 0 }
}

const CLOSED: State = State::Closed { failures: 0 };

fn open(until: u64) -> State {
    State::Open {
        until,
        first_seen_from: until,
    }
}

fn probing(is_awaited: bool, until: u64) -> State {
    State::Probing { is_awaited, until }
}

/// In milliseconds.
const LONGEST_PROBE: u64 = 3_000;

/// After a call of a higher priority was turned away.
fn yielding(until: u64) -> State {
    State::Open {
        until,
        first_seen_from: until + 1_000,
    }
}

#[test]
fn transitions_are_the_documented_ones() {
    use Evidence::{Failure, Nothing, Success};
    struct Case {
        name: &'static str,
        state: State,
        evidence: Evidence,
        is_probe: bool,
        expected: State,
    }
    let failing = |failures| State::Closed { failures };
    let probing = probing(false, 9_000);
    let awaited = self::probing(true, 9_000);
    for Case {
        name,
        state,
        evidence,
        is_probe,
        expected,
    } in [
        ("success", CLOSED, Success, false, CLOSED),
        ("first failure", CLOSED, Failure, false, failing(1)),
        ("ninth failure", failing(8), Failure, false, failing(9)),
        ("tenth failure", failing(9), Failure, false, open(1_100)),
        ("success after nine", failing(9), Success, false, CLOSED),
        // fault B1
        ("nothing after nine", failing(9), Nothing, false, failing(9)),
        ("a probe that succeeds", probing, Success, true, CLOSED),
        ("a probe that fails", probing, Failure, true, open(1_100)),
        ("another probe is ready", probing, Nothing, true, open(100)),
        (
            "one that others await fails",
            awaited,
            Failure,
            true,
            yielding(1_100),
        ),
        (
            "one that others await shows nothing",
            awaited,
            Nothing,
            true,
            yielding(100),
        ),
        (
            "an old call that fails",
            open(500),
            Failure,
            false,
            open(500),
        ),
        (
            "an old call that succeeds",
            open(500),
            Success,
            false,
            open(500),
        ),
        (
            "an old call that fails, while probing",
            probing,
            Failure,
            false,
            probing,
        ),
        (
            "an old call that succeeds, while probing",
            probing,
            Success,
            false,
            probing,
        ),
        (
            "an old call that shows nothing, while probing",
            probing,
            Nothing,
            false,
            probing,
        ),
    ]
    .map(|(name, state, evidence, is_probe, expected)| Case {
        name,
        state,
        evidence,
        is_probe,
        expected,
    }) {
        assert_eq!(
            state.record(evidence, is_probe, at(100)),
            expected,
            "{name}"
        );
    }
}

#[test]
fn nothing_passes_while_open_and_one_call_after() {
    let admit = |state: State, now| state.admit(Priority::FirstSeen, LONGEST_PROBE, at(now));
    let wait = |millis| Err(Duration::from_millis(millis));
    assert_eq!(admit(open(1_000), 0), (open(1_000), wait(1_000)));
    assert_eq!(admit(open(1_000), 999), (open(1_000), wait(1)));
    let probe = probing(false, 4_000);
    assert_eq!(admit(open(1_000), 1_000), (probe, Ok(())));
    assert_eq!(admit(probe, 3_999), (probe, wait(1_000)));
    let failing = State::Closed { failures: 4 };
    assert_eq!(admit(failing, 0), (failing, Ok(())));
}

#[test]
fn probe_that_is_overdue_is_followed_by_another() {
    // fault C1: its runtime is parked.
    for priority in Priority::ALL {
        for is_awaited in [false, true] {
            let state = probing(is_awaited, 4_000);
            let (next, verdict) = state.admit(priority, LONGEST_PROBE, at(4_000));
            assert_eq!((next, verdict), (probing(false, 7_000), Ok(())));
        }
    }
}

#[test]
fn token_that_waits_to_be_refreshed_probes_before_one_never_seen() {
    // fault B1
    let admit = |state: State, priority, now| state.admit(priority, LONGEST_PROBE, at(now));
    let wait = |millis| Err(Duration::from_millis(millis));
    for priority in [Priority::Document, Priority::Refresh, Priority::Returning] {
        let rejected = (yielding(1_000), wait(100));
        assert_eq!(admit(open(1_000), priority, 900), rejected);
        let state = yielding(1_000);
        let rejected = (state, wait(1_000));
        assert_eq!(admit(state, Priority::FirstSeen, 1_000), rejected);
        let admitted = (probing(false, 4_000), Ok(()));
        assert_eq!(admit(state, priority, 1_000), admitted);
        // One that does not come does not hold it open.
        let admitted = (probing(false, 5_000), Ok(()));
        assert_eq!(admit(state, Priority::FirstSeen, 2_000), admitted);
        let awaited = (probing(true, 4_000), wait(1_000));
        assert_eq!(admit(probing(false, 4_000), priority, 0), awaited);
        assert_eq!(admit(awaited.0, Priority::FirstSeen, 0), awaited);
    }
}

/// A clock that shows what it is told.
struct Told(std::sync::atomic::AtomicU64);

impl Clock for Told {
    fn now(&self) -> Now {
        at(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

impl Told {
    fn set(&self, mono: u64) {
        self.0.store(mono, std::sync::atomic::Ordering::SeqCst);
    }
}

fn observer() -> Arc<EndpointObserver> {
    EndpointObserver::new(Endpoint::Introspection, Arc::default())
}

fn admit(breaker: &Arc<Breaker>) -> Option<Permit> {
    breaker.admit(Priority::FirstSeen).ok()
}

fn send(breaker: &Arc<Breaker>) -> Option<Permit> {
    let mut permit = admit(breaker)?;
    permit.sent();
    Some(permit)
}

fn open_breaker() -> (Arc<Told>, Arc<Breaker>) {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(PAUSE, Arc::<Told>::clone(&clock), observer());
    for _ in 0..FAILURES_TO_OPEN {
        send(&breaker).unwrap().settle(Evidence::Failure);
    }
    assert!(admit(&breaker).is_none());
    (clock, breaker)
}

#[test]
fn call_that_is_dropped_after_it_was_sent_has_failed() {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(PAUSE, clock, observer());
    for _ in 0..FAILURES_TO_OPEN {
        drop(send(&breaker));
    }
    assert!(admit(&breaker).is_none());
}

#[test]
fn call_that_is_not_sent_or_shows_nothing_counts_for_nothing() {
    // fault B1
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(PAUSE, clock, observer());
    for _ in 0..2 * FAILURES_TO_OPEN {
        drop(admit(&breaker).unwrap());
        send(&breaker).unwrap().settle(Evidence::Nothing);
    }
    assert_eq!(*breaker.lock(), CLOSED);
}

#[test]
fn probe_that_is_dropped_after_it_was_sent_opens_it_again() {
    let (clock, breaker) = open_breaker();
    clock.set(1_000);
    drop(send(&breaker));
    assert!(admit(&breaker).is_none());
    clock.set(2_000);
    assert!(admit(&breaker).is_some());
}

#[test]
fn probe_that_is_not_sent_or_shows_nothing_lets_the_next_one_try() {
    let (clock, breaker) = open_breaker();
    clock.set(1_000);
    let probe = admit(&breaker).unwrap();
    assert!(probe.is_probe());
    assert!(admit(&breaker).is_none(), "one at a time");
    drop(probe);
    send(&breaker).unwrap().settle(Evidence::Nothing);
    send(&breaker).unwrap().settle(Evidence::Success);
    assert_eq!(*breaker.lock(), CLOSED);
}
