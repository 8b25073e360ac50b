//! What can be counted.

use std::{future::Future, time::Duration};

use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault},
    kinds::Enrichment,
    testing::ManualClock,
};

use crate::{
    audiences::warnings,
    redaction::Log,
    stub::{self, Reply, Stub},
    support::{Answer, App, World},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn stats_count_what_happened() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await;
    app.bearer(&token).await;
    app.bearer("oat_bad").await;
    app.bearer("oat_bad").await;
    app.bearer("garbage").await;
    app.send(&[]).await;
    let stats = app.layer.authenticator().stats();
    assert_eq!(stats.hits, 1);
    assert_eq!(stats.negative_hits, 1);
    assert_eq!(stats.misses, 2);
    assert_eq!(stats.rejected, 4);
    assert_eq!((stats.entries, stats.negative_entries), (1, 1));
    assert_eq!(stats.in_flight, 0);
}

#[tokio::test]
async fn rejections_are_debug_trouble_is_warn_and_wrong_credentials_are_an_error() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    for (fault, expected) in [
        (None, "DEBUG"),
        (Some(Fault::status(500)), "WARN"),
        (Some(Fault::malformed()), "WARN"),
        (Some(Fault::status(401)), "ERROR"),
    ] {
        if let Some(fault) = fault {
            world.clerk.fail(Endpoint::Introspection, fault);
        }
        let log = Log::default();
        let guard = log.subscribe();
        app.bearer(if expected == "DEBUG" {
            "garbage"
        } else {
            &token
        })
        .await;
        drop(guard);
        world.clerk.heal_all();
        // What a token provokes is remembered for it (fault B1).
        world.clock.advance(std::time::Duration::from_secs(5));
        let log = log.text();
        let ours: Vec<_> = log
            .lines()
            .filter(|line| line.contains(" tower_clerk::"))
            .collect();
        let loudest = ["ERROR", "WARN", "INFO", "DEBUG"]
            .into_iter()
            .find(|level| ours.iter().any(|line| line.contains(level)));
        assert_eq!(loudest, Some(expected), "{ours:#?}");
    }
}

