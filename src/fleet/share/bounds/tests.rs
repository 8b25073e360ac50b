use std::time::Duration;

use super::{Looks, PLACES, Patience};
use crate::{clock::Now, observe::Priority};

const NOW: Now = Now { mono: 500, wall: 0 };

fn later(millis: u64) -> Now {
    Now {
        mono: NOW.mono + millis,
        wall: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn looks_for_first_seen_tokens_are_bounded() {
    let looks = Looks::new(Some(100));
    let mut places = Vec::new();
    for _ in 0..PLACES {
        places.push(looks.place(Priority::FirstSeen, NOW).await.unwrap());
    }
    assert!(
        looks.place(Priority::FirstSeen, NOW).await.is_none(),
        "no place"
    );
    assert!(looks.place(Priority::Returning, NOW).await.is_some());
    places.clear();
    for _ in 0..100 - PLACES - 1 {
        assert!(looks.place(Priority::FirstSeen, NOW).await.is_some());
    }
    for _ in 0..3 {
        assert!(
            looks.place(Priority::FirstSeen, NOW).await.is_none(),
            "too many"
        );
    }
    for priority in [Priority::Returning, Priority::Refresh] {
        assert!(looks.place(priority, NOW).await.is_some());
    }
    assert!(
        looks.place(Priority::FirstSeen, later(500)).await.is_some(),
        "the next second"
    );
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_place_end_in_time() {
    let looks = Looks::new(None);
    let mut places = Vec::new();
    for _ in 0..PLACES {
        places.push(looks.place(Priority::FirstSeen, NOW).await.unwrap());
    }
    let waits = looks.place(Priority::FirstSeen, NOW);
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
