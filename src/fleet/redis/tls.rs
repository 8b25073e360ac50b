//! TLS to the server, by rustls.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// The certificates of authorities that are trusted instead of the platform's.
#[derive(Clone)]
pub(crate) struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Reads a PEM file. `None` if it has no certificate, or one that cannot be used.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.ok()?).ok()?;
        }
        (!roots.is_empty()).then(|| Self(roots.into()))
    }
}

pub(super) struct Tls {
    roots: Option<Roots>,
    /// Made with the first connection, since the platform's certificates are files.
    connector: OnceLock<TlsConnector>,
}

impl Tls {
    pub(super) fn new(roots: Option<Roots>) -> Self {
        Self {
            roots,
            connector: OnceLock::new(),
        }
    }

    pub(super) async fn connect(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector()?.connect(name, tcp).await
    }

    fn connector(&self) -> io::Result<&TlsConnector> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let config = self.config().map_err(io::Error::other)?;
        Ok(self.connector.get_or_init(|| Arc::new(config).into()))
    }

    /// The provider is named: without a name, rustls panics in a program that has two.
    fn config(&self) -> Result<ClientConfig, tokio_rustls::rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match &self.roots {
            Some(Roots(roots)) => config.with_root_certificates(Arc::clone(roots)),
            None => config.with_platform_verifier()?,
        };
        Ok(config.with_no_client_auth())
    }
}
