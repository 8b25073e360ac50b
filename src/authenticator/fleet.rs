//! The fleet of an authenticator: what it publishes to other replicas, and what it applies.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::{Authenticator, Shared, Single};
use crate::{
    ClerkConfig,
    cache::{InvalidationId, Made, Scope, USER_TTL},
    clerk::{backend_api::Backend, http::CountCalls},
    clock::Now,
    fleet::{Apply, FleetConfig, FleetError, LOG_LIFE, Message, Realm, Replica, Settings},
    kinds::OAuthSource,
    observe::{Effect, Origin},
    sync::Mutex,
    verify::FetchUser,
};

/// The part of an authenticator that shares with other replicas.
pub(super) struct Fleet {
    pub(super) replica: Replica,
    applied: Arc<Mutex<Applied>>,
}

impl Fleet {
    pub(super) fn new(
        fleet: &FleetConfig,
        config: &ClerkConfig,
        authenticator: Weak<Shared>,
    ) -> Self {
        let applied = Arc::<Mutex<Applied>>::default();
        let arrivals = Arrivals {
            authenticator,
            applied: Arc::clone(&applied),
        };
        Self {
            replica: Replica::new(
                fleet,
                config.instance.issuer(),
                realm_of_tokens(config),
                settings(config, config.cache_ttl),
                Box::new(arrivals),
                Arc::clone(&config.clock),
            ),
            applied,
        }
    }

    /// Returns the source of users that replicas share, in front of the endpoint.
    pub(super) fn users(
        &self,
        config: &ClerkConfig,
        backend: &Backend,
        endpoint: Arc<dyn FetchUser>,
    ) -> Arc<dyn FetchUser> {
        let (realm, settings) = (realm_of_users(config, backend), settings(config, USER_TTL));
        Arc::new(self.replica.users(realm, settings, endpoint))
    }

    /// Returns the count of all replicas' calls to the Backend API.
    pub(super) fn calls(&self, config: &ClerkConfig) -> Arc<dyn CountCalls> {
        Arc::new(self.replica.calls(config.instance.issuer()))
    }

    /// Makes the message of an invalidation. It counts as applied here, so that it has no second effect when it
    /// comes back.
    pub(super) fn message(&self, scope: Scope<&str>, effect: Effect, now: Now) -> Message {
        let message = Message::new(scope, effect, now.wall);
        add(&self.applied, message.id.0, now);
        message
    }
}

fn settings(config: &ClerkConfig, ttl: Duration) -> Settings {
    Settings {
        ttl,
        timeout: config.timeout,
        // Ten times as many as may call Clerk: those that find evidence need no call.
        looks_per_second: config.rate_limit,
    }
}

/// Returns everything that Clerk's answers about tokens depend on. The rules are not in it: each replica applies its own.
fn realm_of_tokens(config: &ClerkConfig) -> Realm {
    let (source, name) = match &config.oauth {
        OAuthSource::None => ("none", None),
        OAuthSource::Introspection(_) => ("introspection", None),
        OAuthSource::BackendApi => ("backend-api", None),
        OAuthSource::Custom(verify) => ("custom", verify.shared_as()),
    };
    let (instance, machine) = (&config.backend, &config.machine_backend);
    let (instance, machine, machine_key) = (
        instance.as_ref().map(address),
        machine.as_ref().map(address),
        machine.as_ref().map(digest_of_key),
    );
    let userinfo = format!("{:?}", config.userinfo);
    let parts = [
        Some(config.instance.issuer()),
        Some(config.frontend().issuer()),
        config.client_id.as_deref(),
        Some(source),
        name,
        instance.as_deref(),
        machine.as_deref(),
        machine_key.as_deref(),
        Some(&*userinfo),
    ];
    Realm::new(&parts.map(Option::unwrap_or_default))
}

/// Returns everything that Clerk's answers about users depend on. Only replicas with the same secret key share them.
fn realm_of_users(config: &ClerkConfig, backend: &Backend) -> Realm {
    let issuer = config.instance.issuer();
    Realm::new(&["users", issuer, &address(backend), &digest_of_key(backend)])
}

fn address(backend: &Backend) -> String {
    let version = String::from_utf8_lossy(backend.version.as_bytes());
    format!("{} {version}", backend.base)
}

fn digest_of_key(backend: &Backend) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(backend.credentials.as_bytes()))
}

impl Authenticator {
    /// Waits until the invalidations and revocations that were made here are published to the fleet: all replicas that
    /// are connected to the store apply them within a second from then on. Returns at once without a fleet.
    ///
    /// # Errors
    ///
    /// If they are not published within the [`timeout`](crate::ClerkConfigBuilder::timeout). They hold in this
    /// process, and are still published as soon as the store accepts them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels nothing but the wait.
    pub fn flush(&self) -> impl Future<Output = Result<(), FleetError>> + Send + use<> {
        let singles = self.singles().to_vec();
        async move {
            let flushed = future::join_all(singles.iter().map(Single::flush)).await;
            flushed.into_iter().collect()
        }
    }
}

impl Single {
    /// See [`Authenticator::flush`].
    pub(super) async fn flush(&self) -> Result<(), FleetError> {
        let Some(fleet) = &self.shared.fleet else {
            return Ok(());
        };
        let flushed = timeout(self.shared.verifier.timeout, fleet.replica.flush()).await;
        flushed.map_err(|_| FleetError::NOT_PUBLISHED)
    }
}

impl Shared {
    /// Joins the fleet, within the configured time.
    pub(super) async fn join_fleet(&self) {
        if let Some(fleet) = &self.fleet {
            let deadline = Instant::now() + self.verifier.timeout;
            fleet.replica.join_until(deadline).await;
        }
    }
}

/// The invalidations that arrive from the log.
struct Arrivals {
    /// Weak: the link belongs to the authenticator.
    authenticator: Weak<Shared>,
    applied: Arc<Mutex<Applied>>,
}

/// The ids of the messages that were applied, for as long as the log keeps messages.
#[derive(Default)]
struct Applied {
    ids: HashSet<InvalidationId>,
    by_age: VecDeque<(u64, InvalidationId)>,
}

impl Apply for Arrivals {
    fn apply(&self, message: Message, position: u64) {
        let Some(shared) = self.authenticator.upgrade() else {
            return;
        };
        let now = shared.clock.now();
        let id = message.id.0;
        let made = Made::elsewhere(id, message.at, position, now);
        let scope = message.scope.as_deref();
        if add(&self.applied, id, now) {
            shared.invalidate(scope, message.effect, Origin::Fleet, made);
        } else {
            shared.repeat(scope, made);
        }
    }

    fn apply_all(&self) {
        if let Some(shared) = self.authenticator.upgrade() {
            let made = Made::here(shared.clock.now());
            shared.invalidate(Scope::All, Effect::Again, Origin::Fleet, made);
        }
    }
}

impl Applied {
    /// Adds a message. Returns false if it was applied before.
    fn add(&mut self, id: InvalidationId, now: Now) -> bool {
        while let Some((at, oldest)) = self.by_age.front()
            && (at.saturating_add(LOG_LIFE) < now.mono || self.by_age.len() > MOST)
        {
            self.ids.remove(oldest);
            self.by_age.pop_front();
        }
        let is_new = self.ids.insert(id);
        if is_new {
            self.by_age.push_back((now.mono, id));
        }
        is_new
    }
}

/// Adds a message. Returns false if it was applied before.
fn add(applied: &Mutex<Applied>, id: InvalidationId, now: Now) -> bool {
    applied
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .add(id, now)
}

/// The number of ids that are kept. An older message that comes again is applied again, which is harmless.
const MOST: usize = 500_000;
