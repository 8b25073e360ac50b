//! Records that a store alters, swaps or keeps.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tower_clerk::{
    fleet::{Claim, Fault, Fleet, MemoryStore, Page, Position, SharedStore, StoreError},
    testing::ManualClock,
};

use crate::{
    figures::{Figure, exact},
    replicas::{Clerk, SECRET, config, paused, start, token},
};

/// Records that were altered or swapped, or kept beyond the TTL, and that a replica accepts: half of them each. `RECORDS`
/// sets how many.
pub(crate) fn figure() -> Figure {
    const BATCH: usize = 5_000;
    const TTL: Duration = Duration::from_secs(30);
    let records = env::var("RECORDS").map_or(100_000, |it| it.parse().expect("a number"));
    let mut accepted = 0_u32;
    for _ in 0..usize::div_ceil(records, 2 * BATCH) {
        accepted += paused(async {
            let clock = ManualClock::new();
            let store = MemoryStore::new(clock.clone());
            // All records are read, however many in a second.
            let config = |clerk| config(&clerk).clock(clock.clone()).rate_limit(0);
            let replica = |clerk, fleet| start(config(clerk).fleet(fleet));
            let (good, bad) = (Clerk::new(Duration::ZERO), Clerk::that_rejects());
            let writer = replica(good, Fleet::store(store.clone(), SECRET));
            let tampered = Arc::new(AtomicUsize::new(0));
            let tampering = Tampering(store.clone(), Arc::clone(&tampered));
            let altering = Fleet::store(tampering, SECRET);
            let [altering, keeping] =
                [altering, Fleet::store(store.clone(), SECRET)].map(|it| replica(bad.clone(), it));
            for replica in [&writer, &altering, &keeping] {
                replica.warm_up().await.expect("there is nothing to fetch");
            }
            let step = async |time| {
                clock.advance(time);
                // The links read again.
                sleep(Duration::from_millis(400)).await;
            };
            let mut accepted = 0;
            for number in 0..BATCH {
                if number % 100 == 0 {
                    step(Duration::from_millis(200)).await;
                }
                let token = token(number);
                writer.verify(&token).await.expect("Clerk accepts it");
                tokio::task::yield_now().await;
                accepted += u32::from(altering.verify(&token).await.is_ok());
            }
            let tampered = tampered.load(Ordering::Relaxed);
            assert!(tampered >= BATCH, "each record was read, not {tampered}");
            store.inject(Fault::Replaying);
            step(TTL).await;
            for number in 0..BATCH {
                accepted += u32::from(keeping.verify(&token(number)).await.is_ok());
            }
            let fresh = token(BATCH);
            writer.verify(&fresh).await.expect("Clerk accepts it");
            tokio::task::yield_now().await;
            let known = keeping.verify(&fresh).await;
            known.expect("the replica has read the store until now");
            accepted
        });
    }
    let name = format!("accepted of {records} records, altered, swapped or kept beyond the TTL");
    exact(name, accepted.into(), 0.0, "")
}

/// A store that returns no record as it was stored, and the number of those that it returned.
#[derive(Clone)]
struct Tampering(MemoryStore, Arc<AtomicUsize>);

impl Tampering {
    async fn tampered(&self, name: &str, record: Option<Bytes>) -> Option<Bytes> {
        let mut bytes = record?.to_vec();
        self.1.fetch_add(1, Ordering::Relaxed);
        match fastrand::u32(..4) {
            0 | 1 => {
                let bit = fastrand::usize(..bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            2 => bytes.truncate(fastrand::usize(..bytes.len())),
            _ => {
                // Each record is read under the name of another one.
                let other = MemoryStore::clone(&self.0);
                other.inject(Fault::Swapping);
                let swapped = other.get(name).await.ok().flatten();
                other.heal();
                return swapped;
            }
        }
        Some(bytes.into())
    }
}

impl SharedStore for Tampering {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let record = self.0.get(name).await?;
            Ok(self.tampered(name, record).await)
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(async move {
            let mut claim = self.0.claim(name, lease).await?;
            claim.record = self.tampered(name, claim.record.take()).await;
            Ok(claim)
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.release(name, record)
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.0.exchange(log, publish, from)
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.0.count(counter, window)
    }
}
