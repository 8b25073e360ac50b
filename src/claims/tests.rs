mod scopes;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ActiveOrganization, Claims, ClerkClaims, Details, Organization, Profile, TokenId};
use crate::{
    TokenKind,
    claims::entry::Entry,
    reject::Challenges,
    token::scope::split_scope,
    verify::{ConfiguredRules, Rules},
};

impl ClerkClaims {
    /// Claims that no cache has anything to do with.
    pub(crate) fn new(claims: Claims) -> Self {
        Self::of(Arc::new(Entry::assertion(claims)))
    }
}

impl Claims {
    /// Claims of which nothing but the subject is known, for the tests of what is given some.
    pub(crate) fn bare(subject: &str) -> Self {
        Self {
            kind: TokenKind::OAuth,
            token_id: TokenId::default(),
            subject: subject.into(),
            client_id: None,
            scope: "".into(),
            audience: Box::default(),
            issuer: None,
            issued_at: None,
            expires_at: None,
            organization: ActiveOrganization::None,
            details: None,
            profile: None,
            user: None,
            other: None,
            rules: Arc::new(ConfiguredRules::of(Rules::usual())),
            challenges: Arc::new(Challenges::new(&[], None)),
        }
    }
}

fn bare() -> Claims {
    Claims::bare("user_canary")
}

fn userinfo() -> Value {
    json!({
        "sub": "user_canary",
        "email": "ada@canary.example",
        "email_verified": true,
        "name": "Ada Canary",
        "given_name": "Ada-canary",
        "family_name": "Canary",
        "preferred_username": "ada_canary",
        "picture": "https://img.canary.example/1",
        "org_id": "org_canary",
        "org_name": "Canary Ltd",
        "org_slug": "canary-ltd",
        "public_metadata": { "plan": "gold" },
        "private_metadata": { "note": 1 },
        "unsafe_metadata": { "theme": "dark" },
        "locale": "en",
    })
}

fn profile() -> Profile {
    profile_of(userinfo())
}

fn profile_of(userinfo: Value) -> Profile {
    let Value::Object(members) = userinfo else {
        panic!("userinfo is an object");
    };
    Profile::new(members)
}

