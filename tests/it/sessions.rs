//! `McpSessionLayer` behind the layer, before something that plays an MCP server.

use std::{
    collections::HashSet,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfigBuilder,
    kinds::{ApiKeys, MachineTokens, SessionTokens},
    mcp::McpSessionLayer,
};

use crate::{readiness::Strict, redaction::Log, support::World};

const SESSION: &str = "mcp-session-id";

/// Opens a session for every request without one, and ends one with `DELETE`.
#[derive(Clone, Default)]
struct Server {
    opened: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    sessions: Arc<Mutex<HashSet<String>>>,
}

impl Service<Request<()>> for Server {
    type Response = Response<&'static str>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut sessions = self.sessions.lock().unwrap();
        let mut response = Response::new("ok");
        match request.headers().get(SESSION) {
            None => {
                let number = self.opened.fetch_add(1, Ordering::SeqCst);
                let id = format!("session-{number}");
                response.headers_mut().insert(SESSION, id.parse().unwrap());
                sessions.insert(id);
            }
            Some(id) => {
                let id = id.to_str().unwrap();
                if !sessions.contains(id) {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                } else if request.method() == Method::DELETE {
                    sessions.remove(id);
                    *response.status_mut() = StatusCode::NO_CONTENT;
                }
            }
        }
        ready(Ok(response))
    }
}

fn request(method: &str, token: &str, sessions: &[&str]) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .header("authorization", format!("Bearer {token}"));
    for id in sessions {
        request = request.header(SESSION, *id);
    }
    request.body(()).unwrap()
}

/// The layer, `McpSessionLayer`, and the server.
struct Stack<S> {
    auth: ClerkAuthLayer,
    bind: McpSessionLayer,
    server: S,
}

