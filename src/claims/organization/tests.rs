use serde_json::{Map, Value, json};

use super::{ActiveOrganization, Organization};
use crate::AuthErrorKind::{self, MalformedToken};

type Read = Result<Option<Organization>, AuthErrorKind>;

/// Reads claims as they stand in a token.
fn read(claims: Value) -> Read {
    let Value::Object(mut claims) = claims else {
        panic!("claims are an object");
    };
    let org_id = claims.remove("org_id");
    let org_id = org_id.as_ref().and_then(Value::as_str);
    Organization::of_session(org_id, &claims).map(|organization| match organization {
        ActiveOrganization::None => None,
        ActiveOrganization::Known(organization) => Some(*organization),
        ActiveOrganization::Unreadable => panic!("it is unreadable"),
    })
}

fn shown(organization: Read) -> Value {
    serde_json::to_value(organization.unwrap()).unwrap()
}

fn v1() -> Value {
    json!({
        "org_id": "org_1",
        "org_slug": "acme",
        "org_role": "org:admin",
        "org_permissions": ["org:billing:read", "org:sys_memberships:manage"],
    })
}

fn v2() -> Value {
    json!({
        "v": 2,
        "fea": "o:billing,o:teams,u:export",
        "o": { "id": "org_1", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "1,2,0" },
    })
}

/// The claims with others in their place.
fn with(claims: Value, others: Value) -> Value {
    let (Value::Object(mut claims), Value::Object(others)) = (claims, others) else {
        panic!("claims are an object");
    };
    claims.extend(others);
    Value::Object(claims)
}

/// The claims of version 2 with other members in `o`.
fn with_o(others: Value) -> Value {
    let mut claims = v2();
    claims["o"] = with(claims["o"].clone(), others);
    claims
}

#[test]
fn both_versions_tell_the_same() {
    let expected = |permissions: &[&str]| {
        json!({
            "id": "org_1",
            "name": null,
            "slug": "acme",
            "role": "org:admin",
            "permissions": permissions,
        })
    };
    let permissions = ["org:billing:read", "org:sys_memberships:manage"];
    assert_eq!(shown(read(v1())), expected(&permissions));
    assert_eq!(
        shown(read(with(v1(), json!({ "v": 1 })))),
        expected(&permissions)
    );
    let permissions = ["org:billing:read", "org:teams:manage"];
    assert_eq!(shown(read(v2())), expected(&permissions));
}

#[test]
fn there_may_be_none() {
    for (name, claims) in [
        ("no claims", json!({})),
        (
            "null of version 1",
            json!({ "org_id": null, "org_role": null }),
        ),
        (
            "an empty id",
            json!({ "org_id": "", "org_role": "org:admin" }),
        ),
        ("a role alone", json!({ "org_role": "org:admin" })),
        ("version 2", json!({ "v": 2 })),
        (
            "features alone",
            json!({ "v": 2, "fea": "u:export,o:billing" }),
        ),
        ("null of version 2", json!({ "v": 2, "o": null })),
        // They are claims of the instance's own then.
        ("version 1 in version 2", with(v1(), json!({ "v": 2 }))),
        ("version 2 in version 1", with(v2(), json!({ "v": null }))),
        (
            "version 2 in version 1, by number",
            with(v2(), json!({ "v": 1 })),
        ),
    ] {
        assert_eq!(read(claims), Ok(None), "{name}");
    }
    let both = with(v2(), json!({ "org_id": "org_2", "org_role": "org:owner" }));
    assert_eq!(read(both), read(v2()));
}

#[test]
fn what_has_another_type_is_malformed() {
    let mut cases = vec![
        with(v2(), json!({ "v": 0 })),
        with(v2(), json!({ "v": -3 })),
        with(v2(), json!({ "v": 3.0 })),
        with(v2(), json!({ "v": 3.5 })),
        with(v2(), json!({ "v": 1_180_591_620_717_411_303_424.0 })),
        with(v2(), json!({ "v": "3" })),
        with(v2(), json!({ "v": [3] })),
        with(v2(), json!({ "v": -2 })),
        with(v2(), json!({ "v": 2.5 })),
        with(v2(), json!({ "v": "2" })),
        with(v2(), json!({ "v": true })),
        with(v2(), json!({ "o": "org_1" })),
        with(v2(), json!({ "o": [] })),
        with(v2(), json!({ "o": {} })),
        with(v2(), json!({ "fea": ["o:billing"] })),
        with(json!({ "v": 2 }), json!({ "fea": 1 })),
        with_o(json!({ "id": null })),
        with_o(json!({ "id": "" })),
        with(v1(), json!({ "org_slug": 1 })),
        with(v1(), json!({ "org_role": ["org:admin"] })),
        with(v1(), json!({ "org_permissions": "org:billing:read" })),
        with(v1(), json!({ "org_permissions": ["org:billing:read", 1] })),
        with(v1(), json!({ "org_permissions": {} })),
    ];
    for name in ["id", "slg", "rol", "per", "fpm"] {
        for value in [json!(1), json!(true), json!(["x"]), json!({})] {
            let mut others = Map::new();
            others.insert(name.to_owned(), value);
            cases.push(with_o(Value::Object(others)));
        }
    }
    for claims in cases {
        assert_eq!(read(claims.clone()), Err(MalformedToken), "{claims}");
    }
}

