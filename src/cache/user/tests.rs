use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Map;
use tokio::sync::Semaphore;

use super::{FetchedUser, UserCache};
use crate::{
    AuthError, AuthErrorKind,
    cache::Made,
    claims::User,
    clock::{Clock, Now},
};

/// A clock that is moved by hand.
struct Manual(Mutex<Now>);

impl Manual {
    fn advance(&self, millis: u64) {
        let mut now = self.0.lock().unwrap();
        now.mono += millis;
        now.wall += millis;
    }
}

impl Clock for Manual {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

type Told = Result<Option<&'static str>, AuthErrorKind>;

/// A cache, and whoever is asked behind it, who waits to be let on.
struct World {
    cache: Arc<UserCache>,
    clock: Arc<Manual>,
    told: Arc<Mutex<Told>>,
    gate: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

impl World {
    fn new(is_off: bool) -> Self {
        let clock = Arc::new(Manual(Mutex::new(Now {
            mono: 1_000,
            wall: 1_700_000_000_000,
        })));
        let second = Duration::from_secs(2);
        let shared: Arc<dyn Clock> = Arc::<Manual>::clone(&clock);
        Self {
            cache: Arc::new(UserCache::new([7; 32], 100, second, is_off, shared)),
            clock,
            told: Arc::new(Mutex::new(Ok(Some("first")))),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            calls: Arc::default(),
        }
    }

    fn made(&self) -> Made {
        Made::here(self.clock.now())
    }

    fn tell(&self, told: Told) {
        *self.told.lock().unwrap() = told;
    }

    /// The external id of the user of this id.
    async fn get(&self, id: &str) -> Result<Option<String>, AuthErrorKind> {
        let fetch = || {
            let (told, gate) = (Arc::clone(&self.told), Arc::clone(&self.gate));
            self.calls.fetch_add(1, Ordering::SeqCst);
            async move {
                // What was true when it was asked for.
                let told = *told.lock().unwrap();
                drop(gate.acquire().await.unwrap());
                match told {
                    Ok(name) => {
                        let user = name.map(|name| {
                            let members = Map::from_iter([("external_id".to_owned(), name.into())]);
                            Arc::new(User::new("user_1", members))
                        });
                        Ok(FetchedUser { user, age: 0 })
                    }
                    Err(kind) => Err(AuthError::new(kind)),
                }
            }
        };
        match self.cache.get(id, fetch).await {
            Ok(user) => Ok(user.and_then(|user| Some(user.external_id()?.to_owned()))),
            Err(error) => Err(error.kind()),
        }
    }

