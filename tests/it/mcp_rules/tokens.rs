//! Tokens of requests to an MCP server: invalid ones, their scopes, and what the server gets of them.

use tower_clerk::{
    AuthError, AuthErrorKind, ClerkClaims,
    fake_clerk::{Endpoint, Fault},
};

use super::{Server, body, method, post, rules, scope, tool};
use crate::{support::World, wire::one};

#[tokio::test]
async fn credentials_that_are_invalid_are_rejected_for_public_calls_too() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    let list = method("tools/list").to_string();
    for (name, authorization, status, kind) in [
        (
            "unknown",
            "Bearer oat_unknown",
            401,
            AuthErrorKind::Inactive,
        ),
        (
            "no token of Clerk",
            "Bearer x",
            401,
            AuthErrorKind::UnsupportedToken,
        ),
        (
            "malformed",
            "Bearer",
            400,
            AuthErrorKind::MalformedCredentials,
        ),
    ] {
        for _ in 0..2 {
            let response = server
                .send(post(
                    None,
                    &[("authorization", authorization)],
                    body(list.clone()),
                ))
                .await;
            assert_eq!(response.status(), status, "{name}");
            let error = response.extensions().get::<AuthError>().unwrap();
            assert_eq!(error.kind(), kind, "{name}");
        }
    }
    // Another scheme is for another service: the request has no credentials for this one.
    let basic = post(None, &[("authorization", "Basic eDp5")], body(list.clone()));
    assert_eq!(server.send(basic).await.status(), 200);
    assert_eq!(server.calls(), 1);

    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(500));
    for _ in 0..2 {
        let response = server.post(Some("oat_in_an_outage"), list.clone()).await;
        assert_eq!(response.status(), 503);
        assert_eq!(one(response.headers(), "www-authenticate"), None);
        assert!(one(response.headers(), "retry-after").is_some());
    }
}

#[tokio::test]
async fn scopes_of_the_configuration_come_first_and_imply_others() {
    let world = World::new();
    let config = world
        .accepting(world.oauth().required_scopes(["mcp:tools"]))
        .scope_implies(|granted, needed| granted == "mcp:all" && needed.starts_with("mcp:"));
    let server = Server::new(rules(config));
    let token = |scopes: &[&str]| {
        world
            .clerk
            .token("user_1")
            .scopes(scopes.iter().copied())
            .issue()
    };
    for (name, scopes, message, expected) in [
        // Every token needs the scopes of the configuration, public calls included.
        ("nothing", &[][..], method("ping"), Err("mcp:tools")),
        (
            "the scope of the tool",
            &["mcp:admin"],
            tool("admin"),
            Err("mcp:tools"),
        ),
        (
            "the required scope",
            &["mcp:tools"],
            tool("admin"),
            Err("mcp:tools mcp:admin"),
        ),
        ("the required scope", &["mcp:tools"], method("ping"), Ok(())),
        ("both", &["mcp:tools", "mcp:admin"], tool("admin"), Ok(())),
        ("one that implies all", &["mcp:all"], tool("admin"), Ok(())),
        ("one that implies all", &["mcp:all"], tool("other"), Ok(())),
        (
            "one that looks similar",
            &["mcp:tools", "mcp:al"],
            tool("admin"),
            Err("mcp:tools mcp:admin"),
        ),
    ] {
        let token = token(scopes);
        for _ in 0..2 {
            let response = server.post(Some(&token), message.to_string()).await;
            match expected {
                Ok(()) => assert_eq!(response.status(), 200, "{name}"),
                Err(needed) => {
                    assert_eq!(response.status(), 403, "{name}");
                    assert_eq!(scope(&response), Some(needed), "{name}");
                }
            }
        }
    }
    let response = server.post(None, tool("admin").to_string()).await;
    assert_eq!(scope(&response), Some("mcp:tools mcp:admin"));
}

#[tokio::test]
async fn the_server_sees_no_token_and_no_claims_of_others() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    for message in [method("ping"), tool("other")] {
        for _ in 0..2 {
            let response = server.post(Some(&token), message.to_string()).await;
            assert_eq!(response.status(), 200);
            assert!(!response.headers().contains_key("authorization"));
            let claims = response.extensions().get::<ClerkClaims>().unwrap();
            assert_eq!(claims.subject(), "user_1");
            // Claims that another layer left do not count.
            let mut forged = post(None, &[], body(message.to_string()));
            forged.extensions_mut().insert(claims.clone());
            let response = server.send(forged).await;
            assert!(response.extensions().get::<ClerkClaims>().is_none());
            let expected = if message["method"] == "ping" {
                200
            } else {
                401
            };
            assert_eq!(response.status(), expected);
        }
    }
}
