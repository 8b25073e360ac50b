//! The text of the token: what it shows without a call, and whether the configuration verifies such tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tower_clerk::TokenKind;

use crate::{report::Report, settings::Settings};

/// A token, and what its text shows. Nothing of it is verified.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// `None` if the text shows no kind.
    pub(crate) kind: Option<TokenKind>,
    pub(crate) jwt: Option<Jwt>,
}

/// The parts of a JWT. Empty if they cannot be read.
pub(crate) struct Jwt {
    header: Map<String, Value>,
    pub(crate) payload: Map<String, Value>,
}

impl<'a> Token<'a> {
    /// Reads a token by the same rules as the layer.
    pub(crate) fn new(text: &'a str) -> Self {
        let jwt = Jwt::read(text);
        let prefixes = [
            ("oat_", TokenKind::OAuth),
            ("mt_", TokenKind::Machine),
            ("ak_", TokenKind::ApiKey),
        ];
        let prefix = prefixes.iter().find(|(prefix, _)| text.starts_with(prefix));
        let kind = prefix
            .map(|(_, kind)| *kind)
            .or_else(|| jwt.as_ref().map(Jwt::kind));
        Self { text, kind, jwt }
    }

    /// Prints the format, and what to set if the configuration does not verify tokens of this format.
    pub(crate) fn examine(&self, settings: &Settings, report: &mut Report) {
        let encoding = if self.jwt.is_some() {
            "a JWT"
        } else {
            "opaque"
        };
        let name = self.kind.map_or("a token of no known kind", name_of);
        let bytes = self.text.len();
        report.note(&format!("format: {name}, {encoding}, {bytes} bytes"));
        let Some(kind) = self.kind else {
            let text = "it is neither a JWT nor begins with `oat_`, `mt_` or `ak_`; maybe it is a refresh token";
            return match settings.accepts_unprefixed {
                true => report.note(text),
                false => report.bad(
                    text,
                    "get an access token; CLERK_OPAQUE_TOKENS=any (`OAuthTokens::unprefixed`) has Clerk \
                     introspect other texts, too",
                ),
            };
        };
        if !settings.accepts(kind) {
            let text = format!("tokens of this kind are not accepted: it is {name}");
            report.bad(&text, option_of(kind));
        } else if let Some((text, advice)) = self.missing(kind, settings) {
            report.bad(text, advice);
        } else {
            report.good("tokens of this kind are accepted");
        }
    }

    /// Returns what the configuration lacks to verify a token of an accepted kind in this encoding.
    fn missing(
        &self,
        kind: TokenKind,
        settings: &Settings,
    ) -> Option<(&'static str, &'static str)> {
        match (kind, self.jwt.is_some()) {
            (TokenKind::OAuth, false)
                if settings.client.is_none() && !settings.oauth_by_backend =>
            {
                Some((
                    "only JWTs of this kind are accepted, and it is opaque",
                    "set CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET (`OAuthTokens::introspection`), or \
                     CLERK_OAUTH_ENDPOINT=backend-api (`OAuthTokens::backend_api`)",
                ))
            }
            (TokenKind::Machine, true) if !settings.machine_jwts => Some((
                "only opaque tokens of this kind are accepted, and it is a JWT",
                "set CLERK_MACHINE_JWTS=1 (`MachineTokens::jwts`, Cargo feature `jwt`)",
            )),
            (TokenKind::Machine, false) if settings.key_of(kind).is_none() => Some((
                "only JWTs of this kind are accepted, and it is opaque",
                "set CLERK_MACHINE_SECRET_KEY (`MachineTokens::machine_secret_key`) or CLERK_SECRET_KEY \
                 (`secret_key`)",
            )),
            _ => None,
        }
    }
}

impl Jwt {
    fn read(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('.').collect();
        let &[header, payload, signature] = &*parts else {
            return None;
        };
        let is_base64url = |part: &&str| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !part.is_empty() && part.bytes().all(is_letter)
        };
        if ![header, payload, signature].iter().all(is_base64url) {
            return None;
        }
        let decode = |part| {
            let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            serde_json::from_slice(&json).unwrap_or_default()
        };
        Some(Self {
            header: decode(header),
            payload: decode(payload),
        })
    }

    fn kind(&self) -> TokenKind {
        let text = |part: &Map<String, Value>, name| Some(part.get(name)?.as_str()?.to_owned());
        let is_machine = text(&self.payload, "sub").is_some_and(|sub| sub.starts_with("mch_"));
        match text(&self.header, "typ").as_deref() {
            _ if is_machine => TokenKind::Machine,
            Some("at+jwt" | "application/at+jwt") => TokenKind::OAuth,
            _ => TokenKind::Session,
        }
    }
}

fn name_of(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::OAuth => "an OAuth access token",
        TokenKind::Session => "a session token, or another JWT of the instance",
        TokenKind::ApiKey => "an API key, or the secret key of a machine",
        _ => "a machine token",
    }
}

/// Returns what to set so that a kind is accepted.
fn option_of(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::OAuth => {
            "add `oauth` to CLERK_ACCEPT, and set CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET \
             (`OAuthTokens::introspection`)"
        }
        TokenKind::Session => {
            "add `session` to CLERK_ACCEPT (`SessionTokens::new()`, Cargo feature `jwt`, which is on by default)"
        }
        TokenKind::ApiKey => {
            "add `api_key` to CLERK_ACCEPT (`ApiKeys::new()`, no Cargo feature), and set CLERK_SECRET_KEY"
        }
        _ => {
            "add `machine` to CLERK_ACCEPT (`MachineTokens::addressed_to`, no Cargo feature), set CLERK_MACHINES, and \
             CLERK_MACHINE_SECRET_KEY or CLERK_SECRET_KEY; for JWTs CLERK_MACHINE_JWTS=1 (`MachineTokens::jwts`, \
             Cargo feature `jwt`)"
        }
    }
}
