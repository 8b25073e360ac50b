//! The source of a verdict: the log, the counts and the metrics of a replica.

use std::time::Duration;

use futures_util::future::join_all;
use tower_clerk::{
    Tokens,
    fake_clerk::{self, Endpoint},
    fleet::{Fault, Fleet, MemoryStore},
};

use super::{Replicas, SECRET, pass};
use crate::{metrics::Meter, redaction::Log, support::World};

#[tokio::test(start_paused = true)]
async fn stats_and_log_show_who_called_clerk() {
    let log = Log::default();
    let guard = log.subscribe();
    let replicas = Replicas::new(3).await;
    let clerk = &replicas.world.clerk;
    let token = clerk.token("user_1").issue();
    for app in &replicas.apps {
        for _ in 0..2 {
            app.bearer(&token).await.assert_accepted();
        }
        pass(10).await;
    }
    let slow = fake_clerk::Fault::delay(Duration::from_millis(100));
    clerk.fail(Endpoint::Introspection, slow);
    let token = clerk.token("user_2").issue();
    let both = replicas.apps[..2].iter().map(|app| app.bearer(&token));
    for answer in join_all(both).await {
        answer.assert_accepted();
    }
    drop(guard);

    let stats = replicas.apps.iter().map(|app| {
        let stats = app.layer.authenticator().stats();
        (stats.hits, stats.misses, stats.shared, stats.awaited)
    });
    let stats: Vec<_> = stats.collect();
    // The first two replicas start together, and either of them has the lease.
    let awaited: Vec<_> = stats.iter().map(|it| it.3).collect();
    assert_eq!(awaited.iter().sum::<u64>(), 1, "{stats:?}");
    let others: Vec<_> = stats.iter().map(|it| (it.0, it.1, it.2)).collect();
    assert_eq!(others, [(1, 2, 0), (1, 2, 1), (1, 1, 1)]);
    let log = log.text();
    for (state, lines) in [("shared", 2), ("awaited", 1), ("miss", 2)] {
        let field = format!("cache.state=\"{state}\"");
        assert_eq!(log.matches(&field).count(), lines, "{field} in\n{log}");
    }
}

/// Two replicas whose metrics go to one meter.
#[tokio::test(start_paused = true)]
async fn metrics_count_looks_and_waits() {
    let world = World::new();
    let store = MemoryStore::new(world.clock.clone());
    let meter = Meter::new();
    let apps = [0, 1].map(|number| {
        let fleet = Fleet::store(store.replica(number), SECRET);
        meter.app(world.config().fleet(fleet))
    });
    for app in &apps {
        app.layer.authenticator().warm_up().await.unwrap();
    }
    let event = |event| {
        let labels = format!(r#"store="shared",event="{event}""#);
        meter.get("cache_events_total", &labels)
    };
    let waits = |result| {
        let labels = format!(r#"result="{result}",priority="first_seen""#);
        meter.get("fleet_waits_total", &labels)
    };
    let all = || [waits("adopted"), waits("led"), waits("alone")];
    let token = || world.clerk.token("user_1").issue();

    // One replica after the other: the second look finds the record, which is no wait.
    let first = token();
    for app in &apps {
        app.bearer(&first).await.assert_accepted();
        pass(10).await;
    }
    assert_eq!(all(), [0.0, 1.0, 0.0]);
    assert_eq!([event("hit"), event("insert")], [1.0, 1.0]);

    // Both at once: one has the lease, and the other waits.
    let slow = fake_clerk::Fault::delay(Duration::from_millis(100));
    world.clerk.fail(Endpoint::Introspection, slow);
    let second = token();
    join_all(apps.iter().map(|app| app.bearer(&second))).await;
    world.clerk.heal(Endpoint::Introspection);
    assert_eq!(all(), [1.0, 2.0, 0.0]);

    // A store that gives no lease.
    store.inject(Fault::Full);
    apps[0].bearer(&token()).await.assert_accepted();
    store.heal();
    assert_eq!(all(), [1.0, 2.0, 1.0]);

    // A store that replays a record from before an invalidation.
    store.inject(Fault::Replaying);
    let auth = apps[0].layer.authenticator();
    auth.invalidate(Tokens::of_subject("user_1"));
    assert_eq!(event("invalidate"), 0.0);
    apps[0].bearer(&first).await.assert_accepted();
    assert_eq!(
        event("invalidate"),
        2.0,
        "the first look, and that with the lease"
    );
    store.heal();

    store.inject(Fault::Altering(100));
    apps[1].bearer(&first).await.assert_accepted();
    store.heal();
    store.inject(Fault::Delayed(Duration::from_millis(30)));
    apps[1].bearer(&token()).await.assert_accepted();
    assert!(event("timeout") >= 1.0);
}
