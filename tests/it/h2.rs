//! HTTP/2, which is spoken over TLS alone: frames that no proper server sends, or not then.
//!
//! All tests run in processes of their own that trust the certificate of the server.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tower_clerk::{
    AuthErrorKind, ClerkConfig,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
};

use crate::{
    child::{again_with_authority, authority, is_child, params, tls},
    raw::{ACTIVE, Raw, Seen, Stream},
    support::App,
};

/// For what takes longer than any attempt.
const SHORT: Duration = Duration::from_millis(900);
/// For the rest, so that a machine that is busy with something else does not make it slow.
const LONG: Duration = Duration::from_secs(5);

/// What the server does upon a request.
#[derive(Clone)]
enum Reaction {
    /// Answers.
    Answer,
    /// Sends this, for any stream, and closes.
    Close(fn(u32) -> Vec<u8>),
    /// Sends this, and reads on.
    Send(fn(u32) -> Vec<u8>),
    /// Sends the first, then the second without end.
    Endless(fn(u32) -> Vec<u8>, fn(u32) -> Vec<u8>),
}

/// Reacts to the n-th request of all connections with the n-th reaction; beyond them, with the last.
fn server(settings: &'static [u8], reactions: Vec<Reaction>) -> Raw {
    let acceptor = tls(&params(&["localhost"]), Some(&authority()), "h2");
    Raw::serve(Some(acceptor), move |_, mut stream, seen| {
        let reactions = reactions.clone();
        Box::pin(async move {
            // An error means that the client has left.
            let _ = play(&mut stream, settings, &reactions, &seen).await;
            stream.close().await;
        })
    })
}

