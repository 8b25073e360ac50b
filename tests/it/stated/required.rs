//! What is required of tokens that nothing but a verified payload shows.

use tower_clerk::{
    AuthErrorKind::WrongAudience, ClerkAuthLayer, ClerkConfigBuilder, JwtVerification,
    OAuthEndpoint,
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
    let config = |endpoint| ByJti::new().config(endpoint).resource("https://h.example");
    let introspection = || config(OAuthEndpoint::Introspection);
    let told = warnings_at(introspection().require_audience());
    assert_eq!(told.len(), 1, "{told:#?}");
    for remedy in ["local-then-introspect", "OAuthEndpoint::BackendApi"] {
        assert!(told[0].contains(remedy), "{told:#?}");
    }
    for (name, config) in [
        ("not required", introspection()),
        (
            "the Backend API",
            config(OAuthEndpoint::BackendApi).require_audience(),
        ),
        (
            "the signature first",
            introspection()
                .require_audience()
                .oauth_jwts(JwtVerification::LocalThenIntrospect),
        ),
        (
            "the signature alone",
            introspection()
                .require_audience()
                .oauth_jwts(JwtVerification::Local),
        ),
    ] {
        assert_eq!(warnings_at(config), [""; 0], "{name}");
    }
    // It is legal, and no request is told again.
    let log = Log::default();
    let app = App::new(introspection().require_audience().allow_any_client());
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
