use std::{error::Error, sync::Arc};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Method, Request, Version, request::Parts};

use super::Claims;
use crate::{
    AuthError, AuthErrorKind, ClerkClaims, authorize::extension::Anonymous, claims,
    reject::Challenges,
};

#[derive(Debug, serde::Deserialize)]
struct Numbered {
    #[expect(dead_code, reason = "no token has a number for it")]
    sub: u64,
}

pub(super) fn parts(prepare: impl FnOnce(&mut Request<()>)) -> Parts {
    let mut request = Request::new(());
    prepare(&mut request);
    request.into_parts().0
}

pub(super) fn challenges() -> Arc<Challenges> {
    Arc::new(Challenges::new(
        &["email".to_owned()],
        Some("https://m.example/"),
    ))
}

pub(super) fn anonymous() -> Parts {
    parts(|request| {
        request
            .extensions_mut()
            .insert(Anonymous::new(challenges()));
    })
}

pub(super) fn known() -> Parts {
    parts(|request| {
        let claims = ClerkClaims::new(claims::Claims {
            challenges: challenges(),
            ..claims::Claims::bare("user_canary")
        });
        request.extensions_mut().insert(claims);
    })
}

pub(super) async fn required<T>(mut parts: Parts) -> Result<T, T::Rejection>
where
    T: FromRequestParts<()>,
{
    T::from_request_parts(&mut parts, &()).await
}

pub(super) async fn optional<T>(mut parts: Parts) -> Result<Option<T>, T::Rejection>
where
    T: OptionalFromRequestParts<()>,
{
    T::from_request_parts(&mut parts, &()).await
}

#[track_caller]
pub(super) fn check(response: &Response, status: u16, kind: AuthErrorKind, challenge: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["www-authenticate"], challenge);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let error = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(error.kind(), kind);
}

#[tokio::test]
async fn anonymous_callers_are_asked_for_a_token() {
    let challenge = "Bearer scope=\"email\", resource_metadata=\"https://m.example/\"";
    let plain = required::<ClerkClaims>(anonymous()).await.unwrap_err();
    let typed = required::<Claims<Numbered>>(anonymous()).await.unwrap_err();
    for rejection in [plain, typed] {
        assert_eq!(
            rejection.to_string(),
            "the request has no bearer credentials"
        );
        assert_eq!(rejection.rejection().status(), 401);
        let kind = rejection.rejection().kind();
        assert_eq!(kind, AuthErrorKind::MissingCredentials);
        let response = rejection.into_response();
        check(&response, 401, AuthErrorKind::MissingCredentials, challenge);
    }
    let none = optional::<ClerkClaims>(anonymous()).await.unwrap();
    assert!(none.is_none());
    let none = optional::<Claims<Numbered>>(anonymous()).await.unwrap();
    assert!(none.is_none());
}

#[tokio::test]
async fn anonymous_grpc_callers_are_answered_in_their_way() {
    let mut parts = anonymous();
    parts.method = Method::POST;
    parts.version = Version::HTTP_2;
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        let value = http::HeaderValue::from_static(value);
        parts.headers.insert(name, value);
    }
    let response = required::<ClerkClaims>(parts)
        .await
        .unwrap_err()
        .into_response();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
}

#[tokio::test]
async fn claims_that_do_not_fit_are_a_403_that_quotes_nothing() {
    let challenge = "Bearer resource_metadata=\"https://m.example/\"";
    let plain = required::<Claims<Numbered>>(known()).await.unwrap_err();
    let maybe = optional::<Claims<Numbered>>(known()).await.unwrap_err();
    for rejection in [plain, maybe] {
        assert_eq!(rejection.rejection().status(), 403);
        // The cause quotes the claims; nothing that is logged by habit does.
        let source = rejection.source().unwrap();
        let reason = source.source().unwrap();
        assert!(reason.source().is_none());
        for text in [
            rejection.to_string(),
            format!("{rejection:?}"),
            source.to_string(),
            reason.to_string(),
        ] {
            assert!(!text.contains("canary"), "{text}");
        }
        let response = rejection.into_response();
        check(&response, 403, AuthErrorKind::Forbidden, challenge);
    }
}

#[tokio::test]
async fn a_missing_layer_is_our_mistake() {
    let plain = required::<ClerkClaims>(parts(|_| {})).await.unwrap_err();
    let typed = required::<Claims<Numbered>>(parts(|_| {}))
        .await
        .unwrap_err();
    for rejection in [plain, typed] {
        assert_eq!(rejection.rejection().kind(), AuthErrorKind::MissingLayer);
        assert_eq!(rejection.into_response().status(), 500);
    }
}
