//! Users of the Backend API.

use tower_clerk::{AuthErrorKind, kinds::Enrichment, observe::BreakerState};

use super::script::{At, JSON, Reply, SECOND, Scripted, user_object};
use crate::support::App;

fn padded(id: &str, bytes: usize, more: &str) -> String {
    let empty = user_object(id, &format!(r#"{more},"public_metadata":{{"pad":""}}"#)).len();
    let pad = "x".repeat(bytes.saturating_sub(empty));
    user_object(
        id,
        &format!(r#"{more},"public_metadata":{{"pad":"{pad}"}}"#),
    )
}

#[tokio::test(start_paused = true)]
async fn user_may_be_large_and_is_rejected_if_banned_or_deprovisioned_all_the_same() {
    // fault A6
    for (name, more, is_accepted) in [
        ("small", "", true),
        ("banned", r#","banned_at":1"#, true),
        ("deprovisioned", r#","deprovisioned":true"#, false),
        ("not deprovisioned", r#","deprovisioned":false"#, true),
        ("deprovisioned is null", r#","deprovisioned":null"#, true),
    ] {
        for bytes in [0, 64 * 1024, 64 * 1024 + 1, 200_000, 256 * 1024] {
            for enrichment in [Enrichment::BestEffort, Enrichment::Required] {
                let scripted = Scripted::new(move |at, about| {
                    (at == At::User).then(|| Reply::new(200, JSON, padded(about, bytes, more)))
                });
                let app = App::new(scripted.users(enrichment));
                for token in ["ak_1", "ak_1", "oat_1"] {
                    let answer = app.bearer(token).await;
                    if is_accepted {
                        answer.assert_accepted();
                        assert!(answer.claims().user().is_some(), "{name}, {bytes}");
                    } else {
                        answer.assert_rejected(401, AuthErrorKind::Inactive);
                    }
                }
            }
        }
    }
    let scripted = Scripted::new(|at, about| {
        let banned = padded(about, 200_000, "").replace(r#""banned":false"#, r#""banned":true"#);
        (at == At::User).then(|| Reply::new(200, JSON, banned))
    });
    for enrichment in [Enrichment::BestEffort, Enrichment::Required] {
        let app = App::new(scripted.users(enrichment));
        for _ in 0..2 {
            app.bearer("ak_1")
                .await
                .assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn user_that_cannot_be_read_hides_no_other_that_is_banned() {
    // fault A6
    for (name, body) in [
        ("too large", padded("user_big", 256 * 1024 + 1, "")),
        ("no JSON", "<html>".to_owned()),
        (
            "a wrong type",
            user_object("user_big", r#","deprovisioned":"no""#),
        ),
    ] {
        let scripted = Scripted::new(move |at, about| match (at, about) {
            (At::User, "user_banned") => {
                let user = user_object(about, "");
                let banned = user.replace(r#""banned":false"#, r#""banned":true"#);
                Some(Reply::new(200, JSON, banned))
            }
            (At::User, about) if about.starts_with("user_big") => {
                Some(Reply::new(200, JSON, body.clone()))
            }
            _ => None,
        });
        let app = App::new(scripted.users(Enrichment::BestEffort));
        for number in 0..30 {
            app.bearer(&format!("ak_big{number}"))
                .await
                .assert_accepted();
            scripted.pass(SECOND / 10).await;
        }
        assert_eq!(
            app.layer.authenticator().health().backend_api,
            BreakerState::Closed,
            "{name}"
        );
        for _ in 0..2 {
            app.bearer("ak_banned")
                .await
                .assert_rejected(401, AuthErrorKind::Inactive);
        }
        let required = App::new(scripted.users(Enrichment::Required));
        for _ in 0..2 {
            required
                .bearer("ak_big")
                .await
                .assert_rejected(503, AuthErrorKind::ProfileUnavailable);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answer_about_another_user_is_final() {
    // fault B4
    let scripted = Scripted::new(|at, _| {
        (at == At::User).then(|| Reply::new(200, JSON, user_object("user_other", "")))
    });
    let app = App::new(scripted.users(Enrichment::BestEffort));
    for _ in 0..10 {
        let answer = app.bearer("ak_1").await;
        answer.assert_accepted();
        assert!(answer.claims().user().is_none());
        scripted.pass(2 * SECOND).await;
    }
    assert_eq!(scripted.calls(At::ApiKey), 1);
    let required = App::new(scripted.users(Enrichment::Required));
    for _ in 0..2 {
        required
            .bearer("ak_1")
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
}
