//! The issuers that tokens may name: those of the configuration, byte for byte.

use tower_clerk::{
    AuthErrorKind::WrongIssuer,
    ClerkConfig, ClerkConfigBuilder,
    fake_clerk::{FakeClerk, Field},
    kinds::{Enrichment, JwtVerification, OAuthTokens},
    testing::ManualClock,
};

use super::{HOST, KEY, configured, session_of, world};
use crate::{
    jwt::synchronise,
    support::{App, World},
};

/// Which issuers a configuration accepts.
#[derive(Clone, Copy)]
struct Accepts {
    host: bool,
    proxy: bool,
}

fn builders(world: &World) -> [(&'static str, ClerkConfigBuilder, Accepts); 3] {
    let url = world.clerk.url();
    let both = Accepts {
        host: true,
        proxy: true,
    };
    let proxy = Accepts {
        host: false,
        proxy: true,
    };
    [
        (
            "a key and a proxy",
            ClerkConfig::builder(KEY).proxy_url(&*url),
            both,
        ),
        (
            "a host and a proxy",
            ClerkConfig::builder("clerk.example.com").proxy_url(&*url),
            both,
        ),
        ("a base URL", ClerkConfig::builder(&*url), proxy),
    ]
}

/// Issuers, and whether a configuration accepts them.
fn issuers(url: &str, accepts: Accepts) -> Vec<(String, bool)> {
    let origin = url.strip_suffix("/__clerk").unwrap();
    vec![
        (HOST.to_owned(), accepts.host),
        (url.to_owned(), accepts.proxy),
        ("https://evil.example".to_owned(), false),
        ("https://evil.example/__clerk".to_owned(), false),
        (origin.to_owned(), false),
        (format!("{origin}/"), false),
        (format!("{origin}/other"), false),
        (format!("{origin}/__cler"), false),
        (format!("{url}/"), false),
        (format!("{url}/x"), false),
        (format!("{url}x"), false),
        (format!("{HOST}/"), false),
        (format!("{HOST}/__clerk"), false),
        (String::new(), false),
    ]
}

async fn check(name: &str, app: &App, token: &str, expected: bool) {
    for _ in 0..2 {
        let answer = app.bearer(token).await;
        if expected {
            assert_eq!(answer.kind(), None, "{name}");
        } else {
            assert_eq!(answer.kind(), Some(WrongIssuer), "{name}");
            assert_eq!(answer.status(), 401, "{name}");
        }
    }
}

#[tokio::test]
async fn session_tokens_name_an_issuer_of_the_instance() {
    let world = world();
    for (way, builder, accepts) in builders(&world) {
        let app = App::new(configured(&world, builder, world.oauth()));
        for (issuer, expected) in issuers(&world.clerk.url(), accepts) {
            let name = format!("{way}: {issuer}");
            check(&name, &app, &session_of(&world, &issuer), expected).await;
        }
    }
}

#[tokio::test]
async fn oauth_jwts_name_an_issuer_of_the_instance() {
    let world = world();
    for mode in [
        JwtVerification::Introspect,
        JwtVerification::Local,
        JwtVerification::LocalThenIntrospect,
    ] {
        for (way, builder, accepts) in builders(&world) {
            let oauth = world.oauth().userinfo(Enrichment::Off).jwts(mode);
            let app = App::new(configured(&world, builder, oauth));
            for (issuer, expected) in issuers(&world.clerk.url(), accepts) {
                let token = world.clerk.token("user_1").jwt();
                let token = token.claim("iss", &*issuer).issue();
                let name = format!("{way}, {mode:?}: {issuer}");
                check(&name, &app, &token, expected).await;
            }
        }
    }
}

#[tokio::test]
async fn responses_about_opaque_tokens_name_an_issuer_of_the_instance() {
    let url = world().clerk.url();
    for (issuer, _) in issuers(
        &url,
        Accepts {
            host: true,
            proxy: true,
        },
    ) {
        // Each fake has another address.
        let is_proxy = issuer == url;
        let mut clerk = FakeClerk::builder().path("/__clerk");
        if !is_proxy {
            clerk = clerk.issuer(&*issuer);
        }
        let clock = ManualClock::new();
        let world = World {
            clerk: clerk.build(),
            clock,
        };
        synchronise(&world);
        world.clerk.introspection_includes([Field::Iss]);
        for (way, builder, accepts) in builders(&world) {
            let oauth: OAuthTokens = world.oauth().userinfo(Enrichment::Off);
            let app = App::new(configured(&world, builder, oauth));
            let expected = is_proxy && accepts.proxy || issuer == HOST && accepts.host;
            let name = format!("{way}: {issuer}");
            check(&name, &app, &world.clerk.token("user_1").issue(), expected).await;
        }
    }
}

#[tokio::test]
async fn claims_name_the_instance_and_the_issuer_of_the_token() {
    let world = world();
    let url = world.clerk.url();
    let builder = ClerkConfig::builder(KEY).proxy_url(&*url);
    let app = App::new(configured(&world, builder, world.oauth()));
    for issuer in [HOST, &url] {
        let token = session_of(&world, issuer);
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.claims().issuer(), Some(issuer));
        }
    }
}
