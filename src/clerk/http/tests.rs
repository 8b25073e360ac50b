use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::http::{HeaderMap, HeaderValue, Request, Response, header};
use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};

use super::{
    Endpoint, EndpointClient, MAX_IN_FLIGHT, MAX_WAITING, Priority, Purpose, Transport,
    TransportError, Upstream, default_rate_limit, is_json,
};
use crate::{AuthError, AuthErrorKind, clock::SystemClock};

fn headers(name: header::HeaderName, value: Option<&[u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(value) = value {
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[test]
fn json_is_told_by_its_content_type() {
    struct Case<'a> {
        name: &'a str,
        input: Option<&'a [u8]>,
        expected: bool,
    }

    #[track_caller]
    fn check(case: &Case<'_>) {
        let headers = headers(header::CONTENT_TYPE, case.input);
        assert_eq!(is_json(&headers), case.expected, "{}", case.name);
    }

    // C050 C052
    let cases: &[(&str, Option<&[u8]>, bool)] = &[
        ("plain", Some(b"application/json"), true),
        ("in capitals", Some(b"Application/JSON"), true),
        ("a suffix", Some(b"application/problem+json"), true),
        ("a suffix in capitals", Some(b"application/x+JSON"), true),
        ("UTF-8", Some(b"application/json; charset=utf-8"), true),
        (
            "UTF-8, quoted",
            Some(b"application/json;charset=\"UTF-8\""),
            true,
        ),
        (
            "UTF-8, spaced",
            Some(b" application/json ; Charset = utf-8 "),
            true,
        ),
        (
            "another parameter",
            Some(b"application/json; profile=x"),
            true,
        ),
        (
            "a parameter without a value",
            Some(b"application/json; x"),
            true,
        ),
        ("absent", None, false),
        ("empty", Some(b""), false),
        ("UTF-16", Some(b"application/json; charset=utf-16"), false),
        (
            "UTF-16, later",
            Some(b"application/json; profile=x; CHARSET=utf-16"),
            false,
        ),
        (
            "both",
            Some(b"application/json; charset=utf-8; charset=utf-16"),
            false,
        ),
        (
            "no charset named",
            Some(b"application/json; charset="),
            false,
        ),
        ("HTML", Some(b"text/html"), false),
        ("text", Some(b"text/json"), false),
        ("a suffix of text", Some(b"text/x+json"), false),
        (
            "JSON in a parameter",
            Some(b"text/html; application/json"),
            false,
        ),
        ("a suffix of nothing", Some(b"application/+json"), false),
        ("more", Some(b"application/jsonp"), false),
        ("less", Some(b"application/jso"), false),
        ("lines of it", Some(b"application/x-ndjson"), false),
        ("a sequence of it", Some(b"application/json-seq"), false),
        (
            "a signed answer",
            Some(b"application/token-introspection+jwt"),
            false,
        ),
        ("no ASCII", Some(b"application/json; x=\xff"), false),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input: *input,
            expected: *expected,
        });
    }
}

#[test]
fn two_content_types_are_none() {
    let mut headers = headers(header::CONTENT_TYPE, Some(b"application/json"));
    headers.append(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    assert!(!is_json(&headers));
}

#[test]
fn endpoints_have_their_names() {
    assert_eq!(Endpoint::Introspection.as_str(), "introspection");
    assert_eq!(Endpoint::Userinfo.as_str(), "userinfo");
}

/// Holds every call until it is let go, and counts.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    in_flight: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            in_flight: Arc::default(),
            calls: Arc::default(),
        }
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.in_flight.load(Ordering::SeqCst),
            self.calls.load(Ordering::SeqCst),
        )
    }
}

impl Transport for Gate {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.open.acquire().await.unwrap().forget();
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            Ok(Response::new(Bytes::new()))
        })
    }
}

type Call = JoinHandle<Result<Response<Bytes>, AuthError>>;

