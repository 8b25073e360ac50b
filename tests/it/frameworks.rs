//! `.layer(ClerkAuthLayer::new(cfg))`, unchanged, in axum, tonic and plain hyper, over real HTTP; and
//! the extractors of axum.

use std::{convert::Infallible, net::SocketAddr};

use axum::{Json, Router, routing::get};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Server, server::TcpIncoming};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_clerk::{AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims};

use crate::{redaction::Log, support::World};

fn layer(world: &World) -> ClerkAuthLayer {
    ClerkAuthLayer::new(world.config().required_scopes(["email"]).build().unwrap())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn status(address: SocketAddr, path: &str, token: Option<&str>) -> u16 {
    let client = reqwest::ClientBuilder::new().no_proxy().build().unwrap();
    let mut request = client.get(format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn check_server(world: &World, address: SocketAddr) {
    let good = world.clerk.token("user_1").issue();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    for _ in 0..2 {
        assert_eq!(status(address, "/me", Some(&good)).await, 200);
        assert_eq!(status(address, "/me", Some(&narrow)).await, 403);
        assert_eq!(status(address, "/me", Some("oat_unknown")).await, 401);
        assert_eq!(status(address, "/me", None).await, 401);
    }
    assert_eq!(world.calls(), (3, 1));
}

#[tokio::test]
async fn axum_takes_the_layer_as_it_is() {
    let world = World::new();
    let app = Router::new()
        .route("/me", get(async |claims: ClerkClaims| Json(claims)))
        .layer(layer(&world));
    let (listener, address) = listen().await;
    tokio::spawn(async { axum::serve(listener, app).await });
    check_server(&world, address).await;
}

#[tokio::test]
async fn hyper_takes_the_layer_as_it_is() {
    let world = World::new();
    let service = ServiceBuilder::new()
        .layer(layer(&world))
        .service(service_fn(|request: Request<Incoming>| async move {
            let claims = request.extensions().get::<ClerkClaims>().unwrap();
            let body = Full::<Bytes>::from(claims.subject().to_owned());
            Ok::<_, Infallible>(Response::new(body))
        }));
    let (listener, address) = listen().await;
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
    check_server(&world, address).await;
}

#[tokio::test]
async fn tonic_takes_the_layer_as_it_is() {
    let world = World::new();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let (listener, address) = listen().await;
    let server = Server::builder().layer(layer(&world)).add_service(health);
    tokio::spawn(async {
        server
            .serve_with_incoming(TcpIncoming::from(listener))
            .await
    });
    let target = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = target.connect().await.unwrap();
    let check = async |token| check_health(&channel, token).await;
    let good = world.clerk.token("user_1").issue();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    for _ in 0..2 {
        assert!(check(Some(&good)).await.is_ok());
        let rejected = check(Some(&narrow)).await.unwrap_err();
        assert_eq!(rejected.code(), tonic::Code::PermissionDenied);
        let rejected = check(None).await.unwrap_err();
        assert_eq!(rejected.code(), tonic::Code::Unauthenticated);
        assert_eq!(rejected.message(), "a bearer token is required");
    }
}

#[tokio::test]
async fn claims_are_an_argument_and_may_be_absent() {
    let world = World::new();
    let app = Router::new()
        .route(
            "/open",
            get(async |claims: Option<ClerkClaims>| {
                claims.map_or("nobody".to_owned(), |claims| claims.subject().to_owned())
            }),
        )
        .route(
            "/me",
            get(async |claims: ClerkClaims| claims.subject().to_owned()),
        );
    let protected = app.clone().layer(layer(&world));
    let token = world.clerk.token("user_1").issue();
    let body = async |app: &Router, path: &str| {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(body(&protected, "/me").await, (200, "user_1".to_owned()));
    assert_eq!(body(&protected, "/open").await, (200, "user_1".to_owned()));
    assert_eq!(body(&app, "/open").await, (200, "nobody".to_owned()));

    let log = Log::default();
    let guard = log.subscribe();
    // Without the layer it is our mistake, and the caller is not told what it is.
    let without = body(&app, "/me").await;
    drop(guard);
    assert_eq!(without, (500, String::new()));
    let log = log.text();
    assert!(
        log.contains("ERROR") && log.contains("ClerkAuthLayer"),
        "{log}"
    );
}

#[tokio::test]
async fn layers_above_learn_why_a_request_was_rejected() {
    let world = World::new();
    let app = Router::new()
        .route("/me", get(async |claims: ClerkClaims| Json(claims)))
        .layer(layer(&world));
    for (authorization, kind) in [
        ("", AuthErrorKind::MissingCredentials),
        ("Bearer x", AuthErrorKind::UnsupportedToken),
        ("Bearer oat_unknown", AuthErrorKind::Inactive),
    ] {
        let request = Request::get("/me")
            .header("authorization", authorization)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), kind);
    }
}

/// Asks a health service behind the layer.
pub async fn check_health(channel: &Channel, token: Option<&str>) -> Result<(), tonic::Status> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    HealthClient::new(channel.clone()).check(request).await?;
    Ok(())
}
