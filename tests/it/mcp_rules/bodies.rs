//! How bodies are read: up to a limit, after the authentication, and without holding anything of the server.

use std::{convert::Infallible, pin::pin};

use bytes::Bytes;
use futures_util::{poll, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::mcp::RequestBody;

use super::{Body, Server, body, method, post, rules, tool};
use crate::support::World;

const PUBLIC: [(&str, &str); 2] = [
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/list"),
];

/// A body of these frames, which then never ends.
fn endless(frames: impl IntoIterator<Item = &'static str>) -> Body {
    let frames: Vec<_> = frames
        .into_iter()
        .map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))))
        .collect();
    let frames = futures_util::StreamExt::chain(stream::iter(frames), stream::pending());
    StreamBody::new(frames).boxed_unsync()
}

#[tokio::test]
async fn bodies_of_rejected_tokens_are_not_read() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    for _ in 0..2 {
        let response = server.send(post(Some("oat_x"), &[], endless([]))).await;
        assert_eq!(response.status(), 401);
    }
}

#[tokio::test]
async fn bodies_are_read_up_to_the_limit_and_no_byte_further() {
    let world = World::new();
    let default = Server::new(rules(world.config()));
    let small = Server::new(rules(world.config()).max_body(100));
    let padded = |length: usize| {
        let ping = method("ping").to_string();
        let padding = " ".repeat(length - ping.len());
        ping + &padding
    };
    for (name, server, length, expected) in [
        ("the default", &default, 1 << 20, 200),
        ("beyond the default", &default, (1 << 20) + 1, 413),
        ("the limit", &small, 100, 200),
        ("beyond the limit", &small, 101, 413),
    ] {
        for _ in 0..2 {
            let response = server.post(None, padded(length)).await;
            assert_eq!(response.status(), expected, "{name}");
            // In frames of one byte, without a stated size.
            let frames = padded(length).into_bytes().into_iter();
            let frames = frames.map(|byte| Ok::<_, Infallible>(Frame::data(vec![byte].into())));
            let chunked = StreamBody::new(stream::iter(frames)).boxed_unsync();
            let response = server.send(post(None, &[], chunked)).await;
            assert_eq!(response.status(), expected, "{name}");
            if expected == 200 {
                assert_eq!(response.body().len(), length, "{name}");
            }
        }
    }
    // It is rejected before its end.
    let response = small.send(post(None, &[], endless([" "; 101]))).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn bytes_and_trailers_pass_on() {
    let world = World::new();
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let text = "{\"method\" : \"tools/list\",\r\n \"id\":1.0e0, \"x\":\"\\u00e9\u{e9}\"}  ";
    let trailers = HeaderMap::from_iter([(
        HeaderName::from_static("x-checksum"),
        HeaderValue::from_static("1"),
    )]);
    for (name, layer) in [
        ("read", rules(world.config())),
        ("streamed", rules(world.config()).trust_headers()),
    ] {
        let server = layer.layer(service_fn(async |request: Request<RequestBody<Body>>| {
            let collected = request.into_body().collect().await?;
            let trailers = collected.trailers().cloned();
            let mut response = Response::new(Full::new(collected.to_bytes()));
            response.extensions_mut().insert(trailers);
            Ok::<_, Infallible>(response)
        }));
        for token in [None, Some(&*token)] {
            let (first, second) = text.split_at(20);
            let frames = [first, second].map(|text| Frame::data(Bytes::from(text)));
            let frames = frames
                .into_iter()
                .chain([Frame::trailers(trailers.clone())]);
            let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
            let request = post(token, &PUBLIC, body.boxed_unsync());
            let response = server.clone().oneshot(request).await.unwrap();
            let told = response.extensions().get::<Option<HeaderMap>>().unwrap();
            assert_eq!(told.as_ref(), Some(&trailers), "{name}");
            let got = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(got, text, "{name}");
        }
    }
}

#[tokio::test]
async fn bodies_are_streamed_if_the_headers_decide() {
    let world = World::new();
    let reached =
        service_fn(async |_: Request<RequestBody<Body>>| Ok::<_, Infallible>(Response::new(())));
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    for token in [None, Some(&*token), Some(&*token)] {
        let trusting = rules(world.config()).trust_headers().layer(reached);
        let request = post(token, &PUBLIC, endless([]));
        assert_eq!(trusting.oneshot(request).await.unwrap().status(), 200);
        // Without that, the body decides, and does not end.
        let reading = rules(world.config()).layer(reached);
        let mut response = pin!(reading.oneshot(post(token, &PUBLIC, endless([]))));
        for _ in 0..100 {
            assert!(poll!(response.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_request_that_sends_its_body_slowly_holds_no_permit() {
    let world = World::new();
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let inner =
        service_fn(async |_: Request<RequestBody<Body>>| Ok::<_, Infallible>(Response::new(())));
    let mut service = rules(world.config()).layer(ConcurrencyLimit::new(inner, 1));
    for token in [None, Some(&*token), Some(&*token)] {
        let ready = ServiceExt::<Request<Body>>::ready(&mut service)
            .await
            .unwrap();
        let mut slow = pin!(ready.call(post(token, &[], endless(["{\"method\":"]))));
        assert!(poll!(slow.as_mut()).is_pending());
        // A second permit does not exist.
        let ready = ServiceExt::<Request<Body>>::ready(&mut service)
            .await
            .unwrap();
        let response = ready.call(post(token, &[], body(method("ping").to_string())));
        assert_eq!(response.await.unwrap().status(), 200);
        assert!(poll!(slow.as_mut()).is_pending());
    }
    // Nor does a rejected one.
    for _ in 0..2 {
        let ready = ServiceExt::<Request<Body>>::ready(&mut service)
            .await
            .unwrap();
        let response = ready.call(post(None, &[], body(tool("admin").to_string())));
        let response = response.await.unwrap();
        assert_eq!(response.status(), 401);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    let world = World::new();
    let reached =
        service_fn(async |_: Request<RequestBody<_>>| Ok::<_, Infallible>(Response::new(())));
    for _ in 0..2 {
        let frames = [
            Ok(Frame::data(Bytes::from(method("ping").to_string()))),
            Err(std::io::Error::other("the connection is gone")),
        ];
        let request = Request::post("/").body(StreamBody::new(stream::iter(frames)));
        let service = rules(world.config()).layer(reached);
        let response = service.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 400);
    }
}
