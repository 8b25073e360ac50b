//! [`Authenticator`]: verifies the token of a request, from the cache or by a verification.
//!
//! `lookup` is the synchronous half: it accepts, rejects, or returns a verification to wait for. `verify` is the
//! asynchronous half. `revoke` invalidates verdicts. `build` makes the parts from a configuration. `any` is for several
//! instances: it starts behind a miss, so that a hit of a single instance does not pay for it.

mod any;
mod attempt;
mod build;
#[cfg(feature = "fleet")]
mod fleet;
mod lookup;
mod revoke;
mod verify;

use std::{fmt, future::Future, slice, sync::Arc};

use futures_util::future;
use http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
    request::Parts,
};

use self::any::Several;
pub(crate) use self::lookup::{Decision, PendingVerification, Rejected};
#[cfg(feature = "webhooks")]
use crate::clock::Now;
#[cfg(feature = "jwt")]
use crate::verify::jwt::Local;
use crate::{
    AuthError, ClerkClaims, ClerkConfig,
    cache::Cache,
    clerk::discovery::Discovery,
    clock::Clock,
    extract::CookieNames,
    observe::{Health, HealthState, Observer, Stats},
    reject::{self, Challenges, Rejection},
    resource_metadata::ResourceMetadata,
    verify::Verifier,
};

/// Verifies tokens, without a middleware.
///
/// It is the core of [`ClerkAuthLayer`](crate::ClerkAuthLayer), for everything that is not an HTTP request of a
/// tower service: the first message of a WebSocket, a framework with its own HTTP types, a job queue.
///
/// Cloning copies one pointer. Clones, and the layers made from them, share one cache and one connection pool. Two
/// authenticators share nothing, even if their configurations are equal: a cache belongs to one set of rules.
/// [`any`](Self::any) combines the authenticators of several instances.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_clerk::{Authenticator, ClerkAuthLayer, ClerkConfig, Tokens};
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let cfg: ClerkConfig = serde_json::from_value(clerk.settings())?;
/// # let token = clerk.token("user_1").issue();
///
/// let authenticator = Authenticator::new(cfg);
/// let layer = ClerkAuthLayer::from(authenticator.clone()); // shares the cache
///
/// let claims = authenticator.verify(&token).await?;
/// assert_eq!(claims.subject(), "user_1");
/// authenticator.invalidate(Tokens::one(&token)); // the next request verifies it again
/// # drop(layer);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Authenticator {
    /// The only instance, or the front of [several](Several). One pointer in both cases, so that a hit of a single
    /// instance does not pay for lists.
    front: Single,
}

/// The authenticator of a single instance.
#[derive(Clone)]
pub(crate) struct Single {
    shared: Arc<Shared>,
}

/// The parts of an authenticator of a single instance.
struct Shared {
    cache: Cache,
    verifier: Arc<Verifier>,
    challenges: Arc<Challenges>,
    /// `None` without a resource that is a web address.
    metadata: Option<ResourceMetadata>,
    /// The issuer of the instance's metadata as an authorization server.
    authorization_server: String,
    discovery: Option<Arc<Discovery>>,
    #[cfg(feature = "jwt")]
    local: Option<Arc<Local>>,
    observer: Observer,
    #[cfg(feature = "fleet")]
    fleet: Option<fleet::Fleet>,
    health: Arc<HealthState>,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "webhooks")]
    webhook_keys: Arc<[aws_lc_rs::hmac::Key]>,
    max_token_length: usize,
    /// The cookie that is read if the bearer token is absent; `None` if cookies are ignored.
    session_cookie: Option<CookieNames>,
    /// The instances behind a front, which itself has no token: its cache is empty, and it reads no cookie.
    several: Option<Arc<Several>>,
}

