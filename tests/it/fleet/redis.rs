//! Whole replicas with a real server, which is killed, stopped and restarted.

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower_clerk::{
    AuthErrorKind, ClerkConfig, Tokens,
    fake_clerk::{Endpoint, FakeClerk},
    fleet::Fleet,
    kinds::OAuthTokens,
    observe::FleetState,
};

use super::SECRET;
use crate::support::{App, skip};

/// A loaded machine needs long to start a process.
const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl Server {
    /// Starts a server on a free port. `None` if none is installed.
    async fn start() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder =
            env::temp_dir().join(format!("tower-clerk-fleet-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let Some(process) = spawn(port, &folder) else {
            skip("redis", "no redis-server");
            return None;
        };
        let server = Self {
            port,
            folder,
            process,
        };
        server.wait().await;
        Some(server)
    }

    async fn wait(&self) {
        until("the server accepts connections", async || {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder).expect("it was there before");
        self.wait().await;
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().try_into().unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &PathBuf) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    command
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok()
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// Three replicas on the system's clock, which is that of the server, too.
struct Replicas {
    clerk: FakeClerk,
    apps: Vec<App>,
}

impl Replicas {
    async fn new(server: &Server) -> Self {
        let clerk = FakeClerk::new();
        let url = format!("redis://127.0.0.1:{}", server.port);
        let apps = (0..3).map(|_| {
            let oauth = OAuthTokens::introspection(clerk.client_id(), clerk.client_secret());
            let config = ClerkConfig::builder(clerk.url())
                .accept(oauth)
                .transport(clerk.transport());
            // Only a revocation ends an entry within the patience of the test.
            let config = config.cache_ttl(Duration::from_secs(300));
            App::new(config.fleet(Fleet::redis(&url, SECRET)))
        });
        let apps = apps.collect();
        let replicas = Self { clerk, apps };
        for app in &replicas.apps {
            app.layer.authenticator().warm_up().await.unwrap();
        }
        replicas.all_are(FleetState::Live).await;
        replicas
    }

    async fn all_are(&self, state: FleetState) {
        until(&format!("all replicas are {state:?}"), async || {
            let states = self
                .apps
                .iter()
                .map(|app| app.layer.authenticator().health().fleet);
            states.into_iter().all(|it| it == Some(state))
        })
        .await;
    }

    /// A new token passes at each replica.
    async fn assert_accepted_everywhere(&self) -> String {
        let token = self.clerk.token("user_1").issue();
        for app in &self.apps {
            for _ in 0..2 {
                app.bearer(&token).await.assert_accepted();
            }
        }
        token
    }

    /// The revocation of a token that ended at Clerk reaches the other replicas.
    async fn assert_rejected_everywhere(&self, token: &str) {
        for app in &self.apps {
            until("the revocation has come", async || {
                app.bearer(token).await.kind() == Some(AuthErrorKind::Inactive)
            })
            .await;
            app.bearer(token)
                .await
                .assert_rejected(401, AuthErrorKind::Inactive);
        }
    }

    fn revoke(&self, token: &str) {
        self.clerk.revoke(token);
        self.apps[0]
            .layer
            .authenticator()
            .revoke(Tokens::one(token));
    }
}

#[tokio::test]
async fn replicas_share_one_introspection_and_revocations() {
    let Some(server) = Server::start().await else {
        return;
    };
    let replicas = Replicas::new(&server).await;
    let token = replicas.clerk.token("user_1").issue();
    replicas.apps[0].bearer(&token).await.assert_accepted();
    // The evidence is stored in the background: each further replica may call, and finds it soon after.
    for app in &replicas.apps[1..] {
        app.bearer(&token).await.assert_accepted();
    }
    let calls = replicas.clerk.calls(Endpoint::Introspection);
    assert!(calls < 3, "{calls} calls for one token at three replicas");
    replicas.revoke(&token);
    replicas.assert_rejected_everywhere(&token).await;
}

#[tokio::test]
async fn a_server_that_is_killed_or_stopped_rejects_no_request_and_loses_no_revocation() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let replicas = Replicas::new(&server).await;
    for fault in ["kill", "stop"] {
        let token = replicas.assert_accepted_everywhere().await;
        match fault {
            "kill" => server.kill(),
            _ => server.signal(Signal::SIGSTOP),
        }
        // Before the replicas notice, and after.
        replicas.assert_accepted_everywhere().await;
        replicas.all_are(FleetState::Cut).await;
        replicas.assert_accepted_everywhere().await;
        replicas.revoke(&token);
        let first = &replicas.apps[0];
        first
            .bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
        match fault {
            "kill" => server.restart().await,
            _ => server.signal(Signal::SIGCONT),
        }
        replicas.all_are(FleetState::Live).await;
        first.layer.authenticator().flush().await.unwrap();
        replicas.assert_rejected_everywhere(&token).await;
        replicas.assert_accepted_everywhere().await;
    }
}
