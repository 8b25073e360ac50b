//! One table of requests for all frameworks, over HTTP, against the fake Clerk.

#![allow(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::mpsc,
    thread,
};

use actix_web::{App, HttpServer, rt::System};
use reqwest::{ClientBuilder, RequestBuilder, StatusCode};
use rocket::fairing::AdHoc;
use tower_clerk::{
    Authenticator, ClerkConfig,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::OAuthTokens,
};
use tower_clerk_frameworks::{actix, poem, rocket as rockets, salvo};

#[tokio::test]
async fn actix_web_answers_as_the_layer_does() {
    check(serve_actix).await;
}

#[tokio::test]
async fn poem_answers_as_the_layer_does() {
    check(serve_poem).await;
}

#[tokio::test]
async fn rocket_answers_as_the_layer_does() {
    check(serve_rocket).await;
}

#[tokio::test]
async fn salvo_answers_as_the_layer_does() {
    check(serve_salvo).await;
}

struct Case {
    name: &'static str,
    /// The values of `Authorization`.
    authorization: Vec<String>,
    status: StatusCode,
    /// A part of the challenge. `None` if there must not be one.
    challenge: Option<&'static str>,
    body: &'static str,
}

async fn check(serve: fn(Authenticator) -> SocketAddr) {
    let clerk = FakeClerk::start().unwrap();
    let oauth = OAuthTokens::introspection(clerk.client_id(), clerk.client_secret());
    let cfg = ClerkConfig::builder(clerk.url())
        .accept(oauth.required_scopes(["email"]))
        .build()
        .unwrap();
    let url = format!("http://{}/me", serve(Authenticator::new(cfg)));
    let client = ClientBuilder::new().no_proxy().build().unwrap();
    let bearer = |scope: &str| {
        let token = clerk.token("user_1").scopes([scope]).issue();
        format!("Bearer {token}")
    };
    let good = bearer("email");
    let revoked = bearer("email");
    clerk.revoke(revoked.trim_start_matches("Bearer "));

    for Case {
        name,
        authorization,
        status,
        challenge,
        body,
    } in [
        Case {
            name: "accepted",
            authorization: vec![good.clone()],
            status: StatusCode::OK,
            challenge: None,
            body: "user_1",
        },
        Case {
            name: "no credentials",
            authorization: vec![],
            status: StatusCode::UNAUTHORIZED,
            challenge: Some("Bearer"),
            body: "a bearer token is required",
        },
        Case {
            name: "revoked",
            authorization: vec![revoked],
            status: StatusCode::UNAUTHORIZED,
            challenge: Some("error=\"invalid_token\""),
            body: "invalid_token",
        },
        Case {
            name: "a scope is missing",
            authorization: vec![bearer("profile")],
            status: StatusCode::FORBIDDEN,
            challenge: Some("error=\"insufficient_scope\""),
            body: "insufficient_scope",
        },
        Case {
            name: "two values, of which one would be accepted",
            authorization: vec![good.clone(), "Bearer other".to_owned()],
            status: StatusCode::BAD_REQUEST,
            challenge: Some("error=\"invalid_request\""),
            body: "invalid_request",
        },
    ] {
        // The second answer may come from the cache.
        for _ in 0..2 {
            let mut request = client.get(&url);
            for value in &authorization {
                request = request.header("authorization", value);
            }
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, status, "{name}");
            assert!(answer.body.contains(body), "{name}: {}", answer.body);
            assert_eq!(answer.retry_after, None, "{name}");
            match (challenge, &answer.challenge) {
                (None, None) => {}
                (Some(part), Some(found)) => assert!(found.contains(part), "{name}: {found}"),
                (_, found) => panic!("{name}: {found:?}"),
            }
        }
    }

    clerk.fail(Endpoint::Introspection, Fault::status(500));
    for name in ["an outage", "an outage, again"] {
        let unseen = client.get(&url).header("authorization", bearer("email"));
        let answer = Answer::of(unseen).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
        assert_eq!(answer.challenge, None, "{name}");
        assert!(
            answer.retry_after.is_some_and(|seconds| seconds > 0),
            "{name}"
        );
    }
    let cached = Answer::of(client.get(&url).header("authorization", good)).await;
    assert_eq!(cached.status, StatusCode::OK);
}

struct Answer {
    status: StatusCode,
    challenge: Option<String>,
    retry_after: Option<u64>,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let mut values = response.headers().get_all(name).iter();
            let value = values
                .next()
                .map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(values.next(), None, "{name} occurs once");
            value
        };
        Self {
            status: response.status(),
            challenge: header("www-authenticate"),
            retry_after: header("retry-after").map(|seconds| seconds.parse().unwrap()),
            body: response.text().await.unwrap(),
        }
    }
}

/// A listener on a free port of loopback, and its address.
fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Runs a server in a thread with a separate runtime, until the process ends.
fn run<F: Future>(server: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(server());
    });
}

fn serve_actix(auth: Authenticator) -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(|| {
        System::new().block_on(async move {
            let app = move || App::new().configure(|app| actix::configure(app, auth.clone()));
            let server = HttpServer::new(app).workers(1).disable_signals();
            server.listen(listener).unwrap().run().await.unwrap();
        });
    });
    address
}

fn serve_poem(auth: Authenticator) -> SocketAddr {
    let (listener, address) = listen();
    run(move || async {
        let acceptor = ::poem::listener::TcpAcceptor::from_std(listener).unwrap();
        let server = ::poem::Server::new_with_acceptor(acceptor);
        server.run(poem::app(auth)).await.unwrap();
    });
    address
}

fn serve_salvo(auth: Authenticator) -> SocketAddr {
    let (listener, address) = listen();
    run(move || async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let acceptor = ::salvo::conn::tcp::TcpAcceptor::try_from(listener).unwrap();
        ::salvo::Server::new(acceptor).serve(salvo::app(auth)).await;
    });
    address
}

fn serve_rocket(auth: Authenticator) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    run(move || async {
        let config = rocket::Config {
            port: 0,
            log_level: rocket::config::LogLevel::Off,
            ..rocket::Config::default()
        };
        let ready = AdHoc::on_liftoff("ready", move |rocket| {
            let config = rocket.config();
            let address = SocketAddr::new(config.address, config.port);
            Box::pin(async move { sender.send(address).unwrap() })
        });
        rockets::app(config, auth)
            .attach(ready)
            .launch()
            .await
            .unwrap();
    });
    receiver.recv().unwrap()
}
