//! What is required of tokens that nothing but a verified payload shows.

use tower_clerk::{
    AuthErrorKind::WrongAudience,
    ClerkAuthLayer, ClerkConfigBuilder,
    kinds::{AudiencePolicy, JwtVerification, OAuthTokens},
};

use crate::{
    audiences::warnings,
    by_jti::{ByJti, edited},
    redaction::Log,
    support::App,
};

/// Makes a layer, and returns how many warnings that causes.
fn warnings_at(config: ClerkConfigBuilder) -> Vec<String> {
    let log = Log::default();
    let guard = log.subscribe();
    let _ = ClerkAuthLayer::new(config.build().unwrap());
    drop(guard);
    warnings(&log)
}

#[tokio::test]
async fn a_layer_that_requires_what_introspection_does_not_say_warns_once() {
    // fault A2
    let config = |oauth| ByJti::new().config(oauth).resource("https://h.example");
    let requiring = |oauth: OAuthTokens| oauth.audience_policy(AudiencePolicy::Require);
    let introspection = || requiring(ByJti::introspection());
    let told = warnings_at(config(introspection()));
    assert_eq!(told.len(), 1, "{told:#?}");
    for remedy in ["local-then-introspect", "`backend_api`"] {
        assert!(told[0].contains(remedy), "{told:#?}");
    }
    for (name, oauth) in [
        ("not required", ByJti::introspection()),
        ("the Backend API", requiring(ByJti::backend_api())),
        (
            "the signature first",
            introspection().jwts(JwtVerification::LocalThenIntrospect),
        ),
        (
            "the signature alone",
            introspection().jwts(JwtVerification::Local),
        ),
    ] {
        assert_eq!(warnings_at(config(oauth)), [""; 0], "{name}");
    }
    // It is legal, and no request is told again.
    let log = Log::default();
    let app = App::new(config(introspection().allow_any_client()));
    let guard = log.subscribe();
    for token in ["oat_1", &edited("aud", "https://h.example")] {
        for _ in 0..2 {
            app.bearer(token).await.assert_rejected(401, WrongAudience);
        }
    }
    drop(guard);
    // Of the client, once.
    assert_eq!(warnings(&log).len(), 1, "{}", log.text());
}
