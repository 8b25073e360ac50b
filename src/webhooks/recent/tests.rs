use super::*;

const START: Now = Now {
    mono: 5_000,
    wall: 1_700_000_000_000,
};

fn later(millis: u64) -> Now {
    Now {
        mono: START.mono + millis,
        wall: START.wall + millis,
    }
}

#[test]
fn ids_are_remembered_for_ten_minutes() {
    let recent = RecentIds::default();
    assert!(!recent.contains("msg_1", START));
    recent.insert("msg_1", START);
    assert!(recent.contains("msg_1", START));
    assert!(!recent.contains("msg_2", START));
    // A look does not prolong the memory.
    assert!(recent.contains("msg_1", later(599_999)));
    assert!(!recent.contains("msg_1", later(600_000)));
    assert!(recent.ids.lock().unwrap().is_empty());
}

#[test]
fn least_recently_used_id_goes_first() {
    let recent = RecentIds::default();
    for number in 0..1024 {
        recent.insert(&format!("msg_{number}"), START);
    }
    assert!(recent.contains("msg_0", START));
    recent.insert("msg_1024", START);
    recent.insert("msg_1025", START);
    for (number, expected) in [(0, true), (1, false), (2, false), (3, true), (1025, true)] {
        let found = recent.contains(&format!("msg_{number}"), START);
        assert_eq!(found, expected, "msg_{number}");
    }
    assert_eq!(recent.ids.lock().unwrap().len(), 1024);
}
