//! Places in flight, the rate limit, and pauses that Clerk asks for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkConfig,
    kinds::OAuthTokens,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::script::{At, JSON, MILLISECOND, Reply, SECOND, Scripted};
use crate::support::App;

#[tokio::test(start_paused = true)]
async fn flood_while_clerk_is_slow_costs_tokens_in_use_nothing() {
    // fault B5
    for (latency, rate_limit) in [(400, 0), (800, 1_000)] {
        let scripted = Scripted::new(|_, about| {
            let is_unknown = about.starts_with("oat_flood");
            is_unknown.then(|| Reply::new(200, JSON, r#"{"active":false}"#))
        })
        .latency(latency * MILLISECOND);
        let app = App::new(scripted.config().rate_limit(rate_limit));
        let ask = |token: String| {
            let app = app.clone();
            tokio::spawn(async move { app.bearer(&token).await.status() })
        };
        let known = || (0..20).map(|number| ask(format!("oat_{number}")));
        for status in join_all(known()).await {
            assert_eq!(status.unwrap(), 200);
        }
        scripted.pass(25 * SECOND).await;
        // 3,000 a second, until all entries have ended. Each of the others comes once a second.
        let mut requests = Vec::new();
        for tick in 0..800 {
            for number in 0..30 {
                ask(format!("oat_flood{tick}_{number}"));
            }
            if tick % 100 == 0 {
                requests.extend(known());
            }
            scripted.pass(10 * MILLISECOND).await;
        }
        requests.extend(known());
        for status in join_all(requests).await {
            assert_eq!(status.unwrap(), 200, "{latency} ms, limit {rate_limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_window_of_ten_seconds_has_more_calls_than_the_limit() {
    // fault B9: through the whole layer, with tokens that come faster than they may.
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let scripted = {
        let times = Arc::clone(&times);
        let start = tokio::time::Instant::now();
        Scripted::new(move |_, _| {
            times.lock().unwrap().push(start.elapsed());
            None
        })
    };
    let app = App::new(scripted.config().rate_limit(100));
    for number in 0..3_000 {
        app.bearer(&format!("oat_{number}")).await;
        scripted.pass(17 * MILLISECOND).await;
    }
    let times = times.lock().unwrap();
    let most = (0..times.len())
        .map(|first| {
            let end = times[first] + 10 * SECOND;
            times[first..]
                .iter()
                .take_while(|time| **time < end)
                .count()
        })
        .max()
        .unwrap();
    // All that tokens never seen may use, and no call more.
    assert_eq!(most, 65);
    assert!(
        times.len() > 5 * 65,
        "the whole rate is used: {}",
        times.len()
    );
}

#[tokio::test(start_paused = true)]
async fn pause_that_clerk_asks_for_ends_as_soon_as_a_token_in_use_is_verified() {
    // fault B9
    for seconds in [2_u64, 20, 60, 3_600] {
        let scripted = Scripted::new(|_, _| None);
        let app = App::new(scripted.config().rate_limit(1_000));
        let known: Vec<_> = (0..20).map(|number| format!("oat_{number}")).collect();
        for token in &known {
            app.bearer(token).await.assert_accepted();
        }
        scripted.pass(20 * SECOND).await;
        scripted.script(move |_, _| {
            Some(Reply::new(429, JSON, "{}").header("retry-after", &seconds.to_string()))
        });
        app.bearer("oat_new")
            .await
            .assert_rejected(503, AuthErrorKind::RateLimited);
        scripted.script(|_, _| None);
        app.bearer("oat_new")
            .await
            .assert_rejected(503, AuthErrorKind::RateLimited);
        for second in 0..40 {
            scripted.pass(SECOND).await;
            for token in &known {
                assert_eq!(
                    app.bearer(token).await.status(),
                    200,
                    "{seconds}, {token}, {second}"
                );
            }
        }
        // And for all others.
        app.bearer("oat_new").await.assert_accepted();
    }
}

/// Asks for a long time.
struct Patient(Duration);

impl Verify for Patient {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let error = AuthError::new(AuthErrorKind::UpstreamUnavailable);
        Box::pin(async move { Err(error.with_retry_after(self.0)) })
    }
}

#[tokio::test]
async fn delay_from_outside_is_clamped() {
    // fault D2
    for (delay, expected) in [
        (Duration::ZERO, "0"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(60), "60"),
        (Duration::from_millis(60_001), "60"),
        (Duration::from_secs(u64::MAX), "60"),
        (Duration::MAX, "60"),
    ] {
        let oauth = OAuthTokens::verified_by(Patient(delay)).allow_clients(["me"]);
        let app = App::new(ClerkConfig::builder("clerk.example.com").accept(oauth));
        for _ in 0..2 {
            let answer = app.bearer("oat_1").await;
            answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
            assert_eq!(answer.header("retry-after"), Some(expected), "{delay:?}");
            assert_eq!(app.grpc("oat_1").await.kind(), answer.kind());
        }
    }
    let scripted = Scripted::new(|_, _| {
        Some(Reply::new(503, JSON, "{}").header("retry-after", &"9".repeat(40)))
    });
    let answer = App::new(scripted.config()).bearer("oat_1").await;
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(scripted.calls(At::TokenInfo), 2);
}
