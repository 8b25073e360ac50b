//! The example `fake_clerk`, as a process of its own, driven over HTTP.

use std::{
    collections::{BTreeMap, HashMap},
    process::Stdio,
    time::Duration,
};

use reqwest::{Client, ClientBuilder, Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};
use tower_clerk::{AuthErrorKind, ClerkConfig, kinds::OAuthTokens};

use crate::{
    examples::{PATIENCE, command},
    support::App,
};

#[tokio::test]
async fn tokens_are_minted_accepted_and_revoked() {
    let fake = Fake::start().await;
    let app = fake.app();
    for token in ["user_ada", "user_grace"].map(|user| &fake.told[user]) {
        app.bearer(token).await.assert_accepted();
    }

    for format in ["opaque", "jwt"] {
        let wanted = json!({
            "user": "user_eve", "scope": "email admin", "client_id": "", "lifetime": 60,
            "resource": "", "format": format,
        });
        let minted = fake.done(Method::POST, "tokens", &wanted).await;
        let token = minted["token"].as_str().unwrap();
        assert_eq!(token.starts_with("oat_"), format == "opaque");
        let answer = app.bearer(token).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().subject(), "user_eve");
        assert!(answer.claims().has_scope("admin"));

        let state = fake.state().await;
        let listed = &state["tokens"][0];
        assert_eq!(
            (&listed["id"], &listed["status"]),
            (&minted["id"], &json!("active"))
        );
        assert!(!state.to_string().contains(token), "it is shown once only");

        let path = format!("tokens/{}", minted["id"].as_str().unwrap());
        fake.done(Method::DELETE, &path, &Value::Null).await;
        for _ in 0..2 {
            let rejected = app.bearer(token).await;
            rejected.assert_rejected(401, AuthErrorKind::Inactive);
        }
        assert_eq!(fake.state().await["tokens"][0]["status"], "revoked");
    }
}

