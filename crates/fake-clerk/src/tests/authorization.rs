//! The authorization endpoint.

use super::flow::{
    CALLBACK, Fields, authorize, changed, public_client, request_of, sent, tokens, value,
};
use super::*;

#[tokio::test]
async fn consent_leads_back_with_code_and_state() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let fields = request_of(&id);
    let by_get = authorize(&clerk, &fields).await;
    let headers = [("content-type", FORM)];
    let by_post = send(&clerk, "POST", "/oauth/authorize", &headers, &form(&fields))
        .await
        .unwrap();
    for response in [by_get, by_post] {
        let pairs = sent(&response);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("https://app.example/callback?"));
        assert_eq!(
            value(&pairs, "tenant"),
            "1",
            "the query that was there stays"
        );
        assert_eq!(value(&pairs, "state"), "a b&c");
        assert!(pairs.iter().all(|(name, _)| name != "iss"));
        assert_eq!(value(&pairs, "code").len(), 43);
    }
}

#[tokio::test]
async fn the_issuer_is_named_in_redirects_and_metadata_if_a_test_wants_it() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let member = "authorization_response_iss_parameter_supported";
    for names in [false, true, false] {
        clerk.name_issuer_in_redirects(names);
        for changes in [&[][..], &[("response_type", "token")]] {
            let fields = changed(&request_of(&id), changes);
            let pairs = sent(&authorize(&clerk, &fields).await);
            let issuer = pairs.iter().find(|(name, _)| name == "iss");
            let expected = names.then(|| clerk.url());
            assert_eq!(issuer.map(|(_, issuer)| issuer), expected.as_ref());
        }
        for path in [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ] {
            let document = body(&get(&clerk, path).await);
            assert_eq!(document.get(member).is_some(), names, "{path}");
        }
    }
}

#[tokio::test]
async fn who_cannot_be_trusted_is_not_redirected_to() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let default = clerk.client_id();
    let cases: &[(&str, Fields<'_>)] = &[
        ("no client", &[("client_id", "")]),
        ("unknown client", &[("client_id", "nobody")]),
        (
            "another place",
            &[("redirect_uri", "https://evil.example/callback?tenant=1")],
        ),
        (
            "a longer path",
            &[("redirect_uri", "https://app.example/callback/x?tenant=1")],
        ),
        (
            "without its query",
            &[("redirect_uri", "https://app.example/callback")],
        ),
        (
            "another case",
            &[("redirect_uri", "https://APP.example/callback?tenant=1")],
        ),
        (
            "another port",
            &[("redirect_uri", "https://app.example:444/callback?tenant=1")],
        ),
        (
            "a fragment",
            &[("redirect_uri", "https://app.example/callback?tenant=1#x")],
        ),
        ("none registered", &[("client_id", &default)]),
        (
            "two clients",
            &[("client_id", &id), ("client_id", &default)],
        ),
        (
            "two places",
            &[
                ("redirect_uri", CALLBACK),
                ("redirect_uri", "https://evil.example/"),
            ],
        ),
    ];
    for (name, changes) in cases {
        for _ in 0..2 {
            let response = authorize(&clerk, &changed(&request_of(&id), changes)).await;
            let (status, error) = match *name {
                "no client" | "unknown client" => (401, "invalid_client"),
                _ => (400, "invalid_request"),
            };
            assert_eq!(response.status(), status, "{name}");
            assert!(response.headers().get("location").is_none(), "{name}");
            assert_eq!(body(&response)["error"], error, "{name}");
        }
    }
}

#[tokio::test]
async fn other_errors_are_told_to_the_client() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_banned").banned(true).save();
    let id = public_client(&clerk).await;
    let (request, target) = ("invalid_request", "invalid_target");
    let cases: &[(&str, Fields<'_>, &str)] = &[
        ("no response type", &[("response_type", "")], request),
        (
            "implicit",
            &[("response_type", "token")],
            "unsupported_response_type",
        ),
        ("fragment mode", &[("response_mode", "fragment")], request),
        ("no challenge", &[("code_challenge", "")], request),
        (
            "neither",
            &[("code_challenge", ""), ("code_challenge_method", "")],
            request,
        ),
        ("plain", &[("code_challenge_method", "plain")], request),
        (
            "plain by default",
            &[("code_challenge_method", "")],
            request,
        ),
        (
            "short challenge",
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHao")],
            request,
        ),
        ("no digest", &[("code_challenge", &"!".repeat(43))], request),
        ("relative resource", &[("resource", "/mcp")], target),
        ("fragment", &[("resource", "https://a.example/#x")], target),
        (
            "one bad of two",
            &[("resource", "https://a.example"), ("resource", "x")],
            target,
        ),
        ("bad scope", &[("scope", "a\"b")], "invalid_scope"),
        ("banned", &[("login_hint", "user_banned")], "access_denied"),
        ("repeated", &[("nonce", "1"), ("nonce", "2")], request),
    ];
    for (name, changes, error) in cases {
        for _ in 0..2 {
            let response = authorize(&clerk, &changed(&request_of(&id), changes)).await;
            let pairs = sent(&response);
            assert_eq!(value(&pairs, "error"), *error, "{name}");
            assert_eq!(value(&pairs, "state"), "a b&c", "{name}");
            assert!(pairs.iter().all(|(field, _)| field != "code"), "{name}");
        }
    }
    clerk.reject_consent(true);
    for _ in 0..2 {
        let pairs = sent(&authorize(&clerk, &request_of(&id)).await);
        assert_eq!(value(&pairs, "error"), "access_denied");
    }
    clerk.reject_consent(false);
    value(&sent(&authorize(&clerk, &request_of(&id)).await), "code");
}

#[tokio::test]
async fn a_loopback_redirect_may_have_another_port() {
    let clerk = FakeClerk::start().unwrap();
    let id = clerk.client_id();
    clerk.allow_redirects(
        &id,
        [
            "http://127.0.0.1/cb",
            "http://[::1]:1/cb",
            "http://localhost:5/cb",
        ],
    );
    for (uri, status) in [
        ("http://127.0.0.1/cb", 302),
        ("http://127.0.0.1:49152/cb", 302),
        ("http://[::1]:49152/cb", 302),
        ("http://localhost:5/cb", 302),
        ("http://localhost:6/cb", 400),
        ("http://127.0.0.1:49152/other", 400),
        ("http://127.0.0.1:49152/x/../cb", 400),
        ("http://127.0.0.2:49152/cb", 400),
        ("https://127.0.0.1:49152/cb", 400),
        ("http://evil@127.0.0.1:49152/cb", 400),
        ("http://127.0.0.1:49152@evil.example/cb", 400),
    ] {
        let fields = changed(&request_of(&id), &[("redirect_uri", uri)]);
        assert_eq!(authorize(&clerk, &fields).await.status(), status, "{uri}");
    }
}

#[tokio::test]
async fn the_hint_says_who_consents() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_ada").email("ada@example.org").save();
    let id = public_client(&clerk).await;
    for (hint, subject) in [
        ("", "user_fake"),
        ("user_grace", "user_grace"),
        ("ada@example.org", "user_ada"),
        ("nobody@example.org", "user_fake"),
    ] {
        let tokens = tokens(&clerk, &id, &[("login_hint", hint)]).await;
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(introspect(&clerk, token).await["sub"], subject, "{hint}");
    }
}
