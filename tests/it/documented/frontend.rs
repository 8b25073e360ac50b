//! The Frontend API.

use http::StatusCode;
use serde_json::{Value, json};
use tower_clerk::{
    fake_clerk::{Endpoint, FakeClerk},
    transport::Transport,
};
use url::form_urlencoded::Serializer;

use super::{EVERY_SCOPE, case, check, form, get, post_json, shape::Body, tables, users};

const CALLBACK: &str = "https://app.example/callback";

// fault G6
#[tokio::test(start_paused = true)]
async fn introspection_answers_as_documented() {
    let clerk = FakeClerk::new();
    users(&clerk);
    let revoked = clerk.token("user_full").issue();
    clerk.revoke(&revoked);
    let with_org = || clerk.token("user_full").scopes(EVERY_SCOPE);
    let ask = |token: &str, client| {
        let fields = [("token", token), ("token_type_hint", "access_token")];
        form(&clerk, Endpoint::Introspection, client, &fields)
    };
    let resource = clerk
        .token("user_bare")
        .resource("https://a.example")
        .issue();
    let shape = || Body::Json(tables::INTROSPECTION);
    let cases = vec![
        case("opaque", ask(&with_org().issue(), true), 200, shape()),
        case("JWT", ask(&with_org().jwt().issue(), true), 200, shape()),
        case("with an audience", ask(&resource, true), 200, shape()),
        case(
            "refresh token",
            ask(&clerk.refresh_token("user_full"), true),
            200,
            shape(),
        ),
        case(
            "expired",
            ask(&with_org().expired().issue(), true),
            200,
            shape(),
        ),
        case("revoked", ask(&revoked, true), 200, shape()),
        case("unknown", ask("oat_unknown", true), 200, shape()),
        case("no client", ask(&resource, false), 401, Body::Empty),
    ];
    check(&clerk, cases).await;
}

#[tokio::test(start_paused = true)]
async fn userinfo_answers_as_documented() {
    let clerk = FakeClerk::new();
    users(&clerk);
    clerk.user("user_banned").banned(true).save();
    let of = |user: &str| {
        let token = clerk.token(user).scopes(EVERY_SCOPE).issue();
        get(&clerk, "/oauth/userinfo", &token)
    };
    let none = clerk.token("user_new").scopes(["x"]).issue();
    let rejected = get(&clerk, "/oauth/userinfo", "");
    let shape = || Body::Json(tables::USERINFO);
    let cases = vec![
        case("full", of("user_full"), 200, shape()),
        case("bare", of("user_bare"), 200, shape()),
        case("new", of("user_new"), 200, shape()),
        case(
            "no scope",
            get(&clerk, "/oauth/userinfo", &none),
            200,
            shape(),
        ),
        case(
            "no token",
            rejected,
            401,
            Body::Clerk("oauth_fetch_user_error"),
        ),
        case(
            "banned",
            of("user_banned"),
            403,
            Body::Clerk("oauth_fetch_user_forbidden_error"),
        ),
    ];
    check(&clerk, cases).await;
}

// fault G2
#[tokio::test(start_paused = true)]
async fn documents_are_as_documented() {
    let clerk = FakeClerk::new();
    for rejects_registration in [false, true] {
        clerk.reject_registration(rejects_registration);
        clerk.rotate_key();
        let of = |path| get(&clerk, path, "");
        let cases = vec![
            case(
                "OpenID Connect",
                of("/.well-known/openid-configuration"),
                200,
                Body::Json(tables::OPENID_CONFIGURATION),
            ),
            case(
                "authorization server",
                of("/.well-known/oauth-authorization-server"),
                200,
                Body::Json(tables::AUTHORIZATION_SERVER),
            ),
            case(
                "key set",
                of("/.well-known/jwks.json"),
                200,
                Body::Json(tables::KEY_SET),
            ),
            case(
                "key set of the Backend API",
                get(&clerk, "/v1/jwks", &clerk.secret_key()),
                200,
                Body::Json(tables::KEY_SET),
            ),
        ];
        check(&clerk, cases).await;
    }
}

