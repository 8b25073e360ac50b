//! A transport that looks at the token of each call, and a clock that moves with tokio's.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::sleep;
use tower_clerk::{
    ClerkConfig, ClerkConfigBuilder,
    kinds::{ApiKeys, Enrichment, OAuthTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

pub const JSON: &str = "application/json";
pub const HTML: &str = "text/html";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MILLISECOND: Duration = Duration::from_millis(1);

/// Status, content type, body, and headers beside.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Which endpoint is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    TokenInfo,
    Userinfo,
    ApiKey,
    User,
}

type Script = dyn Fn(At, &str) -> Option<Reply> + Send + Sync;

/// Answers well, unless the script has another reply for an endpoint and a token or a user.
#[derive(Clone)]
pub struct Scripted {
    script: Arc<Mutex<Arc<Script>>>,
    latency: Duration,
    calls: Arc<[AtomicUsize; 4]>,
    pub clock: ManualClock,
}

impl Scripted {
    pub fn new(script: impl Fn(At, &str) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(Mutex::new(Arc::new(script))),
            latency: Duration::ZERO,
            calls: Arc::default(),
            clock: ManualClock::new(),
        }
    }

    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Answers in another way from now on.
    pub fn script(&self, script: impl Fn(At, &str) -> Option<Reply> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub fn calls(&self, at: At) -> usize {
        self.calls[index(at)].load(Ordering::SeqCst)
    }

    /// Without enrichment and without a rate limit.
    pub fn config(&self) -> ClerkConfigBuilder {
        self.config_with(Enrichment::Off).accept(ApiKeys::new())
    }

    /// OAuth tokens alone.
    pub fn config_with(&self, userinfo: Enrichment) -> ClerkConfigBuilder {
        ClerkConfig::builder("clerk.example.com")
            .accept(OAuthTokens::introspection("me", "secret").userinfo(userinfo))
            .secret_key("sk_test_1")
            .rate_limit(0)
            .transport(self.clone())
            .clock(self.clock.clone())
    }

    /// With a profile that is required, of userinfo.
    pub fn required(&self) -> ClerkConfigBuilder {
        self.config_with(Enrichment::Required)
    }

    pub fn users(&self, enrichment: Enrichment) -> ClerkConfigBuilder {
        self.config().users(enrichment)
    }

    /// Lets time pass on both clocks.
    pub async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        sleep(time).await;
    }
}

fn index(at: At) -> usize {
    match at {
        At::TokenInfo => 0,
        At::Userinfo => 1,
        At::ApiKey => 2,
        At::User => 3,
    }
}

/// The endpoint, and the token or the user.
fn target(request: &Request<Bytes>) -> (At, String) {
    let path = request.uri().path();
    let body = String::from_utf8_lossy(request.body());
    if path.ends_with("/oauth/token_info") {
        let form = url::form_urlencoded::parse(body.as_bytes());
        let token = form.into_owned().find(|(name, _)| name == "token");
        (At::TokenInfo, token.unwrap().1)
    } else if path.ends_with("/oauth/userinfo") {
        let bearer = request.headers()["authorization"].to_str().unwrap();
        (
            At::Userinfo,
            bearer.strip_prefix("Bearer ").unwrap().to_owned(),
        )
    } else if path.ends_with("/api_keys/verify") {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        (At::ApiKey, body["secret"].as_str().unwrap().to_owned())
    } else {
        (At::User, path.rsplit('/').next().unwrap().to_owned())
    }
}

/// The user of a token: the rest of it.
pub fn user_of(token: &str) -> String {
    format!(
        "user_{}",
        token.trim_start_matches("oat_").trim_start_matches("ak_")
    )
}

fn good(at: At, about: &str) -> Reply {
    let user = user_of(about);
    Reply::new(
        200,
        JSON,
        match at {
            At::TokenInfo => format!(r#"{{"active":true,"client_id":"me","sub":"{user}"}}"#),
            At::Userinfo => format!(r#"{{"sub":"{user}","email":"ada@example.com"}}"#),
            At::ApiKey => format!(
                r#"{{"object":"api_key","id":"ak_1","subject":"{user}","revoked":false,"expired":false}}"#
            ),
            At::User => user_object(about, ""),
        },
    )
}

/// A user, with more members.
pub fn user_object(id: &str, more: &str) -> String {
    format!(r#"{{"object":"user","id":"{id}","first_name":"Ada","banned":false{more}}}"#)
}

impl Transport for Scripted {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let (at, about) = target(&request);
        self.calls[index(at)].fetch_add(1, Ordering::SeqCst);
        let script = Arc::clone(&self.script.lock().unwrap());
        let latency = self.latency;
        Box::pin(async move {
            if !latency.is_zero() {
                sleep(latency).await;
            }
            let reply = script(at, &about).unwrap_or_else(|| good(at, &about));
            let mut response = Response::builder().status(reply.status);
            if !reply.content_type.is_empty() {
                response = response.header("content-type", reply.content_type);
            }
            for (name, value) in &reply.headers {
                response = response.header(*name, value);
            }
            Ok(response.body(Bytes::from(reply.body)).unwrap())
        })
    }
}
