use super::*;
use crate::upstream::Endpoint;

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
    let probing = State::Probing { is_awaited: false };
    let awaited = State::Probing { is_awaited: true };
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
    let probing = State::Probing { is_awaited: false };
    let first_seen = Priority::FirstSeen;
    let wait = |millis| Err(Duration::from_millis(millis));
    assert_eq!(
        open(1_000).admit(first_seen, at(0)),
        (open(1_000), wait(1_000))
    );
    assert_eq!(
        open(1_000).admit(first_seen, at(999)),
        (open(1_000), wait(1))
    );
    assert_eq!(open(1_000).admit(first_seen, at(1_000)), (probing, Ok(())));
    assert_eq!(probing.admit(first_seen, at(5_000)), (probing, wait(1_000)));
    let failing = State::Closed { failures: 4 };
    assert_eq!(failing.admit(first_seen, at(0)), (failing, Ok(())));
}

#[test]
fn token_that_waits_to_be_refreshed_probes_before_one_never_seen() {
    // fault B1
    let probing = State::Probing { is_awaited: false };
    let wait = |millis| Err(Duration::from_millis(millis));
    for priority in [Priority::Document, Priority::Refresh, Priority::Returning] {
        let state = open(1_000);
        assert_eq!(state.admit(priority, at(900)), (yielding(1_000), wait(100)));
        let state = yielding(1_000);
        assert_eq!(
            state.admit(Priority::FirstSeen, at(1_000)),
            (state, wait(1_000))
        );
        assert_eq!(state.admit(priority, at(1_000)), (probing, Ok(())));
        // One that does not come does not hold it open.
        assert_eq!(
            state.admit(Priority::FirstSeen, at(2_000)),
            (probing, Ok(()))
        );
        let awaited = State::Probing { is_awaited: true };
        assert_eq!(probing.admit(priority, at(0)), (awaited, wait(1_000)));
        assert_eq!(
            awaited.admit(Priority::FirstSeen, at(0)),
            (awaited, wait(1_000))
        );
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

fn watch() -> Arc<Watch> {
    Watch::new(Endpoint::Introspection, Arc::default())
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
    let breaker = Breaker::new(Arc::<Told>::clone(&clock), watch());
    for _ in 0..FAILURES_TO_OPEN {
        send(&breaker).unwrap().settle(Evidence::Failure);
    }
    assert!(admit(&breaker).is_none());
    (clock, breaker)
}

#[test]
fn call_that_is_dropped_after_it_was_sent_has_failed() {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(clock, watch());
    for _ in 0..FAILURES_TO_OPEN {
        drop(send(&breaker));
    }
    assert!(admit(&breaker).is_none());
}

#[test]
fn call_that_is_not_sent_or_shows_nothing_counts_for_nothing() {
    // fault B1
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(clock, watch());
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
