//! poem: an extractor.

use poem::{
    Endpoint, EndpointExt, Error, FromRequest, Request, RequestBody, Response, Result, Route, get,
    handler, http::StatusCode,
};
use tower_clerk::{
    Authenticator, ClerkClaims,
    reject::{JsonBody, Rejection},
};

use crate::head;

/// The caller of a request, with a verified token.
#[derive(Debug)]
pub struct Caller(pub ClerkClaims);

impl<'a> FromRequest<'a> for Caller {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let Some(auth) = request.data::<Authenticator>() else {
            return Err(Error::from_status(StatusCode::INTERNAL_SERVER_ERROR));
        };
        let head = head(request.method(), request.original_uri(), request.headers());
        let result = auth.authenticate(&head).await;
        result.map(Self).map_err(|rejection| response(&rejection))
    }
}

fn response(rejection: &Rejection) -> Error {
    let (parts, body) = rejection.to_response::<Vec<u8>>(&JsonBody).into_parts();
    let mut response = Response::builder().status(parts.status).body(body);
    *response.headers_mut() = parts.headers;
    Error::from_response(response)
}

#[handler]
async fn me(Caller(claims): Caller) -> String {
    claims.subject().to_owned()
}

/// Makes the app.
pub fn app(auth: Authenticator) -> impl Endpoint {
    Route::new().at("/me", get(me)).data(auth)
}
