//! Instances whose Frontend API is behind a proxy, at a URL with a path.

mod discovered;
mod issuers;

use tower_clerk::{
    AuthErrorKind::{Inactive, UpstreamUnavailable},
    ClerkConfig, ClerkConfigBuilder,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::{Enrichment, JwtVerification, OAuthTokens, SessionTokens},
    testing::ManualClock,
};

use crate::{
    jwt::{parts, signed, synchronise, with},
    support::{App, World},
};

/// The publishable key of `clerk.example.com`, and its cookie.
const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
const COOKIE: &str = "__session_l2OS3d9k";
/// The issuer that this key contains.
const HOST: &str = "https://clerk.example.com";

/// A Clerk below a path, with a key that exists already.
fn world() -> World {
    let clerk = FakeClerk::builder().path("/__clerk").build();
    let _ = clerk.public_key_pem();
    let clock = ManualClock::new();
    let world = World { clerk, clock };
    synchronise(&world);
    world
}

/// Accepts OAuth and session tokens of an instance that is given in either way.
fn configured(
    world: &World,
    builder: ClerkConfigBuilder,
    oauth: OAuthTokens,
) -> ClerkConfigBuilder {
    builder
        .accept(oauth)
        .accept(SessionTokens::new())
        .transport(world.clerk.transport())
        .clock(world.clock.clone())
}

/// Both ways: the URL of the proxy alone, and beside the publishable key.
fn builders(world: &World) -> [(&'static str, ClerkConfigBuilder); 2] {
    [
        ("a base URL", ClerkConfig::builder(world.clerk.url())),
        (
            "a key and a proxy",
            ClerkConfig::builder(KEY).proxy_url(world.clerk.url()),
        ),
    ]
}

/// Checks that all requests were below the path, and that none has a header which the proxy sets.
fn check_requests(name: &str, world: &World) {
    for request in world.clerk.requests() {
        let path = &request.path;
        assert!(path.starts_with("/__clerk/"), "{name}: {path}");
        assert!(request.endpoint.is_some(), "{name}: {path}");
        for header in ["clerk-proxy-url", "clerk-secret-key", "x-forwarded-for"] {
            assert!(!request.headers.contains_key(header), "{name}: {header}");
        }
    }
}

#[tokio::test]
async fn introspection_and_userinfo_are_below_the_path() {
    let ways = builders(&world()).map(|(name, _)| name);
    for way in 0..ways.len() {
        let world = world();
        let (name, builder) = builders(&world).into_iter().nth(way).unwrap();
        world.clerk.user("user_1").email("ada@example.com").save();
        let app = App::new(configured(&world, builder, world.oauth()));
        let token = world.clerk.token("user_1").scopes(["email"]);
        for token in [token.issue(), world.clerk.token("user_1").jwt().issue()] {
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                answer.assert_accepted();
                assert!(answer.claims().profile().is_some(), "{name}");
            }
        }
        assert_eq!(world.calls(), (2, 2), "{name}");
        for _ in 0..2 {
            app.bearer("oat_unknown")
                .await
                .assert_rejected(401, Inactive);
        }
        assert_eq!(world.calls(), (3, 2), "{name}");
        world
            .clerk
            .fail(Endpoint::Introspection, Fault::status(500));
        let token = world.clerk.token("user_1").issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(503, UpstreamUnavailable);
        }
        world.clerk.heal_all();
        // Its own fault follows userinfo's, too.
        world.clerk.fail(Endpoint::Userinfo, Fault::status(403));
        let oauth = world.oauth().userinfo(Enrichment::Required);
        let (_, builder) = builders(&world).into_iter().nth(way).unwrap();
        let app = App::new(configured(&world, builder, oauth));
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.status(), 401, "{name}");
        }
        check_requests(name, &world);
    }
}

#[tokio::test]
async fn the_key_set_is_below_the_path_and_survives_a_rotation() {
    for way in 0..2 {
        let world = world();
        let (name, builder) = builders(&world).into_iter().nth(way).unwrap();
        let oauth = world.oauth().jwts(JwtVerification::LocalThenIntrospect);
        let app = App::new(configured(&world, builder, oauth));
        let session = || world.clerk.session("user_1").issue();
        let jwt = || world.clerk.token("user_1").jwt().issue();
        let old = session();
        for token in [&old, &jwt()] {
            for _ in 0..2 {
                app.bearer(token).await.assert_accepted();
            }
        }
        assert_eq!(world.clerk.calls(Endpoint::Jwks), 1, "{name}");
        world.clerk.rotate_key();
        synchronise(&world);
        world.clock.advance(std::time::Duration::from_secs(2));
        world.clerk.advance(std::time::Duration::from_secs(2));
        for token in [session(), jwt()] {
            for _ in 0..2 {
                app.bearer(&token).await.assert_accepted();
            }
        }
        assert_eq!(world.clerk.calls(Endpoint::Jwks), 2, "{name}");
        check_requests(name, &world);
    }
}

#[tokio::test]
async fn the_cookie_has_the_suffix_of_the_key() {
    for (name, builder, cookies) in [
        (
            "a key and a proxy",
            ClerkConfig::builder(KEY).proxy_url(world().clerk.url()),
            [
                (COOKIE, true),
                ("__session", true),
                ("__session_other", false),
            ],
        ),
        (
            "a base URL",
            ClerkConfig::builder(world().clerk.url()),
            [
                (COOKIE, false),
                ("__session", true),
                ("__session_other", false),
            ],
        ),
    ] {
        for (cookie, expected) in cookies {
            let world = world();
            let url = world.clerk.url();
            let builder = match name {
                "a base URL" => ClerkConfig::builder(url),
                _ => builder.clone().proxy_url(url),
            };
            let config = builder
                .accept(SessionTokens::new().cookie())
                .transport(world.clerk.transport())
                .clock(world.clock.clone());
            let app = App::new(config);
            let token = world.clerk.session("user_1").issue();
            for _ in 0..2 {
                let header = format!("{cookie}={token}");
                let answer = app.send(&[("cookie", &header)]).await;
                let status = if expected { 200 } else { 401 };
                assert_eq!(answer.status(), status, "{name}: {cookie}");
            }
        }
    }
}

/// A session token that names this issuer.
fn session_of(world: &World, issuer: &str) -> String {
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    signed(&world.clerk, header, with(&payload, "iss", issuer))
}
