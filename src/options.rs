//! What differs between a layer and its clones: how requests get through. What is known of tokens, and what
//! they must be, is shared.

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
    /// Requests without credentials pass, too.
    const OPTIONAL: u8 = 1;
    /// The header of the token does not.
    const STRIP_AUTHORIZATION: u8 = 1 << 1;
    /// No rejection has the gRPC form, neither the layer's own nor one from behind it.
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

    /// Returns true if a request with an accepted token, and its response, pass as they are.
    pub(crate) fn changes_nothing(self) -> bool {
        !self.has(Self::STRIP_AUTHORIZATION | Self::HTTP_STATUS_ONLY)
    }

    /// Returns true if no rejection may have the gRPC form, whatever the request.
    pub(crate) fn is_http_status_only(self) -> bool {
        self.has(Self::HTTP_STATUS_ONLY)
    }

    /// Returns true if a rejection of a request has the gRPC form.
    pub(crate) fn is_grpc<B>(self, request: &Request<B>) -> bool {
        !self.is_http_status_only()
            && reject::is_grpc(request.method(), request.version(), request.headers())
    }

    /// Whether a request may pass without claims, for what its headers were rejected for. It is asked before
    /// anything else was: what a verification comes to is final.
    pub(crate) fn accepts_anonymous(self, error: &AuthError) -> bool {
        self.has(Self::OPTIONAL) && error.kind() == AuthErrorKind::MissingCredentials
    }

    /// Takes the accepted token out of a request.
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

/// Makes a request one of nobody: claims that were there before are not this layer's.
pub(crate) fn anonymize<B>(authenticator: &Authenticator, request: &mut Request<B>) {
    let extensions = request.extensions_mut();
    extensions.remove::<ClerkClaims>();
    extensions.insert(Anonymous::new(authenticator.pass_anonymous()));
}
