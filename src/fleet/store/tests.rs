use std::error::Error;

use super::*;

#[test]
fn the_trait_is_object_safe_and_its_futures_can_be_spawned() {
    fn spawnable<T: Send>(_: T) {}
    fn all(store: &'static dyn SharedStore) {
        spawnable(store.open());
        spawnable(store.get(""));
        spawnable(store.claim("", Duration::ZERO));
        spawnable(store.release("", None));
        spawnable(store.exchange("", &[], Position::default()));
        spawnable(store.count("", 0));
    }
    let _ = all;
}

#[test]
fn positions_are_ordered_by_time_and_then_by_number() {
    let at = |milliseconds, sequence| Position {
        milliseconds,
        sequence,
    };
    assert!(Position::default() < at(0, 1));
    assert!(at(1, u64::MAX) < at(2, 0));
    assert!(at(2, 0) < at(2, 1));
}

#[test]
fn an_error_has_its_cause() {
    let error = StoreError::new("connection refused");
    assert_eq!(error.to_string(), "the shared store failed");
    assert_eq!(error.source().unwrap().to_string(), "connection refused");
    assert!(format!("{error:?}").contains("connection refused"));
}
