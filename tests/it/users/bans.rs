//! Users who may not act any more, whatever tokens they have.

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault},
    kinds::Enrichment,
    observe::BreakerState,
};

use super::{calls, config};
use crate::support::{App, World};

#[tokio::test]
async fn banned_or_deleted_user_is_rejected() {
    for (name, is_banned) in [("banned", true), ("deleted", false)] {
        for enrichment in [Enrichment::BestEffort, Enrichment::Required] {
            let world = World::new();
            match is_banned {
                true => world.clerk.user("user_1").banned(true).save(),
                // The tokens stay good, as those do that nobody asks about.
                false => world.clerk.fail(Endpoint::BackendUser, Fault::status(404)),
            }
            let tokens = [
                world.clerk.token("user_1").issue(),
                world.clerk.api_key("user_1").issue(),
            ];
            for layer in 1..=2 {
                let app = App::new(config(&world).users(enrichment));
                for token in &tokens {
                    for _ in 0..2 {
                        let answer = app.bearer(token).await;
                        assert_eq!(answer.kind(), Some(AuthErrorKind::Inactive), "{name}");
                        assert_eq!(answer.status(), 401, "{name}");
                    }
                }
                assert_eq!(app.inner_calls(), 0);
                assert_eq!(calls(&world), layer, "{name}: asked once by each layer");
                assert_eq!(
                    app.layer.authenticator().health().backend_api,
                    BreakerState::Closed
                );
            }
        }
    }
}

#[tokio::test]
async fn a_flood_does_not_get_a_banned_user_in() {
    let world = World::new();
    world.clerk.user("user_1").banned(true).save();
    for enrichment in [Enrichment::BestEffort, Enrichment::Required] {
        let app = App::new(config(&world).users(enrichment).rate_limit(10));
        let key = world.clerk.api_key("user_1").issue();
        // What is left for tokens that nobody has seen is just enough to ask about this one.
        for n in 0..5 {
            let answer = app.bearer(&format!("ak_nobodys{n}")).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
        for _ in 0..2 {
            let answer = app.bearer(&key).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
        let answer = app.bearer("ak_nobodys").await;
        answer.assert_rejected(503, AuthErrorKind::RateLimited);
    }
}

#[tokio::test]
async fn metadata_of_the_user_does_not_hide_a_ban() {
    // A user may write `unsafe_metadata`. No tree of values has room for this one.
    let deep = (0..200).fold(Value::Null, |inner, _| json!([inner]));
    for enrichment in [Enrichment::BestEffort, Enrichment::Required] {
        for is_banned in [false, true] {
            let world = World::new();
            let user = world.clerk.user("user_1").banned(is_banned);
            user.unsafe_metadata(json!({"deep": deep})).save();
            let app = App::new(config(&world).users(enrichment));
            let key = world.clerk.api_key("user_1").issue();
            for _ in 0..2 {
                let answer = app.bearer(&key).await;
                match (is_banned, enrichment) {
                    (true, _) => answer.assert_rejected(401, AuthErrorKind::Inactive),
                    (false, Enrichment::Required) => {
                        answer.assert_rejected(503, AuthErrorKind::ProfileUnavailable);
                    }
                    (false, _) => assert!(answer.claims().user().is_none()),
                }
            }
        }
    }
}
