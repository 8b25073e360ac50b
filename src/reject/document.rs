//! Makes a body from bytes, for body types that the layer does not know at compile time.
//!
//! The layer serves its own metadata in front of a service whose body type is generic. The default,
//! [`EmptyBody`](super::EmptyBody), only requires that the type has an empty value, so that the layer also works
//! with tonic. A bound of `From<Bytes>` would exclude tonic. A trait of this crate could not be implemented for body
//! types of crates that do not depend on it, nor for one type in addition to a blanket implementation. The few types
//! that can be made from bytes are therefore recognized at run time. For all other types,
//! [`RejectResponse::json_body`](super::RejectResponse::json_body) can make the body.

use std::any::Any;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};

/// Returns a body with these bytes. `None` if its type is not one of the recognized types.
pub(super) fn body_of<B: 'static>(bytes: Bytes) -> Option<B> {
    let mut body = None;
    put(&mut body, || bytes.clone());
    put(&mut body, || Full::new(bytes.clone()));
    put(&mut body, || Vec::from(bytes.clone()));
    put(&mut body, || String::from_utf8_lossy(&bytes).into_owned());
    #[cfg(feature = "axum")]
    put(&mut body, || axum_core::body::Body::from(bytes.clone()));
    body
}

/// Returns true if a body has no bytes. `None` if its type is not one of the recognized types.
pub(super) fn is_empty<B: 'static>(body: &B) -> Option<bool> {
    let body: &dyn Any = body;
    let known = None
        .or_else(|| body.downcast_ref().map(Bytes::is_empty))
        .or_else(|| body.downcast_ref().map(Vec::<u8>::is_empty))
        .or_else(|| body.downcast_ref().map(is_ended::<String>))
        .or_else(|| body.downcast_ref().map(is_ended::<Full<Bytes>>));
    #[cfg(feature = "axum")]
    let known = known.or_else(|| body.downcast_ref().map(is_ended::<axum_core::body::Body>));
    #[cfg(feature = "tonic")]
    let known = known.or_else(|| body.downcast_ref().map(is_ended::<tonic::body::Body>));
    known
}

fn is_ended<B: BodyExt>(body: &B) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

/// Sets `body` if it has the type that `make` returns.
fn put<B: 'static, T: 'static>(body: &mut Option<B>, make: impl FnOnce() -> T) {
    let body: &mut dyn Any = body;
    if let Some(body) = body.downcast_mut::<Option<T>>() {
        *body = Some(make());
    }
}
