//! The decision of the layer itself about the token.

use std::error::Error;

use tower_clerk::{
    AuthError, AuthErrorKind, Authenticator, ClerkClaims, ClerkConfig, TokenKind,
    claims::Entitlement,
};

use crate::report::Report;

/// Returns true if the layer accepts the token. `is_explained`: true if a finding about the token has been printed.
pub(crate) async fn examine(
    config: ClerkConfig,
    token: &str,
    is_explained: bool,
    report: &mut Report,
) -> bool {
    match Authenticator::new(config).verify(token).await {
        Ok(claims) => {
            report.good("the layer would accept the token");
            if report.findings() > 0 {
                report.note("but not everything is in order: see the lines that begin with FAIL");
            }
            print(&claims, report);
            print_entitlements(&claims, report);
            true
        }
        Err(error) => {
            let kind = error.kind();
            let text = format!("the layer would reject the token: {error} ({kind:?})");
            // No check before verifies a signature.
            let is_of_signature = kind == AuthErrorKind::InvalidSignature;
            match is_explained && !is_of_signature {
                true => report.summary(&text),
                false => report.bad(&text, &advice(&error)),
            }
            false
        }
    }
}

/// Prints the verified claims, without the profile.
fn print(claims: &ClerkClaims, report: &Report) {
    let profile = claims
        .profile()
        .map_or("without a profile", |_| "with a profile");
    report.note(&format!("the claims that a handler gets, {profile}:"));
    let json = serde_json::to_value(claims).unwrap_or_default();
    for (name, value) in json.as_object().into_iter().flatten() {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty && !PROFILE.contains(&name.as_str()) {
            report.note(&format!("  {name}: {}", report.shown(value)));
        }
    }
}

/// Prints the plans and features, as `has_plan` and `has_feature` read them. Only session tokens have them.
fn print_entitlements(claims: &ClerkClaims, report: &Report) {
    if claims.kind() != TokenKind::Session {
        return;
    }
    let plans: Vec<_> = claims.plans().flat_map(requested_as).collect();
    let features: Vec<_> = claims.features().flat_map(requested_as).collect();
    for (name, rule, entries) in [
        ("plans", "RequireLayer::plan", plans),
        ("features", "RequireLayer::feature", features),
    ] {
        match entries.is_empty() {
            true => report.note(&format!("  {name}: none; `{rule}` rejects the token")),
            false => {
                let entries = report.shown_text(&entries.join(" "));
                report.note(&format!("  {name}: {entries}; `{rule}` accepts these"));
            }
        }
    }
}

/// Returns the names by which rules request a plan or a feature.
fn requested_as(entry: &Entitlement) -> impl Iterator<Item = String> {
    let of_organization = entry
        .of_organization()
        .then(|| format!("org:{}", entry.name()));
    let of_user = entry.of_user().then(|| format!("user:{}", entry.name()));
    of_organization.into_iter().chain(of_user)
}

/// Returns what to change, for a rejection that no check before has explained.
fn advice(error: &AuthError) -> String {
    let advice = match error.kind() {
        AuthErrorKind::Inactive => {
            "userinfo or the user of the Backend API rejects the token: its user is banned or deleted, or userinfo \
             knows another subject; get a new token, or set CLERK_ENRICH=best-effort if userinfo alone rejects it"
        }
        AuthErrorKind::InvalidSignature => {
            "it is of another instance, or was changed; with CLERK_JWT_KEY, Clerk's key may have changed"
        }
        AuthErrorKind::MalformedToken => "Clerk issues no such JWT: get a new one",
        AuthErrorKind::MalformedCredentials => {
            "a token consists of letters, digits and -._~+/ with = at the end (RFC 6750 section 2.1)"
        }
        AuthErrorKind::TokenTooLong => "raise `max_token_length`, if Clerk issued the token",
        AuthErrorKind::NotAccessToken => {
            "nothing shows that it is an access token: it may be a refresh token"
        }
        AuthErrorKind::ProfileUnavailable => {
            "the profile is required, and userinfo or the Backend API does not answer: \
             CLERK_ENRICH=best-effort does without it"
        }
        AuthErrorKind::CredentialsRejected => {
            "check CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET, or CLERK_SECRET_KEY"
        }
        kind if kind.is_outage() => {
            "Clerk could not be called in time: check the network, and try again"
        }
        _ => "the troubleshooting page of the documentation has a section about this kind of error",
    };
    match error.source() {
        Some(cause) => format!("{advice} (cause: {cause})"),
        None => advice.to_owned(),
    }
}

/// The claims that are personal data.
const PROFILE: [&str; 9] = [
    "email",
    "email_verified",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "picture",
    "public_metadata",
    "userinfo",
];
