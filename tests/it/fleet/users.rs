//! The users of the Backend API: one call for all replicas, and never a user from before an invalidation.

use std::time::Duration;

use futures_util::future::join_all;
use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder, Tokens,
    fake_clerk::{self, Endpoint},
    fleet::Fault,
    kinds::Enrichment,
};

use super::{Replicas, pass};
use crate::support::{App, World};

fn config(world: &World) -> ClerkConfigBuilder {
    world
        .config()
        .users(Enrichment::Required)
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
}

impl Replicas {
    async fn with_users(count: usize) -> Self {
        let replicas = Self::with(count, config).await;
        replicas.rename("Ada");
        replicas
    }

    fn rename(&self, name: &str) {
        self.world.clerk.user("user_1").given_name(name).save();
    }

    /// Sends a token that no replica has seen.
    async fn first_name(&self, app: &App) -> Result<String, AuthErrorKind> {
        let answer = app.bearer(&self.world.clerk.token("user_1").issue()).await;
        match answer.kind() {
            Some(kind) => Err(kind),
            None => Ok(answer
                .claims()
                .user()
                .unwrap()
                .first_name()
                .unwrap()
                .to_owned()),
        }
    }

    async fn assert_name(&self, app: usize, expected: &str) {
        // The second verification finds the user in the cache of the replica.
        for _ in 0..2 {
            let name = self.first_name(&self.apps[app]).await;
            assert_eq!(name.as_deref(), Ok(expected), "replica {app}");
        }
        pass(10).await;
    }

    fn calls(&self) -> usize {
        self.world.clerk.calls(Endpoint::BackendUser)
    }

    /// Moves the clock of Clerk, the store and the replicas, which read the log once more.
    async fn advance(&self, time: Duration) {
        self.world.clock.advance(time);
        pass(500).await;
    }
}

