//! Everything else that a list does: users, invalidation, statistics, health, webhooks, and lists of lists.

use std::panic;

use bytes::Bytes;
use http_body_util::Full;
use tower::ServiceExt;
use tower_clerk::{
    AuthErrorKind, Authenticator, ClerkAuthLayer, Tokens,
    fake_clerk::{Endpoint, Fault},
};

use super::{Pair, app, authenticator};
use crate::support::{App, request};

#[tokio::test]
async fn the_same_subject_at_two_instances_is_two_users() {
    let pair = Pair::new();
    let app = app(pair.both());
    let tokens = [0, 1].map(|place| pair.worlds[place].clerk.session("user_1").issue());
    for _ in 0..2 {
        let mut users = Vec::new();
        for token in &tokens {
            let answer = app.bearer(token).await;
            let claims = answer.claims();
            users.push((claims.instance().to_owned(), claims.subject().to_owned()));
        }
        assert_eq!(users[0], (pair.url(0), "user_1".to_owned()));
        assert_eq!(users[1], (pair.url(1), "user_1".to_owned()));
    }
}

#[tokio::test]
async fn invalidation_and_revocation_reach_all_instances() {
    let pair = Pair::new();
    let list = Authenticator::any(pair.both());
    let app = App::of(ClerkAuthLayer::from(list.clone()));
    for place in [0, 1] {
        let clerk = &pair.worlds[place].clerk;
        let opaque = clerk.token("user_1").issue();
        // Each with an id of its own: a revocation reaches both instances.
        let id = format!("sess_{place}");
        let session = clerk.session("user_1").session_id(&id).issue();
        app.bearer(&opaque).await.assert_accepted();
        app.bearer(&session).await.assert_accepted();
        clerk.revoke(&opaque);
        app.bearer(&opaque).await.assert_accepted();
        list.invalidate(Tokens::one(&opaque));
        list.revoke(Tokens::of_session(&id));
        for _ in 0..2 {
            let answer = app.bearer(&opaque).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
            let answer = app.bearer(&session).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test]
async fn an_authenticator_shares_its_cache_with_its_lists() {
    let pair = Pair::new();
    let [first, second] = pair.both();
    let alone = App::of(ClerkAuthLayer::from(second.clone()));
    let inner = Authenticator::any([first]);
    let outer = app([inner, Authenticator::any([second])]);
    let token = pair.worlds[1].clerk.token("user_1").issue();
    alone.bearer(&token).await.assert_accepted();
    pair.forget_calls();
    outer.bearer(&token).await.assert_accepted();
    assert_eq!(pair.calls(), [0, 0]);
}

#[tokio::test]
async fn statistics_are_sums_and_health_is_the_worst() {
    let pair = Pair::new();
    let [first, second] = pair.both();
    let list = Authenticator::any([first.clone(), second.clone()]);
    assert_eq!(list.health(), first.health());
    let app = App::of(ClerkAuthLayer::from(list.clone()));
    let tokens = [0, 1].map(|place| pair.worlds[place].clerk.token("user_1").issue());
    for token in &tokens {
        app.bearer(token).await.assert_accepted();
        app.bearer(token).await.assert_accepted();
    }
    app.bearer("oat_unknown")
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    app.bearer("x")
        .await
        .assert_rejected(401, AuthErrorKind::UnsupportedToken);
    let stats = list.stats();
    assert_eq!((stats.hits, stats.entries, stats.rejected), (2, 2, 2));
    // Of A: one. Of B: both instances verify it. Unknown: both.
    assert_eq!(stats.misses, 5);
    let hits = [&first, &second].map(|it| it.stats().hits);
    assert_eq!(hits, [1, 1]);

    assert_eq!(list.health().reachable, Some(true));
    let clerk = &pair.worlds[1].clerk;
    clerk.fail(Endpoint::Introspection, Fault::status(401));
    assert_eq!(app.bearer("oat_other").await.status(), 503);
    assert!(list.health().credentials_rejected);
    assert!(!first.health().credentials_rejected);
    clerk.fail(Endpoint::Introspection, Fault::status(500));
    assert_eq!(app.bearer("oat_another").await.status(), 503);
    assert_eq!(list.health().reachable, Some(false));
    assert_eq!(first.health().reachable, Some(true));
}

#[tokio::test]
async fn warm_up_fetches_the_documents_of_all_and_returns_the_first_error() {
    let pair = Pair::new();
    let list = Authenticator::any(pair.both());
    list.warm_up().await.unwrap();
    assert_eq!(pair.calls(), [1, 1]);

    let list = Authenticator::any(pair.both());
    pair.forget_calls();
    pair.worlds[0]
        .clerk
        .fail(Endpoint::Jwks, Fault::status(500));
    let error = list.warm_up().await.unwrap_err();
    assert!(error.kind().is_outage());
    assert_eq!(pair.calls(), [1, 1]);
}

#[tokio::test]
async fn a_webhook_concerns_the_instance_with_the_secret_that_signed_it() {
    let pair = Pair::new();
    let secrets = [
        "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2",
    ];
    let list = Authenticator::any(
        [0, 1].map(|place| authenticator(pair.config(place).webhook_secrets([secrets[place]]))),
    );
    let webhooks = list.webhooks().unwrap();
    let app = App::of(ClerkAuthLayer::from(list));
    let session = |place: usize| {
        let clerk = &pair.worlds[place].clerk;
        clerk.session("user_1").session_id("sess_1").issue()
    };
    let tokens = [session(0), session(1)];
    for token in &tokens {
        app.bearer(token).await.assert_accepted();
    }
    let event = r#"{"type":"session.revoked","data":{"id":"sess_1"}}"#;
    let now = crate::support::unix_seconds(pair.worlds[0].clock.now());
    let deliver = async |secret: &str, id: &str| {
        let webhook = svix::webhooks::Webhook::new(secret).unwrap();
        let signature = webhook.sign(id, i64::try_from(now).unwrap(), event.as_bytes());
        let request = http::Request::post("/")
            .header("svix-id", id)
            .header("svix-timestamp", now)
            .header("svix-signature", signature.unwrap())
            .body(Full::new(Bytes::from_static(event.as_bytes())))
            .unwrap();
        let Ok(response) = webhooks.clone().oneshot(request).await;
        response.status().as_u16()
    };
    let other = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4";
    assert_eq!(deliver(other, "msg_1").await, 401);
    // The id of an event of A does not make an event of B a repeated one.
    assert_eq!(deliver(secrets[0], "msg_1").await, 204);
    for _ in 0..2 {
        let answer = app.bearer(&tokens[0]).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
        app.bearer(&tokens[1]).await.assert_accepted();
    }
    assert_eq!(deliver(secrets[1], "msg_1").await, 204);
    for _ in 0..2 {
        let answer = app.bearer(&tokens[1]).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
    }
    // Without secrets there is no service.
    assert!(Authenticator::any(pair.both()).webhooks().is_none());
}

#[tokio::test]
async fn each_instance_takes_tokens_up_to_its_own_length() {
    let pair = Pair::new();
    for (lengths, expected) in [([64, 4096], 200), ([4096, 64], 400), ([64, 64], 400)] {
        let app =
            app([0, 1]
                .map(|place| authenticator(pair.config(place).max_token_length(lengths[place]))));
        let token = pair.worlds[1].clerk.session("user_1").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.status(), expected, "{lengths:?}: {answer:?}");
        }
        let verified = app.layer.authenticator().verify(&token).await;
        assert_eq!(verified.is_ok(), expected == 200, "{lengths:?}");
    }
}

#[tokio::test]
async fn the_layer_and_the_authenticator_decide_alike() {
    let pair = Pair::new();
    let list = Authenticator::any(pair.both());
    let app = App::of(ClerkAuthLayer::from(list.clone()));
    let token = pair.worlds[1].clerk.token("user_1").issue();
    let (parts, ()) = request(&token).into_parts();
    for _ in 0..2 {
        assert_eq!(list.verify(&token).await.unwrap().instance(), pair.url(1));
        assert_eq!(
            list.authenticate(&parts).await.unwrap().instance(),
            pair.url(1)
        );
        app.bearer(&token).await.assert_accepted();
        let error = list.verify("oat_unknown").await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Inactive);
    }
}

#[test]
fn an_empty_list_panics() {
    let empty = panic::catch_unwind(|| Authenticator::any([]));
    assert!(empty.is_err());
}
