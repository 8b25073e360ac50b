//! Rendering of rejections by rules and extractors behind the layer.
//!
//! Rules and extractors return an empty response with the [`Rejection`] in its extensions, since they do not know the
//! body of the layer's rejections. The layer renders the rejection on the way out, so that all rejections behind the
//! layer have the same body.

use http::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING, VARY},
};

use super::{RejectResponse, Rejection, document, grpc};

/// Returns true if a rule or an extractor has left a rejection in the extensions of a response.
#[inline]
pub(crate) fn is_rejected_behind<B>(response: &Response<B>) -> bool {
    response.extensions().get::<Rejection>().is_some()
}

/// Renders the rejection in the extensions of a response, if there is one. `allows_grpc`: true if a rejection may keep
/// the gRPC form.
///
/// The rejection is taken out of the extensions, so only the nearest layer renders it. A response does not change if it
/// has a body, or another status than the rejection: a service in between has replaced it.
pub(crate) fn render_behind<B: 'static>(
    response: &mut Response<B>,
    allows_grpc: bool,
    with: &impl RejectResponse<B>,
) {
    let Some(mut rejection) = response.extensions_mut().remove::<Rejection>() else {
        return;
    };
    if rejection.is_grpc {
        // The rule has already set the status and the headers.
        if allows_grpc || !grpc::is_rejection(response) {
            return;
        }
        grpc::remove_headers(response.headers_mut());
        rejection.is_grpc = false;
    } else if response.status() != rejection.status() {
        return;
    }
    if !is_empty(response) {
        return;
    }
    if rejection.lacks_own_body(with) {
        // Another body would look like an answer of the service to the client that reads it. The response stays empty.
        rejection.complete(response);
        return;
    }
    let (head, body) = rejection.to_response(with).into_parts();
    *response.status_mut() = head.status;
    *response.body_mut() = body;
    let headers = response.headers_mut();
    // A router has set the length of the empty body.
    headers.remove(CONTENT_LENGTH);
    // Headers that a service in between has added stay, in addition to those that the body's type adds.
    let mut kept = Vec::new();
    for name in [SET_COOKIE, VARY] {
        kept.extend(
            headers
                .get_all(&name)
                .iter()
                .map(|value| (name.clone(), value.clone())),
        );
    }
    let replaced = head.headers;
    kept.retain(|(name, _)| replaced.contains_key(name));
    headers.extend(replaced);
    for (name, value) in kept {
        headers.append(name, value);
    }
    response.extensions_mut().extend(head.extensions);
}

/// Returns true if a response has no body, judging by its headers and the type of its body.
fn is_empty<B: 'static>(response: &Response<B>) -> bool {
    let headers = response.headers();
    let has_length = headers
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length != "0");
    let has_content = [CONTENT_TYPE, CONTENT_ENCODING, TRANSFER_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name));
    !has_length && !has_content && document::is_empty(response.body()).unwrap_or(true)
}

#[cfg(test)]
mod tests;
