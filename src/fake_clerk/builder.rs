//! Starting a fake that is not as every other.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use super::FakeClerk;
use super::keys;
use super::server::Server;
use super::state::State;

/// Says how a fake is to start; made by [`FakeClerk::builder`].
#[derive(Clone)]
#[must_use = "there is no fake until `start` is called"]
pub struct FakeClerkBuilder {
    addr: SocketAddr,
    client: Option<(String, String)>,
    secret_key: Option<String>,
    admin: bool,
}

impl FakeClerk {
    /// Prepares a fake with settings of its own; [`start`](Self::start) takes the defaults.
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
    /// Sets the address to listen on; the default is a free port of 127.0.0.1.
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

    /// Serves a page under `/__admin`, and a JSON interface below it, to look at the fake and to
    /// drive it by hand; by default there is none, since whoever reaches it gets any token.
    ///
    /// It is for this machine: it wants a loopback address, and takes nothing from pages of another
    /// origin. Its own requests are neither counted nor recorded.
    ///
    /// A fake with that page runs beside a browser, which shows pages of strangers, too. So it answers,
    /// at every path, only where the request names its address or `localhost` as the host, and clients
    /// that register themselves have redirect URIs on this machine or of an application's own scheme
    /// only; [`FakeClerk::allow_redirects`] can name others.
    pub fn admin_page(mut self) -> Self {
        self.admin = true;
        self
    }

    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound or the server's thread cannot be started, and of the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the admin page is wanted and the address is
    /// not that of a loopback interface.
    pub fn start(self) -> io::Result<FakeClerk> {
        if self.admin && !self.addr.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the admin page is served on loopback addresses only",
            ));
        }
        let listener = TcpListener::bind(self.addr)?;
        let client = self
            .client
            .unwrap_or_else(|| (keys::alphanumeric(16), keys::alphanumeric(32)));
        let secret_key = self
            .secret_key
            .unwrap_or_else(|| format!("sk_test_{}", keys::alphanumeric(42)));
        let state = State::new(listener.local_addr()?, client, secret_key, self.admin);
        let state = Arc::new(state);
        let server = Server::start(listener, Arc::clone(&state))?;
        Ok(FakeClerk {
            state,
            _server: Arc::new(server),
        })
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
