//! The part of an authenticator that shares with other replicas: the link, the shared evidence, and what is published.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    FleetConfig, SharedStore,
    calls::CallCounter,
    link::{Apply, Link},
    message::Message,
    seal::{FleetKeys, Realm},
    share::{IsLive, Settings, Share, SharedTokens, SharedUsers, Sharing, Verification},
};
use crate::{
    AuthError,
    clock::Clock,
    observe::{FleetState, Priority},
    token::digest::TokenHasher,
    verify::FetchUser,
};

/// One replica of a fleet.
pub(crate) struct Replica {
    store: Arc<dyn SharedStore>,
    keys: Arc<[FleetKeys]>,
    link: Arc<Link<Box<dyn Apply>>>,
    tokens: SharedTokens,
    /// The digests of tokens under the further secrets. A message about a token names the digest of its log.
    others: Box<[TokenHasher]>,
    clock: Arc<dyn Clock>,
    /// The time of the first start of the link.
    started: OnceLock<Instant>,
}

impl Replica {
    /// `apply`: the table of invalidations.
    pub(crate) fn new(
        config: &FleetConfig,
        issuer: &str,
        realm: Realm,
        settings: Settings,
        apply: Box<dyn Apply>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (store, keys) = (config.store(), Arc::clone(&config.keys));
        let logs: Vec<_> = keys.iter().map(|keys| keys.log(issuer)).collect();
        let others = keys.iter().skip(1).map(|keys| hasher(keys, issuer));
        let link = Arc::new(Link::new(
            Arc::clone(&store),
            logs,
            apply,
            Arc::clone(&clock),
        ));
        let tokens = Share::new(
            Arc::clone(&store),
            keys[0].records(realm),
            is_live(&link, &clock),
            settings,
            Arc::clone(&clock),
        );
        Self {
            store,
            others: others.collect(),
            keys,
            link,
            tokens: SharedTokens(tokens),
            clock,
            started: OnceLock::new(),
        }
    }

    /// Returns the users that replicas with this realm share, in front of their endpoint.
    pub(crate) fn users(
        &self,
        realm: Realm,
        settings: Settings,
        endpoint: Arc<dyn FetchUser>,
    ) -> SharedUsers {
        let share = Share::new(
            Arc::clone(&self.store),
            self.keys[0].records(realm),
            is_live(&self.link, &self.clock),
            settings,
            Arc::clone(&self.clock),
        );
        SharedUsers::new(share, endpoint)
    }

    /// Returns the count of all replicas' calls to the Backend API of an instance.
    pub(crate) fn calls(&self, issuer: &str) -> CallCounter {
        CallCounter::new(
            Arc::clone(&self.store),
            self.keys[0].log(issuer).name(),
            is_live(&self.link, &self.clock),
        )
    }

    /// Verifies a token, by the evidence in the store or by calls to Clerk.
    pub(crate) async fn verify(&self, verification: Verification<'_>) -> Sharing {
        // At the start of a replica, so that it takes the evidence that others have.
        if let Ok(started) = self.start()
            && verification.inquiry.priority != Priority::Refresh
        {
            let is_joining = |state| state == FleetState::Joining;
            self.wait_while(is_joining, started + JOIN).await;
        }
        self.tokens.verify(verification).await
    }

    /// Publishes an invalidation as soon as the store accepts it. `token`: the token, if it concerns a single one.
    pub(crate) fn publish(&self, message: Message, token: Option<&str>) {
        let others = self.others.iter();
        let digests: Vec<_> = token
            .map(|token| others.map(|hasher| hasher.key(token)).collect())
            .unwrap_or_default();
        // Without a runtime, the first verification starts the link.
        _ = self.start();
        self.link.publish(message, digests);
    }

    /// Waits until all logs have the invalidations that were made here before this call.
    pub(crate) async fn flush(&self) {
        if self.start().is_ok() {
            self.link.flush().await;
        }
    }

    /// Waits until the store may be used.
    pub(crate) async fn join_until(&self, deadline: Instant) {
        self.wait_while(|state| state != FleetState::Live, deadline)
            .await;
    }

    pub(crate) fn state(&self) -> FleetState {
        self.link.state(self.clock.now())
    }

    /// Starts the link unless it runs. Returns the time of the first start.
    fn start(&self) -> Result<Instant, AuthError> {
        self.link.start()?;
        Ok(*self.started.get_or_init(Instant::now))
    }

    async fn wait_while(&self, waits: impl Fn(FleetState) -> bool, deadline: Instant) {
        while self.start().is_ok() && waits(self.state()) && Instant::now() < deadline {
            sleep(JOIN_POLL).await;
        }
    }
}

impl Apply for Box<dyn Apply> {
    fn apply(&self, message: Message, position: u64) {
        (**self).apply(message, position);
    }

    fn apply_all(&self) {
        (**self).apply_all();
    }
}

fn is_live(link: &Arc<Link<Box<dyn Apply>>>, clock: &Arc<dyn Clock>) -> IsLive {
    let (link, clock) = (Arc::clone(link), Arc::clone(clock));
    Arc::new(move || link.state(clock.now()) == FleetState::Live)
}

/// Returns the hasher that gives a token the same digest in all replicas with this secret.
pub(crate) fn hasher(keys: &FleetKeys, issuer: &str) -> TokenHasher {
    TokenHasher::new(keys.token_secret(), &[issuer])
}

/// The time after the start for which verifications wait for the store.
const JOIN: Duration = Duration::from_millis(250);

const JOIN_POLL: Duration = Duration::from_millis(10);