fn full() -> Claims {
    Claims {
        client_id: Some("client_1".into()),
        scope: "email profile".into(),
        audience: ["https://a.example".into(), "https://b.example".into()].into(),
        issuer: Some("https://clerk.example.com".into()),
        issued_at: Some(1_700_000_000),
        expires_at: Some(1_700_086_400),
        organization: profile().organization().cloned().into(),
        profile: Some(Box::new(profile())),
        other: Some(r#"{"jti":"j1","tenant":{"id":7}}"#.into()),
        ..bare()
    }
}

fn json_of(claims: Claims) -> Value {
    serde_json::to_value(ClerkClaims::new(claims)).unwrap()
}

#[test]
fn json_of_full_claims_has_exactly_the_promised_members() {
    let expected = json!({
        "sub": "user_canary",
        "client_id": "client_1",
        "scopes": ["email", "profile"],
        "aud": ["https://a.example", "https://b.example"],
        "iss": "https://clerk.example.com",
        "iat": 1_700_000_000,
        "exp": 1_700_086_400,
        "org_id": "org_canary",
        "organization": {
            "id": "org_canary",
            "name": "Canary Ltd",
            "slug": "canary-ltd",
            "role": null,
            "permissions": [],
        },
        "session_id": null,
        "actor": null,
        "token_kind": "oauth_token",
        "stale": false,
        "email": "ada@canary.example",
        "email_verified": true,
        "name": "Ada Canary",
        "given_name": "Ada-canary",
        "family_name": "Canary",
        "preferred_username": "ada_canary",
        "picture": "https://img.canary.example/1",
        "public_metadata": { "plan": "gold" },
        "userinfo": userinfo(),
    });
    assert_eq!(json_of(full()), expected);
}

#[test]
fn json_of_bare_claims_is_null_where_nothing_is_known() {
    let expected = json!({
        "sub": "user_canary",
        "client_id": null,
        "scopes": [],
        "aud": [],
        "iss": null,
        "iat": null,
        "exp": null,
        "org_id": null,
        "organization": null,
        "session_id": null,
        "actor": null,
        "token_kind": "oauth_token",
        "stale": false,
        "email": null,
        "email_verified": null,
        "name": null,
        "given_name": null,
        "family_name": null,
        "preferred_username": null,
        "picture": null,
        "public_metadata": null,
        "userinfo": null,
    });
    assert_eq!(json_of(bare()), expected);
}

#[test]
fn stale_claims_say_so_and_are_else_the_same() {
    let fresh = ClerkClaims::new(full());
    let stale = fresh.clone().into_stale();
    assert!(!fresh.is_stale());
    assert!(stale.is_stale());
    let mut expected = serde_json::to_value(&fresh).unwrap();
    expected["stale"] = true.into();
    assert_eq!(serde_json::to_value(&stale).unwrap(), expected);
}

#[test]
fn accessors_tell_what_is_known() {
    let claims = ClerkClaims::new(full());
    assert_eq!(claims.subject(), "user_canary");
    assert_eq!(claims.client_id(), Some("client_1"));
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["email", "profile"]);
    let audience: Vec<_> = claims.audience().collect();
    assert_eq!(audience, ["https://a.example", "https://b.example"]);
    assert_eq!(claims.issuer(), Some("https://clerk.example.com"));
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(claims.issued_at(), at(1_700_000_000));
    assert_eq!(claims.expires_at(), at(1_700_086_400));
    assert_eq!(claims.org_id(), Some("org_canary"));
    assert_eq!(claims.kind(), TokenKind::OAuth);

    let profile = claims.profile().unwrap();
    assert_eq!(profile.email(), Some("ada@canary.example"));
    assert_eq!(profile.email_verified(), Some(true));
    assert_eq!(profile.name(), Some("Ada Canary"));
    assert_eq!(profile.given_name(), Some("Ada-canary"));
    assert_eq!(profile.family_name(), Some("Canary"));
    assert_eq!(profile.preferred_username(), Some("ada_canary"));
    assert_eq!(profile.picture(), Some("https://img.canary.example/1"));
    assert_eq!(profile.public_metadata(), Some(json!({ "plan": "gold" })));
    assert_eq!(profile.private_metadata(), Some(json!({ "note": 1 })));
    assert_eq!(profile.unsafe_metadata(), Some(json!({ "theme": "dark" })));
    assert_eq!(profile.userinfo(), userinfo());

    let organization = profile.organization().unwrap();
    assert_eq!(organization.id(), "org_canary");
    assert_eq!(organization.name(), Some("Canary Ltd"));
    assert_eq!(organization.slug(), Some("canary-ltd"));
}

#[test]
fn accessors_tell_none_where_nothing_is_known() {
    let claims = ClerkClaims::new(bare());
    assert_eq!(claims.client_id(), None);
    assert_eq!(claims.scopes().count(), 0);
    assert_eq!(claims.audience().count(), 0);
    assert_eq!(claims.issuer(), None);
    assert_eq!(claims.issued_at(), None);
    assert_eq!(claims.expires_at(), None);
    assert_eq!(claims.org_id(), None);
    assert!(claims.profile().is_none());

    let empty = profile_of(json!({}));
    assert_eq!(empty.email(), None);
    assert_eq!(empty.email_verified(), None);
    assert_eq!(empty.name(), None);
    assert_eq!(empty.given_name(), None);
    assert_eq!(empty.family_name(), None);
    assert_eq!(empty.preferred_username(), None);
    assert_eq!(empty.picture(), None);
    assert!(empty.organization().is_none());
    assert_eq!(empty.userinfo(), json!({}));
    assert_eq!(empty.public_metadata(), None);
    assert_eq!(empty.private_metadata(), None);
    assert_eq!(empty.unsafe_metadata(), None);
    let unnamed = profile_of(json!({ "org_id": "org_1" }));
    let unnamed = unnamed.organization().unwrap();
    assert_eq!((unnamed.name(), unnamed.slug()), (None, None));
}

#[test]
fn metadata_that_is_null_is_unknown() {
    let profile = profile_of(json!({ "public_metadata": null, "private_metadata": {} }));
    assert_eq!(profile.public_metadata(), None);
    assert_eq!(profile.private_metadata(), Some(json!({})));
}

