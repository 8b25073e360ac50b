//! The plans and features of a session token (Clerk Billing).
//!
//! Session tokens of version 2 list them in `pla` and `fea`, as `scope:name`. The scope is that of the organization
//! (`o`), of the user (`u`), or both (`ou`, `uo`). The grammar of a requested name is that of `has()` in Clerk's SDKs:
//! `pro`, `org:pro` or `user:pro`.

use std::fmt;

use serde_json::{Map, Value};

use super::Version;

/// A plan or a feature that a session token names (Clerk Billing).
///
/// `Debug` shows no member.
#[derive(Clone, PartialEq, Eq)]
pub struct Entitlement {
    name: Box<str>,
    of_organization: bool,
    of_user: bool,
}

/// The plans and features of a token.
#[derive(Clone)]
pub(crate) struct Entitlements {
    plans: Box<[Entitlement]>,
    features: Box<[Entitlement]>,
}

impl Entitlements {
    /// Reads the plans and features of a session token. `None` if there are none. `is_in_organization`: true if an
    /// organization is active. If none is, no plan and no feature of an organization counts.
    ///
    /// Only tokens of version 2 have them. In version 1, claims with such names belong to the application, and may
    /// have a value that the user set.
    pub(crate) fn of_session(
        claims: &Map<String, Value>,
        is_in_organization: bool,
    ) -> Option<Box<Self>> {
        if Version::of(claims) != Ok(Version::Two) {
            return None;
        }
        let list = |name: &str| {
            let text = claims.get(name).and_then(Value::as_str);
            text.and_then(|text| read(text, is_in_organization))
                .unwrap_or_default()
        };
        let (plans, features) = (list("pla"), list("fea"));
        let is_empty = plans.is_empty() && features.is_empty();
        (!is_empty).then(|| Box::new(Self { plans, features }))
    }

    pub(crate) fn plans(&self) -> &[Entitlement] {
        &self.plans
    }

    pub(crate) fn features(&self) -> &[Entitlement] {
        &self.features
    }

    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let all = self.plans.iter().chain(&self.features);
        let names = all.map(|entry| size_of::<Entitlement>() + entry.name.len());
        size_of::<Self>() + names.sum::<usize>()
    }
}

impl Entitlement {
    /// The name, without a scope: `pro` for instance.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if the [organization](crate::ClerkClaims::organization) that the subject acts in has it.
    pub fn of_organization(&self) -> bool {
        self.of_organization
    }

    /// Returns true if the user has it.
    pub fn of_user(&self) -> bool {
        self.of_user
    }
}

impl fmt::Debug for Entitlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entitlement").finish_non_exhaustive()
    }
}

/// Reads a list. `None` if an entry has no colon: as in Clerk's SDKs, the whole list is then unreadable.
///
/// An entry with an unknown scope, with an empty name or with a further colon grants nothing. No request can name it.
fn read(list: &str, is_in_organization: bool) -> Option<Box<[Entitlement]>> {
    let mut entries = Vec::new();
    for part in list.split(',') {
        let (scope, name) = part.trim_ascii().split_once(':')?;
        let (of_organization, of_user) = match scope {
            "o" => (is_in_organization, false),
            "u" => (false, true),
            "ou" | "uo" => (is_in_organization, true),
            _ => continue,
        };
        if (of_organization || of_user) && !name.is_empty() && !name.contains(':') {
            entries.push(Entitlement {
                name: name.into(),
                of_organization,
                of_user,
            });
        }
    }
    Some(entries.into())
}

/// Returns true if a list has what a caller needs: `name`, `scope:name` with the scope of the organization (`org`,
/// `o`, `organization`) or of the user (`user`, `u`). An unknown scope is in no list.
pub(super) fn has(list: &[Entitlement], needed: &str) -> bool {
    let any = |is_in_scope: fn(&Entitlement) -> bool, name: &str| {
        list.iter()
            .any(|entry| is_in_scope(entry) && *entry.name == *name)
    };
    match needed.split_once(':') {
        None => any(|_| true, needed),
        Some(("org" | "o" | "organization", name)) => any(Entitlement::of_organization, name),
        Some(("user" | "u", name)) => any(Entitlement::of_user, name),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests;
