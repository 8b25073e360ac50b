//! A document as the body of a response, where nothing is known of that body but its type's name.
//!
//! The layer answers requests for its own metadata, in the place of a service whose bodies may be anything:
//! the default, [`EmptyBody`](super::EmptyBody), asks no more of them than that there is an empty
//! one, so that the layer fits tonic's, too. To ask for `From<Bytes>` would lock those out, and a trait of our
//! own could not be implemented for bodies of crates that do not know us, nor for one kind of body beside
//! all others. So the kinds that can be made of bytes are recognised when it comes to it; there are
//! few of them. Others are made by [`RejectResponse::json_body`](super::RejectResponse::json_body), if at all.

use std::any::Any;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};

/// A body with these bytes; `None` where its kind is not known here.
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

/// Returns true if a body has no bytes; `None` if its type is not known here.
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

/// Sets `body` where it is of the kind that `make` makes.
fn put<B: 'static, T: 'static>(body: &mut Option<B>, make: impl FnOnce() -> T) {
    let body: &mut dyn Any = body;
    if let Some(body) = body.downcast_mut::<Option<T>>() {
        *body = Some(make());
    }
}
