//! Rules on what the subject is and may do.

use std::{fmt::Debug, panic};

use serde_json::{Value, json};
use tower_layer::Layer;

use super::{AuthErrorKind, Claims, ClerkClaims, Inner, challenges, request, send};
use crate::{
    RequireLayer, TokenKind,
    authorize::Require,
    claims::{ActiveOrganization, Organization},
};

/// Claims of a session in an organization with this role and these permissions.
fn member(role: &str, permissions: &[&str]) -> ClerkClaims {
    let Value::Object(claims) = json!({ "org_role": role, "org_permissions": permissions }) else {
        unreachable!("it is an object");
    };
    let organization = Organization::of_session(Some("org_1"), &claims).unwrap();
    ClerkClaims::new(Claims {
        kind: TokenKind::Session,
        organization,
        challenges: challenges(),
        ..Claims::bare("user_1")
    })
}

/// Claims of a token of this kind, of somebody in an organization of which nothing is known.
fn of_kind(kind: TokenKind) -> ClerkClaims {
    ClerkClaims::new(Claims {
        kind,
        organization: Some(Organization::new("org_1", None, None)).into(),
        challenges: challenges(),
        ..Claims::bare("user_1")
    })
}

#[track_caller]
fn check<L>(layer: &L, claims: &ClerkClaims, passes: bool)
where
    L: Layer<Inner, Service = Require<Inner>> + Debug,
{
    for _ in 0..2 {
        let mut request = request(&[]);
        request.extensions_mut().insert(claims.clone());
        let (response, calls) = send(layer, request);
        assert_eq!(calls, usize::from(passes), "{layer:?}");
        if passes {
            assert_eq!(response.status(), 200, "{layer:?}");
            continue;
        }
        assert_eq!(response.status(), 403, "{layer:?}");
        let error = response.extensions().get::<crate::AuthError>().unwrap();
        assert_eq!(error.kind(), AuthErrorKind::Forbidden, "{layer:?}");
        let challenge = &response.headers()["www-authenticate"];
        assert_eq!(challenge, "Bearer resource_metadata=\"https://m.example/\"");
    }
}

#[test]
fn permissions_are_those_of_the_organization() {
    let (read, pay) = ("org:billing:read", "org:billing:pay");
    let all = RequireLayer::permissions([read, pay]);
    let any = RequireLayer::any_permission([read, pay]);
    // All, any.
    for (permissions, expected) in [
        (&[read, "org:teams:read", pay][..], (true, true)),
        (&[read], (false, true)),
        (&[pay], (false, true)),
        (&[], (false, false)),
        (&["org:billing:manage", "org:teams:pay"], (false, false)),
        (&["org:billing:reads", "org:billing:Read"], (false, false)),
    ] {
        let claims = member("org:admin", permissions);
        check(&all, &claims, expected.0);
        check(&any, &claims, expected.1);
    }
}

#[test]
fn a_role_is_one_of_some() {
    let layer = RequireLayer::any_role(["org:admin", "org:support"]);
    for (role, expected) in [
        ("org:admin", true),
        ("org:support", true),
        ("org:member", false),
        // fault E4
        ("admin", true),
        ("org:org:support", true),
        ("org:Admin", false),
        ("org:admins", false),
        ("", false),
    ] {
        check(&layer, &member(role, &["org:admin:support"]), expected);
    }
}

#[test]
fn kinds_are_told_apart() {
    for asked in TokenKind::ALL {
        for kind in TokenKind::ALL {
            check(
                &RequireLayer::any_kind([asked]),
                &of_kind(kind),
                asked == kind,
            );
            check(&RequireLayer::kind(asked), &of_kind(kind), asked == kind);
            check(&RequireLayer::any_kind([kind, asked]), &of_kind(kind), true);
        }
    }
}

