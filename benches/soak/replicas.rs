//! The replicas: both sides of the process that runs them. Its parent writes a command a line, and reads a line.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get};
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, stdin},
    net::TcpListener,
    runtime::Handle,
    sync::oneshot,
    task::JoinHandle,
    time::{interval, timeout},
};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, Tokens,
    fake_clerk::FakeClerk,
    fleet::Fleet,
    kinds::{ApiKeys, MachineTokens, OAuthTokens, SessionTokens},
};

/// The environment variable that makes a process run the replicas.
pub(crate) const CHILD: &str = "SOAK_REPLICAS";

/// The process of the replicas, as its parent sees it.
pub(crate) struct Replicas {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    addresses: Arc<Mutex<[SocketAddr; 2]>>,
}

/// What the process of the replicas uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The resident memory, in KiB.
    pub(crate) memory: u64,
    /// The open sockets: those of clients, of Clerk and of Redis.
    pub(crate) sockets: u64,
    pub(crate) tasks: u64,
    pub(crate) entries: u64,
}

impl Replicas {
    pub(crate) fn start(clerk: &FakeClerk, redis: Option<String>) -> Self {
        let mut process = Command::new(env::current_exe().expect("a program has a path"))
            .env(CHILD, clerk.url())
            .env("SOAK_CLIENT", clerk.client_id())
            .env("SOAK_CLIENT_SECRET", clerk.client_secret())
            .env("SOAK_SECRET_KEY", clerk.secret_key())
            .envs(redis.map(|url| ("SOAK_REDIS", url)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program can start itself");
        let commands = process.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let addresses = [(); 2].map(|()| read(&mut answers));
        Self {
            process,
            commands,
            answers,
            addresses: Arc::new(Mutex::new(addresses)),
        }
    }

    /// The addresses of the replicas. A restart changes one of them.
    pub(crate) fn addresses(&self) -> Arc<Mutex<[SocketAddr; 2]>> {
        Arc::clone(&self.addresses)
    }

    /// Replaces a replica by a new one. The old one stops when no client sends requests to it any more.
    pub(crate) fn restart(&mut self, number: usize) {
        writeln!(self.commands, "start {number}").expect("the replicas run");
        self.addresses.lock().expect("no panic")[number] = read(&mut self.answers);
        writeln!(self.commands, "stop {number}").expect("the replicas run");
    }

    pub(crate) fn sample(&mut self) -> Sample {
        writeln!(self.commands, "sample").expect("the replicas run");
        let [memory, sockets, tasks, entries] = [(); 4].map(|()| read(&mut self.answers));
        Sample {
            memory,
            sockets,
            tasks,
            entries,
        }
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn read<T: std::str::FromStr>(answers: &mut impl BufRead) -> T {
    let mut line = String::new();
    answers.read_line(&mut line).expect("the replicas run");
    let value = line.trim().parse();
    value.unwrap_or_else(|_| panic!("the replicas wrote {line:?}"))
}

/// One replica, within the process of the replicas.
struct Replica {
    layer: ClerkAuthLayer,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// Runs the replicas until the parent closes the pipe.
pub(crate) async fn run() {
    let mut replicas = [Replica::start().await, Replica::start().await];
    let mut stopping = None;
    let mut commands = tokio::io::BufReader::new(stdin()).lines();
    let mut ticks = interval(Duration::from_millis(100));
    let mut number = 0_u64;
    loop {
        let command = tokio::select! {
            command = commands.next_line() => command.expect("the parent writes text"),
            _ = ticks.tick() => {
                number += 1;
                let subject = format!("user_without_token_{number}");
                let authenticator = replicas[0].layer.authenticator();
                match number % 2 {
                    0 => authenticator.invalidate(Tokens::of_subject(&subject)),
                    _ => authenticator.revoke(Tokens::of_subject(&subject)),
                }
                continue;
            }
        };
        match command
            .as_deref()
            .map(|command| command.split_at(command.len().min(6)))
        {
            Some(("start ", number)) => {
                let number: usize = number.parse().expect("it is a number");
                let replica = Replica::start().await;
                stopping = Some(std::mem::replace(&mut replicas[number], replica));
            }
            Some(("stop 0" | "stop 1", _)) => {
                if let Some(replica) = stopping.take() {
                    tokio::spawn(replica.stop());
                }
            }
            Some(("sample", _)) => sample(&replicas),
            _ => return,
        }
    }
}

impl Replica {
    /// Starts a replica, and prints its address.
    async fn start() -> Self {
        let var = |name: &str| env::var(name).expect("the parent sets it");
        let config = ClerkConfig::builder(var(CHILD))
            .accept(OAuthTokens::introspection(
                var("SOAK_CLIENT"),
                var("SOAK_CLIENT_SECRET"),
            ))
            .accept(SessionTokens::new().cookie())
            .accept(ApiKeys::new())
            .accept(MachineTokens::addressed_to_any().jwts())
            .secret_key(var("SOAK_SECRET_KEY"))
            .backend_api_url(var(CHILD));
        let config = match env::var("SOAK_REDIS") {
            Ok(url) => config.fleet(Fleet::redis(url, BASE64_STANDARD.encode([7; 32]))),
            Err(_) => config,
        };
        let layer = ClerkAuthLayer::new(config.build().expect("the configuration is valid"));
        // Clerk or Redis may be down. The replica then starts without them.
        _ = layer.authenticator().warm_up().await;
        let app = Router::new()
            .route("/", get(async || "ok"))
            .layer(layer.clone());
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        println!("{}", listener.local_addr().expect("it is bound"));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let stopped = async { _ = stopped.await };
            let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
            server.await.expect("it serves");
        });
        Self {
            layer,
            stop,
            server,
        }
    }

    async fn stop(self) {
        _ = self.stop.send(());
        if timeout(Duration::from_secs(10), self.server).await.is_err() {
            eprintln!("a replica did not stop within 10 s");
        }
    }
}

fn sample(replicas: &[Replica; 2]) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .map_or("0", |value| value.trim_end_matches("kB").trim());
    let is_socket = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        target.to_str()?.starts_with("socket:").then_some(())
    };
    let sockets = std::fs::read_dir("/proc/self/fd")
        .map_or(0, |entries| entries.filter_map(is_socket).count());
    let tasks = Handle::current().metrics().num_alive_tasks();
    let entries: u64 = replicas
        .iter()
        .map(|replica| replica.layer.authenticator().stats().entries)
        .sum();
    println!("{memory}\n{sockets}\n{tasks}\n{entries}");
}
