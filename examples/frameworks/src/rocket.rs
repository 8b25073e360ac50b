//! rocket: a request guard, and a catcher, since a guard cannot set headers.

use std::io::Cursor;

use rocket::{
    Build, Request, Response, Rocket, State, async_trait, catch, catchers, get,
    http::Status,
    request::{FromRequest, Outcome},
    response::{self, Responder},
    routes,
};
use tower_clerk::{
    Authenticator, ClerkClaims,
    reject::{JsonBody, Rejection},
};

use crate::head_from_text;

/// The caller of a request, with a verified token.
#[derive(Debug)]
pub struct Caller(pub ClerkClaims);

/// Why the guard rejected a request. `None` if it did not.
struct Rejected(Option<Rejection>);

#[async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let Some(auth) = request.guard::<&State<Authenticator>>().await.succeeded() else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        let headers: Vec<_> = request.headers().iter().collect();
        let headers = headers
            .iter()
            .map(|it| (it.name().as_str(), it.value().as_bytes()));
        let uri = request.uri().to_string();
        let Ok(head) = head_from_text(request.method().as_str(), &uri, headers) else {
            return Outcome::Error((Status::BadRequest, ()));
        };
        match auth.authenticate(&head).await {
            Ok(claims) => Outcome::Success(Self(claims)),
            Err(rejection) => {
                let status = Status::new(rejection.status().as_u16());
                request.local_cache(|| Rejected(Some(rejection)));
                Outcome::Error((status, ()))
            }
        }
    }
}

#[catch(default)]
fn rejected(status: Status, request: &Request<'_>) -> Result<Answer, Status> {
    let rejected = request.local_cache(|| Rejected(None));
    rejected.0.clone().map(Answer).ok_or(status)
}

/// The response to a rejected request.
struct Answer(Rejection);

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let (parts, body) = self.0.to_response::<Vec<u8>>(&JsonBody).into_parts();
        let mut response = Response::new();
        response.set_status(Status::new(parts.status.as_u16()));
        for (name, value) in &parts.headers {
            let value = value.to_str().map_err(|_| Status::InternalServerError)?;
            response.adjoin_raw_header(name.as_str().to_owned(), value.to_owned());
        }
        response.set_sized_body(body.len(), Cursor::new(body));
        Ok(response)
    }
}

#[get("/me")]
fn me(caller: Caller) -> String {
    caller.0.subject().to_owned()
}

/// Makes the app on a configuration of rocket.
pub fn app(config: rocket::Config, auth: Authenticator) -> Rocket<Build> {
    rocket::custom(config)
        .manage(auth)
        .mount("/", routes![me])
        .register("/", catchers![rejected])
}
