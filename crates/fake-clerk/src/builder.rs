//! Builds and starts a fake.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use super::FakeClerk;
use super::in_process;
use super::keys;
use super::server::Server;
use super::state::{Settings, State};

/// The settings of a fake; made by [`FakeClerk::builder`].
#[derive(Clone)]
#[must_use = "there is no fake until `build` or `start` is called"]
pub struct FakeClerkBuilder {
    addr: SocketAddr,
    client: Option<(String, String)>,
    secret_key: Option<String>,
    path: String,
    issuer: Option<String>,
    admin: bool,
}

impl FakeClerk {
    /// Starts a fake on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If no port can be bound or the server's thread cannot be started.
    pub fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts a fake on this address, for instance to bring one back after an outage.
    ///
    /// The new fake has its own client, tokens and key.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound or the server's thread cannot be started.
    pub fn start_on(addr: SocketAddr) -> io::Result<Self> {
        Self::builder().listen(addr).start()
    }

    /// Prepares a fake with other settings; [`new`](Self::new) and [`start`](Self::start) take the defaults.
    pub fn builder() -> FakeClerkBuilder {
        FakeClerkBuilder {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            client: None,
            secret_key: None,
            path: String::new(),
            issuer: None,
            admin: false,
        }
    }
}

impl FakeClerkBuilder {
    /// Sets the address to listen on after [`start`](Self::start); the default is a free port of 127.0.0.1.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.addr = addr;
        self
    }

    /// Sets the id and the secret of the client that is registered from the start. By default they
    /// are random. Set them to keep the environment of a service the same at every start.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client = Some((id.into(), secret.into()));
        self
    }

    /// Sets the secret key of the Backend API. By default it is `sk_test_` and random.
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        self.secret_key = Some(key.into());
        self
    }

    /// Serves the Frontend API below a path such as `/__clerk`, as a proxy of an application does. By default it
    /// is at the root.
    ///
    /// [`FakeClerk::url`] then ends in this path. At the root, the endpoints of the Frontend API do not exist.
    /// The Backend API and the admin page stay at the root, since they are not part of a proxy.
    ///
    /// A proxy adds `Clerk-Proxy-Url`, `Clerk-Secret-Key` and `X-Forwarded-For` to the requests that it passes to
    /// Clerk. The fake needs none of them, and a client never sends them.
    ///
    /// # Panics
    ///
    /// If the path is not `/` and a name, or several of them: letters, digits, `-`, `.`, `_` and `~` between
    /// single slashes, without a slash at the end.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        assert!(is_path(&self.path), "not a path: {:?}", self.path);
        self
    }

    /// Sets the issuer that tokens and metadata name. By default it is [`FakeClerk::url`].
    ///
    /// Clerk does not document which issuer the tokens of an instance behind a proxy name: the URL of the proxy,
    /// or the host of the instance.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Serves the admin page at `/__admin`, and a JSON interface below it, to inspect and control the fake by
    /// hand. It is off by default, since every client that reaches it gets any token.
    ///
    /// The page requires a loopback address, and rejects requests from pages of another origin. Requests of
    /// the page are neither counted nor recorded.
    ///
    /// A fake with the page runs beside a browser, which shows pages of other origins, too. It therefore
    /// answers, at every path, only if the host of the request is its address or `localhost`. Clients that
    /// register themselves may only have redirect URIs on this machine or with an application's own scheme;
    /// [`FakeClerk::allow_redirects`] adds others.
    pub fn admin_page(mut self) -> Self {
        self.admin = true;
        self
    }

    /// Builds the fake without a socket; [`FakeClerk::transport`] carries requests to it.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for the client's secret.
    #[must_use]
    pub fn build(self) -> FakeClerk {
        FakeClerk {
            state: self.into_state(in_process::placeholder_addr()),
            _server: None,
        }
    }

    /// Starts the fake as a server.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound or the server's thread cannot be started, and of the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the admin page is on and the address is not a
    /// loopback address.
    pub fn start(self) -> io::Result<FakeClerk> {
        if self.admin && !self.addr.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the admin page is served on loopback addresses only",
            ));
        }
        let listener = TcpListener::bind(self.addr)?;
        let state = self.into_state(listener.local_addr()?);
        let server = Server::start(listener, Arc::clone(&state))?;
        Ok(FakeClerk {
            state,
            _server: Some(Arc::new(server)),
        })
    }

    fn into_state(self, addr: SocketAddr) -> Arc<State> {
        let client = self
            .client
            .unwrap_or_else(|| (keys::alphanumeric(16), keys::alphanumeric(32)));
        let secret_key = self
            .secret_key
            .unwrap_or_else(|| format!("sk_test_{}", keys::alphanumeric(42)));
        let url = format!("http://{addr}{}", self.path);
        Arc::new(State::new(Settings {
            addr,
            client,
            secret_key,
            issuer: self.issuer.unwrap_or_else(|| url.clone()),
            url,
            path: self.path,
            admin: self.admin,
        }))
    }
}

impl fmt::Debug for FakeClerkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeClerkBuilder")
            .field("addr", &self.addr)
            .field("path", &self.path)
            .field("issuer", &self.issuer)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// Returns true for a path that a URL has as it is written, without a slash at the end.
pub(super) fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        !matches!(name, "" | "." | "..") && name.bytes().all(is_plain)
    };
    path.strip_prefix('/')
        .is_some_and(|names| names.split('/').all(is_name))
}
