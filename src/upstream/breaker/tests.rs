use super::*;
use crate::upstream::Endpoint;

fn at(mono: u64) -> Now {
    Now { mono, wall: 0 }
}

const CLOSED: State = State::Closed { failures: 0 };

#[test]
fn transitions_are_the_documented_ones() {
    struct Case {
        name: &'static str,
        state: State,
        is_success: bool,
        expected: State,
    }
    let failing = |failures| State::Closed { failures };
    let open = |until| State::Open { until };
    for Case {
        name,
        state,
        is_success,
        expected,
    } in [
        ("success", CLOSED, true, CLOSED),
        ("first failure", CLOSED, false, failing(1)),
        ("ninth failure", failing(8), false, failing(9)),
        ("tenth failure", failing(9), false, open(1_100)),
        ("success after nine", failing(9), true, CLOSED),
        ("a probe that succeeds", State::Probing, true, CLOSED),
        ("a probe that fails", State::Probing, false, open(1_100)),
        ("an old call that fails", open(500), false, open(500)),
        ("an old call that succeeds", open(500), true, open(500)),
    ]
    .map(|(name, state, is_success, expected)| Case {
        name,
        state,
        is_success,
        expected,
    }) {
        assert_eq!(state.record(is_success, at(100)), expected, "{name}");
    }
}

#[test]
fn nothing_passes_while_open_and_one_call_after() {
    let open = State::Open { until: 1_000 };
    let wait = |millis| Err(Duration::from_millis(millis));
    assert_eq!(open.admit(at(0)), (open, wait(1_000)));
    assert_eq!(open.admit(at(999)), (open, wait(1)));
    assert_eq!(open.admit(at(1_000)), (State::Probing, Ok(())));
    assert_eq!(
        State::Probing.admit(at(5_000)),
        (State::Probing, wait(1_000))
    );
    let failing = State::Closed { failures: 4 };
    assert_eq!(failing.admit(at(0)), (failing, Ok(())));
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

fn open_breaker() -> (Arc<Told>, Arc<Breaker>) {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(Arc::<Told>::clone(&clock), watch());
    for _ in 0..FAILURES_TO_OPEN {
        breaker
            .admit()
            .unwrap_or_else(|_| panic!("closed"))
            .settle(false);
    }
    assert!(breaker.admit().is_err());
    (clock, breaker)
}

#[test]
fn a_call_that_is_dropped_has_failed() {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(clock, watch());
    for _ in 0..FAILURES_TO_OPEN {
        drop(breaker.admit());
    }
    assert!(breaker.admit().is_err());
}

#[test]
fn a_probe_that_is_dropped_opens_it_again() {
    let (clock, breaker) = open_breaker();
    clock.set(1_000);
    drop(breaker.admit());
    assert!(breaker.admit().is_err());
    clock.set(2_000);
    assert!(breaker.admit().is_ok());
}

#[test]
fn a_probe_that_is_withdrawn_lets_the_next_one_try() {
    let (clock, breaker) = open_breaker();
    clock.set(1_000);
    let Ok(probe) = breaker.admit() else {
        panic!("it is time for a probe");
    };
    assert!(breaker.admit().is_err(), "one at a time");
    probe.withdraw();
    let Ok(probe) = breaker.admit() else {
        panic!("it is still time for a probe");
    };
    probe.settle(true);
    assert_eq!(*breaker.lock(), CLOSED);
}

#[test]
fn a_call_that_is_withdrawn_counts_for_nothing() {
    let clock = Arc::new(Told(0.into()));
    let breaker = Breaker::new(clock, watch());
    for _ in 0..10 {
        let Ok(permit) = breaker.admit() else {
            panic!("closed");
        };
        permit.withdraw();
    }
    assert_eq!(*breaker.lock(), CLOSED);
}
