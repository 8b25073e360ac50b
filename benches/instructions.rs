//! What a request costs in the layer, in instructions: exact where times are not.
//!
//! The process starts itself a second time, and that one is single-stepped through each request: every
//! instruction counts, those of the SHA extensions too, which valgrind does not know. Linux alone has
//! what it takes; elsewhere it says so and ends.

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
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
    };

    use http::{Request, Response};
    use nix::{
        sys::{
            ptrace,
            signal::{Signal, raise},
            wait::{WaitStatus, waitpid},
        },
        unistd::Pid,
    };
    use tower::{Layer, Service};

    use crate::support::{self, Boxed, InsertOnly, Leaf, Noop, finish, request, tokens, warm};

    const CHILD: &str = "COUNT_INSTRUCTIONS_OF_ME";
    /// How many requests there are for each line, and which of them are stepped through.
    const REQUESTS: usize = 128;
    const EVERY: usize = 6;

    pub(crate) fn main() {
        if env::var_os(CHILD).is_some() {
            return child();
        }
        if env::args().any(|arg| arg == "--test") {
            return;
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
            return;
        }
        waitpid(pid, None).expect("it stops");
        let mut floor = None;
        let mut empty = None;
        println!("| | instructions | over the no-op layer |\n|---|--:|--:|");
        stdin.write_all(b"\n").expect("it reads");
        let mut counts = Vec::new();
        ptrace::cont(pid, None).expect("it goes on");
        loop {
            match waitpid(pid, None).expect("it is ours") {
                WaitStatus::Stopped(_, Signal::SIGUSR1) => counts.push(step_through(pid)),
                WaitStatus::Stopped(_, Signal::SIGUSR2) => {
                    let name = line().expect("it says what it did");
                    counts.sort_unstable();
                    let median = counts[counts.len() / 2];
                    let (least, p90) = (counts[0], counts[counts.len() * 9 / 10]);
                    counts.clear();
                    let overhead = *empty.get_or_insert(median);
                    if name != "nothing" {
                        let floor = *floor.get_or_insert(median);
                        println!(
                            "| {name} | {} | {} | {least} {p90}",
                            median - overhead,
                            median - floor
                        );
                    }
                }
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => break,
                WaitStatus::Stopped(_, signal) => {
                    ptrace::cont(pid, signal).expect("it goes on");
                    continue;
                }
                _ => {}
            }
            ptrace::cont(pid, None).expect("it goes on");
        }
    }

    /// Counts the steps to the next signal of the child's.
    fn step_through(pid: Pid) -> u64 {
        let mut steps = 0;
        let trace = env::var_os("TRACE_IPS").is_some();
        loop {
            if trace {
                eprintln!("ip {:x}", ptrace::getregs(pid).unwrap().rip);
            }
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
            .enable_time()
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
        let one = |_| request(&many[0]);
        count("no-op layer", &mut Noop(Leaf), one);
        count(
            "insert-only layer",
            &mut InsertOnly(Leaf, "user_1".into()),
            one,
        );
        let mut ours = support::ours(200_000).layer(Leaf);
        warm(&mut ours, &many[..1000]).await;
        warm(&mut ours, &many[..1000]).await;
        count("hit, one opaque token", &mut ours, one);
        count("hit, 1,000 opaque tokens", &mut ours, token);
        warm(&mut ours, &many).await;
        count("hit, 100,000 opaque tokens", &mut ours, |n| {
            request(&many[n * 733])
        });
        let long = support::long_token();
        warm(&mut ours, std::slice::from_ref(&long)).await;
        count("hit, a token of 900 bytes", &mut ours, |_| request(&long));
        count("refused: no credentials", &mut ours, |_| {
            support::bare().body(()).expect("valid")
        });
        count("refused: malformed", &mut ours, |_| request("a b"));
        let bad = "oat_bad".to_owned();
        warm(&mut ours, std::slice::from_ref(&bad)).await;
        count("refused: known to be bad", &mut ours, |_| request(&bad));
        let mut boxed = Boxed::new(Leaf);
        warm(&mut boxed, &many[..1000]).await;
        count(
            "boxed future over moka::future, 1,000 tokens",
            &mut boxed,
            token,
        );
    }

    struct Nothing;

    impl Service<Request<()>> for Nothing {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<()>, Infallible>>;
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<()>) -> Self::Future {
            std::mem::forget(request);
            std::future::ready(Ok(Response::new(())))
        }
    }

    #[inline(never)]
    fn count<S>(name: &str, service: &mut S, request: impl Fn(usize) -> Request<()>)
    where
        S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
    {
        // Made before, as those of a server come from its connections: what is freed in between fills
        // the allocator's lists as it would there.
        // What is refused is remembered for five seconds only, and stepping takes its time.
        let count = if name.contains("bad") {
            2 * EVERY
        } else {
            REQUESTS
        };
        let requests: Vec<_> = (0..count).map(request).collect();
        for (n, request) in requests.into_iter().enumerate() {
            let is_counted = n % EVERY == 0;
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            let response = finish(service.call(request));
            if is_counted {
                raise(Signal::SIGUSR1).expect("it can signal itself");
            }
            drop(response);
        }
        println!("{name}");
        raise(Signal::SIGUSR2).expect("it can signal itself");
    }
}
