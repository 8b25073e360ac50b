//! A Clerk that looks JWTs up by nothing but their id, and JWTs that nobody has signed.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use http::{Request, Response};
use serde_json::{Value, json};
use tower_clerk::{
    ClerkConfig, ClerkConfigBuilder,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

use crate::{
    jwt::{message, with},
    redaction::let_every_subscriber_be_asked,
};

pub const ISSUER: &str = "https://clerk.example.com";

/// A Clerk that knows one JWT by its `jti` alone, whatever else is in it, and answers with the documented members.
/// Clones are the same.
#[derive(Clone)]
pub struct ByJti {
    /// What introspection says of the token.
    answer: Value,
    calls: Arc<AtomicUsize>,
}

impl ByJti {
    pub fn new() -> Self {
        let_every_subscriber_be_asked();
        Self {
            answer: json!({
                "active": true, "client_id": "me", "iat": now(), "scope": "email profile",
                "sub": "user_1",
            }),
            calls: Arc::default(),
        }
    }

    /// With another answer of introspection.
    pub fn answering(answer: Value) -> Self {
        Self {
            answer,
            ..Self::new()
        }
    }

    /// Calls to anything.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Introspection, without enrichment.
    pub fn introspection() -> OAuthTokens {
        OAuthTokens::introspection("me", "secret").userinfo(Enrichment::Off)
    }

    /// The Backend API, with the client and the audience that introspection has by itself.
    pub fn backend_api() -> OAuthTokens {
        OAuthTokens::backend_api()
            .allow_clients(["me"])
            .audiences(["me"])
            .userinfo(Enrichment::Off)
    }

    pub fn config(&self, oauth: OAuthTokens) -> ClerkConfigBuilder {
        ClerkConfig::builder("clerk.example.com")
            .accept(oauth)
            .secret_key("sk_test_1")
            .rate_limit(0)
            .transport(self.clone())
            .clock(CLOCK.clone())
    }

    fn reply(&self, path: &str, body: &[u8]) -> Value {
        match path {
            "/oauth/token_info" => {
                let mut form = url::form_urlencoded::parse(body);
                let token = form.find(|(name, _)| name == "token").unwrap().1;
                if is_known(&token) {
                    self.answer.clone()
                } else {
                    json!({ "active": false })
                }
            }
            "/v1/oauth_applications/access_tokens/verify" => {
                let body: Value = serde_json::from_slice(body).unwrap();
                if !is_known(body["access_token"].as_str().unwrap()) {
                    return json!({ "active": false });
                }
                json!({
                    "object": "clerk_idp_oauth_access_token", "id": "oat_1", "client_id": "me",
                    "subject": "user_1", "scopes": ["email", "profile"], "revoked": false,
                    "revocation_reason": null, "expired": false, "expiration": null,
                    "created_at": now(), "updated_at": now(),
                })
            }
            // No key set, above all.
            other => panic!("nobody needs {other}"),
        }
    }
}

/// As leniently as can be.
fn is_known(token: &str) -> bool {
    if token.starts_with("oat_") {
        return true;
    }
    let payload = token.split('.').nth(1).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    String::from_utf8_lossy(&payload).contains(r#""jti":"oat_1""#)
}

impl Transport for ByJti {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let body = self.reply(request.uri().path(), request.body());
        let response = Response::builder().header("content-type", "application/json");
        let response = response.body(body.to_string().into()).unwrap();
        Box::pin(future::ready(Ok(response)))
    }
}

/// It stands still: what is compared with it is off by no second.
static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);

pub fn now() -> u64 {
    crate::support::unix_seconds(CLOCK.now())
}

pub fn header() -> Value {
    json!({ "alg": "RS256", "kid": "ins_1", "typ": "at+jwt" })
}

/// What nobody could object to.
pub fn payload() -> Value {
    let now = now();
    json!({
        "jti": "oat_1", "iss": ISSUER, "sub": "user_1", "client_id": "me", "iat": now, "nbf": now - 10,
        "exp": now + 86_400, "scope": "email profile",
    })
}

/// A token that nobody signed.
pub fn unsigned(header: impl ToString, payload: impl ToString) -> String {
    format!("{}.c2ln", message(header, payload))
}

/// A token that nobody signed, with this member in its payload.
pub fn edited(name: &str, value: impl Into<Value>) -> String {
    unsigned(header(), with(&payload(), name, value))
}
