//! What can be counted.

use tower_clerk::fake_clerk::{Endpoint, Fault};

use crate::{redaction::Log, support::World};

#[tokio::test]
async fn stats_count_what_happened() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await;
    app.bearer(&token).await;
    app.bearer("oat_bad").await;
    app.bearer("oat_bad").await;
    app.bearer("garbage").await;
    app.send(&[]).await;
    let stats = app.layer.stats();
    assert_eq!(stats.hits, 1);
    assert_eq!(stats.negative_hits, 1);
    assert_eq!(stats.misses, 2);
    assert_eq!(stats.refused, 4);
    assert_eq!((stats.entries, stats.negative_entries), (1, 1));
    assert_eq!(stats.in_flight, 0);
}

#[tokio::test]
async fn refusals_are_debug_trouble_is_warn_and_wrong_credentials_are_an_error() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    for (fault, expected) in [
        (None, "DEBUG"),
        (Some(Fault::status(500)), "WARN"),
        (Some(Fault::malformed()), "WARN"),
        (Some(Fault::status(401)), "ERROR"),
    ] {
        if let Some(fault) = fault {
            world.clerk.fail(Endpoint::Introspection, fault);
        }
        let log = Log::default();
        let guard = log.subscribe();
        app.bearer(if expected == "DEBUG" {
            "garbage"
        } else {
            &token
        })
        .await;
        drop(guard);
        world.clerk.heal_all();
        let log = log.text();
        let ours: Vec<_> = log
            .lines()
            .filter(|line| line.contains(" tower_clerk::"))
            .collect();
        let loudest = ["ERROR", "WARN", "INFO", "DEBUG"]
            .into_iter()
            .find(|level| ours.iter().any(|line| line.contains(level)));
        assert_eq!(loudest, Some(expected), "{ours:#?}");
    }
}
