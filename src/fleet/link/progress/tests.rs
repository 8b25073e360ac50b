use bytes::Bytes;

use super::*;

const WALL: u64 = 1_764_271_234_567;

fn at(mono: u64) -> Now {
    Now {
        mono,
        wall: WALL + mono,
    }
}

fn position(milliseconds: u64) -> Position {
    Position {
        milliseconds,
        sequence: 0,
    }
}

fn page(time: u64, messages: &[u64], next: Option<u64>) -> Page {
    Page {
        time,
        messages: messages
            .iter()
            .map(|it| (position(*it), Bytes::new()))
            .collect(),
        next: next.map(position),
        ..Page::default()
    }
}

/// A link that completed its first read at zero.
fn live() -> Progress {
    let mut progress = Progress::new(at(0));
    let task = progress.start(at(0)).unwrap();
    progress.next(task, at(0));
    progress.opened();
    progress.begin(WALL);
    progress.next(task, at(0));
    assert!(!progress.read(&page(WALL, &[], None), at(0), at(0)));
    assert_eq!(progress.pause(at(0)), Pause::Poll);
    progress
}

#[test]
fn a_link_opens_reads_the_time_and_then_the_log_before_it_publishes() {
    let mut progress = Progress::new(at(0));
    assert_eq!(progress.next(1, at(0)), None, "it was not started");
    let task = progress.start(at(0)).unwrap();
    assert_eq!(progress.next(task, at(0)), Some(Step::Open));
    progress.opened();
    assert_eq!(progress.pause(at(0)), Pause::None);
    assert_eq!(progress.next(task, at(0)), Some(Step::Time));
    progress.begin(WALL);
    let first = position(WALL - 15 * 60 * 1000 - 1000);
    let step = Step::Read {
        from: first,
        publishes: false,
    };
    assert_eq!(progress.next(task, at(0)), Some(step));
    progress.read(&page(WALL, &[WALL - 9], Some(WALL - 9)), at(0), at(0));
    assert_eq!(
        (progress.state(at(0)), progress.pause(at(0))),
        (FleetState::Joining, Pause::None)
    );
    let step = Step::Read {
        from: position(WALL - 9),
        publishes: false,
    };
    assert_eq!(progress.next(task, at(0)), Some(step));
    progress.read(&page(WALL, &[WALL - 5], None), at(0), at(0));
    assert_eq!(
        (progress.state(at(0)), progress.pause(at(0))),
        (FleetState::Live, Pause::Poll)
    );
    let step = Step::Read {
        from: position(WALL - 1005),
        publishes: true,
    };
    assert_eq!(progress.next(task, at(200)), Some(step));
}

#[test]
fn the_state_is_live_for_a_second_on_both_clocks() {
    struct Case {
        name: &'static str,
        mono: u64,
        wall: i64,
        expected: FleetState,
    }
    use FleetState::{Cut, Live};
    for Case {
        name,
        mono,
        wall,
        expected,
    } in [
        Case {
            name: "at once",
            mono: 0,
            wall: 0,
            expected: Live,
        },
        Case {
            name: "within a second",
            mono: 999,
            wall: 999,
            expected: Live,
        },
        Case {
            name: "after a second",
            mono: 1_000,
            wall: 999,
            expected: Cut,
        },
        Case {
            name: "after a second of the wall clock",
            mono: 999,
            wall: 1_000,
            expected: Cut,
        },
        Case {
            name: "a step",
            mono: 100,
            wall: 349,
            expected: Live,
        },
        Case {
            name: "a longer step",
            mono: 100,
            wall: 351,
            expected: Cut,
        },
        Case {
            name: "a step back",
            mono: 100,
            wall: -149,
            expected: Live,
        },
        Case {
            name: "a longer step back",
            mono: 100,
            wall: -151,
            expected: Cut,
        },
        Case {
            name: "a suspended host",
            mono: 10,
            wall: 900_000,
            expected: Cut,
        },
        Case {
            name: "set to the past",
            mono: 10,
            wall: -900_000,
            expected: Cut,
        },
    ] {
        let now = Now {
            mono,
            wall: WALL.saturating_add_signed(wall),
        };
        assert_eq!(live().state(now), expected, "{name}");
    }
}

