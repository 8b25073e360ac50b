//! Svix's own library as the oracle, in both directions, over random ids, times, bodies and secrets.

use std::iter::repeat_with;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use svix::webhooks::Webhook;
use tower_clerk::{Authenticator, ClerkConfig, kinds::SessionTokens, testing::ManualClock};

use super::{Hooked, send, signed};
use crate::support::unix;

fn text(length: std::ops::Range<usize>) -> String {
    let length = fastrand::usize(length);
    repeat_with(fastrand::alphanumeric).take(length).collect()
}

/// An event of an unknown type, with any content.
fn body() -> String {
    let content: String = repeat_with(|| fastrand::char(..))
        .take(fastrand::usize(..200))
        .collect();
    serde_json::json!({"type": text(0..20), "content": content}).to_string()
}

#[tokio::test]
async fn what_svix_signs_is_accepted_and_nothing_else() {
    let clock = ManualClock::new();
    for round in 0..200 {
        let bytes: Vec<u8> = repeat_with(|| fastrand::u8(..))
            .take(fastrand::usize(24..80))
            .collect();
        let secret = format!("whsec_{}", STANDARD.encode(bytes));
        let now = fastrand::u64(1_000..4_000_000_000);
        clock.set(unix(now));
        let config = ClerkConfig::builder("clerk.example.com")
            .accept(SessionTokens::new())
            .webhook_secrets([&*secret])
            .clock(clock.clone());
        let webhooks = Authenticator::new(config.build().unwrap())
            .webhooks()
            .unwrap();
        let family = fastrand::choice(["svix", "webhook"]).unwrap();
        let time = now + fastrand::u64(..=600) - 300;
        let (id, body) = (text(1..64), body());
        let good = signed(family, &secret, &id, time, &body);
        let altered = altered(&good, family);
        let webhook = Webhook::new(&secret).unwrap();
        let is_accepted = |request: &Request<Bytes>| {
            webhook
                .verify_ignoring_timestamp(request.body(), request.headers())
                .is_ok()
        };
        assert!(is_accepted(&good), "{round}: {good:?}");
        assert!(!is_accepted(&altered), "{round}: {altered:?}");
        for _ in 0..2 {
            let status = send(&webhooks, altered.clone()).await;
            assert!(
                [400, 401].contains(&status.as_u16()),
                "{round}: {altered:?}"
            );
        }
        assert_eq!(
            send(&webhooks, good.clone()).await,
            204,
            "{round}: {good:?}"
        );
    }
}

/// Alters one byte of what is signed, or of the signature.
fn altered(request: &Request<Bytes>, family: &str) -> Request<Bytes> {
    let mut altered = request.clone();
    let flip = |text: &[u8]| {
        let mut bytes = text.to_vec();
        let at = fastrand::usize(..bytes.len());
        // Another letter or digit, so that headers stay readable.
        bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
        bytes
    };
    match fastrand::u8(..3) {
        0 => *altered.body_mut() = flip(request.body()).into(),
        part => {
            let name = format!("{family}-{}", ["id", "signature"][usize::from(part) - 1]);
            let value = flip(request.headers()[&name].as_bytes());
            let value = http::HeaderValue::from_bytes(&value).unwrap();
            altered.headers_mut().insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value,
            );
        }
    }
    altered
}

#[tokio::test]
async fn svix_accepts_what_the_fake_signs() {
    for _ in 0..50 {
        let hooked = Hooked::new();
        let clerk = &hooked.world.clerk;
        clerk
            .user(format!("user_{}", text(1..30)))
            .name(body())
            .save();
        clerk.organization(format!("org_{}", text(1..30))).update();
        let webhook = Webhook::new(&hooked.secret).unwrap();
        let requests = clerk.webhook_requests();
        assert_eq!(requests.len(), 2);
        for request in requests {
            webhook.verify(request.body(), request.headers()).unwrap();
            assert_eq!(hooked.send(request).await, 204);
        }
    }
}
