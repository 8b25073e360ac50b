mod organization;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request, Response, Version};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::{RequireClaims, RequireScopes, present::Anonymous};
use crate::{
    AuthError, AuthErrorKind, ClerkClaims, JsonBody, claims::Claims, reject::Challenges,
    verify::Rules,
};

const METADATA: &str = "https://m.example/";

fn challenges() -> Arc<Challenges> {
    Arc::new(Challenges::new(&["email".to_owned()], Some(METADATA)))
}

fn claims(scope: &str) -> ClerkClaims {
    ClerkClaims::new(Claims {
        scope: scope.into(),
        challenges: challenges(),
        ..Claims::bare("user_1")
    })
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(*name, value);
    }
    request
}

/// Sends a request through a layer; tells how often the inner service was called.
fn send<L>(layer: &L, request: Request<()>) -> (Response<Bytes>, usize)
where
    L: Layer<Inner>,
    L::Service: Service<Request<()>, Response = Response<Bytes>, Error = Infallible>,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service = layer.layer(Inner(Arc::clone(&calls)));
    let response = service.call(request).now_or_never().unwrap().unwrap();
    (response, calls.load(Ordering::SeqCst))
}

#[derive(Clone)]
struct Inner(Arc<AtomicUsize>);

impl Service<Request<()>> for Inner {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Bytes::from_static(b"inner"))))
    }
}

