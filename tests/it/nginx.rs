//! A real nginx whose `auth_request` goes to the example `forward_auth`, with the configuration beside the example.
//!
//! With `CI_REQUIRE=nginx` the test fails if there is no nginx.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use axum::Router;
use http::{HeaderMap, Response};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, Instant, sleep},
};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use crate::{
    examples::{Example, PATIENCE, free_address},
    support::skip,
    wire::{one, send, send_h2, serve},
};

const SITE: &str = include_str!("../../examples/forward_auth/nginx.conf");

/// What only callers with a good token may see.
pub const SECRET: &str = "the crown jewels";

/// A file that nginx serves itself, and something that it fetches from a server behind it.
const PATHS: [&str; 2] = ["/files/secret.txt", "/app"];

/// What a caller may choose; the first forges nothing.
const HEADERS: [&[(&str, &str)]; 6] = [
    &[],
    &[("content-type", "application/grpc")],
    &[
        ("content-type", "application/grpc+proto"),
        ("te", "trailers"),
    ],
    &[
        ("content-type", "application/grpc-web+proto"),
        ("te", "trailers"),
    ],
    &[
        ("content-type", "application/grpc-web-text"),
        ("x-grpc-web", "1"),
    ],
    &[
        ("x-auth-subject", "user_admin"),
        ("x-original-method", "OPTIONS"),
    ],
];

/// Headers by which a caller poses as another, in every spelling that a server may read as one of these.
pub const FORGED: [(&str, &str); 14] = [
    ("x-auth-subject", "user_admin"),
    ("X-Auth-Subject", "user_admin"),
    ("X-AUTH-SUBJECT", ""),
    ("x_auth_subject", "user_admin"),
    ("X_Auth_Subject", "user_admin"),
    ("x-auth_subject", "user_admin"),
    ("x_auth-subject", "user_admin"),
    ("x-auth-client", "other"),
    ("x_auth_client", "other"),
    ("x-auth_client", "other"),
    ("x-auth-scopes", "email admin"),
    ("x-auth-scopes", "admin"),
    ("x_auth-scopes", "email admin"),
    ("x_auth_scopes", "email admin"),
];

#[tokio::test]
async fn nginx_serves_nothing_to_who_is_rejected_or_is_skipped_if_it_is_missing() {
    // fault A1
    let Some(nginx) = installed("nginx") else {
        skip("nginx", "nginx is not installed");
        return;
    };
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("forward_auth", &clerk);
    example.wait_for_health().await;
    let site = Site::start(&nginx, example.address).await;

    let good = clerk.token("user_ada").scopes(["email", "profile"]).issue();
    site.rejects(&clerk).await;
    site.accepts(&good, &clerk.client_id()).await;
    site.is_closed_during_an_outage(&clerk, &good).await;
    // There is nobody to decide.
    drop(example);
    for path in PATHS {
        let bearer = format!("Bearer {good}");
        for answer in site.ask("GET", path, &[("authorization", &*bearer)]).await {
            assert_eq!(answer.status(), 500, "{path}");
            assert_secret(&answer, false, path);
        }
    }
}

/// A running nginx; it is killed, and its folder removed, when this is dropped.
struct Site {
    http1: SocketAddr,
    http2: SocketAddr,
    folder: PathBuf,
    process: Child,
}

