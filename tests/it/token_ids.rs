//! Ids of tokens and API keys: in the claims, and in log lines if they are wanted there.

use serde_json::{Value, json};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfigBuilder, RequireLayer, TokenKind, Tokens,
    fake_clerk::{Endpoint, Fault},
    kinds::{ApiKeys, JwtVerification, MachineTokens, OAuthTokens, SessionTokens},
};

use crate::{
    redaction::Log,
    rules::ask,
    support::{App, World},
};

/// The claim of this name in the payload of a JWT.
fn stated(jwt: &str, name: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let payload = jwt.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    payload[name].clone()
}

#[tokio::test]
async fn each_kind_and_format_has_its_id() {
    let world = World::new();
    let clerk = &world.clerk;
    let oauth = || world.oauth();
    let by_backend = || OAuthTokens::backend_api().allow_any_client();
    let machines = || MachineTokens::addressed_to(["mch_us"]).jwts();
    let machine = || clerk.machine_token("mch_them").scopes(["mch_us"]);
    let session = || clerk.session("user_1");
    let accepting = |config: ClerkConfigBuilder| App::new(config.secret_key(clerk.secret_key()));
    let online = || clerk.token("user_1");
    let jwt = online().jwt().issue();
    struct Case {
        name: &'static str,
        app: App,
        token: String,
        /// The id, or the prefix of one that is not known here.
        expected: Result<Value, &'static str>,
    }
    let session_token = session().issue();
    let machine_jwt = machine().jwt().issue();
    for Case {
        name,
        app,
        token,
        expected,
    } in [
        Case {
            name: "introspection has none",
            app: accepting(world.accepting(oauth())),
            token: online().issue(),
            expected: Ok(Value::Null),
        },
        Case {
            name: "introspection has one",
            app: accepting(world.accepting(oauth())),
            token: online().claim("jti", "oat_ID1").issue(),
            expected: Ok(json!("oat_ID1")),
        },
        Case {
            name: "a JWT without a verified signature",
            app: accepting(world.accepting(oauth())),
            token: online().jwt().issue(),
            expected: Ok(Value::Null),
        },
        Case {
            name: "a JWT by its signature",
            app: accepting(world.accepting(oauth().jwts(JwtVerification::Local))),
            token: jwt.clone(),
            expected: Ok(stated(&jwt, "jti")),
        },
        Case {
            name: "a JWT by both",
            app: accepting(world.accepting(oauth().jwts(JwtVerification::LocalThenIntrospect))),
            token: jwt.clone(),
            expected: Ok(stated(&jwt, "jti")),
        },
        Case {
            name: "an OAuth token by the Backend API",
            app: accepting(world.accepting(by_backend())),
            token: online().issue(),
            expected: Err("oat_"),
        },
        Case {
            name: "a session token of version 2",
            app: accepting(world.accepting(SessionTokens::new())),
            token: session_token.clone(),
            expected: Ok(stated(&session_token, "jti")),
        },
        Case {
            name: "a session token of version 1",
            app: accepting(world.accepting(SessionTokens::new())),
            token: session().v1().issue(),
            expected: Ok(Value::Null),
        },
        Case {
            name: "an id that cannot be shown",
            app: accepting(world.accepting(SessionTokens::new())),
            token: session().claim("jti", "a\"b").issue(),
            expected: Ok(Value::Null),
        },
        Case {
            name: "an id of another type",
            app: accepting(world.accepting(SessionTokens::new())),
            token: session().claim("jti", 7).issue(),
            expected: Ok(Value::Null),
        },
        Case {
            name: "a machine token",
            app: accepting(world.accepting(machines())),
            token: machine().issue(),
            expected: Err("mt_"),
        },
        Case {
            name: "a machine token, JWT",
            app: accepting(world.accepting(machines())),
            token: machine_jwt.clone(),
            expected: Ok(stated(&machine_jwt, "jti")),
        },
        Case {
            name: "an API key",
            app: accepting(world.accepting(ApiKeys::new())),
            token: clerk.api_key("user_1").issue(),
            expected: Err("ak_"),
        },
    ] {
        // A miss, a hit, and a miss again.
        for round in 0..3 {
            if round == 2 {
                app.layer.authenticator().invalidate(Tokens::all());
            }
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            let found = answer.claims().token_id();
            match &expected {
                Ok(expected) => assert_eq!(found, expected.as_str(), "{name}"),
                Err(prefix) => {
                    let found = found.unwrap_or_else(|| panic!("{name} has no id"));
                    assert!(found.starts_with(prefix), "{name}: {found}");
                }
            }
            assert_ne!(found, Some(&*token), "{name}");
        }
    }
}

