use std::{
    panic,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{ApiKeyClaims, MachineClaims, OAuthClaims, SessionClaims};
use crate::{TokenKind, claims::SessionStatus};

#[test]
fn oauth_claims_have_what_was_set() {
    let end = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let claims = OAuthClaims::new("user_1")
        .scopes(["email", "profile"])
        .client_id("client_1")
        .audience(["https://api.example.com"])
        .userinfo(json!({ "email": "ada@example.com", "org_id": "org_1", "org_slug": "acme" }))
        .claim("tenant", 7)
        .expires_at(end)
        .build();
    assert_eq!(claims.kind(), TokenKind::OAuth);
    assert_eq!(claims.subject(), "user_1");
    assert!(claims.has_scope("email") && claims.has_scope("profile") && !claims.has_scope("x"));
    assert_eq!(claims.client_id(), Some("client_1"));
    assert!(claims.audience().eq(["https://api.example.com"]));
    assert_eq!(claims.expires_at(), Some(end));
    let profile = claims.profile().unwrap();
    assert_eq!(profile.email(), Some("ada@example.com"));
    assert_eq!(claims.organization().unwrap().slug(), Some("acme"));
    let all: Value = claims.claims_as().unwrap();
    assert_eq!(
        (&all["tenant"], &all["exp"]),
        (&json!(7), &json!(1_700_000_000))
    );
    assert!(!claims.is_stale());
}

#[test]
fn session_claims_have_what_was_set() {
    let claims = SessionClaims::new("user_1")
        .session_id("sess_1")
        .organization("org_1")
        .role("admin")
        .permissions(["org:billing:read"])
        .actor("user_2")
        .user(json!({ "first_name": "Ada", "created_at": 1_700_000_000_001_i64 }))
        .build();
    assert_eq!(claims.kind(), TokenKind::Session);
    assert_eq!(claims.session_id(), Some("sess_1"));
    assert_eq!(claims.org_id(), Some("org_1"));
    assert!(claims.has_role("org:admin") && claims.has_permission("billing:read"));
    assert_eq!(claims.actor().unwrap().subject(), "user_2");
    let user = claims.user().unwrap();
    assert_eq!((user.id(), user.first_name()), ("user_1", Some("Ada")));
    let created = UNIX_EPOCH + Duration::from_millis(1_700_000_000_001);
    assert_eq!(user.created_at(), Some(created));
    let all: Value = claims.claims_as().unwrap();
    assert_eq!(all["sid"], "sess_1");
}

#[test]
fn session_claims_have_plans_features_and_ages() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let session = SessionClaims::new("user_1")
        .plan("u:basic")
        .plan("o:pro")
        .feature("ou:export")
        .factor_age(Some(minutes(3)), None);
    let age = session.clone().build().factor_age().unwrap();
    assert_eq!((age.first, age.second), (Some(minutes(3)), None));
    let member = session.clone().organization("org_1").build();
    assert!(member.has_plan("org:pro") && member.has_plan("user:basic"));
    assert!(member.has_feature("org:export") && !member.has_feature("pro"));
    // Without an organization, only the user has plans.
    let alone = session.claim("jti", "id_1").build();
    assert!(!alone.has_plan("pro") && alone.has_plan("basic"));
    assert!(!alone.has_feature("org:export") && alone.has_feature("user:export"));
    assert_eq!(alone.token_id(), Some("id_1"));
    assert_eq!(alone.session_status(), Some(SessionStatus::Active));

    let bare = SessionClaims::new("user_1").build();
    assert_eq!(bare.factor_age(), None);
    assert_eq!(bare.plans().count() + bare.features().count(), 0);
}

#[test]
fn api_keys_and_machines_have_what_was_set() {
    let key = ApiKeyClaims::new("org_1")
        .scopes(["read"])
        .name("ci")
        .build();
    assert_eq!(key.kind(), TokenKind::ApiKey);
    assert_eq!(key.org_id(), Some("org_1"));
    assert!(key.has_scope("read"));
    let all: Value = key.claims_as().unwrap();
    assert_eq!(all["name"], "ci");
    let described = key.api_key().unwrap();
    assert_eq!((described.id(), described.name()), ("ak_test", Some("ci")));
    assert_eq!(key.token_id(), Some("ak_test"));
    let named = ApiKeyClaims::new("user_1").claim("id", "ak_1").build();
    assert_eq!(named.api_key().unwrap().id(), "ak_1");
    assert_eq!(ApiKeyClaims::new("user_1").build().org_id(), None);

    let machine = MachineClaims::new("mch_1")
        .addressed_to(["mch_2", "mch_3"])
        .build();
    assert_eq!(machine.kind(), TokenKind::Machine);
    assert!(machine.scopes().eq(["mch_2", "mch_3"]));
}

#[test]
fn what_was_not_set_is_unknown() {
    let claims = SessionClaims::new("user_1").build();
    assert_eq!(claims.session_id(), None);
    assert!(claims.organization().is_none() && claims.actor().is_none());
    assert!(claims.user().is_none() && claims.profile().is_none());
    assert_eq!((claims.expires_at(), claims.issued_at()), (None, None));
    assert_eq!(claims.scopes().count(), 0);
}

#[test]
fn claims_that_no_token_has_are_not_made() {
    let session = || SessionClaims::new("user_1");
    assert!(panic::catch_unwind(|| session().role("org:admin").build()).is_err());
    assert!(panic::catch_unwind(|| session().permissions(["org:a:b"]).build()).is_err());
    assert!(panic::catch_unwind(|| session().actor("").build()).is_err());
    assert!(panic::catch_unwind(|| session().plan("pro").build()).is_err());
    assert!(panic::catch_unwind(|| session().feature("pro").build()).is_err());
    assert!(panic::catch_unwind(|| session().user("ada")).is_err());
    assert!(panic::catch_unwind(|| OAuthClaims::new("user_1").userinfo(json!([]))).is_err());
}

#[test]
fn debug_shows_nothing_of_a_person() {
    let claims = SessionClaims::new("user_canary").claim("name", "canary");
    assert_eq!(format!("{claims:?}"), "SessionClaims { .. }");
    let built = format!("{:?}", claims.build());
    assert!(!built.contains("canary"), "{built}");
}
