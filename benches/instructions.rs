//! What a request costs in the layer, in instructions: exact where times are not.
//!
//! The process starts itself a second time, and that one is single-stepped through each request: every
//! instruction counts, those of the SHA extensions too, which valgrind does not know. Linux alone has
//! what it takes; elsewhere it says so and ends.
//!
//! So slow is a step that the clock's tick (4 ms) has always passed between two requests; in life it seldom
//! has, and a hit costs about 100 less, since the wall clock is read once a tick.
//!
//! A hit of a replica costs as much as one without a fleet, and as much after an invalidation as before it. Only the
//! first hit of each token after an invalidation examines the entry more closely. Ten invalidations a second are ten
//! closer looks a second for each token in use, however many hits it has.
//!
//! There is a row for a hit of each kind of token. What a kind costs is what its length costs, since the token is
//! hashed, and nothing else of it is looked at: beside the session token stands an opaque one that is as long. A
//! cookie costs more than a header, since it has to be found among others.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    println!("instructions are counted on Linux only");
}

#[cfg(target_os = "linux")]
mod support;

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        convert::Infallible,
        env,
        future::{Ready, ready},
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
        task::{Context, Poll},
    };

    use axum::{Router, body::Body, routing::get};
    use http::{Request, Response};
    use nix::{
        sys::{
            ptrace,
            signal::{Signal, raise},
            wait::{WaitStatus, waitpid},
        },
        unistd::Pid,
    };
    use tower::{Layer, Service, layer::layer_fn};
    use tower_clerk::{Tokens, fleet::MemoryStore, testing::ManualClock};

    use crate::support::{
        self, BAD_TOKEN, Boxed, InsertOnly, Leaf, Noop, finish, pass, reject, request, tokens, warm,
    };

    const CHILD: &str = "COUNT_INSTRUCTIONS_OF_ME";
    /// How many requests there are for each line, and which of them are stepped through.
    const REQUESTS: usize = 128;
    const EVERY: usize = 6;

    pub(crate) fn main() {
        if env::var_os(CHILD).is_some() {
            return child();
        }
        let mut child = Command::new(env::current_exe().expect("a program knows itself"))
            .env(CHILD, "1")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program can start itself");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid is an i32"));
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut line = move || lines.next().and_then(Result::ok);
        if line().as_deref() != Some("ready") || ptrace::attach(pid).is_err() {
            println!("this machine does not let one process step through another: nothing counted");
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        waitpid(pid, None).expect("it stops");
        println!("| | instructions | over its floor | of its floor |\n|---|--:|--:|--:|");
        stdin.write_all(b"\n").expect("it reads");
        watch(pid, line);
        let _ = child.wait();
    }

    /// Prints a line for each kind of request. A kind that is called a floor is that of those after it.
    fn watch(pid: Pid, mut line: impl FnMut() -> Option<String>) {
        let (mut empty, mut floor) = (None, 0);
        let mut counts = Vec::new();
        let mut deliver = None;
        loop {
            ptrace::cont(pid, deliver.take()).expect("it goes on");
            match waitpid(pid, None).expect("it is ours") {
                WaitStatus::Stopped(_, Signal::SIGUSR1) => counts.push(step_through(pid)),
                WaitStatus::Stopped(_, Signal::SIGUSR2) => {
                    let name = line().expect("it says what it did");
                    counts.sort_unstable();
                    let median = counts[counts.len() / 2];
                    counts.clear();
                    // The first kind is none: what counting itself costs.
                    let Some(empty) = empty else {
                        empty = Some(median);
                        continue;
                    };
                    let count = median - empty;
                    if name.ends_with("floor)") {
                        floor = count;
                    }
                    println!(
                        "| {name} | {count} | {} | {:.2} |",
                        count - floor,
                        count as f64 / floor as f64
                    );
                }
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return,
                WaitStatus::Stopped(_, signal) => deliver = Some(signal),
                _ => {}
            }
        }
    }

    /// Counts the steps to the next signal of the child's.
    fn step_through(pid: Pid) -> u64 {
        let mut steps = 0;
        loop {
            ptrace::step(pid, None).expect("it takes a step");
            match waitpid(pid, None).expect("it is ours") {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => steps += 1,
                WaitStatus::Stopped(_, Signal::SIGUSR1) => return steps,
                other => panic!("the child was interrupted: {other:?}"),
            }
        }
    }

    fn child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        println!("ready");
        std::io::stdin()
            .read_line(&mut String::new())
            .expect("the parent is there");
        runtime.block_on(run());
    }

    async fn run() {
        count("nothing", &mut Nothing, |_| Request::new(()));
        let many = tokens(100_000);
        let token = |n: usize| request(&many[n * 37 % 1000]);
        let one = |_: usize| request(&many[0]);
        count("no-op layer (the floor)", &mut Noop(Leaf), one);
        count(
            "insert-only layer",
            &mut InsertOnly(Leaf, "user_1".into()),
            one,
        );
        let mut ours = support::ours(200_000).layer(Leaf);
        let long = vec![support::long_token(900)];
        let kinds = support::kinds::of_each_kind();
        for _ in 0..2 {
            warm(&mut ours, &many[..1000]).await;
            warm(&mut ours, &long).await;
            for kind in &kinds {
                pass(&mut ours, kind.request()).await;
            }
        }
        count("hit, one token", &mut ours, one);
        count("hit, 1,000 tokens", &mut ours, token);
        count("hit, a token of 900 bytes", &mut ours, |_| {
            request(&long[0])
        });
        for kind in &kinds {
            count(&format!("hit, {}", kind.name), &mut ours, |_| {
                kind.request()
            });
        }
        for _ in 0..2 {
            warm(&mut ours, &many).await;
        }
        count("hit, 100,000 tokens", &mut ours, |n| {
            request(&many[n * 733])
        });
        of_a_replica(&many[0]).await;
        first_requests().await;
        count("rejected: no credentials", &mut ours, |_| {
            support::bare().body(()).expect("valid")
        });
        count("rejected: malformed", &mut ours, |_| request("a b"));
        reject(&mut ours, request(BAD_TOKEN)).await;
        count(BAD, &mut ours, |_| request(BAD_TOKEN));
        let mut boxed = Boxed::new(Leaf);
        for _ in 0..2 {
            warm(&mut boxed, &many[..1000]).await;
        }
        count(
            "boxed future over moka::future, 1,000 tokens",
            &mut boxed,
            token,
        );

        let routes = || Router::new().route("/", get(async || "ok"));
        let layer = support::ours(1000);
        let mut floor = InAxum(routes().layer(layer_fn(Noop)));
        let mut hit = InAxum(routes().layer(layer.clone()));
        for _ in 0..2 {
            warm(&mut layer.layer(Leaf), &many[..1]).await;
        }
        count("axum: a no-op layer (the floor)", &mut floor, one);
        count("axum: hit, one token", &mut hit, one);
    }

    /// Counts hits of a layer that belongs to a fleet, while invalidations arrive that concern other subjects.
    async fn of_a_replica(token: &str) {
        let layer = support::replica(&MemoryStore::new(ManualClock::new()));
        let authenticator = layer.authenticator();
        authenticator.warm_up().await.expect("the store answers");
        let mut replica = layer.layer(Leaf);
        let mut other = replica.clone();
        for _ in 0..2 {
            warm(&mut replica, &[token.to_owned()]).await;
        }
        let hit = |_: usize| request(token);
        let invalidate = |n: usize| {
            authenticator.invalidate(Tokens::of_subject(&format!("user_{n}")));
        };
        count("hit, of a replica", &mut replica, hit);
        count_with(
            "hit, of a replica, the first after an invalidation",
            &mut replica,
            hit,
            invalidate,
        );
        count_with(
            "hit, of a replica, the second after an invalidation",
            &mut replica,
            hit,
            |n| {
                invalidate(n);
                let Ok(response) = finish(other.call(request(token)));
                assert!(response.status().is_success());
            },
        );
    }

    /// Counts requests with session tokens that are not in the cache, with all that the task does that verifies them.
    async fn first_requests() {
        let mut service = support::ours(1000).layer(Leaf);
        let session = |n| support::kinds::session_token(support::clerk(), n);
        warm(&mut service, &[session(0)]).await;
        let requests: Vec<_> = (1..=REQUESTS).map(|n| request(&session(n))).collect();
        for (n, request) in requests.into_iter().enumerate() {
            let is_counted = n % EVERY == 0;
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            let response = service.call(request).await;
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            let Ok(response) = response;
            assert!(response.status().is_success());
        }
        println!("first request, session, JWT");
        raise(Signal::SIGUSR2).expect("it can signal itself");
    }

    /// What is rejected is remembered for five seconds only, and stepping takes its time.
    const BAD: &str = "rejected: known to be bad";
    /// How names of requests begin that must not pass.
    const REJECTED: &str = "rejected";

    /// A router, called with requests without a body.
    struct InAxum(Router);

    impl Service<Request<()>> for InAxum {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Ready<Result<Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            let Ok(response) = finish(self.0.call(request.map(|()| Body::empty())));
            assert!(response.status().is_success());
            ready(Ok(response.map(drop)))
        }
    }

    struct Nothing;

    impl Service<Request<()>> for Nothing {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Ready<Result<Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            std::mem::forget(request);
            ready(Ok(Response::new(())))
        }
    }

    fn count<S>(name: &str, service: &mut S, request: impl Fn(usize) -> Request<()>)
    where
        S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
    {
        count_with(name, service, request, |_| {});
    }

    /// `before`: what happens before each request, and is not counted.
    #[inline(never)]
    fn count_with<S>(
        name: &str,
        service: &mut S,
        request: impl Fn(usize) -> Request<()>,
        mut before: impl FnMut(usize),
    ) where
        S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
    {
        // Made before, as those of a server come from its connections: what is freed in between fills
        // the allocator's lists as it would there.
        let count = if name == BAD { 5 * EVERY } else { REQUESTS };
        let requests: Vec<_> = (0..count).map(request).collect();
        let is_rejected = name.starts_with(REJECTED);
        for (n, request) in requests.into_iter().enumerate() {
            before(n);
            let is_counted = n % EVERY == 0;
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            let response = finish(service.call(request));
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            let Ok(response) = response;
            assert_eq!(response.status().is_success(), !is_rejected, "{name}");
        }
        println!("{name}");
        raise(Signal::SIGUSR2).expect("it can signal itself");
    }
}
