use std::{
    cell::Cell,
    sync::atomic::{AtomicI64, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::time::{Instant, advance};

use super::*;
use crate::{
    cache::Scope,
    fleet::{
        Fault, MemoryStore,
        message::MessageId,
        seal::{FleetKeys, FleetSecret},
    },
    observe::{
        Effect,
        recorded::{Lines, Meter},
    },
    token::digest::TokenHasher,
};

/// A clock that follows tokio's, so that it passes with paused time. Its wall clock can be off.
struct TestClock {
    start: Instant,
    off: AtomicI64,
}

thread_local! {
    /// The start of this test, the same for all clocks.
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl TestClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            start: START.get().expect("`store` was called"),
            off: AtomicI64::new(0),
        })
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let mono = crate::clock::millis(self.start.elapsed());
        let off = self.off.load(Ordering::SeqCst);
        Now {
            mono,
            wall: (1_764_000_000_000 + mono).saturating_add_signed(off),
        }
    }
}

#[derive(Clone, Default)]
struct Applied {
    messages: Arc<Mutex<Vec<(Message, u64)>>>,
    all: Arc<Mutex<u32>>,
}

impl Apply for Applied {
    fn apply(&self, message: Message, position: u64) {
        self.messages.lock().unwrap().push((message, position));
    }

    fn apply_all(&self) {
        *self.all.lock().unwrap() += 1;
    }
}

/// One replica, with its own clock.
struct Replica {
    link: Arc<Link<Applied>>,
    applied: Applied,
    clock: Arc<TestClock>,
}

impl Replica {
    fn new(store: &MemoryStore, number: usize, secrets: &[u8]) -> Self {
        let (applied, clock) = (Applied::default(), TestClock::new());
        let log = |secret: &u8| {
            let secret = FleetSecret::parse(&STANDARD.encode([*secret; 32])).unwrap();
            FleetKeys::new(&secret).log("issuer")
        };
        let logs: Vec<_> = secrets.iter().map(log).collect();
        let store = Arc::new(store.replica(number));
        let link = Link::new(store, logs, applied.clone(), clock.clone());
        let link = Arc::new(link);
        link.start().unwrap();
        Self {
            link,
            applied,
            clock,
        }
    }

    fn state(&self) -> FleetState {
        self.link.state(self.clock.now())
    }

    fn revoke(&self, session: &str) -> Message {
        let message = Message {
            id: MessageId(std::array::from_fn(|_| fastrand::u8(..))),
            at: self.clock.now().wall,
            effect: Effect::End,
            scope: Scope::Session(session.into()),
        };
        self.link.publish(message.clone(), []);
        message
    }

    /// Returns the messages without repetitions, in the order of arrival.
    fn received(&self) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for (message, _) in &*self.applied.messages.lock().unwrap() {
            if !messages.contains(message) {
                messages.push(message.clone());
            }
        }
        messages
    }
}

fn store() -> MemoryStore {
    START.set(Some(Instant::now()));
    MemoryStore::with_clock(TestClock::new())
}

/// Lets time pass in small steps, so that tasks act at their times.
async fn pass(time: u64) {
    sleep(Duration::from_millis(time)).await;
}

async fn live(store: &MemoryStore, count: usize) -> Vec<Replica> {
    let replicas: Vec<_> = (0..count)
        .map(|number| Replica::new(store, number, &[1]))
        .collect();
    pass(10).await;
    assert!(replicas.iter().all(|it| it.state() == FleetState::Live));
    replicas
}

