//! The figures with Redis on loopback, in real time.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tower_clerk::{Authenticator, Tokens, fleet::Fleet, observe::FleetState};

use crate::{
    figures::Figure,
    replicas::{Clerk, SECRET, config, quantile, start, token},
};

/// Returns no figure without `redis-server`.
pub(crate) fn all() -> Vec<Figure> {
    let Some(server) = Server::start() else {
        println!("| skipped: no redis-server | | | |");
        return Vec::new();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(async {
        let replicas = replicas(&server).await;
        vec![known(&replicas).await, revoked(&replicas).await]
    })
}

async fn replicas(server: &Server) -> Vec<Authenticator> {
    let clerk = Clerk::new(Duration::from_millis(1));
    let url = format!("redis://127.0.0.1:{}", server.port);
    let all = (0..10).map(|_| start(config(&clerk).fleet(Fleet::redis(&url, SECRET))));
    let all: Vec<_> = all.collect();
    for replica in &all {
        replica.warm_up().await.expect("there is nothing to fetch");
        while replica.health().fleet != Some(FleetState::Live) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    all
}

/// The p50 of a token that another replica knows.
async fn known(replicas: &[Authenticator]) -> Figure {
    let mut times = Vec::new();
    for number in 0..500 {
        let token = token(number);
        replicas[0].verify(&token).await.expect("Clerk accepts it");
        // The evidence is stored in the background.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let start = Instant::now();
        replicas[1].verify(&token).await.expect("it is known");
        times.push(start.elapsed());
    }
    let p50 = quantile(times, 0.5).as_secs_f64() * 1e6;
    figure(
        "a token that another replica knows, Redis on loopback, p50",
        p50,
        100.0,
        " µs",
    )
}

/// The time until a revocation is applied at the last replica: p99 of 100.
async fn revoked(replicas: &[Authenticator]) -> Figure {
    let mut times = Vec::new();
    for number in 1_000..1_100 {
        let token = token(number);
        for replica in replicas {
            replica.verify(&token).await.expect("Clerk accepts it");
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..200))).await;
        replicas[0].revoke(Tokens::one(&token));
        let start = Instant::now();
        for replica in &replicas[1..] {
            // It is verified again once the revocation has come.
            let misses = replica.stats().misses;
            while replica.stats().misses == misses {
                tokio::time::sleep(Duration::from_millis(1)).await;
                replica.verify(&token).await.expect("Clerk accepts it");
            }
        }
        times.push(start.elapsed());
    }
    let p99 = quantile(times, 0.99).as_secs_f64() * 1e3;
    figure(
        "a revocation on the last of 10 replicas, Redis on loopback, p99",
        p99,
        300.0,
        " ms",
    )
}

fn figure(name: &str, measured: f64, target: f64, unit: &'static str) -> Figure {
    Figure {
        name: name.to_owned(),
        measured,
        target,
        unit,
        is_real_time: true,
    }
}

struct Server {
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl Server {
    /// Starts a server on a free port. `None` if none is installed.
    fn start() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let folder = env::temp_dir().join(format!("tower-clerk-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self {
            port,
            folder,
            process,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}
