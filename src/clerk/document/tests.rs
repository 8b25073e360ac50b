use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{sync::Semaphore, task::yield_now, time::Instant};

use super::version::{INTERVAL, KEEP};
use super::{CachedDocument, FAILURES, Fetched, OLD, PATIENCE, PAUSE, REFRESH, Version};
use crate::{
    AuthError, AuthErrorKind,
    clerk::http::{Priority, Waiters},
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
    waiters: Arc<Waiters>,
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
            waiters: Waiters::new(1_000),
            reply: Arc::new(Mutex::new(Reply::Number)),
        }
    }

    fn kept(&self) -> CachedDocument<usize> {
        let world = self.clone();
        let fetch = move || -> BoxFuture<'static, _> { Box::pin(world.clone().fetch()) };
        let clock: Arc<dyn Clock> = self.clock.clone();
        CachedDocument::new(Box::new(fetch), clock, Arc::clone(&self.waiters), TIMEOUT)
    }

    async fn fetch(self) -> Result<Fetched<usize>, AuthError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        let reply = *self.reply.lock().unwrap();
        match reply {
            Reply::Number => Ok(Fetched {
                document: number,
                is_fresh: true,
            }),
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

async fn get(kept: &CachedDocument<usize>) -> Option<usize> {
    let mut place = kept.place(Some(Priority::FirstSeen));
    let version = kept.get(&mut place).await.ok()?;
    Some(*version.document)
}

async fn version(kept: &CachedDocument<usize>) -> Result<Version<usize>, AuthError> {
    kept.get(&mut kept.place(None)).await
}

/// What is later than a version.
async fn later(kept: &CachedDocument<usize>, than: &Version<usize>) -> Option<usize> {
    let mut place = kept.place(Some(Priority::FirstSeen));
    let version = kept.later(than, &mut place).await.ok()?;
    Some(*version.document)
}

const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
async fn all_who_ask_share_a_failure_and_the_next_tries_anew() {
    let world = World::new();
    let kept = world.kept();
    world.reply(Reply::Failure);
    assert_eq!(join_all((0..10).map(|_| get(&kept))).await, [None; 10]);
    assert_eq!(world.calls(), 1);
    world.reply(Reply::Number);
    assert_eq!(get(&kept).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_leaves_nobody_waiting() {
    let world = World::new();
    let kept = world.kept();
    world.reply(Reply::Panic);
    assert_eq!(
        version(&kept).await.map(drop).unwrap_err().kind(),
        AuthErrorKind::UpstreamUnavailable
    );
    world.reply(Reply::Number);
    assert_eq!(get(&kept).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_takes_nobody_along() {
    let world = World::new();
    let kept = world.kept();
    world.shut();
    let mut first = Box::pin(get(&kept));
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    world.open();
    settle().await;
    assert_eq!(get(&kept).await, Some(1));
    assert_eq!(world.calls(), 1);
}

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
async fn two_fetches_begin_a_second_apart_whatever_for() {
    // fault B7
    let world = World::new();
    let kept = world.kept();
    let start = Instant::now();
    let first = version(&kept).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let found = join_all((0..10).map(|_| later(&kept, &first))).await;
    assert_eq!(found, [Some(2); 10]);
    assert_eq!((start.elapsed(), world.calls()), (PAUSE, 2));
    // One that has come meanwhile need not be waited for.
    assert_eq!(later(&kept, &first).await, Some(2));
    assert_eq!(start.elapsed(), PAUSE);
    // One that failed counts as well.
    let second = version(&kept).await.unwrap();
    world.reply(Reply::Failure);
    assert_eq!(later(&kept, &second).await, None);
    world.reply(Reply::Number);
    assert_eq!(later(&kept, &second).await, Some(4));
    assert_eq!((start.elapsed(), world.calls()), (3 * PAUSE, 4));
}

#[tokio::test(start_paused = true)]
async fn failures_are_a_second_apart_once_there_are_many() {
    // fault B7
    let world = World::new();
    let kept = world.kept();
    world.reply(Reply::Failure);
    let start = Instant::now();
    for _ in 0..FAILURES {
        assert_eq!(join_all((0..10).map(|_| get(&kept))).await, [None; 10]);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    for number in 1..5 {
        assert_eq!(join_all((0..10).map(|_| get(&kept))).await, [None; 10]);
        assert_eq!(start.elapsed(), number * PAUSE);
    }
    world.reply(Reply::Number);
    assert!(get(&kept).await.is_some());
    assert_eq!(world.calls(), usize::try_from(FAILURES).unwrap() + 5);
}

#[tokio::test(start_paused = true)]
async fn a_later_version_is_that_of_a_fetch_under_way() {
    let world = World::new();
    let kept = world.kept();
    let first = version(&kept).await.unwrap();
    world.advance(REFRESH);
    world.shut();
    let begun = kept.fetches_begun();
    assert_eq!(get(&kept).await, Some(1));
    let mut joined = Box::pin(later(&kept, &first));
    assert!(futures_util::poll!(&mut joined).is_pending());
    world.open();
    assert_eq!((joined.await, world.calls()), (Some(2), 2));
    let second = version(&kept).await.unwrap();
    assert!(second.is_after(begun) && !second.is_after(kept.fetches_begun()));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_take_a_place_each_and_those_beyond_do_not_wait() {
    // fault B6
    let mut world = World::new();
    world.waiters = Waiters::new(100);
    let kept = world.kept();
    world.shut();
    let mut waiting = Vec::new();
    for number in 0..100 {
        let mut request = Box::pin(get(&kept));
        let is_pending = futures_util::poll!(&mut request).is_pending();
        // The share of tokens never seen.
        assert_eq!(is_pending, number < 65, "{number}");
        waiting.push((request, is_pending));
    }
    let shed = kept.get(&mut kept.place(Some(Priority::FirstSeen))).await;
    assert_eq!(
        shed.map(drop).unwrap_err().kind(),
        AuthErrorKind::Overloaded
    );
    // Work in the background takes none.
    let mut background = Box::pin(version(&kept));
    assert!(futures_util::poll!(&mut background).is_pending());
    world.open();
    assert!(background.await.is_ok());
    for (request, is_pending) in waiting {
        if is_pending {
            assert_eq!(request.await, Some(1));
        }
    }
    // What is there needs no place, and the places are free again.
    let places: Vec<_> =
        std::iter::from_fn(|| world.waiters.enter(Priority::Document).ok()).collect();
    assert_eq!(places.len(), 100);
    assert_eq!(get(&kept).await, Some(1));
    world.advance(OLD);
    assert_eq!(get(&kept).await, Some(1), "an old one serves");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_overdue_is_superseded() {
    // fault C1
    let world = World::new();
    let kept = world.kept();
    world.shut();
    let start = Instant::now();
    assert_eq!(get(&kept).await, None);
    assert_eq!(start.elapsed(), TIMEOUT);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut request = Box::pin(get(&kept));
    assert!(futures_util::poll!(&mut request).is_pending());
    settle().await;
    assert_eq!(world.calls(), 2);
    // The old one wakes up first, and is not what counts.
    world.gate.add_permits(1);
    settle().await;
    assert!(futures_util::poll!(&mut request).is_pending());
    world.open();
    assert_eq!(request.await, Some(2));
    assert_eq!(get(&kept).await, Some(2));
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let world = World::new();
    let kept = world.kept();
    let error = futures_util::FutureExt::now_or_never(version(&kept));
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
