//! What comes over the wire: silence, broken connections, answers that are none. The server speaks
//! HTTP/1.1 without TLS.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use tokio::time::Instant;
use tower_clerk::{
    AuthErrorKind, ClerkConfig, ClerkConfigBuilder,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
};

use crate::{
    raw::{ACTIVE, JSON, Raw, Script, Step, active, answer, json},
    support::App,
};

/// For what takes longer than any attempt: so that it is cut off by it, and not by its own end.
const SHORT: Duration = Duration::from_millis(150);
/// For the rest, so that a machine that is busy with something else does not make it slow.
const LONG: Duration = Duration::from_secs(5);

fn config(server: &Raw) -> ClerkConfigBuilder {
    config_with(server, Enrichment::Off)
}

fn config_with(server: &Raw, userinfo: Enrichment) -> ClerkConfigBuilder {
    ClerkConfig::builder(server.url())
        .accept(OAuthTokens::introspection("me", "secret").userinfo(userinfo))
        .timeout(2 * LONG)
        .attempt_timeout(LONG)
        .clock(ManualClock::new())
}

/// A server that misbehaves in the same way on every connection, what is made of it, and how many
/// attempts that takes.
struct Row {
    name: &'static str,
    script: Script,
    kind: AuthErrorKind,
    attempts: usize,
    attempt_timeout: Duration,
}

/// The connection broke, or never was one: it is tried once more.
fn broken(name: &'static str, script: impl Into<Script>) -> Row {
    Row {
        name,
        script: script.into(),
        kind: AuthErrorKind::UpstreamUnavailable,
        attempts: 2,
        attempt_timeout: LONG,
    }
}

/// It takes too long: there is no time for another attempt.
fn slow(name: &'static str, script: impl Into<Script>) -> Row {
    Row {
        attempts: 1,
        attempt_timeout: SHORT,
        ..broken(name, script)
    }
}

/// An answer that is none by the contract: another attempt would bring the same.
fn violation(name: &'static str, bytes: Vec<u8>) -> Row {
    Row {
        name,
        script: vec![Step::Answers(bytes)],
        kind: AuthErrorKind::InvalidUpstreamResponse,
        attempts: 1,
        attempt_timeout: LONG,
    }
}

/// All rows at a time, since most of it is waiting.
async fn check(rows: impl IntoIterator<Item = Row>) {
    join_all(rows.into_iter().map(Row::check)).await;
}

impl Row {
    /// Twice the same token, since nothing may be remembered of the first time, but that this token provokes such
    /// an answer (fault B1).
    async fn check(self) {
        let name = self.name;
        let is_provoked = self.kind == AuthErrorKind::InvalidUpstreamResponse;
        let server = Raw::start([self.script]);
        let app = App::new(config(&server).attempt_timeout(self.attempt_timeout));
        for turn in 1..=2 {
            let start = Instant::now();
            let answer = app.bearer("oat_1").await;
            let waited = start.elapsed();
            assert!(waited < 10 * self.attempt_timeout, "{name}: {waited:?}");
            assert_eq!(answer.kind(), Some(self.kind), "{name}, turn {turn}");
            assert_eq!(answer.status(), 503, "{name}, turn {turn}");
            let attempts = server.connections().max(server.requests());
            let calls = if is_provoked { 1 } else { turn };
            assert_eq!(attempts, self.attempts * calls, "{name}, turn {turn}");
        }
        assert_eq!(app.inner_calls(), 0, "{name}");
        let stats = app.layer.authenticator().stats();
        let remembered = (stats.entries, stats.negative_entries);
        assert_eq!(remembered, (0, u64::from(is_provoked)), "{name}");
    }
}

fn head(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{JSON}content-length: {length}\r\n\r\n").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    format!("{head}{length:x}\r\n{body}\r\n").into_bytes()
}

