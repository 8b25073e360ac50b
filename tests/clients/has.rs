//! Verdicts on generated claims, for the comparison with Clerk's own `has()` by `has.mjs`: reads the cases from standard
//! input, and prints one list of verdicts for each case, or null if the token was rejected.

use std::{
    convert::Infallible,
    error::Error,
    future::ready,
    io,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    Authenticator, ClerkAuthLayer, ClerkClaims, ClerkConfig, RequireLayer,
    authorize::Reverification, fake_clerk::FakeClerk, kinds::SessionTokens, testing::ManualClock,
};

#[derive(Deserialize)]
struct Case {
    /// The claims that differ from case to case. Null removes one.
    claims: Map<String, Value>,
    /// The age of the token, in seconds.
    age: u64,
    queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Query {
    Role(String),
    Permission(String),
    Plan(String),
    Feature(String),
    Reverification(Level),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Level {
    Preset(String),
    #[serde(rename_all = "camelCase")]
    Custom {
        level: String,
        after_minutes: u64,
    },
}

impl Level {
    fn to_reverification(&self) -> Reverification {
        match self {
            Self::Preset(name) => match name.as_str() {
                "strict_mfa" => Reverification::strict_mfa(),
                "strict" => Reverification::strict(),
                "moderate" => Reverification::moderate(),
                "lax" => Reverification::lax(),
                other => panic!("{other} is no preset"),
            },
            Self::Custom {
                level,
                after_minutes,
            } => {
                let within = Duration::from_secs(after_minutes * 60);
                match level.as_str() {
                    "first_factor" => Reverification::first_factor(within),
                    "second_factor" => Reverification::second_factor(within),
                    "multi_factor" => Reverification::multi_factor(within),
                    other => panic!("{other} is no level"),
                }
            }
        }
    }
}

/// Returns true, or the body of the rejection.
async fn reverify(layer: &ClerkAuthLayer, token: &str, level: &Level) -> Value {
    let inner =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Bytes::new()))));
    let rule = RequireLayer::reverification(level.to_reverification());
    let service = layer.layer(rule.layer(inner));
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    let request = request.body(()).expect("a token fits into a header");
    let Ok(response) = service.oneshot(request).await;
    match response.status().as_u16() {
        200 => json!(true),
        403 => serde_json::from_slice(response.body()).expect("the body is JSON"),
        other => panic!("the status is {other}"),
    }
}

async fn verdict(
    layer: &ClerkAuthLayer,
    token: &str,
    claims: &ClerkClaims,
    query: &Query,
) -> Value {
    match query {
        Query::Role(role) => json!(claims.has_role(role)),
        Query::Permission(permission) => json!(claims.has_permission(permission)),
        Query::Plan(plan) => json!(claims.has_plan(plan)),
        Query::Feature(feature) => json!(claims.has_feature(feature)),
        Query::Reverification(level) => reverify(layer, token, level).await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cases: Vec<Case> = serde_json::from_reader(io::stdin())?;
    let clerk = FakeClerk::new();
    let now = clerk.now();
    let config = ClerkConfig::builder(clerk.url())
        .accept(SessionTokens::new())
        .transport(clerk.transport())
        .clock(ManualClock::at(UNIX_EPOCH + Duration::from_secs(now)))
        .build()?;
    let authenticator = Authenticator::new(config);
    let layer = ClerkAuthLayer::from(authenticator.clone());
    let mut all = Vec::new();
    for Case {
        claims,
        age,
        queries,
    } in cases
    {
        let session = clerk.session("user_1").claim("iat", now - age);
        let session = session.claim("nbf", now - age).claim("exp", now + 3600);
        let token = claims
            .into_iter()
            .fold(session, |session, (name, value)| session.claim(name, value))
            .issue();
        let Ok(claims) = authenticator.verify(&token).await else {
            all.push(Value::Null);
            continue;
        };
        let mut verdicts = Vec::new();
        for query in &queries {
            verdicts.push(verdict(&layer, &token, &claims, query).await);
        }
        all.push(verdicts.into());
    }
    println!("{}", Value::from(all));
    Ok(())
}
