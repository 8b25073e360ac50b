use std::sync::Arc;

use axum_core::response::IntoResponse;
use http::request::Parts;
use serde_json::json;

use super::super::tests::{anonymous, challenges, check, known, optional, parts, required};
use crate::{
    AuthErrorKind, ClerkClaims,
    claims::{self, Actor, Details, Organization, User},
};

/// A request of somebody in an organization, in whose place another acts.
fn full() -> Parts {
    parts(|request| {
        let actor = Actor::read(Some(&json!({ "sub": "user_2" }))).unwrap();
        let claims = ClerkClaims::new(claims::Claims {
            challenges: challenges(),
            organization: Some(Organization::new("org_1", None, None)).into(),
            details: Details::session(None, actor),
            user: Some(Arc::new(User::new("user_1", serde_json::Map::new()))),
            ..claims::Claims::bare("user_1")
        });
        request.extensions_mut().insert(claims);
    })
}

#[tokio::test]
async fn parts_are_those_of_the_claims() {
    let organization: Organization = required(full()).await.unwrap();
    assert_eq!(organization.id(), "org_1");
    let actor: Actor = required(full()).await.unwrap();
    assert_eq!(actor.subject(), "user_2");
    let user: User = required(full()).await.unwrap();
    assert_eq!(user.id(), "user_1");
    let user = optional::<User>(full()).await.unwrap();
    assert_eq!(user.as_ref().map(User::id), Some("user_1"));
    assert_eq!(optional(full()).await.unwrap(), Some(organization));
    assert_eq!(optional(full()).await.unwrap(), Some(actor));
}

#[tokio::test]
async fn what_the_token_does_not_name_is_a_403_or_none() {
    let challenge = "Bearer resource_metadata=\"https://m.example/\"";
    let organization = required::<Organization>(known()).await.unwrap_err();
    let actor = required::<Actor>(known()).await.unwrap_err();
    for (rejection, what) in [(organization, "organization"), (actor, "actor")] {
        assert_eq!(rejection.rejection().status(), 403);
        assert_eq!(rejection.rejection().kind(), AuthErrorKind::Forbidden);
        let expected = format!("the token names no {what}");
        assert_eq!(rejection.to_string(), expected);
        let response = rejection.into_response();
        check(&response, 403, AuthErrorKind::Forbidden, challenge);
    }
    assert_eq!(optional::<Organization>(known()).await.unwrap(), None);
    assert_eq!(optional::<Actor>(known()).await.unwrap(), None);
    let rejection = required::<User>(known()).await.unwrap_err();
    assert_eq!(rejection.to_string(), "the claims have no user");
    let response = rejection.into_response();
    check(&response, 403, AuthErrorKind::Forbidden, challenge);
    assert!(optional::<User>(known()).await.unwrap().is_none());
}

#[tokio::test]
async fn without_claims_it_is_as_with_the_other_extractors() {
    let rejection = required::<Organization>(anonymous()).await.unwrap_err();
    assert_eq!(rejection.rejection().status(), 401);
    let rejection = required::<User>(anonymous()).await.unwrap_err();
    assert_eq!(rejection.rejection().status(), 401);
    let rejection = required::<Actor>(anonymous()).await.unwrap_err();
    assert_eq!(rejection.rejection().status(), 401);
    let rejection = required::<Organization>(parts(|_| {})).await.unwrap_err();
    assert_eq!(rejection.rejection().status(), 500);
    for parts in [anonymous(), parts(|_| {})] {
        assert_eq!(optional::<Organization>(parts).await.unwrap(), None);
    }
    assert_eq!(optional::<Actor>(anonymous()).await.unwrap(), None);
}