impl Authenticator {
    /// Makes an authenticator with its own cache. It sends no request before the first token arrives.
    ///
    /// With the feature `metrics`, install the recorder first: metrics go to the recorder that is installed now.
    ///
    /// # Panics
    ///
    /// If the operating system provides no random numbers.
    #[must_use]
    pub fn new(config: ClerkConfig) -> Self {
        Self {
            front: Single {
                shared: Arc::new_cyclic(|shared| Shared::new(config, shared)),
            },
        }
    }

    /// Authenticates a request: extracts its token from the `Authorization` header, or from Clerk's cookie if that
    /// is configured, and verifies it.
    ///
    /// It does what [`ClerkAuthLayer`](crate::ClerkAuthLayer) does, and leaves the request as it is.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] to respond with: status, challenge, and the form (gRPC or HTTP) that fits the request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel a verification that other requests wait for.
    pub async fn authenticate(&self, request: &Parts) -> Result<ClerkClaims, Rejection> {
        let is_grpc = reject::is_grpc(&request.method, request.version, &request.headers);
        let mut headers = HeaderMap::new();
        for name in [AUTHORIZATION, COOKIE] {
            for value in request.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let decision = self.lookup(&mut headers);
        self.wait(decision)
            .await
            .map_err(|rejected| self.rejection(&rejected, is_grpc))
    }

    /// Verifies a token that did not arrive in a header, such as the first message of a WebSocket. Every kind of
    /// token that the configuration accepts is accepted.
    ///
    /// The verdict comes from the cache if there is one. So a service can verify the token of a long connection
    /// again every minute.
    ///
    /// # Errors
    ///
    /// The reason why the token is not accepted. An error that [is an outage](crate::AuthErrorKind::is_outage)
    /// concerns Clerk, not the token.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel a verification that other requests wait for.
    pub async fn verify(&self, token: &str) -> Result<ClerkClaims, AuthError> {
        let decision = self.lookup_token(token);
        self.wait(decision).await.map_err(|rejected| {
            self.observe_rejection(&rejected);
            rejected.error
        })
    }

    /// Fetches the discovery metadata, the key set and the metadata of the authorization server, if the configuration
    /// needs them, and joins the fleet, if there is one, before the first token arrives. Without anything to do it
    /// returns at once. A store that cannot be reached is no error.
    ///
    /// # Errors
    ///
    /// The reason why a document could not be fetched. Start the service nevertheless: the next request that needs
    /// the document fetches it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the fetch. It continues in its own task, for at most the
    /// [`timeout`](crate::ClerkConfigBuilder::timeout).
    pub fn warm_up(&self) -> impl Future<Output = Result<(), AuthError>> + Send + use<> {
        let singles = self.singles().to_vec();
        async move {
            let warm = future::join_all(singles.iter().map(Single::warm_up)).await;
            warm.into_iter().collect()
        }
    }

    /// Returns the metadata of this service as a protected resource (RFC 9728), to serve it where the layer does
    /// not see the requests for it.
    ///
    /// `None` without a [`resource`](crate::ClerkConfigBuilder::resource), or if the resource is not a web address.
    pub fn resource_metadata(&self) -> Option<ResourceMetadata> {
        self.metadata().cloned()
    }

    /// The metadata that the layer serves, which names all instances.
    pub(crate) fn metadata(&self) -> Option<&ResourceMetadata> {
        self.front.shared.metadata.as_ref()
    }

    /// The authenticators of all instances.
    pub(crate) fn singles(&self) -> &[Single] {
        match &self.front.shared.several {
            None => slice::from_ref(&self.front),
            Some(several) => several.singles(),
        }
    }

    /// Returns counts since the start, and the number of entries now.
    ///
    /// Counting the entries makes the cache remove expired ones. Call this every few seconds, not on every request.
    pub fn stats(&self) -> Stats {
        let stats = self.singles().iter().map(Single::stats);
        stats.fold(Stats::default(), Stats::plus)
    }

    /// Returns the state of Clerk, as far as it shows in the calls of this authenticator. It makes no call.
    ///
    /// All fields have their defaults before the first call.
    ///
    /// # Readiness probes
    ///
    /// Do not make readiness depend on it. During an outage of Clerk all replicas would fail their probes at the
    /// same time. That would also stop requests whose tokens are cached, and routes that need no token. Raise an
    /// alarm instead, and bridge outages with [`stale_if_error`](crate::ClerkConfigBuilder::stale_if_error).
    ///
    /// [`credentials_rejected`](Health::credentials_rejected) is different: the configuration of this replica is
    /// wrong. A new replica may stay unready because of it.
    pub fn health(&self) -> Health {
        let health = self.singles().iter().map(Single::health);
        health.reduce(Health::worse).unwrap_or_default()
    }

    /// Waits for a decision.
    async fn wait(&self, decision: Decision) -> Result<ClerkClaims, Rejected> {
        match decision {
            Decision::Pass(claims) => Ok(claims),
            Decision::Reject(rejected) => Err(rejected),
            Decision::Wait(verification) => verification.await,
        }
    }

    /// The one place where the reason of a rejection becomes its form.
    pub(crate) fn rejection(&self, rejected: &Rejected, is_grpc: bool) -> Rejection {
        self.observe_rejection(rejected);
        let challenges = match &self.front.shared.several {
            None => &self.front.shared.challenges,
            Some(several) => several.challenges(rejected.seen),
        };
        challenges.rejection(&rejected.error, is_grpc)
    }

    fn observe_rejection(&self, rejected: &Rejected) {
        let single = &self.singles()[usize::from(rejected.seen.place)];
        let observer = &single.shared.observer;
        observer.rejected(&rejected.error, rejected.seen);
    }

    /// Notes that a request passes without claims, and returns the challenges of rules behind the layer.
    pub(crate) fn pass_anonymous(&self) -> Arc<Challenges> {
        self.singles()[0].shared.observer.passed_anonymous();
        Arc::clone(&self.front.shared.challenges)
    }
}

impl Single {
    /// The keys that sign webhook events. Empty without secrets.
    #[cfg(feature = "webhooks")]
    pub(crate) fn webhook_keys(&self) -> &[aws_lc_rs::hmac::Key] {
        &self.shared.webhook_keys
    }