/// What the events of one request say, with the level before and the message at the end.
async fn events(request: impl Future<Output = Answer>) -> Vec<String> {
    let log = Log::default();
    let guard = log.subscribe();
    request.await;
    drop(guard);
    let text = log.text();
    text.lines()
        .filter_map(|line| {
            let (head, event) = line.split_once(" tower_clerk::observe::events: ")?;
            let level = head.split_whitespace().last()?;
            let event = event
                .split(' ')
                .filter(|word| !word.starts_with("upstream.elapsed_ms="));
            Some(format!("{level} {}", event.collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

#[tokio::test]
async fn a_request_is_told_with_the_promised_fields() {
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().userinfo(Enrichment::Off)));
    let token = world.clerk.token("user_1").issue();
    let jwt = world.clerk.token("user_1").jwt().client_id("x").issue();
    let answered = "DEBUG Clerk responded upstream.endpoint=\"introspection\" upstream.status=200";
    struct Case<'a> {
        name: &'static str,
        token: &'a str,
        expected: &'a [&'a str],
    }
    for Case {
        name,
        token,
        expected,
    } in [
        Case {
            name: "a miss",
            token: &token,
            expected: &[
                answered,
                "DEBUG token verified auth.outcome=\"ok\" auth.token_kind=\"oauth_token\"",
                "DEBUG request accepted auth.outcome=\"ok\" auth.token_kind=\"oauth_token\" \
                 cache.state=\"miss\"",
            ],
        },
        Case {
            name: "a hit",
            token: &token,
            expected: &["TRACE request accepted auth.outcome=\"ok\" cache.state=\"hit\""],
        },
        Case {
            name: "a miss of a bad one",
            token: &jwt,
            expected: &[
                answered,
                "DEBUG token verification failed auth.outcome=\"bad_client\" auth.kind=WrongClient \
                 auth.token_kind=\"oauth_token\"",
                "DEBUG request rejected auth.outcome=\"bad_client\" auth.kind=WrongClient \
                 auth.token_kind=\"oauth_token\" cache.state=\"miss\"",
            ],
        },
        Case {
            name: "a hit of a bad one",
            token: &jwt,
            expected: &[
                "DEBUG request rejected auth.outcome=\"bad_client\" auth.kind=WrongClient \
                 auth.token_kind=\"oauth_token\" cache.state=\"negative\"",
            ],
        },
        Case {
            name: "nobody is asked",
            token: "garbage",
            expected: &[
                "DEBUG request rejected auth.outcome=\"inactive\" auth.kind=UnsupportedToken auth.token_kind=\"unprefixed\"",
            ],
        },
    ] {
        assert_eq!(events(app.bearer(token)).await, expected, "{name}");
    }
    let missing = events(app.send(&[])).await;
    let expected = "DEBUG request rejected auth.outcome=\"missing\" auth.kind=MissingCredentials";
    assert_eq!(missing, [expected]);
    let optional = App::of(app.layer.clone().optional());
    let anonymous = events(optional.send(&[])).await;
    let expected = "DEBUG request accepted without credentials auth.outcome=\"anonymous\"";
    assert_eq!(anonymous, [expected]);
}

#[tokio::test]
async fn requests_that_share_a_verification_or_bridge_an_outage_say_so() {
    let clock = ManualClock::new();
    let stub = Stub::always(Reply::Gate);
    let app = App::new(stub.config(&clock).stale_if_error(100 * SECOND));
    let token = stub::token(1);
    let told = events(async {
        let look = async {
            while stub.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            stub.open();
        };
        let (first, second, ()) = futures_util::join!(app.bearer(&token), app.bearer(&token), look);
        second.assert_accepted();
        first
    })
    .await;
    let states = |state: &str| {
        let state = format!("cache.state=\"{state}\"");
        told.iter().filter(|event| event.contains(&state)).count()
    };
    assert_eq!((states("miss"), states("coalesced")), (1, 1), "{told:#?}");

    stub.reply(Reply::status(500));
    clock.advance(31 * SECOND);
    let told = events(app.bearer(&token)).await;
    let expected = "DEBUG request accepted auth.outcome=\"stale_ok\" \
                    auth.token_kind=\"oauth_token\" cache.state=\"stale\"";
    assert_eq!(told.last().unwrap(), expected);
    let told = events(app.bearer(&token)).await;
    let expected = "DEBUG request accepted auth.outcome=\"stale_ok\" cache.state=\"stale\"";
    assert_eq!(told, [expected]);
}

#[tokio::test]
async fn calls_to_clerk_are_told_with_endpoint_status_and_time() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    world.clerk.fail(Endpoint::Userinfo, Fault::status(502));
    let log = Log::default();
    let guard = log.subscribe();
    app.bearer(&token).await.assert_accepted();
    drop(guard);
    let text = log.text();
    let line = |endpoint: &str| {
        let endpoint = format!("upstream.endpoint=\"{endpoint}\"");
        text.lines().find(|line| line.contains(&endpoint)).unwrap()
    };
    for (line, level, status) in [
        (line("introspection"), "DEBUG", 200),
        (line("userinfo"), "WARN", 502),
    ] {
        assert!(line.contains(level), "{line}");
        assert!(
            line.contains(&format!("upstream.status={status}")),
            "{line}"
        );
        let (_, elapsed) = line.split_once("upstream.elapsed_ms=").unwrap();
        assert!(elapsed.trim().parse::<u64>().unwrap() < 5_000, "{line}");
    }
}

#[tokio::test]
async fn log_line_of_an_unexpected_status_has_the_status() {
    // fault E12
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().userinfo(Enrichment::Off)));
    for status in [302, 404, 422] {
        let fault = Fault::status(status).times(1);
        world.clerk.fail(Endpoint::Introspection, fault);
        let token = world.clerk.token("user_1").issue();
        let lines = events(app.bearer(&token)).await;
        let warning = format!(
            "WARN invalid response from Clerk auth.outcome=\"unavailable\" \
             auth.kind=InvalidUpstreamResponse auth.token_kind=\"oauth_token\" \
             upstream.status={status} cause=unexpected status {status}"
        );
        assert!(lines.contains(&warning), "{lines:#?}");
    }

    // Another violation has a cause, but not a status.
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::malformed());
    let lines = events(app.bearer(&world.clerk.token("user_1").issue())).await;
    let is_warning = |line: &&String| line.starts_with("WARN invalid response from Clerk");
    let warning = lines.iter().find(is_warning).expect("it is logged");
    assert!(!warning.contains("upstream.status"), "{warning}");
    assert!(warning.contains("cause="), "{warning}");
}

