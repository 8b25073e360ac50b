//! Userinfo answers: a profile is attached if and only if the answer speaks of the subject of the token,
//! and where the token has no subject, userinfo's must be one.

#![no_main]

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig, kinds::OAuthTokens, testing::ManualClock, transport::{Transport, TransportError}};

mod common;
#[path = "../../tests/it/properties/json.rs"]
mod json;
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

/// Introspection says what it is told to, and userinfo too.
#[derive(Clone, Default)]
struct Clerk(Arc<Mutex<[Bytes; 2]>>);

impl Transport for Clerk {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let which = usize::from(request.uri().path() == "/oauth/userinfo");
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(self.0.lock().unwrap()[which].clone());
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

static LAYER: LazyLock<(ClerkAuthLayer, Clerk, ManualClock)> = LazyLock::new(|| {
    let (clerk, clock) = (
        Clerk::default(),
        ManualClock::at(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)),
    );
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(OAuthTokens::introspection("me", "secret"))
        .cache_ttl(Duration::ZERO)
        .rate_limit(0)
        .clock(clock.clone())
        .transport(clerk.clone())
        .build()
        .unwrap();
    (ClerkAuthLayer::new(config), clerk, clock)
});

fuzz_target!(|body: &[u8]| {
    let (layer, clerk, clock) = &*LAYER;
    let subject = rules::userinfo_subject(body);
    for (introspected, answer) in [
        (Some("u"), r#"{"active":true,"client_id":"me","sub":"u"}"#),
        (None, r#"{"active":true,"client_id":"me"}"#),
    ] {
        *clerk.0.lock().unwrap() = [
            Bytes::from_static(answer.as_bytes()),
            Bytes::copy_from_slice(body),
        ];
        // What breaks the contract opens the breaker for a second.
        clock.advance(Duration::from_secs(2));
        let response = common::send(layer, "oat_a");
        let is_about_the_subject = match introspected {
            Some(introspected) => subject.as_deref() == Some(introspected),
            None => subject.as_deref().is_some_and(rules::is_subject),
        };
        let expected = match (introspected, &subject) {
            (Some(_), _) => 200,
            (None, _) if is_about_the_subject => 200,
            (None, Some(_)) => 401,
            (None, None) => 503,
        };
        assert_eq!(response.status(), expected);
        if let Some(claims) = response.extensions().get::<ClerkClaims>() {
            assert_eq!(claims.profile().is_some(), is_about_the_subject);
            assert_eq!(Some(claims.subject()), introspected.or(subject.as_deref()));
        }
    }
});