// fault G1
#[tokio::test(start_paused = true)]
async fn registration_answers_as_documented() {
    let clerk = FakeClerk::new();
    let register = |metadata: Value| post_json(&clerk, "/oauth/register", "", &metadata);
    let redirects = json!([CALLBACK]);
    let everything = json!({
        "redirect_uris": redirects, "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "client_name": "x", "client_uri": "https://a.example", "logo_uri": "https://a.example/x.png",
        "scope": "email", "software_id": "x", "software_version": "1", "contacts": ["x"],
    });
    let public = json!({"redirect_uris": redirects, "token_endpoint_auth_method": "none"});
    let shape = || Body::Json(tables::REGISTRATION);
    let errors = || {
        Body::OAuth(&[
            "invalid_redirect_uri",
            "invalid_client_metadata",
            "invalid_software_statement",
            "unapproved_software_statement",
        ])
    };
    let cases = vec![
        case(
            "least",
            register(json!({"redirect_uris": redirects})),
            201,
            shape(),
        ),
        case("public", register(public), 201, shape()),
        case("everything", register(everything), 201, shape()),
        case("no redirect", register(json!({})), 400, errors()),
        case("no object", register(json!([])), 400, errors()),
        case(
            "bad scope",
            register(json!({"redirect_uris": redirects, "scope": "\""})),
            400,
            errors(),
        ),
    ];
    check(&clerk, cases).await;
}

// fault G5
#[tokio::test(start_paused = true)]
async fn the_token_and_revocation_endpoints_answer_as_documented() {
    let clerk = FakeClerk::new();
    clerk.allow_redirects(&clerk.client_id(), [CALLBACK]);
    let ask = |fields: &[(&str, &str)]| form(&clerk, Endpoint::Token, true, fields);
    let code = async || {
        let fields = Serializer::new(String::new())
            .append_pair("client_id", &clerk.client_id())
            .append_pair("response_type", "code")
            .append_pair("scope", &EVERY_SCOPE.join(" "))
            .append_pair("resource", "https://a.example")
            .finish();
        let request = get(&clerk, &format!("/oauth/authorize?{fields}"), "");
        let response = clerk.transport().send(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(response.body().is_empty());
        let location = response.headers()["location"].to_str().unwrap();
        let location = url::Url::parse(location).unwrap();
        let mut pairs = location.query_pairs().into_owned();
        let (_, code) = pairs.find(|(name, _)| name == "code").unwrap();
        assert!(pairs.all(|(name, _)| name == "state"));
        code
    };
    let redeem = |code: &str, more: &[(&str, &str)]| {
        let fields = [("grant_type", "authorization_code"), ("code", code)];
        ask(&[&fields[..], more].concat())
    };
    let refresh = clerk.refresh_token("user_1");
    let refreshed = |more: &[(&str, &str)]| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
        ask(&[&fields[..], more].concat())
    };
    let (good, other) = (code().await, code().await);
    let shape = || Body::Json(tables::TOKENS);
    // Clerk documents the same errors for both endpoints.
    let bad = || Body::OAuth(&["invalid_request", "invalid_grant", "unsupported_token_type"]);
    let unauthorized =
        || Body::OAuth(&["invalid_client", "invalid_grant", "unsupported_grant_type"]);
    let revoke =
        |client, fields: &[(&str, &str)]| form(&clerk, Endpoint::Revocation, client, fields);
    let jwt = clerk.token("user_1").jwt().issue();
    let cases = vec![
        case("code", redeem(&good, &[]), 200, shape()),
        case("code, again", redeem(&good, &[]), 400, bad()),
        case("unknown code", redeem("x", &[]), 400, bad()),
        case(
            "another place",
            redeem(&other, &[("redirect_uri", "x:y")]),
            400,
            bad(),
        ),
        case(
            "another resource",
            redeem(&other, &[("resource", "https://b.example")]),
            400,
            bad(),
        ),
        case(
            "bad resource",
            redeem(&other, &[("resource", "b")]),
            400,
            bad(),
        ),
        case("more scope", refreshed(&[("scope", "admin")]), 400, bad()),
        case("bad scope", refreshed(&[("scope", "\"")]), 400, bad()),
        case("no grant type", ask(&[]), 400, bad()),
        case(
            "another grant",
            ask(&[("grant_type", "password")]),
            401,
            unauthorized(),
        ),
        case(
            "client credentials",
            ask(&[("grant_type", "client_credentials")]),
            401,
            unauthorized(),
        ),
        case(
            "no client",
            form(
                &clerk,
                Endpoint::Token,
                false,
                &[("grant_type", "refresh_token")],
            ),
            401,
            unauthorized(),
        ),
        case("refresh token", refreshed(&[]), 200, shape()),
        case(
            "revoked",
            revoke(true, &[("token", "oat_x")]),
            200,
            Body::Empty,
        ),
        case("a JWT", revoke(true, &[("token", &jwt)]), 400, bad()),
        case("no token", revoke(true, &[]), 400, bad()),
        case(
            "by no client",
            revoke(false, &[("token", "x")]),
            401,
            unauthorized(),
        ),
    ];
    check(&clerk, cases).await;
}