#[test]
fn a_failure_ends_live_until_the_next_complete_read() {
    let mut progress = live();
    progress.fail(at(10), 0.0);
    assert_eq!(progress.state(at(10)), FleetState::Cut);
    assert_eq!(progress.next(1, at(10)), Some(Step::Open));
    progress.opened();
    assert_eq!(
        (progress.state(at(20)), progress.pause(at(20))),
        (FleetState::Cut, Pause::None)
    );
    // The position is kept.
    let Some(Step::Read {
        publishes: true, ..
    }) = progress.next(1, at(20))
    else {
        panic!()
    };
    progress.read(&page(WALL + 20, &[], None), at(20), at(20));
    assert_eq!(progress.state(at(20)), FleetState::Live);
}

#[test]
fn the_clocks_agree_if_each_page_is_within_half_a_second() {
    for (before, after, time, expected) in [
        (0, 0, 0, FleetState::Live),
        (0, 0, 500, FleetState::Live),
        (0, 0, -500, FleetState::Live),
        (0, 0, 501, FleetState::Cut),
        (0, 0, -501, FleetState::Cut),
        (0, 600, 300, FleetState::Live),
        (0, 600, 50, FleetState::Cut),
        (0, 600, 550, FleetState::Cut),
    ] {
        let mut progress = live();
        progress.next(1, at(before));
        let page = page(WALL.saturating_add_signed(time), &[], None);
        progress.read(&page, at(before), at(after));
        assert_eq!(
            progress.state(at(after)),
            expected,
            "{before} {after} {time}"
        );
    }
    // A page in the middle counts.
    let mut progress = live();
    progress.next(1, at(0));
    progress.read(&page(WALL + 900, &[WALL], Some(WALL)), at(0), at(0));
    progress.next(1, at(0));
    progress.read(&page(WALL, &[], None), at(0), at(0));
    assert_eq!(progress.state(at(0)), FleetState::Cut);
}

#[test]
fn a_position_is_never_later_than_the_time_of_the_store() {
    let next = |messages: &[u64], time: u64| {
        let mut progress = live();
        progress.next(1, at(0));
        progress.read(&page(time, messages, None), at(0), at(0));
        match progress.next(1, at(0)) {
            Some(Step::Read { from, .. }) => from.milliseconds + 1_000,
            step => panic!("{step:?}"),
        }
    };
    let start = WALL - 900_000;
    assert_eq!(next(&[], WALL), start, "it moves by messages alone");
    assert_eq!(next(&[WALL - 7], WALL), WALL - 7);
    assert_eq!(next(&[u64::MAX], WALL), WALL);
    assert_eq!(next(&[WALL - 7, WALL - 9], WALL), WALL - 7, "in any order");
    assert_eq!(
        next(&[], start - 5_000),
        start - 5_000,
        "a store whose clock is behind"
    );
}

#[test]
fn a_page_that_does_not_advance_ends_the_read() {
    let mut progress = live();
    let Some(Step::Read { from, .. }) = progress.next(1, at(0)) else {
        panic!()
    };
    progress.read(&page(WALL, &[], Some(from.milliseconds)), at(0), at(0));
    assert_eq!(progress.pause(at(0)), Pause::Poll);
}

#[test]
fn a_quarter_of_an_hour_without_a_read_is_noticed_on_either_clock() {
    const MINUTES_14: u64 = 14 * 60 * 1000;
    for (mono, wall, expected) in [
        (MINUTES_14, MINUTES_14, false),
        (MINUTES_14 + 1, 0, true),
        (0, MINUTES_14 + 1, true),
    ] {
        let mut progress = live();
        let now = Now {
            mono,
            wall: WALL + wall,
        };
        progress.next(1, now);
        assert_eq!(progress.read(&page(WALL, &[], None), now, now), expected);
        progress.next(1, now);
        assert!(!progress.read(&page(WALL, &[], None), now, now), "once");
    }
    // The time before the first read counts.
    let mut progress = Progress::new(at(0));
    let late = at(MINUTES_14 + 1);
    let task = progress.start(late).unwrap();
    progress.opened();
    progress.begin(late.wall);
    progress.next(task, late);
    assert!(progress.read(&page(late.wall, &[], None), late, late));
}

