//! What is required of tokens has to be known of them.

use super::{ClerkConfigBuilder, builder};
use crate::{JwtVerification, OAuthEndpoint, TokenKind};

#[test]
fn an_audience_that_nothing_shows_is_not_required() {
    // fault A2
    let backend = |builder: ClerkConfigBuilder| {
        let builder = builder.secret_key("sk_test_1");
        builder.oauth_endpoint(OAuthEndpoint::BackendApi)
    };
    let introspection = || builder().require_audience();
    for (name, builder, expected) in [
        ("introspection", introspection(), true),
        ("not required", builder(), false),
        ("the Backend API", backend(introspection()), false),
        (
            "the signature alone",
            introspection().oauth_jwts(JwtVerification::Local),
            false,
        ),
        (
            "the signature first",
            introspection().oauth_jwts(JwtVerification::LocalThenIntrospect),
            false,
        ),
        (
            "no OAuth tokens",
            introspection().accept([TokenKind::Session]),
            false,
        ),
        (
            "OAuth tokens among others",
            introspection().accept([TokenKind::Session, TokenKind::OAuth]),
            true,
        ),
    ] {
        assert!(builder.check_audience_can_be_shown(true).is_ok(), "{name}");
        let rejected = builder.check_audience_can_be_shown(false).err();
        assert_eq!(rejected.is_some(), expected, "{name}");
        let Some(error) = rejected else { continue };
        let error = error.to_string();
        for part in [
            "`require_audience`",
            "true",
            "local-then-introspect",
            "backend-api",
        ] {
            assert!(error.contains(part), "{name}: {part}: {error}");
        }
    }
    // Whether it is left to the user depends on this build alone.
    let built = introspection().build();
    assert_eq!(built.is_ok(), cfg!(feature = "jwt"));
}
