use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;

use super::render_behind;
use crate::{
    AuthError, AuthErrorKind,
    reject::{Challenges, JsonBody, Rejection},
};

fn rejection(is_grpc: bool) -> Rejection {
    Challenges::new(&[], None).rejection(&AuthErrorKind::Forbidden.into(), is_grpc)
}

fn unrendered<B: Default>(is_grpc: bool) -> Response<B> {
    rejection(is_grpc).into_unrendered()
}

#[track_caller]
fn check_json(response: &Response<Bytes>, name: &str) {
    assert_eq!(response.status(), 403, "{name}");
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["error"], "forbidden", "{name}");
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json", "{name}");
    assert_eq!(headers["www-authenticate"], "Bearer", "{name}");
    assert_eq!(headers["cache-control"], "no-store", "{name}");
    for gone in ["grpc-status", "grpc-message", "content-length"] {
        assert!(!headers.contains_key(gone), "{name}: {gone}");
    }
    let error = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(error.kind(), AuthErrorKind::Forbidden, "{name}");
}

#[test]
fn only_the_nearest_layer_renders() {
    let mut response = unrendered::<Bytes>(false);
    render_behind(&mut response, true, &JsonBody);
    assert!(response.extensions().get::<Rejection>().is_none());
    check_json(&response, "the nearest");
    let outer = |_: &Rejection| Response::new(Bytes::from_static(b"outer"));
    render_behind(&mut response, true, &outer);
    check_json(&response, "the outer one");
}

#[test]
fn headers_from_in_between_stay() {
    let mut response = unrendered::<Bytes>(false);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert("x-request-id", HeaderValue::from_static("7"));
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    let render = |_: &Rejection| {
        let mut response = Response::new(Bytes::from_static(b"page"));
        let vary = HeaderValue::from_static("accept");
        response.headers_mut().insert(header::VARY, vary);
        response
    };
    render_behind(&mut response, true, &render);
    let headers = response.headers();
    assert_eq!(headers["x-request-id"], "7");
    let vary: Vec<_> = headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept", "origin"]);
    assert!(!headers.contains_key("content-length"));
    assert_eq!(response.body(), "page");
}

#[test]
fn a_response_that_was_replaced_stays() {
    #[track_caller]
    fn check(name: &str, change: impl Fn(&mut Response<Bytes>)) {
        let mut response = unrendered(false);
        change(&mut response);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.body().clone();
        render_behind(&mut response, true, &JsonBody);
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers(), &headers, "{name}");
        assert_eq!(response.body(), &body, "{name}");
        let is_left = response.extensions().get::<Rejection>().is_some();
        assert!(!is_left, "{name}");
    }

    check("a body", |response| {
        *response.body_mut() = Bytes::from_static(b"b")
    });
    check("another status", |response| {
        *response.status_mut() = http::StatusCode::NOT_FOUND;
    });
    for name in [
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "content-length",
    ] {
        check(name, |response| {
            let value = HeaderValue::from_static("1");
            response.headers_mut().insert(name, value);
        });
    }
}

#[test]
fn bodies_of_known_types_are_looked_at() {
    fn render<B: 'static + Default + From<String>>(body: B) -> Response<B> {
        let mut response = unrendered(false);
        *response.body_mut() = body;
        render_behind(&mut response, true, &JsonBody);
        response
    }

    assert_eq!(render("b".to_owned()).body(), "b");
    assert_eq!(render(b"b".to_vec()).body(), b"b");
    let has_type =
        |response: Response<Full<Bytes>>| response.headers().contains_key("content-type");
    assert!(!has_type(render(Full::from("b"))));
    assert!(has_type(render(Full::default())));
    assert!(render(String::new()).body().contains("forbidden"));
    assert!(!render(Vec::<u8>::new()).body().is_empty());
    #[cfg(feature = "axum")]
    for (body, expected) in [("b", false), ("", true)] {
        let response = render(axum_core::body::Body::from(body));
        assert_eq!(response.headers().contains_key("content-type"), expected);
    }
}

#[test]
fn the_grpc_form_stays_unless_only_statuses_are_allowed() {
    let mut response = unrendered::<Bytes>(true);
    render_behind(&mut response, true, &JsonBody);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "7");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(response.body().is_empty());
    assert!(response.extensions().get::<Rejection>().is_none());

    let mut response = unrendered::<Bytes>(true);
    render_behind(&mut response, false, &JsonBody);
    check_json(&response, "by the HTTP status");
}

#[test]
fn other_responses_stay() {
    let mut response = Response::new(Bytes::new());
    render_behind(&mut response, false, &JsonBody);
    assert_eq!(response.status(), 200);
    assert!(response.headers().is_empty());
}

/// A body type that nothing can be made into.
#[derive(Debug, Default, PartialEq)]
struct Opaque(u8);

#[test]
fn a_body_of_its_own_takes_precedence_over_the_body_of_the_layer() {
    const OWN: &[u8] = br#"{"own":true}"#;
    let with_own = || rejection(false).with_json(Bytes::from_static(OWN));
    let page = |_: &Rejection| Response::new(Bytes::from_static(b"page"));
    let json = |response: &Response<Bytes>| {
        assert_eq!(response.body(), OWN);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.status(), 403);
    };
    let mut response = with_own().into_unrendered();
    render_behind(&mut response, true, &page);
    json(&response);
    json(&with_own().to_response(&page));

    // Without a form for the body's type, the answer is empty, whatever the layer's body would be.
    let mut response = with_own().into_unrendered();
    render_behind(&mut response, true, &|_: &Rejection| {
        Response::new(Opaque(7))
    });
    assert_eq!(
        (response.status().as_u16(), response.body()),
        (403, &Opaque(0))
    );
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert!(!response.headers().contains_key("content-type"));
    assert!(response.extensions().get::<Rejection>().is_none());
}

#[test]
fn a_body_of_its_own_is_not_for_grpc() {
    let with_own = || rejection(true).with_json(Bytes::from_static(b"{}"));
    let mut response = with_own().into_unrendered::<Bytes>();
    render_behind(&mut response, true, &JsonBody);
    assert_eq!(response.headers()["grpc-status"], "7");
    assert_eq!(
        (response.status().as_u16(), &**response.body()),
        (200, &b""[..])
    );
    let response: Response<Bytes> = with_own().to_response(&JsonBody);
    assert!(response.body().is_empty());

    // A layer that allows no gRPC form answers with the HTTP one.
    let mut response = with_own().into_unrendered::<Bytes>();
    render_behind(&mut response, false, &JsonBody);
    assert_eq!(
        (response.status().as_u16(), &**response.body()),
        (403, &b"{}"[..])
    );
    let mut response = with_own().into_unrendered::<Opaque>();
    render_behind(&mut response, false, &|_: &Rejection| {
        Response::new(Opaque(7))
    });
    assert_eq!(
        (response.status().as_u16(), response.body()),
        (403, &Opaque(0))
    );
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert!(!response.headers().contains_key("grpc-status"));
}
