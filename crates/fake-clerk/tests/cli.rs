//! The program `fake-clerk`, as a process of its own.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-clerk"));
    for name in [
        "LISTEN",
        "CLERK_OAUTH_CLIENT_ID",
        "CLERK_OAUTH_CLIENT_SECRET",
        "REDIRECT_URIS",
    ] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running program; it is killed when this drops.
struct Running {
    process: Child,
    /// The variables and the tokens that it has printed, by their names and their users.
    printed: HashMap<String, String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = HashMap::new();
        let mut is_ready = false;
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            assert!(line.chars().count() <= 80, "{line}");
            let line = line.trim();
            let pair = match line.strip_prefix("export ") {
                Some(assignment) => assignment.split_once('='),
                None if line.starts_with("user_") => line.split_once(' '),
                None => None,
            };
            if let Some((name, value)) = pair {
                printed.insert(name.to_owned(), value.trim().to_owned());
            }
            if line.starts_with("Ctrl-C") {
                is_ready = true;
                break;
            }
        }
        let running = Self { process, printed };
        assert!(is_ready, "the program ended too early");
        running
    }

    /// Sends a request with a bearer token and returns the status and the body.
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let url = self.printed["CLERK_DOMAIN"]
            .strip_prefix("http://")
            .unwrap();
        let address = url.split('/').next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn help_names_every_option_and_variable_and_fits_the_terminal() {
    for argument in ["--help", "-h"] {
        let output = run(&[argument]);
        assert!(output.status.success(), "{argument}");
        let help = text(&output.stdout);
        for name in [
            "--listen",
            "--path",
            "--help",
            "--version",
            "LISTEN",
            "CLERK_OAUTH_CLIENT_ID",
            "CLERK_OAUTH_CLIENT_SECRET",
            "REDIRECT_URIS",
            "127.0.0.1:4000",
        ] {
            assert!(help.contains(name), "{name}: {help}");
        }
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    for argument in ["--version", "-V"] {
        let output = run(&[argument]);
        assert!(output.status.success(), "{argument}");
        let expected = concat!("fake-clerk ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(text(&output.stdout), expected);
    }
}

#[test]
fn wrong_arguments_are_errors_that_name_the_help() {
    for arguments in [
        &["--port", "4000"][..],
        &["4000"],
        &["--listen"],
        &["--listen", "127.0.0.1:0", "--admin"],
        &["--listen", "localhost"],
        &["--path", "__clerk"],
        &["--webhook-url"],
        &["--webhook-secret", "whsec_AA=="],
    ] {
        let output = run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains("--help"), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_address_in_use_or_not_on_loopback_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = listener.local_addr().unwrap().to_string();
    for (address, expected) in [
        (in_use.as_str(), &["in use", "--listen", &in_use][..]),
        ("0.0.0.0:0", &["loopback", "0.0.0.0:0"]),
    ] {
        let output = run(&["--listen", address]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{address}: {error}");
        for part in expected {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(output.stdout.is_empty(), "{address}");
    }
}

#[test]
fn it_listens_and_serves() {
    let running = Running::start(command().args(["--listen", "127.0.0.1:0"]));
    let address = &running.printed["CLERK_DOMAIN"];
    let (status, document) = running.get("/.well-known/oauth-authorization-server", "");
    assert_eq!(status, 200);
    assert!(
        document.contains(&format!("\"issuer\":\"{address}\"")),
        "{document}"
    );

    let (status, profile) = running.get("/oauth/userinfo", &running.printed["user_ada"]);
    assert_eq!(status, 200);
    assert!(profile.contains("Lovelace"), "{profile}");
    let (status, _) = running.get("/oauth/userinfo", "oat_unknown");
    assert_eq!(status, 401);
    let (status, user) = running.get("/v1/users/user_ada", &running.printed["CLERK_SECRET_KEY"]);
    assert_eq!(status, 200);
    assert!(user.contains("Lovelace"), "{user}");

    let (status, page) = running.get("/__admin", "");
    assert_eq!(status, 200);
    assert!(page.contains("<html"), "{page}");
    let (status, state) = running.get("/__admin/api/state", "");
    assert_eq!(status, 200);
    assert!(state.contains("user_grace"), "{state}");
}

#[test]
fn the_environment_sets_the_client_and_the_option_wins_over_it() {
    let running = Running::start(
        command()
            .args(["--listen=127.0.0.1:0"])
            .env("LISTEN", "0.0.0.0:0")
            .env("CLERK_OAUTH_CLIENT_ID", "client_1"),
    );
    assert_eq!(running.printed["CLERK_OAUTH_CLIENT_ID"], "client_1");
    let secret = &running.printed["CLERK_OAUTH_CLIENT_SECRET"];
    assert_eq!(secret, "FakeClerkSecretThatProtectsNoOne");

    let running = Running::start(command().env("LISTEN", "127.0.0.1:0"));
    let id = &running.printed["CLERK_OAUTH_CLIENT_ID"];
    assert_eq!(id, "FakeClerkClient1");
}

#[test]
fn the_frontend_api_is_below_a_path() {
    let arguments = ["--listen", "127.0.0.1:0", "--path", "/__clerk"];
    let running = Running::start(command().args(arguments));
    let domain = &running.printed["CLERK_DOMAIN"];
    let origin = domain.strip_suffix("/__clerk").unwrap();
    assert_eq!(running.printed["CLERK_API_URL"], format!("{origin}/v1"));
    let token = &running.printed["user_ada"];
    for (path, expected) in [
        ("/__clerk/oauth/userinfo", 200),
        ("/oauth/userinfo", 404),
        ("/__admin", 200),
    ] {
        assert_eq!(running.get(path, token).0, expected, "{path}");
    }
}

#[test]
fn it_sends_events_to_the_webhook_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let arguments = ["--listen=127.0.0.1:0", "--webhook-url", &url];
    let running = Running::start(command().args(arguments));
    let secret = &running.printed["CLERK_WEBHOOK_SIGNING_SECRET"];
    assert!(secret.starts_with("whsec_"), "{secret}");

    let address = running.printed["CLERK_DOMAIN"]
        .strip_prefix("http://")
        .unwrap();
    let body = r#"{"id":"user_ada","banned":true}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "PUT /__admin/api/users HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");

    let (mut stream, _) = listener.accept().unwrap();
    let mut event = Vec::new();
    let mut chunk = [0; 1024];
    while !event.ends_with(b"}") {
        let length = stream.read(&mut chunk).unwrap();
        assert!(length > 0, "{}", text(&event));
        event.extend_from_slice(&chunk[..length]);
    }
    let event = text(&event);
    assert!(event.starts_with("POST /hook HTTP/1.1\r\n"), "{event}");
    assert!(event.contains("svix-signature: v1,"), "{event}");
    assert!(event.contains(r#""type":"user.updated""#), "{event}");
}
