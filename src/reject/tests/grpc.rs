use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response, Version, header};

use super::{EmptyBody, KINDS, text, usual};
use crate::{
    AuthError, AuthErrorKind,
    reject::{is_grpc, to_http_status},
};

const TYPE: &str = "content-type";

#[test]
fn a_request_is_grpc_only_if_it_can_be_nothing_else() {
    // C036, fault A1
    struct Case {
        name: &'static str,
        input: (
            &'static str,
            Version,
            &'static [(&'static str, &'static str)],
        ),
        expected: bool,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (method, version, fields) = case.input;
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = is_grpc(&method, version, &headers);
        assert_eq!(found, case.expected, "{}", case.name);
    }

    const H2: Version = Version::HTTP_2;
    const GRPC: &[(&str, &str)] = &[(TYPE, "application/grpc"), ("te", "trailers")];
    let of = |name, input, expected| Case {
        name,
        input,
        expected,
    };
    let mut cases = vec![
        of("gRPC", ("POST", H2, GRPC), true),
        of("HTTP/0.9", ("POST", Version::HTTP_09, GRPC), false),
        of("HTTP/1.0", ("POST", Version::HTTP_10, GRPC), false),
        of("HTTP/1.1", ("POST", Version::HTTP_11, GRPC), false),
        of("HTTP/3", ("POST", Version::HTTP_3, GRPC), false),
        of("nothing", ("POST", H2, &[]), false),
        of("no TE", ("POST", H2, &[(TYPE, "application/grpc")]), false),
        of("no type", ("POST", H2, &[("te", "trailers")]), false),
        of(
            "two types",
            (
                "POST",
                H2,
                &[
                    (TYPE, "application/grpc"),
                    (TYPE, "application/grpc"),
                    ("te", "trailers"),
                ],
            ),
            false,
        ),
        of(
            "another type behind",
            (
                "POST",
                H2,
                &[
                    (TYPE, "application/grpc"),
                    (TYPE, "text/html"),
                    ("te", "trailers"),
                ],
            ),
            false,
        ),
        of(
            "two TE",
            (
                "POST",
                H2,
                &[
                    (TYPE, "application/grpc"),
                    ("te", "trailers"),
                    ("te", "trailers"),
                ],
            ),
            false,
        ),
    ];
    for method in [
        "GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "PATCH", "post", "POSTER",
    ] {
        cases.push(of(method, (method, H2, GRPC), false));
    }
    for (content_type, expected) in [
        ("application/grpc+proto", true),
        ("application/grpc+", true),
        ("application/grpc;charset=utf-8", true),
        ("application/grpc;", true),
        ("Application/gRPC+Proto", true),
        ("", false),
        ("application/grp", false),
        ("application/grpcx", false),
        ("application/grpc2", false),
        ("application/grpc-web", false),
        ("application/grpc-web+proto", false),
        ("application/grpc-web-text", false),
        ("application/grpc ", false),
        ("application/grpc ;charset=utf-8", false),
        (" application/grpc", false),
        ("application/grpc,text/html", false),
        ("application/grpc/", false),
        ("text/plain; application/grpc", false),
        ("\"application/grpc\"", false),
        ("application/json", false),
    ] {
        let fields = Box::leak(Box::new([(TYPE, content_type), ("te", "trailers")]));
        cases.push(of(content_type, ("POST", H2, fields), expected));
    }
    for te in [
        "",
        "Trailers",
        " trailers",
        "trailers ",
        "trailers;q=1",
        "trailers, gzip",
        "gzip, trailers",
        "trailers,trailers",
        "gzip",
        "trailer",
    ] {
        let fields = Box::leak(Box::new([(TYPE, "application/grpc"), ("te", te)]));
        cases.push(of(te, ("POST", H2, fields), false));
    }
    for case in &cases {
        check(case);
    }
    // What is no text is no media type either.
    let mut headers = HeaderMap::new();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let bytes = HeaderValue::from_bytes(b"application/grpc\xff").unwrap();
    headers.insert(header::CONTENT_TYPE, bytes);
    assert!(!is_grpc(&Method::POST, H2, &headers));
}