#[tokio::test]
async fn whoever_is_silent_or_slow_is_waited_for_no_longer_than_an_attempt() {
    let tick = Duration::from_millis(10);
    check([
        // C085, B30, E7
        slow("nothing is read", [Step::Silence]),
        slow("silence after the request", [Step::Request, Step::Silence]),
        slow(
            "silence after the head",
            [Step::Request, Step::Send(head(47)), Step::Silence],
        ),
        // C086: no gap is longer than a tick, so that only a limit for the whole helps.
        slow(
            "the head comes in drips",
            [Step::Request, Step::Drip(active(), 1, tick)],
        ),
        slow(
            "the body comes in drips",
            [
                Step::Request,
                Step::Send(head(ACTIVE.len())),
                Step::Drip(ACTIVE.into(), 1, tick),
            ],
        ),
        // C090
        slow(
            "100 Continue without end",
            [
                Step::Request,
                Step::Drip(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000), 2500, tick),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn broken_connections_are_tried_once_more_and_then_an_outage() {
    let mut rest = head(ACTIVE.len());
    rest.extend_from_slice(&ACTIVE.as_bytes()[..20]);
    let mut too_short = head(ACTIVE.len() + 1);
    too_short.extend_from_slice(ACTIVE.as_bytes());
    check([
        // C083
        broken("reset at once", [Step::Reset]),
        broken("reset before the head", [Step::Request, Step::Reset]),
        broken(
            "reset in the head",
            [
                Step::Request,
                Step::Send(b"HTTP/1.1 200 OK\r\ncont".to_vec()),
                Step::Reset,
            ],
        ),
        broken(
            "reset after the head",
            [Step::Request, Step::Send(head(ACTIVE.len())), Step::Reset],
        ),
        broken(
            "reset in the body",
            [Step::Request, Step::Send(rest.clone()), Step::Reset],
        ),
        broken("closed at once", []),
        broken("closed before the head", [Step::Request]),
        // C087: what came is a whole JSON object each time.
        broken(
            "a byte less than announced",
            [Step::Request, Step::Send(too_short)],
        ),
        broken("half a body", [Step::Request, Step::Send(rest)]),
        broken(
            "chunks without an end",
            [Step::Request, Step::Send(chunked(ACTIVE))],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_not_http_is_an_outage() {
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}", "a".repeat(1 << 20)).into_bytes();
    check([
        broken(
            "frames of HTTP/2",
            [Step::Request, Step::Send(settings.clone()), Step::Silence],
        ),
        broken(
            "frames of HTTP/2, unasked",
            [Step::Send(settings), Step::Silence],
        ),
        broken(
            "another protocol",
            [
                Step::Request,
                Step::Send(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
                Step::Silence,
            ],
        ),
        broken(
            "no version of HTTP",
            [
                Step::Request,
                Step::Send(b"HTTP/3.7 200 OK\r\n\r\n".to_vec()),
                Step::Silence,
            ],
        ),
        broken(
            "headers without end",
            [
                Step::Request,
                Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
                Step::Endless(b"x-header: value\r\n".repeat(256)),
            ],
        ),
        broken(
            "a header without end",
            [Step::Request, Step::Send(long), Step::Silence],
        ),
        broken(
            "two lengths",
            [
                Step::Request,
                Step::Send(answer("200 OK", "content-length: 5\r\n", ACTIVE.as_bytes())),
                Step::Silence,
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_status_that_is_not_200_is_no_verdict() {
    // C090, C091
    for status in [
        "101 Switching Protocols",
        "201 Created",
        "202 Accepted",
        "203 Non-Authoritative Information",
        "206 Partial Content",
        "299 Whatever",
        "300 Multiple Choices",
    ] {
        check([violation("a good body", json(status, ACTIVE))]).await;
    }
    check([violation(
        "204",
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
    )])
    .await;
}

#[tokio::test]
async fn redirects_are_not_followed_by_introspection() {
    // C091, B28
    let elsewhere = Raw::start([vec![Step::Answers(active())]]);
    for status in ["301", "302", "303", "307", "308"] {
        let location = format!("location: {}/oauth/token_info\r\n", elsewhere.url());
        let redirect = answer(&format!("{status} Elsewhere"), &location, b"");
        check([violation("a redirect", redirect)]).await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn redirects_are_not_followed_by_userinfo() {
    // C091, B28
    let profile = json("200 OK", r#"{"sub":"user_1","email":"eve@example.com"}"#);
    let elsewhere = Raw::start([vec![Step::Answers(profile)]]);
    for status in ["301", "302", "303", "307", "308"] {
        let location = format!("location: {}/oauth/userinfo\r\n", elsewhere.url());
        let redirect = answer(&format!("{status} Elsewhere"), &location, b"");
        let server = Raw::start([vec![
            Step::Request,
            Step::Send(active()),
            Step::Request,
            Step::Send(redirect),
            Step::Silence,
        ]]);
        let app = App::new(config_with(&server, Enrichment::BestEffort));
        let answer = app.bearer("oat_1").await;
        answer.assert_accepted();
        assert!(answer.claims().profile().is_none(), "{status}");
        assert_eq!(server.requests(), 2);
        assert!(server.texts()[1].starts_with("GET /oauth/userinfo "));
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn compressed_answers_are_neither_asked_for_nor_read() {
    // C052
    let gzip = |bytes: &str| {
        let headers = format!("{JSON}content-encoding: gzip\r\n");
        answer("200 OK", &headers, &STANDARD.decode(bytes).unwrap())
    };
    check([
        violation("gzip", gzip(GZIP)),
        violation("a bomb", gzip(BOMB)),
    ])
    .await;
    let server = Raw::start([vec![Step::Answers(active())]]);
    let app = App::new(config(&server));
    app.bearer("oat_1").await.assert_accepted();
    let request = server.texts()[0].to_ascii_lowercase();
    assert!(request.contains("accept: application/json"), "{request}");
    assert!(!request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn an_answer_of_64_kib_is_read_and_one_of_a_byte_more_is_not() {
    // C051
    let padded = |length: usize| ACTIVE.to_owned() + &" ".repeat(length - ACTIVE.len());
    for body in [
        json("200 OK", &padded(65_536)),
        [chunked(&padded(65_536)), b"0\r\n\r\n".to_vec()].concat(),
    ] {
        let server = Raw::start([vec![Step::Answers(body)]]);
        let app = App::new(config(&server));
        app.bearer("oat_1").await.assert_accepted();
    }
    let gigabyte = head(1 << 30);
    let unended = chunked(&padded(65_537));
    let ended = [unended.clone(), b"0\r\n\r\n".to_vec()].concat();
    check([
        violation("a byte more", json("200 OK", &padded(65_537))),
        violation("a byte more, in chunks", ended),
        violation("a byte more, and more to come", unended),
        violation("a gigabyte is announced", gigabyte),
        violation(
            "more is announced than a number holds",
            head(usize::MAX / 2),
        ),
        Row {
            script: vec![
                Step::Request,
                Step::Send(chunked("{")),
                Step::Endless(b"10\r\n                \r\n".repeat(256)),
            ],
            ..violation("chunks for ever", Vec::new())
        },
    ])
    .await;
}

#[tokio::test]
async fn a_reset_is_made_good_by_the_retry() {
    // C083
    for bad in [
        vec![Step::Reset],
        vec![Step::Request, Step::Reset],
        vec![Step::Request, Step::Send(head(ACTIVE.len())), Step::Reset],
        vec![Step::Request, Step::Send(json("503 Busy", "{}"))],
    ] {
        let server = Raw::start([bad, vec![Step::Answers(active())]]);
        let app = App::new(config(&server));
        for _ in 0..2 {
            app.bearer("oat_1").await.assert_accepted();
        }
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced_unnoticed() {
    // C088: the client may or may not have noticed when the next request comes.
    for last in [vec![], vec![Step::Reset]] {
        for _ in 0..4 {
            let closes = [vec![Step::Request, Step::Send(active())], last.clone()].concat();
            let server = Raw::start([closes, vec![Step::Answers(active())]]);
            let app = App::new(config(&server));
            app.bearer("oat_1").await.assert_accepted();
            app.bearer("oat_2").await.assert_accepted();
            assert_eq!(server.requests(), 2, "each introspection counts once");
            assert_eq!(server.connections(), 2);
            assert_eq!(app.layer.authenticator().stats().misses, 2);
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_upon_the_next_request_is_replaced_by_the_retry() {
    // C088
    for last in [vec![Step::Request], vec![Step::Request, Step::Reset]] {
        let closes = [vec![Step::Request, Step::Send(active())], last].concat();
        let server = Raw::start([closes, vec![Step::Answers(active())]]);
        let app = App::new(config(&server));
        app.bearer("oat_1").await.assert_accepted();
        app.bearer("oat_2").await.assert_accepted();
        assert_eq!(server.requests(), 3);
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_second_answer_to_one_request_is_never_that_of_the_next() {
    // C099
    let stranger = json(
        "200 OK",
        r#"{"active":true,"client_id":"me","sub":"stranger"}"#,
    );
    let inactive = json("200 OK", r#"{"active":false}"#);
    let together = vec![Step::Send([active(), stranger.clone()].concat())];
    let apart = vec![Step::Send(active()), Step::Send(stranger)];
    for answers in [together, apart] {
        for _ in 0..4 {
            let script = [vec![Step::Request], answers.clone(), vec![Step::Silence]].concat();
            let server = Raw::start([script, vec![Step::Answers(inactive.clone())]]);
            let app = App::new(config(&server));
            let answer = app.bearer("oat_1").await;
            answer.assert_accepted();
            assert_eq!(answer.claims().subject(), "user_1");
            // The client hangs up as soon as it sees what it has not asked for.
            server.wait_for_ends(1).await;
            for _ in 0..2 {
                app.bearer("oat_2")
                    .await
                    .assert_rejected(401, AuthErrorKind::Inactive);
            }
        }
    }
}

#[tokio::test]
async fn requests_are_never_pipelined_and_no_more_are_under_way_than_their_share() {
    // C099, E7, fault B5: 65 % of 64, for tokens never seen.
    let turn = [Step::Request, Step::Gate, Step::Send(active())];
    let script = vec![turn; 4].concat();
    let server = Raw::start([script]);
    let app = App::new(config(&server));
    let tokens: Vec<_> = (0..150).map(|number| format!("oat_{number}")).collect();
    let requests = join_all(tokens.iter().map(|token| app.bearer(token)));
    let opener = async {
        server.wait_for_requests(41).await;
        // Time for a 42nd, if there were one.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.requests(), 41);
        server.open();
    };
    let (answers, ()) = tokio::join!(requests, opener);
    for answer in answers {
        answer.assert_accepted();
    }
    let peak = server.seen().peak.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(peak, 41);
    let pipelined = &server.seen().pipelined;
    assert_eq!(pipelined.load(std::sync::atomic::Ordering::SeqCst), 0);
}

/// [`ACTIVE`], compressed.
const GZIP: &str =
    "H4sIAAAAAAACA6tWSkwuySxLVbIqKSpN1VFKzslMzSuJz0xRslLKTVXSUSouTQIyS4tTi+INlWoBHZrR4C8AAAA=";

/// The same after 200,000 spaces.
const BOMB: &str = concat!(
    "H4sIAAAAAAACA+3GoQ2EQBAAwFbIagyWZgjwKy4BBNxhPvTOt/B+Rk3XAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD/+sa81nJnjPVs2ce6lTzqVD4xxp7Rx9WWX9uV5zTE8wJw",
    "LMaDbw0DAA==",
);
