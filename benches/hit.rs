//! What a request costs that asks nobody: hits and rejections, as ratios to the same request through a layer
//! that does nothing. Of each kind of token there is a hit, all by one layer.
//!
//! The machine that measures is rarely alone. All ways of a request take turns in short rounds, each is set
//! in ratio to the floor of its own round, and what is printed is the median of these ratios. What is exact
//! is in the benches `instructions` and `memory`.
//!
//! # What was tried
//!
//! Instructions of a hit over the no-op layer, 36 bytes of token, each with the layer as it was then; 729 to
//! 861 of them are the extension's own.
//!
//! | variant | instructions | why (not) |
//! |---|--:|---|
//! | `moka::sync` alone, read on every hit | 3,900 | 7 times a map's read; at 100,000 tokens its upkeep misses the processor's caches |
//! | a direct-mapped table of 4,096 slots (arc-swap) before it | 3,300 | collisions, and the store no longer learned who is in use: a flood displaced 0.2 % |
//! | a sharded map of all entries; the store told of every 16th hit | 2,040 | as above: hot tokens were lost while the store filled |
//! | the same; the store told of the first hit in each generation of insertions | 2,040 | nothing lost; where nothing is inserted, a hit never touches the store |
//! | and the alphabet of the token looked at on a miss alone, one look at the header | 1,780 | what the cache knows was well-formed when it went in |
//! | and the padding of SHA-256 spelled out (the rounds stay the library's) | 1,700 | its buffer is made for messages in pieces |
//! | and the wall clock read once a tick (4 ms) | about 1,610 | 1,710 where each request falls into another tick, as it does when stepped through |
//! | and counts for metrics, a line for whoever traces, options of the way through | 1,800 | what an operator wants to know |
//! | and what waits, misses, ends or may be void out of the way; one glance at a verdict before the close look; the look-up in its caller's place; one block of padding | 1,600 | about 1,500 within a tick; under axum 1,700 where it was 1,900 |
//! | and other kinds of tokens, cookies; the tick of the clock apart from what most requests see of it | 1,642 | a hit is asked nothing more than before; builds differ by some ten |
//! | and claims and what is remembered of them in one allocation; the usual spelling of the header at a glance | 1,617 | and 25 % less time over the no-op layer with 100,000 tokens, 20 % less with 1,000: one wait for memory less |
//! | and a lock of which each thread has a part, and hits counted by thread; shards in an array of known length | 1,628 | two threads with one token: 1.3 times slower than one, where it was 1.8; what is left is the count of owners, and is as much for the insert-only layer |
//! | and keys in the entries, pointers alone in the index | 1,627 | a fifth of its size: 5 to 10 % less time with 1,000 and with 100,000 tokens, about 50 bytes less for each |
//! | and threads count hits in places of their own, without an atomic addition | 1,628 | 15 ns of 200 in `peers` |
//! | deadlines and epoch in the index, beside the pointer | -6 | no faster, not even for two threads with one token, and 24 bytes more for each |
//! | the beginnings of keys in the index | +20 | as fast as pointers alone |
//! | a table of 256 hot tokens for each thread before the index | +60 to +150 | it relieves two threads as the divided lock does, and holds on to what was forgotten |
//! | `decide` in its caller's place | +40 | what it calls is no longer in its own |
//! | the look-up left to the compiler to place | +50 | it has more than one caller, and what it finds goes through memory |
//! | and the shards in the index itself, not behind a pointer | -13 | it stands on the stack while it is made, which is too much for the model checker's |
//! | counters for metrics skipped where nobody records | -6, by the listing | each is a load and a comparison then |
//! | SipHash-2-4-128 for SHA-256 | -30 | 40 ns less, but a promise about keys, not about collisions |
//! | BLAKE3 for SHA-256 | +160 | slower on processors that know SHA |
//! | inlining by hand of what has one caller | 0 | the compiler does it |

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

mod support;

use std::{
    convert::Infallible,
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use http::{Request, Response, header::AUTHORIZATION};
use tower::{Layer, Service, layer::layer_fn};

use crate::support::{
    BAD_TOKEN, Boxed, InsertOnly, Leaf, Noop, bare, finish,
    kinds::{Carried, of_each_kind},
    load, long_token, median, ours, pass, reject, request, tokens, warm,
};

const ROUNDS: usize = 101;
const BATCH: usize = 256;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let many = tokens(100_000);
    let long = long_token(900);
    let kinds = of_each_kind();
    let layer = ours(200_000);
    let mut all = layer.layer(Leaf);
    let thousand = ours(200_000);
    let mut boxed = Boxed::new(Leaf);
    runtime.block_on(async {
        // Twice, and the second time when all are there: of the first hit after so many insertions, the store is
        // told, as it is not of those that follow.
        for _ in 0..2 {
            warm(&mut all, std::slice::from_ref(&long)).await;
            warm(&mut all, &many).await;
            warm(&mut thousand.layer(Leaf), &many[..1000]).await;
            for kind in &kinds {
                pass(&mut thousand.layer(Leaf), kind.request()).await;
            }
        }
        warm(&mut boxed, &many[..1000]).await;
    });

    one_thread(
        &runtime,
        &many,
        &long,
        &kinds,
        (all, thousand.layer(Leaf), boxed.clone()),
    );
    two_threads(&many, &thousand, &boxed);
    runtime.block_on(warm(&mut thousand.layer(Leaf), &many[..1000]));
    loopback(&many[0]);
}

