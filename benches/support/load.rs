//! A server and a load for it, over loopback.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves until the process ends, on a thread of its own.
pub fn serve(app: Router) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .expect("there is a free port");
            tell.send(listener.local_addr().expect("it is bound"))
                .expect("somebody waits");
            axum::serve(listener, app).await.expect("it serves");
        });
    });
    told.recv().expect("it starts")
}

/// Requests per second over 32 connections that each wait for their answer.
pub fn drive(server: SocketAddr, header: &str, value: &str, time: Duration) -> f64 {
    let request: Arc<[u8]> =
        format!("GET / HTTP/1.1\r\nhost: api.example.com\r\n{header}: {value}\r\n\r\n")
            .into_bytes()
            .into();
    let answered = Arc::new(AtomicU64::new(0));
    runtime().block_on(async {
        for _ in 0..32 {
            let (request, answered) = (Arc::clone(&request), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(server).await.expect("it listens");
                stream.set_nodelay(true).expect("a socket has the option");
                let mut buffer = [0; 1024];
                loop {
                    stream.write_all(&request).await.expect("it is open");
                    let len = stream.read(&mut buffer).await.expect("it is open");
                    assert!(
                        buffer[..len].starts_with(b"HTTP/1.1 200"),
                        "{:?}",
                        String::from_utf8_lossy(&buffer[..len])
                    );
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Connections and the cache warm up.
        tokio::time::sleep(time / 4).await;
        let (start, before) = (Instant::now(), answered.load(Ordering::Relaxed));
        tokio::time::sleep(time).await;
        (answered.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
}
