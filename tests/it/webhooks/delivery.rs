//! Requests to the endpoint: methods, bodies, signatures, repetitions, and the way through real servers.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;
use tower_clerk::{Authenticator, ClerkConfig, kinds::SessionTokens};

use super::{Hooked, secret, send, signed};
use crate::{redaction::Log, support::unix_seconds, wire::serve};

const EVENT: &str = r#"{"type":"session.revoked","data":{"id":"sess_1"}}"#;

/// A body of 1 MiB and `more` bytes that is a good event.
fn large(more: usize) -> String {
    let (start, end) = (r#"{"type":"user.created","x":""#, r#""}"#);
    let rest = 1024 * 1024 + more - start.len() - end.len();
    format!("{start}{}{end}", "x".repeat(rest))
}

/// Sends a request with another body.
async fn with_body<B>(hooked: &Hooked, request: Request<Bytes>, body: B) -> StatusCode
where
    B: Body + Send + 'static,
{
    let Ok(response) = hooked.webhooks.clone().oneshot(request.map(|_| body)).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.is_empty());
    status
}

#[tokio::test]
async fn only_post_is_allowed() {
    let hooked = Hooked::new();
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        for _ in 0..2 {
            let mut request = hooked.signed("msg_1", EVENT).map(Full::new);
            *request.method_mut() = method.clone();
            let Ok(response) = hooked.webhooks.clone().oneshot(request).await;
            assert_eq!(response.status(), 405, "{method}");
            assert_eq!(response.headers()["allow"], "POST", "{method}");
        }
    }
    assert_eq!(hooked.send(hooked.signed("msg_1", EVENT)).await, 204);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let hooked = Hooked::new();
    for (more, expected) in [(0, 204), (1, 413)] {
        let text = large(more);
        for turn in ["declared", "in chunks"] {
            let request = hooked.signed(&format!("msg_{more}_{}", turn.len()), &text);
            let body = request.body().clone();
            let status = match turn {
                "declared" => hooked.send(request).await,
                _ => {
                    let chunks: Vec<_> = body.chunks(1000).map(Bytes::copy_from_slice).collect();
                    let frames = stream::iter(chunks)
                        .map(Frame::data)
                        .map(Ok::<_, Infallible>);
                    with_body(&hooked, request, StreamBody::new(frames)).await
                }
            };
            assert_eq!(status, expected, "{more} {turn}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_ends_after_ten_seconds() {
    let hooked = Hooked::new();
    let start = tokio::time::Instant::now();
    let first = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{")))]);
    let body = StreamBody::new(first.chain(stream::pending()));
    let status = with_body(&hooked, hooked.signed("msg_1", EVENT), body).await;
    assert_eq!(status, 408);
    assert_eq!(start.elapsed().as_secs(), 10);
    // Slow, but in time.
    let parts = EVENT.as_bytes().chunks(10).map(Bytes::copy_from_slice);
    let parts = stream::iter(parts.collect::<Vec<_>>()).then(async |part| {
        tokio::time::sleep(Duration::from_millis(1_900)).await;
        Ok::<_, Infallible>(Frame::data(part))
    });
    let body = StreamBody::new(Box::pin(parts));
    let status = with_body(&hooked, hooked.signed("msg_1", EVENT), body).await;
    assert_eq!(status, 204, "after {:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_breaks_off_has_no_effect() {
    let hooked = Hooked::new();
    let token = hooked
        .world
        .clerk
        .session("user_1")
        .session_id("sess_1")
        .issue();
    let whole = Ok(Frame::data(Bytes::from_static(EVENT.as_bytes())));
    let broken = stream::iter([whole, Err(io::Error::other("broken"))]);
    let status = with_body(
        &hooked,
        hooked.signed("msg_1", EVENT),
        StreamBody::new(broken),
    )
    .await;
    assert_eq!(status, 400);
    hooked.app.bearer(&token).await.assert_accepted();
    // The retry works.
    assert_eq!(hooked.send(hooked.signed("msg_1", EVENT)).await, 204);
    assert_eq!(hooked.app.bearer(&token).await.status(), 401);
}

/// Frames without data, without end, each at once.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
    }
}

#[tokio::test]
async fn a_body_that_is_always_ready_leaves_the_runtime_to_others() {
    let hooked = Hooked::new();
    let request = hooked.signed("msg_1", EVENT).map(|_| Endless);
    let task = tokio::spawn(hooked.webhooks.clone().oneshot(request));
    // This test goes on, although the runtime has one thread.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!task.is_finished());
    task.abort();
}

#[tokio::test]
async fn altered_and_unsigned_events_have_no_effect() {
    // B20
    let hooked = Hooked::new();
    let token = hooked
        .world
        .clerk
        .session("user_1")
        .session_id("sess_1")
        .issue();
    hooked.app.bearer(&token).await.assert_accepted();
    let now = unix_seconds(hooked.world.clock.now());
    let good = || hooked.signed("msg_1", EVENT);
    let with = |name: &'static str, value: &[u8]| {
        let mut request = good();
        let value = http::HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert(name, value);
        request
    };
    let twice = |name: &'static str| {
        let mut request = good();
        let value = request.headers()[name].clone();
        request.headers_mut().append(name, value);
        request
    };
    let without = |name: &str| {
        let mut request = good();
        request.headers_mut().remove(name);
        request
    };
    let reformatted = good().map(|_| Bytes::from(EVENT.replace(':', ": ")));
    let signature = good().headers()["svix-signature"].clone();
    let cut = &signature.as_bytes()[..signature.len() - 4];
    for (name, request, expected) in [
        ("reformatted", reformatted, 401),
        (
            "another body",
            good().map(|_| Bytes::from_static(b"{}")),
            401,
        ),
        ("no body", good().map(|_| Bytes::new()), 401),
        (
            "another secret",
            signed("svix", &secret(), "msg_1", now, EVENT),
            401,
        ),
        ("another id", with("svix-id", b"msg_2"), 401),
        (
            "another time",
            with("svix-timestamp", (now + 1).to_string().as_bytes()),
            401,
        ),
        ("no signature", without("svix-signature"), 401),
        ("no id", without("svix-id"), 401),
        ("no time", without("svix-timestamp"), 401),
        ("an empty signature", with("svix-signature", b""), 401),
        ("a version alone", with("svix-signature", b"v1,"), 401),
        ("a signature cut off", with("svix-signature", cut), 401),
        (
            "a long signature",
            with("svix-signature", &b"v1,AAAA ".repeat(8_000)),
            401,
        ),
        (
            "too old",
            signed("svix", &hooked.secret, "msg_1", now - 301, EVENT),
            401,
        ),
        (
            "too new",
            signed("svix", &hooked.secret, "msg_1", now + 302, EVENT),
            401,
        ),
        ("an empty id", with("svix-id", b""), 400),
        ("a long id", with("svix-id", &[b'm'; 257]), 400),
        (
            "an id beyond ASCII",
            with("svix-id", "msg_é".as_bytes()),
            400,
        ),
        ("an empty time", with("svix-timestamp", b""), 400),
        (
            "a time with a sign",
            with("svix-timestamp", format!("+{now}").as_bytes()),
            400,
        ),
        ("two ids", twice("svix-id"), 400),
        ("two times", twice("svix-timestamp"), 400),
        ("two signatures", twice("svix-signature"), 400),
    ] {
        for turn in ["first", "second"] {
            let status = hooked.send(request.clone()).await;
            assert_eq!(status, expected, "{name}, {turn}");
        }
    }
    hooked.app.bearer(&token).await.assert_accepted();
    assert_eq!(hooked.send(good()).await, 204);
    assert_eq!(hooked.app.bearer(&token).await.status(), 401);
}

