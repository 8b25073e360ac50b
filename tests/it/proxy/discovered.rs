//! The metadata of an instance behind a proxy.

use serde_json::json;
use tower_clerk::{
    AuthErrorKind::InvalidUpstreamResponse,
    ClerkConfig,
    fake_clerk::{Endpoint, FakeClerk, Fault},
};

use super::{HOST, KEY, builders, check_requests, configured, world};
use crate::support::{App, World};

#[tokio::test]
async fn the_metadata_is_below_the_path() {
    for way in 0..2 {
        let world = world();
        let (name, builder) = builders(&world).into_iter().nth(way).unwrap();
        let config = configured(&world, builder, world.oauth()).discover([""; 0]);
        let app = App::new(config);
        let tokens = [
            world.clerk.token("user_1").issue(),
            world.clerk.session("user_1").issue(),
        ];
        for token in &tokens {
            for _ in 0..2 {
                app.bearer(token).await.assert_accepted();
            }
        }
        let calls = |endpoint| world.clerk.calls(endpoint);
        assert_eq!(calls(Endpoint::OpenidConfiguration), 1, "{name}");
        assert_eq!(calls(Endpoint::Jwks), 1, "{name}");
        assert_eq!(world.calls(), (1, 1), "{name}");
        check_requests(name, &world);
    }
}

#[tokio::test]
async fn the_metadata_may_name_the_host_of_the_key_as_the_issuer() {
    for (name, builder, status) in [
        ("beside the key", ClerkConfig::builder(KEY), 200),
        // The URL alone is the only issuer then.
        ("alone", ClerkConfig::builder(HOST), 503),
    ] {
        let clerk = FakeClerk::builder().path("/__clerk").issuer(HOST).build();
        let world = World {
            clerk,
            ..World::new()
        };
        let url = world.clerk.url();
        let builder = match status {
            200 => builder.proxy_url(&*url),
            _ => ClerkConfig::builder(&*url),
        };
        let app = App::new(configured(&world, builder, world.oauth()).discover([""; 0]));
        let token = world.clerk.token("user_1").issue();
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.status(), status, "{name}");
        }
    }
}

/// The metadata of the fake, with one member changed.
fn changed(world: &World, name: &str, value: &str) -> serde_json::Value {
    let url = world.clerk.url();
    let mut metadata = json!({
        "issuer": url,
        "introspection_endpoint": format!("{url}/oauth/token_info"),
        "userinfo_endpoint": format!("{url}/oauth/userinfo"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
    });
    metadata[name] = json!(value);
    metadata
}

#[tokio::test]
async fn nothing_is_sent_to_other_paths_of_the_host() {
    let origin = |world: &World| format!("http://{}", world.clerk.addr());
    type Value = fn(&str) -> String;
    let cases: [(&str, &str, Value); 8] = [
        ("another path", "introspection_endpoint", |origin| {
            format!("{origin}/oauth/token_info")
        }),
        ("an upload", "introspection_endpoint", |origin| {
            format!("{origin}/uploads/1")
        }),
        ("a longer name", "introspection_endpoint", |origin| {
            format!("{origin}/__clerkx/oauth/token_info")
        }),
        ("a dot segment", "introspection_endpoint", |origin| {
            format!("{origin}/__clerk/../oauth/token_info")
        }),
        ("userinfo elsewhere", "userinfo_endpoint", |origin| {
            format!("{origin}/oauth/userinfo")
        }),
        ("the keys elsewhere", "jwks_uri", |origin| {
            format!("{origin}/.well-known/jwks.json")
        }),
        ("the host as the issuer", "issuer", str::to_owned),
        ("a slash more", "issuer", |origin| {
            format!("{origin}/__clerk/")
        }),
    ];
    for (name, member, value) in cases {
        for way in 0..2 {
            let world = world();
            let metadata = changed(&world, member, &value(&origin(&world)));
            let fault = Fault::answer(200, "application/json", metadata.to_string());
            world.clerk.fail(Endpoint::OpenidConfiguration, fault);
            let (_, builder) = builders(&world).into_iter().nth(way).unwrap();
            let config = configured(&world, builder, world.oauth()).discover([""; 0]);
            let app = App::new(config);
            for token in [
                world.clerk.token("user_1").issue(),
                world.clerk.session("user_1").issue(),
            ] {
                for _ in 0..2 {
                    let answer = app.bearer(&token).await;
                    assert_eq!(answer.kind(), Some(InvalidUpstreamResponse), "{name}");
                    assert_eq!(answer.status(), 503, "{name}");
                }
            }
            for request in world.clerk.requests() {
                let endpoint = request.endpoint;
                assert_eq!(endpoint, Some(Endpoint::OpenidConfiguration), "{name}");
            }
        }
    }
}
