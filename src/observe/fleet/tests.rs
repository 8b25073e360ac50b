use std::io;

use super::*;
use crate::observe::recorded::{Lines, Meter};

fn at(mono: u64) -> Now {
    Now { mono, wall: mono }
}

const CUT: &str = "WARN clerk fleet is cut off";
const LIVE: &str = "INFO clerk fleet is live";

#[test]
fn a_state_is_logged_once() {
    let log = Lines::default();
    let _guard = log.subscribe();
    let observer = FleetObserver::new();
    let error = io::Error::other(io::Error::other("connection refused"));
    observer.state(FleetState::Joining);
    assert!(log.take().is_empty(), "a start is no event");
    // The address may be wrong: without a line, the fleet would be missing unnoticed.
    for _ in 0..3 {
        observer.failed(&error, None, FleetState::Joining);
    }
    let expected = format!("{CUT} fleet.state=\"joining\" cause=connection refused");
    assert_eq!(log.take(), [expected]);
    for _ in 0..3 {
        observer.state(FleetState::Live);
    }
    assert_eq!(log.take(), [format!("{LIVE} fleet.state=\"live\"")]);
    for _ in 0..3 {
        observer.state(FleetState::Cut);
        observer.failed(&error, None, FleetState::Cut);
    }
    assert_eq!(log.take(), [format!("{CUT} fleet.state=\"cut\"")]);
    observer.state(FleetState::Live);
    assert_eq!(log.take().len(), 1);
}

#[test]
fn a_fault_is_logged_once_until_an_exchange_succeeds() {
    let log = Lines::default();
    let _guard = log.subscribe();
    let observer = FleetObserver::new();
    let error = io::Error::other("rejected");
    let fails = |fault| observer.failed(&error, Some(fault), FleetState::Cut);
    let first = |lines: Vec<String>| -> Vec<String> {
        let words = |line: &String| line.split(" fleet.state").next().unwrap().to_owned();
        lines.iter().map(words).collect()
    };
    let read_only = "ERROR store is read-only: the address must be that of the primary";
    let lacks =
        "ERROR store lacks a command: Redis 6.2 or Valkey 7.2 is needed, or a later version";
    for _ in 0..2 {
        for _ in 0..3 {
            fails(StoreFault::ReadOnly);
        }
        assert_eq!(first(log.take()), [read_only, CUT]);
        fails(StoreFault::LacksCommand);
        assert_eq!(first(log.take()), [lacks]);
        observer.exchanged(true, 0);
        observer.state(FleetState::Live);
        assert_eq!(first(log.take()), [LIVE]);
    }
}

#[test]
fn clocks_rejections_and_drops_are_logged_once() {
    let meter = Meter::new();
    let log = Lines::default();
    let _guard = log.subscribe();
    let observer = meter.record(FleetObserver::new);
    for _ in 0..2 {
        for skew in [-501, -502] {
            observer.exchanged(false, skew);
        }
        let line = "ERROR clock differs from the store's: the store is not used until they agree fleet.skew_ms=-501";
        assert_eq!(log.take(), [line]);
        observer.exchanged(true, 3);
        for _ in 0..3 {
            observer.sent(true);
        }
        assert_eq!(log.take().len(), 1);
        observer.sent(false);
        assert!(log.take().is_empty());
    }
    observer.outbox(7, 0, at(0));
    assert_eq!(meter.get("fleet_outbox"), 7.0);
    assert!(log.take().is_empty());
    for (time, lines) in [(0, 1), (59_999, 0), (60_000, 1)] {
        observer.outbox(100_000, 2, at(time));
        assert_eq!(log.take().len(), lines, "{time}");
    }
    assert_eq!(meter.get("fleet_dropped_total"), 6.0);
    observer.received(Duration::from_millis(1_500));
    assert_eq!(meter.get("revocation_lag_seconds_sum"), 1.5);
}
