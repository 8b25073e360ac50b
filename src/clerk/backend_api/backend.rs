//! The address of the Backend API, and the headers of every request to it.

use std::fmt;

use http::{HeaderValue, Uri};

/// The checked address of the Backend API, and the credentials for it.
#[derive(Clone)]
pub(crate) struct Backend {
    /// The part of every address before the path, without a slash at the end.
    pub(crate) base: String,
    pub(crate) is_https: bool,
    /// `Authorization`: the secret key, marked as sensitive.
    pub(crate) credentials: HeaderValue,
    /// `Clerk-API-Version`.
    pub(crate) version: HeaderValue,
}

impl Backend {
    /// Returns the address of a path. The path begins with a slash, and has only characters that a path may have.
    pub(crate) fn endpoint(&self, path: &str) -> Uri {
        Uri::try_from(format!("{}{path}", self.base))
            .expect("a checked address and such a path are a URI")
    }
}

/// Shows neither the secret key nor the path, which may contain the secret of a proxy.
impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin: Vec<_> = self.base.splitn(4, '/').take(3).collect();
        f.debug_struct("Backend")
            .field("origin", &origin.join("/"))
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
