use super::*;

fn at(wall: u64) -> Now {
    Now { mono: wall, wall }
}

fn needed(priority: Priority) -> Purpose {
    Purpose::needed(priority)
}

/// The beginning of a window.
const START: u64 = 1_700_000_000_000;

#[test]
fn share_of_the_priority_bounds_the_estimate() {
    struct Case {
        name: &'static str,
        limit: usize,
        before: u64,
        elapsed: u64,
        priority: Priority,
        /// The greatest number that may start.
        expected: u64,
    }
    use Priority::{Document, FirstSeen, Refresh, Returning};
    let case = |name, before, elapsed, priority, expected| Case {
        name,
        limit: 1_000,
        before,
        elapsed,
        priority,
        expected,
    };
    let mut cases = vec![
        case("all of it", 0, 0, Document, 1_000),
        case("a refresh", 0, 0, Refresh, 950),
        case("a returning token", 0, 0, Returning, 850),
        case("never seen, at the beginning", 0, 0, FirstSeen, 50),
        case("never seen, in the middle", 0, 5_000, FirstSeen, 350),
        case("never seen, at the end", 0, 9_999, FirstSeen, 649),
        case("after a full window, at once", 1_000, 0, Document, 0),
        case(
            "after a full window, in the middle",
            1_000,
            5_000,
            Document,
            500,
        ),
        case(
            "after a full window, at the end",
            1_000,
            9_990,
            Document,
            999,
        ),
        case("refresh after a flood", 650, 0, Refresh, 300),
        case("never seen after a flood", 650, 0, FirstSeen, 0),
        case(
            "never seen after a flood, later",
            650,
            5_000,
            FirstSeen,
            325,
        ),
        case("after more than a full window", 5_000, 5_000, Document, 0),
        case("a count that is a lie", u64::MAX, 5_000, Document, 0),
    ];
    for (name, limit, priority, expected) in [
        ("a limit of one, first", 1, FirstSeen, 1),
        ("a limit of one, refresh", 1, Refresh, 1),
        ("a small limit", 3, FirstSeen, 1),
        ("a small limit, refresh", 3, Refresh, 2),
    ] {
        cases.push(Case {
            limit,
            ..case(name, 0, 0, priority, expected)
        });
    }
    for it in cases {
        let mut counts = Counts::new(it.limit);
        let now = at(START + it.elapsed);
        counts.turn(now);
        counts.before = it.before;
        let starts = |number| counts.check(number, needed(it.priority), now);
        if it.expected > 0 {
            assert_eq!(starts(it.expected), Ok(()), "{}", it.name);
        }
        let wait = Duration::from_millis(10_000 - it.elapsed);
        assert_eq!(starts(it.expected + 1), Err(wait), "{}", it.name);
        assert_eq!(starts(u64::MAX), Err(wait), "{}", it.name);
    }
}

#[test]
fn call_that_must_be_rejected_is_not_counted() {
    let mut counts = Counts::new(100);
    let now = at(START);
    let first_seen = needed(Priority::FirstSeen);
    let window = START / 10_000;
    assert_eq!(counts.decide(first_seen, now), Ok(Decision::Count(window)));
    let counted = |number| Counted { number, before: 0 };
    let five = counts.counted(first_seen, window, counted(5), now);
    assert_eq!(five, Ok(()), "5 % at the beginning");
    for _ in 0..100 {
        let wait = Err(Duration::from_secs(10));
        assert_eq!(counts.decide(first_seen, now), wait);
    }
    // Other priorities are counted.
    let refresh = counts.decide(needed(Priority::Refresh), now);
    assert_eq!(refresh, Ok(Decision::Count(window)));
    // A new window is counted anew.
    let next = counts.decide(first_seen, at(START + 10_000));
    assert_eq!(next, Ok(Decision::Count(window + 1)));
}

#[test]
fn number_of_a_rejected_call_is_used_when_it_is_due() {
    let mut counts = Counts::new(100);
    let first_seen = needed(Priority::FirstSeen);
    let window = START / 10_000;
    for number in [30, 20] {
        let counted = Counted { number, before: 0 };
        let rejected = counts.counted(first_seen, window, counted, at(START));
        assert!(rejected.is_err(), "{number}");
    }
    // 5 + 6 for each second.
    for (second, expected) in [
        (0, Err(Duration::from_secs(10))),
        (2, Err(Duration::from_secs(8))),
        (3, Ok(Decision::Start)),
        (4, Err(Duration::from_secs(6))),
        (5, Ok(Decision::Start)),
        (5, Ok(Decision::Count(window))),
    ] {
        let now = at(START + second * 1_000);
        assert_eq!(counts.decide(first_seen, now), expected, "{second}");
    }
    // It ends with its window.
    let counted = Counted {
        number: 90,
        before: 0,
    };
    let rejected = counts.counted(first_seen, window, counted, at(START + 5_000));
    assert!(rejected.is_err());
    let next = counts.decide(needed(Priority::Document), at(START + 19_999));
    assert_eq!(next, Ok(Decision::Count(window + 1)));
}

