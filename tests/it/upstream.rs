//! What stands between a miss and Clerk: the deadline, the retry and its budget, the breaker. Without a
//! network, and with tokio's clock standing still, so that all counts are exact.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tower_clerk::{AuthErrorKind, Tokens, kinds::Enrichment, testing::ManualClock};

use crate::{
    stub::{Reply, Stub, token},
    support::App,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A reply, what it is to the caller, and how many calls one request makes of it.
type Row = (&'static str, Reply, AuthErrorKind, usize);

fn bad_replies() -> Vec<Row> {
    [outages(), provoked_replies()].concat()
}

/// Clerk does not do its work.
fn outages() -> Vec<Row> {
    let outage = AuthErrorKind::UpstreamUnavailable;
    vec![
        // C083, C085
        ("broken", Reply::Broken, outage, 2),
        ("silence", Reply::Silence, outage, 1),
        // fault B1: as good as silence.
        ("408", Reply::status(408), outage, 1),
        // C095
        ("500", Reply::status(500), outage, 1),
        ("501", Reply::status(501), outage, 1),
        ("502", Reply::status(502), outage, 2),
        ("503", Reply::status(503), outage, 2),
        ("504", Reply::status(504), outage, 2),
        ("505", Reply::status(505), outage, 1),
    ]
}

/// One token can provoke them.
fn provoked_replies() -> Vec<Row> {
    let violation = AuthErrorKind::InvalidUpstreamResponse;
    let json = |body: &str| Reply::Json(200, body.to_owned());
    vec![
        // C092
        ("400", Reply::status(400), violation, 1),
        ("403 without a reason", Reply::status(403), violation, 1),
        ("404", Reply::status(404), violation, 1),
        ("405", Reply::status(405), violation, 1),
        ("415", Reply::status(415), violation, 1),
        ("no JSON", json("<html>"), violation, 1),
        ("no verdict", json(r#"{"active":"true"}"#), violation, 1),
        ("too large", json(&" ".repeat(65_537)), violation, 1),
    ]
}

/// Nothing of these is Clerk's fault.
fn harmless_replies() -> Vec<(&'static str, Reply, u16, AuthErrorKind)> {
    let inactive = Reply::Json(200, r#"{"active":false}"#.to_owned());
    let unsupported = Reply::Json(400, r#"{"error":"unsupported_token_type"}"#.to_owned());
    let invalid_client = Reply::Json(403, r#"{"error":"invalid_client"}"#.to_owned());
    let rejected = AuthErrorKind::CredentialsRejected;
    vec![
        // C093
        ("401", Reply::status(401), 503, rejected),
        ("403", invalid_client, 503, rejected),
        ("inactive", inactive, 401, AuthErrorKind::Inactive),
        ("unsupported", unsupported, 401, AuthErrorKind::Inactive),
        // C094
        ("429", Reply::Slower(None), 503, AuthErrorKind::RateLimited),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_by_itself_is_retried_once_and_nothing_else_is() {
    for (name, reply, kind, calls) in bad_replies() {
        let stub = Stub::always(reply);
        let app = stub.app(&ManualClock::new());
        for turn in 1..=2 {
            app.bearer("oat_1").await.assert_rejected(503, kind);
            // What a token provokes is remembered for it (fault B1).
            let is_provoked = kind == AuthErrorKind::InvalidUpstreamResponse;
            let turns = if is_provoked { 1 } else { turn };
            assert_eq!(stub.calls(), calls * turns, "{name}");
        }
    }
    for (name, reply, status, kind) in harmless_replies() {
        let stub = Stub::always(reply);
        let app = stub.app(&ManualClock::new());
        app.bearer("oat_1").await.assert_rejected(status, kind);
        assert_eq!(stub.calls(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn userinfo_is_retried_as_introspection_is() {
    for (name, reply, _, calls) in bad_replies() {
        let stub = Stub::new(move |path, _| match path {
            "/oauth/userinfo" => reply.clone(),
            _ => Reply::Good,
        });
        let clock = ManualClock::new();
        let config = stub.config_with(&clock, Stub::oauth().userinfo(Enrichment::BestEffort));
        App::new(config).bearer("oat_1").await.assert_accepted();
        assert_eq!((stub.calls(), stub.userinfo_calls()), (1, calls), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_verdict_of_the_second_attempt_counts() {
    for first in [Reply::Broken, Reply::status(503)] {
        for (second, status) in [(Reply::Good, 200), (Reply::status(401), 503)] {
            let first = first.clone();
            let stub = Stub::new(move |_, number| match number {
                1 => first.clone(),
                _ => second.clone(),
            });
            let answer = stub.app(&ManualClock::new()).bearer("oat_1").await;
            assert_eq!(answer.status(), status);
            assert_eq!(stub.calls(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_an_attempt_and_all_attempts_not_longer_than_the_deadline() {
    // C085, B30, E7
    let late = Duration::from_millis(900);
    let retried = Stub::new(move |_, number| match number {
        1 => Reply::BrokenAfter(late),
        _ => Reply::Silence,
    });
    let silent = Stub::always(Reply::Silence);
    for (stub, attempt, expected, calls) in [
        (&silent, SECOND, SECOND, 1),
        (&silent, 2 * SECOND, 2 * SECOND, 2),
        (&retried, 2 * SECOND, 2 * SECOND, 2),
    ] {
        let config = stub.config(&ManualClock::new()).attempt_timeout(attempt);
        let start = Instant::now();
        App::new(config)
            .bearer("oat_1")
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        let waited = start.elapsed();
        assert!(
            waited >= expected && waited < expected + 50 * MILLISECOND,
            "{waited:?}"
        );
        assert_eq!(stub.calls(), calls);
        assert_eq!(stub.waiting(), 0, "what is given up is dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_introspection_and_userinfo_together() {
    // E7
    let stub = Stub::new(|path, _| match path {
        "/oauth/userinfo" => Reply::Silence,
        _ => Reply::GoodAfter(Duration::from_millis(1_500)),
    });
    // A profile that is not required leaves the verdict the last moment to reach those who wait.
    let least = |enrichment| match enrichment {
        Enrichment::Required => 2 * SECOND,
        _ => Duration::from_millis(1_900),
    };
    for (enrichment, status) in [(Enrichment::BestEffort, 200), (Enrichment::Required, 503)] {
        let config = stub
            .config_with(&ManualClock::new(), Stub::oauth().userinfo(enrichment))
            .attempt_timeout(2 * SECOND);
        let start = Instant::now();
        let answer = App::new(config).bearer("oat_1").await;
        assert_eq!(answer.status(), status);
        let waited = start.elapsed();
        assert!(waited >= least(enrichment), "{waited:?}");
        assert!(waited < 2 * SECOND + 50 * MILLISECOND, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_failures_at_once_are_hardly_any_calls() {
    // C095, E8
    let stub = Stub::always(Reply::status(503));
    let app = stub.app(&ManualClock::new());
    let tokens: Vec<_> = (0..1_000).map(token).collect();
    for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
    }
    // Without the breaker it would be 1,000 and a tenth more; with it, what was under way when the
    // fifth failed.
    assert!((5..=64 + 10).contains(&stub.calls()), "{}", stub.calls());
}

#[tokio::test(start_paused = true)]
async fn retries_add_a_tenth_at_the_most() {
    // C095, C096, E8: the breaker stays closed, since every fifth or second call succeeds.
    for (every, least_failures) in [(5, 780), (2, 400)] {
        let stub = Stub::new(move |_, number| match number % every {
            0 => Reply::Good,
            _ => Reply::status(503),
        });
        let app = stub.app(&ManualClock::new());
        let mut failures = 0;
        for number in 0..1_000 {
            let answer = app.bearer(&token(number)).await;
            failures += usize::from(answer.status() == 503);
        }
        assert!(failures >= least_failures, "{failures}");
        let calls = stub.calls();
        assert!(calls > 1_000, "some are retried");
        assert!(calls <= 1_100, "1 in {every} succeeds: {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_costs_a_call_a_second() {
    // E5, E8
    let stub = Stub::always(Reply::status(503));
    let clock = ManualClock::new();
    let app = stub.app(&clock);
    let tick = Duration::from_millis(50);
    for number in 0..20 * 60 {
        let (start, calls) = (Instant::now(), stub.calls());
        app.bearer(&token(number))
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        // Whoever is rejected without a call is rejected at once.
        assert!(stub.calls() > calls || start.elapsed() <= MILLISECOND);
        clock.advance(tick);
        sleep(tick).await;
    }
    assert!((60..=10 + 60).contains(&stub.calls()), "{}", stub.calls());
}

/// Lets the breaker open; returns how many calls that took.
async fn open(app: &App, stub: &Stub) -> usize {
    for number in 0..20 {
        app.bearer(&token(number)).await;
    }
    stub.calls()
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_after_ten_failures_in_a_row() {
    // C095, E5
    for (name, reply, ..) in outages() {
        let stub = Stub::always(reply);
        let app = stub.app(&ManualClock::new());
        assert_eq!(open(&app, &stub).await, 10, "{name}");
        for _ in 0..2 {
            let start = Instant::now();
            let answer = app.bearer("oat_more").await;
            answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
            assert_eq!(answer.header("retry-after"), Some("1"), "{name}");
            assert!(start.elapsed() <= MILLISECOND, "{name}");
        }
        assert_eq!(stub.calls(), 10, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_does_not_open_for_what_is_no_failure() {
    // C093, C094, fault B1
    let provoked = provoked_replies().into_iter();
    let provoked = provoked.map(|(name, reply, kind, _)| (name, reply, 503, kind));
    for (name, reply, status, kind) in harmless_replies().into_iter().chain(provoked) {
        let stub = Stub::always(reply);
        let clock = ManualClock::new();
        let app = stub.app(&clock);
        for number in 0..20 {
            let answer = app.bearer(&token(number)).await;
            answer.assert_rejected(status, kind);
            clock.advance(SECOND);
        }
        assert_eq!(stub.calls(), 20, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_not_in_a_row_do_not_open_the_breaker() {
    for (name, good, ..) in harmless_replies() {
        if name == "429" {
            continue;
        }
        let stub = Stub::new(move |_, number| match number % 5 {
            0 => good.clone(),
            _ => Reply::status(500),
        });
        let app = stub.app(&ManualClock::new());
        for number in 0..50 {
            app.bearer(&token(number)).await;
        }
        assert_eq!(stub.calls(), 50, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_lets_one_probe_through_each_second() {
    // E5
    let stub = Stub::always(Reply::status(500));
    let clock = ManualClock::new();
    let app = stub.app(&clock);
    let mut calls = open(&app, &stub).await;
    let tokens: Vec<_> = (100..110).map(token).collect();
    // Failures and a probe that is given up leave it open.
    for reply in [
        Reply::status(500),
        Reply::status(503),
        Reply::Broken,
        Reply::status(408),
        Reply::Silence,
    ] {
        stub.reply(reply);
        clock.advance(SECOND - MILLISECOND);
        app.bearer("oat_early").await;
        assert_eq!(stub.calls(), calls);
        clock.advance(MILLISECOND);
        for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
            assert_eq!(answer.status(), 503);
        }
        calls += 1;
        assert_eq!(stub.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_closes_the_breaker() {
    let inactive = Reply::Json(200, r#"{"active":false}"#.to_owned());
    for probe in [Reply::Good, inactive, Reply::status(401)] {
        let stub = Stub::always(Reply::status(500));
        let clock = ManualClock::new();
        let app = stub.app(&clock);
        let calls = open(&app, &stub).await;
        clock.advance(SECOND);
        stub.reply(probe);
        app.bearer("oat_probe").await;
        stub.reply(Reply::Good);
        for number in 100..110 {
            app.bearer(&token(number)).await.assert_accepted();
        }
        assert_eq!(stub.calls(), calls + 11);
        // It has forgotten what was: ten failures open it again, and not fewer.
        stub.reply(Reply::status(500));
        app.layer.authenticator().invalidate(Tokens::all());
        open(&app, &stub).await;
        assert_eq!(stub.calls(), calls + 11 + 10);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_probe_is_under_way_others_are_rejected_at_once() {
    let stub = Stub::always(Reply::status(500));
    let clock = ManualClock::new();
    let app = stub.app(&clock);
    let calls = open(&app, &stub).await;
    clock.advance(SECOND);
    stub.reply(Reply::Gate);
    let probe = app.bearer("oat_probe");
    let others = async {
        sleep(MILLISECOND).await;
        let start = Instant::now();
        for number in 100..110 {
            app.bearer(&token(number))
                .await
                .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        }
        assert!(start.elapsed() <= MILLISECOND);
        assert_eq!(stub.calls(), calls + 1);
        stub.open();
    };
    let (answer, ()) = tokio::join!(probe, others);
    answer.assert_accepted();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_its_deadline_ends_is_followed_by_another() {
    // The deadline of the whole ends it, not that of the attempt.
    let stub = Stub::always(Reply::status(500));
    let clock = ManualClock::new();
    let app = App::new(stub.config(&clock).attempt_timeout(2 * SECOND));
    let calls = open(&app, &stub).await;
    for probes in 1..=2 {
        clock.advance(SECOND);
        stub.reply(Reply::Silence);
        app.bearer("oat_probe")
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        assert_eq!(stub.calls(), calls + probes);
    }
    clock.advance(SECOND);
    stub.reply(Reply::Good);
    app.bearer("oat_probe").await.assert_accepted();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_userinfo_is_none_of_introspection() {
    for (name, reply, ..) in outages() {
        let stub = Stub::new(move |path, _| match path {
            "/oauth/userinfo" => reply.clone(),
            _ => Reply::Good,
        });
        let clock = ManualClock::new();
        let app =
            App::new(stub.config_with(&clock, Stub::oauth().userinfo(Enrichment::BestEffort)));
        for number in 0..20 {
            let answer = app.bearer(&token(number)).await;
            answer.assert_accepted();
            assert!(answer.claims().profile().is_none());
        }
        assert_eq!((stub.calls(), stub.userinfo_calls()), (20, 10), "{name}");
        // Half open, it is asked once.
        clock.advance(SECOND);
        for number in 100..110 {
            app.bearer(&token(number)).await.assert_accepted();
        }
        assert_eq!((stub.calls(), stub.userinfo_calls()), (30, 11), "{name}");
    }
}
