//! A real Caddy whose `forward_auth` goes to the example `forward_auth`, with the configuration beside the example.
//!
//! With `CI_REQUIRE=caddy` the test fails if there is no Caddy.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use axum::Router;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, Instant, sleep},
};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use crate::{
    examples::{Example, PATIENCE, free_address},
    nginx::{FORGED, SECRET, backend, installed},
    support::skip,
    wire::{one, send, serve},
};

const SITE: &str = include_str!("../../examples/forward_auth/Caddyfile");

#[tokio::test]
async fn caddy_serves_nothing_to_who_is_rejected_or_is_skipped_if_it_is_missing() {
    let Some(caddy) = installed("caddy") else {
        skip("caddy", "Caddy is not installed");
        return;
    };
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("forward_auth", &clerk);
    example.wait_for_health().await;
    let site = Site::start(&caddy, example.address).await;

    let good = clerk.token("user_ada").scopes(["email", "profile"]).issue();
    site.rejects(&clerk).await;
    site.accepts(&good, &clerk.client_id()).await;

    clerk.fail(Endpoint::Introspection, Fault::status(503));
    let unseen = format!("Bearer {}", clerk.token("user_ada").issue());
    site.answers(503, &[("authorization", &unseen)]).await;
    // No authentication is left.
    drop(example);
    let bearer = format!("Bearer {good}");
    site.answers(502, &[("authorization", &bearer)]).await;
}

/// A running Caddy; it is killed, and its folder removed, when this is dropped.
struct Site {
    address: SocketAddr,
    folder: PathBuf,
    process: Child,
}

impl Site {
    async fn start(caddy: &Path, auth: SocketAddr) -> Self {
        let backend = serve(Router::new().fallback(backend)).await;
        let address = free_address();
        let name = format!("caddy-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut site = SITE.to_owned();
        for (from, to) in [
            ("http://:8080", format!("http://{address}")),
            ("127.0.0.1:3000", auth.to_string()),
            ("127.0.0.1:8000", backend.to_string()),
        ] {
            assert_eq!(site.matches(from).count(), 1, "{from} in:\n{site}");
            site = site.replace(from, &to);
        }
        // The interface for administrators would be a fixed port.
        fs::write(
            folder.join("Caddyfile"),
            format!("{{\n\tadmin off\n}}\n{site}"),
        )
        .unwrap();
        let process = Command::new(caddy)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(folder.join("Caddyfile"))
            .env("HOME", &folder)
            .env("XDG_DATA_HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut site = Self {
            address,
            folder,
            process,
        };
        site.wait().await;
        site
    }

    async fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("Caddy ended too early: {status}");
            }
            assert!(Instant::now() < deadline, "Caddy is not getting ready");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn rejects(&self, clerk: &FakeClerk) {
        let narrow = clerk.token("user_eve").scopes(["profile"]).issue();
        for (authorization, status, challenge) in [
            (String::new(), 401, "Bearer scope=\"email\""),
            ("Basic dTpw".to_owned(), 401, "Bearer scope=\"email\""),
            ("Bearer".to_owned(), 401, "Bearer error=\"invalid_request\""),
            (
                "Bearer oat_unknown".to_owned(),
                401,
                "Bearer error=\"invalid_token\"",
            ),
            (
                format!("Bearer {narrow}"),
                403,
                "Bearer error=\"insufficient_scope\"",
            ),
        ] {
            for forged in [
                &FORGED[..],
                &[("content-type", "application/grpc"), ("te", "trailers")],
            ] {
                let mut headers = forged.to_vec();
                if !authorization.is_empty() {
                    headers.push(("authorization", &authorization));
                }
                for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
                    for _ in 0..2 {
                        let answer = send(self.address, method, "/app", &headers).await;
                        let name = format!("{method} {headers:?}");
                        assert_eq!(answer.status(), status, "{name}");
                        assert!(!answer.body().contains(SECRET), "{name}");
                        let found = one(answer.headers(), "www-authenticate").unwrap();
                        assert!(found.starts_with(challenge), "{name}: {found}");
                    }
                }
            }
        }
    }

    async fn accepts(&self, token: &str, client: &str) {
        let bearer = format!("Bearer {token}");
        let headers = [&[("authorization", &*bearer)], &FORGED[..]].concat();
        for method in ["GET", "POST", "DELETE"] {
            for _ in 0..2 {
                let answer = send(self.address, method, "/app", &headers).await;
                assert_eq!(answer.status(), 200, "{method}");
                let seen = format!(
                    "{SECRET}\nx-auth-client: {client}\nx-auth-scopes: email profile\n\
                     x-auth-subject: user_ada\n"
                );
                assert_eq!(*answer.body(), seen, "{method}");
            }
        }
    }

    /// Every request gets this status, and nothing from behind.
    async fn answers(&self, status: u16, headers: &[(&'static str, &str)]) {
        for _ in 0..2 {
            let answer = send(self.address, "GET", "/app", headers).await;
            assert_eq!(answer.status(), status);
            assert!(!answer.body().contains(SECRET));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        _ = self.process.start_kill();
        _ = fs::remove_dir_all(&self.folder);
    }
}
