//! The layers of tower-http, above and below this one, in axum and in plain hyper.

use std::{convert::Infallible, net::SocketAddr};

use axum::{Router, body::Body, routing::get};
use futures_util::FutureExt;
use http::{HeaderName, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_clerk::{AuthError, ClerkAuthLayer, ClerkClaims};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
    trace::TraceLayer,
};

use crate::{redaction::Log, support::World};

const ORIGIN: &str = "https://app.example.com";

fn auth(world: &World) -> ClerkAuthLayer {
    ClerkAuthLayer::new(
        world
            .accepting(world.oauth().required_scopes(["email"]))
            .build()
            .unwrap(),
    )
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::exact(ORIGIN.parse().unwrap()))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE])
}

/// `/me` is long enough to be worth compressing; `/panic` panics.
fn routes() -> Router {
    Router::new()
        .route(
            "/me",
            get(async |claims: ClerkClaims| claims.subject().repeat(100)),
        )
        .route(
            "/panic",
            get(async |_: ClerkClaims| -> String { panic!("of the handler") }),
        )
}

/// Every layer above, or every layer below.
fn apps(world: &World) -> [(&'static str, Router); 2] {
    let above = routes().layer(auth(world)).layer(
        ServiceBuilder::new()
            .layer(TraceLayer::new_for_http())
            .layer(cors())
            .layer(CompressionLayer::new())
            .layer(CatchPanicLayer::new()),
    );
    let below = routes()
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http())
                .layer(cors())
                .layer(CompressionLayer::new())
                .layer(CatchPanicLayer::new()),
        )
        .layer(auth(world));
    [("above", above), ("below", below)]
}

fn from_browser(method: Method, path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::ORIGIN, ORIGIN)
        .header(header::ACCEPT_ENCODING, "gzip");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

