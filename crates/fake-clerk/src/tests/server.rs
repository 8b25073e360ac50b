//! Protocols, runtimes, start and end of the server.

use super::*;

#[tokio::test]
async fn http2_without_tls_is_spoken() {
    let clerk = FakeClerk::start().unwrap();
    let stream = TcpStream::connect(clerk.addr()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = request(&clerk, "GET", "/.well-known/openid-configuration", &[])
            .body(Full::new(Bytes::new()))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, http::Version::HTTP_2)
        );
    }
    assert_eq!(
        (
            clerk.calls(Endpoint::OpenidConfiguration),
            clerk.connections()
        ),
        (3, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_stop_it() {
    let clerk = FakeClerk::start().unwrap();
    assert_eq!(
        get(&clerk, "/.well-known/openid-configuration")
            .await
            .status(),
        200
    );
}

#[test]
fn it_serves_tests_without_a_runtime() {
    use std::io::{Read as _, Write as _};
    let clerk = FakeClerk::start().unwrap();
    let mut stream = std::net::TcpStream::connect(clerk.addr()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_thread() {
    let clerk = FakeClerk::start().unwrap();
    let (addr, state) = (clerk.addr(), Arc::downgrade(&clerk.state));
    clerk.fail(Endpoint::Jwks, Fault::hang());
    let mut hanging = TcpStream::connect(addr).await.unwrap();
    hanging
        .write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    eventually("arrival", || clerk.calls(Endpoint::Jwks) == 1).await;

    let clone = clerk.clone();
    drop(clerk);
    assert_eq!(get(&clone, "/").await.status(), 404);
    drop(clone);
    assert_eq!(
        state.strong_count(),
        0,
        "the thread has let go of the state"
    );
    assert!(TcpStream::connect(addr).await.is_err());
    let mut rest = Vec::new();
    let _ = within(5, hanging.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_fake_can_come_back_on_the_same_port() {
    let first = FakeClerk::start().unwrap();
    let addr = first.addr();
    assert!(FakeClerk::start_on(addr).is_err(), "the port is taken");
    get(&first, "/").await;
    drop(first);
    let second = FakeClerk::start_on(addr).unwrap();
    assert_eq!(second.addr(), addr);
    assert_eq!(get(&second, "/").await.status(), 404);
}
