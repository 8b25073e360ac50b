//! What reaches the store: names and contents are sealed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tower_clerk::{
    Tokens,
    fleet::{Claim, Fleet, MemoryStore, Page, Position, SharedStore, StoreError},
    kinds::Enrichment,
};

use super::{SECRET, pass};
use crate::{
    redaction::Log,
    support::{App, World},
};

/// A store that keeps every byte that reaches it.
#[derive(Clone)]
struct Tapped {
    store: MemoryStore,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Tapped {
    fn see(&self, bytes: &[u8]) {
        let mut seen = self.seen.lock().unwrap();
        seen.extend_from_slice(bytes);
        seen.push(b'\n');
    }

    fn contains(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.windows(text.len()).any(|it| it == text.as_bytes())
    }
}

impl SharedStore for Tapped {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.see(name.as_bytes());
        self.store.get(name)
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.see(name.as_bytes());
        self.store.claim(name, lease)
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.see(name.as_bytes());
        if let Some((record, _)) = &record {
            self.see(record);
        }
        self.store.release(name, record)
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.see(log.as_bytes());
        for message in publish {
            self.see(message);
        }
        self.store.exchange(log, publish, from)
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.see(counter.as_bytes());
        self.store.count(counter, window)
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_no_secret_and_no_person_reaches_the_store() {
    let log = Log::default();
    let guard = log.subscribe();
    let world = World::new();
    let tapped = Tapped {
        store: MemoryStore::new(world.clock.clone()),
        seen: Arc::default(),
    };
    let fleet = || Fleet::store(tapped.clone(), SECRET);
    let config = || {
        let config = world.config().users(Enrichment::Required);
        let config = config.secret_key(world.clerk.secret_key());
        config.backend_api_url(world.clerk.url()).fleet(fleet())
    };
    let apps = [(); 2].map(|()| App::new(config()));
    for app in &apps {
        app.layer.authenticator().warm_up().await.unwrap();
    }
    let user = world.clerk.user("user_canary");
    user.email("canary@example.com")
        .given_name("Canary")
        .family_name("Bird")
        .private_metadata(serde_json::json!({ "note": "for the canary" }))
        .save();
    let token = world
        .clerk
        .token("user_canary")
        .scopes(["email", "profile"])
        .issue();
    for app in &apps {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        let user = answer.claims().user().expect("it is shared, too");
        assert_eq!(user.primary_email(), Some("canary@example.com"));
        assert!(user.private_metadata().is_some());
        app.bearer("oat_badCanaryToken").await;
        pass(10).await;
    }
    assert_eq!(
        world
            .clerk
            .calls(tower_clerk::fake_clerk::Endpoint::BackendUser),
        1
    );
    let auth = apps[0].layer.authenticator();
    auth.revoke(Tokens::one(&token));
    auth.revoke(Tokens::of_session("sess_canary"));
    auth.revoke(Tokens::of_subject("user_canary"));
    auth.invalidate(Tokens::of_organization("org_canary"));
    auth.flush().await.unwrap();
    pass(500).await;
    drop(guard);

    assert!(tapped.contains("tc1:{"), "names reached it");
    let log = log.text();
    let (secret, random) = (
        world.clerk.client_secret(),
        token.trim_start_matches("oat_"),
    );
    for text in [
        &*token,
        random,
        &*secret,
        SECRET,
        "anary",
        "example.com",
        "user_",
        "sess_",
        "org_",
        "oat_",
        "email",
        "Bird",
        "metadata",
        &*world.clerk.secret_key(),
    ] {
        assert!(!tapped.contains(text), "{text} reached the store");
    }
    for text in [&*token, &*secret, SECRET, "anary", "Bird"] {
        assert!(!log.contains(text), "{text} is in the log:\n{log}");
    }
}
