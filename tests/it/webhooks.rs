//! Webhooks: what reaches the service over the wire, and what it does to tokens that are cached.

mod delivery;
mod effects;
mod documented;
mod oracle;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use svix::webhooks::Webhook;
use tower::ServiceExt;
use tower_clerk::{
    Authenticator, ClerkAuthLayer, ClerkConfigBuilder, kinds::Enrichment, kinds::SessionTokens,
    webhooks::ClerkWebhooks,
};

use crate::support::{App, World, unix_seconds};

/// A signing secret.
fn secret() -> String {
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(24)
        .collect();
    format!("whsec_{}", STANDARD.encode(bytes))
}

/// A service, and its webhook endpoint, to which the fake sends events.
struct Hooked {
    world: World,
    secret: String,
    app: App,
    webhooks: ClerkWebhooks,
}

impl Hooked {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(options: impl FnOnce(ClerkConfigBuilder) -> ClerkConfigBuilder) -> Self {
        let (world, secret) = (World::new(), secret());
        world
            .clerk
            .webhooks("http://127.0.0.1:1/", &secret)
            .unwrap();
        let config = world
            .accepting(world.oauth().userinfo(Enrichment::Off))
            .accept(SessionTokens::new())
            .webhook_secrets([&*secret]);
        let authenticator = Authenticator::new(options(config).build().unwrap());
        Self {
            webhooks: authenticator.webhooks().unwrap(),
            app: App::of(ClerkAuthLayer::from(authenticator)),
            world,
            secret,
        }
    }

    /// Passes the events on that the fake has to send.
    async fn deliver(&self) -> Vec<StatusCode> {
        let mut answers = Vec::new();
        for request in self.world.clerk.webhook_requests() {
            answers.push(self.send(request).await);
        }
        answers
    }

    async fn send(&self, request: Request<Bytes>) -> StatusCode {
        send(&self.webhooks, request).await
    }

    /// A signed request with this body.
    fn signed(&self, id: &str, body: &str) -> Request<Bytes> {
        signed(
            "svix",
            &self.secret,
            id,
            unix_seconds(self.world.clock.now()),
            body,
        )
    }

    /// Verifications so far: requests that no entry answered.
    fn misses(&self) -> u64 {
        self.app.layer.authenticator().stats().misses
    }
}

async fn send(webhooks: &ClerkWebhooks, request: Request<Bytes>) -> StatusCode {
    let Ok(response) = webhooks.clone().oneshot(request.map(Full::new)).await;
    response.status()
}

/// A request that svix has signed.
fn signed(family: &str, secret: &str, id: &str, time: u64, body: &str) -> Request<Bytes> {
    let webhook = Webhook::new(secret).unwrap();
    let signature = webhook.sign(id, i64::try_from(time).unwrap(), body.as_bytes());
    Request::post("/")
        .header(format!("{family}-id"), id)
        .header(format!("{family}-timestamp"), time)
        .header(format!("{family}-signature"), signature.unwrap())
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}
