use std::{sync::Arc, thread, time::Duration};

use super::{Positive, TOUCH_WINDOWS};
use crate::{
    claims::entry::{Entry, Lifetimes},
    clock::Now,
    token::digest::{TokenDigest, TokenHasher},
    verify::Verified,
};

fn good(capacity: u64) -> Positive {
    Positive::new(capacity, Duration::from_secs(300))
}

fn key(n: u64) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(n.to_string())
}

fn entry(n: u64) -> Arc<Entry> {
    let verified = Verified::assertion("user_1", None, None, true);
    let lifetimes = Lifetimes::new(Duration::from_secs(300), Duration::ZERO);
    let now = Now { mono: 0, wall: 0 };
    Arc::new(Entry::new(verified, key(n), 0, lifetimes, now))
}

impl Positive {
    /// The entries of the index, by whether the store has the very same.
    fn indexed(&self) -> (usize, usize) {
        let mut counts = (0, 0);
        self.index.for_each(|entry| {
            let kept = self.store.get(entry.key());
            if kept.is_some_and(|kept| Arc::ptr_eq(&kept, entry)) {
                counts.0 += 1;
            } else {
                counts.1 += 1;
            }
        });
        counts
    }
}

#[test]
fn what_the_store_evicts_leaves_the_index() {
    // C101
    let good = good(100);
    for n in 0..10_000 {
        good.missed(&key(n));
        good.insert(&entry(n));
    }
    assert_eq!(good.len(), 100);
    assert_eq!(good.indexed(), (100, 0));
}

#[test]
fn a_later_entry_of_the_same_token_stays() {
    let good = good(100);
    let (first, second) = (entry(1), entry(1));
    good.insert(&first);
    good.insert(&second);
    // The store tells now of the first that it is gone.
    assert_eq!(good.len(), 1);
    let held = good.read(&key(1), Arc::clone);
    assert!(held.is_some_and(|held| Arc::ptr_eq(&held, &second)));
}

#[test]
fn what_is_removed_is_gone_from_both() {
    let good = good(100);
    for n in 0..10 {
        good.insert(&entry(n));
    }
    good.remove(&key(3));
    assert!(good.read(&key(3), |_| ()).is_none());
    assert_eq!((good.len(), good.indexed()), (9, (9, 0)));
    good.clear();
    assert!(good.read(&key(4), |_| ()).is_none());
    assert_eq!((good.len(), good.indexed()), (0, (0, 0)));
}

#[test]
fn threads_leave_nothing_in_the_index_that_the_store_does_not_have() {
    let good = &good(50);
    thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                for _ in 0..5_000 {
                    let n = rng.u64(..200);
                    match rng.u32(..10) {
                        0 => _ = good.remove(&key(n)),
                        1..4 => good.hit(&key(n), true),
                        _ => {
                            good.missed(&key(n));
                            good.insert(&entry(n));
                        }
                    }
                }
            });
        }
    });
    assert!(good.len() <= 50);
    let (same, other) = good.indexed();
    assert!((1..=50).contains(&same), "{same}");
    assert_eq!(other, 0);
}

#[test]
fn the_first_hit_of_a_generation_is_news() {
    let good = good(TOUCH_WINDOWS * 3);
    let in_use = entry(0);
    assert!(in_use.needs_touch(good.touch_window()));
    assert!(!in_use.needs_touch(good.touch_window()));
    let mut news = Vec::new();
    for n in 1..=12 {
        good.insert(&entry(n));
        if in_use.needs_touch(good.touch_window()) {
            news.push(n);
        }
        assert!(!in_use.needs_touch(good.touch_window()), "{n}");
    }
    assert_eq!(
        news,
        [4, 7, 10],
        "every third insertion begins a touch_window"
    );
}
