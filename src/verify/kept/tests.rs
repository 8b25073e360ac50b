use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{sync::Semaphore, task::yield_now, time::Instant};

use super::{INTERVAL, KEEP, Kept, Newer, OLD, PATIENCE, REFRESH};
use crate::{
    AuthError, AuthErrorKind,
    clock::{Clock, Now},
};

/// A clock that is moved by hand.
#[derive(Default)]
struct Hands {
    mono: AtomicU64,
    wall: AtomicU64,
}

impl Clock for Hands {
    fn now(&self) -> Now {
        Now {
            mono: self.mono.load(Ordering::SeqCst),
            wall: self.wall.load(Ordering::SeqCst),
        }
    }
}

/// A document that says which fetch brought it, and how those go.
#[derive(Clone)]
struct World {
    clock: Arc<Hands>,
    calls: Arc<AtomicUsize>,
    /// Each fetch takes one.
    gate: Arc<Semaphore>,
    reply: Arc<Mutex<Reply>>,
}

#[derive(Clone, Copy)]
enum Reply {
    Number,
    Failure,
    Panic,
}

impl World {
    fn new() -> Self {
        Self {
            clock: Arc::default(),
            calls: Arc::default(),
            gate: Arc::new(Semaphore::new(1_000)),
            reply: Arc::new(Mutex::new(Reply::Number)),
        }
    }

    fn kept(&self) -> Kept<usize> {
        let world = self.clone();
        let fetch = move || -> BoxFuture<'static, _> { Box::pin(world.clone().fetch()) };
        let clock: Arc<dyn Clock> = self.clock.clone();
        Kept::new(Box::new(fetch), clock)
    }