type Ours = <tower_clerk::ClerkAuthLayer as Layer<Leaf>>::Service;

fn one_thread(
    runtime: &tokio::runtime::Runtime,
    many: &[String],
    long: &str,
    kinds: &[Carried],
    (mut all, mut thousand, mut boxed): (Ours, Ours, Boxed<Leaf>),
) {
    let (mut noop, mut insert) = (Noop(Leaf), InsertOnly(Leaf, "user_1".into()));
    let mut rng = fastrand::Rng::with_seed(9);
    let mut names = Vec::new();
    let mut ratios: Vec<Vec<f64>> = Vec::new();
    let mut floors = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Round::default();
        round.add("no-op layer (the floor)", &mut noop, |_| request(&many[0]));
        round.add("insert-only layer", &mut insert, |_| request(&many[0]));
        round.add("hit, one token", &mut thousand, |_| request(&many[0]));
        round.add("hit, 1,000 tokens", &mut thousand, |_| {
            request(&many[rng.usize(..1000)])
        });
        round.add("hit, 100,000 tokens", &mut all, |_| {
            request(&many[rng.usize(..100_000)])
        });
        round.add("hit, a token of 900 bytes", &mut all, |_| request(long));
        for kind in kinds {
            let name = format!("hit, {}", kind.name);
            round.add(name, &mut thousand, |_| kind.request());
        }
        round.add(
            "boxed future over moka::future, one token",
            &mut boxed,
            |_| request(&many[0]),
        );
        round.add(
            "boxed future over moka::future, 1,000 tokens",
            &mut boxed,
            |_| request(&many[rng.usize(..1000)]),
        );
        round.add("rejected: no credentials", &mut all, |_| {
            bare().body(()).expect("valid")
        });
        round.add("rejected: malformed", &mut all, |_| request("a b"));
        runtime.block_on(reject(&mut all, request(BAD_TOKEN)));
        round.add("rejected: known to be bad", &mut all, |_| {
            request(BAD_TOKEN)
        });
        let floor = round.0[0].1;
        floors.push(floor);
        ratios.resize(round.0.len(), Vec::new());
        names = round.0.iter().map(|(name, _)| name.clone()).collect();
        for (column, (_, nanos)) in ratios.iter_mut().zip(&round.0) {
            column.push((nanos - floor) / floor);
        }
    }
    println!(
        "One thread: the floor is {:.0} ns. Over it, in floors, and as a part of the alternative's:\n",
        median(&mut floors)
    );
    println!("| | over the floor | of the boxed design |\n|---|--:|--:|");
    let medians: Vec<_> = ratios.iter_mut().map(|column| median(column)).collect();
    let of = |wanted: &str| {
        let place = names.iter().position(|name| name == wanted);
        medians[place.expect("it is measured")]
    };
    let boxed = of("boxed future over moka::future, 1,000 tokens");
    for (name, over) in names.iter().zip(&medians) {
        println!("| {name} | {over:.2} | {:.2} |", over / boxed);
    }
    let (thousand, many) = (of("hit, 1,000 tokens"), of("hit, 100,000 tokens"));
    println!(
        "\nA hit with 100,000 tokens takes {:.2} times what one with 1,000 takes over the floor, and {:.2} times \
         with it.\n",
        many / thousand,
        (many + 1.0) / (thousand + 1.0)
    );
}

/// The nanoseconds for a request of each way, once around.
#[derive(Default)]
struct Round(Vec<(String, f64)>);

impl Round {
    fn add<S>(
        &mut self,
        name: impl Into<String>,
        service: &mut S,
        request: impl FnMut(usize) -> Request<()>,
    ) where
        S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
    {
        let name = name.into();
        let is_rejected = name.starts_with("rejected");
        let requests = (0..BATCH).map(request).collect();
        self.0.push((name, time(service, requests, is_rejected)));
    }
}

/// The nanoseconds for each of the requests.
fn time<S>(service: &mut S, requests: Vec<Request<()>>, is_rejected: bool) -> f64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let count = requests.len() as f64;
    let start = Instant::now();
    for request in requests {
        let Ok(response) = black_box(finish(service.call(request)));
        assert_ne!(response.status().is_success(), is_rejected);
    }
    start.elapsed().as_nanos() as f64 / count
}

