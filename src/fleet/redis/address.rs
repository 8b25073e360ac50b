//! The address of a Redis server, read from its URL. Pure.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

/// The parts of a URL `redis://user:password@host:port/database`. `rediss` is with TLS.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: i64,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// The problem. It does not repeat the URL, which may contain a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is not a URL")?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err("the scheme must be redis or rediss"),
        };
        let host = match url.host().ok_or("it has no host")? {
            Host::Domain(name) if name.contains('%') => return Err("the host is not a name"),
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        if url.query().is_some() || url.fragment().is_some() {
            // The crate `redis` has options there, one of which switches the verification of certificates off.
            return Err("it must end after the number of the database");
        }
        let database = match url.path() {
            "" | "/" => 0,
            path => path[1..].parse::<u16>().map_err(|_| NO_DATABASE)?.into(),
        };
        let decode = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from)
                .map_err(|_| "the user or the password is not UTF-8")
        };
        let password = url.password().filter(|password| !password.is_empty());
        let password = password.map(decode).transpose()?;
        let user = Some(url.username()).filter(|user| !user.is_empty());
        let user = user.map(decode).transpose()?;
        if user.is_some() && password.is_none() {
            return Err("it has a user without a password");
        }
        Ok(Self {
            tls,
            host,
            port: url.port().unwrap_or(6379),
            user,
            password: password.map(Into::into),
            database,
        })
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.tls
    }

    /// Returns true if the password would cross a network in clear text.
    pub(crate) fn shows_password(&self) -> bool {
        let is_here = match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        };
        self.password.is_some() && !self.tls && !is_here
    }
}

const NO_DATABASE: &str = "the path must be the number of the database";
