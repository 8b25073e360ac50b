//! salvo: a middleware, which puts the claims into the depot.

use salvo::{
    Depot, FlowCtrl, Handler, Request, Response, Router, async_trait, handler, http::StatusError,
};
use tower_clerk::{Authenticator, ClerkClaims, reject::JsonBody};

use crate::head;

/// Verifies the token of each request. A rejected request reaches no handler.
#[derive(Debug)]
pub struct Authenticate(pub Authenticator);

#[async_trait]
impl Handler for Authenticate {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let head = head(request.method(), request.uri(), request.headers());
        match self.0.authenticate(&head).await {
            Ok(claims) => _ = depot.insert_typed(claims),
            Err(rejection) => {
                response.merge_hyper(rejection.to_response::<Vec<u8>>(&JsonBody));
                ctrl.skip_rest();
            }
        }
    }
}

#[handler]
async fn me(depot: &mut Depot) -> Result<String, StatusError> {
    // Without the middleware, the request is not answered.
    let claims = depot.get_typed::<ClerkClaims>();
    let claims = claims.map_err(|_| StatusError::internal_server_error())?;
    Ok(claims.subject().to_owned())
}

/// Makes the routes.
pub fn app(auth: Authenticator) -> Router {
    Router::with_path("me").hoop(Authenticate(auth)).get(me)
}
