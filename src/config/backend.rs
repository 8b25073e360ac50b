//! The Backend API: its address, and the headers of every request to it.

use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    ClerkConfigBuilder,
    checks::{
        Flaw, Problems,
        origin::{NOT_PLAIN, is_host_byte, is_loopback, is_plain_path},
        text::is_vschar,
    },
    clerk::backend_api::Backend,
};

impl ClerkConfigBuilder {
    /// Checks the options of the Backend API, once with the instance's secret key and once with the machine's. Each
    /// result is `None` without its key. Address and version are checked in any case, so that mistakes show early.
    pub(super) fn check_backend(
        &self,
        machine_key: Option<&SecretString>,
        problems: &mut Problems,
    ) -> (Option<Backend>, Option<Backend>) {
        let url = problems.check("backend_api_url", self.check_url());
        let version = problems.check("backend_api_version", self.check_version());
        let mut with = |option, key: &str, prefix| {
            let credentials = problems.check(option, check_key(key, prefix))??;
            let ((base, is_https), version) = (url.clone()?, version.clone()?);
            Some(Backend {
                base,
                is_https,
                credentials,
                version,
            })
        };
        let instance = with("secret_key", self.secret_key.expose_secret(), "sk_");
        let key = machine_key.map_or("", |key| key.expose_secret());
        let machine = with("accept.machine.machine_secret_key", key, "ak_");
        (instance, machine)
    }

    fn check_url(&self) -> Result<(String, bool), Flaw> {
        let value = &self.backend_api_url;
        let invalid = |reason| Flaw::invalid(value, reason);
        // An error must not show a secret.
        if value.contains('@') {
            return Err(Flaw::hidden("leave the user info out"));
        }
        if value.starts_with("sk_") {
            return Err(Flaw::hidden(
                "this is a secret key: give the address of the Backend API",
            ));
        }
        let (scheme, rest) = value
            .split_once("://")
            .ok_or_else(|| invalid("give a URL, such as https://api.clerk.com/v1"))?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err(invalid("the scheme must be https"));
        }
        // The parser would silently decode, drop or convert much of what is rejected here.
        if rest.contains(['?', '#']) {
            return Err(invalid("leave query and fragment out"));
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let is_authority_byte = |byte| is_host_byte(byte) || matches!(byte, b':' | b'[' | b']');
        if authority.is_empty() || !authority.bytes().all(is_authority_byte) {
            return Err(invalid("it does not name a host"));
        }
        let path = path.trim_end_matches('/');
        if !is_plain_path(path) {
            return Err(invalid(NOT_PLAIN));
        }
        let url = Url::parse(value).map_err(|_| invalid("it is no URL"))?;
        let host = url.host_str().unwrap_or_default();
        if !authority.to_ascii_lowercase().starts_with(host) {
            return Err(invalid("write an address in its usual form"));
        }
        if !is_https && !is_loopback(&url) && !self.danger_allow_http {
            return Err(invalid(
                "plain http is for loopback addresses alone: use https, or, for development, `danger_allow_http`",
            ));
        }
        // The same as in Clerk's own libraries, which also add the path to `CLERK_API_URL`.
        let path = if path.is_empty() { "/v1" } else { path };
        let base = format!("{}{path}", url.origin().ascii_serialization());
        if base.len() > LONGEST_URL || Uri::try_from(&base).is_err() {
            return Err(invalid("it is no URI, or one of more than 1024 bytes"));
        }
        Ok((base, is_https))
    }

    /// Checks the form `YYYY-MM-DD`. Clerk decides which versions exist.
    fn check_version(&self) -> Result<HeaderValue, Flaw> {
        let version = &self.backend_api_version;
        let is_date = version.len() == 10
            && version
                .bytes()
                .enumerate()
                .all(|(place, byte)| match place {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
        HeaderValue::try_from(version)
            .ok()
            .filter(|_| is_date)
            .ok_or_else(|| Flaw::invalid(version, "a version is a date, such as 2026-05-12"))
    }
}

/// Checks a secret key and makes `Authorization` from it. `None` without a key. `prefix`: the prefix of this kind of
/// key.
fn check_key(key: &str, prefix: &str) -> Result<Option<HeaderValue>, Flaw> {
    if key.is_empty() {
        return Ok(None);
    }
    let of_another_kind = [
        ("pk_", "this is a publishable key"),
        ("sk_", "this is the secret key of the instance"),
        ("ak_", "this is the secret key of a machine"),
    ];
    let found = of_another_kind
        .into_iter()
        .find(|(other, _)| key.starts_with(other) && *other != prefix);
    let wanted = if prefix == "sk_" {
        "give the secret key of the instance, `sk_…`; that of a machine is for `MachineTokens::machine_secret_key`"
    } else {
        "give the secret key of the machine, `ak_…`; that of the instance is for `secret_key`"
    };
    if let Some((_, what)) = found {
        return Err(Flaw::hidden(format_args!("{what}: {wanted}")));
    }
    if !key.starts_with(prefix) {
        return Err(Flaw::hidden(wanted));
    }
    let plain = key.bytes().all(|byte| is_vschar(byte) && byte != b' ');
    let credentials = HeaderValue::try_from(format!("Bearer {key}")).ok();
    match credentials.filter(|_| plain) {
        Some(mut credentials) => {
            credentials.set_sensitive(true);
            Ok(Some(credentials))
        }
        None => Err(Flaw::hidden(
            "a secret key consists of visible ASCII characters",
        )),
    }
}

/// A URI can have 64 KiB, paths included.
const LONGEST_URL: usize = 1024;
