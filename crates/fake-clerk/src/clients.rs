//! The instance's clients, and their authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};

use super::record::has_media_type;
use super::state::State;

/// The authentication method of a client at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMethod {
    Basic,
    Post,
    None,
}

impl AuthMethod {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "client_secret_basic" => Some(Self::Basic),
            "client_secret_post" => Some(Self::Post),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// A registered client.
#[derive(Clone)]
pub(super) struct Client {
    /// Absent for a public client.
    pub(super) secret: Option<String>,
    pub(super) methods: Vec<AuthMethod>,
    pub(super) redirect_uris: Vec<String>,
    /// True if the client registered for the grant type `refresh_token`.
    pub(super) refreshes: bool,
    /// The scopes that it gets if it requests none.
    pub(super) default_scope: Option<String>,
}

impl Client {
    /// Returns a confidential client without redirect URIs.
    pub(super) fn confidential(secret: String) -> Self {
        Self {
            secret: Some(secret),
            methods: vec![AuthMethod::Basic, AuthMethod::Post],
            redirect_uris: Vec::new(),
            refreshes: true,
            default_scope: None,
        }
    }

    pub(super) fn is_public(&self) -> bool {
        self.secret.is_none()
    }
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    has_media_type(headers, "application/x-www-form-urlencoded")
}

/// Returns true if a request has the credentials of a confidential client.
pub(super) fn is_known(state: &State, headers: &HeaderMap) -> bool {
    let Some((id, secret)) = basic(headers) else {
        return false;
    };
    let ledger = state.lock();
    let client = ledger.clients.get(&id);
    // A public client does not have a secret to authenticate with.
    client.is_some_and(|client| client.secret.as_ref() == Some(&secret))
}

/// Returns the client id and secret of the `Authorization` header.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let credentials = credentials(headers, "basic")?;
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// Returns the credentials of the `Authorization` header if it has this scheme.
pub(super) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (given, credentials) = value.split_once(' ')?;
    given
        .eq_ignore_ascii_case(scheme)
        .then(|| credentials.trim())
}

/// Decodes a client id or secret. RFC 6749 §2.3.1 requires both to be form-encoded before they are joined. A
/// stray percent sign is an error, as with Clerk, to detect clients that do not encode.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? * 16 + hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