    async fn fetch(self) -> Result<usize, AuthError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        let reply = *self.reply.lock().unwrap();
        match reply {
            Reply::Number => Ok(number),
            Reply::Failure => Err(AuthErrorKind::UpstreamUnavailable.into()),
            Reply::Panic => panic!("as told"),
        }
    }

    fn advance(&self, millis: u64) {
        self.clock.mono.fetch_add(millis, Ordering::SeqCst);
        self.clock.wall.fetch_add(millis, Ordering::SeqCst);
    }

    fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// Has fetches wait from now on.
    fn shut(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    fn open(&self) {
        self.gate.add_permits(1_000);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Lets tasks in the background come to their end.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn get(kept: &Kept<usize>) -> Option<usize> {
    kept.get().await.ok().map(|edition| *edition.document)
}

fn wait_of(newer: Newer<usize>) -> Option<(Duration, bool)> {
    match newer {
        Newer::Edition(_) => None,
        Newer::NotYet { wait, is_recent } => Some((wait, is_recent)),
    }
}

fn number_of(newer: Newer<usize>) -> Option<usize> {
    match newer {
        Newer::Edition(edition) => Some(*edition.document),
        Newer::NotYet { .. } => None,
    }
}

#[tokio::test]
async fn all_who_ask_share_one_fetch() {
    let world = World::new();
    let kept = world.kept();
    assert_eq!(world.calls(), 0);
    world.shut();
    let asked = join_all((0..100).map(|_| get(&kept)));
    let opened = async {
        settle().await;
        world.open();
    };
    let (answers, ()) = futures_util::future::join(asked, opened).await;
    assert_eq!(answers, [Some(1); 100]);
    assert_eq!(get(&kept).await, Some(1));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn all_who_ask_share_a_failure_and_the_next_tries_anew() {
    let world = World::new();
    let kept = world.kept();
    world.reply(Reply::Failure);
    assert_eq!(join_all((0..10).map(|_| get(&kept))).await, [None; 10]);
    assert_eq!(world.calls(), 1);
    world.reply(Reply::Number);
    assert_eq!(get(&kept).await, Some(2));
}

#[tokio::test]
async fn a_panic_is_a_failure_and_leaves_nobody_waiting() {
    let world = World::new();
    let kept = world.kept();
    world.reply(Reply::Panic);
    assert_eq!(
        kept.get().await.map(drop).unwrap_err().kind(),
        AuthErrorKind::UpstreamUnavailable
    );
    world.reply(Reply::Number);
    assert_eq!(get(&kept).await, Some(2));
}

#[tokio::test]
async fn who_stops_waiting_takes_nobody_along() {
    let world = World::new();
    let kept = world.kept();
    world.shut();
    let mut first = Box::pin(kept.get());
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    world.open();
    settle().await;
    assert_eq!(get(&kept).await, Some(1));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn an_old_edition_serves_while_it_is_fetched_anew() {
    let world = World::new();
    let kept = world.kept();
    assert_eq!(get(&kept).await, Some(1));
    world.advance(REFRESH - 1);
    assert_eq!(get(&kept).await, Some(1));
    settle().await;
    assert_eq!(world.calls(), 1);

    world.advance(1);
    world.shut();
    for _ in 0..10 {
        assert_eq!(get(&kept).await, Some(1));
    }
    world.open();
    settle().await;
    assert_eq!(get(&kept).await, Some(2));
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn the_last_good_edition_serves_for_an_hour() {
    let world = World::new();
    let kept = world.kept();
    assert_eq!(get(&kept).await, Some(1));
    world.reply(Reply::Failure);
    let mut calls = 1;
    world.advance(REFRESH);
    for age in (REFRESH..KEEP).step_by(1_000) {
        assert_eq!(get(&kept).await, Some(1), "{age}");
        settle().await;
        // Not with each request.
        calls += usize::from((age - REFRESH).is_multiple_of(INTERVAL));
        assert_eq!(world.calls(), calls, "{age}");
        world.advance(1_000);
    }
    assert_eq!(get(&kept).await, None);
    assert_eq!(get(&kept).await, None);
    world.reply(Reply::Number);
    assert!(get(&kept).await.is_some());
}

#[tokio::test]
async fn whichever_clock_runs_counts() {
    for clock in [true, false] {
        let world = World::new();
        let kept = world.kept();
        assert_eq!(get(&kept).await, Some(1));
        world.reply(Reply::Failure);
        let hand = if clock {
            &world.clock.mono
        } else {
            &world.clock.wall
        };
        hand.store(KEEP - 1, Ordering::SeqCst);
        assert_eq!(get(&kept).await, Some(1));
        settle().await;
        hand.store(KEEP, Ordering::SeqCst);
        assert_eq!(get(&kept).await, None);
    }
}

#[tokio::test]
async fn what_is_demanded_is_fetched_once_in_an_interval() {
    let world = World::new();
    let kept = world.kept();
    let first = kept.get().await.unwrap();
    // The first fetch of all does not count.
    let newer = join_all((0..10).map(|_| kept.newer(&first))).await;
    for newer in newer {
        assert_eq!(newer.ok().and_then(number_of), Some(2));
    }
    assert_eq!(world.calls(), 2);
    // One has come meanwhile.
    assert_eq!(kept.newer(&first).await.ok().and_then(number_of), Some(2));
    let second = kept.get().await.unwrap();
    world.advance(INTERVAL - 1);
    let wait = kept.newer(&second).await.ok().and_then(wait_of);
    assert_eq!(wait, Some((Duration::from_millis(1), true)));
    assert_eq!(world.calls(), 2);
    world.advance(1);
    assert_eq!(kept.newer(&second).await.ok().and_then(number_of), Some(3));
}

#[tokio::test]
async fn a_demand_that_failed_counts_and_leaves_an_edition_that_is_not_recent() {
    let world = World::new();
    let kept = world.kept();
    let first = kept.get().await.unwrap();
    world.reply(Reply::Failure);
    assert!(kept.newer(&first).await.is_err());
    world.reply(Reply::Number);
    let wait = kept.newer(&first).await.ok().and_then(wait_of);
    assert_eq!(wait, Some((Duration::from_millis(INTERVAL), false)));
    assert_eq!(get(&kept).await, Some(1));
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_demand_joins_what_is_under_way() {
    let world = World::new();
    let kept = world.kept();
    let first = kept.get().await.unwrap();
    world.advance(REFRESH);
    world.shut();
    let begun = kept.fetches_begun();
    assert_eq!(get(&kept).await, Some(1));
    let mut joined = Box::pin(kept.newer(&first));
    assert!(futures_util::poll!(&mut joined).is_pending());
    world.open();
    let Ok(Newer::Edition(second)) = joined.await else {
        panic!("no edition");
    };
    assert_eq!((*second.document, world.calls()), (2, 2));
    assert!(second.is_after(begun) && !second.is_after(kept.fetches_begun()));
    // What was begun in the background was not demanded.
    assert_eq!(kept.newer(&second).await.ok().and_then(number_of), Some(3));
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let world = World::new();
    let kept = world.kept();
    let error = futures_util::FutureExt::now_or_never(kept.get());
    assert!(error.is_some_and(|result| result.is_err()));
    assert_eq!(world.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_used_for_a_while_is_not_used_before_another_was_tried() {
    let world = World::new();
    let kept = world.kept();
    assert_eq!(get(&kept).await, Some(1));
    world.advance(OLD - 1);
    assert_eq!(get(&kept).await, Some(1), "still young, and fetched anew");
    settle().await;
    world.advance(OLD);
    assert_eq!(get(&kept).await, Some(3), "old: the new one is waited for");

    world.advance(OLD);
    world.reply(Reply::Failure);
    assert_eq!(get(&kept).await, Some(3), "it cannot be had");
    assert_eq!(world.calls(), 4);

    // Nor is anybody kept waiting for long, nor everybody.
    world.shut();
    world.advance(INTERVAL);
    let start = Instant::now();
    assert_eq!(get(&kept).await, Some(3));
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(get(&kept).await, Some(3));
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(world.calls(), 5);
}