fn text<B>(response: &Response<B>, name: HeaderName) -> Option<&str> {
    assert!(
        response.headers().get_all(&name).iter().count() <= 1,
        "{name}"
    );
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn accepted_requests_pass_all_layers() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    for (name, app) in apps(&world) {
        for _ in 0..2 {
            let response = send(&app, from_browser(Method::GET, "/me", Some(&token))).await;
            assert_eq!(response.status(), 200, "{name}");
            assert_eq!(
                text(&response, header::CONTENT_ENCODING),
                Some("gzip"),
                "{name}"
            );
            let allowed = text(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(allowed, Some(ORIGIN), "{name}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(
                body.starts_with(&[0x1f, 0x8b]) && body.len() < 600,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn rejections_keep_their_headers_and_their_empty_body() {
    let world = World::new();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    for (name, app) in apps(&world) {
        for _ in 0..2 {
            for (token, status) in [(None, 401), (Some("oat_bad"), 401), (Some(&*narrow), 403)] {
                let response = send(&app, from_browser(Method::GET, "/me", token)).await;
                assert_eq!(response.status(), status, "{name}");
                let challenge = text(&response, header::WWW_AUTHENTICATE).unwrap();
                assert!(challenge.starts_with("Bearer "), "{name}: {challenge}");
                assert_eq!(
                    text(&response, header::CACHE_CONTROL),
                    Some("no-store"),
                    "{name}"
                );
                assert_eq!(text(&response, header::CONTENT_ENCODING), None, "{name}");
                assert!(response.extensions().get::<AuthError>().is_some(), "{name}");
                // A page of another origin may read the answer only if CORS stands outside.
                let readable = (name == "above").then_some((ORIGIN, "www-authenticate"));
                let origin = text(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN);
                let exposed = text(&response, header::ACCESS_CONTROL_EXPOSE_HEADERS);
                assert_eq!(origin.zip(exposed), readable, "{name}");
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert!(body.is_empty(), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn preflight_requests_pass_where_cors_is_outside() {
    // C034
    let world = World::new();
    let preflight = || {
        let mut request = from_browser(Method::OPTIONS, "/me", None);
        for (name, value) in [
            (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    let [(_, above), (_, below)] = apps(&world);
    let response = send(&above, preflight()).await;
    assert_eq!(response.status(), 200);
    let allowed = text(&response, header::ACCESS_CONTROL_ALLOW_HEADERS);
    assert_eq!(allowed, Some("authorization"));
    // There are no exempt methods.
    assert_eq!(send(&below, preflight()).await.status(), 401);
    assert_eq!(world.calls(), (0, 0));
}

#[tokio::test]
async fn a_panic_below_is_a_500_and_the_layer_goes_on() {
    // C127
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    for (name, app) in apps(&world) {
        for _ in 0..2 {
            for (path, status) in [("/panic", 500), ("/me", 200)] {
                let response = send(&app, from_browser(Method::GET, path, Some(&token))).await;
                assert_eq!(response.status(), status, "{name} {path}");
            }
            let response = send(&app, from_browser(Method::GET, "/panic", None)).await;
            assert_eq!(response.status(), 401, "{name}");
        }
    }
}

#[tokio::test]
async fn traces_show_requests_and_never_a_token() {
    // C113
    let world = World::new();
    let token = world.clerk.token("user_canary").issue();
    // Everything is traced that can be: the headers, too.
    let trace = || {
        TraceLayer::new_for_http().make_span_with(
            |request: &Request<Body>| tracing::error_span!("request", headers = ?request.headers()),
        )
    };
    let log = Log::default();
    let guard = log.subscribe();
    // Below, the header is marked by this layer; above, that is for whoever traces headers.
    let below = routes().layer(trace()).layer(auth(&world));
    let mark = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
        if let Some(value) = request.headers_mut().get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        request
    });
    let marked = routes().layer(auth(&world)).layer(trace()).layer(mark);
    let plain = routes()
        .layer(auth(&world))
        .layer(TraceLayer::new_for_http());
    for app in [&below, &marked, &plain] {
        for token in [&*token, &*token, "oat_badCanary"] {
            let response = send(app, from_browser(Method::GET, "/me", Some(token))).await;
            _ = response.into_body().collect().await.unwrap();
        }
    }
    drop(guard);
    let log = log.text();
    assert!(log.contains("finished processing request"), "{log}");
    assert!(log.contains("\"authorization\": Sensitive"), "{log}");
    for secret in [&*token, "oat_badCanary", "user_canary"] {
        assert!(!log.contains(secret), "{secret}:\n{log}");
    }
}

/// Serves with plain hyper.
async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn handler(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_ne!(request.uri().path(), "/panic", "of the handler");
    let claims = request.extensions().get::<ClerkClaims>().unwrap();
    Ok(Response::new(claims.subject().repeat(100).into()))
}

async fn check_hyper(name: &str, world: &World, address: SocketAddr, cors_is_outside: bool) {
    let client = reqwest::ClientBuilder::new().no_proxy().build().unwrap();
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        for (path, token, status) in [
            ("/me", Some(&*token), 200),
            ("/panic", Some(&*token), 500),
            ("/me", Some("oat_bad"), 401),
            ("/panic", None, 401),
            ("/me", Some(&*token), 200),
        ] {
            let mut request = client
                .get(format!("http://{address}{path}"))
                .header(header::ORIGIN, ORIGIN)
                .header(header::ACCEPT_ENCODING, "gzip");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{name} {path}");
            let headers = response.headers();
            let encoding = headers.get(header::CONTENT_ENCODING);
            assert_eq!(encoding.is_some(), status == 200, "{name} {path}");
            let is_readable = headers.contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS);
            assert_eq!(
                is_readable,
                cors_is_outside || status != 401,
                "{name} {path}"
            );
            let is_challenge = headers.contains_key(header::WWW_AUTHENTICATE);
            assert_eq!(is_challenge, status == 401, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn plain_hyper_has_them_above() {
    let world = World::new();
    // Bodies are made one type for the layer, since each of the others has its own.
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(cors())
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(auth(&world))
        .service(service_fn(handler));
    let address = serve(service).await;
    check_hyper("above", &world, address, true).await;
}

#[tokio::test]
async fn plain_hyper_has_them_below() {
    let world = World::new();
    let service = ServiceBuilder::new()
        .layer(auth(&world))
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(TraceLayer::new_for_http())
        .layer(cors())
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .service(service_fn(handler));
    let address = serve(service).await;
    check_hyper("below", &world, address, false).await;
}

#[tokio::test]
async fn without_anything_that_catches_it_a_panic_is_the_handlers_own() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let app = routes().layer(auth(&world));
    let panicking = send(&app, from_browser(Method::GET, "/panic", Some(&token)));
    let caught = std::panic::AssertUnwindSafe(panicking).catch_unwind().await;
    assert!(caught.is_err());
    let response = send(&app, from_browser(Method::GET, "/me", Some(&token))).await;
    assert_eq!(response.status(), 200);
}