    #[track_caller]
    fn assert_calls(&self, expected: usize) {
        assert_eq!(self.calls.load(Ordering::SeqCst), expected);
    }
}

fn user(name: &str) -> Result<Option<String>, AuthErrorKind> {
    Ok(Some(name.to_owned()))
}

#[tokio::test]
async fn user_is_kept_for_a_minute() {
    let world = World::new(false);
    assert_eq!(world.get("user_1").await, user("first"));
    world.tell(Ok(Some("second")));
    world.clock.advance(59_999);
    assert_eq!(world.get("user_1").await, user("first"));
    world.assert_calls(1);
    world.clock.advance(1);
    assert_eq!(world.get("user_1").await, user("second"));
    assert_eq!(world.get("user_2").await, user("second"));
    world.assert_calls(3);
}

#[tokio::test]
async fn rejection_is_kept_for_five_seconds() {
    let world = World::new(false);
    world.tell(Ok(None));
    assert_eq!(world.get("user_1").await, Ok(None));
    world.tell(Ok(Some("second")));
    world.clock.advance(4_999);
    assert_eq!(world.get("user_1").await, Ok(None));
    world.assert_calls(1);
    world.clock.advance(1);
    assert_eq!(world.get("user_1").await, user("second"));
}

#[tokio::test]
async fn error_is_not_kept() {
    let world = World::new(false);
    world.tell(Err(AuthErrorKind::UpstreamUnavailable));
    for _ in 0..2 {
        let outcome = world.get("user_1").await;
        assert_eq!(outcome, Err(AuthErrorKind::UpstreamUnavailable));
    }
    world.assert_calls(2);
    world.tell(Ok(Some("first")));
    assert_eq!(world.get("user_1").await, user("first"));
}

#[tokio::test]
async fn all_who_ask_at_once_are_one_call() {
    for is_off in [false, true] {
        let world = World::new(is_off);
        let all = (0..100).map(|_| world.get("user_1"));
        for outcome in futures_util::future::join_all(all).await {
            assert_eq!(outcome, user("first"));
        }
        world.assert_calls(1);
        let expected = if is_off { 2 } else { 1 };
        assert_eq!(world.get("user_1").await, user("first"));
        world.assert_calls(expected);
    }
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_fetch_to_others() {
    let world = World::new(false);
    world.gate.forget_permits(Semaphore::MAX_PERMITS);
    let mut first = Box::pin(world.get("user_1"));
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    world.gate.add_permits(1);
    assert_eq!(world.get("user_1").await, user("first"));
    world.assert_calls(1);
}

#[tokio::test]
async fn forgotten_user_is_fetched_anew() {
    for everybody in [false, true] {
        let world = World::new(false);
        assert_eq!(world.get("user_1").await, user("first"));
        assert_eq!(world.get("user_2").await, user("first"));
        world.tell(Ok(Some("second")));
        match everybody {
            true => world.cache.clear(world.made()),
            false => world.cache.invalidate("user_1", world.made()),
        }
        assert_eq!(world.get("user_1").await, user("second"));
        let other = if everybody { "second" } else { "first" };
        assert_eq!(world.get("user_2").await, user(other));
    }
}

#[tokio::test]
async fn fetch_that_is_under_way_does_not_survive_an_invalidation() {
    // fault C3
    for everybody in [false, true] {
        let world = World::new(false);
        world.gate.forget_permits(Semaphore::MAX_PERMITS);
        let mut before = Box::pin(world.get("user_1"));
        assert!(futures_util::poll!(&mut before).is_pending());
        // The task has to read what it is told before that changes.
        tokio::task::yield_now().await;
        world.tell(Ok(Some("second")));
        match everybody {
            true => world.cache.clear(world.made()),
            false => world.cache.invalidate("user_1", world.made()),
        }
        let mut after = Box::pin(world.get("user_1"));
        assert!(futures_util::poll!(&mut after).is_pending());
        world.assert_calls(2);
        world.gate.add_permits(10);
        assert_eq!(
            before.await,
            user("first"),
            "it came before the invalidation"
        );
        assert_eq!(after.await, user("second"));
        assert_eq!(world.get("user_1").await, user("second"));
        world.assert_calls(2);
    }
}

#[tokio::test]
async fn fetch_that_is_overtaken_is_not_remembered() {
    // fault C3
    for everybody in [false, true] {
        let world = World::new(false);
        world.gate.forget_permits(Semaphore::MAX_PERMITS);
        let mut before = Box::pin(world.get("user_1"));
        assert!(futures_util::poll!(&mut before).is_pending());
        tokio::task::yield_now().await;
        match everybody {
            true => world.cache.clear(world.made()),
            false => world.cache.invalidate("user_1", world.made()),
        }
        world.tell(Ok(Some("second")));
        world.gate.add_permits(10);
        assert_eq!(before.await, user("first"));
        world.assert_calls(1);
        assert_eq!(world.get("user_1").await, user("second"));
        world.assert_calls(2);
    }
}

#[tokio::test]
async fn burst_of_invalidations_leaves_other_users() {
    // fault B10
    let world = World::new(false);
    for number in 0..100 {
        world.get(&format!("user_{number}")).await.unwrap();
    }
    let kept = world.cache.store.len();
    for number in 0..20_000 {
        world
            .cache
            .invalidate(&format!("user_unknown_{number}"), world.made());
    }
    assert_eq!(world.cache.store.len(), kept);
    for number in 0..100 {
        world.get(&format!("user_{number}")).await.unwrap();
    }
    world.assert_calls(100);
}

#[tokio::test]
async fn number_of_users_is_bounded() {
    let world = World::new(false);
    for number in 0..1_000 {
        assert_eq!(world.get(&format!("user_{number}")).await, user("first"));
    }
    assert!(world.cache.store.len() <= 100);
}
