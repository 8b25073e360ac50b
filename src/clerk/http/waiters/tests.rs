use super::{Priority, Waiters};
use crate::AuthErrorKind;

#[test]
fn each_priority_finds_a_place_until_its_share_is_used() {
    let waiters = Waiters::new(100);
    let mut places = Vec::new();
    for (priority, expected) in [
        (Priority::FirstSeen, 65),
        (Priority::Returning, 85),
        (Priority::Refresh, 95),
        (Priority::Document, 100),
    ] {
        while let Ok(place) = waiters.enter(priority) {
            places.push(place);
        }
        assert_eq!(places.len(), expected, "{priority:?}");
    }
    let error = waiters.enter(Priority::Document).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Overloaded);
    places.truncate(65);
    assert!(waiters.enter(Priority::FirstSeen).is_err());
    places.pop();
    places.push(waiters.enter(Priority::FirstSeen).unwrap());
    places.clear();
    assert!(waiters.enter(Priority::FirstSeen).is_ok());
}
