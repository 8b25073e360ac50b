//! What a flood of made-up tokens costs the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use tower_clerk::fleet::{Claim, Fleet, MemoryStore, Page, Position, SharedStore, StoreError};

use super::SECRET;
use crate::support::{App, World};

const TOKENS: usize = 3_000;

/// Calls in ten seconds, and verifications of tokens never seen that may look in one.
const LIMIT: u32 = 500;

/// The number of such verifications that may wait at a time.
const WAITERS: usize = 256;

#[tokio::test(start_paused = true)]
async fn made_up_tokens_cost_the_store_a_bounded_number_of_commands() {
    let world = World::new();
    let store = Counting::new(&world);
    let config = world.config().rate_limit(LIMIT);
    let app = App::new(config.fleet(Fleet::store(store.clone(), SECRET)));
    app.layer.authenticator().warm_up().await.unwrap();

    // All tokens come at once, and another replica has each lease: no flood causes more looks.
    for _ in 0..2 {
        let tokens: Vec<_> = (0..TOKENS).map(|_| unknown()).collect();
        join_all(tokens.iter().map(|token| app.bearer(token))).await;
        let (gets, claims) = store.take();
        let looked: u32 = gets.values().sum();
        assert!(looked <= LIMIT, "{looked}");
        let waited = claims.values().filter(|count| **count > 1).count();
        assert_eq!(waited, WAITERS);
        // A wait of a second has some 45 looks.
        let claimed: u32 = claims.values().sum();
        assert!(
            claimed < LIMIT + 60 * u32::try_from(WAITERS).unwrap(),
            "{claimed}"
        );
        world.clock.advance(Duration::from_secs(40));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn unknown() -> String {
    format!("oat_{:032x}", fastrand::u128(..))
}

/// A store whose leases are all held, and that counts looks by name.
#[derive(Clone)]
struct Counting {
    inner: MemoryStore,
    looks: Arc<Mutex<Looks>>,
}

type Looks = (HashMap<String, u32>, HashMap<String, u32>);

impl Counting {
    fn new(world: &World) -> Self {
        Self {
            inner: MemoryStore::new(world.clock.clone()),
            looks: Arc::default(),
        }
    }

    /// Returns the reads and the attempts to take a lease since the last call.
    fn take(&self) -> Looks {
        std::mem::take(&mut self.looks.lock().unwrap())
    }
}

impl SharedStore for Counting {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        *self
            .looks
            .lock()
            .unwrap()
            .0
            .entry(name.to_owned())
            .or_default() += 1;
        self.inner.get(name)
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        _lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        *self
            .looks
            .lock()
            .unwrap()
            .1
            .entry(name.to_owned())
            .or_default() += 1;
        // Neither the lease nor a record.
        Box::pin(async { Ok(Claim::default()) })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.release(name, record)
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.inner.exchange(log, publish, from)
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.inner.count(counter, window)
    }
}
