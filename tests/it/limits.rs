//! How much Clerk is asked: at a time, in ten seconds, and after it said that it is too much. Without a
//! network, and with tokio's clock standing still.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::{
    ops::Range,
    time::{Duration, UNIX_EPOCH},
};

use futures_util::future::join_all;
use http::{HeaderValue, Request};
use tokio::time::{Instant, sleep};
use tower_clerk::{AuthErrorKind, ClerkAuthLayer, Tokens, kinds::Enrichment, testing::ManualClock};

use crate::{
    stub::{Reply, Stub, token},
    support::{Answer, App},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn tokens_never_seen_have_their_share_of_64_calls_and_1024_waiters_and_the_rest_is_shed_at_once()
 {
    // E7, fault B5: 65 % each, the rest is for tokens in use and for documents.
    let stub = Stub::always(Reply::Gate);
    let app = stub.app(&ManualClock::new());
    let start = Instant::now();
    let requests: Vec<_> = (0..1_200)
        .map(|number| {
            let app = app.clone();
            tokio::spawn(async move { (app.bearer(&token(number)).await, start.elapsed()) })
        })
        .collect();
    // It ends when all of them have come to rest.
    sleep(MILLISECOND).await;
    assert_eq!((stub.calls(), stub.waiting()), (41, 41));
    let is_over = |request: &tokio::task::JoinHandle<(Answer, Duration)>| request.is_finished();
    assert_eq!(
        requests.iter().filter(|request| is_over(request)).count(),
        494
    );
    stub.open();
    let mut shed = 0;
    for request in requests {
        let (answer, waited) = request.await.unwrap();
        if answer.status() == 200 {
            continue;
        }
        shed += 1;
        answer.assert_rejected(503, AuthErrorKind::Overloaded);
        assert!(answer.header("retry-after").is_some());
        assert!(waited <= 5 * MILLISECOND, "{waited:?}");
    }
    assert_eq!(shed, 494);
    assert_eq!((stub.calls(), stub.peak()), (41 + 665, 41));
    // There is room again.
    app.bearer("oat_later").await.assert_accepted();
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_behind_a_black_hole_is_rejected_at_the_deadline() {
    // C085, E7
    let stub = Stub::always(Reply::Silence);
    let app = App::new(stub.config(&ManualClock::new()).attempt_timeout(2 * SECOND));
    let tokens: Vec<_> = (0..700).map(token).collect();
    let start = Instant::now();
    let requests = tokens.iter().map(|token| async {
        let answer = app.bearer(token).await;
        (answer, start.elapsed())
    });
    for (answer, waited) in join_all(requests).await {
        answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        assert!(waited <= 2 * SECOND + 50 * MILLISECOND, "{waited:?}");
    }
    assert_eq!(stub.peak(), 41);
    assert_eq!(stub.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_leaves_the_breaker_closed_and_hits_unaffected() {
    let stub = Stub::always(Reply::Good);
    let app = stub.app(&ManualClock::new());
    app.bearer("oat_warm").await.assert_accepted();
    stub.reply(Reply::Gate);
    let tokens: Vec<_> = (0..1_200).map(token).collect();
    let crowd = join_all(tokens.iter().map(|token| app.bearer(token)));
    let others = async {
        sleep(MILLISECOND).await;
        app.bearer("oat_warm").await.assert_accepted();
        app.bearer("oat_new")
            .await
            .assert_rejected(503, AuthErrorKind::Overloaded);
        stub.open();
    };
    let (answers, ()) = tokio::join!(crowd, others);
    let accepted = answers.iter().filter(|answer| answer.status() == 200);
    assert_eq!(accepted.count(), 41 + 665);
    app.bearer("oat_new").await.assert_accepted();
}

/// The date of so many seconds from now, by the clock of the test.
fn date(clock: &ManualClock, seconds: u64) -> String {
    httpdate::fmt_http_date(
        UNIX_EPOCH + Duration::from_secs(crate::support::unix_seconds(clock.now()) + seconds),
    )
}

#[tokio::test(start_paused = true)]
async fn after_a_429_clerk_is_left_alone_as_long_as_it_says_and_hits_are_unaffected() {
    // C094
    let clock = ManualClock::new();
    let past = httpdate::fmt_http_date(UNIX_EPOCH);
    for (name, asked, pause) in [
        ("seconds", Some("7".to_owned()), 7),
        ("a date", Some(date(&clock, 20)), 20),
        ("the longest", Some("60".to_owned()), 60),
        ("too long", Some("1000000000".to_owned()), 60),
        ("beyond all numbers", Some("9".repeat(30)), 60),
        ("a date too far", Some(date(&clock, 86_400)), 60),
        // A second in these cases: nothing useful was said.
        ("nothing", None, 1),
        ("negative", Some("-7".to_owned()), 1),
        ("garbage", Some("soon".to_owned()), 1),
        ("a fraction", Some("7.5".to_owned()), 1),
        // And no pause at all in these.
        ("zero", Some("0".to_owned()), 0),
        ("a date gone by", Some(past), 0),
    ] {
        let clock = ManualClock::at(crate::support::unix(crate::support::unix_seconds(
            clock.now(),
        )));
        let stub = Stub::always(Reply::Good);
        let app = App::new(stub.config(&clock).cache_ttl(Duration::from_secs(300)));
        app.bearer("oat_warm").await.assert_accepted();
        stub.reply(Reply::Slower(asked));
        app.bearer("oat_1")
            .await
            .assert_rejected(503, AuthErrorKind::RateLimited);
        stub.reply(Reply::Good);
        assert_eq!(stub.calls(), 2, "{name}");
        if pause > 0 {
            clock.advance(pause * SECOND - MILLISECOND);
            for token in ["oat_1", "oat_2"] {
                let answer = app.bearer(token).await;
                answer.assert_rejected(503, AuthErrorKind::RateLimited);
                assert_eq!(answer.header("retry-after"), Some("1"), "{name}");
            }
            app.bearer("oat_warm").await.assert_accepted();
            assert_eq!(stub.calls(), 2, "{name}");
            clock.advance(MILLISECOND);
        }
        app.bearer("oat_1").await.assert_accepted();
        assert_eq!(stub.calls(), 3, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_of_userinfo_is_none_of_introspection_and_the_other_way_round() {
    // C094
    let stub = Stub::new(|path, _| match path {
        "/oauth/userinfo" => Reply::Slower(Some("30".to_owned())),
        _ => Reply::Good,
    });
    let clock = ManualClock::new();
    let app = App::new(stub.config_with(&clock, Stub::oauth().userinfo(Enrichment::BestEffort)));
    for number in 0..10 {
        app.bearer(&token(number)).await.assert_accepted();
    }
    assert_eq!((stub.calls(), stub.userinfo_calls()), (10, 1));
    clock.advance(30 * SECOND);
    stub.reply(Reply::Good);
    let answer = app.bearer("oat_new").await;
    answer.assert_accepted();
    assert!(answer.claims().profile().is_some());
}

/// How many of a crowd of unknown tokens Clerk is asked about; the others are rejected for the rate.
async fn flood(app: &App, stub: &Stub, crowd: Range<usize>) -> usize {
    let before = stub.calls();
    let mut accepted = 0;
    for number in crowd {
        let answer = app.bearer(&token(number)).await;
        if answer.status() == 200 {
            accepted += 1;
        } else {
            answer.assert_rejected(503, AuthErrorKind::RateLimited);
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=10).contains(&seconds), "{seconds}");
        }
    }
    assert_eq!(stub.calls() - before, accepted);
    accepted
}

#[tokio::test(start_paused = true)]
async fn tokens_never_seen_have_two_thirds_of_the_documented_rate() {
    // The key holds the host of a development instance.
    let key = "pk_test_dmVyYi1ub3VuLTAwLmNsZXJrLmFjY291bnRzLmRldiQ=";
    for (domain, expected) in [
        ("verb-noun-00.clerk.accounts.dev", 65),
        ("VERB-noun-00.CLERK.accounts.dev", 65),
        ("https://verb-noun-00.clerk.accounts.dev:8443", 65),
        (key, 65),
        ("clerk.example.com", 650),
        ("clerk.accounts.dev.example.com", 650),
        ("verb-noun-00.notclerk-accounts.dev", 650),
    ] {
        let stub = Stub::always(Reply::Good);
        let clock = ManualClock::new();
        let app = App::new(stub.config_of(domain, &clock));
        assert_eq!(
            flood(&app, &stub, 0..expected + 50).await,
            expected,
            "{domain}"
        );
        // fault B9: no window of ten seconds has more.
        clock.advance(10 * SECOND - MILLISECOND);
        assert_eq!(flood(&app, &stub, 10_000..10_200).await, 0, "{domain}");
        clock.advance(MILLISECOND);
        let crowd = 20_000..20_000 + expected + 50;
        assert_eq!(flood(&app, &stub, crowd).await, expected, "{domain}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_can_be_set_and_turned_off() {
    for (rate, expected) in [(10, 6), (40, 26), (600, 390), (0, 500)] {
        let stub = Stub::always(Reply::Good);
        let config = stub.config_of("clerk.example.com", &ManualClock::new());
        let app = App::new(config.rate_limit(rate));
        assert_eq!(flood(&app, &stub, 0..500).await, expected, "{rate}");
    }
    // Beyond the default, too.
    let stub = Stub::always(Reply::Good);
    let app = stub.app(&ManualClock::new());
    assert_eq!(flood(&app, &stub, 0..1_500).await, 1_500);
}

#[tokio::test(start_paused = true)]
async fn userinfo_counts_towards_the_rate() {
    let stub = Stub::always(Reply::Good);
    let oauth = Stub::oauth().userinfo(Enrichment::BestEffort);
    let config = stub.config_with(&ManualClock::new(), oauth).rate_limit(40);
    let app = App::new(config);
    // fault B11: half of the rate is for both; beyond it, verifications come first.
    assert_eq!(flood(&app, &stub, 0..50).await, 24);
    assert_eq!(stub.userinfo_calls(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_tokens_never_costs_a_known_one_its_refresh() {
    let stub = Stub::always(Reply::Good);
    let clock = ManualClock::new();
    let app = App::new(stub.config_of("verb-noun-00.clerk.accounts.dev", &clock));
    let known: Vec<_> = (0..20)
        .map(|number| format!("oat_known_{number}"))
        .collect();
    for token in &known {
        app.bearer(token).await.assert_accepted();
    }
    for round in 1..=3 {
        // In the last fifth of the entries' lives, whatever their jitter.
        clock.advance(Duration::from_millis(25_500));
        assert_eq!(
            flood(&app, &stub, round * 2_000..round * 2_000 + 150).await,
            65
        );
        let before = stub.calls();
        for token in &known {
            app.bearer(token).await.assert_accepted();
        }
        sleep(MILLISECOND).await;
        assert_eq!(stub.calls() - before, 20, "round {round}");
        assert_eq!(
            app.layer.authenticator().stats().refreshes,
            20 * u64::try_from(round).unwrap()
        );
        // The reserve is not for the flood.
        assert_eq!(
            flood(&app, &stub, round * 2_000 + 500..round * 2_000 + 600).await,
            0
        );
    }
}

#[tokio::test]
async fn ten_thousand_headers_are_looked_at_once() {
    // C026
    let stub = Stub::always(Reply::Good);
    let app = stub.app(&ManualClock::new());
    let request = |name: &'static str, value: &'static str| {
        let mut request = Request::new(());
        for number in 0..10_000 {
            let other: http::HeaderName = format!("x-{number}").parse().unwrap();
            let name = if name.is_empty() {
                other
            } else {
                name.parse().unwrap()
            };
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(name, value);
        }
        request
    };
    for _ in 0..2 {
        let mut good = request("", "Bearer oat_2");
        let credentials = HeaderValue::from_static("Bearer oat_1");
        good.headers_mut().append("authorization", credentials);
        app.request(good).await.assert_accepted();
        app.request(request("", "Bearer oat_2"))
            .await
            .assert_rejected(401, AuthErrorKind::MissingCredentials);
        app.request(request("authorization", "Bearer oat_1"))
            .await
            .assert_rejected(400, AuthErrorKind::MultipleCredentials);
    }
    assert_eq!(stub.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_invalidations_leaves_the_tokens_of_others() {
    // fault B10
    type Invalidate = fn(&ClerkAuthLayer, usize);
    let ways: [(&str, Invalidate); 2] = [
        ("tokens", |layer, number| {
            layer
                .authenticator()
                .invalidate(Tokens::one(&format!("oat_unknown_{number}")));
        }),
        ("subjects", |layer, number| {
            layer
                .authenticator()
                .invalidate(Tokens::of_subject(&format!("user_unknown_{number}")));
        }),
    ];
    for (name, invalidate) in ways {
        let stub = Stub::always(Reply::Good);
        let app = stub.app(&ManualClock::new());
        for number in 0..2_000 {
            app.bearer(&token(number)).await.assert_accepted();
        }
        for number in 0..10_001 {
            invalidate(&app.layer, number);
        }
        for number in 0..2_000 {
            app.bearer(&token(number)).await.assert_accepted();
        }
        assert_eq!(stub.calls(), 2_000, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_tokens_never_seen_keeps_out_no_token_that_was_good() {
    // fault B3: each user comes every 40 s, when the entry is over.
    const USERS: u64 = 40;
    const ROUNDS: u64 = 4;
    for (domain, runs) in [
        ("clerk.example.com", &[(120, 30), (1_000, 30)][..]),
        // Without a cache, too.
        (
            "verb-noun-00.clerk.accounts.dev",
            &[(12, 30), (100, 30), (100, 0)],
        ),
    ] {
        for &(rate, ttl) in runs {
            let clock = ManualClock::new();
            let stub = Stub::always(Reply::OwnUsers);
            let config = stub.config_of(domain, &clock);
            let app = App::new(config.cache_ttl(ttl * SECOND));
            let user = |number: u64| format!("oat_good_{number:03}");
            for number in 0..USERS {
                app.bearer(&user(number)).await.assert_accepted();
            }
            let step = SECOND / rate;
            let mut accepted = 0;
            for second in 0..USERS * ROUNDS {
                for call in 0..u64::from(rate) {
                    clock.advance(step);
                    sleep(step).await;
                    let kind = app
                        .bearer(&format!("oat_random_{second}_{call}"))
                        .await
                        .kind();
                    assert!(matches!(
                        kind,
                        Some(AuthErrorKind::Inactive | AuthErrorKind::RateLimited)
                    ));
                }
                let answer = app.bearer(&user(second % USERS)).await;
                accepted += u64::from(answer.status() == 200);
            }
            assert_eq!(accepted, USERS * ROUNDS, "{domain}, {rate} a second, {ttl}");
        }
    }
}