#[test]
fn scopes_are_judged_by_name() {
    struct Case {
        name: &'static str,
        input: (RequireScopes, &'static str),
        expected: u16,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (layer, scope) = &case.input;
        for _ in 0..2 {
            let mut request = request(&[]);
            request.extensions_mut().insert(claims(scope));
            let (response, calls) = send(layer, request);
            assert_eq!(response.status(), case.expected, "{}", case.name);
            assert_eq!(calls, usize::from(case.expected == 200), "{}", case.name);
        }
    }

    let all = || RequireScopes::all(["read", "write"]);
    let any = || RequireScopes::any(["read", "write"]);
    let cases = [
        Case {
            name: "all of all",
            input: (all(), "write email read"),
            expected: 200,
        },
        Case {
            name: "one of all",
            input: (all(), "read"),
            expected: 403,
        },
        Case {
            name: "none of all",
            input: (all(), ""),
            expected: 403,
        },
        Case {
            name: "the last of any",
            input: (any(), "email write"),
            expected: 200,
        },
        Case {
            name: "none of any",
            input: (any(), "email"),
            expected: 403,
        },
        Case {
            // C071
            name: "what only begins alike",
            input: (any(), "readonly write: Read"),
            expected: 403,
        },
        Case {
            // C069
            name: "other white space",
            input: (any(), "read\twrite read\u{a0}write"),
            expected: 403,
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn a_hierarchy_of_the_configuration_counts() {
    let mut rules = Rules::usual();
    rules.scope_implies = Some(Arc::new(|granted, needed| {
        needed
            .strip_prefix(granted)
            .is_some_and(|rest| rest.starts_with(':'))
    }));
    let claims = ClerkClaims::new(Claims {
        scope: "files".into(),
        rules: Arc::new(rules),
        ..Claims::bare("user_1")
    });
    for (layer, expected) in [
        (RequireScopes::all(["files:read", "files:write"]), 200),
        (RequireScopes::all(["files:read", "mail:read"]), 403),
        (RequireScopes::any(["mail:read", "files:read"]), 200),
        (RequireScopes::any(["mail:read", "filesystem"]), 403),
    ] {
        let mut request = request(&[]);
        request.extensions_mut().insert(claims.clone());
        assert_eq!(send(&layer, request).0.status(), expected, "{layer:?}");
    }
}

#[test]
fn every_rejection_says_what_is_needed() {
    struct Case {
        name: &'static str,
        rejected: Response<Bytes>,
        expected: (u16, AuthErrorKind, Option<&'static str>),
    }

    #[track_caller]
    fn check(case: &Case) {
        let (status, kind, challenge) = case.expected;
        let (name, headers) = (case.name, case.rejected.headers());
        assert_eq!(case.rejected.status(), status, "{name}");
        let told = headers
            .get("www-authenticate")
            .map(|value| value.to_str().unwrap());
        assert_eq!(told, challenge, "{name}");
        assert_eq!(headers["cache-control"], "no-store", "{name}");
        assert!(case.rejected.body().is_empty(), "{name}");
        let error = case.rejected.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), kind, "{name}");
    }

    let all = RequireScopes::all(["read", "write"]);
    let any = RequireScopes::any(["read", "write"]);
    let never = RequireClaims::new(|_| false);
    let known = || {
        let mut request = request(&[]);
        request.extensions_mut().insert(claims("email"));
        request
    };
    let anonymous = || {
        let mut request = request(&[]);
        request
            .extensions_mut()
            .insert(Anonymous::new(challenges()));
        request
    };
    let cases = [
        Case {
            name: "all",
            rejected: send(&all, known()).0,
            expected: (
                403,
                AuthErrorKind::InsufficientScope,
                Some(
                    "Bearer error=\"insufficient_scope\", \
                     error_description=\"the access token lacks a required permission\", \
                     scope=\"email read write\", resource_metadata=\"https://m.example/\"",
                ),
            ),
        },
        Case {
            name: "any",
            rejected: send(&any, known()).0,
            expected: (
                403,
                AuthErrorKind::InsufficientScope,
                Some(
                    "Bearer error=\"insufficient_scope\", \
                     error_description=\"the access token lacks a required permission\", \
                     scope=\"email read\", resource_metadata=\"https://m.example/\"",
                ),
            ),
        },
        Case {
            name: "a predicate",
            rejected: send(&never, known()).0,
            expected: (
                403,
                AuthErrorKind::Forbidden,
                Some("Bearer resource_metadata=\"https://m.example/\""),
            ),
        },
        Case {
            name: "anonymous, all",
            rejected: send(&all, anonymous()).0,
            expected: (
                401,
                AuthErrorKind::MissingCredentials,
                Some("Bearer scope=\"email read write\", resource_metadata=\"https://m.example/\""),
            ),
        },
        Case {
            name: "anonymous, a predicate",
            rejected: send(&never, anonymous()).0,
            expected: (
                401,
                AuthErrorKind::MissingCredentials,
                Some("Bearer scope=\"email\", resource_metadata=\"https://m.example/\""),
            ),
        },
        Case {
            name: "no layer, scopes",
            rejected: send(&all, request(&[])).0,
            expected: (500, AuthErrorKind::MissingLayer, None),
        },
        Case {
            name: "no layer, a predicate",
            rejected: send(&RequireClaims::new(|_| true), request(&[])).0,
            expected: (500, AuthErrorKind::MissingLayer, None),
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn rejections_to_grpc_are_trailers_only() {
    let grpc = || {
        let mut request = request(&[
            ("content-type", "application/grpc+proto"),
            ("te", "trailers"),
        ]);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request
    };
    let mut known = grpc();
    known.extensions_mut().insert(claims("email"));
    let mut anonymous = grpc();
    anonymous
        .extensions_mut()
        .insert(Anonymous::new(challenges()));
    let layer = RequireScopes::all(["read"]);
    for (request, code) in [(known, "7"), (anonymous, "16"), (grpc(), "13")] {
        let (response, calls) = send(&layer, request);
        assert_eq!((response.status().as_u16(), calls), (200, 0));
        assert_eq!(response.headers()["grpc-status"], code);
    }
}

#[test]
fn claims_win_over_the_mark_of_anonymous_requests() {
    let mut request = request(&[]);
    request
        .extensions_mut()
        .insert(Anonymous::new(challenges()));
    request.extensions_mut().insert(claims("read"));
    let (response, calls) = send(&RequireScopes::all(["read"]), request);
    assert_eq!((response.status().as_u16(), calls), (200, 1));
}

#[test]
fn rejections_are_shaped_like_the_layers() {
    let mut known = request(&[]);
    known.extensions_mut().insert(claims("email"));
    let layer = RequireScopes::all(["read"]).reject_with(JsonBody);
    let (response, _) = send(&layer, known);
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["error"], "insufficient_scope");
    assert_eq!(body["scope"], "email read");
}

#[test]
fn a_predicate_sees_the_claims() {
    let layer =
        RequireClaims::new(|claims| claims.has_scope("read") && claims.subject() == "user_1");
    for (scope, expected) in [("read", 200), ("write", 403)] {
        let mut request = request(&[]);
        request.extensions_mut().insert(claims(scope));
        assert_eq!(send(&layer, request).0.status(), expected, "{scope}");
    }
}

#[test]
fn rules_that_make_no_sense_are_not_made() {
    // They stand in a quoted string of a header.
    for scopes in [
        &[][..],
        &[""],
        &["a b"],
        &["a", "b\""],
        &["a\\"],
        &["a\r\nx: y"],
        &["ä"],
    ] {
        let scopes = scopes.to_vec();
        let all = panic::catch_unwind(|| RequireScopes::all(scopes.clone()));
        assert!(all.is_err(), "{scopes:?}");
        let any = panic::catch_unwind(|| RequireScopes::any(scopes.clone()));
        assert!(any.is_err(), "{scopes:?}");
    }
}

#[test]
fn debug_shows_the_scopes() {
    let layer = RequireScopes::any(["read"]);
    assert_eq!(format!("{layer:?}"), "RequireScopes(Any([\"read\"]))");
    let service = RequireClaims::new(|_| true).layer(1);
    assert_eq!(
        format!("{service:?}"),
        "Require { inner: 1, rule: Claims, .. }"
    );
    let inner =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Bytes::new()))));
    let future = layer.layer(inner).call(request(&[]));
    assert_eq!(format!("{future:?}"), "RequireFuture { .. }");
}