impl<S, B> Stack<S>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
    B: Default + 'static,
{
    fn new(world: &World, bind: McpSessionLayer, server: S) -> Self {
        Self::of(
            world.accepting(world.oauth().allow_any_client()),
            bind,
            server,
        )
    }

    fn of(config: ClerkConfigBuilder, bind: McpSessionLayer, server: S) -> Self {
        Self {
            auth: ClerkAuthLayer::new(config.build().unwrap()),
            bind,
            server,
        }
    }

    async fn send(&self, method: &str, token: &str, sessions: &[&str]) -> Response<B> {
        let service = ServiceBuilder::new()
            .layer(&self.auth)
            .layer(&self.bind)
            .service(self.server.clone());
        let Ok(response) = service.oneshot(request(method, token, sessions)).await;
        response
    }

    async fn status(&self, method: &str, token: &str, sessions: &[&str]) -> u16 {
        self.send(method, token, sessions).await.status().as_u16()
    }

    /// Opens a session.
    async fn open(&self, token: &str) -> String {
        let response = self.send("POST", token, &[]).await;
        assert_eq!(response.status(), 200);
        response.headers()[SESSION].to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_session_is_for_who_opened_it_and_nobody_else() {
    let world = World::new();
    let stack = Stack::new(&world, McpSessionLayer::new(), Server::default());
    let ada = world.clerk.token("user_ada").issue();
    let ada_again = world.clerk.token("user_ada").jwt().issue();
    let ada_elsewhere = world.clerk.token("user_ada").client_id("client_2").issue();
    let eve = world.clerk.token("user_eve").issue();
    let id = stack.open(&ada).await;
    let calls = || stack.server.calls.load(Ordering::SeqCst);

    for _ in 0..2 {
        for method in ["POST", "GET"] {
            let before = calls();
            for token in [&eve, &ada_elsewhere] {
                let rejected = stack.send(method, token, &[&id]).await;
                assert_eq!(rejected.status(), 404, "{method}");
                assert_eq!(rejected.headers()["cache-control"], "no-store");
                assert_eq!(*rejected.body(), "");
            }
            assert_eq!(calls(), before, "the server does not learn of it");
            // Not the token, but who it is of.
            for token in [&ada, &ada_again] {
                assert_eq!(stack.status(method, token, &[&id]).await, 200, "{method}");
            }
            assert_eq!(calls(), before + 2);
        }
        assert_eq!(stack.status("DELETE", &eve, &[&id]).await, 404);
        assert_eq!(stack.status("DELETE", &ada_elsewhere, &[&id]).await, 404);
    }
    assert_eq!(stack.status("POST", &ada, &[&id]).await, 200, "it lives");

    // The other's own session is apart.
    let other = stack.open(&eve).await;
    assert_eq!(stack.status("POST", &eve, &[&other]).await, 200);
    assert_eq!(stack.status("POST", &ada, &[&other]).await, 404);
    assert_eq!(stack.bind.sessions(), 2);

    assert_eq!(stack.status("DELETE", &ada, &[&id]).await, 204);
    for _ in 0..2 {
        assert_eq!(stack.status("POST", &ada, &[&id]).await, 404);
        assert_eq!(stack.status("POST", &eve, &[&id]).await, 404);
    }
    assert_eq!(stack.bind.sessions(), 1);
}

#[tokio::test]
async fn a_session_is_for_the_kind_of_token_that_opened_it() {
    let world = World::new();
    let config = world
        .accepting(SessionTokens::new())
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to_any().jwts())
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url());
    let stack = Stack::of(config, McpSessionLayer::new(), Server::default());
    let clerk = &world.clerk;
    // None of these names a client.
    for (name, one, other) in [
        (
            "a user",
            clerk.session("user_ada").issue(),
            clerk.api_key("user_ada").issue(),
        ),
        (
            "a machine",
            clerk.machine_token("mch_1").issue(),
            clerk.api_key("mch_1").issue(),
        ),
    ] {
        for (owner, stranger) in [(&one, &other), (&other, &one)] {
            let id = stack.open(owner).await;
            for _ in 0..2 {
                for method in ["POST", "GET", "DELETE"] {
                    let status = stack.status(method, stranger, &[&id]).await;
                    assert_eq!(status, 404, "{name}, {method}");
                }
                assert_eq!(stack.status("POST", owner, &[&id]).await, 200, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_known_session_is_rejected() {
    let world = World::new();
    let stack = Stack::new(&world, McpSessionLayer::new(), Server::default());
    let ada = world.clerk.token("user_ada").issue();
    let id = stack.open(&ada).await;
    let upper = id.to_uppercase();
    let longer = format!("{id}x");
    let list = format!("{id}, {id}");
    let spaced = format!("{id} x");
    for _ in 0..2 {
        for (name, input, expected) in [
            ("its own", &[&*id][..], 200),
            ("unknown", &["session-99"], 404),
            ("empty", &[""], 404),
            ("another case", &[&upper], 404),
            ("longer", &[&longer], 404),
            ("a list", &[&list], 404),
            ("a space", &[&spaced], 404),
            ("beyond ASCII", &["s\u{e9}ssion"], 404),
            ("twice the same", &[&id, &id], 400),
            ("its own and another", &[&id, "session-99"], 400),
            ("another and its own", &["session-99", &id], 400),
        ] {
            let status = stack.status("POST", &ada, input).await;
            assert_eq!(status, expected, "{name}");
        }
    }
    assert_eq!(stack.bind.sessions(), 1, "trying remembers nothing");
}

#[tokio::test]
async fn layers_and_their_clones() {
    let world = World::new();
    let stack = Stack::new(&world, McpSessionLayer::new(), Server::default());
    let ada = world.clerk.token("user_ada").issue();
    let id = stack.open(&ada).await;
    // A replica, or the process after a restart, knows nothing of it.
    let replica = Stack::new(&world, McpSessionLayer::default(), stack.server.clone());
    assert_eq!(replica.status("POST", &ada, &[&id]).await, 404);
    let clone = Stack::new(&world, stack.bind.clone(), stack.server.clone());
    assert_eq!(clone.status("POST", &ada, &[&id]).await, 200);
}

#[tokio::test]
async fn a_delete_that_fails_ends_nothing() {
    let world = World::new();
    let server = service_fn(|request: Request<()>| {
        let mut response = Response::new(());
        if request.method() == Method::DELETE {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        let id = HeaderValue::from_static("s1");
        response.headers_mut().insert(SESSION, id);
        ready(Ok::<_, Infallible>(response))
    });
    let stack = Stack::new(&world, McpSessionLayer::new(), server);
    let ada = world.clerk.token("user_ada").issue();
    let id = stack.open(&ada).await;
    for _ in 0..2 {
        assert_eq!(stack.status("DELETE", &ada, &[&id]).await, 405);
        assert_eq!(stack.status("POST", &ada, &[&id]).await, 200);
    }
}

#[tokio::test]
async fn a_session_of_another_is_never_handed_out_or_bound_anew() {
    let world = World::new();
    // A server that gives everybody the same id.
    let server = service_fn(|_: Request<()>| {
        let mut response = Response::new("private");
        let id = HeaderValue::from_static("canary-session");
        response.headers_mut().insert(SESSION, id);
        ready(Ok::<_, Infallible>(response))
    });
    let stack = Stack::new(&world, McpSessionLayer::new(), server);
    let ada = world.clerk.token("user_ada").issue();
    let eve = world.clerk.token("user_eve").issue();
    let id = stack.open(&ada).await;
    let log = Log::default();
    let guard = log.subscribe();
    for _ in 0..2 {
        let rejected = stack.send("POST", &eve, &[]).await;
        assert_eq!(rejected.status(), 500);
        assert_eq!(rejected.headers().get(SESSION), None);
        assert_eq!(*rejected.body(), "");
        assert_eq!(stack.status("POST", &eve, &[&id]).await, 404);
        assert_eq!(stack.status("POST", &ada, &[&id]).await, 200);
        assert_eq!(stack.open(&ada).await, id, "to its owner it may be named");
    }
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("ERROR") && log.contains("session rejected"),
        "{log}"
    );
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn only_what_succeeded_and_can_be_an_id_is_bound() {
    let world = World::new();
    let ada = world.clerk.token("user_ada").issue();
    for (name, status, ids, expected) in [
        ("an error", 400, &["s1"][..], 404),
        ("a redirect", 307, &["s1"], 404),
        ("two", 200, &["s1", "s2"], 404),
        ("one with a space", 200, &["s 1"], 404),
        ("accepted", 202, &["s1"], 202),
    ] {
        let server = service_fn(move |_: Request<()>| {
            let mut response = Response::builder().status(status);
            for id in ids {
                response = response.header(SESSION, *id);
            }
            ready(Ok::<_, Infallible>(response.body(()).unwrap()))
        });
        let stack = Stack::new(&world, McpSessionLayer::new(), server);
        assert_eq!(stack.status("POST", &ada, &[]).await, status, "{name}");
        for _ in 0..2 {
            let again = stack.status("POST", &ada, &[ids[0]]).await;
            assert_eq!(again, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn idle_and_surplus_sessions_are_forgotten() {
    let world = World::new();
    let bind = McpSessionLayer::new()
        .capacity(3)
        .idle_timeout(Duration::from_secs(60))
        .clock(world.clock.clone());
    let stack = Stack::new(&world, bind, Server::default());
    let ada = world.clerk.token("user_ada").issue();
    let first = stack.open(&ada).await;
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(59));
        assert_eq!(stack.status("GET", &ada, &[&first]).await, 200);
    }
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(stack.status("GET", &ada, &[&first]).await, 404);
    }

    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(stack.open(&ada).await);
        assert!(stack.bind.sessions() <= 3);
    }
    assert_eq!(stack.status("POST", &ada, &[&ids[0]]).await, 404);
    for id in &ids[1..] {
        assert_eq!(stack.status("POST", &ada, &[id]).await, 200);
    }
}

#[tokio::test]
async fn a_user_who_floods_the_store_ends_no_session_of_another() {
    // fault B8
    let world = World::new();
    // The servers' own sessions are of no interest here.
    let server = service_fn({
        let opened = Arc::new(AtomicUsize::new(0));
        move |request: Request<()>| {
            let mut response = Response::builder();
            if !request.headers().contains_key(SESSION) {
                let number = opened.fetch_add(1, Ordering::SeqCst);
                response = response.header(SESSION, format!("session-{number}"));
            }
            ready(Ok::<_, Infallible>(response.body(()).unwrap()))
        }
    });
    let stack = Stack::new(&world, McpSessionLayer::new(), server);
    let mut others = Vec::new();
    for n in 0..20 {
        let token = world.clerk.token(format!("user_{n}")).issue();
        let id = stack.open(&token).await;
        others.push((token, id));
    }
    let eve = world.clerk.token("user_eve").issue();
    let mut ids = Vec::new();
    for _ in 0..10_200 {
        ids.push(stack.open(&eve).await);
    }
    assert_eq!(stack.bind.sessions(), 120);
    // One subject may register many clients; the share is the subject's.
    for n in 0..100 {
        let client = format!("client_{n}");
        let token = world.clerk.token("user_eve").client_id(client).issue();
        for _ in 0..3 {
            stack.open(&token).await;
        }
    }
    assert_eq!(stack.bind.sessions(), 120);
    for _ in 0..2 {
        for (token, id) in &others {
            assert_eq!(stack.status("POST", token, &[id]).await, 200);
        }
        assert_eq!(stack.status("POST", &eve, &[&ids[10_199]]).await, 404);
    }
}

#[tokio::test]
async fn beyond_its_share_a_principal_loses_the_session_that_it_has_not_used_for_longest() {
    // fault B8
    let world = World::new();
    let bind = McpSessionLayer::new().capacity_per_principal(2);
    let stack = Stack::new(&world, bind, Server::default());
    let ada = world.clerk.token("user_ada").issue();
    let bob = world.clerk.token("user_bob").issue();
    let of_bob = stack.open(&bob).await;
    let (first, second) = (stack.open(&ada).await, stack.open(&ada).await);
    assert_eq!(stack.status("POST", &ada, &[&first]).await, 200);
    let third = stack.open(&ada).await;
    for _ in 0..2 {
        assert_eq!(stack.status("POST", &ada, &[&second]).await, 404);
        for id in [&first, &third] {
            assert_eq!(stack.status("POST", &ada, &[id]).await, 200);
        }
        assert_eq!(stack.status("POST", &bob, &[&of_bob]).await, 200);
    }
    // Whatever the options say, there is room for one.
    let none = McpSessionLayer::new().capacity(0).capacity_per_principal(0);
    let stack = Stack::new(&world, none, Server::default());
    let id = stack.open(&ada).await;
    assert_eq!(stack.status("POST", &ada, &[&id]).await, 200);
}

#[tokio::test]
async fn without_claims_nobody_passes() {
    let bind = McpSessionLayer::new();
    let log = Log::default();
    let guard = log.subscribe();
    let service = bind.layer(Server::default());
    for sessions in [&[][..], &["session-0"]] {
        let request = request("POST", "oat_canary", sessions);
        let Ok(response) = service.clone().oneshot(request).await;
        assert_eq!(response.status(), 500);
        assert_eq!(*response.body(), "");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("ERROR") && log.contains("ClerkAuthLayer"),
        "{log}"
    );
    assert!(!log.contains("oat_canary"), "{log}");
}

#[tokio::test]
async fn the_instance_that_is_called_was_polled_ready() {
    // C123
    let world = World::new();
    let strict = Strict::default();
    let calls = strict.calls();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap());
    let mut service = auth.layer(McpSessionLayer::new().layer(strict));
    let ada = world.clerk.token("user_ada").issue();
    for sessions in [&[][..], &["s1"], &[], &["s1", "s2"], &[]] {
        let ready = service.ready().await.unwrap();
        ready.call(request("POST", &ada, sessions)).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_rejected_request_gives_its_permit_back_at_once() {
    // C125
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap());
    let bind = McpSessionLayer::new();
    let mut service = auth.layer(bind.layer(ConcurrencyLimit::new(Server::default(), 1)));
    let ada = world.clerk.token("user_ada").issue();
    let opened = service
        .ready()
        .await
        .unwrap()
        .call(request("POST", &ada, &[]));
    assert_eq!(opened.await.unwrap().status(), 200);
    // The rejection is not even polled, and still alive.
    let ready = service.ready().await.unwrap();
    let rejected = ready.call(request("POST", &ada, &["unknown"]));
    let mut other = service.clone();
    let free = tokio::time::timeout(Duration::from_secs(5), other.ready());
    assert!(free.await.is_ok(), "the permit is free");
    assert_eq!(rejected.await.unwrap().status(), 404);
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_untouched() {
    // C128
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap());
    let inner = service_fn(|_: Request<()>| ready(Err::<Response<()>, _>("of the inner service")));
    let service = auth.layer(McpSessionLayer::new().layer(inner));
    let ada = world.clerk.token("user_ada").issue();
    let error = service
        .oneshot(request("POST", &ada, &[]))
        .await
        .unwrap_err();
    assert_eq!(error, "of the inner service");
}

#[test]
fn no_text_shows_a_session() {
    let bind = McpSessionLayer::new().capacity(7);
    let shown = format!("{bind:?}");
    assert_eq!(
        shown,
        "McpSessionLayer { capacity: 7, idle_timeout: 86400s, .. }"
    );
    assert_eq!(
        format!("{:?}", bind.layer(1)),
        "McpSession { inner: 1, .. }"
    );
}
