use super::*;

fn at(mono: u64) -> Now {
    Now { mono, wall: 0 }
}

fn take_all(limiter: &Limiter, priority: Priority, now: Now) -> usize {
    (0..10_000)
        .take_while(|_| limiter.take(priority, now).is_ok())
        .count()
}

#[test]
fn the_whole_window_is_there_at_once_but_for_the_reserve() {
    let limiter = Limiter::new(Some(100));
    assert_eq!(take_all(&limiter, Priority::FirstSeen, at(5)), 75);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(5)), 25);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(5)), 0);
}

#[test]
fn known_tokens_may_have_it_all() {
    let limiter = Limiter::new(Some(100));
    assert_eq!(take_all(&limiter, Priority::Refresh, at(0)), 100);
}

#[test]
fn it_fills_evenly_and_no_further_than_full() {
    let limiter = Limiter::new(Some(100));
    assert_eq!(take_all(&limiter, Priority::Refresh, at(0)), 100);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(99)), 0);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(100)), 1);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(1_100)), 10);
    assert_eq!(take_all(&limiter, Priority::Refresh, at(1_000_000)), 100);
    // A clock that goes back gives nothing.
    assert_eq!(take_all(&limiter, Priority::Refresh, at(0)), 0);
}

#[test]
fn it_says_when_there_is_a_call() {
    let limiter = Limiter::new(Some(100));
    take_all(&limiter, Priority::FirstSeen, at(0));
    let wait = |millis| Err(Duration::from_millis(millis));
    assert_eq!(limiter.take(Priority::FirstSeen, at(0)), wait(100));
    assert_eq!(limiter.take(Priority::FirstSeen, at(99)), wait(1));
    assert_eq!(limiter.take(Priority::FirstSeen, at(100)), Ok(()));
}

#[test]
fn a_flood_leaves_the_whole_rate_to_known_tokens() {
    // Ten seconds, every millisecond a hundred unknown tokens, and as many known ones as the rate
    // allows.
    let limiter = Limiter::new(Some(1_000));
    let mut refused = 0;
    for now in 0..10_000 {
        for _ in 0..100 {
            _ = limiter.take(Priority::FirstSeen, at(now));
        }
        if now % 10 == 0 && limiter.take(Priority::Refresh, at(now)).is_err() {
            refused += 1;
        }
    }
    assert_eq!(refused, 0);
}

#[test]
fn without_a_limit_nothing_is_refused() {
    let limiter = Limiter::new(None);
    assert_eq!(take_all(&limiter, Priority::FirstSeen, at(0)), 10_000);
}

#[test]
fn a_pause_holds_to_its_end_and_is_never_cut_short() {
    let pause = Pause::default();
    assert_eq!(pause.check(at(0)), Ok(()));
    pause.begin(Duration::from_secs(2), at(1_000));
    pause.begin(Duration::from_secs(1), at(1_000));
    assert_eq!(pause.check(at(1_000)), Err(Duration::from_secs(2)));
    assert_eq!(pause.check(at(2_999)), Err(Duration::from_millis(1)));
    assert_eq!(pause.check(at(3_000)), Ok(()));
    pause.begin(Duration::MAX, at(3_000));
    assert!(pause.check(at(u64::MAX - 1)).is_err());
}
