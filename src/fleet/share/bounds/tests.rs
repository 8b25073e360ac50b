use std::time::Duration;

use super::{Looks, PLACES, Patience, WAITERS};
use crate::{clock::Now, observe::Priority};

const NOW: Now = Now { mono: 500, wall: 0 };

fn later(millis: u64) -> Now {
    Now {
        mono: NOW.mono + millis,
        wall: 0,
    }
}

const SEEN: [Priority; 2] = [Priority::Returning, Priority::Refresh];

#[test]
fn verifications_that_look_are_bounded() {
    let looks = Looks::new(Some(100));
    for number in 0..103 {
        let is_allowed = looks.allows(Priority::FirstSeen, NOW);
        assert_eq!(is_allowed, number < 100, "{number}");
    }
    for priority in SEEN {
        assert!(looks.allows(priority, NOW));
    }
    let next_second = later(500);
    assert!(looks.allows(Priority::FirstSeen, next_second));
}

#[tokio::test(start_paused = true)]
async fn looks_in_flight_are_bounded() {
    let looks = Looks::new(None);
    let mut places = Vec::new();
    for _ in 0..PLACES {
        places.push(looks.place(Priority::FirstSeen).await.unwrap());
    }
    assert!(looks.place(Priority::FirstSeen).await.is_none());
    for priority in SEEN {
        assert!(looks.place(priority).await.is_some());
    }
    places.clear();
    assert!(looks.place(Priority::FirstSeen).await.is_some());
}

#[test]
fn verifications_that_wait_are_bounded() {
    let looks = Looks::new(None);
    let mut waiters = Vec::new();
    for _ in 0..WAITERS {
        waiters.push(looks.wait(Priority::FirstSeen).unwrap());
    }
    assert!(looks.wait(Priority::FirstSeen).is_none());
    for priority in SEEN {
        assert!(looks.wait(priority).is_some());
    }
    waiters.pop();
    assert!(looks.wait(Priority::FirstSeen).is_some());
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_place_end_in_time() {
    let looks = Looks::new(None);
    let mut places = Vec::new();
    for _ in 0..PLACES {
        places.push(looks.place(Priority::FirstSeen).await.unwrap());
    }
    let waits = looks.place(Priority::FirstSeen);
    let frees = async {
        tokio::time::sleep(Duration::from_millis(19)).await;
        places.clear();
    };
    let (place, ()) = tokio::join!(waits, frees);
    assert!(place.is_some());
}

#[test]
fn patience_leaves_the_time_for_an_own_call_twice() {
    let millis = Duration::from_millis;
    let patience = Patience::new(millis(2000));
    for (verified, expected) in [
        (0, 1000),
        (500, 1000),
        (600, 800),
        (900, 200),
        (1500, 0),
        // It decays by an eighth with each faster verification.
        (100, 0),
        (100, 0),
        (100, 0),
        (100, 240),
    ] {
        patience.verified(millis(verified));
        let found = patience.of_a_request(Duration::from_secs(2));
        let slack = millis(if verified == 100 { 10 } else { 0 });
        assert!(
            found.abs_diff(millis(expected)) <= slack,
            "{verified}: {found:?}"
        );
    }
}

#[test]
fn waiting_ends_after_ten_waits_in_vain() {
    let patience = Patience::new(Duration::from_secs(2));
    for _ in 0..3 {
        for _ in 0..9 {
            patience.exhausted(NOW);
            assert!(!patience.is_over(NOW));
        }
        patience.rewarded();
    }
    for _ in 0..10 {
        patience.exhausted(NOW);
    }
    assert!(patience.is_over(NOW) && patience.is_over(later(29_999)));
    assert!(!patience.is_over(later(30_000)));
}