#[test]
fn pauses_double_up_to_five_seconds_until_a_complete_read() {
    let mut progress = live();
    let pauses: Vec<_> = (0..7).map(|_| progress.fail(at(0), 1.0)).collect();
    let expected = [200, 400, 800, 1_600, 3_200, 5_000, 5_000];
    assert_eq!(
        pauses,
        expected.map(|it| Pause::Retry(Duration::from_millis(it)))
    );
    assert_eq!(
        progress.fail(at(0), 0.5),
        Pause::Retry(Duration::from_millis(2_500))
    );
    progress.opened();
    assert_eq!(
        progress.fail(at(0), 1.0),
        Pause::Retry(Duration::from_secs(5)),
        "opened only"
    );
    progress.opened();
    progress.next(1, at(0));
    progress.read(&page(WALL, &[], None), at(0), at(0));
    progress.pause(at(0));
    assert_eq!(
        progress.fail(at(0), 1.0),
        Pause::Retry(Duration::from_millis(200))
    );
}

#[test]
fn a_full_batch_is_followed_at_once() {
    let mut progress = live();
    for (is_full, expected) in [(true, Pause::None), (false, Pause::Poll)] {
        progress.next(1, at(0));
        progress.batch_was_full(is_full);
        progress.read(&page(WALL, &[], None), at(0), at(0));
        assert_eq!(progress.pause(at(0)), expected);
    }
}

#[test]
fn a_task_is_replaced_two_seconds_after_it_should_have_acted() {
    let mut progress = live();
    // The next poll is at 200.
    assert_eq!(progress.start(at(2_199)), None);
    assert_eq!(progress.start(at(2_200)), Some(2));
    assert_eq!(progress.next(1, at(2_200)), None, "the older task ends");
    // An opening takes two seconds, and a pause five.
    progress.fail(at(2_200), 0.0);
    assert_eq!(progress.next(2, at(2_200)), Some(Step::Open));
    assert_eq!(progress.start(at(6_199)), None);
    for _ in 0..9 {
        progress.fail(at(6_199), 1.0);
    }
    assert_eq!(progress.start(at(13_198)), None);
    assert_eq!(progress.start(at(13_199)), Some(3));
}

#[test]
fn a_connection_that_stays_open_reads_half_a_page_once_more() {
    /// The position from which the next read begins.
    fn from(progress: &mut Progress) -> u64 {
        match progress.next(1, at(1)) {
            Some(Step::Read { from, .. }) => from.milliseconds,
            step => panic!("{step:?}"),
        }
    }

    // Messages of the last 800 ms, one each.
    let messages: Vec<_> = (WALL - 799..=WALL).collect();
    let mut progress = live();
    let first = WALL - 15 * 60 * 1_000 - 1_000;
    assert_eq!(from(&mut progress), first, "nothing was read");
    progress.read(&page(WALL, &messages[..400], None), at(1), at(1));
    let first = messages[399] - 1_000;
    assert_eq!(
        from(&mut progress),
        first,
        "400 messages are within half a page"
    );
    progress.read(&page(WALL, &messages, None), at(1), at(1));
    assert_eq!(from(&mut progress), WALL - 499, "the last 500");
    progress.read(&page(WALL, &messages[300..], None), at(1), at(1));
    assert_eq!(from(&mut progress), WALL - 499, "the same ones once more");
    // After a fail-over, the store's clock is behind.
    progress.read(&page(WALL - 700, &messages[300..], None), at(1), at(1));
    assert_eq!(
        from(&mut progress),
        WALL - 1_700,
        "few of them are before the position"
    );
    progress.read(&page(WALL, &messages, None), at(1), at(1));
    // A connection that was opened anew may lead to another server.
    assert!(matches!(progress.fail(at(1), 0.0), Pause::Retry(_)));
    assert_eq!(progress.next(1, at(1)), Some(Step::Open));
    progress.opened();
    assert_eq!(from(&mut progress), WALL - 1_000);
    progress.read(&page(WALL, &messages, None), at(1), at(1));
    assert_eq!(from(&mut progress), WALL - 499);
}
