//! The contract of tower: the instance that is called was polled ready, and who waits or is rejected
//! holds nothing that others need.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::poll;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{
    AuthError, ClerkAuth, ClerkAuthLayer, ClerkClaims, ClerkConfig, ConfigError,
    fake_clerk::{Endpoint, Fault},
};

use crate::support::{World, request, runtime};

/// Panics when it is called without having been polled ready, or polled ready and then cloned.
#[derive(Debug, Default)]
pub struct Strict {
    is_ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Strict {
    /// How often it and its clones were called.
    pub fn calls(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.calls)
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            is_ready: false,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.is_ready),
            "called without being ready"
        );
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(())))
    }
}

fn layer(world: &World) -> ClerkAuthLayer {
    ClerkAuthLayer::new(world.config().build().unwrap())
}

#[tokio::test]
async fn the_instance_that_is_called_was_polled_ready() {
    // C123: on a hit, on a miss, and after rejections, all on one service.
    let world = World::new();
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = layer(&world).layer(strict);
    let token = world.clerk.token("user_1").issue();
    for token in [&*token, &*token, "oat_bad", "oat_bad", "garbage", &*token] {
        service
            .ready()
            .await
            .unwrap()
            .call(request(token))
            .await
            .unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_instance_that_the_anonymous_call_was_polled_ready() {
    let world = World::new();
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = layer(&world).optional().layer(strict);
    for _ in 0..2 {
        let ready = service.ready().await.unwrap();
        ready.call(Request::new(())).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
#[should_panic(expected = "called without being ready")]
async fn the_strict_service_notices() {
    // So that the test above can fail.
    let mut strict = Strict::default();
    _ = strict.ready().await;
    _ = strict.clone().call(request("x")).await;
}

#[tokio::test]
async fn a_request_that_waits_for_clerk_holds_no_permit() {
    // C124
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let mut service = layer(&world).layer(ConcurrencyLimit::new(inner, 1));
    service
        .ready()
        .await
        .unwrap()
        .call(request(&token))
        .await
        .unwrap();

    world.clerk.fail(Endpoint::Introspection, Fault::hang());
    let unknown = world.clerk.token("user_2").issue();
    let mut waiting = pin!(service.ready().await.unwrap().call(request(&unknown)));
    assert!(poll!(&mut waiting).is_pending());
    // Somebody known passes meanwhile.
    let passing = service.ready().await.unwrap().call(request(&token));
    assert_eq!(passing.await.unwrap().status(), 200);
    world.clerk.heal_all();
    assert_eq!(waiting.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_rejected_request_gives_its_permit_back_at_once() {
    // C125
    let world = World::new();
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let mut service = layer(&world).layer(ConcurrencyLimit::new(inner, 1));
    // The rejection is not even polled, and still alive.
    let rejected = service.ready().await.unwrap().call(request("garbage"));
    let mut other = service.clone();
    let ready = tokio::time::timeout(std::time::Duration::from_secs(5), other.ready());
    assert!(ready.await.is_ok(), "the permit is free");
    assert_eq!(rejected.await.unwrap().status(), 401);
}

#[tokio::test]
async fn after_verification_the_inner_service_is_waited_for() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<()>>();
    let mut service = layer(&world).layer(mock);
    handle.allow(1);
    // The permit is given up for the wait, then asked for anew.
    let response = tokio::spawn(service.ready().await.unwrap().call(request(&token)));
    handle.allow(1);
    let (request, send) = handle.next_request().await.unwrap();
    assert_eq!(
        request.extensions().get::<ClerkClaims>().unwrap().subject(),
        "user_1"
    );
    send.send_response(Response::new(()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_untouched() {
    // C128, in `poll_ready` and in `call`
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<()>>();
    let mut service = layer(&world).layer(mock);
    for _ in 0..2 {
        handle.allow(2);
        let response = tokio::spawn(service.ready().await.unwrap().call(request(&token)));
        let (_, send) = handle.next_request().await.unwrap();
        send.send_error("of the inner service");
        let error = response.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "of the inner service");
    }
    handle.send_error("not ready");
    assert!(service.ready().await.is_err());
}

#[tokio::test]
#[should_panic(expected = "of the inner service")]
async fn a_panic_of_the_inner_service_is_its_own() {
    // C127
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let inner = service_fn(|_: Request<()>| async {
        panic!("of the inner service");
        #[expect(unreachable_code, reason = "says what the type is")]
        Ok::<Response<()>, Infallible>(Response::new(()))
    });
    _ = layer(&world).layer(inner).oneshot(request(&token)).await;
}

/// A body that is neither `Clone` nor `Default`, nor can it be sent.
struct Awkward(#[expect(dead_code, reason = "it is only there")] *const ());

#[tokio::test]
async fn nothing_is_needed_of_the_body() {
    // C130
    let world = World::new();
    let inner = service_fn(|request: Request<Awkward>| async move {
        Ok::<_, Infallible>(Response::new(
            request.extensions().get::<ClerkClaims>().is_some(),
        ))
    });
    let request = request(&world.clerk.token("user_1").issue()).map(|()| Awkward(&()));
    let response = layer(&world).layer(inner).oneshot(request).await.unwrap();
    assert!(response.into_body());
}

#[tokio::test]
async fn claims_from_outside_are_replaced() {
    // B16
    let world = World::new();
    let inner = service_fn(|request: Request<()>| async move {
        let claims = request.extensions().get::<ClerkClaims>().unwrap();
        Ok::<_, Infallible>(Response::new(claims.subject().to_owned()))
    });
    let service = layer(&world).layer(inner);
    let app = world.app();
    let forged = app.bearer(&world.clerk.token("user_admin").issue()).await;
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let mut request = request(&token);
        request.extensions_mut().insert(forged.claims().clone());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.into_body(), "user_1");
    }
}

#[tokio::test]
async fn the_token_is_marked_sensitive_for_what_comes_after() {
    let world = World::new();
    let inner = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Response::new(
            request.headers()["authorization"].is_sensitive(),
        ))
    });
    let service = layer(&world).layer(inner);
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let response = service.clone().oneshot(request(&token)).await.unwrap();
        assert!(response.into_body());
    }
}

#[tokio::test]
async fn a_layer_within_itself_introspects_once() {
    // C129
    let world = World::new();
    let layer = layer(&world);
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let service = layer.layer(layer.layer(inner));
    let token = world.clerk.token("user_1").issue();
    assert_eq!(
        service.oneshot(request(&token)).await.unwrap().status(),
        200
    );
    assert_eq!(world.calls(), (1, 1));
}

#[test]
fn layers_services_and_futures_can_be_sent() {
    // C130
    fn can_be_shared<T: Send + Sync + 'static>() {}
    can_be_shared::<ClerkConfig>();
    can_be_shared::<ClerkClaims>();
    can_be_shared::<AuthError>();
    can_be_shared::<ConfigError>();
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let world = World::new();
    let layer = layer(&world);
    let mut service: ClerkAuth<_> = layer.layer(Strict::default());
    is_send(&layer);
    is_sync(&layer);
    is_send(&service);
    is_sync(&service);
    runtime().block_on(async {
        let future = service.ready().await.unwrap().call(request("garbage"));
        is_send(&future);
        _ = future.await;
    });
}