#[tokio::test(start_paused = true)]
async fn user_is_fetched_once_per_minute_by_ten_replicas() {
    let replicas = Replicas::with_users(10).await;
    for minute in 1..=3 {
        for app in 0..10 {
            replicas.assert_name(app, "Ada").await;
        }
        assert_eq!(replicas.calls(), minute);
        replicas.advance(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_members_of_a_user_are_shared() {
    let replicas = Replicas::with_users(2).await;
    let user = replicas.world.clerk.user("user_1");
    user.email("ada@example.com")
        .family_name("Lovelace")
        .preferred_username("ada")
        .picture("https://img.example.com/ada.png")
        .public_metadata(serde_json::json!({"plan": "pro"}))
        .unsafe_metadata(serde_json::json!({"theme": ["dark", 1.5, null]}))
        .private_metadata(serde_json::json!({"crm": {"id": 18446744073709551615_u64}}))
        .save();
    let token = replicas.world.clerk.token("user_1").issue();
    let own = replicas.apps[0].bearer(&token).await;
    pass(10).await;
    let shared = replicas.apps[1].bearer(&token).await;
    assert_eq!(replicas.calls(), 1);
    let (own, shared) = (own.claims(), shared.claims());
    let json = |claims| serde_json::to_value(claims).unwrap();
    assert_eq!(json(own), json(shared));
    let (own, shared) = (own.user().unwrap(), shared.user().unwrap());
    assert_eq!(own.id(), shared.id());
    assert_eq!(own.profile().userinfo(), shared.profile().userinfo());
    assert_eq!(own.external_id(), shared.external_id());
    assert!(own.private_metadata().is_some());
    assert_eq!(own.private_metadata(), shared.private_metadata());
    assert!(own.created_at().is_some());
    assert_eq!(own.created_at(), shared.created_at());
    assert_eq!(own.updated_at(), shared.updated_at());
    assert_eq!(own.last_sign_in_at(), shared.last_sign_in_at());
    assert_eq!(own.last_active_at(), shared.last_active_at());
}

#[tokio::test(start_paused = true)]
async fn user_is_fetched_once_by_replicas_that_start_together() {
    let replicas = Replicas::with_users(10).await;
    let slow = fake_clerk::Fault::delay(Duration::from_millis(100));
    replicas.world.clerk.fail(Endpoint::BackendUser, slow);
    let all = replicas.apps.iter().map(|app| replicas.first_name(app));
    for name in join_all(all).await {
        assert_eq!(name.as_deref(), Ok("Ada"));
    }
    assert_eq!(replicas.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn invalidation_concerns_the_shared_user() {
    for (name, tokens, replays) in [
        ("subject", Tokens::of_subject("user_1"), false),
        (
            "subject, and the store replays",
            Tokens::of_subject("user_1"),
            true,
        ),
        ("all", Tokens::all(), false),
        ("all, and the store replays", Tokens::all(), true),
    ] {
        for revokes in [false, true] {
            let replicas = Replicas::with_users(4).await;
            replicas.assert_name(0, "Ada").await;
            replicas.assert_name(1, "Ada").await;
            assert_eq!(replicas.calls(), 1);
            if replays {
                replicas.store.inject(Fault::Replaying);
            }
            replicas.rename("Grace");
            let auth = replicas.apps[0].layer.authenticator();
            match revokes {
                true => auth.revoke(tokens),
                false => auth.invalidate(tokens),
            }
            // Here at once, and elsewhere when the message is read.
            replicas.assert_name(0, "Grace").await;
            auth.flush().await.unwrap();
            pass(1_000).await;
            for app in 0..4 {
                assert_eq!(
                    replicas.first_name(&replicas.apps[app]).await.as_deref(),
                    Ok("Grace"),
                    "{name}, {revokes}, replica {app}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalidation_of_another_user_costs_no_call() {
    let replicas = Replicas::with_users(2).await;
    replicas.assert_name(0, "Ada").await;
    let auth = replicas.apps[0].layer.authenticator();
    auth.revoke(Tokens::of_subject("user_2"));
    auth.flush().await.unwrap();
    pass(1_000).await;
    replicas.assert_name(1, "Ada").await;
    assert_eq!(replicas.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn user_from_before_the_invalidation_does_not_count_although_it_is_stored_late() {
    let replicas = Replicas::with_users(2).await;
    let slow = fake_clerk::Fault::delay(Duration::from_millis(300));
    replicas.world.clerk.fail(Endpoint::BackendUser, slow);
    let early = replicas.first_name(&replicas.apps[0]);
    let late = async {
        pass(100).await;
        let auth = replicas.apps[1].layer.authenticator();
        auth.invalidate(Tokens::of_subject("user_1"));
        auth.flush().await.unwrap();
    };
    let (early, ()) = futures_util::future::join(early, late).await;
    assert_eq!(
        early.as_deref(),
        Ok("Ada"),
        "it arrived before the invalidation"
    );
    replicas.world.clerk.heal(Endpoint::BackendUser);
    replicas.rename("Grace");
    pass(1_000).await;
    for app in [1, 0] {
        replicas.assert_name(app, "Grace").await;
    }
}

#[tokio::test(start_paused = true)]
async fn shared_user_is_not_used_longer_than_a_minute_after_the_call() {
    let replicas = Replicas::with_users(3).await;
    replicas.assert_name(0, "Ada").await;
    replicas.store.inject(Fault::Replaying);
    replicas.rename("Grace");
    replicas.advance(Duration::from_secs(50)).await;
    replicas.assert_name(1, "Ada").await;
    replicas.advance(Duration::from_secs(9)).await;
    // Replica 1 got it ten seconds before, and replica 2 gets it now.
    for app in [1, 2] {
        replicas.assert_name(app, "Grace").await;
    }
}

#[tokio::test(start_paused = true)]
async fn banned_user_is_not_shared() {
    let replicas = Replicas::with_users(3).await;
    replicas.world.clerk.user("user_1").banned(true).save();
    for (app, calls) in [(0, 1), (0, 1), (1, 2), (1, 2)] {
        let name = replicas.first_name(&replicas.apps[app]).await;
        assert_eq!(name, Err(AuthErrorKind::Inactive));
        assert_eq!(replicas.calls(), calls);
        pass(10).await;
    }
    // Nor does it hide that the user may act again.
    replicas.world.clerk.user("user_1").banned(false).save();
    replicas.assert_name(2, "Ada").await;
}

#[tokio::test(start_paused = true)]
async fn no_fault_of_the_store_rejects_a_user_or_shows_another_one() {
    for fault in [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::ReadOnly,
        Fault::Full,
        Fault::Lossy,
        Fault::Delayed(Duration::from_millis(15)),
        Fault::Delayed(Duration::from_millis(30)),
        Fault::Altering(77),
        Fault::Swapping,
        Fault::Replaying,
        Fault::Repeating,
        Fault::Reordering,
        Fault::HidingFrom(1),
        Fault::Split,
        Fault::WrongTime(3_600_000),
        Fault::WrongTime(-3_600_000),
    ] {
        let replicas = Replicas::with_users(3).await;
        replicas.world.clerk.user("user_2").given_name("Eve").save();
        let others = replicas.world.clerk.token("user_2").issue();
        replicas.apps[0].bearer(&others).await.assert_accepted();
        replicas.assert_name(0, "Ada").await;
        replicas.store.inject(fault);
        for _ in 0..2 {
            for app in &replicas.apps {
                let start = tokio::time::Instant::now();
                let name = replicas.first_name(app).await;
                assert_eq!(name.as_deref(), Ok("Ada"), "{fault:?}");
                assert!(start.elapsed() < Duration::from_secs(2), "{fault:?}");
            }
            pass(100).await;
            // A new minute: no replica has the user.
            replicas.advance(Duration::from_secs(60)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn record_of_a_user_with_any_bit_flipped_is_a_miss() {
    let replicas = Replicas::with_users(2).await;
    // Coprime to eight, so all bits of a byte occur. The unit tests of the seal flip every bit.
    for bit in (0..4_000).step_by(99) {
        let calls = replicas.calls();
        replicas.assert_name(0, "Ada").await;
        assert_eq!(replicas.calls(), calls + 1);
        replicas.store.inject(Fault::Altering(bit));
        replicas.assert_name(1, "Ada").await;
        assert_eq!(replicas.calls(), calls + 2, "bit {bit}");
        replicas.store.heal();
        replicas.advance(Duration::from_secs(60)).await;
    }
}