#[test]
fn lists_that_cannot_be_read_give_nothing() {
    for (name, claims) in [
        ("no features", with(v2(), json!({ "fea": null }))),
        ("no names", with_o(json!({ "per": null }))),
        ("no masks", with_o(json!({ "fpm": null }))),
        (
            "empty names and masks",
            with_o(json!({ "per": "", "fpm": "" })),
        ),
        ("another number of masks", with_o(json!({ "fpm": "1" }))),
        ("not a number", with_o(json!({ "fpm": "1,x,0" }))),
        (
            "a feature without a colon",
            with(v2(), json!({ "fea": "o:billing,teams,u:export" })),
        ),
    ] {
        let organization = read(claims).unwrap().unwrap();
        assert_eq!(organization.permissions().count(), 0, "{name}");
        // All else is as good as ever.
        assert_eq!(organization.role(), Some("org:admin"), "{name}");
        assert!(!organization.has_permission("org:billing:read"), "{name}");
    }
}

#[test]
fn roles_and_permissions_are_compared_as_a_whole() {
    for organization in [read(v1()), read(v2())] {
        let organization = organization.unwrap().unwrap();
        for (role, expected) in [
            ("org:admin", true),
            // fault E4
            ("admin", true),
            ("org:org:admin", true),
            ("admin:org:", false),
            ("ORG:admin", false),
            ("org:Admin", false),
            ("org:admi", false),
            ("org:admin2", false),
            ("org:", false),
            ("", false),
        ] {
            assert_eq!(organization.has_role(role), expected, "{role}");
        }
        for (permission, expected) in [
            ("org:billing:read", true),
            ("org:billing:Read", false),
            ("org:billing:rea", false),
            ("org:billing:reads", false),
            ("org:billing:manage", false),
            ("org:teams:read", false),
            // fault E4
            ("billing:read", true),
            ("org:org:billing:read", true),
            ("ORG:billing:read", false),
            ("org:", false),
            ("", false),
        ] {
            assert_eq!(
                organization.has_permission(permission),
                expected,
                "{permission}"
            );
        }
    }
}

#[test]
fn role_is_unknown_where_the_token_has_none() {
    for role in [json!(null), json!("")] {
        let organization = read(with_o(json!({ "rol": role }))).unwrap().unwrap();
        assert_eq!(organization.role(), None);
        assert!(!organization.has_role("org:") && !organization.has_role(""));
        assert!(organization.has_permission("org:billing:read"));
    }
}

#[test]
fn the_prefix_of_a_role_makes_no_difference_on_either_side() {
    // fault E4
    let v1 = |role: &str| read(json!({ "org_id": "org_1", "org_role": role }));
    let v2 = |role: &str| read(with_o(json!({ "rol": role })));
    for held in ["admin", "org:admin", "org:org:admin"] {
        for organization in [v1(held), v2(held)] {
            let organization = organization.unwrap().unwrap();
            assert_eq!(organization.role(), Some("org:admin"), "{held}");
            for asked in ["admin", "org:admin", "org:org:admin"] {
                assert!(organization.has_role(asked), "{asked} of {held}");
            }
            for asked in [
                "",
                "org:",
                "member",
                "org:member",
                "Admin",
                "org: admin",
                "rg:admin",
            ] {
                assert!(!organization.has_role(asked), "{asked} of {held}");
            }
        }
    }
    // A prefix is no role.
    for held in ["", "org:", "org:org:"] {
        for organization in [v1(held), v2(held)] {
            let organization = organization.unwrap().unwrap();
            assert_eq!(organization.role(), None, "{held}");
            assert!(!organization.has_role("") && !organization.has_role("org:"));
        }
    }
}

#[test]
fn the_prefix_of_a_permission_makes_no_difference_where_it_is_asked() {
    // fault E4
    let held = json!(["org:billing:read", "teams:read", "org:org:x:read", "org:"]);
    let claims = json!({ "org_id": "org_1", "org_permissions": held });
    let organization = read(claims).unwrap().unwrap();
    for (asked, expected) in [
        ("billing:read", true),
        ("org:billing:read", true),
        ("org:org:billing:read", true),
        // On the side of the token it counts.
        ("teams:read", false),
        ("org:teams:read", false),
        ("x:read", false),
        ("org:org:x:read", false),
        ("", false),
        ("org:", false),
    ] {
        assert_eq!(organization.has_permission(asked), expected, "{asked}");
    }
}

#[test]
fn the_organization_of_a_later_version_is_unreadable() {
    // fault E14
    for version in [json!(3), json!(4), json!(u64::MAX)] {
        for claims in [
            json!({}),
            v1(),
            v2(),
            json!({ "o": 1, "fea": [], "org_role": 2 }),
        ] {
            let Value::Object(claims) = with(claims, json!({ "v": version })) else {
                panic!("claims are an object");
            };
            let read = Organization::of_session(Some("org_1"), &claims);
            assert!(read == Ok(ActiveOrganization::Unreadable), "{claims:?}");
        }
    }
}

#[test]
fn size_counts_every_text() {
    let bare = Organization::new("", None, None).size();
    assert_eq!(bare, size_of::<Organization>());
    let size = |permissions: Value| {
        let claims =
            json!({ "org_id": "org_1", "org_role": "org:a", "org_permissions": permissions });
        read(claims).unwrap().unwrap().size()
    };
    let least = size(json!([]));
    assert!(least >= bare + "org_1".len() + "org:a".len());
    let each = size_of::<Box<str>>() + 10;
    assert_eq!(size(json!(["0123456789", "0123456789"])), least + 2 * each);
}
