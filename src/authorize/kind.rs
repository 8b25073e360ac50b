//! [`RequireKind`]: what somebody identifies with.

use super::{Rule, layer::rule_layer};
use crate::TokenKind;

rule_layer! {
    /// A layer that lets requests through whose token is of one of some kinds, out of those that the
    /// [configuration accepts](crate::ClerkConfigBuilder::accept).
    ///
    /// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), and answers as
    /// [`RequirePermission`](crate::RequirePermission) does: a token of another kind is a 403.
    ///
    /// ```
    /// use tower_clerk::{RequireKind, TokenKind};
    ///
    /// // A person, and no client or machine of theirs.
    /// let in_person = RequireKind::any([TokenKind::Session]);
    /// # _ = in_person;
    /// ```
    RequireKind
}

impl RequireKind {
    /// One of these kinds is needed, whichever.
    ///
    /// # Panics
    ///
    /// Where there is no kind: it would let nobody through.
    #[must_use]
    pub fn any(kinds: impl IntoIterator<Item = TokenKind>) -> Self {
        Self::of(Rule::any_kind(kinds))
    }
}
