//! Builds and starts a fake.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use super::FakeClerk;
use super::in_process;
use super::keys;
use super::server::Server;
use super::state::State;

/// The settings of a fake; made by [`FakeClerk::builder`].
#[derive(Clone)]
#[must_use = "there is no fake until `build` or `start` is called"]
pub struct FakeClerkBuilder {
    addr: SocketAddr,
    client: Option<(String, String)>,
    secret_key: Option<String>,
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
        Arc::new(State::new(addr, client, secret_key, self.admin))
    }
}

impl fmt::Debug for FakeClerkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeClerkBuilder")
            .field("addr", &self.addr)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}
