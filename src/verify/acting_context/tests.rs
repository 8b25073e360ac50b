use serde_json::{Map, Value, json};

use super::ActingContext;
use crate::{
    TokenKind,
    claims::{ActiveOrganization, Details, Organization, Profile, actor},
    clerk::TokenInfo,
};

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// An answer with these members, as the readers read it.
fn answer(org_id: Option<&str>, other: Value) -> TokenInfo {
    let other = members(other);
    TokenInfo {
        active: true,
        org_id: org_id.map(ToOwned::to_owned),
        actor: actor(&other).unwrap(),
        organization: Organization::of_session(org_id, &other).unwrap(),
        other,
        ..TokenInfo::default()
    }
}

fn organization(context: &ActingContext) -> Option<&Organization> {
    match &context.organization {
        ActiveOrganization::Known(organization) => Some(organization),
        ActiveOrganization::None | ActiveOrganization::Unreadable => None,
    }
}

fn profile(organization: &str) -> Profile {
    Profile::new(members(json!({
        "sub": "user_1",
        "org_id": organization,
        "org_name": "Acme Ltd",
        "org_slug": "acme",
    })))
}

/// Id and slug.
fn known(context: &ActingContext) -> Option<(&str, Option<&str>)> {
    let organization = organization(context)?;
    Some((organization.id(), organization.slug()))
}

#[test]
fn an_oauth_token_has_the_organization_of_the_consent() {
    let acme = profile("org_1");
    for (name, org_id, profile, expected) in [
        ("nobody names one", None, None, None),
        ("introspection", Some("org_1"), None, Some(("org_1", None))),
        ("userinfo", None, Some(&acme), Some(("org_1", Some("acme")))),
        (
            "both",
            Some("org_1"),
            Some(&acme),
            Some(("org_1", Some("acme"))),
        ),
        // The names are those of another one.
        (
            "they differ",
            Some("org_2"),
            Some(&acme),
            Some(("org_2", None)),
        ),
    ] {
        let answer = answer(org_id, json!({}));
        let context = ActingContext::of(&answer, TokenKind::OAuth, "user_1", profile);
        assert_eq!(known(&context), expected, "{name}");
        let organization = organization(&context);
        assert_eq!(organization.and_then(Organization::role), None, "{name}");
    }
}

#[test]
fn a_key_of_an_organization_acts_in_it() {
    for (subject, expected) in [
        ("org_1", Some(("org_1", None))),
        ("user_1", None),
        ("mch_1", None),
    ] {
        let context = ActingContext::of(&answer(None, json!({})), TokenKind::ApiKey, subject, None);
        assert_eq!(known(&context), expected, "{subject}");
    }
}

/// What would be an organization, a session and an actor in the token of a session, of either version.
fn everything() -> [Value; 2] {
    let of_session = json!({ "sid": "sess_1", "act": { "sub": "user_2" } });
    [
        json!({ "v": 2, "o": { "id": "org_1", "rol": "admin" } }),
        json!({ "org_role": "org:admin" }),
    ]
    .map(|version| {
        let mut all = members(of_session.clone());
        all.extend(members(version));
        Value::Object(all)
    })
}

#[test]
fn each_kind_has_what_it_has() {
    // Organization, role, session, actor.
    for (kind, subject, expected) in [
        (TokenKind::Session, "user_1", [true, true, true, true]),
        (TokenKind::OAuth, "user_1", [true, false, false, true]),
        (TokenKind::ApiKey, "user_1", [false; 4]),
        (TokenKind::ApiKey, "org_1", [true, false, false, false]),
        (TokenKind::Machine, "mch_1", [false; 4]),
    ] {
        for claims in everything() {
            let answer = answer(Some("org_1"), claims);
            let context = ActingContext::of(&answer, kind, subject, None);
            let organization = organization(&context);
            let session = match context.details.as_deref() {
                Some(Details::Session(session)) => Some(session),
                Some(Details::ApiKey(_)) | None => None,
            };
            let found = [
                organization.is_some(),
                organization.is_some_and(|it| it.role() == Some("org:admin")),
                session.is_some_and(|it| it.id.as_deref() == Some("sess_1")),
                session.is_some_and(|it| it.actor.is_some()),
            ];
            assert_eq!(found, expected, "{kind:?} of {subject}");
        }
    }
}

#[test]
fn an_unreadable_organization_is_that_of_a_session_alone() {
    // fault E14
    let answer = answer(Some("org_1"), json!({ "v": 3, "o": { "id": "org_1" } }));
    let session = ActingContext::of(&answer, TokenKind::Session, "user_1", None);
    assert!(session.organization == ActiveOrganization::Unreadable);
    let consent = ActingContext::of(&answer, TokenKind::OAuth, "user_1", None);
    assert_eq!(known(&consent), Some(("org_1", None)));
    for (kind, subject) in [(TokenKind::ApiKey, "user_1"), (TokenKind::Machine, "mch_1")] {
        let context = ActingContext::of(&answer, kind, subject, None);
        assert!(context.organization == ActiveOrganization::None);
    }
}

#[test]
fn a_statement_fills_in_what_the_answer_leaves_open() {
    let stated = answer(
        Some("org_1"),
        json!({ "act": { "sub": "user_2" }, "jti": "j1" }),
    );
    for said in [json!({ "x": 1 }), json!({ "x": 1, "act": null })] {
        let both = answer(None, said).with_statement(stated.clone()).unwrap();
        let expected = json!({ "x": 1, "act": { "sub": "user_2" }, "jti": "j1" });
        assert_eq!(Value::Object(both.other.clone()), expected);
        let context = ActingContext::of(&both, TokenKind::OAuth, "user_1", None);
        let actor = match context.details.as_deref() {
            Some(Details::Session(session)) => session.actor.as_deref(),
            Some(Details::ApiKey(_)) | None => None,
        };
        assert_eq!(actor.map(|it| it.subject()), Some("user_2"));
    }
    let other = answer(None, json!({ "act": { "sub": "user_3" }, "jti": "j2" }));
    let both = other.clone().with_statement(stated).unwrap();
    assert_eq!(both.other, other.other);
}
