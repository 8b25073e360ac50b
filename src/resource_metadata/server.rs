//! The metadata of the authorization server, at the resource's host. RFC 8414 places it at the authorization server.
//! Clients of MCP's first revision request it at the resource's host instead, and so do some later ones.

use std::sync::Arc;

use bytes::Bytes;

use super::{ResourceMetadata, WELL_KNOWN};
use crate::{AuthError, clerk::server_metadata::ServerMetadata};

/// The document, and its paths.
#[derive(Debug)]
pub(super) struct Server {
    document: ServerMetadata,
    /// The path of a resource with a path. `None` without one.
    path: Option<String>,
}

impl Server {
    /// Returns the document. `None` if it has not been fetched yet.
    pub(super) fn json(&self) -> Option<Bytes> {
        self.document.json()
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        [Some(SERVER), self.path.as_deref()].into_iter().flatten()
    }
}

impl ResourceMetadata {
    /// Adds the metadata of the authorization server.
    pub(crate) fn with_server(self, document: ServerMetadata) -> Self {
        let suffix = self
            .0
            .path
            .as_deref()
            .and_then(|path| path.strip_prefix(WELL_KNOWN));
        let server = Server {
            document,
            path: suffix.map(|suffix| format!("{SERVER}{suffix}")),
        };
        let (url, path) = (self.0.url.clone(), self.0.path.clone());
        Self::of(url, path, self.0.document.clone(), Some(Arc::new(server)))
    }

    /// Fetches the document of the authorization server, if it is served.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        match &self.0.server {
            Some(server) => server.document.warm_up().await,
            None => Ok(()),
        }
    }

    /// Returns the authorization server whose document is at this path.
    pub(super) fn server_at(&self, path: &str) -> Option<&Server> {
        let server = self.0.server.as_deref()?;
        server.paths().any(|it| it == path).then_some(server)
    }

    /// Returns the paths of the authorization server's document.
    #[cfg(feature = "axum")]
    pub(super) fn server_paths(&self) -> impl Iterator<Item = &str> {
        self.0.server.iter().flat_map(|server| server.paths())
    }
}

/// The path of the metadata of an authorization server without a path (RFC 8414 §3).
const SERVER: &str = "/.well-known/oauth-authorization-server";