#[tokio::test]
async fn an_id_that_is_the_token_is_none() {
    let world = World::new();
    let config = world.accepting(ApiKeys::new());
    let app = App::new(config.secret_key(world.clerk.secret_key()));
    let key = world.clerk.api_key("user_1").issue();
    let answer = json!({
        "object": "api_key", "id": key, "subject": "user_1", "name": "ci", "scopes": [],
        "revoked": false, "expired": false, "expiration": null, "created_at": 0,
    });
    let answer = Fault::answer(200, "application/json", answer.to_string());
    world.clerk.fail(Endpoint::ApiKeyVerification, answer);
    for _ in 0..2 {
        let answer = app.bearer(&key).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().token_id(), None);
        assert!(answer.claims().api_key().is_none());
    }
}

#[tokio::test]
async fn an_api_key_has_a_name_and_a_creator() {
    let world = World::new();
    let config = world.config().accept(ApiKeys::new());
    let app = App::new(config.secret_key(world.clerk.secret_key()));
    let key = world.clerk.api_key("org_1").name("nightly \"build\"");
    for (token, creator) in [
        (key.created_by("user_2").issue(), Some("user_2")),
        (
            world
                .clerk
                .api_key("mch_1")
                .name("nightly \"build\"")
                .issue(),
            None,
        ),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            let claims = answer.claims();
            assert_eq!(claims.kind(), TokenKind::ApiKey);
            let key = claims.api_key().unwrap();
            assert_eq!(key.name(), Some("nightly \"build\""));
            assert_eq!(key.created_by(), creator);
            assert_eq!(Some(key.id()), claims.token_id());
            assert!(!format!("{key:?} {claims:?}").contains("nightly"));
        }
    }
    let answer = app.bearer(&world.clerk.token("user_1").issue()).await;
    assert!(answer.claims().api_key().is_none());
}

/// Sends requests of every outcome, and returns the log and all tokens.
async fn log_of(
    config: impl Fn(ClerkConfigBuilder) -> ClerkConfigBuilder,
) -> (String, Vec<String>) {
    let world = World::new();
    let accepted = world
        .accepting(world.oauth())
        .accept(SessionTokens::new())
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to(["mch_us"]).jwts())
        .secret_key(world.clerk.secret_key());
    let layer = ClerkAuthLayer::new(config(accepted).build().unwrap());
    let app = App::of(layer.clone());
    let staff = axum::routing::get(async || "in").layer(RequireLayer::role("staff"));
    let rule = axum::Router::new().route("/", staff).layer(layer);
    let clerk = &world.clerk;
    let tokens = vec![
        clerk.token("user_1").claim("jti", "oat_canary1").issue(),
        clerk.session("user_1").claim("jti", "canary2").issue(),
        clerk.api_key("user_1").issue(),
        clerk.machine_token("mch_1").scopes(["mch_us"]).issue(),
        clerk
            .session("user_1")
            .claim("jti", "canary3")
            .expired()
            .issue(),
        "ak_unknown".to_owned(),
    ];
    let log = Log::default();
    let guard = log.subscribe();
    for token in &tokens {
        for _ in 0..2 {
            app.bearer(token).await;
            ask(&rule, "/", &[("authorization", &format!("Bearer {token}"))]).await;
        }
    }
    drop(guard);
    (log.text(), tokens)
}

#[tokio::test]
async fn no_log_line_has_an_id_by_default() {
    let (log, tokens) = log_of(|config| config).await;
    assert!(
        log.contains("request accepted") && log.contains("token verified"),
        "{log}"
    );
    assert!(!log.contains("auth.token_id"), "{log}");
    for text in tokens.iter().map(String::as_str).chain(["canary"]) {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

#[tokio::test]
async fn log_lines_have_ids_if_they_are_wanted() {
    let (log, tokens) = log_of(ClerkConfigBuilder::log_token_ids).await;
    let lines = |message: &str, id: &str| {
        let id = format!("auth.token_id=\"{id}\"");
        let lines = log.lines().filter(|line| line.contains(message));
        lines.filter(|line| line.contains(&id)).count()
    };
    for id in ["oat_canary1", "canary2"] {
        // A miss and three hits, of which the rule rejects two. The line about a hit has no id: a hit costs nothing more.
        assert_eq!(lines("token verified", id), 1, "{id}: {log}");
        assert_eq!(lines("request accepted", id), 1, "{id}: {log}");
        assert_eq!(lines("request rejected", id), 2, "{id}: {log}");
    }
    for kind in ["ak_", "mt_"] {
        assert!(
            log.contains(&format!("auth.token_id=\"{kind}")),
            "{kind}: {log}"
        );
    }
    // Only verified claims have an id, and an id is never the token.
    assert!(!log.contains("canary3"), "{log}");
    for token in &tokens {
        assert!(!log.contains(token.as_str()), "{token}: {log}");
    }
}