fn render(error: AuthError, is_grpc: bool) -> Response<Bytes> {
    let rejection = usual().rejection(&error, is_grpc);
    rejection.to_response(&EmptyBody)
}

#[test]
fn a_grpc_outage_has_the_delay_for_both_kinds_of_clients() {
    // fault E13
    for (name, delay, seconds, millis) in [
        ("none", Duration::ZERO, "0", "0"),
        ("whole seconds", Duration::from_secs(7), "7", "7000"),
        (
            "rounded up alike",
            Duration::from_millis(7_001),
            "8",
            "8000",
        ),
        // fault D2: an error has no longer one.
        ("a minute", Duration::from_secs(60), "60", "60000"),
        ("longer", Duration::from_secs(2_147_484), "60", "60000"),
        ("the longest", Duration::MAX, "60", "60000"),
    ] {
        let error = AuthError::new(AuthErrorKind::RateLimited).with_retry_after(delay);
        let response = render(error, true);
        let headers = response.headers();
        assert_eq!(text(headers, "retry-after"), Some(seconds), "{name}");
        let pushback = text(headers, "grpc-retry-pushback-ms");
        assert_eq!(pushback, Some(millis), "{name}");
    }
    for kind in KINDS {
        // The delay of what is no outage is not for the caller.
        let error = AuthError::new(kind).with_retry_after(Duration::from_secs(9));
        let response = render(error.clone(), true);
        let headers = response.headers();
        let is_outage = text(headers, "grpc-status") == Some("14");
        assert_eq!(headers.contains_key("retry-after"), is_outage, "{kind:?}");
        let has_pushback = headers.contains_key("grpc-retry-pushback-ms");
        assert_eq!(has_pushback, is_outage, "{kind:?}");
        let response = render(error, false);
        let has_pushback = response.headers().contains_key("grpc-retry-pushback-ms");
        assert!(!has_pushback, "{kind:?}");
    }
}

#[test]
fn a_rejection_in_the_grpc_form_becomes_what_it_would_have_been() {
    // fault A1
    for kind in KINDS {
        let error = AuthError::new(kind).with_retry_after(Duration::from_secs(3));
        let plain = render(error.clone(), false);
        let mut response = render(error, true);
        to_http_status(&mut response, |_| unreachable!("it has an error"));
        assert_eq!(response.status(), plain.status(), "{kind:?}");
        assert_eq!(response.headers(), plain.headers(), "{kind:?}");
        let error: &AuthError = response.extensions().get().unwrap();
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn no_other_response_is_given_a_status() {
    let forbidden = |_: &Extensions| Some(AuthErrorKind::Forbidden.into());
    let grpc = || Response::builder().header("grpc-status", "7");

    // Somebody else's gRPC status.
    let mut response = grpc().body(()).unwrap();
    to_http_status(&mut response, |_| None);
    assert_eq!(response.status(), 200);
    assert_eq!(text(response.headers(), "grpc-status"), Some("7"));
    // The same, rendered by a framework for this crate.
    to_http_status(&mut response, forbidden);
    assert_eq!(response.status(), 403);
    assert_eq!(text(response.headers(), "grpc-status"), None);
    assert_eq!(text(response.headers(), "cache-control"), Some("no-store"));
    let error: &AuthError = response.extensions().get().unwrap();
    assert_eq!(error.kind(), AuthErrorKind::Forbidden);

    let mut plain = Response::new(());
    to_http_status(&mut plain, forbidden);
    assert_eq!(plain.status(), 200);
    let mut has_status = grpc().status(418).body(()).unwrap();
    to_http_status(&mut has_status, forbidden);
    assert_eq!(has_status.status(), 418);
}
