//! The address of the Backend API, and the headers of every request to it.

use std::fmt;

use http::{HeaderValue, Uri};

/// The way to the Backend API, checked.
#[derive(Clone)]
pub(crate) struct Backend {
    /// What stands before the paths, without a slash at its end.
    pub(crate) base: String,
    pub(crate) is_https: bool,
    /// `Authorization`: the secret key, marked as sensitive.
    pub(crate) credentials: HeaderValue,
    /// `Clerk-API-Version`.
    pub(crate) version: HeaderValue,
}

impl Backend {
    /// The address of a path: it begins with a slash, and consists of what may stand in one.
    pub(crate) fn endpoint(&self, path: &str) -> Uri {
        Uri::try_from(format!("{}{path}", self.base))
            .expect("a checked address and such a path are a URI")
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }
}

/// Shows neither the secret key nor a path, which may hold one of a proxy.
impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin: Vec<_> = self.base.splitn(4, '/').take(3).collect();
        f.debug_struct("Backend")
            .field("origin", &origin.join("/"))
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