impl Site {
    async fn start(nginx: &Path, auth: SocketAddr) -> Self {
        let backend = serve(Router::new().fallback(backend)).await;
        let (http1, http2) = (free_address(), free_address());
        let name = format!("nginx-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(folder.join("files")).unwrap();
        fs::write(folder.join("files/secret.txt"), SECRET).unwrap();
        fs::write(
            folder.join("nginx.conf"),
            config(http1, http2, auth, backend),
        )
        .unwrap();
        let process = Command::new(nginx)
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(&folder)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut site = Self {
            http1,
            http2,
            folder,
            process,
        };
        site.wait().await;
        site
    }

    async fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for address in [self.http1, self.http2] {
            while TcpStream::connect(address).await.is_err() {
                if let Some(status) = self.process.try_wait().unwrap() {
                    panic!("nginx ended too early: {status}");
                }
                assert!(Instant::now() < deadline, "nginx is not getting ready");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Asks twice, over HTTP/1.1 and over HTTP/2.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> [Response<String>; 4] {
        [
            send(self.http1, method, path, headers).await,
            send_h2(self.http2, method, path, headers).await,
            send(self.http1, method, path, headers).await,
            send_h2(self.http2, method, path, headers).await,
        ]
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
            for headers in HEADERS {
                let mut headers = headers.to_vec();
                if !authorization.is_empty() {
                    headers.push(("authorization", &authorization));
                }
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                    for path in PATHS {
                        let name = format!("{method} {path} {headers:?}");
                        for answer in self.ask(method, path, &headers).await {
                            assert_eq!(answer.status(), status, "{name}");
                            assert_secret(&answer, false, &name);
                            let told = one(answer.headers(), "www-authenticate").unwrap();
                            assert!(told.starts_with(challenge), "{name}: {told}");
                        }
                    }
                }
                // What nginx itself may not know.
                for method in ["TRACE", "BREW"] {
                    for answer in self.ask(method, PATHS[1], &headers).await {
                        assert!(answer.status().is_client_error(), "{method} {headers:?}");
                        assert_secret(&answer, false, method);
                    }
                }
            }
        }
    }

    async fn accepts(&self, token: &str, client: &str) {
        let bearer = format!("Bearer {token}");
        for headers in HEADERS {
            // As often as they fit into a request, in every spelling.
            let headers = [headers, &[("authorization", &*bearer)], &FORGED].concat();
            for answer in self.ask("GET", PATHS[0], &headers).await {
                assert_eq!(answer.status(), 200, "{headers:?}");
                assert_eq!(answer.body(), SECRET, "{headers:?}");
            }
            for method in ["GET", "POST", "DELETE"] {
                for answer in self.ask(method, PATHS[1], &headers).await {
                    assert_eq!(answer.status(), 200, "{method} {headers:?}");
                    let seen = format!(
                        "{SECRET}\nx-auth-client: {client}\nx-auth-scopes: email profile\n\
                         x-auth-subject: user_ada\n"
                    );
                    assert_eq!(*answer.body(), seen, "{method} {headers:?}");
                    assert_eq!(one(answer.headers(), "www-authenticate"), None);
                }
            }
        }
        // For nginx alone.
        for answer in self
            .ask("GET", "/_auth", &[("authorization", &*bearer)])
            .await
        {
            assert_eq!(answer.status(), 404);
        }
    }

    async fn is_closed_during_an_outage(&self, clerk: &FakeClerk, known: &str) {
        clerk.fail(Endpoint::Introspection, Fault::status(503));
        let (unseen, known) = (clerk.token("user_ada").issue(), format!("Bearer {known}"));
        for headers in HEADERS {
            for path in PATHS {
                let bearer = format!("Bearer {unseen}");
                let headers = [headers, &[("authorization", &*bearer)]].concat();
                for answer in self.ask("POST", path, &headers).await {
                    assert_eq!(answer.status(), 500, "{path} {headers:?}");
                    assert_secret(&answer, false, path);
                }
                let headers = [("authorization", &*known)];
                for answer in self.ask("GET", path, &headers).await {
                    assert_secret(&answer, true, path);
                }
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        _ = self.process.start_kill();
        _ = fs::remove_dir_all(&self.folder);
    }
}

#[track_caller]
fn assert_secret(answer: &Response<String>, is_expected: bool, name: &str) {
    assert_eq!(answer.body().contains(SECRET), is_expected, "{name}");
}

/// Shows what it was told of the caller.
pub async fn backend(headers: HeaderMap) -> String {
    let mut seen: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name.as_str().replace('_', "-").starts_with("x-auth-"))
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    seen.sort_unstable();
    format!("{SECRET}\n{}", seen.concat())
}

/// The configuration of the example, with addresses of this test, and with files beside the server.
fn config(http1: SocketAddr, http2: SocketAddr, auth: SocketAddr, backend: SocketAddr) -> String {
    let replace = |text: String, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from} in:\n{text}");
        text.replace(from, to)
    };
    let site = replace(
        SITE.to_owned(),
        "listen 80;",
        &format!("listen {http1}; listen {http2} http2;"),
    );
    let site = replace(site, "127.0.0.1:3000", &auth.to_string());
    let site = replace(site, "127.0.0.1:8000", &backend.to_string());
    let (location, _) = site.split_once("proxy_set_header").unwrap();
    let (_, location) = location.split_once("location / {").unwrap();
    let files = format!("location /files/ {{ {location} root .; }}\n location = /_auth {{");
    let site = replace(site, "location = /_auth {", &files);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{site}}}\n"
    )
}

/// A program, which Debian may have where only administrators look.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
