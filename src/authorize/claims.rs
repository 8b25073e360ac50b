//! [`RequireClaims`]: whatever else can be asked of claims.

use std::sync::Arc;

use super::{Rule, layer::rule_layer};
use crate::ClerkClaims;

rule_layer! {
    /// A layer that lets requests through whose claims satisfy a predicate.
    ///
    /// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), as [`RequireScopes`](crate::RequireScopes) does, and answers
    /// as it does, but for claims that do not satisfy the predicate: that is a 403 (gRPC: 7) with a challenge that has
    /// neither `error` nor `scope`. RFC 6750 §3.1 has one code for a 403, `insufficient_scope`; clients take
    /// it as advice to ask for more scopes, which would not help here. RFC 6750 §3 still wants the challenge,
    /// since the token does not give access.
    ///
    /// ```
    /// use tower_clerk::{ClerkClaims, RequireClaims};
    ///
    /// // Whoever picked this organization on the consent screen.
    /// let staff = RequireClaims::new(|claims: &ClerkClaims| claims.org_id() == Some("org_staff"));
    /// # _ = staff;
    /// ```
    RequireClaims
}

impl RequireClaims {
    /// The predicate is called for each request. It must not block.
    #[must_use]
    pub fn new(predicate: impl Fn(&ClerkClaims) -> bool + Send + Sync + 'static) -> Self {
        Self::of(Rule::Claims(Arc::new(predicate)))
    }
}
