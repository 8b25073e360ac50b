//! Options in which a layer and its clones can differ. Clones share the cache and the rules for tokens.

use std::fmt;

use http::{Request, header::AUTHORIZATION};

use crate::{
    AuthError, AuthErrorKind, ClerkClaims, authenticator::Authenticator,
    authorize::extension::Anonymous, reject,
};

/// The options of a layer that its clones do not share. One byte, so that a cache hit tests all of them at once.
#[derive(Clone, Copy, Default)]
pub(crate) struct LayerOptions(u8);

impl LayerOptions {
    /// Requests without credentials are accepted, too.
    const OPTIONAL: u8 = 1;
    /// The header with an accepted token is removed from the request.
    const STRIP_AUTHORIZATION: u8 = 1 << 1;
    /// No rejection has the gRPC form, neither the layer's own rejections nor those from behind the layer.
    const HTTP_STATUS_ONLY: u8 = 1 << 2;

    #[must_use]
    pub(crate) fn optional(self) -> Self {
        Self(self.0 | Self::OPTIONAL)
    }

    #[must_use]
    pub(crate) fn strip_authorization(self) -> Self {
        Self(self.0 | Self::STRIP_AUTHORIZATION)
    }

    #[must_use]
    pub(crate) fn http_status_only(self) -> Self {
        Self(self.0 | Self::HTTP_STATUS_ONLY)
    }

    fn has(self, options: u8) -> bool {
        self.0 & options != 0
    }

    /// Returns true if an accepted request and its response pass unchanged.
    pub(crate) fn changes_nothing(self) -> bool {
        !self.has(Self::STRIP_AUTHORIZATION | Self::HTTP_STATUS_ONLY)
    }

    /// Returns true if no rejection may have the gRPC form.
    pub(crate) fn is_http_status_only(self) -> bool {
        self.has(Self::HTTP_STATUS_ONLY)
    }

    /// Returns true if a rejection of a request has the gRPC form.
    pub(crate) fn is_grpc<B>(self, request: &Request<B>) -> bool {
        !self.is_http_status_only()
            && reject::is_grpc(request.method(), request.version(), request.headers())
    }

    /// Returns true if a request may pass without claims although its headers were rejected with this error. This is
    /// checked before any verification: the result of a verification is final.
    pub(crate) fn accepts_anonymous(self, error: &AuthError) -> bool {
        self.has(Self::OPTIONAL) && error.kind() == AuthErrorKind::MissingCredentials
    }

    /// Removes the accepted token from a request.
    pub(crate) fn strip<B>(self, request: &mut Request<B>) {
        if self.has(Self::STRIP_AUTHORIZATION) {
            request.headers_mut().remove(AUTHORIZATION);
        }
    }
}

impl fmt::Debug for LayerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerOptions")
            .field("optional", &self.has(Self::OPTIONAL))
            .field("strip_authorization", &self.has(Self::STRIP_AUTHORIZATION))
            .field("http_status_only", &self.has(Self::HTTP_STATUS_ONLY))
            .finish()
    }
}

/// Marks a request as anonymous, and removes claims that this layer did not insert.
pub(crate) fn anonymize<B>(authenticator: &Authenticator, request: &mut Request<B>) {
    let extensions = request.extensions_mut();
    extensions.remove::<ClerkClaims>();
    extensions.insert(Anonymous::new(authenticator.pass_anonymous()));
}
