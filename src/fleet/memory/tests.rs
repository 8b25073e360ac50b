use super::*;

const SECOND: Duration = Duration::from_secs(1);
const START: Position = Position {
    milliseconds: 1,
    sequence: 0,
};

fn store() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::new(clock.clone()), clock)
}

async fn put(store: &MemoryStore, name: &str, content: &'static str) {
    store
        .release(name, Some((content.into(), SECOND)))
        .await
        .unwrap();
}

async fn publish(store: &MemoryStore, content: &'static str) -> bool {
    store
        .exchange("log", &[content.into()], Position::default())
        .await
        .unwrap()
        .accepted[0]
}

async fn messages(store: &MemoryStore) -> Vec<String> {
    let page = store.exchange("log", &[], START).await.unwrap();
    let texts = page
        .messages
        .iter()
        .map(|(_, it)| String::from_utf8_lossy(it).into_owned());
    texts.collect()
}

#[tokio::test]
async fn values_and_leases_expire() {
    let (store, clock) = store();
    assert!(store.claim("a", SECOND).await.unwrap().won);
    assert!(!store.claim("a", SECOND).await.unwrap().won);
    assert!(store.claim("b", SECOND).await.unwrap().won);
    put(&store, "a", "x").await;
    assert!(store.claim("a", SECOND).await.unwrap().won);
    clock.advance(SECOND);
    assert!(store.get("a").await.unwrap().is_none());
    assert!(store.claim("a", SECOND).await.unwrap().won);
}

#[tokio::test]
async fn pages_and_counts_are_those_of_redis() {
    let (store, _) = store();
    let all: Vec<_> = (0..2_500).map(|it| Bytes::from(it.to_string())).collect();
    store
        .exchange("log", &all, Position::default())
        .await
        .unwrap();
    let (mut next, mut pages) = (Some(START), Vec::new());
    while let Some(from) = next {
        let page = store.exchange("log", &[], from).await.unwrap();
        pages.push(page.messages.len());
        next = page.next;
    }
    assert_eq!(pages, [1_000, 1_000, 500]);
    assert_eq!(store.count("c", 7).await.unwrap(), (1, 0));
    assert_eq!(store.count("c", 7).await.unwrap(), (2, 0));
    assert_eq!(store.count("c", 8).await.unwrap(), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn each_fault_has_its_effect_until_it_is_healed() {
    let faults = [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::Delayed(SECOND),
        Fault::ReadOnly,
        Fault::Full,
        Fault::Lossy,
        Fault::Repeating,
        Fault::Reordering,
        Fault::Altering(0),
        Fault::Swapping,
        Fault::Replaying,
        Fault::Renumbering(-5),
        Fault::HidingFrom(1),
        Fault::Split,
        Fault::Miscounting(7),
        Fault::WrongTime(9_000),
    ];
    for fault in faults {
        let (store, clock) = store();
        let other = store.replica(1);
        put(&store, "a", "old").await;
        put(&store, "a", "new").await;
        put(&store, "b", "of b").await;
        clock.advance(SECOND / 2);
        publish(&store, "before").await;
        store.inject(fault);
        let get = tokio::time::timeout(SECOND / 2, store.get("a")).await;
        match fault {
            Fault::Unreachable => assert!(get.unwrap().is_err() && store.open().await.is_err()),
            Fault::Frozen | Fault::Delayed(_) => assert!(get.is_err()),
            Fault::ReadOnly => {
                assert!(get.unwrap().unwrap().is_some());
                assert!(store.exchange("log", &[], START).await.is_err());
                assert!(store.release("a", None).await.is_err());
            }
            Fault::Full => {
                assert!(get.unwrap().unwrap().is_some());
                assert!(!publish(&store, "x").await && messages(&store).await == ["before"]);
                assert!(
                    store.claim("c", SECOND).await.is_err() && store.count("c", 1).await.is_err()
                );
            }
            Fault::Lossy => {
                assert!(publish(&store, "x").await && messages(&store).await == ["before"]);
            }
            Fault::Repeating => {
                publish(&store, "x").await;
                assert_eq!(messages(&store).await, ["before", "x", "x"]);
            }
            Fault::Reordering => {
                publish(&store, "x").await;
                assert_eq!(messages(&store).await, ["x", "before"]);
            }
            Fault::Altering(_) => {
                assert_eq!(get.unwrap().unwrap().unwrap(), "oew");
                assert_eq!(messages(&store).await, ["cefore"]);
            }
            Fault::Swapping => assert_eq!(get.unwrap().unwrap().unwrap(), "of b"),
            Fault::Replaying => {
                clock.advance(SECOND * 60);
                assert_eq!(store.get("a").await.unwrap().unwrap(), "old");
            }
            Fault::Renumbering(_) => {
                let page = store.exchange("log", &[], START).await.unwrap();
                assert_eq!(page.messages[0].0.milliseconds, page.time - 5);
            }
            Fault::HidingFrom(_) => {
                publish(&store, "x").await;
                assert_eq!(messages(&store).await, ["before", "x"]);
                assert_eq!(messages(&other).await, ["before"]);
                store.heal();
                assert_eq!(messages(&other).await, ["before"], "never visible");
            }
            Fault::Split => {
                assert!(other.get("a").await.unwrap().is_none());
                publish(&other, "x").await;
                assert_eq!(messages(&store).await, ["before"]);
                assert_eq!(messages(&other).await, ["x"]);
            }
            Fault::Miscounting(_) => {
                assert_eq!(store.count("c", 1).await.unwrap(), (8, 7));
            }
            Fault::WrongTime(by) => {
                let page = store.exchange("log", &[], START).await.unwrap();
                let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
                assert_eq!(page.time, millis(now).saturating_add_signed(by));
            }
        }
        store.heal();
        assert!(
            tokio::time::timeout(SECOND / 2, store.get("a"))
                .await
                .unwrap()
                .is_ok(),
            "{fault:?}"
        );
        assert!(publish(&store, "after").await, "{fault:?}");
    }
}

#[tokio::test]
async fn a_cleared_store_keeps_its_faults() {
    let (store, _) = store();
    put(&store, "a", "x").await;
    publish(&store, "x").await;
    store.inject(Fault::Full);
    store.clear();
    assert!(store.get("a").await.unwrap().is_none() && messages(&store).await.is_empty());
    assert!(!publish(&store, "x").await);
    assert_eq!(store.calls(), 5);
}
