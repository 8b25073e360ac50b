use super::{MAX_KIDS, MAX_LENGTH, MEMORY, UnknownKids};
use crate::clock::Now;

fn at(mono: u64) -> Now {
    Now { mono, wall: 0 }
}

#[test]
fn a_name_is_forgotten_after_a_minute() {
    let kids = UnknownKids::default();
    assert!(!kids.contains("a", at(0)));
    kids.remember("a", at(5));
    assert!(kids.contains("a", at(5)));
    assert!(kids.contains("a", at(4 + MEMORY)));
    assert!(!kids.contains("a", at(5 + MEMORY)));
    assert!(!kids.contains("b", at(5)));
}

#[test]
fn the_oldest_makes_room_for_the_newest() {
    let kids = UnknownKids::default();
    for n in 0..1000 {
        kids.remember(&n.to_string(), at(n));
        assert!(kids.contains(&n.to_string(), at(n)));
        assert!(kids.lock().len() <= MAX_KIDS);
    }
    assert!(!kids.contains("0", at(1000)));
    let kept = (0..1000).filter(|n| kids.contains(&n.to_string(), at(1000)));
    assert_eq!(kept.count(), MAX_KIDS);
}

#[test]
fn a_name_again_takes_no_room_of_another() {
    let kids = UnknownKids::default();
    for n in 0..u64::try_from(MAX_KIDS).unwrap() {
        kids.remember(&n.to_string(), at(n));
    }
    kids.remember("5", at(100));
    assert!(kids.contains("0", at(100)));
}

#[test]
fn a_long_name_is_not_kept() {
    let kids = UnknownKids::default();
    let (longest, too_long) = ("a".repeat(MAX_LENGTH), "a".repeat(MAX_LENGTH + 1));
    for kid in [&longest, &too_long] {
        kids.remember(kid, at(0));
    }
    assert!(kids.contains(&longest, at(0)));
    assert!(!kids.contains(&too_long, at(0)));
}
