//! The warning about tokens of a kind that the configuration does not accept. It is the most common mistake during
//! setup, and the response to the client does not show it.

use std::sync::OnceLock;

use crate::{AuthErrorKind, TokenKind, token::TokenFormat};

/// Logs at most one warning for each kind. A client needs no valid token to cause it, so there are no more.
#[derive(Debug, Default)]
pub(crate) struct KindLog {
    oauth: OnceLock<()>,
    session: OnceLock<()>,
    api_key: OnceLock<()>,
    machine: OnceLock<()>,
}

impl KindLog {
    /// Logs a token that was rejected because of its format. `is_accepted`: true if its kind is accepted in another
    /// format.
    pub(crate) fn rejected(&self, format: TokenFormat, is_accepted: bool) {
        // Any text is an unprefixed token: there is no option to name.
        let Some(kind) = format.kind() else {
            return;
        };
        let once = match kind {
            TokenKind::OAuth => &self.oauth,
            TokenKind::Session => &self.session,
            TokenKind::ApiKey => &self.api_key,
            TokenKind::Machine => &self.machine,
        };
        once.get_or_init(|| match is_accepted {
            true => warn_of_format(format, kind),
            false => warn_of_kind(kind),
        });
    }
}

fn warn_of_kind(kind: TokenKind) {
    let outcome = AuthErrorKind::UnsupportedToken.outcome().as_str();
    let auth_kind = AuthErrorKind::UnsupportedToken;
    let token_kind = kind.as_str();
    match kind {
        TokenKind::OAuth => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "OAuth access token rejected: this kind is not accepted. If it should be, add \
             `.accept(OAuthTokens::introspection(id, secret))`, or add `oauth` to CLERK_ACCEPT"
        ),
        TokenKind::Session if cfg!(feature = "jwt") => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "session token rejected: this kind is not accepted. If it should be, add `.accept(SessionTokens::new())`, \
             or add `session` to CLERK_ACCEPT"
        ),
        TokenKind::Session => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "session token rejected: this kind is not accepted. If it should be, enable the feature `jwt` of \
             tower-clerk and add `.accept(SessionTokens::new())`, or add `session` to CLERK_ACCEPT"
        ),
        TokenKind::ApiKey => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "API key rejected: this kind is not accepted. If it should be, add `.accept(ApiKeys::new())`, or add \
             `api_key` to CLERK_ACCEPT"
        ),
        TokenKind::Machine => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "machine token rejected: this kind is not accepted. If it should be, add \
             `.accept(MachineTokens::addressed_to([id]))`, or add `machine` to CLERK_ACCEPT and set CLERK_MACHINES"
        ),
    }
}

/// Logs a token of an accepted kind that the configuration cannot verify in this format.
fn warn_of_format(format: TokenFormat, kind: TokenKind) {
    let outcome = AuthErrorKind::UnsupportedToken.outcome().as_str();
    let auth_kind = AuthErrorKind::UnsupportedToken;
    let token_kind = kind.as_str();
    match (kind, format) {
        (TokenKind::Machine, TokenFormat::Jwt { .. }) => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "machine token rejected: JWTs of this kind are not accepted. If they should be, enable the feature `jwt` \
             of tower-clerk and use `MachineTokens::jwts`, or set CLERK_MACHINE_JWTS"
        ),
        (TokenKind::Machine, _) => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "machine token rejected: opaque tokens of this kind cannot be verified without a secret key. Set \
             `MachineTokens::machine_secret_key` (CLERK_MACHINE_SECRET_KEY) or `secret_key` (CLERK_SECRET_KEY)"
        ),
        _ => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?auth_kind,
            auth.token_kind = token_kind,
            "token rejected: its kind is accepted, but the configuration has no verification for its format. Accept \
             opaque OAuth tokens with `OAuthTokens::introspection` (CLERK_OAUTH_CLIENT_ID, CLERK_OAUTH_CLIENT_SECRET) \
             or `OAuthTokens::backend_api` (CLERK_OAUTH_ENDPOINT)"
        ),
    }
}
