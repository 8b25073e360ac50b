//! Claims in a method of a tonic service.

use std::{error::Error, iter, sync::Arc};

use http::{Extensions, header::WWW_AUTHENTICATE};
use tonic::{Code, Request, Status};

use crate::{AuthError, ClerkClaims, authorize::claims_of};

/// The claims of a request.
///
/// The layer stands before the whole server (`Server::builder().layer(..)`), so that an interceptor
/// may call this as well as a method does.
///
/// # Errors
///
/// UNAUTHENTICATED where the layer let the request through without credentials: the challenge is in
/// the metadata, as `www-authenticate`. INTERNAL, and an error in the log, where no
/// [`ClerkAuthLayer`](crate::ClerkAuthLayer) stands before the service. The [`AuthError`] is the
/// [source](std::error::Error::source) of the status.
///
/// tonic renders a status as gRPC for every request. The layer that let the request through replaces this one by
/// the HTTP status if the request was not gRPC, or if the layer has
/// [`http_status_only`](crate::ClerkAuthLayer::http_status_only).
///
/// ```
/// use tonic::{Request, Response, Status};
/// use tower_clerk::clerk_claims;
///
/// async fn who_am_i(request: Request<()>) -> Result<Response<String>, Status> {
///     let claims = clerk_claims(&request)?;
///     if !claims.has_scope("profile") {
///         return Err(Status::permission_denied("the scope profile is needed"));
///     }
///     Ok(Response::new(claims.subject().to_owned()))
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Without the layer it is a mistake of the service's.
/// let status = who_am_i(Request::new(())).await.unwrap_err();
/// assert_eq!(status.code(), tonic::Code::Internal);
/// # });
/// ```
pub fn clerk_claims<T>(request: &Request<T>) -> Result<&ClerkClaims, Status> {
    claims_of(request.extensions(), iter::empty(), || true).map_err(|rejected| {
        let rejection = rejected.rejection;
        let code = Code::from_i32(rejection.grpc_code().into());
        let mut status = Status::new(code, rejection.description());
        if let Some(challenge) = rejection.challenge() {
            let metadata = status.metadata_mut().as_mut();
            metadata.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        status.set_source(Arc::new(rejected.error));
        status
    })
}

/// Finds the reason of a [`clerk_claims`] that failed, in what tonic leaves among the extensions of the response.
pub(super) fn error_of(extensions: &Extensions) -> Option<AuthError> {
    let status: &Status = extensions.get()?;
    status.source()?.downcast_ref().cloned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::{Code, Request};

    use super::clerk_claims;
    use crate::{ClerkClaims, authorize::extension::Anonymous, claims::Claims, reject::Challenges};

    #[test]
    fn claims_anonymous_and_nothing_are_three_things() {
        let mut request = Request::new(());
        let status = clerk_claims(&request).unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.metadata().is_empty());

        let challenges = Arc::new(Challenges::new(&["email".to_owned()], None));
        request.extensions_mut().insert(Anonymous::new(challenges));
        let status = clerk_claims(&request).unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.message(), "a bearer token is required");
        let challenge = status.metadata().get("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer scope=\"email\"");

        let claims = ClerkClaims::new(Claims::bare("user_1"));
        request.extensions_mut().insert(claims);
        assert_eq!(clerk_claims(&request).unwrap().subject(), "user_1");
    }
}
