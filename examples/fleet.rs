//! Two replicas that share a Redis server: one introspection for both, a revocation that reaches the other replica, and a
//! server that is killed and started again.
//!
//! ```sh
//! cargo run --example fleet
//! ```
//!
//! It starts `redis-server` (or `valkey-server`) on a free port, beside an embedded fake Clerk. The replicas are two
//! authenticators in one process; in production they are two processes, configured by `CLERK_FLEET_URL` and
//! `CLERK_FLEET_SECRET`.

use std::{
    env,
    error::Error,
    io,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_clerk::{
    Authenticator, ClerkConfig, Tokens,
    fake_clerk::{Endpoint, FakeClerk},
    fleet::Fleet,
    kinds::OAuthTokens,
    observe::FleetState,
};

/// Protects nothing. `openssl rand -base64 32` makes a real one.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut store) = Store::start()? else {
        println!("redis-server is not installed: `apt install redis-server`, `brew install redis`");
        return Ok(());
    };
    let clerk = FakeClerk::start()?;
    let (one, two) = (replica(&clerk, &store)?, replica(&clerk, &store)?);
    until("both replicas use the store", || {
        is_live(&one) && is_live(&two)
    })
    .await?;

    let token = clerk.token("user_ada").issue();
    one.verify(&token).await?;
    sleep(Duration::from_millis(50)).await; // The evidence is stored in the background.
    two.verify(&token).await?;
    let calls = clerk.calls(Endpoint::Introspection);
    println!("accepted by two replicas:  {calls} introspection");

    clerk.revoke(&token);
    one.revoke(Tokens::one(&token));
    let elapsed = rejected(&two, &token).await?;
    println!("revoked on one replica:    rejected by the other one after {elapsed} ms");

    store.kill()?;
    let token = clerk.token("user_bob").issue();
    one.verify(&token).await?;
    two.verify(&token).await?;
    until("both replicas notice", || !is_live(&one) && !is_live(&two)).await?;
    println!("the store is killed:       tokens are accepted, each replica calls Clerk itself");

    clerk.revoke(&token);
    one.revoke(Tokens::one(&token)); // It waits for the store.
    store.restart()?;
    let elapsed = rejected(&two, &token).await?;
    println!("the store is started:      a revocation made meanwhile arrives after {elapsed} ms");
    Ok(())
}

fn replica(clerk: &FakeClerk, store: &Store) -> Result<Authenticator, Box<dyn Error>> {
    let cfg = ClerkConfig::builder(clerk.url())
        .accept(OAuthTokens::introspection(
            clerk.client_id(),
            clerk.client_secret(),
        ))
        .fleet(Fleet::redis(store.url(), SECRET))
        .build()?;
    let auth = Authenticator::new(cfg);
    // Joins the fleet. Without it, the first token does.
    tokio::spawn(auth.warm_up());
    Ok(auth)
}

fn is_live(auth: &Authenticator) -> bool {
    auth.health().fleet == Some(FleetState::Live)
}

/// Waits until a replica rejects a token. Returns the milliseconds.
async fn rejected(auth: &Authenticator, token: &str) -> Result<u128, Box<dyn Error>> {
    let start = Instant::now();
    while auth.verify(token).await.is_ok() {
        if start.elapsed() > PATIENCE {
            return Err("the revocation did not arrive".into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(start.elapsed().as_millis())
}

async fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > PATIENCE {
            return Err(format!("not within {PATIENCE:?}: {what}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Shorter than the TTL of the cache, after which a revoked token is rejected in any case.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port, killed at the end.
struct Store {
    program: &'static str,
    port: u16,
    process: Child,
}

impl Store {
    /// Returns `None` if no server is installed.
    fn start() -> io::Result<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        for program in ["redis-server", "valkey-server"] {
            match spawn(program, port) {
                Ok(process) => {
                    return Ok(Some(Self {
                        program,
                        port,
                        process,
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.process = spawn(self.program, self.port)?;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        _ = self.kill();
    }
}

fn spawn(program: &str, port: u16) -> io::Result<Child> {
    Command::new(program)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(env::temp_dir())
        .stdout(Stdio::null())
        .spawn()
}