async fn play(
    stream: &mut Stream,
    settings: &[u8],
    reactions: &[Reaction],
    seen: &Arc<Seen>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while buffer.len() < PREFACE.len() {
        stream.receive(&mut buffer).await?;
    }
    assert_eq!(buffer.drain(..PREFACE.len()).collect::<Vec<_>>(), PREFACE);
    stream.send(&frame(SETTINGS, 0, 0, settings)).await?;
    loop {
        let Some((kind, flags, id)) = take_frame(&mut buffer) else {
            stream.receive(&mut buffer).await?;
            continue;
        };
        match kind {
            SETTINGS if flags & ACK == 0 => stream.send(&frame(SETTINGS, ACK, 0, b"")).await?,
            HEADERS => {
                let number = seen.requests.fetch_add(1, Ordering::SeqCst);
                // Whoever sends another request meanwhile does not keep to one at a time.
                let waiting = seen.waiting.fetch_add(1, Ordering::SeqCst) + 1;
                seen.peak.fetch_max(waiting, Ordering::SeqCst);
                if settings == ONE_STREAM {
                    sleep(Duration::from_millis(5)).await;
                    let _ =
                        tokio::time::timeout(Duration::from_millis(1), stream.receive(&mut buffer))
                            .await;
                    let another = count_frames(&buffer, HEADERS);
                    seen.peak.fetch_max(1 + another, Ordering::SeqCst);
                }
                seen.waiting.fetch_sub(1, Ordering::SeqCst);
                match &reactions[number.min(reactions.len() - 1)] {
                    Reaction::Answer => stream.send(&good(id)).await?,
                    Reaction::Close(bytes) => {
                        stream.send(&bytes(id)).await?;
                        return Ok(());
                    }
                    Reaction::Send(bytes) => stream.send(&bytes(id)).await?,
                    Reaction::Endless(first, then) => {
                        stream.send(&first(id)).await?;
                        loop {
                            stream.send(&then(id)).await?;
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn frame_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.get(..9)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let length = 9 + usize::try_from(length).unwrap();
    (buffer.len() >= length).then_some(length)
}

fn take_frame(buffer: &mut Vec<u8>) -> Option<(u8, u8, u32)> {
    let length = frame_length(buffer)?;
    let frame: Vec<u8> = buffer.drain(..length).collect();
    let id = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
    Some((frame[3], frame[4], id))
}

fn count_frames(mut buffer: &[u8], kind: u8) -> usize {
    let mut count = 0;
    while let Some(length) = frame_length(buffer) {
        count += usize::from(buffer[3] == kind);
        buffer = &buffer[length..];
    }
    count
}

/// `:status: 200` and the content type of JSON (RFC 7541 appendix A: entries 8 and 31).
fn head() -> Vec<u8> {
    let mut head = b"\x88\x0f\x10\x10".to_vec();
    head.extend_from_slice(b"application/json");
    head
}

fn good(id: u32) -> Vec<u8> {
    let mut bytes = frame(HEADERS, END_HEADERS, id, &head());
    bytes.extend(frame(DATA, END_STREAM, id, ACTIVE.as_bytes()));
    bytes
}

fn reset(id: u32, code: u8) -> Vec<u8> {
    frame(RST_STREAM, 0, id, &[0, 0, 0, code])
}

fn goaway(last: u32, code: u8) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend_from_slice(&[0, 0, 0, code]);
    frame(GOAWAY, 0, 0, &payload)
}

fn app(server: &Raw, attempt_timeout: Duration) -> App {
    let config = ClerkConfig::builder(format!("https://localhost:{}", server.port()))
        .accept(OAuthTokens::introspection("me", "secret").userinfo(Enrichment::Off))
        .timeout(2 * attempt_timeout)
        .attempt_timeout(attempt_timeout)
        .clock(ManualClock::new());
    App::new(config)
}

#[tokio::test]
async fn one_connection_carries_all() {
    if !is_child() {
        return again_with_authority("h2::one_connection_carries_all");
    }
    let server = server(b"", vec![Reaction::Answer]);
    let app = app(&server, LONG);
    app.bearer("oat_first").await.assert_accepted();
    let tokens: Vec<_> = (0..20).map(|number| format!("oat_{number}")).collect();
    for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
        answer.assert_accepted();
    }
    assert_eq!((server.connections(), server.requests()), (1, 21));
}

#[tokio::test]
async fn a_server_that_wants_one_stream_at_a_time_gets_one() {
    // C089
    if !is_child() {
        return again_with_authority("h2::a_server_that_wants_one_stream_at_a_time_gets_one");
    }
    let server = server(ONE_STREAM, vec![Reaction::Answer]);
    let app = app(&server, LONG);
    app.bearer("oat_first").await.assert_accepted();
    let tokens: Vec<_> = (0..10).map(|number| format!("oat_{number}")).collect();
    for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
        answer.assert_accepted();
    }
    assert_eq!((server.connections(), server.requests()), (1, 11));
    assert_eq!(server.seen().peak.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_that_was_not_taken_is_made_again() {
    // C089
    if !is_child() {
        return again_with_authority("h2::a_request_that_was_not_taken_is_made_again");
    }
    for (name, first, connections) in [
        (
            "GOAWAY before it",
            Reaction::Close(|_| goaway(0, NO_ERROR)),
            2,
        ),
        (
            "REFUSED_STREAM",
            Reaction::Send(|id| reset(id, REFUSED_STREAM)),
            1,
        ),
        (
            "ENHANCE_YOUR_CALM",
            Reaction::Send(|id| reset(id, ENHANCE_YOUR_CALM)),
            1,
        ),
        ("closed", Reaction::Close(|_| Vec::new()), 2),
    ] {
        let server = server(b"", vec![first, Reaction::Answer]);
        let app = app(&server, LONG);
        for _ in 0..2 {
            let answer = app.bearer("oat_1").await;
            assert_eq!(answer.status(), 200, "{name}: {answer:?}");
        }
        assert_eq!(server.requests(), 2, "{name}");
        assert_eq!(server.connections(), connections, "{name}");
    }
}

#[tokio::test]
async fn an_answer_after_goaway_counts_and_the_next_request_goes_elsewhere() {
    // C089
    if !is_child() {
        return again_with_authority(
            "h2::an_answer_after_goaway_counts_and_the_next_request_goes_elsewhere",
        );
    }
    let last = Reaction::Send(|id| [goaway(id, NO_ERROR), good(id)].concat());
    let server = server(b"", vec![last, Reaction::Answer]);
    let app = app(&server, LONG);
    for token in ["oat_1", "oat_2", "oat_1"] {
        app.bearer(token).await.assert_accepted();
    }
    assert_eq!((server.connections(), server.requests()), (2, 2));
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_replaced() {
    // C085, C089: its peer answers no ping either.
    if !is_child() {
        return again_with_authority("h2::a_connection_that_fell_silent_is_replaced");
    }
    let nothing: fn(u32) -> Vec<u8> = |_| Vec::new();
    let server = server(
        b"",
        vec![Reaction::Endless(nothing, nothing), Reaction::Answer],
    );
    // On the real clock: the pings of the HTTP client know no other.
    let config = ClerkConfig::builder(format!("https://localhost:{}", server.port()))
        .accept(OAuthTokens::introspection("me", "secret").userinfo(Enrichment::Off))
        .timeout(2 * SHORT)
        .attempt_timeout(SHORT);
    let app = App::new(config);
    let start = Instant::now();
    while app.bearer("oat_1").await.status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(30));
        sleep(SHORT).await;
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn what_breaks_http_2_is_an_outage_and_nobody_waits_for_its_end() {
    // C089
    if !is_child() {
        return again_with_authority(
            "h2::what_breaks_http_2_is_an_outage_and_nobody_waits_for_its_end",
        );
    }
    let nothing: fn(u32) -> Vec<u8> = |_| Vec::new();
    // How many requests one token may cost: one attempt, and one more. The HTTP client makes none of
    // its own.
    let rows = [
        (
            "REFUSED_STREAM",
            Reaction::Send(|id| reset(id, REFUSED_STREAM)),
            2,
        ),
        (
            "GOAWAY before it",
            Reaction::Close(|_| goaway(0, NO_ERROR)),
            2,
        ),
        (
            "ENHANCE_YOUR_CALM",
            Reaction::Send(|id| reset(id, ENHANCE_YOUR_CALM)),
            2,
        ),
        (
            "GOAWAY for ENHANCE_YOUR_CALM",
            Reaction::Close(|id| goaway(id, ENHANCE_YOUR_CALM)),
            2,
        ),
        ("CANCEL", Reaction::Send(|id| reset(id, CANCEL)), 2),
        (
            "a reset in the body",
            Reaction::Send(|id| {
                [frame(HEADERS, END_HEADERS, id, &head()), reset(id, CANCEL)].concat()
            }),
            2,
        ),
        (
            "half of the body",
            Reaction::Close(|id| {
                let body = frame(DATA, 0, id, ACTIVE.as_bytes());
                [frame(HEADERS, END_HEADERS, id, &head()), body].concat()
            }),
            2,
        ),
        (
            "a push",
            Reaction::Send(|id| frame(PUSH_PROMISE, END_HEADERS, id, &[0, 0, 0, 2, 0x88])),
            2,
        ),
        (
            "a window of nothing",
            Reaction::Send(|_| frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
            2,
        ),
        (
            "an answer on another stream",
            Reaction::Send(|id| good(id + 100)),
            2,
        ),
        (
            "data before the head",
            Reaction::Send(|id| frame(DATA, END_STREAM, id, ACTIVE.as_bytes())),
            2,
        ),
        ("HTTP/1.1", Reaction::Send(|_| crate::raw::active()), 2),
        (
            "CONTINUATION without end",
            Reaction::Endless(
                |id| frame(HEADERS, 0, id, &head()),
                |id| frame(CONTINUATION, 0, id, b"\0\x01a\x01b").repeat(100),
            ),
            2,
        ),
        (
            "PING without end",
            Reaction::Endless(nothing, |_| frame(PING, 0, 0, &[7; 8]).repeat(100)),
            2,
        ),
        (
            "SETTINGS without end",
            Reaction::Endless(nothing, |_| frame(SETTINGS, 0, 0, b"").repeat(100)),
            2,
        ),
        (
            "empty DATA without end",
            Reaction::Endless(
                |id| frame(HEADERS, END_HEADERS, id, &head()),
                |id| frame(DATA, 0, id, b"").repeat(100),
            ),
            2,
        ),
        ("silence", Reaction::Send(nothing), 1),
    ];
    let checks = rows.map(|(name, reaction, most)| async move {
        let server = server(b"", vec![reaction]);
        let app = app(&server, SHORT);
        for turn in 1..=2 {
            let start = Instant::now();
            let answer = app.bearer("oat_1").await;
            let waited = start.elapsed();
            assert!(waited < 10 * SHORT, "{name}: {waited:?}");
            let kind = answer.kind();
            assert_eq!(kind, Some(AuthErrorKind::UpstreamUnavailable), "{name}");
            assert_eq!(answer.status(), 503, "{name}");
            let requests = server.requests();
            assert!(requests >= 1, "{name}");
            assert!(requests <= most * turn, "{name}: {requests}");
        }
    });
    join_all(checks).await;
}

#[tokio::test]
async fn an_answer_without_end_is_too_large() {
    // C051, C089
    if !is_child() {
        return again_with_authority("h2::an_answer_without_end_is_too_large");
    }
    let endless = Reaction::Endless(
        |id| frame(HEADERS, END_HEADERS, id, &head()),
        |id| frame(DATA, 0, id, &[b' '; 8_192]),
    );
    for _ in 0..2 {
        let server = server(b"", vec![endless.clone()]);
        app(&server, LONG)
            .bearer("oat_1")
            .await
            .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
        assert_eq!(server.requests(), 1);
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// SETTINGS_MAX_CONCURRENT_STREAMS is 1 (RFC 9113 §6.5.2).
const ONE_STREAM: &[u8] = &[0, 3, 0, 0, 0, 1];

// Frames and flags (RFC 9113 §6), and error codes (§7).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u8 = 0;
const REFUSED_STREAM: u8 = 7;
const CANCEL: u8 = 8;
const ENHANCE_YOUR_CALM: u8 = 11;
