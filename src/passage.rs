//! What differs between a layer and its clones: how requests get through. What is known of tokens, and what
//! they must be, is shared.

use std::sync::Arc;

use http::{Request, header::AUTHORIZATION};

use crate::{AuthError, AuthErrorKind, ClerkClaims, auth::Auth, require::present::Anonymous};

/// How requests get through.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    /// Those without credentials do, too.
    pub(crate) is_optional: bool,
    /// What the token was sent in does not.
    pub(crate) strips_authorization: bool,
}

impl Passage {
    /// Whether a request may pass without claims, for what its headers were refused for. It is asked before
    /// anything else was: what a verification comes to is final.
    pub(crate) fn admits(self, error: &AuthError) -> bool {
        self.is_optional && error.kind() == AuthErrorKind::MissingCredentials
    }

    /// Takes the accepted token out of a request.
    pub(crate) fn strip<B>(self, request: &mut Request<B>) {
        if self.strips_authorization {
            request.headers_mut().remove(AUTHORIZATION);
        }
    }
}

/// Makes a request one of nobody: claims that were there before are not this layer's.
pub(crate) fn anonymize<B>(auth: &Auth, request: &mut Request<B>) {
    auth.observer.passed_anonymous();
    let extensions = request.extensions_mut();
    extensions.remove::<ClerkClaims>();
    extensions.insert(Anonymous::new(Arc::clone(&auth.challenges)));
}
