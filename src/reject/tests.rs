mod grpc;
mod rendering;

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::{Challenges, EmptyBody, JsonBody, ProblemJson, RejectResponse, Rejection};
use crate::{AuthError, AuthErrorKind};

const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource";

const MISSING: &str = "Bearer scope=\"email profile\", resource_metadata=\
    \"https://api.example.com/.well-known/oauth-protected-resource\"";
const REQUEST: &str =
    "Bearer error=\"invalid_request\", error_description=\"the credentials are malformed\"";
const TOKEN: &str = "Bearer error=\"invalid_token\", \
    error_description=\"the access token is not valid\", resource_metadata=\
    \"https://api.example.com/.well-known/oauth-protected-resource\"";
const SCOPE: &str = "Bearer error=\"insufficient_scope\", \
    error_description=\"the access token lacks a required permission\", scope=\"email profile\", \
    resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"";

const FORBIDDEN: &str =
    "Bearer resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"";

fn challenges(scopes: &[&str], metadata: Option<&str>) -> Challenges {
    let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    Challenges::new(&scopes, metadata)
}

fn usual() -> Challenges {
    challenges(&["email", "profile"], Some(METADATA))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    assert!(
        headers.get_all(name).iter().count() <= 1,
        "{name} stands twice"
    );
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// A row of the table of outcomes.
struct Case {
    name: AuthErrorKind,
    status: u16,
    grpc: &'static str,
    error: Option<&'static str>,
    challenge: Option<&'static str>,
}

impl Case {
    fn of(name: AuthErrorKind) -> Self {
        let (status, grpc, error, challenge) = match name {
            AuthErrorKind::MissingCredentials => (401, "16", None, Some(MISSING)),
            AuthErrorKind::MalformedCredentials
            | AuthErrorKind::MultipleCredentials
            | AuthErrorKind::TokenTooLong => (400, "16", Some("invalid_request"), Some(REQUEST)),
            AuthErrorKind::Expired
            | AuthErrorKind::Inactive
            | AuthErrorKind::InvalidSignature
            | AuthErrorKind::MalformedToken
            | AuthErrorKind::MissingSubject
            | AuthErrorKind::NotAccessToken
            | AuthErrorKind::NotSessionToken
            | AuthErrorKind::NotYetValid
            | AuthErrorKind::PendingSession
            | AuthErrorKind::SenderConstrained
            | AuthErrorKind::UnsupportedToken
            | AuthErrorKind::WrongAudience
            | AuthErrorKind::WrongClient
            | AuthErrorKind::WrongIssuer
            | AuthErrorKind::WrongMachine
            | AuthErrorKind::UnauthorizedParty => (401, "16", Some("invalid_token"), Some(TOKEN)),
            AuthErrorKind::InsufficientScope => (403, "7", Some("insufficient_scope"), Some(SCOPE)),
            AuthErrorKind::Forbidden | AuthErrorKind::ReverificationRequired => {
                (403, "7", None, Some(FORBIDDEN))
            }
            AuthErrorKind::MissingLayer => (500, "13", None, None),
            AuthErrorKind::CredentialsRejected
            | AuthErrorKind::ProfileUnavailable
            | AuthErrorKind::RateLimited
            | AuthErrorKind::Overloaded
            | AuthErrorKind::InvalidUpstreamResponse
            | AuthErrorKind::UpstreamUnavailable => (503, "14", None, None),
        };
        Self {
            name,
            status,
            grpc,
            error,
            challenge,
        }
    }
}

const KINDS: [AuthErrorKind; 30] = [
    AuthErrorKind::CredentialsRejected,
    AuthErrorKind::Expired,
    AuthErrorKind::Forbidden,
    AuthErrorKind::Inactive,
    AuthErrorKind::InsufficientScope,
    AuthErrorKind::MalformedCredentials,
    AuthErrorKind::MissingCredentials,
    AuthErrorKind::MissingLayer,
    AuthErrorKind::InvalidSignature,
    AuthErrorKind::MalformedToken,
    AuthErrorKind::MissingSubject,
    AuthErrorKind::NotAccessToken,
    AuthErrorKind::NotSessionToken,
    AuthErrorKind::NotYetValid,
    AuthErrorKind::PendingSession,
    AuthErrorKind::UnauthorizedParty,
    AuthErrorKind::ProfileUnavailable,
    AuthErrorKind::RateLimited,
    AuthErrorKind::ReverificationRequired,
    AuthErrorKind::SenderConstrained,
    AuthErrorKind::MultipleCredentials,
    AuthErrorKind::Overloaded,
    AuthErrorKind::TokenTooLong,
    AuthErrorKind::UnsupportedToken,
    AuthErrorKind::InvalidUpstreamResponse,
    AuthErrorKind::UpstreamUnavailable,
    AuthErrorKind::WrongAudience,
    AuthErrorKind::WrongClient,
    AuthErrorKind::WrongIssuer,
    AuthErrorKind::WrongMachine,
];

#[track_caller]
fn check(case: &Case) {
    let name = case.name;
    let error = AuthError::new(name);
    let rejection = usual().rejection(&error, false);
    assert_eq!(rejection.status(), case.status, "{name:?}");
    assert_eq!(rejection.grpc_code().to_string(), case.grpc, "{name:?}");
    assert_eq!(rejection.code(), case.error, "{name:?}");
    assert_eq!(rejection.kind(), name);
    assert!(!rejection.is_grpc(), "{name:?}");
    let challenge = rejection.challenge().map(|value| value.to_str().unwrap());
    assert_eq!(challenge, case.challenge, "{name:?}");
    let scope = (name == AuthErrorKind::InsufficientScope).then_some("email profile");
    assert_eq!(rejection.scope(), scope, "{name:?}");
    assert_eq!(
        rejection.retry_after().is_some(),
        case.status == 503,
        "{name:?}"
    );

    let response: Response<Bytes> = rejection.to_response(&EmptyBody);
    let headers = response.headers();
    assert_eq!(response.status(), case.status, "{name:?}");
    assert_eq!(
        text(headers, "www-authenticate"),
        case.challenge,
        "{name:?}"
    );
    assert_eq!(text(headers, "cache-control"), Some("no-store"), "{name:?}");
    assert_eq!(
        headers.contains_key("retry-after"),
        case.status == 503,
        "{name:?}"
    );
    assert!(!headers.contains_key("grpc-status"), "{name:?}");
    assert!(response.body().is_empty(), "{name:?}");
    let told = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(told.kind(), name);

    let rejection = usual().rejection(&error, true);
    assert!(rejection.is_grpc(), "{name:?}");
    let description = rejection.description();
    let response: Response<Bytes> = rejection.to_response(&EmptyBody);
    let headers = response.headers();
    assert_eq!(response.status(), 200, "{name:?}");
    assert_eq!(
        text(headers, "content-type"),
        Some("application/grpc"),
        "{name:?}"
    );
    assert_eq!(text(headers, "grpc-status"), Some(case.grpc), "{name:?}");
    assert_eq!(text(headers, "grpc-message"), Some(description), "{name:?}");
    assert_eq!(
        text(headers, "www-authenticate"),
        case.challenge,
        "{name:?}"
    );
    assert_eq!(text(headers, "cache-control"), Some("no-store"), "{name:?}");
    let told = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(told.kind(), name);
}

#[test]
fn every_kind_has_its_row() {
    // B26
    for kind in KINDS {
        check(&Case::of(kind));
    }
}

#[test]
fn all_reasons_for_a_401_look_the_same() {
    let answers: BTreeSet<String> = KINDS
        .iter()
        .filter(|kind| Case::of(**kind).error == Some("invalid_token"))
        .map(|kind| {
            let error = AuthError::new(*kind);
            let rejection = usual().rejection(&error, false);
            let problem: Response<Bytes> = rejection.clone().to_response(&ProblemJson);
            let response: Response<Bytes> = rejection.to_response(&JsonBody);
            let (head, body) = response.into_parts();
            let problem = problem.into_body();
            format!("{} {:?} {body:?} {problem:?}", head.status, head.headers)
        })
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn challenges_say_what_is_configured_and_no_more() {
    struct Case {
        name: &'static str,
        input: (AuthErrorKind, &'static [&'static str], Option<&'static str>),
        expected: &'static str,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (kind, scopes, metadata) = case.input;
        let rejection = challenges(scopes, metadata).rejection(&kind.into(), false);
        assert_eq!(
            rejection.challenge().unwrap(),
            case.expected,
            "{}",
            case.name
        );
    }

    let cases = [
        Case {
            name: "nothing is configured",
            input: (AuthErrorKind::MissingCredentials, &[], None),
            expected: "Bearer",
        },
        Case {
            name: "scopes alone",
            input: (AuthErrorKind::MissingCredentials, &["a", "b:c"], None),
            expected: "Bearer scope=\"a b:c\"",
        },
        Case {
            name: "metadata alone",
            input: (
                AuthErrorKind::MissingCredentials,
                &[],
                Some("https://m.example/"),
            ),
            expected: "Bearer resource_metadata=\"https://m.example/\"",
        },
        Case {
            name: "offline access is never asked for",
            input: (
                AuthErrorKind::MissingCredentials,
                &["offline_access", "email"],
                None,
            ),
            expected: "Bearer scope=\"email\"",
        },
        Case {
            name: "nothing is left but offline access",
            input: (AuthErrorKind::InsufficientScope, &["offline_access"], None),
            expected: "Bearer error=\"insufficient_scope\", \
                       error_description=\"the access token lacks a required permission\"",
        },
        Case {
            name: "what only begins like offline access",
            input: (
                AuthErrorKind::MissingCredentials,
                &["offline_access2"],
                None,
            ),
            expected: "Bearer scope=\"offline_access2\"",
        },
        Case {
            name: "a bad token without metadata",
            input: (AuthErrorKind::Inactive, &["email"], None),
            expected: "Bearer error=\"invalid_token\", \
                       error_description=\"the access token is not valid\"",
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn rules_name_their_scopes_beside_the_layers() {
    struct Case {
        name: &'static str,
        input: (
            AuthErrorKind,
            &'static [&'static str],
            &'static [&'static str],
        ),
        expected: &'static str,
        scope: Option<&'static str>,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (kind, layer, rule) = case.input;
        let challenges = challenges(layer, Some("https://m.example/"));
        let rejection = challenges.rejection_needing(&kind.into(), rule.iter().copied(), false);
        assert_eq!(
            rejection.challenge().unwrap(),
            case.expected,
            "{}",
            case.name
        );
        assert_eq!(rejection.scope(), case.scope, "{}", case.name);
    }

    let cases = [
        Case {
            name: "both have some",
            input: (AuthErrorKind::InsufficientScope, &["a", "b"], &["c", "a"]),
            expected: "Bearer error=\"insufficient_scope\", \
                       error_description=\"the access token lacks a required permission\", \
                       scope=\"a b c\", resource_metadata=\"https://m.example/\"",
            scope: Some("a b c"),
        },
        Case {
            name: "no credentials",
            input: (
                AuthErrorKind::MissingCredentials,
                &["a"],
                &["offline_access", "c"],
            ),
            expected: "Bearer scope=\"a c\", resource_metadata=\"https://m.example/\"",
            scope: None,
        },
        Case {
            name: "none at all",
            input: (AuthErrorKind::MissingCredentials, &[], &[]),
            expected: "Bearer resource_metadata=\"https://m.example/\"",
            scope: None,
        },
        Case {
            name: "scopes are not what is missing",
            input: (AuthErrorKind::Forbidden, &["a"], &["b"]),
            expected: "Bearer resource_metadata=\"https://m.example/\"",
            scope: None,
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn descriptions_hold_nothing_that_looks_like_a_parameter() {
    for kind in KINDS {
        let rejection = usual().rejection(&kind.into(), false);
        let description = rejection.description();
        assert!(!description.is_empty(), "{kind:?}");
        for forbidden in ["=", "\"", "\\", "%", "scope", "error", "resource_metadata"] {
            assert!(!description.contains(forbidden), "{kind:?}: {description}");
        }
        assert!(description.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }
}

#[test]
fn retry_after_is_jittered_unless_clerk_says() {
    let challenges = usual();
    let kind = AuthErrorKind::UpstreamUnavailable;
    let delays: BTreeSet<_> = (0..500)
        .map(|_| {
            challenges
                .rejection(&kind.into(), false)
                .retry_after()
                .unwrap()
        })
        .collect();
    let expected: BTreeSet<_> = (1..=5).map(Duration::from_secs).collect();
    assert_eq!(delays, expected);

    let header = |delay| {
        let error = AuthError::new(kind).with_retry_after(delay);
        let rejection = challenges.rejection(&error, false);
        assert_eq!(rejection.retry_after(), Some(delay));
        let response: Response<Bytes> = rejection.to_response(&EmptyBody);
        text(response.headers(), "retry-after").unwrap().to_owned()
    };
    for (name, delay, expected) in [
        ("none", Duration::ZERO, "0"),
        ("whole seconds", Duration::from_secs(7), "7"),
        ("rounded up", Duration::from_millis(7_001), "8"),
        (
            "rounded up from the smallest part",
            Duration::new(7, 1),
            "8",
        ),
        ("less than a second", Duration::from_millis(1), "1"),
    ] {
        assert_eq!(header(delay), expected, "{name}");
    }
}

#[test]
fn retry_after_is_for_outages_alone() {
    let error = AuthError::new(AuthErrorKind::Inactive).with_retry_after(Duration::from_secs(9));
    let rejection = usual().rejection(&error, false);
    assert_eq!(rejection.retry_after(), None);
}