#[tokio::test]
async fn a_breaker_that_changes_says_so_and_calls_that_are_not_made_do() {
    let clock = ManualClock::new();
    let stub = Stub::always(Reply::status(500));
    let app = stub.app(&clock);
    for number in 0..9 {
        let told = events(app.bearer(&stub::token(number))).await;
        let is_of_breaker = |event: &String| event.contains("breaker.state");
        assert!(!told.iter().any(is_of_breaker), "{told:#?}");
    }
    let of_breaker = async |number| {
        let mut told = events(app.bearer(&stub::token(number))).await;
        told.retain(|event| event.contains("breaker.state"));
        told
    };
    let endpoint = "upstream.endpoint=\"introspection\"";
    let opened = format!(
        "WARN circuit breaker opened after 10 consecutive failures {endpoint} breaker.state=\"open\""
    );
    let opened_again = format!(
        "WARN circuit breaker opened again: the probe request did not succeed {endpoint} \
         breaker.state=\"open\""
    );
    assert_eq!(of_breaker(9).await, [&*opened]);
    let not_called = format!(
        "DEBUG request to Clerk not sent {endpoint} breaker.state=\"open\" cause=\"the circuit breaker \
         is open\""
    );
    assert_eq!(of_breaker(10).await, [&*not_called]);
    let tried = format!(
        "DEBUG circuit breaker half open: the next request to Clerk is a probe {endpoint} \
         breaker.state=\"half_open\""
    );
    clock.advance(SECOND);
    assert_eq!(of_breaker(11).await, [&*tried, &*opened_again]);
    clock.advance(SECOND);
    stub.reply(Reply::Good);
    let closed = format!(
        "WARN circuit breaker closed: the probe request succeeded {endpoint} breaker.state=\"closed\""
    );
    assert_eq!(of_breaker(12).await, [&*tried, &*closed]);
}

#[tokio::test]
async fn a_kind_that_is_not_accepted_is_warned_of_once_with_the_option_to_set() {
    // fault H5
    let world = World::new();
    let app = world.app();
    let session = || world.clerk.session("user_1").issue();
    let log = Log::default();
    let guard = log.subscribe();
    for token in [
        session(),
        session(),
        world.clerk.api_key("user_1").issue(),
        "ak_other".to_owned(),
        "mt_any".to_owned(),
        "unprefixed".to_owned(),
    ] {
        let answer = app.bearer(&token).await;
        answer.assert_rejected(401, AuthErrorKind::UnsupportedToken);
    }
    drop(guard);
    let warned = warnings(&log);
    let expected = [
        (
            "session_token",
            "`.accept(SessionTokens::new())`",
            "`session` to CLERK_ACCEPT",
        ),
        (
            "api_key",
            "`.accept(ApiKeys::new())`",
            "`api_key` to CLERK_ACCEPT",
        ),
        (
            "m2m_token",
            "`.accept(MachineTokens::",
            "`machine` to CLERK_ACCEPT",
        ),
    ];
    assert_eq!(warned.len(), expected.len(), "{warned:#?}");
    for (line, (kind, option, variable)) in warned.iter().zip(expected) {
        for part in [&*format!("auth.token_kind=\"{kind}\""), option, variable] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let text = log.text();
    let rejected = text
        .lines()
        .filter(|line| line.contains("request rejected"));
    let mut kinds = rejected.map(|line| line.contains("auth.token_kind="));
    assert!(kinds.all(|has_kind| has_kind), "{text}");
    assert_eq!(world.clerk.total_calls(), 0);
}
