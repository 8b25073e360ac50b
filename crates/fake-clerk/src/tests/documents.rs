//! Revocation, the metadata documents and paths that do not exist.

use super::*;

#[tokio::test]
async fn revocation_ends_opaque_tokens_and_rejects_jwts() {
    let clerk = FakeClerk::start().unwrap();
    let (opaque, jwt) = (
        clerk.token("user_1").issue(),
        clerk.token("user_1").jwt().issue(),
    );
    for token in [opaque.as_str(), opaque.as_str(), "oat_unknown"] {
        let response = post(&clerk, Endpoint::Revocation, &[("token", token)]).await;
        assert_eq!(
            (response.status().as_u16(), response.body().len()),
            (200, 0)
        );
    }
    assert_eq!(introspect(&clerk, &opaque).await["active"], false);
    let response = post(&clerk, Endpoint::Revocation, &[("token", &jwt)]).await;
    assert_eq!(response.status(), 400);
    assert_eq!(body(&response)["error"], "unsupported_token_type");
    assert_eq!(introspect(&clerk, &jwt).await["active"], true);
    let headers = [("content-type", FORM)];
    let response = send(&clerk, "POST", "/oauth/token/revoke", &headers, "token=x")
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn metadata_names_the_endpoints_that_are_served() {
    let clerk = FakeClerk::start().unwrap();
    let openid = body(&get(&clerk, "/.well-known/openid-configuration").await);
    let server = body(&get(&clerk, "/.well-known/oauth-authorization-server").await);
    for document in [&openid, &server] {
        assert_eq!(document["issuer"], clerk.url());
        for (name, endpoint) in [
            ("jwks_uri", Endpoint::Jwks),
            ("revocation_endpoint", Endpoint::Revocation),
        ] {
            assert_eq!(
                document[name],
                format!("{}{}", clerk.url(), endpoint.path())
            );
        }
    }
    for (name, endpoint) in [
        ("introspection_endpoint", Endpoint::Introspection),
        ("userinfo_endpoint", Endpoint::Userinfo),
    ] {
        assert_eq!(openid[name], format!("{}{}", clerk.url(), endpoint.path()));
        assert!(server.get(name).is_none());
    }
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let clerk = FakeClerk::start().unwrap();
    for path in [
        "/",
        "/v1/oauth/token_info",
        "/oauth/token_info/",
        "/.well-known/jwks",
    ] {
        let response = get(&clerk, path).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(clerk_code(&response), "resource_not_found", "{path}");
    }
}
