use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::server::{PATIENCE, Server, installed, store};
use crate::{
    fleet::{Position, SharedStore, redis::RedisStore},
    observe::StoreFault,
};

const NAME: &str = "tc1:{abc}";
const SECOND: Duration = Duration::from_secs(1);
const FROM: Position = Position {
    milliseconds: 1,
    sequence: 0,
};

/// The connection was dropped, so that commands fail at once.
async fn assert_closed(store: &RedisStore) {
    for _ in 0..2 {
        let result = timeout(PATIENCE, store.get(NAME)).await;
        assert!(result.expect("it fails at once").is_err());
    }
}

#[tokio::test]
async fn commands_fail_while_the_server_is_killed_and_work_after_a_restart() {
    for program in installed() {
        let mut server = Server::start(program, &[]).await;
        let store = store(&server.url());
        assert_closed(&store).await;
        store.open().await.unwrap();
        assert!(
            store
                .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
                .await
                .is_ok()
        );
        server.kill().await;
        assert!(store.exchange(NAME, &[], FROM).await.is_err());
        assert_closed(&store).await;
        assert!(store.open().await.is_err());

        server.restart().await;
        assert_closed(&store).await;
        store.open().await.unwrap();
        let page = store.exchange(NAME, &[], FROM).await.unwrap();
        assert!(page.messages.is_empty(), "it has forgotten all");
    }
}

#[tokio::test]
async fn an_exchange_that_is_given_up_drops_the_connection() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        server.signal(Signal::SIGSTOP);
        let message = [Bytes::from_static(b"m")];
        // A look that is given up leaves the connection open.
        assert!(timeout(SECOND / 50, store.get(NAME)).await.is_err());
        assert!(
            timeout(SECOND / 4, store.exchange(NAME, &message, FROM))
                .await
                .is_err()
        );
        assert_closed(&store).await;
        server.signal(Signal::SIGCONT);
        store.open().await.unwrap();
        // The server may have appended the message although nobody waited.
        let page = store.exchange(NAME, &message, FROM).await.unwrap();
        assert!((1..=2).contains(&page.messages.len()));
        assert_eq!(page.accepted, [true]);
    }
}

#[tokio::test]
async fn a_read_only_copy_is_not_used() {
    for program in installed() {
        let primary = Server::start(program, &[]).await;
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        store.exchange(NAME, &[], FROM).await.unwrap();
        // It is demoted while the connection is open.
        server
            .command(&format!("REPLICAOF 127.0.0.1 {}", primary.port))
            .await;
        for publish in [&[][..], &[Bytes::from_static(b"m")]] {
            let error = store.exchange(NAME, publish, FROM).await.unwrap_err();
            assert_eq!(error.fault(), Some(StoreFault::ReadOnly));
            assert_closed(&store).await;
            store.open().await.unwrap();
        }
        server.command("REPLICAOF NO ONE").await;
        assert!(store.exchange(NAME, &[], FROM).await.is_ok());
    }
}

#[tokio::test]
async fn a_full_store_is_read_and_rejects_messages() {
    for program in installed() {
        let server = Server::start(program, &["--maxmemory-policy", "noeviction"]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        store
            .exchange(NAME, &[Bytes::from_static(b"before")], FROM)
            .await
            .unwrap();
        server.command(&format!("SET {NAME}:t record")).await;
        server.command("CONFIG SET maxmemory 1").await;
        for _ in 0..2 {
            let page = store
                .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
                .await
                .unwrap();
            assert_eq!((page.accepted, page.messages.len()), (vec![false], 1));
        }
        assert!(store.get(NAME).await.unwrap().is_some());
        let claim = store.claim(NAME, SECOND).await.unwrap();
        assert!(!claim.won && claim.record.is_some());
        assert!(
            store.claim("tc1:{new}", SECOND).await.is_err(),
            "nothing to wait for"
        );
        assert!(
            store
                .release(NAME, Some((Bytes::new(), SECOND)))
                .await
                .is_err()
        );
        assert!(store.release(NAME, None).await.is_ok());
        server.command("CONFIG SET maxmemory 0").await;
        let page = store
            .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
            .await
            .unwrap();
        assert_eq!(page.accepted, [true]);
    }
}

#[tokio::test]
async fn a_value_of_another_type_under_a_name_is_an_error() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        for suffix in ["t", "l", "r", "p", "w:1"] {
            server.command(&format!("LPUSH {NAME}:{suffix} x")).await;
        }
        assert!(store.get(NAME).await.is_err());
        assert!(store.claim(NAME, SECOND).await.is_err());
        assert!(store.count(NAME, 1).await.is_err());
        // `SET` replaces a value of any type.
        store
            .release(NAME, Some((Bytes::from_static(b"x"), SECOND)))
            .await
            .unwrap();
        assert!(store.get(NAME).await.unwrap().is_some());
        assert!(store.exchange(NAME, &[], FROM).await.is_err());
        assert_closed(&store).await;
        server.command("FLUSHALL").await;
        store.open().await.unwrap();
        assert!(store.exchange(NAME, &[], FROM).await.is_ok());
    }
}