#[tokio::test]
async fn a_repeated_delivery_has_no_second_effect() {
    let hooked = Hooked::new();
    let clerk = &hooked.world.clerk;
    let token = clerk.token("user_1").issue();
    hooked.app.bearer(&token).await.assert_accepted();
    clerk.user("user_1").name("Ada").save();
    let event = clerk.webhook_requests().remove(0);
    let mut misses = Vec::new();
    for _ in 0..3 {
        assert_eq!(hooked.send(event.clone()).await, 204);
        hooked.app.bearer(&token).await.assert_accepted();
        misses.push(hooked.misses());
    }
    assert_eq!(misses, [2, 2, 2]);
    // The same id, signed again, as Svix repeats it; clones of the service remember it, too.
    hooked.world.clock.advance(Duration::from_secs(20));
    let body = std::str::from_utf8(event.body()).unwrap();
    let id = event.headers()["svix-id"].to_str().unwrap();
    assert_eq!(
        send(&hooked.webhooks.clone(), hooked.signed(id, body)).await,
        204
    );
    hooked.app.bearer(&token).await.assert_accepted();
    assert_eq!(hooked.misses(), 2);
    // Another id is another event.
    assert_eq!(hooked.send(hooked.signed("msg_2", body)).await, 204);
    hooked.app.bearer(&token).await.assert_accepted();
    assert_eq!(hooked.misses(), 3);
}

