use super::*;

fn at(mono: u64) -> Now {
    Now { mono, wall: 0 }
}

fn wait(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

/// Sends a call, if it may pass, that comes to nothing. Returns how long to wait otherwise.
fn fail(gate: &Arc<RetryAfterGate>, priority: Priority, mono: u64) -> Option<Duration> {
    match gate.enter(priority, at(mono)) {
        Ok(mut pass) => {
            pass.sent();
            None
        }
        Err(delay) => Some(delay),
    }
}

fn paused(seconds: u64) -> Arc<RetryAfterGate> {
    let gate = Arc::<RetryAfterGate>::default();
    gate.begin(Duration::from_secs(seconds), at(0));
    gate
}

#[test]
fn pause_holds_tokens_never_seen_to_its_end_and_is_never_cut_short() {
    let gate = Arc::<RetryAfterGate>::default();
    assert_eq!(fail(&gate, Priority::FirstSeen, 0), None);
    gate.begin(Duration::from_secs(2), at(1_000));
    gate.begin(Duration::from_secs(1), at(1_000));
    assert_eq!(fail(&gate, Priority::FirstSeen, 1_000), wait(2_000));
    assert_eq!(fail(&gate, Priority::FirstSeen, 2_999), wait(1));
    assert_eq!(fail(&gate, Priority::FirstSeen, 3_000), None);
    gate.begin(Duration::MAX, at(3_000));
    assert!(fail(&gate, Priority::FirstSeen, u64::MAX - 1).is_some());
}

#[test]
fn token_in_use_probes_after_1_2_4_and_8_seconds() {
    // fault B9
    for priority in [Priority::Document, Priority::Refresh] {
        let gate = paused(60);
        let mut probes = Vec::new();
        for millis in (0..60_000).step_by(250) {
            if fail(&gate, priority, millis).is_none() {
                probes.push(millis / 1_000);
            }
        }
        assert_eq!(probes, [1, 3, 7, 15, 23, 31, 39, 47, 55], "{priority:?}");
        assert_eq!(fail(&gate, Priority::FirstSeen, 59_999), wait(1));
    }
    let gate = paused(60);
    assert_eq!(fail(&gate, Priority::Refresh, 400), wait(600));
    // A short pause ends before the first probe.
    let gate = paused(1);
    assert_eq!(fail(&gate, Priority::Refresh, 999), wait(1));
}

#[test]
fn token_that_was_valid_before_probes_if_none_in_use_does() {
    // fault B9
    let gate = paused(60);
    assert_eq!(fail(&gate, Priority::Returning, 1_000), wait(1_000));
    assert_eq!(fail(&gate, Priority::Returning, 2_000), None);
    assert_eq!(fail(&gate, Priority::Returning, 4_000), wait(1_000));
    assert_eq!(fail(&gate, Priority::Refresh, 4_000), None);
    assert_eq!(fail(&gate, Priority::Returning, 5_000), wait(4_000));
}

#[test]
fn probe_that_succeeds_ends_the_pause() {
    // fault B9
    let gate = paused(60);
    let probe = gate.enter(Priority::Refresh, at(1_000)).ok().unwrap();
    assert!(probe.is_probe());
    assert!(
        fail(&gate, Priority::Refresh, 1_000).is_some(),
        "one at a time"
    );
    probe.succeeded();
    assert_eq!(fail(&gate, Priority::FirstSeen, 1_000), None);
    // The next pause begins anew.
    gate.begin(Duration::from_secs(60), at(2_000));
    assert_eq!(fail(&gate, Priority::Refresh, 2_999), wait(1));
    assert_eq!(fail(&gate, Priority::Refresh, 3_000), None);
}

#[test]
fn call_from_before_the_pause_does_not_end_it() {
    let gate = Arc::<RetryAfterGate>::default();
    let old = gate.enter(Priority::Refresh, at(0)).ok().unwrap();
    gate.begin(Duration::from_secs(60), at(0));
    old.succeeded();
    assert!(fail(&gate, Priority::FirstSeen, 500).is_some());
    // Nor does a probe if Clerk asked for more after it was sent.
    let probe = gate.enter(Priority::Refresh, at(1_000)).ok().unwrap();
    gate.begin(Duration::from_secs(60), at(1_500));
    probe.succeeded();
    assert_eq!(fail(&gate, Priority::FirstSeen, 2_000), wait(59_500));
}

#[test]
fn probe_that_is_not_sent_is_made_by_another_call() {
    let gate = paused(60);
    let probe = gate.enter(Priority::Refresh, at(1_000)).ok().unwrap();
    drop(probe);
    assert_eq!(fail(&gate, Priority::Refresh, 1_000), None);
    assert_eq!(fail(&gate, Priority::Refresh, 2_999), wait(1));
    assert_eq!(fail(&gate, Priority::Refresh, 3_000), None);
}