/// A way to one endpoint, whose answers are taken as they are.
fn client(
    transport: impl Transport,
    attempt_timeout: Duration,
) -> Arc<EndpointClient<Response<Bytes>>> {
    channel_to(Endpoint::Introspection, transport, attempt_timeout)
}

fn channel_to(
    endpoint: Endpoint,
    transport: impl Transport,
    attempt_timeout: Duration,
) -> Arc<EndpointClient<Response<Bytes>>> {
    let clock = Arc::new(SystemClock);
    let upstream = Upstream::new(Arc::new(transport), attempt_timeout, None, clock);
    Arc::new(upstream.client(endpoint, |response| Ok(response.clone())))
}

fn call(client: &Arc<EndpointClient<Response<Bytes>>>) -> Call {
    call_as(client, Priority::FirstSeen)
}

fn call_as(client: &Arc<EndpointClient<Response<Bytes>>>, priority: Priority) -> Call {
    let client = Arc::clone(client);
    tokio::spawn(async move {
        let request = Request::new(Bytes::new());
        client
            .call(Purpose::needed(priority), "oat_1", request)
            .await
    })
}

#[test]
fn rates_are_those_of_the_kind_of_instance() {
    for (host, expected) in [
        ("verb-noun-00.clerk.accounts.dev", 100),
        ("clerk.accounts.dev", 1000),
        ("clerk.example.com", 1000),
        ("x.clerk.accounts.dev.example.com", 1000),
    ] {
        assert_eq!(default_rate_limit(host), expected, "{host}");
    }
}

/// Lets every task run until nothing moves.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limits_wait_and_beyond_those_are_shed() {
    // fault B5
    assert_eq!((MAX_IN_FLIGHT, MAX_WAITING), (64, 1_024));
    let gate = Gate::new();
    let upstream = client(gate.clone(), Duration::from_secs(3_600));
    let mut calls: Vec<Call> = Vec::new();
    let mut counts = (0, 0);
    for (priority, in_flight, waiting) in [
        (Priority::FirstSeen, 41, 665),
        (Priority::Returning, 54, 870),
        (Priority::Refresh, 60, 972),
        (Priority::Document, 64, 1_024),
    ] {
        let fits = in_flight + waiting - counts.0 - counts.1;
        calls.extend((0..fits).map(|_| call_as(&upstream, priority)));
        settle().await;
        assert_eq!(gate.counts(), (in_flight, in_flight), "{priority:?}");
        assert!(calls.iter().all(|call| !call.is_finished()));
        let shed = call_as(&upstream, priority).await.unwrap().unwrap_err();
        assert_eq!(shed.kind(), AuthErrorKind::Overloaded);
        assert_eq!(shed.retry_after(), None);
        assert!(shed.was_not_called());
        assert_eq!(gate.counts(), (in_flight, in_flight));
        counts = (in_flight, waiting);
    }

    // One is done: the first of those with the highest priority takes its place, and one more may wait.
    gate.open.add_permits(1);
    settle().await;
    assert_eq!(gate.counts(), (64, 65));
    calls.push(call_as(&upstream, Priority::Document));
    settle().await;
    assert!(!calls.last().unwrap().is_finished());
    let shed = call_as(&upstream, Priority::Document).await.unwrap();
    assert_eq!(shed.unwrap_err().kind(), AuthErrorKind::Overloaded);

    // One of those that wait is dropped, and makes room.
    calls.pop().unwrap().abort();
    settle().await;
    calls.push(call_as(&upstream, Priority::Document));

    gate.open.add_permits(2_000);
    for outcome in future::join_all(calls).await {
        assert_eq!(outcome.unwrap().unwrap().status(), 200);
    }
    assert_eq!(gate.counts(), (0, 64 + 1_024 + 1));
}

/// Answers after a while.
struct Slow(Duration);