/// How much slower each of two threads is than one alone, and in ratio to the no-op layer: where that is 1,
/// nothing is fought for. Both are in the layer all the time, which is the worst that can be: a server's do something
/// else between two requests. Whoever puts a shared pointer into extensions fights for the count of its owners;
/// what that costs shows the insert-only layer.
fn two_threads(many: &[String], thousand: &tower_clerk::ClerkAuthLayer, boxed: &Boxed<Leaf>) {
    let one = |_: &mut fastrand::Rng| 0;
    let any = |rng: &mut fastrand::Rng| rng.usize(..1000);
    let ours = thousand.layer(Leaf);
    let insert = InsertOnly(Leaf, "user_1".into());
    let names = [
        "no-op layer",
        "insert-only layer",
        "hit, one token",
        "hit, 1,000 tokens",
        "boxed future over moka::future, one token",
        "boxed future over moka::future, 1,000 tokens",
    ];
    let mut ratios: [Vec<f64>; 6] = Default::default();
    for _ in 0..21 {
        let round = [
            slowdown(&Noop(Leaf), many, one),
            slowdown(&insert, many, one),
            slowdown(&ours, many, one),
            slowdown(&ours, many, any),
            slowdown(boxed, many, one),
            slowdown(boxed, many, any),
        ];
        for (ratios, slower) in ratios.iter_mut().zip(round) {
            ratios.push(slower);
        }
    }
    // Each ratio is made within its round.
    let of_insert = ratios.clone().map(|column| {
        let pairs = column.iter().zip(&ratios[1]);
        median(
            &mut pairs
                .map(|(this, insert)| this / insert)
                .collect::<Vec<_>>(),
        )
    });
    let medians = ratios.each_mut().map(|ratios| median(ratios));
    println!("Two threads: how much slower each is than one alone.\n");
    println!("| | slower | of the no-op layer's | of the insert-only layer's |\n|---|--:|--:|--:|");
    for ((name, slower), of_insert) in names.iter().zip(medians).zip(of_insert) {
        let of_noop = slower / medians[0];
        println!("| {name} | {slower:.2} | {of_noop:.2} | {of_insert:.2} |");
    }
    println!();
}

fn slowdown<S>(service: &S, many: &[String], pick: fn(&mut fastrand::Rng) -> usize) -> f64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone + Send,
{
    per_thread(service, many, pick, 2) / per_thread(service, many, pick, 1)
}

/// The nanoseconds for a request where so many threads are at it at the same time.
fn per_thread<S>(
    service: &S,
    many: &[String],
    pick: fn(&mut fastrand::Rng) -> usize,
    threads: usize,
) -> f64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone + Send,
{
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|seed| {
                let mut service = service.clone();
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed as u64);
                    let mut times: Vec<_> = (0..25)
                        .map(|_| {
                            let requests = (0..4 * BATCH).map(|_| request(&many[pick(&mut rng)]));
                            let requests: Vec<_> = requests.collect();
                            // Nobody begins before the others have their requests, too.
                            barrier.wait();
                            time(&mut service, requests, false)
                        })
                        .collect();
                    median(&mut times)
                })
            })
            .collect();
        let times = handles
            .into_iter()
            .map(|handle| handle.join().expect("it measures"));
        times.sum::<f64>() / threads as f64
    })
}

/// A server with the layer and one without, over keep-alive connections, in turn.
/// Rounds take turns, and begin with another server each time: what the machine does meanwhile hits all of them.
/// The open server stands there twice, to show what of a difference is chance; the other two show what any layer
/// costs in an axum router, and what one that puts something into the extensions does.
fn loopback(token: &str) {
    let open = || Router::new().route("/", get(|| async { "ok" }));
    let servers = [
        load::serve(open()),
        load::serve(open()),
        load::serve(open().layer(layer_fn(Noop))),
        load::serve(open().layer(layer_fn(|inner| InsertOnly(inner, "user_1".into())))),
        load::serve(open().layer(ours(1000))),
    ];
    let credentials = format!("Bearer {token}");
    let time = Duration::from_millis(200);
    let mut ratios: [Vec<f64>; 5] = Default::default();
    let mut of_insert = Vec::new();
    for round in 0..25 {
        let mut rates = [0.0; 5];
        for turn in 0..5 {
            let server = (round + turn) % 5;
            let name = AUTHORIZATION.as_str();
            rates[server] = load::drive(servers[server], name, &credentials, time);
        }
        for (ratios, rate) in ratios.iter_mut().zip(rates) {
            ratios.push(rate / rates[0]);
        }
        of_insert.push(rates[4] / rates[3]);
    }
    let [_, again, noop, insert, ours] = ratios.each_mut().map(|ratios| median(ratios));
    println!(
        "Over loopback, 32 keep-alive connections, one server thread: {ours:.2} of the throughput without a layer; \
         {noop:.2} with one that does nothing, {insert:.2} with one that only inserts, {again:.2} with none once more. \
         Of the throughput of the layer that only inserts: {:.2}.",
        median(&mut of_insert)
    );
}