#[test]
fn each_replica_has_a_part_of_its_own_for_tokens_that_were_valid_before() {
    use Priority::{Document, FirstSeen, Refresh, Returning};
    let lie = Counted {
        number: u64::MAX,
        before: 0,
    };
    for (name, limit, priority, expected) in [
        ("never seen", 1_000, FirstSeen, 0),
        ("returning", 1_000, Returning, 50),
        ("refresh", 1_000, Refresh, 50),
        ("document", 1_000, Document, 50),
        ("at least one", 10, Refresh, 1),
    ] {
        let mut counts = Counts::new(limit);
        let mut starts = |millis| {
            let now = at(START + millis);
            let window = now.wall / 10_000;
            let start = |_: &usize| match counts.decide(needed(priority), now) {
                Ok(Decision::Start) => true,
                Ok(Decision::Count(_)) => {
                    counts.counted(needed(priority), window, lie, now).is_ok()
                }
                Err(_) => false,
            };
            (0..200).filter(start).count()
        };
        assert_eq!(starts(0), expected, "{name}");
        assert_eq!(starts(9_999), 0, "{name}");
        assert_eq!(starts(10_000), expected, "{name}");
        // A 429 ends it for a minute.
        counts.too_many = Some(START + 10_000);
        let mut rejected = |millis| {
            let now = at(START + millis);
            counts.turn(now);
            counts.latest = u64::MAX;
            counts.decide(needed(priority), now).is_err()
        };
        assert!(rejected(69_999), "{name}");
        assert_eq!(rejected(70_000), expected == 0, "{name}");
    }
}

/// N replicas with an honest counter.
struct Fleet {
    limit: usize,
    replicas: Vec<Counts>,
    /// The difference of each replica's clock.
    skews: Vec<u64>,
    counts: std::collections::HashMap<u64, u64>,
    /// The times at which calls started.
    starts: Vec<u64>,
}

impl Fleet {
    fn new(count: usize, limit: usize) -> Self {
        let skews = (0..count).map(|_| fastrand::u64(..1_000));
        Self {
            limit,
            replicas: (0..count).map(|_| Counts::new(limit)).collect(),
            skews: skews.collect(),
            counts: std::collections::HashMap::new(),
            starts: Vec::new(),
        }
    }

    fn call(&mut self, replica: usize, priority: Priority, millis: u64) -> bool {
        let now = at(START + millis + self.skews[replica]);
        let counts = &mut self.replicas[replica];
        let result = match counts.decide(needed(priority), now) {
            Ok(Decision::Start) => Ok(()),
            Ok(Decision::Count(window)) => {
                let before = self.counts.get(&(window - 1)).copied().unwrap_or(0);
                let count = self.counts.entry(window).or_default();
                *count += 1;
                let counted = Counted {
                    number: *count,
                    before,
                };
                counts.counted(needed(priority), window, counted, now)
            }
            Err(wait) => Err(wait),
        };
        if result.is_ok() {
            self.starts.push(millis);
        }
        result.is_ok()
    }

    /// Returns the most calls in any ten seconds.
    fn most(&self) -> usize {
        let starts = self.starts.iter().enumerate();
        let within = starts.map(|(at, start)| {
            let end = self.starts.partition_point(|it| *it < start + WINDOW_MS);
            end - at
        });
        within.max().unwrap_or(0)
    }
}

#[test]
fn flood_leaves_their_rate_to_tokens_in_use_of_all_replicas() {
    for count in [1, 2, 10, 50] {
        let mut fleet = Fleet::new(count, 1_000);
        // Without its own part: what is shared must suffice.
        for replica in &mut fleet.replicas {
            replica.too_many = Some(u64::MAX / 2);
        }
        let (mut refreshed, mut seen) = (0, 0);
        // A minute. Every 10 ms each replica has a token never seen. In all, 200 refreshes in ten seconds.
        for millis in (0..60_000).step_by(10) {
            for replica in 0..count {
                seen += usize::from(fleet.call(replica, Priority::FirstSeen, millis));
            }
            if millis % 50 == 0 {
                let replica = fastrand::usize(..count);
                refreshed += usize::from(fleet.call(replica, Priority::Refresh, millis));
            }
        }
        assert_eq!(refreshed, 1_200, "{count} replicas: all refreshes");
        let most = fleet.most();
        assert!(
            most <= fleet.limit,
            "{count} replicas: {most} calls in ten seconds"
        );
        // One replica alone asks for 1,000 in ten seconds. The pace allows 650 less the refreshes.
        assert!(
            (2_200..=3_300).contains(&seen),
            "{count} replicas: {seen} of tokens never seen"
        );
    }
}

#[test]
fn aligned_windows_never_have_more_calls_than_the_limit() {
    for seed in 0..200 {
        fastrand::seed(seed);
        let (count, limit) = (fastrand::usize(1..30), fastrand::usize(1..200));
        let mut fleet = Fleet::new(count, limit);
        fleet.skews.fill(0);
        for replica in &mut fleet.replicas {
            replica.too_many = Some(u64::MAX / 2);
        }
        let mut millis = 0;
        for _ in 0..5_000 {
            millis += if fastrand::bool() {
                0
            } else {
                fastrand::u64(..100)
            };
            let priority = Priority::ALL[fastrand::usize(..4)];
            fleet.call(fastrand::usize(..count), priority, millis);
        }
        let mut windows = std::collections::HashMap::<u64, usize>::new();
        for start in &fleet.starts {
            *windows.entry(start / WINDOW_MS).or_default() += 1;
        }
        let most = windows.values().max().unwrap();
        assert!(*most <= limit, "seed {seed}: {most} of {limit}");
        // Calls of a window are not spread evenly, so ten seconds across an edge can have more.
        assert!(fleet.most() < 2 * limit.max(2), "seed {seed}");
    }
}
