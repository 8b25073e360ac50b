//! The names of the variables, and the detection of names that are almost right.

use crate::TokenKind::{self, ApiKey, Machine, OAuth, Session};

/// An environment variable that is read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) option: &'static str,
    /// The kinds that the variable restricts. An empty list means all kinds. `None` if it restricts nothing.
    pub(super) kinds: Option<&'static [TokenKind]>,
    /// True if the value is one text without spaces.
    pub(super) is_single: bool,
    pub(super) is_pem: bool,
}

/// A known variable with a name that is almost the given one.
pub(super) struct Near {
    pub(super) known: &'static Known,
    distance: usize,
}

const fn plain(name: &'static str, option: &'static str) -> Known {
    Known {
        name,
        option,
        kinds: None,
        is_single: false,
        is_pem: false,
    }
}

const fn single(name: &'static str, option: &'static str) -> Known {
    Known {
        is_single: true,
        ..plain(name, option)
    }
}

const fn restricting(
    name: &'static str,
    option: &'static str,
    kinds: &'static [TokenKind],
) -> Known {
    Known {
        kinds: Some(kinds),
        ..plain(name, option)
    }
}

pub(super) const KNOWN: &[Known] = &[
    single("CLERK_DOMAIN", "instance"),
    single("CLERK_PUBLISHABLE_KEY", "instance"),
    restricting("CLERK_ACCEPT", "accept", &[]),
    single("CLERK_OAUTH_ENDPOINT", "accept.oauth.verification"),
    single("CLERK_OAUTH_CLIENT_ID", "accept.oauth.client_id"),
    single("CLERK_OAUTH_CLIENT_SECRET", "accept.oauth.client_secret"),
    single("CLERK_OAUTH_JWTS", "accept.oauth.jwts"),
    restricting(
        "CLERK_REQUIRED_SCOPES",
        "accept.oauth.required_scopes",
        &[OAuth, ApiKey],
    ),
    restricting(
        "CLERK_ALLOWED_CLIENTS",
        "accept.oauth.allowed_clients",
        &[OAuth],
    ),
    restricting(
        "CLERK_AUDIENCES",
        "accept.oauth.audiences",
        &[OAuth, Session],
    ),
    restricting(
        "CLERK_AUDIENCE_POLICY",
        "accept.oauth.audience_policy",
        &[OAuth, Session],
    ),
    single("CLERK_OPAQUE_TOKENS", "accept.oauth.unprefixed"),
    restricting(
        "CLERK_AUTHORIZED_PARTIES",
        "accept.session.authorized_parties",
        &[Session],
    ),
    single("CLERK_SESSION_COOKIE", "accept.session.cookie"),
    restricting("CLERK_MACHINES", "accept.machine.addressed_to", &[Machine]),
    single(
        "CLERK_MACHINE_SECRET_KEY",
        "accept.machine.machine_secret_key",
    ),
    single("CLERK_MACHINE_JWTS", "accept.machine.jwts"),
    single("CLERK_SECRET_KEY", "secret_key"),
    single("CLERK_PROXY_URL", "proxy_url"),
    single("CLERK_API_URL", "backend_api_url"),
    Known {
        is_pem: true,
        ..plain("CLERK_JWT_KEY", "jwt_keys")
    },
    Known {
        is_single: true,
        ..restricting("CLERK_RESOURCE", "resource", &[])
    },
    single("CLERK_ENRICH", "accept.oauth.userinfo"),
    single("CLERK_PROFILE_SOURCE", "users"),
    plain("CLERK_CACHE_TTL", "cache_ttl"),
    plain("CLERK_STALE_FOR", "stale_if_error"),
    plain("CLERK_TIMEOUT", "timeout"),
    single("CLERK_RATE_LIMIT", "rate_limit"),
    #[cfg(feature = "webhooks")]
    plain("CLERK_WEBHOOK_SIGNING_SECRET", "webhook_secrets"),
    single("CLERK_FLEET_URL", "fleet.url"),
    plain("CLERK_FLEET_SECRET", "fleet.secret"),
    single("CLERK_DANGER_ALLOW_HTTP", "danger_allow_http"),
];

/// Variables that Clerk's own SDKs define and this crate does not read.
const SDKS: &[&str] = &[
    "CLERK_AFTER_SIGN_IN_URL",
    "CLERK_AFTER_SIGN_UP_URL",
    "CLERK_API_KEY",
    "CLERK_API_VERSION",
    "CLERK_ENCRYPTION_KEY",
    "CLERK_FRONTEND_API",
    "CLERK_IS_SATELLITE",
    "CLERK_JS",
    "CLERK_JS_URL",
    "CLERK_JS_VERSION",
    "CLERK_JWKS_URL",
    "CLERK_KEYLESS_DISABLED",
    "CLERK_SIGN_IN_FALLBACK_REDIRECT_URL",
    "CLERK_SIGN_IN_FORCE_REDIRECT_URL",
    "CLERK_SIGN_IN_URL",
    "CLERK_SIGN_UP_FALLBACK_REDIRECT_URL",
    "CLERK_SIGN_UP_FORCE_REDIRECT_URL",
    "CLERK_SIGN_UP_URL",
    "CLERK_TELEMETRY_DEBUG",
    "CLERK_TELEMETRY_DISABLED",
    "CLERK_UI_URL",
    "CLERK_UI_VERSION",
    "CLERK_WEBHOOK_SECRET",
    #[cfg(not(feature = "webhooks"))]
    "CLERK_WEBHOOK_SIGNING_SECRET",
];

/// Returns the known variable with almost this name: at most two letters differ, or the name is the singular, or it is
/// made from the name of the option. If there are several, a restricting variable takes precedence.
pub(super) fn near(name: &str) -> Option<Near> {
    if !name.starts_with("CLERK_") || SDKS.contains(&name) || name.len() > 64 {
        return None;
    }
    let singular = |known: &Known| {
        let singular = known.name.strip_suffix("IES");
        singular.is_some_and(|stem| name.strip_suffix('Y') == Some(stem))
    };
    // Clerk calls some options by other names than this crate, such as `CLERK_API_URL`.
    let option = |known: &Known| {
        let option = known.option.rsplit('.').next().unwrap_or_default();
        name.strip_prefix("CLERK_") == Some(&*option.to_ascii_uppercase())
    };
    let near = KNOWN.iter().filter_map(|known| {
        let distance = distance(name, known.name);
        (distance <= 2 || singular(known) || option(known)).then_some(Near { known, distance })
    });
    near.min_by_key(|near| (near.known.kinds.is_none(), near.distance))
}

/// Returns the number of letters that must be inserted, removed or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other = other.as_bytes();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, byte) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, expected) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(byte != *expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests;
