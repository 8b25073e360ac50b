//! Webhooks of a fleet: an event that the other replicas cannot get is answered with a 503, so that it comes again.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::ServiceExt;
use tower_clerk::{
    AuthErrorKind, fake_clerk::Endpoint, fleet::Fault, kinds::SessionTokens,
    webhooks::ClerkWebhooks,
};

use super::{Replicas, pass};
use crate::jwt::synchronise;

const WEBHOOKS: &str = "whsec_RmFrZUNsZXJrU2VjcmV0VGhhdFByb3RlY3RzTm9PbmU=";

async fn deliver(webhooks: &ClerkWebhooks, event: &Request<Bytes>) -> StatusCode {
    let (parts, body) = event.clone().into_parts();
    let request = Request::from_parts(parts, Full::new(body));
    webhooks.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn event_is_answered_with_503_until_the_store_has_it() {
    for fault in [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::ReadOnly,
        Fault::Full,
    ] {
        let replicas = Replicas::with(2, |world| {
            let config = world.config().accept(SessionTokens::new());
            config.webhook_secrets([WEBHOOKS])
        })
        .await;
        let clerk = &replicas.world.clerk;
        _ = clerk.public_key_pem();
        synchronise(&replicas.world);
        clerk
            .webhooks("http://service.test/webhooks/clerk", WEBHOOKS)
            .unwrap();
        let session = clerk.session("user_1").session_id("sess_1").issue();
        for app in &replicas.apps {
            app.bearer(&session).await.assert_accepted();
        }
        let webhooks = replicas.apps[0].layer.authenticator().webhooks().unwrap();
        clerk.revoke_session("sess_1");
        let events: Vec<_> = clerk.webhook_requests().into_iter().collect();
        let [event] = events.as_slice() else {
            panic!("one event: {events:?}");
        };

        replicas.store.inject(fault);
        pass(500).await;
        for _ in 0..2 {
            let status = deliver(&webhooks, event).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
            // It holds where it came, and is not known elsewhere.
            let here = replicas.apps[0].bearer(&session).await;
            here.assert_rejected(401, AuthErrorKind::Inactive);
            replicas.apps[1].bearer(&session).await.assert_accepted();
        }
        replicas.store.heal();
        pass(6_000).await;
        // Svix sends the same event again, with the same id. A repeated delivery after that has no effect.
        for _ in 0..2 {
            let status = deliver(&webhooks, event).await;
            assert_eq!(status, StatusCode::NO_CONTENT, "{fault:?}");
        }
        pass(1_000).await;
        for _ in 0..2 {
            for app in &replicas.apps {
                let answer = app.bearer(&session).await;
                answer.assert_rejected(401, AuthErrorKind::Inactive);
            }
        }
        assert_eq!(clerk.calls(Endpoint::Introspection), 0);
    }
}
