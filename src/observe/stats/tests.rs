use std::thread;

use super::{PLACES, Tally};

#[test]
fn tally_counts_what_every_thread_does() {
    let tally = Tally::default();
    thread::scope(|scope| {
        for _ in 0..2 * PLACES {
            scope.spawn(|| (0..1_000).for_each(|_| tally.increment()));
        }
    });
    assert_eq!(tally.get(), 64_000);
}
