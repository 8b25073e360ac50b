//! [`JwtKeys`] and [`JwtAlgorithm`]: the keys and the algorithms that JWTs are verified with.

use std::fmt;

use serde::{Deserialize, Deserializer};

#[cfg(feature = "jwt")]
use crate::{checks::Flaw, clerk::backend_api::Backend};

/// The keys that JWTs are verified with.
///
/// `Debug` shows no key.
#[derive(Clone)]
#[must_use = "pass it to `ClerkConfigBuilder::jwt_keys`"]
pub struct JwtKeys(Source);

#[derive(Clone)]
enum Source {
    Instance,
    BackendApi,
    Pem(#[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "no JWT is verified"))] String),
}

/// The checked keys.
#[cfg(feature = "jwt")]
#[derive(Clone, Debug)]
pub(crate) enum CheckedKeys {
    Instance,
    BackendApi(Backend),
    Key(crate::verify::jwt::PublicKey),
}

impl JwtKeys {
    /// Uses the instance's key set. It is fetched with the first JWT, and again after Clerk has rotated its keys.
    pub fn instance() -> Self {
        Self(Source::Instance)
    }

    /// Uses the instance's key set, fetched from the Backend API (`GET /v1/jwks`) with the
    /// [`secret_key`](crate::ClerkConfigBuilder::secret_key), which is mandatory then. It has the same keys as
    /// [`instance`](Self::instance), and is fetched again after Clerk has rotated its keys.
    ///
    /// Use it in networks that allow only the host of the Backend API.
    pub fn backend_api() -> Self {
        Self(Source::BackendApi)
    }

    /// Uses the instance's RSA public key in PEM (SPKI), as the dashboard shows it (`CLERK_JWT_KEY`), of 2048 to 8192
    /// bits.
    ///
    /// JWTs are verified without network access. After Clerk has rotated its keys, all JWTs are rejected until this key
    /// is replaced.
    ///
    /// The forms that occur in env files are accepted, too: quotes around the PEM, line breaks written as `\n` or
    /// `\r\n`, no line breaks, no first and last line, and base64 of the whole PEM. Any other text is a problem of
    /// [`build`](crate::ClerkConfigBuilder::build), which names what the text is instead.
    pub fn pem(pem: impl Into<String>) -> Self {
        Self(Source::Pem(pem.into()))
    }

    /// Returns true if a value was chosen that only a build with the feature `jwt` can use.
    pub(super) fn need_jwt(&self) -> bool {
        !matches!(self.0, Source::Instance)
    }

    pub(super) fn need_secret_key(&self) -> bool {
        matches!(self.0, Source::BackendApi)
    }

    /// Checks the keys. `None` if they need the Backend API, and it lacks the secret key, which is another problem.
    #[cfg(feature = "jwt")]
    pub(super) fn check(&self, backend: Option<&Backend>) -> Result<Option<CheckedKeys>, Flaw> {
        Ok(match &self.0 {
            Source::Instance => Some(CheckedKeys::Instance),
            Source::BackendApi => backend.cloned().map(CheckedKeys::BackendApi),
            Source::Pem(pem) => Some(CheckedKeys::Key(public_key(pem)?)),
        })
    }
}

impl Default for JwtKeys {
    fn default() -> Self {
        Self::instance()
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Instance => "JwtKeys::instance",
            Source::BackendApi => "JwtKeys::backend_api",
            Source::Pem(_) => "JwtKeys::pem([redacted])",
        })
    }
}

/// Reads `"instance"`, `"backend-api"`, or a PEM.
impl<'de> Deserialize<'de> for JwtKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::checks::parse::secret_text(deserializer, "`jwt_keys` must be a string")?;
        Ok(match text.trim() {
            "instance" => Self::instance(),
            "backend-api" => Self::backend_api(),
            _ => Self::pem(text),
        })
    }
}

/// Reads a PEM in the forms that occur in env files. The text is in no error, since it may be the private key.
#[cfg(feature = "jwt")]
fn public_key(text: &str) -> Result<crate::verify::jwt::PublicKey, Flaw> {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let text = unquoted(text);
    let mut pem = text.replace("\\r", "\n").replace("\\n", "\n");
    if !pem.contains("-----") {
        let joined: String = pem.split_ascii_whitespace().collect();
        let decoded = STANDARD.decode(joined).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(decoded) = decoded.filter(|decoded| decoded.contains("-----BEGIN")) {
            pem = decoded;
        }
    }
    crate::verify::jwt::PublicKey::from_pem(&pem).ok_or_else(|| {
        Flaw::hidden(format_args!(
            "{}. Give the instance's RSA public key in PEM (`-----BEGIN PUBLIC KEY-----`), of 2048 to 8192 bits",
            flaw_of(pem.trim())
        ))
    })
}

/// Describes the problem of a text that is not a public key.
#[cfg(feature = "jwt")]
fn flaw_of(pem: &str) -> &'static str {
    if pem.is_empty() {
        "it is empty"
    } else if pem.starts_with("sk_") {
        "it is a secret key"
    } else if pem.starts_with("pk_") {
        "it is a publishable key"
    } else if pem.contains("PRIVATE KEY-----") {
        "it is a private key, which must not leave Clerk"
    } else if pem.contains("BEGIN CERTIFICATE-----") {
        "it is a certificate"
    } else if pem.contains("BEGIN RSA PUBLIC KEY-----") {
        "it is a PKCS #1 key, which `openssl rsa -RSAPublicKey_in -pubout` converts"
    } else if pem.starts_with("http") || pem.starts_with('{') {
        "it is an address or a key set, not a key"
    } else if pem.contains("-----BEGIN PUBLIC KEY-----") && !pem.contains("-----END") {
        "its last line is missing: an env file ends a value at a line break, unless line breaks are written as `\\n`"
    } else if pem.contains("-----BEGIN PUBLIC KEY-----") {
        "between its first and last line it is not the base64 of an RSA key of this size"
    } else {
        "it is not a PEM"
    }
}

/// Returns the text without white space and quotes around it.
#[cfg(feature = "jwt")]
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote);
        if let Some(inner) = inner.and_then(|inner| inner.strip_suffix(quote)) {
            return inner.trim();
        }
    }
    text
}
