//! The limit of the Backend API, which replicas share.

use std::time::{Duration, UNIX_EPOCH};

use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder,
    fake_clerk::Endpoint,
    fleet::Fault,
    kinds::{ApiKeys, Enrichment},
};

use super::{Replicas, pass};
use crate::support::{Answer, World};

const LIMIT: u32 = 100;

fn config(world: &World) -> ClerkConfigBuilder {
    world
        .accepting(ApiKeys::new())
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
        .rate_limit(LIMIT)
}

impl Replicas {
    async fn with_api_keys(count: usize) -> Self {
        let replicas = Self::with(count, config).await;
        // The beginning of a window of ten seconds.
        let now = replicas.world.clock.now();
        let now = now.duration_since(UNIX_EPOCH).unwrap().as_millis();
        replicas
            .step(10_000 - u64::try_from(now % 10_000).unwrap())
            .await;
        replicas
    }

    /// Moves the clock, so that the links read once more.
    async fn step(&self, millis: u64) {
        self.world.clock.advance(Duration::from_millis(millis));
        pass(300).await;
    }

    /// Sends a key that no replica has seen.
    async fn unknown(&self, app: usize) -> Answer {
        let key = self.world.clerk.api_key("user_1").issue();
        self.apps[app].bearer(&key).await
    }

    /// Sends unknown keys to all replicas until each of them rejects one.
    async fn flood(&self) {
        for app in 0..self.apps.len() {
            while self.unknown(app).await.kind().is_none() {}
            let answer = self.unknown(app).await;
            answer.assert_rejected(503, AuthErrorKind::RateLimited);
        }
    }

    fn verifications(&self) -> usize {
        self.world.clerk.calls(Endpoint::ApiKeyVerification)
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_share_the_limit_of_the_backend_api() {
    let replicas = Replicas::with_api_keys(5).await;
    // 5 %, and 60 % more in the course of the window.
    for (millis, expected) in [(0, 5), (2_500, 20), (2_500, 35), (2_500, 50), (2_499, 64)] {
        replicas.step(millis).await;
        replicas.flood().await;
        assert_eq!(replicas.verifications(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn flood_at_one_replica_leaves_their_rate_to_tokens_in_use_at_others() {
    let replicas = Replicas::with_api_keys(3).await;
    let key = replicas.world.clerk.api_key("user_2").issue();
    replicas.apps[2].bearer(&key).await.assert_accepted();
    for _ in 0..6 {
        for _ in 0..4 {
            replicas.step(2_500).await;
            for _ in 0..100 {
                replicas.unknown(0).await;
                replicas.unknown(1).await;
            }
        }
        // Its entry ended, or ends soon.
        replicas.apps[2].bearer(&key).await.assert_accepted();
    }
}

#[tokio::test(start_paused = true)]
async fn each_replica_has_its_own_limit_while_the_store_may_not_be_used() {
    for fault in [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::ReadOnly,
        Fault::Full,
    ] {
        let replicas = Replicas::with_api_keys(2).await;
        replicas.store.inject(fault);
        pass(2_000).await;
        replicas.flood().await;
        assert_eq!(replicas.verifications(), 2 * 65, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn count_that_is_too_low_leaves_the_limit_of_the_replica() {
    let replicas = Replicas::with_api_keys(2).await;
    replicas.store.inject(Fault::Miscounting(i64::MIN));
    replicas.flood().await;
    assert_eq!(replicas.verifications(), 2 * 65);
}

#[tokio::test(start_paused = true)]
async fn count_that_is_too_high_leaves_a_twentieth_to_tokens_that_were_valid_before() {
    let replicas = Replicas::with_api_keys(2).await;
    let keys: Vec<_> = (0..8)
        .map(|_| replicas.world.clerk.api_key("user_1").issue())
        .collect();
    for key in &keys {
        replicas.step(1_000).await;
        replicas.apps[0].bearer(key).await.assert_accepted();
    }
    replicas.store.inject(Fault::Miscounting(1_000_000));
    // All entries have ended, and so have the records in the store.
    replicas.step(60_000).await;
    let before = replicas.verifications();
    for _ in 0..2 {
        let answer = replicas.unknown(0).await;
        answer.assert_rejected(503, AuthErrorKind::RateLimited);
    }
    let mut accepted = 0;
    for key in &keys {
        let answer = replicas.apps[0].bearer(key).await;
        accepted += usize::from(answer.kind().is_none());
    }
    assert_eq!((accepted, replicas.verifications() - before), (5, 5));
    // The store is honest again: all of them pass.
    replicas.store.heal();
    replicas.step(10_000).await;
    for key in &keys {
        replicas.apps[0].bearer(key).await.assert_accepted();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_to_the_frontend_api_are_not_counted_together() {
    let replicas = Replicas::with(2, |world| {
        let oauth = world.oauth().userinfo(Enrichment::Off);
        world.accepting(oauth).rate_limit(LIMIT)
    })
    .await;
    for app in &replicas.apps {
        for _ in 0..65 {
            let token = replicas.world.clerk.token("user_1").issue();
            app.bearer(&token).await.assert_accepted();
        }
    }
    assert_eq!(replicas.introspections(), 2 * 65);
}
