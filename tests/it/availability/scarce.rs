//! Profiles, and what becomes of them if calls are scarce.

use futures_util::future::join_all;
use tower_clerk::{AuthErrorKind, kinds::Enrichment};

use super::script::{At, HTML, JSON, MILLISECOND, Reply, SECOND, Scripted};
use crate::support::App;

fn finals() -> Vec<(&'static str, Reply)> {
    let oauth = r#"{"error":"invalid_token"}"#;
    let clerk = r#"{"errors":[{"code":"oauth_fetch_user_error","message":"no"}]}"#;
    let challenge = r#"Bearer error="invalid_token""#;
    vec![
        ("401 of OAuth", Reply::new(401, JSON, oauth)),
        ("403 of OAuth", Reply::new(403, JSON, oauth)),
        ("401 of Clerk", Reply::new(401, JSON, clerk)),
        ("403 of Clerk", Reply::new(403, JSON, clerk)),
        (
            "401 with a challenge",
            Reply::new(401, "", "").header("www-authenticate", challenge),
        ),
        (
            "another subject",
            Reply::new(200, JSON, r#"{"sub":"user_other"}"#),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn token_whose_profile_is_withheld_for_good_costs_no_more_calls_than_others() {
    // fault B4
    for (name, reply) in finals() {
        let scripted = Scripted::new(move |at, _| (at == At::Userinfo).then(|| reply.clone()));
        let app = App::new(scripted.config_with(Enrichment::BestEffort));
        for _ in 0..60 {
            let answer = app.bearer("oat_1").await;
            answer.assert_accepted();
            assert!(answer.claims().profile().is_none(), "{name}");
            scripted.pass(SECOND).await;
        }
        let calls = scripted.calls(At::TokenInfo) + scripted.calls(At::Userinfo);
        assert!(calls <= 6, "{name}: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_tokens_in_use_are_accepted_though_their_profiles_are_withheld() {
    // fault B4
    for (name, reply) in finals() {
        let scripted = Scripted::new(move |at, _| (at == At::Userinfo).then(|| reply.clone()))
            .latency(20 * MILLISECOND);
        let config = scripted.config_with(Enrichment::BestEffort);
        let app = App::new(config.rate_limit(1_000));
        let tokens: Vec<_> = (0..600).map(|number| format!("oat_{number}")).collect();
        for second in 0..90 {
            // Each of them every six seconds.
            let now = tokens.iter().skip(second % 6).step_by(6);
            for answer in join_all(now.map(|token| app.bearer(token))).await {
                assert_eq!(answer.status(), 200, "{name}, second {second}, {answer:?}");
            }
            scripted.pass(SECOND).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn final_no_rejects_a_token_whose_profile_is_required() {
    // fault B4
    for (name, reply) in finals() {
        for layer in 1..=2 {
            let reply = reply.clone();
            let scripted = Scripted::new(move |at, _| (at == At::Userinfo).then(|| reply.clone()));
            let app = App::new(scripted.required());
            for _ in 0..2 {
                app.bearer("oat_1")
                    .await
                    .assert_rejected(401, AuthErrorKind::Inactive);
            }
            assert_eq!(app.inner_calls(), 0, "{name}");
            assert_eq!(
                scripted.calls(At::TokenInfo),
                1,
                "{name}, layer {layer}: remembered"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn page_of_a_firewall_in_place_of_a_profile_is_an_outage() {
    // fault B4
    for reply in [
        Reply::new(401, HTML, "<h1>no</h1>"),
        Reply::new(403, HTML, "<h1>no</h1>"),
        Reply::new(403, JSON, "{}"),
    ] {
        let scripted = Scripted::new(move |at, _| (at == At::Userinfo).then(|| reply.clone()));
        let app = App::new(scripted.config_with(Enrichment::BestEffort));
        app.bearer("oat_1").await.assert_accepted();
        let required = App::new(scripted.required());
        required
            .bearer("oat_1")
            .await
            .assert_rejected(503, AuthErrorKind::ProfileUnavailable);
        // It is tried again soon.
        scripted.script(|_, _| None);
        scripted.pass(5 * SECOND).await;
        assert!(app.bearer("oat_1").await.claims().profile().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn verification_comes_before_the_profile_if_calls_are_scarce() {
    // fault B11
    for latency in [0, 1, 50] {
        let scripted = Scripted::new(|_, _| None).latency(latency * MILLISECOND);
        let config = scripted.config_with(Enrichment::BestEffort);
        let app = App::new(config.rate_limit(100));
        let tokens: Vec<_> = (0..100).map(|number| format!("oat_{number}")).collect();
        let answers = join_all(tokens.iter().map(|token| app.bearer(token))).await;
        let accepted = answers
            .iter()
            .filter(|answer| answer.status() == 200)
            .count();
        assert_eq!(accepted, 65, "{latency} ms");
        for answer in answers.iter().filter(|answer| answer.status() != 200) {
            assert_eq!(answer.kind(), Some(AuthErrorKind::RateLimited));
        }
        let calls = scripted.calls(At::TokenInfo) + scripted.calls(At::Userinfo);
        assert!(calls <= 100, "{calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_come_one_after_the_other_lose_nothing_to_profiles() {
    // fault B11: half of the rate.
    let scripted = Scripted::new(|_, _| None);
    let config = scripted.config_with(Enrichment::BestEffort);
    let app = App::new(config.rate_limit(1_000));
    let mut profiles = 0;
    for number in 0..1_500 {
        let answer = app.bearer(&format!("oat_{number}")).await;
        answer.assert_accepted();
        profiles += usize::from(answer.claims().profile().is_some());
        scripted.pass(20 * MILLISECOND).await;
    }
    assert!(profiles >= 250, "{profiles}");
}

#[tokio::test(start_paused = true)]
async fn token_without_budget_for_its_profile_is_remembered_like_any_other() {
    // fault B11
    let scripted = Scripted::new(|_, _| None);
    let config = scripted.config_with(Enrichment::BestEffort);
    let app = App::new(config.rate_limit(10));
    // Of ten, five are for both; the sixth finds no budget for its profile.
    for number in 0..4 {
        app.bearer(&format!("oat_{number}")).await.assert_accepted();
    }
    let without = app.bearer("oat_3").await;
    without.assert_accepted();
    assert!(without.claims().profile().is_none());
    let calls = scripted.calls(At::TokenInfo);
    scripted.pass(12 * SECOND).await;
    app.bearer("oat_3").await.assert_accepted();
    assert_eq!(
        scripted.calls(At::TokenInfo),
        calls,
        "it is not verified again in five seconds"
    );
    // And gets its profile in its time.
    scripted.pass(20 * SECOND).await;
    assert!(app.bearer("oat_3").await.claims().profile().is_some());
}
