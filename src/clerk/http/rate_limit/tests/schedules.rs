//! Reservations, starts and drops in random interleavings of threads, see `cache/tests/schedules.rs`.

use shuttle::{check_random, sync::atomic::AtomicU64, thread};

use super::{super::*, DOCUMENT, FIRST_SEEN, at};

const SCHEDULES: usize = 5_000;
const LIMIT: u32 = 10;

#[test]
fn shuttle_no_interleaving_starts_more_calls_than_the_limit_in_a_window() {
    // fault B9
    check_random(
        || {
            let limiter = RateLimiter::new(Some(LIMIT));
            let clock = Arc::new(AtomicU64::new(0));
            // The times for which the limiter has counted a call, in order.
            let counted = Arc::new(Mutex::new(Vec::new()));
            let threads: Vec<_> = (0..5_usize)
                .map(|nth| {
                    let (limiter, clock) = (limiter.clone(), Arc::clone(&clock));
                    let counted = Arc::clone(&counted);
                    thread::spawn(move || make_calls(nth, &limiter, &clock, &counted))
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            let counted = counted.lock().unwrap();
            assert!(counted.len() >= usize::try_from(LIMIT).unwrap() / 2);
            super::assert_windows(&counted, usize::try_from(LIMIT).unwrap(), "schedule");
            let ring = lock(limiter.ring.as_ref().unwrap());
            for starts in [&ring.all, &ring.needed, &ring.optional] {
                assert_eq!(starts.reserved, 0);
            }
        },
        SCHEDULES,
    );
}

/// Makes eight calls, if the limiter lets them start. Other threads run, and time passes, between any two
/// steps of one.
fn make_calls(
    nth: usize,
    limiter: &RateLimiter,
    clock: &AtomicU64,
    counted: &Mutex<Vec<Duration>>,
) {
    let read = |passed: u64| at(clock.fetch_add(passed, std::sync::atomic::Ordering::SeqCst));
    for call in 0..8 {
        let purpose = if nth == 0 { FIRST_SEEN() } else { DOCUMENT() };
        let Ok(reservation) = limiter.reserve(purpose, read(700)) else {
            continue;
        };
        if (nth + call) % 5 == 4 {
            // The request was given up.
            continue;
        }
        let reading = read(400);
        // Held, so that the order of the list is that of the limiter.
        let mut counted = counted.lock().unwrap();
        reservation.start(reading);
        counted.extend(lock(limiter.ring.as_ref().unwrap()).all.times.back());
    }
}