#[tokio::test]
async fn events_that_cannot_be_read_are_a_400_and_an_error_in_the_log() {
    let hooked = Hooked::new();
    for (name, body) in [
        ("not JSON", "canary"),
        (
            "a type twice",
            r#"{"type":"user.created","type":"user.deleted","data":{"id":"canary"}}"#,
        ),
        (
            "data twice",
            r#"{"type":"user.deleted","data":{"id":"canary"},"data":{"id":"b"}}"#,
        ),
        ("no type", r#"{"data":{"id":"canary"}}"#),
        (
            "an id of another type",
            r#"{"type":"session.ended","data":{"id":["canary"]}}"#,
        ),
        (
            "a ban as text",
            r#"{"type":"user.updated","data":{"id":"canary","banned":"canary"}}"#,
        ),
    ] {
        for turn in ["first", "second"] {
            let log = Log::default();
            let guard = log.subscribe();
            let status = hooked.send(hooked.signed("msg_1", body)).await;
            drop(guard);
            assert_eq!(status, 400, "{name}, {turn}");
            let text = log.text();
            assert!(text.contains("ERROR"), "{name}, {turn}: {text}");
            assert!(!text.contains("canary"), "{name}: {text}");
        }
    }
    // None of them is remembered as done.
    assert_eq!(hooked.send(hooked.signed("msg_1", EVENT)).await, 204);
}

#[tokio::test]
async fn secrets_rotate() {
    let (old, new) = (secret(), secret());
    let hooked = Hooked::with(|config| config.webhook_secrets([&old, &new]));
    let now = unix_seconds(hooked.world.clock.now());
    for (number, secret) in [&old, &new].into_iter().enumerate() {
        let request = signed("svix", secret, &format!("msg_{number}"), now, EVENT);
        assert_eq!(hooked.send(request).await, 204);
    }
    // Svix signs with both while it rotates.
    let mut both = signed("svix", &secret(), "msg_3", now, EVENT);
    let other = signed("svix", &new, "msg_3", now, EVENT);
    let signatures = [&both, &other].map(|it| it.headers()["svix-signature"].to_str().unwrap());
    let signatures = signatures.join(" ").parse().unwrap();
    both.headers_mut().insert("svix-signature", signatures);
    assert_eq!(hooked.send(both).await, 204);
    // The list in the code replaces the earlier one.
    assert_eq!(hooked.send(hooked.signed("msg_4", EVENT)).await, 401);
}

#[test]
fn secrets_are_checked_and_never_shown() {
    let builder = || ClerkConfig::builder("clerk.example.com").accept(SessionTokens::new());
    let none = Authenticator::new(builder().build().unwrap());
    assert!(none.webhooks().is_none());
    let none = Authenticator::new(builder().webhook_secrets([""; 0]).build().unwrap());
    assert!(none.webhooks().is_none());
    let good = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5";
    for (name, secret, is_good) in [
        ("good", good, true),
        (
            "without padding",
            "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E",
            true,
        ),
        (
            "with padding",
            "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E=",
            true,
        ),
        ("24 bytes", "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5", true),
        ("23 bytes", "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXI", false),
        (
            "without the prefix",
            "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5",
            false,
        ),
        ("the prefix alone", "whsec_", false),
        ("empty", "", false),
        (
            "not base64",
            "whsec_Q2FuYXJ5!2FuYXJ5Q2FuYXJ5Q2FuYXJ5",
            false,
        ),
        (
            "a secret key",
            "sk_live_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5",
            false,
        ),
    ] {
        // Each one counts, not the first alone.
        let builder = builder().webhook_secrets([good, secret]);
        assert!(!format!("{builder:?}").contains("Q2FuYXJ5"), "{name}");
        match builder.build() {
            Ok(config) => {
                assert!(is_good, "{name}");
                assert!(!format!("{config:?}").contains("Q2FuYXJ5"), "{name}");
                let webhooks = Authenticator::new(config).webhooks().unwrap();
                assert!(!format!("{webhooks:?}").contains("Q2FuYXJ5"), "{name}");
            }
            Err(error) => {
                assert!(!is_good, "{name}: {error}");
                assert_eq!(error.problems().len(), 1, "{name}: {error}");
                assert_eq!(error.problems()[0].option(), "webhook_secrets", "{name}");
                assert!(!error.to_string().contains("Q2FuYXJ5"), "{name}: {error}");
            }
        }
    }
}

#[test]
fn secrets_are_read_from_files() {
    let good = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5";
    let read = |secrets: &str| {
        let text = format!(
            r#"{{"instance":"clerk.example.com","accept":{{"session":{{}}}},"webhook_secrets":{secrets}}}"#
        );
        serde_json::from_str::<ClerkConfig>(&text)
    };
    for secrets in [
        format!("{good:?}"),
        format!("[{good:?}]"),
        format!("\"{good},{good}\""),
    ] {
        let config = read(&secrets).unwrap();
        assert!(Authenticator::new(config).webhooks().is_some(), "{secrets}");
    }
    for secrets in ["12345678", r#"{"Q2FuYXJ5":1}"#, r#"["Q2FuYXJ5"]"#, "[5678]"] {
        let error = read(secrets).unwrap_err().to_string();
        assert!(error.contains("webhook_secrets"), "{secrets}: {error}");
        assert!(
            !error.contains("Q2FuYXJ5") && !error.contains("5678"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_fake_sends_events_to_a_service_behind_axum_and_plain_hyper() {
    for server in ["axum", "hyper"] {
        let hooked = Hooked::new();
        let clerk = crate::support::World::over_sockets().clerk;
        let config = ClerkConfig::builder(clerk.url())
            .accept(SessionTokens::new())
            .webhook_secrets([&*hooked.secret]);
        let authenticator = Authenticator::new(config.build().unwrap());
        let webhooks = authenticator.webhooks().unwrap();
        let address = match server {
            "axum" => serve(Router::new().route_service("/hook", webhooks)).await,
            _ => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let service = TowerToHyperService::new(webhooks.clone());
                        let connection = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service);
                        tokio::spawn(connection);
                    }
                });
                address
            }
        };
        clerk
            .webhooks(format!("http://{address}/hook"), &hooked.secret)
            .unwrap();
        let token = clerk.session("user_1").session_id("sess_1").issue();
        authenticator.verify(&token).await.unwrap();
        clerk.revoke_session("sess_1");
        let rejected = async {
            while authenticator.verify(&token).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), rejected)
            .await
            .expect(server);

        // In chunks, by hand.
        let body = r#"{"type":"user.created"}"#;
        let now = unix_seconds(hooked.world.clock.now());
        let request = signed("webhook", &hooked.secret, "msg_1", now, body);
        let mut text =
            "POST /hook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n".to_owned();
        for (name, value) in request.headers() {
            text += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        text += "connection: close\r\n\r\n";
        for chunk in body.as_bytes().chunks(5) {
            text += &format!(
                "{:x}\r\n{}\r\n",
                chunk.len(),
                std::str::from_utf8(chunk).unwrap()
            );
        }
        text += "0\r\n\r\n";
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{server}: {answer}");
    }
}