    #[cfg(feature = "webhooks")]
    pub(crate) fn now(&self) -> Now {
        self.shared.clock.now()
    }

    async fn warm_up(&self) -> Result<(), AuthError> {
        #[cfg(feature = "fleet")]
        let ((), documents) =
            future::join(self.shared.join_fleet(), self.shared.fetch_documents()).await;
        #[cfg(not(feature = "fleet"))]
        let documents = self.shared.fetch_documents().await;
        documents
    }

    fn stats(&self) -> Stats {
        let cache = &self.shared.cache;
        self.shared.observer.stats(cache.len(), cache.flights.len())
    }

    fn health(&self) -> Health {
        let health = self.shared.health.health();
        #[cfg(feature = "fleet")]
        let fleet = self.shared.fleet.as_ref().map(|it| it.replica.state());
        #[cfg(not(feature = "fleet"))]
        let fleet = None;
        Health { fleet, ..health }
    }
}

impl Shared {
    /// Fetches the documents that the configuration needs.
    async fn fetch_documents(&self) -> Result<(), AuthError> {
        if let Some(discovery) = &self.discovery {
            discovery.warm_up().await?;
        }
        #[cfg(feature = "jwt")]
        if let Some(local) = &self.local {
            local.warm_up().await?;
        }
        if let Some(metadata) = &self.metadata {
            metadata.warm_up().await?;
        }
        Ok(())
    }
}

/// Shows the rules, and no token or secret.
impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = |single: &Single| Arc::clone(&single.shared.verifier.rules);
        let mut authenticator = f.debug_struct("Authenticator");
        match self.singles() {
            [single] => authenticator.field("rules", &rules(single)),
            several => {
                let rules: Vec<_> = several.iter().map(rules).collect();
                authenticator.field("rules", &rules)
            }
        };
        authenticator.finish_non_exhaustive()
    }
}
