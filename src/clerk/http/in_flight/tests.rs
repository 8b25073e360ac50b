use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture, poll};
use tokio::time::{Instant, advance};

use super::*;
use crate::clerk::http::Priority;

type Entry = BoxFuture<'static, Option<Place>>;

fn enter(in_flight: &Arc<InFlight>, priority: Priority) -> Entry {
    enter_for(in_flight, Purpose::needed(priority))
}

fn enter_for(in_flight: &Arc<InFlight>, purpose: Purpose) -> Entry {
    let in_flight = Arc::clone(in_flight);
    async move { in_flight.enter(purpose).await }.boxed()
}

/// Begins to wait.
async fn wait(in_flight: &Arc<InFlight>, priority: Priority) -> Entry {
    let mut entry = enter(in_flight, priority);
    assert!(poll!(&mut entry).is_pending(), "{priority:?}");
    entry
}

fn of(bound: usize, waiting: usize) -> Arc<InFlight> {
    InFlight::new(bound, Duration::from_secs(10), Waiters::new(waiting))
}

fn fill(in_flight: &Arc<InFlight>, priority: Priority) -> Vec<Place> {
    let purpose = Purpose::needed(priority);
    std::iter::from_fn(|| in_flight.try_enter(purpose)).collect()
}

#[tokio::test]
async fn each_priority_has_its_share_of_the_places() {
    // fault B5
    let in_flight = of(64, 1_024);
    let mut places = Vec::new();
    for (priority, expected) in [
        (Priority::FirstSeen, 41),
        (Priority::Returning, 54),
        (Priority::Refresh, 60),
        (Priority::Document, 64),
    ] {
        places.extend(fill(&in_flight, priority));
        assert_eq!(places.len(), expected, "{priority:?}");
    }
    places.truncate(40);
    assert!(
        in_flight
            .try_enter(Purpose::needed(Priority::FirstSeen))
            .is_some()
    );
}

#[tokio::test]
async fn place_goes_to_the_highest_priority_and_to_the_first_among_equals() {
    let in_flight = of(10, 1_024);
    let mut places = fill(&in_flight, Priority::Document);
    let mut first_seen = wait(&in_flight, Priority::FirstSeen).await;
    let mut returning = wait(&in_flight, Priority::Returning).await;
    let mut refresh = wait(&in_flight, Priority::Refresh).await;
    let mut later_refresh = wait(&in_flight, Priority::Refresh).await;
    // Nine are left: nothing for any of them.
    places.pop();
    assert!(poll!(&mut refresh).is_pending());
    places.pop();
    let one = refresh.now_or_never().flatten().unwrap();
    assert!(poll!(&mut later_refresh).is_pending());
    places.pop();
    let two = later_refresh.now_or_never().flatten().unwrap();
    places.pop();
    assert!(poll!(&mut returning).is_pending());
    places.pop();
    let three = returning.now_or_never().flatten().unwrap();
    for _ in 0..2 {
        places.pop();
        assert!(poll!(&mut first_seen).is_pending());
    }
    places.pop();
    drop((one, two, three));
    assert!(first_seen.now_or_never().flatten().is_some());
}

#[tokio::test]
async fn call_that_stops_waiting_makes_room_and_passes_its_place_on() {
    let in_flight = of(1, 1_024);
    let place = in_flight
        .try_enter(Purpose::needed(Priority::Document))
        .unwrap();
    let gone = wait(&in_flight, Priority::Document).await;
    let granted = wait(&in_flight, Priority::Document).await;
    let last = wait(&in_flight, Priority::Document).await;
    drop(gone);
    drop(place);
    // It was given the place, and is dropped before it takes it.
    drop(granted);
    let place = last.now_or_never().flatten().unwrap();
    drop(place);
    assert!(in_flight.lock().waiting.is_empty());
    assert!(in_flight.lock().places.is_empty());
}

#[tokio::test]
async fn no_more_wait_than_their_share() {
    let in_flight = of(1, 10);
    let place = in_flight
        .try_enter(Purpose::needed(Priority::Document))
        .unwrap();
    let mut waiting = Vec::new();
    for (priority, expected) in [
        (Priority::FirstSeen, 6),
        (Priority::Returning, 8),
        (Priority::Refresh, 9),
        (Priority::Document, 10),
    ] {
        while waiting.len() < expected {
            waiting.push(wait(&in_flight, priority).await);
        }
        let rejected = enter(&in_flight, priority).now_or_never();
        assert!(rejected.unwrap().is_none(), "{priority:?}");
    }
    drop(waiting);
    drop(place);
    assert!(
        enter(&in_flight, Priority::FirstSeen)
            .now_or_never()
            .flatten()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn optional_call_gives_up_in_time() {
    // fault B11
    let in_flight = of(10, 1_024);
    let places = fill(&in_flight, Priority::FirstSeen);
    let until = Instant::now() + Duration::from_secs(1);
    let optional = Purpose::optional(Priority::Returning, until);
    let mut first = enter_for(&in_flight, optional);
    // Seven of ten, while six are used.
    let _seventh = first.as_mut().now_or_never().flatten().unwrap();
    let mut second = enter_for(&in_flight, optional);
    assert!(poll!(&mut second).is_pending());
    advance(Duration::from_millis(999)).await;
    assert!(poll!(&mut second).is_pending());
    advance(Duration::from_millis(1)).await;
    assert!(second.await.is_none());
    assert!(in_flight.lock().waiting.is_empty());
    drop(places);
}

#[tokio::test(start_paused = true)]
async fn place_of_a_call_that_is_overdue_no_longer_counts() {
    // fault C1: the runtime of these calls is parked.
    let in_flight = of(10, 1_024);
    let parked = fill(&in_flight, Priority::Document);
    assert_eq!(parked.len(), 10);
    advance(Duration::from_millis(10_999)).await;
    assert!(fill(&in_flight, Priority::Document).is_empty());
    advance(Duration::from_millis(1)).await;
    let places = fill(&in_flight, Priority::Document);
    assert_eq!(places.len(), 10);
    // When it runs again, it gives back nothing that belongs to others.
    drop(parked);
    assert!(fill(&in_flight, Priority::Document).is_empty());
    drop(places);
    assert_eq!(fill(&in_flight, Priority::Document).len(), 10);
}