#[test]
fn debug_shows_nothing_of_a_person() {
    let claims = ClerkClaims::new(full());
    let profile = profile();
    for (name, shown) in [
        ("claims", format!("{claims:?}")),
        ("claims, pretty", format!("{claims:#?}")),
        ("profile", format!("{profile:?}")),
        ("profile, pretty", format!("{profile:#?}")),
        ("organization", format!("{:?}", profile.organization())),
        (
            "organization, pretty",
            format!("{:#?}", profile.organization()),
        ),
    ] {
        assert!(!shown.to_lowercase().contains("canary"), "{name}: {shown}");
        assert!(!shown.contains("gold"), "{name}: {shown}");
        assert!(!shown.contains("org_"), "{name}: {shown}");
    }
    let shown = format!("{claims:?}");
    for expected in [
        "subject: [redacted]",
        "scope: \"email profile\"",
        "expires_at: Some(1700086400)",
        "email_verified: Some(true)",
        "stale: false",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[test]
fn claims_as_gives_the_members_of_the_answer() {
    let members: Value = ClerkClaims::new(full()).claims_as().unwrap();
    let expected = json!({
        "sub": "user_canary",
        "client_id": "client_1",
        "scope": "email profile",
        "aud": ["https://a.example", "https://b.example"],
        "iss": "https://clerk.example.com",
        "iat": 1_700_000_000,
        "exp": 1_700_086_400,
        "org_id": "org_canary",
        "jti": "j1",
        "tenant": { "id": 7 },
        "userinfo": userinfo(),
    });
    assert_eq!(members, expected);
    let members: Value = ClerkClaims::new(bare()).claims_as().unwrap();
    assert_eq!(members, json!({ "sub": "user_canary", "scope": "" }));
}

#[test]
fn claims_as_fits_a_type_of_ones_own_or_fails() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Tenant {
        id: u32,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Ours {
        sub: String,
        tenant: Option<Tenant>,
        nothing: Option<String>,
    }
    let ours: Ours = ClerkClaims::new(full()).claims_as().unwrap();
    assert_eq!(ours.sub, "user_canary");
    assert_eq!(ours.tenant, Some(Tenant { id: 7 }));
    assert_eq!(ours.nothing, None);

    #[derive(Debug, Deserialize)]
    struct Theirs {
        #[expect(dead_code, reason = "it cannot be read")]
        tenant: String,
    }
    assert!(ClerkClaims::new(full()).claims_as::<Theirs>().is_err());
    assert!(ClerkClaims::new(bare()).claims_as::<Theirs>().is_err());
}

#[test]
fn typed_members_win_over_untyped_ones() {
    let claims = Claims {
        other: Some(r#"{"sub":"user_other","scope":"admin"}"#.into()),
        ..bare()
    };
    let members: Value = ClerkClaims::new(claims).claims_as().unwrap();
    assert_eq!(members, json!({ "sub": "user_canary", "scope": "" }));
}

#[test]
fn claims_as_keeps_claims_of_the_application_and_none_replaces_a_verified_one() {
    // fault E11
    let others = json!({
        "userinfo": { "email": "mine" }, "public_metadata": { "a": 1 }, "unsafe_metadata": null,
        "email": "mine", "email_verified": true, "name": "mine", "picture": 1, "token_kind": "api_key",
        "stale": true, "scopes": ["admin"], "organization": { "id": "org_2" }, "actor": "mine",
        "session_id": "mine", "permissions": ["p"], "jti": "j1",
    });
    let reserved = json!({
        "sub": "user_other", "iss": "other", "aud": ["other"], "exp": 9, "iat": 9, "org_id": "org_2",
    });
    let Value::Object(mut other) = others.clone() else {
        panic!("it is an object");
    };
    other.extend(reserved.as_object().unwrap().clone());
    let other: Box<str> = Value::Object(other).to_string().into();
    let shown = |claims: Claims| {
        let claims = ClerkClaims::new(claims);
        let members: Value = claims.claims_as().unwrap();
        (members, serde_json::to_value(&claims).unwrap())
    };
    for kind in TokenKind::ALL {
        for profile in [None, Some(Box::new(profile()))] {
            let (members, json) = shown(Claims {
                kind,
                other: Some(other.clone()),
                profile: profile.clone(),
                ..full()
            });
            for (name, value) in others.as_object().unwrap() {
                let expected = match (&**name, kind, &profile) {
                    ("userinfo", TokenKind::OAuth, Some(_)) => Some(userinfo()),
                    ("userinfo", TokenKind::OAuth, None) => None,
                    _ => Some(value.clone()),
                };
                assert_eq!(members.get(name), expected.as_ref(), "{name} of {kind:?}");
            }
            let expected = ClerkClaims::new(full());
            assert_eq!(members["sub"], "user_canary");
            assert_eq!(members["iss"], "https://clerk.example.com");
            assert_eq!(
                members["aud"],
                json!(["https://a.example", "https://b.example"])
            );
            assert_eq!(members["exp"], json!(expected.shared().expires_at));
            assert_eq!(members["iat"], json!(expected.shared().issued_at));
            assert_eq!(members["org_id"], "org_canary");
            // The JSON of the claims has nothing of them at all.
            let plain = json_of(Claims {
                kind,
                profile: profile.clone(),
                ..full()
            });
            assert_eq!(json, plain, "{kind:?}");
        }
        // What is not verified is not there either.
        let (members, _) = shown(Claims {
            kind,
            other: Some(r#"{"org_id":"org_2"}"#.into()),
            ..bare()
        });
        assert_eq!(members.get("org_id"), None, "{kind:?}");
    }
}

#[test]
fn an_unreadable_organization_is_neither_known_nor_absent() {
    // fault E14
    let claims = ClerkClaims::new(Claims {
        organization: ActiveOrganization::Unreadable,
        ..bare()
    });
    assert!(claims.has_unreadable_organization());
    assert!(claims.organization().is_none() && claims.org_id().is_none());
    let json = serde_json::to_value(&claims).unwrap();
    assert_eq!(json["has_unreadable_organization"], true);
    assert_eq!(json["organization"], Value::Null);
    for claims in [bare(), full()] {
        let claims = ClerkClaims::new(claims);
        assert!(!claims.has_unreadable_organization());
        let json = serde_json::to_value(&claims).unwrap();
        assert_eq!(json.get("has_unreadable_organization"), None);
    }
}

#[test]
fn clone_shares_what_it_copies() {
    // C114
    let claims = ClerkClaims::new(full());
    let copy = claims.clone();
    assert!(std::ptr::eq(claims.subject(), copy.subject()));
    assert!(std::ptr::eq(claims.subject(), copy.into_stale().subject()));
}

#[test]
fn size_counts_every_text() {
    struct Case {
        name: &'static str,
        input: Claims,
        expected: usize,
    }

    #[track_caller]
    fn check(case: Case) {
        let empty = Claims {
            subject: "".into(),
            ..bare()
        };
        let size = case.input.size();
        let added = size - empty.size();
        assert_eq!(added, case.expected, "{}", case.name);
    }

    let text = || "x".repeat(100);
    let empty = || Claims {
        subject: "".into(),
        ..bare()
    };
    let cases = [
        Case {
            name: "the subject",
            input: Claims {
                subject: text().into(),
                ..empty()
            },
            expected: 100,
        },
        Case {
            name: "the scope",
            input: Claims {
                scope: text().into(),
                ..empty()
            },
            expected: 100,
        },
        Case {
            name: "two audiences",
            input: Claims {
                audience: [text().into(), text().into()].into(),
                ..empty()
            },
            expected: 232,
        },
        Case {
            name: "the organization",
            input: Claims {
                organization: Some(Organization::new(text(), None, None)).into(),
                ..empty()
            },
            expected: size_of::<Organization>() + 100,
        },
        Case {
            name: "the session",
            input: Claims {
                details: Details::session(Some(&text()), None),
                ..empty()
            },
            expected: size_of::<Details>() + 100,
        },
        Case {
            name: "other members",
            input: Claims {
                other: Some(text().into()),
                ..empty()
            },
            expected: 100,
        },
        Case {
            name: "a profile: its members, and the rest as text",
            input: Claims {
                profile: Some(Box::new(profile_of(
                    json!({ "name": text(), "note": text() }),
                ))),
                ..empty()
            },
            expected: size_of::<Profile>() + 100 + r#"{"note":""}"#.len() + 100,
        },
    ];
    for case in cases {
        check(case);
    }
    assert!(empty().size() >= size_of::<Claims>());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn an_entry_does_not_grow_by_accident() {
    // The id of the token fits into a gap. What only some kinds have is behind one pointer.
    assert_eq!(size_of::<Claims>(), 200);
    assert_eq!(size_of::<Details>(), 72);
}
