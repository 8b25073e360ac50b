//! Clerk's tokens in frameworks that are not built on tower. Each module has an extractor, a guard or a middleware that
//! calls `Authenticator::authenticate`, and an app with one route, `GET /me`, which responds with the subject.
//!
//! The module [`mcp`] has MCP servers, whose crates have an HTTP service that the layers wrap.
//!
//! A rejection is answered with its own status and headers: the challenge of a 401 or 403, and the `Retry-After` of a 503.

pub mod actix;
pub mod mcp;
pub mod poem;
pub mod rocket;
pub mod salvo;

use ::http::{Error, HeaderMap, Method, Request, Uri, request::Parts};

/// Makes the head of a request from the types of `http` 1.
fn head(method: &Method, uri: &Uri, headers: &HeaderMap) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method.clone();
    parts.uri = uri.clone();
    parts.headers = headers.clone();
    parts
}

/// Makes the head of a request from text, for frameworks with other types. Each value of a header is kept: two
/// `Authorization` headers are rejected.
fn head_from_text<'a>(
    method: &str,
    uri: &str,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Parts, Error> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(request.body(())?.into_parts().0)
}
