//! actix-web: an extractor.

use std::{future::Future, pin::Pin};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    error::{ErrorBadRequest, ErrorInternalServerError, InternalError},
    http::StatusCode,
    web::{self, Bytes, Data, ServiceConfig},
};
use tower_clerk::{
    Authenticator, ClerkClaims,
    reject::{JsonBody, Rejection},
};

use crate::head_from_text;

/// The caller of a request, with a verified token.
#[derive(Debug)]
pub struct Caller(pub ClerkClaims);

impl FromRequest for Caller {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let auth = request.app_data::<Data<Authenticator>>().cloned();
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let uri = request.uri().to_string();
        let head = head_from_text(request.method().as_str(), &uri, headers);
        Box::pin(async move {
            let auth = auth.ok_or_else(|| ErrorInternalServerError("no authenticator"))?;
            let head = head.map_err(ErrorBadRequest)?;
            let result = auth.authenticate(&head).await;
            result.map(Self).map_err(|rejection| response(&rejection))
        })
    }
}

fn response(rejection: &Rejection) -> Error {
    let (parts, body) = rejection.to_response::<Bytes>(&JsonBody).into_parts();
    // actix-web has the types of `http` 0.2.
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in &parts.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    InternalError::from_response("rejected", response.body(body)).into()
}

async fn me(Caller(claims): Caller) -> String {
    claims.subject().to_owned()
}

/// Adds the routes. The authenticator has the pooled connections and the cache, so all workers share one.
pub fn configure(app: &mut ServiceConfig, auth: Authenticator) {
    app.app_data(Data::new(auth))
        .route("/me", web::get().to(me));
}