#[test]
fn who_has_no_role_and_no_permission_is_rejected_whatever_the_kind() {
    let nobodys = |kind| {
        ClerkClaims::new(Claims {
            kind,
            // A scope is no permission.
            scope: "org:billing:read org:admin".into(),
            challenges: challenges(),
            ..Claims::bare("user_1")
        })
    };
    for kind in TokenKind::ALL {
        for claims in [of_kind(kind), nobodys(kind)] {
            check(
                &RequireLayer::permissions(["org:billing:read"]),
                &claims,
                false,
            );
            check(
                &RequireLayer::any_permission(["org:billing:read"]),
                &claims,
                false,
            );
            check(&RequireLayer::any_role(["org:admin"]), &claims, false);
        }
    }
}

#[test]
fn rules_stand_behind_a_layer() {
    let permission = RequireLayer::permissions(["org:billing:read"]);
    assert_eq!(send(&permission, request(&[])).0.status(), 500);
    let role = RequireLayer::any_role(["org:admin"]);
    assert_eq!(send(&role, request(&[])).0.status(), 500);
    let kind = RequireLayer::any_kind(TokenKind::ALL);
    assert_eq!(send(&kind, request(&[])).0.status(), 500);
}

#[test]
fn roles_and_permissions_are_compared_as_clerk_does_it() {
    // fault E4
    for asked in ["admin", "org:admin", "org:org:admin"] {
        for held in ["admin", "org:admin"] {
            check(&RequireLayer::any_role([asked]), &member(held, &[]), true);
            check(&RequireLayer::role(asked), &member(held, &[]), true);
        }
        check(
            &RequireLayer::any_role([asked]),
            &member("org:member", &[]),
            false,
        );
    }
    let claims = member("org:admin", &["org:billing:read", "teams:read"]);
    for (asked, expected) in [
        ("billing:read", true),
        ("org:org:billing:read", true),
        ("teams:read", false),
    ] {
        check(&RequireLayer::permissions([asked]), &claims, expected);
        check(&RequireLayer::any_permission([asked]), &claims, expected);
    }
    // Names that no token has reject, and do not panic.
    for odd in [
        "",
        "org:",
        "org::",
        "org:a:b:c",
        "billing",
        "a,b",
        " admin",
        "\u{0}",
    ] {
        check(&RequireLayer::any_role([odd]), &claims, false);
        check(&RequireLayer::permissions([odd]), &claims, false);
        check(&RequireLayer::any_permission([odd]), &claims, false);
    }
}

#[test]
fn an_unreadable_organization_satisfies_no_rule_that_needs_one() {
    // fault E14
    let claims = ClerkClaims::new(Claims {
        kind: TokenKind::Session,
        organization: ActiveOrganization::Unreadable,
        challenges: challenges(),
        ..Claims::bare("user_1")
    });
    check(&RequireLayer::any_role(["org:admin"]), &claims, false);
    check(
        &RequireLayer::permissions(["org:billing:read"]),
        &claims,
        false,
    );
    check(
        &RequireLayer::any_permission(["org:billing:read"]),
        &claims,
        false,
    );
    check(&RequireLayer::any_kind([TokenKind::Session]), &claims, true);
}

#[test]
fn rules_without_names_are_not_made() {
    let none: [&str; 0] = [];
    assert!(panic::catch_unwind(|| drop(RequireLayer::permissions(none))).is_err());
    assert!(panic::catch_unwind(|| drop(RequireLayer::any_permission(none))).is_err());
    assert!(panic::catch_unwind(|| drop(RequireLayer::any_role(none))).is_err());
    assert!(panic::catch_unwind(|| drop(RequireLayer::any_kind([]))).is_err());
}

#[test]
fn debug_shows_what_is_asked() {
    let permission = RequireLayer::permissions(["org:billing:read"]);
    let expected = "RequireLayer(AllPermissions([\"org:billing:read\"]))";
    assert_eq!(format!("{permission:?}"), expected);
    let permission = RequireLayer::any_permission(["org:billing:read"]);
    let expected = "RequireLayer(AnyPermission([\"org:billing:read\"]))";
    assert_eq!(format!("{permission:?}"), expected);
    let role = RequireLayer::any_role(["org:admin"]);
    assert_eq!(
        format!("{role:?}"),
        "RequireLayer(AnyRole([\"org:admin\"]))"
    );
    let kind = RequireLayer::any_kind([TokenKind::Session]);
    assert_eq!(format!("{kind:?}"), "RequireLayer(AnyKind({Session}))");
}
