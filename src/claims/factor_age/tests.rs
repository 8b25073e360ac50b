use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{FactorAge, FactorTimes};

const ISSUED: i64 = 1_700_000_000;

fn ages(claims: Value, issued_at: Option<i64>, now: i64) -> Option<FactorAge> {
    let members: Map<String, Value> = match claims {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    };
    Some(FactorTimes::of_session(&members, issued_at)?.ages(now))
}

fn seconds(first: Option<u64>, second: Option<u64>) -> Option<FactorAge> {
    Some(FactorAge {
        first: first.map(Duration::from_secs),
        second: second.map(Duration::from_secs),
    })
}

#[test]
fn an_age_is_that_at_issue_plus_that_of_the_token() {
    for (name, fva, elapsed, expected) in [
        ("at issue", json!([3, 7]), 0, seconds(Some(180), Some(420))),
        ("later", json!([3, 7]), 59, seconds(Some(239), Some(479))),
        ("verified now", json!([0, 0]), 1, seconds(Some(1), Some(1))),
        ("no second", json!([1, -1]), 5, seconds(Some(65), None)),
        ("no first", json!([-1, 1]), 5, seconds(None, Some(65))),
        ("neither", json!([-1, -1]), 5, seconds(None, None)),
        // The clock of this machine is behind Clerk's.
        (
            "before issue",
            json!([0, 1]),
            -4,
            seconds(Some(0), Some(56)),
        ),
    ] {
        let found = ages(json!({ "fva": fva }), Some(ISSUED), ISSUED + elapsed);
        assert_eq!(found, expected, "{name}");
    }
    let huge = ages(json!({ "fva": [i64::MAX, 0] }), Some(ISSUED), ISSUED).unwrap();
    assert!(huge.first > Some(Duration::from_secs(u64::from(u32::MAX))));
}

#[test]
fn ages_that_cannot_be_read_are_unknown() {
    for fva in [
        json!(null),
        json!(5),
        json!("5,5"),
        json!([]),
        json!([1]),
        json!([1, 2, 3]),
        json!([1, -2]),
        json!([-2, 1]),
        json!([1, "2"]),
        json!([1, null]),
        json!([1.5, 2]),
        json!([1, 2.0]),
        json!([u64::MAX, 1]),
        json!({ "0": 1, "1": 1 }),
    ] {
        let found = ages(json!({ "fva": fva }), Some(ISSUED), ISSUED);
        assert_eq!(found, None, "{fva}");
    }
    let claims = || json!({ "v": 2, "fva": [1, 1] });
    assert_eq!(ages(json!({}), Some(ISSUED), ISSUED), None);
    assert_eq!(ages(claims(), None, ISSUED), None);
    assert!(ages(claims(), Some(ISSUED), ISSUED).is_some());
    let later = json!({ "v": 3, "fva": [1, 1] });
    assert_eq!(ages(later, Some(ISSUED), ISSUED), None);
}