impl Transport for Slow {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async {
            tokio::time::sleep(self.0).await;
            Ok(Response::new(Bytes::new()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_would_be_sent_too_late_to_be_answered_is_not_sent() {
    // fault B5: it would end at the deadline of its request, and open the circuit breaker for all.
    let upstream = client(Slow(Duration::from_millis(800)), Duration::from_secs(1));
    let calls: Vec<_> = (0..100).map(|_| call(&upstream)).collect();
    let start = Instant::now();
    let (mut answered, mut shed) = (0, 0);
    for outcome in future::join_all(calls).await {
        match outcome.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => {
                assert_eq!(error.kind(), AuthErrorKind::Overloaded);
                assert!(error.was_not_called());
                shed += 1;
            }
        }
    }
    // 41 at once, 41 after 0.8 s; the others have waited for a second by then.
    assert_eq!((answered, shed), (82, 18));
    assert_eq!(start.elapsed().as_millis(), 1_600);
}

#[tokio::test(start_paused = true)]
async fn call_that_is_dropped_makes_room() {
    let gate = Gate::new();
    let upstream = client(gate.clone(), Duration::from_secs(3_600));
    let first = call(&upstream);
    let _others: Vec<_> = (0..64).map(|_| call(&upstream)).collect();
    settle().await;
    assert_eq!(gate.counts().1, 41);
    first.abort();
    settle().await;
    assert_eq!(gate.counts().1, 42);
}

#[tokio::test(start_paused = true)]
async fn attempt_has_its_time_and_who_waited_learns_at_once_that_clerk_is_down() {
    // C085
    let upstream = client(Gate::new(), Duration::from_secs(1));
    let start = Instant::now();
    let calls: Vec<_> = (0..=MAX_IN_FLIGHT)
        .map(|_| {
            let call = call(&upstream);
            async move {
                let error = call.await.unwrap().unwrap_err();
                (error.kind(), start.elapsed().as_millis())
            }
        })
        .collect();
    let mut ends = future::join_all(calls).await;
    let (kind, last) = ends.pop().unwrap();
    assert_eq!(kind, AuthErrorKind::UpstreamUnavailable);
    // The breaker has opened by then: not a second time a second.
    assert!((1_000..1_010).contains(&last), "{last}");
    for (kind, end) in ends {
        assert_eq!(kind, AuthErrorKind::UpstreamUnavailable);
        assert!((1_000..1_005).contains(&end), "{end}");
    }
}

/// Answers with so many bytes, or not at all.
struct Answer(Option<usize>);

impl Transport for Answer {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let answer = match self.0 {
            Some(length) => Ok(Response::new(vec![b'x'; length].into())),
            None => Err(TransportError::unreachable("reset")),
        };
        Box::pin(future::ready(answer))
    }
}

#[tokio::test(start_paused = true)]
async fn answer_is_bounded_whoever_reads_it() {
    // C047 C048, fault A6
    let (small, large) = (64 * 1024, 256 * 1024);
    let too_large = Err(AuthErrorKind::InvalidUpstreamResponse);
    for (name, endpoint, answer, expected) in [
        ("nothing", Endpoint::Introspection, Some(0), Ok(0)),
        ("64 KiB", Endpoint::Introspection, Some(small), Ok(small)),
        (
            "one byte more",
            Endpoint::Introspection,
            Some(small + 1),
            too_large,
        ),
        (
            "one byte more, of a key set",
            Endpoint::Keys,
            Some(small + 1),
            too_large,
        ),
        (
            "one byte more, of an API key",
            Endpoint::BackendApiKey,
            Some(small + 1),
            too_large,
        ),
        (
            "256 KiB of a user",
            Endpoint::BackendUser,
            Some(large),
            Ok(large),
        ),
        (
            "one byte more of a user",
            Endpoint::BackendUser,
            Some(large + 1),
            too_large,
        ),
        // C083
        (
            "reset",
            Endpoint::Introspection,
            None,
            Err(AuthErrorKind::UpstreamUnavailable),
        ),
    ] {
        let upstream = channel_to(endpoint, Answer(answer), Duration::from_secs(1));
        let outcome = call(&upstream).await.unwrap();
        let found = outcome
            .map(|answer| answer.body().len())
            .map_err(|error| error.kind());
        assert_eq!(found, expected, "{name}");
    }
}