#[tokio::test]
async fn flushed_values_are_misses() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        store
            .release(NAME, Some((Bytes::from_static(b"x"), SECOND)))
            .await
            .unwrap();
        store
            .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
            .await
            .unwrap();
        server.command("FLUSHALL").await;
        assert!(store.get(NAME).await.unwrap().is_none());
        assert!(
            store
                .exchange(NAME, &[], FROM)
                .await
                .unwrap()
                .messages
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_server_that_sends_too_much_is_disconnected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"$200000000\r\n").await.unwrap();
        while let Ok(written) = stream.write(&[b'x'; 65_536]).await {
            counted.fetch_add(written, Ordering::Relaxed);
        }
    });
    let store = store(&url);
    store.open().await.unwrap();
    assert!(timeout(PATIENCE, store.get(NAME)).await.unwrap().is_err());
    timeout(PATIENCE, server)
        .await
        .expect("it is disconnected")
        .unwrap();
    let sent = sent.load(Ordering::Relaxed);
    // What the kernel buffers is beyond the budget.
    assert!((16 << 20..48 << 20).contains(&sent), "{sent}");
    assert_closed(&store).await;
}

#[tokio::test]
async fn an_exchange_renews_the_budget() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        let record = Bytes::from(vec![7; 3 << 20]);
        store
            .release(NAME, Some((record, SECOND * 600)))
            .await
            .unwrap();
        for _ in 0..4 {
            for _ in 0..5 {
                assert!(store.get(NAME).await.is_ok());
            }
            store.exchange(NAME, &[], FROM).await.unwrap();
        }
        // The sixth reply exceeds 16 MiB.
        for _ in 0..5 {
            assert!(store.get(NAME).await.is_ok());
        }
        assert!(store.get(NAME).await.is_err());
        assert!(store.exchange(NAME, &[], FROM).await.is_err());
    }
}

/// A proxy that passes all bytes, one byte at a time, no byte, or closes.
struct Proxy {
    port: u16,
    mode: Arc<AtomicU8>,
}

const PASS: u8 = 0;
const ONE_BYTE: u8 = 1;
const BLACK_HOLE: u8 = 2;
const CUT: u8 = 3;

impl Proxy {
    async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = Arc::new(AtomicU8::new(PASS));
        let shared = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                client.set_nodelay(true).unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(pass(client.0, server.1, Arc::clone(&shared)));
                tokio::spawn(pass(server.0, client.1, Arc::clone(&shared)));
            }
        });
        Self { port, mode }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mode: Arc<AtomicU8>,
) {
    let mut buffer = [0; 4096];
    while let Ok(received @ 1..) = from.read(&mut buffer).await {
        let step = match mode.load(Ordering::SeqCst) {
            PASS => received,
            ONE_BYTE => 1,
            BLACK_HOLE => continue,
            _ => return,
        };
        for part in buffer[..received].chunks(step) {
            if to.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_broken_path_is_an_error_and_a_slow_one_is_not() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let proxy = Proxy::start(server.port).await;
        let store = store(&format!("redis://127.0.0.1:{}", proxy.port));
        let message = [Bytes::from_static(b"m")];
        proxy.set(ONE_BYTE);
        store.open().await.unwrap();
        assert!(store.claim(NAME, SECOND * 600).await.unwrap().won);
        assert_eq!(
            store
                .exchange(NAME, &message, FROM)
                .await
                .unwrap()
                .messages
                .len(),
            1
        );

        proxy.set(CUT);
        assert!(
            timeout(PATIENCE, store.exchange(NAME, &message, FROM))
                .await
                .unwrap()
                .is_err()
        );
        assert_closed(&store).await;

        proxy.set(PASS);
        store.open().await.unwrap();
        assert!(
            !store.claim(NAME, SECOND).await.unwrap().won,
            "the lease is still there"
        );
        proxy.set(BLACK_HOLE);
        assert!(
            timeout(SECOND / 4, store.exchange(NAME, &message, FROM))
                .await
                .is_err()
        );
        assert_closed(&store).await;
        proxy.set(PASS);
        store.open().await.unwrap();
        assert_eq!(
            store
                .exchange(NAME, &[], FROM)
                .await
                .unwrap()
                .messages
                .len(),
            1
        );
    }
}
