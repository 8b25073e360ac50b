//! The claims that all kinds have.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use crate::{
    ClerkClaims, TokenKind,
    claims::{
        ActiveOrganization, Claims, RouteRules, TokenId, User,
        entry::{Acceptance, Entry, Lifetimes},
    },
    clock::Now,
    reject::Challenges,
    token::{digest::TokenHasher, scope::split_scope},
};

#[derive(Clone)]
pub(super) struct Draft {
    kind: TokenKind,
    subject: String,
    scope: String,
    pub(super) audience: Vec<String>,
    expires_at: Option<i64>,
    user: Option<Map<String, Value>>,
    other: Map<String, Value>,
}

impl Draft {
    pub(super) fn new(kind: TokenKind, subject: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            scope: String::new(),
            audience: Vec::new(),
            expires_at: None,
            user: None,
            other: Map::new(),
        }
    }

    pub(super) fn set_scopes<T: Into<String>>(&mut self, scopes: impl IntoIterator<Item = T>) {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        self.scope = scopes.join(" ");
    }

    /// Returns a claim that was inserted.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.other.get(name)
    }

    /// Returns the claims that were inserted.
    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.other
    }

    pub(super) fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.other.insert(name.into(), value.into());
    }

    pub(super) fn set_expiry(&mut self, time: SystemTime) {
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).ok();
        self.expires_at = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => seconds(after),
            Err(before) => seconds(before.duration()).map(|seconds| -seconds),
        };
    }

    #[track_caller]
    pub(super) fn set_user(&mut self, user: Value) {
        self.user = Some(object(user));
    }

    pub(super) fn into_claims(self) -> Claims {
        let user = self
            .user
            .map(|user| Arc::new(User::new(&self.subject, user)));
        let other: Option<Box<str>> =
            (!self.other.is_empty()).then(|| Value::Object(self.other.clone()).to_string().into());
        let names: &[&str] = match self.kind {
            TokenKind::OAuth | TokenKind::Session => &["jti"],
            TokenKind::ApiKey => &["id"],
            TokenKind::Machine => &["id", "jti"],
        };
        let id = names
            .iter()
            .find_map(|name| self.other.get(*name)?.as_str());
        Claims {
            kind: self.kind,
            token_id: TokenId::find(id, other.as_deref()),
            subject: self.subject.into(),
            client_id: None,
            scope: self.scope.into(),
            audience: self.audience.into_iter().map(Into::into).collect(),
            issuer: None,
            issued_at: None,
            expires_at: self.expires_at,
            organization: ActiveOrganization::None,
            details: None,
            profile: None,
            user,
            other,
            rules: Arc::new(NoRules),
            challenges: Arc::new(Challenges::new(&[], None)),
        }
    }
}

/// Wraps claims as a handler gets them. No cache holds their entry, so its lifetimes have no effect.
pub(super) fn share(claims: Claims) -> ClerkClaims {
    let key = TokenHasher::new([0; 32], &[]).key("");
    let lifetimes = Lifetimes::new(Duration::ZERO, Duration::ZERO);
    let now = Now { mono: 0, wall: 0 };
    let entry = Entry::new(HandMade(claims), key, 0, lifetimes, now);
    ClerkClaims::of(Arc::new(entry))
}

/// Claims that no verification produced.
struct HandMade(Claims);

impl Acceptance for HandMade {
    fn expires(&self) -> Option<i64> {
        None
    }

    fn cacheable_until(&self) -> Option<i64> {
        None
    }

    fn is_complete(&self) -> bool {
        true
    }

    fn is_local(&self) -> bool {
        false
    }

    fn is_self_contained(&self) -> bool {
        false
    }

    fn age(&self) -> u64 {
        0
    }

    fn into_claims(self) -> Claims {
        self.0
    }
}

#[track_caller]
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no JSON object"),
    }
}

/// The methods that all builders have.
macro_rules! common {
    ($builder:ident) => {
        impl $builder {
            /// Adds a claim that [`claims_as`](ClerkClaims::claims_as) returns. It does not replace a claim that
            /// another method of this builder sets.
            pub fn claim(
                mut self,
                name: impl Into<String>,
                value: impl Into<serde_json::Value>,
            ) -> Self {
                self.draft.insert(name, value);
                self
            }

            /// Sets the time at which the token expires, in whole seconds. Default: unknown.
            pub fn expires_at(mut self, time: std::time::SystemTime) -> Self {
                self.draft.set_expiry(time);
                self
            }

            /// Sets the user of the Backend API, as `GET /v1/users/{id}` shows it. Its id is the subject. Default:
            /// none.
            ///
            /// # Panics
            ///
            /// If the value is not a JSON object.
            #[track_caller]
            pub fn user(mut self, user: impl Into<serde_json::Value>) -> Self {
                self.draft.set_user(user.into());
                self
            }
        }

        // Claims may identify a person.
        impl std::fmt::Debug for $builder {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($builder)).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use common;

/// The rules of a configuration that does not exist: no scope implies another.
struct NoRules;

impl RouteRules for NoRules {
    fn is_granted(&self, granted: &str, needed: &str) -> bool {
        split_scope(granted).any(|granted| granted == needed)
    }

    fn issuer(&self) -> &str {
        ""
    }

    /// The clock stands still at zero, so that ages are those that a test sets.
    fn unix_seconds(&self) -> i64 {
        0
    }

    fn logs_token_ids(&self) -> bool {
        false
    }
}
