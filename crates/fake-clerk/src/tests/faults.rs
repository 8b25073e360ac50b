//! Every fault, seen by a client.

use super::*;

#[tokio::test]
async fn answering_faults_answer_as_scripted() {
    let clerk = FakeClerk::start().unwrap();
    let cases = [
        ("status", Fault::status(503), 503, "application/json", None),
        (
            "no content",
            Fault::status(204).body(""),
            204,
            "application/json",
            Some(""),
        ),
        (
            "not modified",
            Fault::status(304),
            304,
            "application/json",
            Some(""),
        ),
        (
            "body",
            Fault::status(500).body("down"),
            500,
            "application/json",
            Some("down"),
        ),
        (
            "answer",
            Fault::answer(200, "text/html", "<p>"),
            200,
            "text/html",
            Some("<p>"),
        ),
        (
            "content type",
            Fault::status(502)
                .header("content-type", "text/plain")
                .body("x"),
            502,
            "text/plain",
            Some("x"),
        ),
        (
            "malformed",
            Fault::malformed(),
            200,
            "application/json",
            None,
        ),
        (
            "oversized",
            Fault::oversized(70_000),
            200,
            "application/json",
            None,
        ),
    ];
    for (name, fault, status, content_type, expected) in cases {
        clerk.fail(Endpoint::Jwks, fault);
        let response = get(&clerk, "/.well-known/jwks.json").await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers()["content-type"], content_type, "{name}");
        if let Some(expected) = expected {
            assert_eq!(response.body(), expected, "{name}");
        }
    }
    clerk.fail(
        Endpoint::Jwks,
        Fault::status(429).header("retry-after", "7"),
    );
    let response = get(&clerk, "/.well-known/jwks.json").await;
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(clerk_code(&response), "fake_clerk_fault");
}

#[tokio::test]
async fn malformed_is_no_json_and_oversized_has_its_size() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Userinfo, Fault::malformed().times(1));
    let response = get(&clerk, "/oauth/userinfo").await;
    assert!(serde_json::from_slice::<Value>(response.body()).is_err());
    for size in [0, 28, 29, 30, 1_000_000] {
        clerk.fail(Endpoint::Userinfo, Fault::oversized(size).times(1));
        let response = get(&clerk, "/oauth/userinfo").await;
        assert_eq!(response.body().len(), size);
        assert_eq!(
            serde_json::from_slice::<Value>(response.body()).is_ok(),
            size >= 29,
            "{size}"
        );
    }
}

#[tokio::test]
async fn faults_take_turns_and_end_when_healed() {
    let clerk = FakeClerk::start().unwrap();
    let fail = |fault| clerk.fail(Endpoint::OpenidConfiguration, fault);
    let status = async || {
        get(&clerk, "/.well-known/openid-configuration")
            .await
            .status()
            .as_u16()
    };

    fail(Fault::status(500).times(0));
    fail(Fault::status(500).times(2));
    fail(Fault::status(429).times(1));
    for expected in [500, 500, 429, 200] {
        assert_eq!(status().await, expected);
    }
    fail(Fault::status(500));
    assert_eq!(status().await, 500);
    fail(Fault::status(503));
    for _ in 0..3 {
        assert_eq!(status().await, 503);
    }
    assert_eq!(get(&clerk, "/.well-known/jwks.json").await.status(), 200);
    clerk.heal(Endpoint::Jwks);
    assert_eq!(status().await, 503);
    clerk.heal(Endpoint::OpenidConfiguration);
    assert_eq!(status().await, 200);
    fail(Fault::status(500));
    clerk.heal_all();
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_delayed_request_is_answered_late() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(
        Endpoint::Introspection,
        Fault::delay(Duration::from_millis(80)).times(1),
    );
    let token = clerk.token("user_1").issue();
    let start = Instant::now();
    assert_eq!(introspect(&clerk, &token).await["active"], true);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_hanging_request_waits_until_healed() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Introspection, Fault::hang().times(1));
    let token = clerk.token("user_1").issue();
    let hanging = tokio::spawn({
        let (clerk, token) = (clerk.clone(), token.clone());
        async move { introspect(&clerk, &token).await }
    });
    eventually("arrival", || clerk.requests().len() == 1).await;
    assert_eq!(introspect(&clerk, &token).await["active"], true);
    assert!(!hanging.is_finished());
    clerk.heal(Endpoint::Introspection);
    assert_eq!(within(5, hanging).await.unwrap()["active"], true);
}

#[tokio::test]
async fn a_hanging_request_ends_when_its_client_leaves() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Jwks, Fault::hang());
    // One handle here, one of the thread, and one per connection or request.
    let idle = Arc::strong_count(&clerk.state);
    let request = tokio::spawn({
        let clerk = clerk.clone();
        async move { get(&clerk, "/.well-known/jwks.json").await }
    });
    eventually("arrival", || clerk.requests().len() == 1).await;
    assert!(Arc::strong_count(&clerk.state) > idle);
    request.abort();
    assert!(request.await.is_err());
    eventually("the end of the connection", || {
        Arc::strong_count(&clerk.state) == idle
    })
    .await;
}

#[tokio::test]
async fn a_reset_closes_the_connection_with_a_tcp_reset() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Jwks, Fault::reset().times(1));
    let idle = Arc::strong_count(&clerk.state);
    let mut stream = TcpStream::connect(clerk.addr()).await.unwrap();
    stream
        .write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let error = within(5, stream.read_to_end(&mut answer))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(answer, b"");
    eventually("the end of the connection", || {
        Arc::strong_count(&clerk.state) == idle
    })
    .await;
    assert_eq!(get(&clerk, "/.well-known/jwks.json").await.status(), 200);
}

#[tokio::test]
async fn a_reset_over_http2_ends_every_request_of_the_connection() {
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Jwks, Fault::reset());
    clerk.fail(Endpoint::Userinfo, Fault::hang());
    let idle = Arc::strong_count(&clerk.state);
    let stream = TcpStream::connect(clerk.addr()).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let call = |endpoint: Endpoint| {
        let request = request(&clerk, "GET", endpoint.path(), &[])
            .body(Full::new(Bytes::new()))
            .unwrap();
        let mut sender = sender.clone();
        tokio::spawn(async move { sender.send_request(request).await.map(drop) })
    };
    let hanging = call(Endpoint::Userinfo);
    eventually("arrival", || clerk.calls(Endpoint::Userinfo) == 1).await;
    let reset = within(5, call(Endpoint::Jwks)).await.unwrap().unwrap_err();
    assert!(is_reset(&reset), "{reset:?}");
    assert!(within(5, hanging).await.unwrap().is_err());
    eventually("the end of the connection", || {
        Arc::strong_count(&clerk.state) == idle
    })
    .await;
}

#[test]
fn faults_that_make_no_sense_panic_in_the_test_that_makes_them() {
    type Case<'a> = (&'a str, fn() -> Fault);
    let cases: &[Case<'_>] = &[
        ("informational status", || Fault::status(101)),
        ("status too low", || Fault::status(99)),
        ("status too high", || Fault::answer(1000, "text/plain", "")),
        ("header without answer", || Fault::hang().header("a", "b")),
        ("body without answer", || Fault::reset().body("x")),
        ("framing", || {
            Fault::status(500).header("Content-Length", "3")
        }),
        ("bad header", || Fault::status(500).header("a b", "c")),
    ];
    for (name, make) in cases {
        assert!(std::panic::catch_unwind(make).is_err(), "{name}");
    }
}
