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

use super::extension::Anonymous;
use crate::{
    AuthError, AuthErrorKind, ClerkClaims, RequireLayer,
    claims::Claims,
    reject::{Challenges, Rejection},
    verify::{ConfiguredRules, Rules},
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
        input: (RequireLayer, &'static str),
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

    let all = || RequireLayer::scopes(["read", "write"]);
    let any = || RequireLayer::any_scope(["read", "write"]);
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
        rules: Arc::new(ConfiguredRules::of(rules)),
        ..Claims::bare("user_1")
    });
    for (layer, expected) in [
        (RequireLayer::scopes(["files:read", "files:write"]), 200),
        (RequireLayer::scopes(["files:read", "mail:read"]), 403),
        (RequireLayer::any_scope(["mail:read", "files:read"]), 200),
        (RequireLayer::any_scope(["mail:read", "filesystem"]), 403),
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

    let all = RequireLayer::scopes(["read", "write"]);
    let any = RequireLayer::any_scope(["read", "write"]);
    let never = RequireLayer::claims(|_| false);
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
            rejected: send(&RequireLayer::claims(|_| true), request(&[])).0,
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
    let layer = RequireLayer::scopes(["read"]);
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
    let (response, calls) = send(&RequireLayer::scopes(["read"]), request);
    assert_eq!((response.status().as_u16(), calls), (200, 1));
}

#[test]
fn a_rejection_is_left_for_the_layer_to_render() {
    for _ in 0..2 {
        let mut known = request(&[]);
        known.extensions_mut().insert(claims("email"));
        let (response, _) = send(&RequireLayer::scopes(["read"]), known);
        assert!(response.body().is_empty());
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.code(), Some("insufficient_scope"));
        assert_eq!(rejection.scope(), Some("email read"));
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), rejection.kind());
    }
}

#[test]
fn several_layers_are_combined_with_and() {
    let read = RequireLayer::scopes(["read"]);
    let user = RequireLayer::claims(|claims| claims.subject() == "user_1");
    let other = RequireLayer::claims(|claims| claims.subject() == "user_2");
    for _ in 0..2 {
        for (inner, scope, status) in [
            (&user, "read", 200),
            (&other, "read", 403),
            (&user, "write", 403),
        ] {
            let both = tower::ServiceBuilder::new()
                .layer(&read)
                .layer(inner)
                .into_inner();
            let mut request = request(&[]);
            request.extensions_mut().insert(claims(scope));
            let (response, calls) = send(&both, request);
            assert_eq!(response.status(), status, "{inner:?}, {scope}");
            assert_eq!(calls, usize::from(status == 200), "{inner:?}, {scope}");
        }
    }
}

#[test]
fn a_panic_names_the_line_of_the_caller() {
    use std::{panic::Location, sync::Mutex};

    #[track_caller]
    fn check(make: impl FnOnce() -> RequireLayer + panic::UnwindSafe) {
        static SEEN: Mutex<Option<(String, u32)>> = Mutex::new(None);
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|info| {
            let at = info.location().map(|at| (at.file().to_owned(), at.line()));
            *SEEN.lock().unwrap() = at;
        }));
        let made = panic::catch_unwind(make);
        panic::set_hook(hook);
        assert!(made.is_err());
        let (file, line) = SEEN.lock().unwrap().take().unwrap();
        assert_eq!((&*file, line), (file!(), Location::caller().line()));
    }

    let none: [&str; 0] = [];
    check(|| RequireLayer::scopes(none));
    check(|| RequireLayer::any_scope(["a b"]));
    check(|| RequireLayer::permissions(none));
    check(|| RequireLayer::any_permission(none));
    check(|| RequireLayer::any_role(none));
    check(|| RequireLayer::any_kind([]));
}

#[test]
fn a_predicate_sees_the_claims() {
    let layer =
        RequireLayer::claims(|claims| claims.has_scope("read") && claims.subject() == "user_1");
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
        let all = panic::catch_unwind(|| RequireLayer::scopes(scopes.clone()));
        assert!(all.is_err(), "{scopes:?}");
        let any = panic::catch_unwind(|| RequireLayer::any_scope(scopes.clone()));
        assert!(any.is_err(), "{scopes:?}");
    }
}

#[test]
fn debug_shows_the_scopes() {
    let layer = RequireLayer::any_scope(["read"]);
    assert_eq!(format!("{layer:?}"), "RequireLayer(AnyScope([\"read\"]))");
    let service = RequireLayer::claims(|_| true).layer(1);
    assert_eq!(format!("{service:?}"), "Require { inner: 1, rule: Claims }");
    let inner =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Bytes::new()))));
    let future = layer.layer(inner).call(request(&[]));
    assert_eq!(format!("{future:?}"), "ResponseFuture { .. }");
}
