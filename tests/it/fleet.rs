//! Several replicas with one store: what they share, what reaches them, and what a store cannot do.

mod calls;
mod canary;
mod flood;
#[cfg(target_os = "linux")]
mod redis;
mod schedules;
mod sources;
mod users;
mod webhooks;

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder, Tokens,
    fake_clerk::Endpoint,
    fleet::{Fault, Fleet, MemoryStore},
    kinds::SessionTokens,
    observe::FleetState,
};

use crate::{
    jwt::synchronise,
    support::{App, World},
};

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Replicas with the same configuration.
struct Replicas {
    world: World,
    store: MemoryStore,
    apps: Vec<App>,
}

impl Replicas {
    async fn new(count: usize) -> Self {
        Self::with(count, |world| world.config().accept(SessionTokens::new())).await
    }

    /// Replicas with another configuration.
    async fn with(count: usize, config: impl Fn(&World) -> ClerkConfigBuilder) -> Self {
        let world = World::new();
        let store = MemoryStore::new(world.clock.clone());
        let apps = (0..count).map(|number| {
            let fleet = Fleet::store(store.replica(number), SECRET);
            App::new(config(&world).fleet(fleet))
        });
        let apps: Vec<_> = apps.collect();
        for app in &apps {
            app.layer.authenticator().warm_up().await.unwrap();
        }
        Self { world, store, apps }
    }

    fn introspections(&self) -> usize {
        self.world.clerk.calls(Endpoint::Introspection)
    }
}

async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn token_is_introspected_once() {
    let replicas = Replicas::new(10).await;
    let token = replicas
        .world
        .clerk
        .token("user_1")
        .scopes(["email"])
        .issue();
    for app in &replicas.apps {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().subject(), "user_1");
        assert!(answer.claims().has_scope("email"));
        pass(10).await;
    }
    assert_eq!(replicas.introspections(), 1);
}

#[tokio::test(start_paused = true)]
async fn health_has_the_state_of_the_store() {
    let replicas = Replicas::new(1).await;
    let state = || replicas.apps[0].layer.authenticator().health().fleet;
    assert_eq!(state(), Some(FleetState::Live));
    replicas.store.inject(Fault::Unreachable);
    pass(500).await;
    assert_eq!(state(), Some(FleetState::Cut));
    replicas.store.heal();
    pass(6_000).await;
    assert_eq!(state(), Some(FleetState::Live));
    assert_eq!(
        replicas.world.app().layer.authenticator().health().fleet,
        None
    );
}

#[tokio::test(start_paused = true)]
async fn new_tokens_at_all_replicas_at_once_are_introspected_once_each() {
    let replicas = Replicas::new(10).await;
    let clerk = &replicas.world.clerk;
    clerk.fail(
        Endpoint::Introspection,
        tower_clerk::fake_clerk::Fault::delay(Duration::from_millis(100)),
    );
    let tokens: Vec<_> = (0..100).map(|_| clerk.token("user_1").issue()).collect();
    let requests = tokens
        .iter()
        .flat_map(|token| replicas.apps.iter().map(move |app| app.bearer(token)));
    for answer in futures_util::future::join_all(requests).await {
        answer.assert_accepted();
    }
    assert_eq!(replicas.introspections(), 100);
}

#[tokio::test(start_paused = true)]
async fn revocation_reaches_all_replicas_within_a_second() {
    let replicas = Replicas::new(5).await;
    let _ = replicas.world.clerk.public_key_pem();
    synchronise(&replicas.world);
    let session = replicas
        .world
        .clerk
        .session("user_1")
        .session_id("sess_1")
        .issue();
    let token = replicas.world.clerk.token("user_1").issue();
    for app in &replicas.apps {
        app.bearer(&session).await.assert_accepted();
        app.bearer(&token).await.assert_accepted();
        pass(10).await;
    }
    replicas.world.clerk.revoke(&token);
    let first = replicas.apps[0].layer.authenticator();
    first.revoke(Tokens::of_session("sess_1"));
    first.invalidate(Tokens::one(&token));
    first.flush().await.unwrap();
    pass(1_000).await;
    for app in &replicas.apps {
        for _ in 0..2 {
            let answer = app.bearer(&session).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
            let answer = app.bearer(&token).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_replica_applies_its_own_rules() {
    let replicas = Replicas::new(2).await;
    let narrow = {
        let fleet = Fleet::store(replicas.store.replica(2), SECRET);
        let oauth = replicas.world.oauth().required_scopes(["admin"]);
        App::new(replicas.world.accepting(oauth).fleet(fleet))
    };
    narrow.layer.authenticator().warm_up().await.unwrap();
    let token = replicas
        .world
        .clerk
        .token("user_1")
        .scopes(["email"])
        .issue();
    replicas.apps[0].bearer(&token).await.assert_accepted();
    pass(10).await;
    for _ in 0..2 {
        let answer = narrow.bearer(&token).await;
        answer.assert_rejected(403, AuthErrorKind::InsufficientScope);
    }
    replicas.apps[1].bearer(&token).await.assert_accepted();
    assert_eq!(replicas.introspections(), 2);
}

#[tokio::test(start_paused = true)]
async fn evidence_is_not_used_longer_than_the_ttl() {
    let replicas = Replicas::new(2).await;
    let token = replicas.world.clerk.token("user_1").issue();
    replicas.apps[0].bearer(&token).await.assert_accepted();
    pass(10).await;
    replicas.store.inject(Fault::Replaying);
    replicas.world.clerk.revoke(&token);
    for (advance, expected) in [(20, None), (9, Some(AuthErrorKind::Inactive))] {
        replicas.world.clock.advance(Duration::from_secs(advance));
        // The links read again with the new time.
        pass(500).await;
        assert_eq!(
            replicas.apps[1].bearer(&token).await.kind(),
            expected,
            "{advance}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_of_the_store_rejects_a_request() {
    for fault in [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::ReadOnly,
        Fault::Full,
        Fault::Delayed(Duration::from_millis(30)),
        Fault::Altering(77),
        Fault::Swapping,
        Fault::Split,
        Fault::WrongTime(3_600_000),
    ] {
        let replicas = Replicas::new(3).await;
        replicas.store.inject(fault);
        for _ in 0..5 {
            let token = replicas.world.clerk.token("user_1").issue();
            for app in &replicas.apps {
                let start = tokio::time::Instant::now();
                let answer = app.bearer(&token).await;
                assert_eq!(answer.kind(), None, "{fault:?}");
                assert_eq!(answer.claims().subject(), "user_1", "{fault:?}");
                assert!(start.elapsed() < Duration::from_secs(2), "{fault:?}");
            }
            pass(100).await;
        }
    }
}
