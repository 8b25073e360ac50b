//! What is required of tokens has to be known of them.

use super::{accepting, oauth};
use crate::{
    checks::Problems,
    config::bounds::check_audience_can_be_shown,
    kinds::{AudiencePolicy, OAuthTokens},
    verify::JwtVerification,
};

#[test]
fn an_audience_that_nothing_shows_is_not_required() {
    // fault A2
    let require = |oauth: OAuthTokens| oauth.audience_policy(AudiencePolicy::Require);
    let introspection = || require(oauth());
    for (name, kind, expected) in [
        ("introspection", introspection(), true),
        ("not required", oauth(), false),
        (
            "the Backend API",
            require(OAuthTokens::backend_api()),
            false,
        ),
        (
            "a verifier of one's own",
            require(OAuthTokens::verified_by(super::Never)),
            false,
        ),
        (
            "the signature alone",
            introspection().jwts(JwtVerification::Local),
            false,
        ),
        (
            "the signature first",
            introspection().jwts(JwtVerification::LocalThenIntrospect),
            false,
        ),
    ] {
        let kind = kind.check(&mut Problems::default());
        let check = |has_jwt| {
            let mut problems = Problems::default();
            check_audience_can_be_shown(&kind, has_jwt, &mut problems);
            problems.into_result()
        };
        assert!(check(true).is_ok(), "{name}");
        let rejected = check(false).err();
        assert_eq!(rejected.is_some(), expected, "{name}");
        let Some(error) = rejected else { continue };
        let error = error.to_string();
        for part in [
            "`accept.oauth.audience_policy`",
            "require",
            "local-then-introspect",
            "backend-api",
        ] {
            assert!(error.contains(part), "{name}: {part}: {error}");
        }
    }
    // Whether it is left to the user depends on this build alone.
    let built = accepting(introspection()).build();
    assert_eq!(built.is_ok(), cfg!(feature = "jwt"));
}