#[tokio::test]
async fn what_is_minted_is_for_the_client_and_resource_named() {
    let fake = Fake::start().await;
    let settings =
        json!({"jwts": false, "lifetime": 60, "reject_consent": false, "describe": true});
    fake.done(Method::PUT, "settings", &settings).await;
    let app = fake.app();
    for (name, client, resource, kind) in [
        ("another client", "other", "", AuthErrorKind::WrongClient),
        (
            "another resource",
            "",
            "https://other.example",
            AuthErrorKind::WrongAudience,
        ),
    ] {
        let wanted = json!({"user": "user_eve", "client_id": client, "resource": resource});
        let minted = fake.done(Method::POST, "tokens", &wanted).await;
        for _ in 0..2 {
            let rejected = app.bearer(minted["token"].as_str().unwrap()).await;
            assert_eq!(
                (rejected.status().as_u16(), rejected.kind()),
                (401, Some(kind)),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn faults_are_switched_on_and_healed_and_calls_are_listed() {
    let fake = Fake::start().await;
    let app = fake.app();
    let token = &fake.told["user_ada"];
    for fault in [
        json!({"endpoint": "introspection", "kind": "status", "status": 503}),
        json!({"endpoint": "introspection", "kind": "malformed"}),
        json!({"endpoint": "introspection", "kind": "reset"}),
    ] {
        fake.done(Method::PUT, "faults", &fault).await;
        for _ in 0..2 {
            assert_eq!(app.bearer(token).await.status(), 503, "{fault}");
        }
        let faults = &fake.state().await["endpoints"][0]["faults"];
        assert_eq!(faults.as_array().unwrap().len(), 1, "{fault}");
        fake.done(Method::DELETE, "faults/introspection", &Value::Null)
            .await;
    }
    let state = fake.state().await;
    let calls = state["calls"].as_array().unwrap();
    let seen = |outcome: &str, status: Value| {
        let is_it = |call: &&Value| call["outcome"] == outcome && call["status"] == status;
        let call = calls.iter().find(is_it);
        let call = call.unwrap_or_else(|| panic!("no {outcome} {status} in {calls:?}"));
        assert_eq!(call["endpoint"], "introspection");
        assert_eq!(call["path"], "/oauth/token_info");
        assert!(call["micros"].as_u64().unwrap() > 0);
        assert!(call["at"].as_u64().unwrap() > 1_700_000_000_000);
    };
    seen("answered", json!(503));
    seen("answered", json!(200));
    seen("dropped", Value::Null);

    let delay = json!({"endpoint": "introspection", "kind": "delay", "millis": 200, "times": 1});
    fake.done(Method::PUT, "faults", &delay).await;
    // A layer that no failure has made careful.
    fake.app().bearer(token).await.assert_accepted();
    let state = fake.state().await;
    let mut calls = state["calls"].as_array().unwrap().iter();
    assert!(
        calls.any(|call| call["micros"].as_u64() > Some(200_000)),
        "{state}"
    );

    fake.done(Method::DELETE, "calls", &Value::Null).await;
    assert_eq!(fake.state().await["calls"], json!([]));
}

#[tokio::test]
async fn users_can_be_edited() {
    let fake = Fake::start().await;
    let user = json!({"id": "user_ada", "email": "countess@example.org", "name": "Ada King"});
    fake.done(Method::PUT, "users", &user).await;
    let answer = fake.app().bearer(&fake.told["user_ada"]).await;
    let claims = serde_json::to_value(answer.claims()).unwrap();
    assert_eq!(claims["email"], "countess@example.org");
    assert_eq!(claims["name"], "Ada King");
    assert_eq!(claims["family_name"], "Lovelace");
    assert_eq!(
        fake.state().await["users"][0]["email"],
        "countess@example.org"
    );
}

#[tokio::test]
async fn writes_of_other_pages_and_nonsense_are_rejected() {
    let fake = Fake::start().await;
    let mint = json!({"user": "user_eve"});
    let before = fake.state().await["tokens"].clone();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
    ] {
        for _ in 0..2 {
            let request = fake
                .request(Method::POST, "tokens", &mint)
                .header(name, value);
            let status = request.send().await.unwrap().status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {value}");
        }
    }
    for (method, path, body) in [
        ("POST", "tokens", json!({"user": " "})),
        ("POST", "tokens", json!({"user": "u", "lifetime": 0})),
        (
            "POST",
            "tokens",
            json!({"user": "u", "resource": "not-absolute"}),
        ),
        ("POST", "tokens", json!({"user": "u", "scope": "\"a\""})),
        ("POST", "tokens", json!({"user": "u", "format": "saml"})),
        ("POST", "tokens", json!({"user": "u", "colour": "red"})),
        (
            "PUT",
            "faults",
            json!({"endpoint": "introspection", "kind": "status"}),
        ),
        (
            "PUT",
            "faults",
            json!({"endpoint": "introspection", "kind": "status", "status": 99}),
        ),
        (
            "PUT",
            "faults",
            json!({"endpoint": "introspection", "kind": "delay", "millis": 0}),
        ),
        (
            "PUT",
            "faults",
            json!({"endpoint": "jwks", "kind": "explosion"}),
        ),
        ("PUT", "users", json!({"id": ""})),
        ("PUT", "settings", json!({})),
    ] {
        for _ in 0..2 {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = fake.request(method, path, &body).send().await.unwrap();
            assert_eq!(
                response.status(),
                StatusCode::UNPROCESSABLE_ENTITY,
                "{body}"
            );
            let told: Value = response.json().await.unwrap();
            assert!(told["error"].is_string(), "{body}");
        }
    }
    let state = fake.state().await;
    assert_eq!(state["tokens"], before, "nothing was minted");
    assert!(
        state["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["faults"] == json!([]))
    );
}

#[tokio::test]
async fn the_environment_is_the_same_at_every_start() {
    let (mut first, second) = (Fake::start().await, Fake::start().await);
    for name in [
        "CLERK_OAUTH_CLIENT_ID",
        "CLERK_OAUTH_CLIENT_SECRET",
        "CLERK_ACCEPT",
        "CLERK_MACHINES",
        "CLERK_SECRET_KEY",
    ] {
        assert_eq!(first.told[name], second.told[name]);
    }
    assert_ne!(first.told["user_ada"], second.told["user_ada"]);
    let state = first.state().await;
    // The page has the same lines, in two groups.
    let groups = ["environment", "environment_of_kinds"].map(|name| state[name].as_str().unwrap());
    let shown: BTreeMap<_, _> = groups
        .iter()
        .flat_map(|lines| lines.lines())
        .map(|line| line.split_once('=').unwrap())
        .collect();
    let is_variable = |(name, _): &(&str, &str)| name.starts_with("CLERK_");
    let printed = first.told.iter().map(|(name, value)| (&**name, &**value));
    assert_eq!(shown, printed.filter(is_variable).collect());
    assert_eq!(shown.len(), 8);

    if cfg!(unix) {
        let id = first.process.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status().await;
        assert!(kill.unwrap().success());
        let ended = timeout(PATIENCE, first.process.wait()).await.unwrap();
        assert!(ended.unwrap().success(), "Ctrl-C ends it as it should");
    }
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let output = command("fake_clerk")
        .env("LISTEN", "0.0.0.0:0")
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("loopback"), "{told}");
}

/// A running example; it is killed when this is dropped.
pub struct Fake {
    /// The variables and the tokens it has printed, by their names and their users.
    pub told: HashMap<String, String>,
    process: Child,
    client: Client,
}

impl Fake {
    pub async fn start() -> Self {
        let mut process = command("fake_clerk")
            .env_remove("REDIRECT_URIS")
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut told = HashMap::new();
        let reading = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let line = line.trim();
                let pair = match line.strip_prefix("export ") {
                    Some(assignment) => assignment.split_once('='),
                    None if line.starts_with("user_") => line.split_once(' '),
                    None => None,
                };
                if let Some((name, value)) = pair {
                    told.insert(name.to_owned(), value.trim().to_owned());
                }
                if line.starts_with("Ctrl-C") {
                    return;
                }
            }
            panic!("the example ended too early");
        };
        timeout(PATIENCE, reading).await.expect("it starts in time");
        Self {
            told,
            process,
            client: ClientBuilder::new().no_proxy().build().unwrap(),
        }
    }

    pub fn url(&self) -> &str {
        &self.told["CLERK_DOMAIN"]
    }

    /// A service that remembers no answer.
    pub fn app(&self) -> App {
        let (id, secret) = ("CLERK_OAUTH_CLIENT_ID", "CLERK_OAUTH_CLIENT_SECRET");
        let config = ClerkConfig::builder(self.url())
            .accept(OAuthTokens::introspection(
                &self.told[id],
                &self.told[secret],
            ))
            .cache_ttl(Duration::ZERO);
        App::new(config)
    }

    fn request(&self, method: Method, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("{}/__admin/api/{path}", self.url());
        let request = self.client.request(method, url);
        if body.is_null() {
            return request;
        }
        request.json(body)
    }

    /// Has something done, and expects it to be.
    pub async fn done(&self, method: Method, path: &str, body: &Value) -> Value {
        let response = self.request(method, path, body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn state(&self) -> Value {
        self.done(Method::GET, "state", &Value::Null).await
    }
}
