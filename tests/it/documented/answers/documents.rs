//! The key set and the metadata.

use std::convert::Infallible;

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    ClerkAuthLayer, config::Resource, fake_clerk::Endpoint, kinds::SessionTokens,
    transport::Transport,
};

use super::{answer_with, assert_covered, twice};
use crate::{
    documented::{
        generate::{self, vary},
        tables,
    },
    jwt,
    properties::for_each_case,
    support::{App, World, runtime},
};

/// The members of every key, and those of each type.
const KEYS: [(&str, &str); 4] = [
    ("RSA", "n! string\n e! string"),
    ("EC", "crv! string\n x! string\n y! string"),
    ("OKP", "crv! =Ed25519\n x! string"),
    ("oct", "k! string"),
];
const EVERY_KEY: &str = "
    kid!     string
    alg!     string
    use!     string
    x5c      strings
    x5t      string
    x5t#S256 string
    x5u      string
";

fn key(random: &mut Rng, ours: &Value) -> Value {
    let mut key = generate::object(random, EVERY_KEY);
    if random.u8(..3) == 0 {
        for name in ["kid", "kty", "n", "e"] {
            key[name] = ours[name].clone();
        }
        vary(
            random,
            &mut key,
            "kid",
            &[ours["kid"].clone(), ours["kid"].clone(), json!("ins_2")],
        );
        vary(
            random,
            &mut key,
            "alg",
            &["RS256", "RS256", "RS256", "PS256"].map(Value::from),
        );
        vary(
            random,
            &mut key,
            "use",
            &["sig", "sig", "sig", "enc"].map(Value::from),
        );
        return key;
    }
    let (name, members) = KEYS[random.usize(..KEYS.len())];
    let more = generate::object(random, members);
    key["kty"] = json!(name);
    key["use"] = json!("sig");
    key.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    key
}

/// A set that Clerk may publish has keys of other types. A set without any key that can sign is no key set: it shows
/// nothing about a token, so it is a 503, and not a 401 that ends sessions.
#[test]
fn key_sets_decide_as_the_oracle() {
    let world = jwt::world();
    let runtime = runtime();
    let request = Request::get(format!("{}/.well-known/jwks.json", world.clerk.url()));
    let request = request.body(Bytes::new()).unwrap();
    let response = runtime
        .block_on(world.clerk.transport().send(request))
        .unwrap();
    let published: Value = serde_json::from_slice(response.body()).unwrap();
    let ours = &published["keys"][0];
    let token = world.clerk.session("user_1").issue();
    let mut outcomes = [0; 3];
    for_each_case(1_000, |random| {
        let keys: Vec<_> = (0..random.usize(..4)).map(|_| key(random, ours)).collect();
        let set = json!({"keys": keys});
        answer_with(&world, Endpoint::Jwks, 200, &set);
        let is_usable =
            |key: &&Value| key["n"] == ours["n"] && key["alg"] == "RS256" && key["use"] == "sig";
        let usable: Vec<_> = keys.iter().filter(is_usable).collect();
        let has_ours = usable.iter().any(|key| key["kid"] == ours["kid"]);
        let (outcome, expected) = match (usable.is_empty(), has_ours) {
            (true, _) => (0, 503),
            (false, true) => (1, 200),
            (false, false) => (2, 401),
        };
        outcomes[outcome] += 1;
        let app = App::new(world.accepting(SessionTokens::new()));
        runtime.block_on(twice(&app, &token, expected, &set));
    });
    assert_covered(&outcomes);
}

#[test]
fn metadata_of_the_instance_names_its_endpoints() {
    let world = World::new();
    let runtime = runtime();
    let url = world.clerk.url();
    let mut number = 0;
    for_each_case(500, |random| {
        let mut metadata = generate::object(random, tables::OPENID_CONFIGURATION);
        metadata["issuer"] = json!(url);
        metadata["introspection_endpoint"] = json!(format!("{url}/oauth/token_info"));
        metadata["userinfo_endpoint"] = json!(format!("{url}/oauth/userinfo"));
        metadata["jwks_uri"] = json!(format!("{url}/.well-known/jwks.json"));
        answer_with(&world, Endpoint::OpenidConfiguration, 200, &metadata);
        let app = App::new(world.config().discover([""; 0]));
        number += 1;
        jwt::synchronise(&world);
        let token = world.clerk.token(format!("user_{number}")).issue();
        let reply = runtime.block_on(twice(&app, &token, 200, &metadata));
        assert!(reply.claims().profile().is_some());
    });
}

#[test]
fn metadata_of_the_authorization_server_is_served_as_it_is() {
    let world = World::new();
    let runtime = runtime();
    for_each_case(300, |random| {
        let mut metadata = generate::object(random, tables::AUTHORIZATION_SERVER);
        metadata["issuer"] = json!(world.clerk.url());
        answer_with(&world, Endpoint::AuthorizationServer, 200, &metadata);
        let resource = Resource::new("https://api.example.com/mcp");
        let config = world
            .config()
            .resource(resource.serve_authorization_server_metadata());
        let layer = ClerkAuthLayer::new(config.build().unwrap());
        runtime.block_on(async {
            layer.authenticator().warm_up().await.unwrap();
            let service = layer.layer(service_fn(|_: Request<()>| async {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }));
            let request = Request::get("/.well-known/oauth-authorization-server");
            let Ok(response) = service.oneshot(request.body(()).unwrap()).await;
            assert_eq!(response.status(), 200, "{metadata}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, metadata.to_string());
        });
    });
}
