//! [`RequireRole`]: what the subject is in its organization.

use super::{Rule, layer::rule_layer};

rule_layer! {
    /// A layer that lets requests through whose subject has one of some roles, in the
    /// [organization](crate::ClerkClaims::organization) that it acts in.
    ///
    /// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), and answers as
    /// [`RequirePermission`](crate::RequirePermission) does. Session tokens alone name a role. Rather ask for
    /// permissions: what a role may do can be changed in Clerk's dashboard, and not in a service that knows it
    /// by name.
    ///
    /// ```
    /// use tower_clerk::RequireRole;
    ///
    /// let staff = RequireRole::any(["org:admin", "org:support"]);
    /// # _ = staff;
    /// ```
    RequireRole
}

impl RequireRole {
    /// Requires one of these roles: there is one role in an organization. They are compared as
    /// [`has_role`](crate::Organization::has_role) does it: `admin` and `org:admin` are the same.
    ///
    /// # Panics
    ///
    /// If the list is empty: it would let no request through.
    #[must_use]
    pub fn any<I, T>(roles: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::any_role(roles))
    }
}
