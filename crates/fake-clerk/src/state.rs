//! The state that the handles and the server thread share.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::Notify;

use super::admin::CallLog;
use super::backend::Habits;
use super::clients::Client;
use super::endpoint::{Endpoint, Field};
use super::fault::{Fault, Faults, Strike};
use super::key_ring::{self, KeyRing};
use super::oauth::Flow;
use super::record::RecordedRequest;
use super::tokens::{Credential, Token};
use super::users::User;
use super::webhooks::{Sessions, Webhooks};

/// The number of recorded requests.
const REMEMBERED: usize = 10_000;

/// The state of one fake instance.
pub(super) struct State {
    pub(super) addr: SocketAddr,
    /// The base URL of the Frontend API.
    pub(super) url: String,
    /// The path of that URL, without a slash at the end; empty at the root.
    path: String,
    /// The issuer that tokens and metadata name.
    pub(super) issuer: String,
    pub(super) instance_id: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    /// The secret key of the Backend API.
    pub(super) secret_key: String,
    /// The start of the fake, in Unix time in milliseconds.
    pub(super) started: u64,
    /// True if the admin page is on.
    pub(super) admin: bool,
    pub(super) connections: AtomicUsize,
    pub(super) keys: KeyRing,
    /// Wakes the task that sends events.
    pub(super) events: Notify,
    ledger: Mutex<Ledger>,
}

/// The settings of a fake that never change.
pub(super) struct Settings {
    pub(super) addr: SocketAddr,
    /// Id and secret of the client that is registered from the start.
    pub(super) client: (String, String),
    pub(super) secret_key: String,
    pub(super) url: String,
    pub(super) path: String,
    pub(super) issuer: String,
    pub(super) admin: bool,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let (client_id, client_secret) = settings.client;
        let mut ledger = Ledger::default();
        let client = Client::confidential(client_secret.clone());
        ledger.clients.insert(client_id.clone(), client);
        let started = u64::try_from(ledger.time().as_millis()).unwrap_or_default();
        let instance_id = key_ring::instance_id();
        Self {
            addr: settings.addr,
            url: settings.url,
            path: settings.path,
            issuer: settings.issuer,
            keys: KeyRing::new(instance_id.clone()),
            instance_id,
            events: Notify::new(),
            client_id,
            client_secret,
            secret_key: settings.secret_key,
            started,
            admin: settings.admin,
            connections: AtomicUsize::new(0),
            ledger: Mutex::new(ledger),
        }
    }

    /// Returns the endpoint at a path. The Frontend API is below the path of the fake, and the Backend API at the
    /// root.
    pub(super) fn endpoint_at(&self, path: &str) -> Option<Endpoint> {
        let frontend = path.strip_prefix(&*self.path).and_then(Endpoint::at);
        let backend = || Endpoint::at(path).filter(|endpoint| endpoint.is_backend());
        frontend
            .filter(|endpoint| !endpoint.is_backend())
            .or_else(backend)
    }

    /// Returns the base URL of the Backend API.
    pub(super) fn backend_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        // Every update of the ledger is atomic, so a panic in another thread leaves it valid.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sign(&self, typ: &str, category: Option<&str>, payload: &Value) -> String {
        self.keys
            .sign(typ, category, payload)
            .expect("a fresh RSA key of 2048 bits signs any message")
    }

    pub(super) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The mutable state of an instance.
#[derive(Default)]
pub(super) struct Ledger {
    /// Clients by their ids.
    pub(super) clients: HashMap<String, Client>,
    pub(super) users: HashMap<String, User>,
    pub(super) sessions: Sessions,
    pub(super) webhooks: Webhooks,
    /// OAuth tokens by their full text.
    pub(super) tokens: HashMap<String, Token>,
    /// API keys and opaque machine-to-machine tokens by their full text.
    pub(super) credentials: HashMap<String, Credential>,
    /// Machines by their secret keys.
    pub(super) machine_keys: HashMap<String, String>,
    pub(super) habits: Habits,
    issued: u64,
    /// The state of the authorization code flow.
    pub(super) flow: Flow,
    /// The offset of the clock.
    pub(super) ahead: Duration,
    pub(super) extra_fields: Vec<Field>,
    pub(super) rejects_jwt: bool,
    pub(super) faults: HashMap<Endpoint, Faults>,
    pub(super) calls: HashMap<Endpoint, usize>,
    pub(super) total_calls: usize,
    pub(super) requests: VecDeque<RecordedRequest>,
    pub(super) call_log: CallLog,
}

