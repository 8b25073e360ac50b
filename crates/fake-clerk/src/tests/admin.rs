//! Access to the admin page.

use super::*;

fn with_page() -> FakeClerk {
    FakeClerk::builder().admin_page().start().unwrap()
}

/// Sends a request with these headers, and with the fake's own `Host` if they do not contain one.
async fn status(clerk: &FakeClerk, method: &str, path: &str, headers: Headers<'_>) -> u16 {
    let own = clerk.addr().to_string();
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n");
    if headers.iter().all(|(name, _)| *name != "host") {
        text += &format!("host: {own}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(clerk.addr()).await.unwrap();
    stream.write_all((text + "\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].parse().unwrap()
}

#[tokio::test]
async fn there_is_no_page_unless_it_is_switched_on() {
    let clerk = FakeClerk::start().unwrap();
    for path in ["/__admin", "/__admin/", "/__admin/api/state"] {
        assert_eq!(status(&clerk, "GET", path, &[]).await, 404, "{path}");
    }
    let clerk = with_page();
    for (path, expected) in [
        ("/__admin", 200),
        ("/__admin/", 200),
        ("/__admin/api/state", 200),
        ("/__admin/api/nothing", 404),
        ("/__administrator", 404),
    ] {
        assert_eq!(status(&clerk, "GET", path, &[]).await, expected, "{path}");
    }
    assert_eq!(clerk.total_calls(), 1, "its own requests do not count");
}

#[test]
fn the_page_is_for_loopback_only() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let builder = FakeClerk::builder().listen(addr.parse().unwrap());
        let error = builder.admin_page().start().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{addr}");
    }
}

#[test]
fn the_client_can_be_chosen() {
    let clerk = FakeClerk::builder().client("id", "s3cret").start().unwrap();
    assert_eq!(
        (clerk.client_id(), clerk.client_secret()),
        ("id".into(), "s3cret".into())
    );
    let builder = FakeClerk::builder().client("id", "s3cret");
    assert!(!format!("{builder:?}").contains("s3cret"));
}

#[tokio::test]
async fn nobody_drives_it_from_another_page() {
    let clerk = with_page();
    clerk.fail(Endpoint::Jwks, Fault::status(503));
    let port = clerk.addr().port();
    let own = format!("http://127.0.0.1:{port}");
    let local = format!("localhost:{port}");
    let rebound = format!("evil.example:{port}");
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    let cases: &[(&str, Headers<'_>, u16)] = &[
        ("another name", &[("host", &rebound)], 403),
        (
            "its own origin",
            &[("host", &rebound), ("origin", &format!("http://{rebound}"))],
            403,
        ),
        ("no port", &[("host", "127.0.0.1")], 403),
        ("another origin", &[("origin", "https://evil.example")], 403),
        ("no origin at all", &[("origin", "null")], 403),
        ("another port", &[("origin", &other_port)], 403),
        (
            "another scheme",
            &[("origin", &own.replace("http", "https"))],
            403,
        ),
        (
            "another of its names",
            &[("origin", &format!("http://{local}"))],
            403,
        ),
        (
            "two origins",
            &[("origin", &own), ("origin", "https://evil.example")],
            403,
        ),
        ("another site", &[("sec-fetch-site", "cross-site")], 403),
        (
            "the same site",
            &[("origin", &own), ("sec-fetch-site", "same-site")],
            403,
        ),
        ("no browser", &[], 204),
        (
            "the page",
            &[("origin", &own), ("sec-fetch-site", "same-origin")],
            204,
        ),
        (
            "its other name",
            &[("host", &local), ("origin", &format!("http://{local}"))],
            204,
        ),
    ];
    for (name, headers, expected) in cases {
        for _ in 0..2 {
            let got = status(&clerk, "DELETE", "/__admin/api/faults", headers).await;
            assert_eq!(got, *expected, "{name}");
            let read = status(&clerk, "GET", "/__admin/api/state", headers).await;
            assert_eq!(read == 200, *expected == 204, "{name}, reading");
        }
        let faulty = get(&clerk, "/.well-known/jwks.json").await.status() == 503;
        assert_eq!(faulty, *expected == 403, "{name}");
        clerk.fail(Endpoint::Jwks, Fault::status(503));
    }
    for _ in 0..2 {
        let preflight = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", "PUT"),
        ];
        assert_eq!(
            status(&clerk, "OPTIONS", "/__admin/api/faults", &preflight).await,
            403
        );
    }
}

#[tokio::test]
async fn nobody_mints_or_rotates_from_another_page() {
    let clerk = with_page();
    let kids = published_keys(&clerk).await;
    for (path, form) in [
        ("tokens", json!({"user": "user_1"})),
        ("sessions", json!({"user": "user_1"})),
        ("api-keys", json!({"subject": "user_1"})),
        ("machine-tokens", json!({"machine": "mch_1"})),
        ("keys", json!({"kid": "new"})),
    ] {
        let (path, form) = (format!("/__admin/api/{path}"), form.to_string());
        for (name, value, expected) in [
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "cross-site", 403),
            ("content-type", "text/plain", 415),
            ("content-type", "application/x-www-form-urlencoded", 415),
        ] {
            let mut headers = vec![(name, value)];
            if name != "content-type" {
                headers.push(("content-type", "application/json"));
            }
            for _ in 0..2 {
                let reply = send(&clerk, "POST", &path, &headers, &form).await.unwrap();
                assert_eq!(reply.status(), expected, "{path} {name}: {value}");
                assert_eq!(members(&body(&reply)), set(&["error"]), "no token");
            }
        }
    }
    let retire = [("origin", "https://evil.example")];
    for _ in 0..2 {
        let got = status(&clerk, "DELETE", "/__admin/api/keys", &retire).await;
        assert_eq!(got, 403);
    }
    assert_eq!(published_keys(&clerk).await, kids);
    let state = body(&get(&clerk, "/__admin/api/state").await);
    assert_eq!(state["tokens"], json!([]));
}

#[tokio::test]
async fn beside_a_browser_no_page_from_elsewhere_gets_a_code() {
    let clerk = with_page();
    let port = clerk.addr().port();
    for (host, expected) in [
        (format!("evil.example:{port}"), 403),
        (format!("localhost:{port}"), 200),
    ] {
        for _ in 0..2 {
            let path = Endpoint::AuthorizationServer.path();
            let got = status(&clerk, "GET", path, &[("host", &host)]).await;
            assert_eq!(got, expected, "{host}");
        }
    }
    for (uri, expected) in [
        ("https://evil.example/callback", 400),
        ("https://localhost.evil.example/callback", 400),
        ("http://localhost:6274/callback", 201),
        ("https://localhost:6274/callback", 201),
        ("cursor://oauth/callback", 201),
    ] {
        for _ in 0..2 {
            let metadata = json!({"redirect_uris": [uri]});
            let response = flow::post_json(&clerk, "/oauth/register", &metadata).await;
            assert_eq!(response.status(), expected, "{uri}");
        }
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_and_be_framed_by_nobody() {
    let clerk = with_page();
    let (first, second) = (get(&clerk, "/__admin").await, get(&clerk, "/__admin").await);
    let policy = |page: &Response<Bytes>| {
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        policy.to_owned()
    };
    for directive in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "connect-src 'self'",
    ] {
        assert!(policy(&first).contains(directive), "{directive}");
    }
    assert_ne!(policy(&first), policy(&second), "a nonce is for once");
    let text = String::from_utf8(first.body().to_vec()).unwrap();
    assert!(!text.contains("{{") && !text.contains("innerHTML"));
    for external in ["src=", "@import", "url(", "https://"] {
        assert!(!text.contains(external), "{external}");
    }
    for secret in [clerk.client_secret(), clerk.secret_key()] {
        assert!(!text.contains(&secret), "it is asked for, not in the page");
    }
}
