//! The Redis server that the replicas share, and its faults.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{net::TcpStream, time::sleep};

#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    /// `None` while the server is killed.
    process: Option<Child>,
}

impl Redis {
    /// Starts a server on a free port. `None` if there is no `redis-server`.
    pub(crate) async fn start() -> Option<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let process = Some(spawn(port)?);
        let redis = Self { port, process };
        redis.wait().await;
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Begins a fault: the server is stopped, so that connections hang, or killed, so that it loses its content.
    pub(crate) fn fail(&mut self, minute: usize) {
        if minute.is_multiple_of(2) {
            self.signal(Signal::SIGSTOP);
        } else if let Some(mut process) = self.process.take() {
            process.kill().expect("it is ours");
            process.wait().expect("it is ours");
        }
    }

    /// Ends the fault.
    pub(crate) async fn heal(&mut self) {
        if self.process.is_some() {
            return self.signal(Signal::SIGCONT);
        }
        self.process = spawn(self.port);
        self.wait().await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            let id = process.id().try_into().expect("a pid is an i32");
            kill(Pid::from_raw(id), signal).expect("it is ours");
        }
    }

    async fn wait(&self) {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .is_err()
        {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

/// Starts a server that stores nothing on disk.
fn spawn(port: u16) -> Option<Child> {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