impl Ledger {
    /// Returns the time of the instance, in seconds since the Unix epoch.
    pub(super) fn now(&self) -> u64 {
        self.time().as_secs()
    }

    /// Returns the time of the instance since the Unix epoch.
    pub(super) fn time(&self) -> Duration {
        #[expect(
            clippy::disallowed_methods,
            reason = "the instance has a clock of its own"
        )]
        let now = SystemTime::now();
        now.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_add(self.ahead)
    }

    /// Returns the user with this id, or the default user if there is none.
    pub(super) fn user(&self, id: &str) -> User {
        self.users
            .get(id)
            .cloned()
            .unwrap_or_else(|| User::derived_from(id))
    }

    /// Creates the user of an issued token. A deleted user stays deleted.
    pub(super) fn meet(&mut self, id: &str) {
        if !self.users.contains_key(id) {
            self.users.insert(id.to_owned(), User::derived_from(id));
        }
    }

    /// Returns the user with this e-mail address.
    pub(super) fn user_with_email(&self, email: &str) -> Option<&str> {
        self.users
            .iter()
            .find(|(_, user)| user.email.as_deref() == Some(email))
            .map(|(id, _)| id.as_str())
    }

    /// Returns the token with this text, if it is active.
    pub(super) fn active_token(&self, text: &str) -> Option<&Token> {
        self.tokens
            .get(text)
            .filter(|token| token.is_active(self.now()))
    }

    /// Stores a token as the newest one.
    pub(super) fn insert(&mut self, text: String, mut token: Token) {
        self.issued += 1;
        token.serial = self.issued;
        self.tokens.insert(text, token);
    }

    /// Stores an API key or a machine token as the newest one.
    pub(super) fn insert_credential(&mut self, text: String, mut credential: Credential) {
        self.issued += 1;
        credential.serial = self.issued;
        self.credentials.insert(text, credential);
    }

    /// Returns the id of the token or key with this text; the id is not secret. Session tokens and JWTs of
    /// machines are not stored.
    pub(super) fn id_of(&self, text: &str) -> Option<&str> {
        let oauth = self.tokens.get(text).map(|token| &token.jti);
        let other = || self.credentials.get(text).map(|credential| &credential.id);
        oauth.or_else(other).map(String::as_str)
    }

    /// Revokes the token or key with this id, if there is one.
    pub(super) fn revoke_by_id(&mut self, id: &str) -> Option<()> {
        let tokens = self.tokens.values_mut();
        let tokens = tokens.map(|token| (token.jti.as_str(), &mut token.revoked));
        let others = self.credentials.values_mut();
        let others = others.map(|other| (other.id.as_str(), &mut other.revoked));
        let (_, revoked) = tokens.chain(others).find(|(known, _)| *known == id)?;
        *revoked = true;
        Some(())
    }

    /// Revokes all tokens of a grant.
    pub(super) fn revoke_grant(&mut self, grant: &str) {
        for token in self.tokens.values_mut() {
            if token.grant.as_deref() == Some(grant) {
                token.revoked = true;
            }
        }
    }

    /// Adds a fault of an endpoint.
    pub(super) fn fail(&mut self, endpoint: Endpoint, fault: Fault) {
        self.faults.entry(endpoint).or_default().push(fault);
    }

    /// Ends all faults of this endpoint, or of all endpoints.
    pub(super) fn heal(&mut self, only: Option<Endpoint>) {
        for (endpoint, faults) in &mut self.faults {
            if only.is_none_or(|only| only == *endpoint) {
                faults.heal();
            }
        }
    }

    /// Counts a request on its arrival and returns the fault that applies to it.
    pub(super) fn arrival(&mut self, endpoint: Option<Endpoint>) -> Option<Strike> {
        self.total_calls += 1;
        let endpoint = endpoint?;
        *self.calls.entry(endpoint).or_default() += 1;
        self.faults.get_mut(&endpoint)?.strike()
    }

    pub(super) fn record(&mut self, request: RecordedRequest) {
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }
}
