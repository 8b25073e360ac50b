//! A real server, started on a free port and killed at the end of the test.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::fleet::redis::{Address, RedisStore, Roots};

/// A loaded machine needs long to start a process.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Server {
    pub(super) port: u16,
    program: &'static str,
    arguments: Vec<String>,
    folder: PathBuf,
    process: Child,
}

/// Returns the servers that are installed. Without any, the test is skipped, or fails if `CI_REQUIRE` names `redis`.
pub(super) fn installed() -> Vec<&'static str> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &&str| env::split_paths(&paths).any(|path| path.join(program).exists());
    let found: Vec<_> = ["redis-server", "valkey-server"]
        .into_iter()
        .filter(is_there)
        .collect();
    if found.is_empty() {
        let required = env::var("CI_REQUIRE").unwrap_or_default();
        assert!(!required.contains("redis"), "redis-server is not installed");
        // Unlike the output of `eprintln`, this is visible although the test passes.
        writeln!(io::stderr(), "SKIPPED: no redis-server").unwrap();
    }
    found
}

impl Server {
    pub(super) async fn start(program: &'static str, arguments: &[&str]) -> Self {
        let port = free_port().await;
        let port_text = port.to_string();
        Self::start_at(
            program,
            port,
            &[&["--port", &port_text], arguments].concat(),
        )
        .await
    }

    /// With TLS instead of TCP. Returns the PEM of the authority.
    pub(super) async fn start_tls(program: &'static str, names: &[&str]) -> (Self, String) {
        let folder = folder();
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        fs::write(path("server.crt"), certificate.pem()).unwrap();
        fs::write(path("server.key"), key.serialize_pem()).unwrap();
        let port = free_port().await;
        let arguments = [
            "--port",
            "0",
            "--tls-port",
            &port.to_string(),
            "--tls-auth-clients",
            "no",
            "--tls-ca-cert-file",
            &path("server.crt"),
            "--tls-cert-file",
            &path("server.crt"),
            "--tls-key-file",
            &path("server.key"),
        ];
        (Self::start_at(program, port, &arguments).await, root)
    }

    async fn start_at(program: &'static str, port: u16, arguments: &[&str]) -> Self {
        let folder = folder();
        let fixed = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ];
        let fixed = fixed.into_iter().chain([folder.to_str().unwrap()]);
        let arguments = fixed
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect();
        let process = spawn(program, &arguments);
        let server = Self {
            port,
            program,
            arguments,
            folder,
            process,
        };
        server.wait().await;
        server
    }

    /// Kills the process, as `kill -9` does.
    pub(super) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    pub(super) async fn restart(&mut self) {
        self.process = spawn(self.program, &self.arguments);
        self.wait().await;
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = self.process.id().unwrap().try_into().unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Sends a command, and returns the first line of the reply.
    pub(super) async fn command(&self, words: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream
            .write_all(format!("{words}\r\n").as_bytes())
            .await
            .unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"\n") {
            reply.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        String::from_utf8(reply).unwrap().trim_end().to_owned()
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn wait(&self) {
        let connects = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, connects)
            .await
            .expect("the server starts");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.start_kill();
        _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn store(url: &str) -> RedisStore {
    RedisStore::new(Address::parse(url).unwrap(), None)
}

pub(super) fn store_with_root(url: &str, root: &str) -> RedisStore {
    RedisStore::new(
        Address::parse(url).unwrap(),
        Some(Roots::parse(root).unwrap()),
    )
}

fn spawn(program: &str, arguments: &Vec<String>) -> Child {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("tower-clerk-redis-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
