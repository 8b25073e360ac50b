//! A transport that answers without a network, and counts.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

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
use tokio::{sync::watch, time::sleep};
use tower_clerk::{
    ClerkConfig, ClerkConfigBuilder,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

use crate::{raw::ACTIVE, support::App};

#[derive(Clone, Debug)]
pub enum Reply {
    /// The token is good, or this is the profile.
    Good,
    /// JSON with this status.
    Json(u16, String),
    /// 429, with or without a `Retry-After`.
    Slower(Option<String>),
    /// The connection breaks.
    Broken,
    /// It breaks, after this time.
    BrokenAfter(Duration),
    GoodAfter(Duration),
    Silence,
    /// Good, as soon as [`Stub::open`] is called.
    Gate,
    /// Each token that begins with `oat_good` is good and has a user of its own; others are unknown.
    OwnUsers,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Json(status, "{}".to_owned())
    }
}

type Script = dyn Fn(&str, usize) -> Reply + Send + Sync;

/// Clones are the same transport.
#[derive(Clone)]
pub struct Stub {
    script: Arc<Mutex<Arc<Script>>>,
    introspections: Arc<AtomicUsize>,
    userinfos: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    gate: Arc<watch::Sender<bool>>,
}

impl Stub {
    /// The script is told the path and the number of the call to it, from one.
    pub fn new(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(Mutex::new(Arc::new(script))),
            introspections: Arc::default(),
            userinfos: Arc::default(),
            waiting: Arc::default(),
            peak: Arc::default(),
            gate: Arc::new(watch::Sender::new(false)),
        }
    }

    pub fn always(reply: Reply) -> Self {
        Self::new(move |_, _| reply.clone())
    }

    /// Replies in another way from now on.
    pub fn reply(&self, reply: Reply) {
        *self.script.lock().unwrap() = Arc::new(move |_, _| reply.clone());
    }

    pub fn open(&self) {
        self.gate.send_replace(true);
    }

    /// How many introspections there were.
    pub fn calls(&self) -> usize {
        self.introspections.load(Ordering::SeqCst)
    }

    pub fn userinfo_calls(&self) -> usize {
        self.userinfos.load(Ordering::SeqCst)
    }

    /// The most calls that there were at a time.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// A configuration that uses this, without enrichment and without a limit to the rate.
    pub fn config(&self, clock: &ManualClock) -> ClerkConfigBuilder {
        self.config_of("clerk.example.com", clock).rate_limit(0)
    }

    /// OAuth tokens by introspection, without enrichment.
    pub fn oauth() -> OAuthTokens {
        OAuthTokens::introspection("me", "secret").userinfo(Enrichment::Off)
    }

    /// The same with other options of OAuth tokens.
    pub fn config_with(&self, clock: &ManualClock, oauth: OAuthTokens) -> ClerkConfigBuilder {
        self.accepting("clerk.example.com", clock, oauth)
            .rate_limit(0)
    }

    pub fn config_of(&self, domain: &str, clock: &ManualClock) -> ClerkConfigBuilder {
        self.accepting(domain, clock, Self::oauth())
    }

    fn accepting(
        &self,
        domain: &str,
        clock: &ManualClock,
        oauth: OAuthTokens,
    ) -> ClerkConfigBuilder {
        ClerkConfig::builder(domain)
            .accept(oauth)
            .transport(self.clone())
            .clock(clock.clone())
    }

    pub fn app(&self, clock: &ManualClock) -> App {
        App::new(self.config(clock))
    }
}

/// Counts a call that is under way, until it ends in whatever way.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Stub {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let path = request.uri().path();
        let is_userinfo = path.ends_with("/userinfo");
        let count = if is_userinfo {
            &self.userinfos
        } else {
            &self.introspections
        };
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let own = own_user(request.body());
        let script = Arc::clone(&self.script.lock().unwrap());
        let reply = script(path, number);
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(waiting, Ordering::SeqCst);
        let under_way = UnderWay(Arc::clone(&self.waiting));
        Box::pin(async move {
            let _under_way = under_way;
            let good = if is_userinfo {
                r#"{"sub":"user_1","email":"ada@example.com"}"#
            } else {
                ACTIVE
            };
            let (status, body, retry_after) = match reply {
                Reply::Good => (200, good.to_owned(), None),
                Reply::OwnUsers => (200, own, None),
                Reply::Json(status, body) => (status, body, None),
                Reply::Slower(delay) => (429, "{}".to_owned(), delay),
                Reply::Broken => return Err(TransportError::unreachable("broken")),
                Reply::BrokenAfter(delay) => {
                    sleep(delay).await;
                    return Err(TransportError::unreachable("broken"));
                }
                Reply::GoodAfter(delay) => {
                    sleep(delay).await;
                    (200, good.to_owned(), None)
                }
                Reply::Silence => std::future::pending().await,
                Reply::Gate => {
                    let mut gate = self.gate.subscribe();
                    gate.wait_for(|is_open| *is_open).await.unwrap();
                    (200, good.to_owned(), None)
                }
            };
            let mut response = Response::builder()
                .status(status)
                .header("content-type", "application/json");
            if let Some(delay) = retry_after {
                response = response.header("retry-after", delay);
            }
            Ok(response.body(Bytes::from(body)).unwrap())
        })
    }
}

/// What is said of a token where each has a user of its own.
fn own_user(form: &[u8]) -> String {
    let form = String::from_utf8_lossy(form);
    let token = form
        .split('&')
        .find_map(|field| field.strip_prefix("token="));
    match token.filter(|token| token.starts_with("oat_good")) {
        Some(token) => format!(r#"{{"active":true,"client_id":"me","sub":"user_{token}"}}"#),
        None => r#"{"active":false}"#.to_owned(),
    }
}

/// The n-th token of a crowd.
pub fn token(number: usize) -> String {
    format!("oat_{number:06}")
}