#[tokio::test(start_paused = true)]
async fn a_revocation_reaches_all_replicas_within_a_second() {
    let store = store();
    let replicas = live(&store, 10).await;
    store.inject(Fault::Delayed(Duration::from_millis(100)));
    for (at, publisher) in replicas.iter().enumerate() {
        pass(170).await;
        let message = publisher.revoke(&format!("sess_{at}"));
        pass(999).await;
        for replica in &replicas {
            assert_eq!(replica.received().last(), Some(&message));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_starts_reads_the_last_quarter_of_an_hour() {
    let store = store();
    let publisher = &live(&store, 1).await[0];
    let old = publisher.revoke("sess_old");
    pass(16 * 60 * 1000).await;
    let sent: Vec<_> = (0..3)
        .map(|at| publisher.revoke(&format!("sess_{at}")))
        .collect();
    pass(14 * 60 * 1000).await;
    let late = &live(&store, 1).await[0];
    assert_eq!(late.received(), sent);
    assert!(publisher.received().contains(&old));
    assert_eq!(*late.applied.all.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_the_first_complete_read() {
    let store = store();
    store.inject(Fault::Unreachable);
    let replica = Replica::new(&store, 0, &[1]);
    replica.revoke("sess_1");
    pass(60_000).await;
    assert_eq!(replica.state(), FleetState::Joining);
    assert!(timeout(EXCHANGE, replica.link.flush()).await.is_err());
    store.heal();
    pass(6_000).await;
    assert_eq!(replica.state(), FleetState::Live);
    replica.link.flush().await;
    assert_eq!(replica.received().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_keeps_its_messages_and_its_position() {
    for fault in [
        Fault::Unreachable,
        Fault::ReadOnly,
        Fault::Frozen,
        Fault::Delayed(EXCHANGE * 2),
    ] {
        let store = store();
        let replicas = live(&store, 2).await;
        store.inject(fault);
        pass(460).await;
        assert!(
            replicas.iter().all(|it| it.state() == FleetState::Cut),
            "{fault:?}"
        );
        let sent = replicas[0].revoke("sess_1");
        pass(60_000).await;
        assert!(replicas[1].received().is_empty(), "{fault:?}");
        store.heal();
        // A pause of five seconds, and an opening that hangs.
        pass(7_100).await;
        for replica in &replicas {
            assert_eq!(replica.state(), FleetState::Live, "{fault:?}");
            assert_eq!(replica.received(), std::slice::from_ref(&sent), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_used_and_the_outbox_waits() {
    let store = store();
    let replicas = live(&store, 2).await;
    store.inject(Fault::Full);
    replicas[0].revoke("sess_1");
    assert!(
        timeout(Duration::from_secs(60), replicas[0].link.flush())
            .await
            .is_err()
    );
    assert!(replicas.iter().all(|it| it.state() == FleetState::Live));
    let calls = store.calls();
    pass(2_000).await;
    assert!(
        store.calls() - calls <= 22,
        "rejected messages are not repeated at once"
    );
    store.heal();
    timeout(Duration::from_secs(1), replicas[0].link.flush())
        .await
        .unwrap();
    pass(450).await;
    assert_eq!(replicas[1].received().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_whose_clock_is_off_reads_and_publishes() {
    for off in [501, -501, 20 * 60 * 1000, -20 * 60 * 1000] {
        let store = store();
        let replicas = live(&store, 2).await;
        replicas[0].clock.off.store(off, Ordering::SeqCst);
        pass(500).await;
        assert_eq!(replicas[0].state(), FleetState::Cut, "{off}");
        let (sent, back) = (replicas[0].revoke("sess_1"), replicas[1].revoke("sess_2"));
        pass(1_000).await;
        for replica in &replicas {
            let received = replica.received();
            assert!(
                received.contains(&sent) && received.contains(&back),
                "{off}"
            );
        }
        replicas[0].clock.off.store(0, Ordering::SeqCst);
        pass(500).await;
        assert_eq!(replicas[0].state(), FleetState::Live, "{off}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_time_is_wrong_is_not_used() {
    let store = store();
    let replica = &live(&store, 1).await[0];
    for by in [600, -600, 3_600_000] {
        store.inject(Fault::WrongTime(by));
        pass(500).await;
        assert_eq!(replica.state(), FleetState::Cut, "{by}");
        store.heal();
        pass(500).await;
        assert_eq!(replica.state(), FleetState::Live, "{by}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_store_alters_or_invents_are_not_applied() {
    let store = store();
    let replicas = live(&store, 2).await;
    store.inject(Fault::Altering(1_000));
    replicas[0].revoke("sess_1");
    let log = FleetKeys::new(&FleetSecret::parse(&STANDARD.encode([1; 32])).unwrap()).log("issuer");
    let invented = [
        Bytes::new(),
        Bytes::from_static(b"\x01"),
        Bytes::from(vec![1; 100]),
    ];
    store
        .exchange(log.name(), &invented, Position::default())
        .await
        .unwrap();
    pass(1_000).await;
    for replica in &replicas {
        assert!(replica.received().is_empty());
        assert_eq!(replica.state(), FleetState::Live);
    }
    // The last second is read once more, and no more than that.
    store.heal();
    pass(500).await;
    assert!(replicas[1].received().len() <= 1);
}

#[tokio::test(start_paused = true)]
async fn repeated_reordered_and_renumbered_messages_are_applied() {
    for fault in [
        Fault::Repeating,
        Fault::Reordering,
        Fault::Renumbering(300_000),
        Fault::Renumbering(-500),
    ] {
        let store = store();
        let replicas = live(&store, 2).await;
        store.inject(fault);
        for at in 0..5 {
            let sent = replicas[0].revoke(&format!("sess_{at}"));
            pass(450).await;
            assert!(replicas[1].received().contains(&sent), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ninety_thousand_messages_are_read_in_pages() {
    let store = store();
    let log = FleetKeys::new(&FleetSecret::parse(&STANDARD.encode([1; 32])).unwrap()).log("issuer");
    let sealed: Vec<_> = (0..90_000_u32)
        .map(|at| {
            let message = Message {
                id: MessageId([0; 16]),
                at: at.into(),
                effect: Effect::Again,
                scope: Scope::All,
            };
            log.seal(&message.encode()).unwrap()
        })
        .collect();
    for batch in sealed.chunks(500) {
        store
            .exchange(log.name(), batch, Position::default())
            .await
            .unwrap();
        advance(Duration::from_millis(500)).await;
    }
    store.inject(Fault::Delayed(Duration::from_millis(200)));
    let replica = Replica::new(&store, 0, &[1]);
    pass(10_000).await;
    assert_eq!(replica.state(), FleetState::Joining);
    pass(10_000).await;
    assert_eq!(replica.state(), FleetState::Live);
    let mut times: Vec<_> = replica
        .applied
        .messages
        .lock()
        .unwrap()
        .iter()
        .map(|(it, _)| it.at)
        .collect();
    times.dedup();
    assert!(times[..90_000].iter().copied().eq(0..90_000));
}

#[tokio::test(start_paused = true)]
async fn a_burst_needs_one_exchange_for_two_hundred_messages() {
    let store = store();
    let replicas = live(&store, 2).await;
    for at in 0..2_000 {
        replicas[0].revoke(&format!("sess_{at}"));
    }
    let calls = store.calls();
    replicas[0].link.flush().await;
    // The other replica polls meanwhile.
    assert!(store.calls() - calls <= 12, "{}", store.calls() - calls);
    pass(450).await;
    assert_eq!(replicas[1].received().len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_poll_after_a_burst_is_one_call() {
    let store = store();
    let replicas = live(&store, 2).await;
    for at in 0..5_000 {
        replicas[0].revoke(&format!("sess_{at}"));
    }
    replicas[0].link.flush().await;
    pass(1_000).await;
    let applied = || replicas[1].applied.messages.lock().unwrap().len();
    let before = (store.calls(), applied());
    pass(2_000).await;
    let calls = store.calls() - before.0;
    assert!(
        (18..=22).contains(&calls),
        "{calls} of two replicas, five a second each"
    );
    let more = applied() - before.1;
    assert!(more <= 11 * 500, "{more} messages were read once more");
    // A message behind the burst is not skipped.
    let sent = replicas[0].revoke("sess_last");
    pass(450).await;
    assert!(replicas[1].received().contains(&sent));
}

#[tokio::test(start_paused = true)]
async fn revocations_cross_while_the_secret_changes() {
    let store = store();
    let secrets: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
    for pair in secrets.windows(2) {
        let replicas = [
            Replica::new(&store, 0, pair[0]),
            Replica::new(&store, 1, pair[1]),
        ];
        pass(10).await;
        for (from, to) in [(0, 1), (1, 0)] {
            let sent = replicas[from].revoke("sess_1");
            pass(1_000).await;
            let is_there = replicas[to].received().contains(&sent);
            // A replica with one secret publishes to one log. The other one reads it, or also publishes to it.
            assert_eq!(
                is_there,
                pair[from].contains(&pair[to][0]),
                "{pair:?} {from}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_about_a_token_names_the_digest_of_each_log() {
    let store = store();
    let (both, second) = (
        Replica::new(&store, 0, &[1, 2]),
        Replica::new(&store, 1, &[2]),
    );
    pass(10).await;
    let [one, two] = [1, 2].map(|key| TokenHasher::new([key; 32], &["issuer"]).key("oat_1"));
    let message = |digest| Message {
        id: MessageId([5; 16]),
        at: 1,
        effect: Effect::Again,
        scope: Scope::Token(digest),
    };
    both.link.publish(message(one), [two]);
    pass(1_000).await;
    assert_eq!(both.received(), [message(one)]);
    assert_eq!(second.received(), [message(two)]);
}

#[tokio::test(start_paused = true)]
async fn a_long_cut_has_all_tokens_verified_again() {
    let store = store();
    let replica = &live(&store, 1).await[0];
    for (minutes, expected) in [(13, 0), (15, 1), (1, 1)] {
        store.inject(Fault::Unreachable);
        pass(minutes * 60 * 1000).await;
        store.heal();
        pass(6_000).await;
        assert_eq!(replica.state(), FleetState::Live);
        assert_eq!(*replica.applied.all.lock().unwrap(), expected, "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_and_log_lines_show_what_happens() {
    let meter = Meter::new();
    let log = Lines::default();
    let guard = log.subscribe();
    let store = store();
    let replicas: Vec<_> = (0..2)
        .map(|number| meter.record(|| Replica::new(&store, number, &[1])))
        .collect();
    let [publisher, reader] = &*replicas else {
        unreachable!("there are two");
    };
    assert_eq!(meter.get("fleet_state"), 0.0);
    pass(10).await;
    assert_eq!(meter.get("fleet_state"), 1.0);
    assert_eq!(
        log.take(),
        ["INFO clerk fleet is live fleet.state=\"live\""; 2]
    );

    store.inject(Fault::Full);
    publisher.revoke("sess_1");
    pass(600).await;
    assert_eq!(meter.get("revocation_lag_seconds_count"), 0.0);
    assert_eq!(
        log.take(),
        [
            "ERROR store rejects revocations: they have effect on this replica only. It is full, or its access rules lack `XADD`"
        ]
    );
    store.heal();
    pass(450).await;
    assert_eq!(reader.received().len(), 1);
    pass(2_000).await;
    assert_eq!(
        meter.get("revocation_lag_seconds_count"),
        2.0,
        "once on each replica, though it is read more than once"
    );
    let lag = meter.get("revocation_lag_seconds_sum");
    assert!((1.2..2.1).contains(&lag), "{lag}");

    store.inject(Fault::WrongTime(700));
    pass(400).await;
    assert_eq!(meter.get("fleet_state"), 2.0);
    let line = log.take();
    assert_eq!(line.len(), 4, "{line:#?}");
    assert!(line.contains(
        &"ERROR clock differs from the store's: the store is not used until they agree fleet.skew_ms=700".to_owned()
    ), "{line:#?}");
    store.heal();
    pass(400).await;
    assert_eq!(log.take().len(), 2);

    for (fault, lines) in [(Fault::Unreachable, 1), (Fault::ReadOnly, 2)] {
        store.inject(fault);
        pass(30_000).await;
        assert_eq!(meter.get("fleet_state"), 2.0);
        assert_eq!(log.take().len(), 2 * lines, "once for each cut: {fault:?}");
        store.heal();
        pass(7_100).await;
        assert_eq!(
            log.take(),
            ["INFO clerk fleet is live fleet.state=\"live\""; 2]
        );
    }
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_link() {
    let store = store();
    drop(live(&store, 3).await);
    pass(1_000).await;
    let calls = store.calls();
    pass(60_000).await;
    assert_eq!(store.calls(), calls);
}

#[test]
fn a_link_whose_runtime_is_gone_is_started_on_another_one() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let store = MemoryStore::new(crate::testing::ManualClock::new());
    let clock = crate::testing::ManualClock::new();
    let log = FleetKeys::new(&FleetSecret::parse(&STANDARD.encode([1; 32])).unwrap()).log("issuer");
    let link = Link::new(
        Arc::new(store),
        [log],
        Applied::default(),
        Arc::new(clock.clone()),
    );
    let link = Arc::new(link);
    let state = || link.state(Clock::now(&clock));
    assert!(link.start().is_err(), "there is no runtime");
    let first = runtime();
    clock.advance(Duration::from_secs(3));
    first.block_on(async {
        link.start().unwrap();
        pass(10).await;
    });
    drop(first);
    clock.advance(Duration::from_secs(1));
    assert_ne!(
        state(),
        FleetState::Live,
        "not even though nothing reports the end"
    );
    let second = runtime();
    second.block_on(async {
        link.start().unwrap();
        pass(10).await;
        assert_ne!(state(), FleetState::Live, "the first one may still act");
        clock.advance(Duration::from_secs(3));
        link.start().unwrap();
        pass(10).await;
    });
    assert_ne!(state(), FleetState::Joining);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_links_spread_their_attempts() {
    let store = store();
    let replicas = live(&store, 1_000).await;
    store.inject(Fault::Unreachable);
    pass(30_000).await;
    let calls = store.calls();
    pass(10_000).await;
    let attempts = (store.calls() - calls) / 10;
    assert!((300..=500).contains(&attempts), "{attempts} a second");
    store.heal();
    pass(5_300).await;
    assert!(replicas.iter().all(|it| it.state() == FleetState::Live));
}
