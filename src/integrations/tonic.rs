//! Claims in the methods of a tonic service, and rejections as a status.

use std::{error::Error, iter, sync::Arc};

use http::{Extensions, header::WWW_AUTHENTICATE};
use tonic::{Code, Request, Status};

use crate::{AuthError, ClerkClaims, authorize::claims_of, reject::Rejection};

/// Returns the claims of a request.
///
/// The layer belongs in front of the whole server (`Server::builder().layer(..)`), so an interceptor can call this
/// function as well as a method.
///
/// # Errors
///
/// The [`status`] of the rejection: UNAUTHENTICATED if the layer accepted the request without credentials;
/// INTERNAL, and an error in the log, if no [`ClerkAuthLayer`](crate::ClerkAuthLayer) is in front of the service.
///
/// tonic renders a status as gRPC for every request. The layer that accepted the request replaces this status by the
/// HTTP status if the request was not gRPC, or if the layer has
/// [`http_status_only`](crate::ClerkAuthLayer::http_status_only).
///
/// ```
/// use tonic::{Request, Response, Status};
///
/// async fn who_am_i(request: Request<()>) -> Result<Response<String>, Status> {
///     let claims = tower_clerk::tonic::claims(&request)?;
///     if !claims.has_scope("profile") {
///         return Err(Status::permission_denied("the scope profile is needed"));
///     }
///     Ok(Response::new(claims.subject().to_owned()))
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Without the layer it is a mistake of the service.
/// let status = who_am_i(Request::new(())).await.unwrap_err();
/// assert_eq!(status.code(), tonic::Code::Internal);
/// # });
/// ```
pub fn claims<T>(request: &Request<T>) -> Result<&ClerkClaims, Status> {
    claims_of(request.extensions(), iter::empty(), || true).map_err(|rejection| status(&rejection))
}

/// Makes the status of a rejection: its [code](Rejection::grpc_code) and
/// [description](Rejection::description), with the challenge in the metadata, as `www-authenticate`. The
/// [`AuthError`] is the [source](std::error::Error::source).
pub fn status(rejection: &Rejection) -> Status {
    let code = Code::from_i32(rejection.grpc_code().into());
    let mut status = Status::new(code, rejection.description());
    if let Some(challenge) = rejection.challenge() {
        let metadata = status.metadata_mut().as_mut();
        metadata.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    status.set_source(Arc::new(rejection.error().clone()));
    status
}

/// Finds the reason of a failed [`claims`] call in the extensions that tonic leaves in the response.
pub(super) fn error_of(extensions: &Extensions) -> Option<AuthError> {
    let status: &Status = extensions.get()?;
    status.source()?.downcast_ref().cloned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::{Code, Request};

    use super::claims;
    use crate::{
        ClerkClaims, authorize::extension::Anonymous, claims::Claims as Shared, reject::Challenges,
    };

    #[test]
    fn claims_anonymous_and_nothing_are_three_things() {
        let mut request = Request::new(());
        let rejected = claims(&request).unwrap_err();
        assert_eq!(rejected.code(), Code::Internal);
        assert!(rejected.metadata().is_empty());

        let challenges = Arc::new(Challenges::new(&["email".to_owned()], None));
        request.extensions_mut().insert(Anonymous::new(challenges));
        let rejected = claims(&request).unwrap_err();
        assert_eq!(rejected.code(), Code::Unauthenticated);
        assert_eq!(rejected.message(), "a bearer token is required");
        let challenge = rejected.metadata().get("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer scope=\"email\"");

        let known = ClerkClaims::new(Shared::bare("user_1"));
        request.extensions_mut().insert(known);
        assert_eq!(claims(&request).unwrap().subject(), "user_1");
    }
}
