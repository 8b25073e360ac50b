//! Clerk, as a transport that answers after a constant time and counts.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, header};
use serde_json::{Value, json};
use tower_clerk::{
    fake_clerk::FakeClerk,
    testing::ManualClock,
    transport::{Transport, TransportError},
};

/// The clock of the layer, which goes along with the paused one of Tokio.
#[derive(Default)]
pub(crate) struct Time {
    pub(crate) clock: ManualClock,
    millis: AtomicU64,
}

impl Time {
    /// Advances both by a millisecond, the resolution of Tokio's timers, whenever one has passed.
    pub(crate) async fn run(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.clock.advance(Duration::from_millis(1));
            self.millis.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Clones are the same instance.
#[derive(Clone)]
pub(crate) struct Clerk(Arc<Inner>);

struct Inner {
    latency: Duration,
    time: Arc<Time>,
    /// When each call started, in milliseconds.
    calls: Mutex<Vec<u64>>,
    keys: FakeClerk,
    /// Header and payload of a session token, with a dot between them, with the key's own `kid` and with another.
    forged: [String; 2],
}

impl Clerk {
    pub(crate) fn new(host: &str, latency: Duration, time: Arc<Time>) -> Self {
        let keys = FakeClerk::new();
        let real = keys.session("user_1").issue();
        let header = real.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
        let header: Value = serde_json::from_slice(&header).unwrap_or_default();
        let now = unix_seconds(time.clock.now());
        let message = |kid: &Value| {
            let mut header = header.clone();
            header["kid"] = kid.clone();
            let payload = json!({
                "iss": format!("https://{host}"), "sub": "user_1", "sid": "sess_1", "sts": "active", "v": 2,
                "iat": now, "nbf": now - 10, "exp": now + 86_400,
            });
            let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            format!("{}.{}", part(&header), part(&payload))
        };
        let forged = [message(&header["kid"]), message(&json!("ins_unknown"))];
        Self(Arc::new(Inner {
            latency,
            time,
            calls: Mutex::default(),
            keys,
            forged,
        }))
    }

    /// A session token with a random signature.
    pub(crate) fn forged(&self, number: usize) -> String {
        let signature: Vec<u8> = (0..256).map(|_| fastrand::u8(..)).collect();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        format!("{}.{signature}", self.0.forged[number % 2])
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> usize {
        self.started().len()
    }

    /// The largest number of calls that started in any window of this length.
    pub(crate) fn most_calls_in(&self, window: Duration) -> usize {
        let (started, mut first) = (self.started(), 0);
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let counts = started.iter().enumerate().map(|(last, end)| {
            while started[first] + window <= *end {
                first += 1;
            }
            last + 1 - first
        });
        counts.max().unwrap_or_default()
    }

    fn started(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request, at the end of the latency. Good tokens are `oat_good.SUBJECT.NUMBER`.
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let subject = |token: &str| {
            let rest = token.strip_prefix("oat_good.")?;
            rest.split('.').next().map(str::to_owned)
        };
        let body = match request.uri().path() {
            "/oauth/token_info" => {
                let mut form = url::form_urlencoded::parse(request.body());
                let token = form.find(|(name, _)| name == "token");
                match token.and_then(|(_, token)| subject(&token)) {
                    Some(subject) => json!({
                        "active": true, "client_id": "client", "scope": "email", "sub": subject,
                        "iat": unix_seconds(self.0.time.clock.now()),
                    }),
                    None => json!({"active": false}),
                }
            }
            "/oauth/userinfo" => {
                let token = request.headers().get(header::AUTHORIZATION);
                let token = token.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
                json!({"sub": token.and_then(subject)})
            }
            _ => return self.0.keys.transport().send(request).await,
        };
        let response = Response::new(Bytes::from(body.to_string()));
        let (mut head, body) = response.into_parts();
        let json = header::HeaderValue::from_static("application/json");
        head.headers.insert(header::CONTENT_TYPE, json);
        Ok(Response::from_parts(head, body))
    }
}

impl Transport for Clerk {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let now = self.0.time.millis.load(Ordering::Relaxed);
            self.started().push(now);
            tokio::time::sleep(self.0.latency).await;
            self.answer(request).await
        })
    }
}

fn unix_seconds(time: std::time::SystemTime) -> u64 {
    let since_epoch = time.duration_since(std::time::UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_secs()
}
