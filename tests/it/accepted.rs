//! What a configuration accepts, and with which credentials, seen on the wire.

use tower_clerk::{
    AuthErrorKind, ClerkConfig, TokenKind,
    fake_clerk::{Endpoint, Fault},
    kinds::{ApiKeys, Enrichment, MachineTokens, OAuthTokens, SessionTokens},
};

use crate::{
    child::{again, is_child},
    support::{App, World},
};

#[tokio::test]
async fn only_named_kinds_are_accepted() {
    let world = World::new();
    let clerk = &world.clerk;
    let with_key = |config: tower_clerk::ClerkConfigBuilder| {
        let config = config.secret_key(clerk.secret_key());
        App::new(config.backend_api_url(clerk.url()))
    };
    let oauth = with_key(world.config());
    let session = with_key(world.accepting(SessionTokens::new()));
    let api_key = with_key(world.accepting(ApiKeys::new()));
    let machine = with_key(world.accepting(MachineTokens::addressed_to(["mch_us"])));
    let apps = [
        (TokenKind::OAuth, oauth),
        (TokenKind::Session, session),
        (TokenKind::ApiKey, api_key),
        (TokenKind::Machine, machine),
    ];
    let tokens = [
        (TokenKind::OAuth, clerk.token("user_1").issue()),
        (TokenKind::Session, clerk.session("user_1").issue()),
        (TokenKind::ApiKey, clerk.api_key("user_1").issue()),
        (
            TokenKind::Machine,
            clerk.machine_token("mch_1").scopes(["mch_us"]).issue(),
        ),
    ];
    for (accepted, app) in &apps {
        for (kind, token) in &tokens {
            let answer = app.bearer(token).await;
            let expected = (kind != accepted).then_some(AuthErrorKind::UnsupportedToken);
            assert_eq!(answer.kind(), expected, "{kind:?} for {accepted:?}");
        }
    }
}

#[tokio::test]
async fn required_scopes_are_those_of_the_kind() {
    let world = World::new();
    let config = world
        .accepting(world.oauth().required_scopes(["email"]))
        .accept(ApiKeys::new().required_scopes(["keys:read"]))
        .accept(SessionTokens::new())
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url());
    let app = App::new(config);
    let oauth = |scope: &str| world.clerk.token("user_1").scopes([scope]).issue();
    let key = |scope: &str| world.clerk.api_key("user_1").scopes([scope]).issue();
    for (name, token, is_enough) in [
        ("an OAuth token", oauth("email"), true),
        ("an OAuth token without it", oauth("keys:read"), false),
        ("an API key", key("keys:read"), true),
        ("an API key without it", key("email"), false),
        ("a session", world.clerk.session("user_1").issue(), true),
    ] {
        let expected = (!is_enough).then_some(AuthErrorKind::InsufficientScope);
        for _ in 0..2 {
            assert_eq!(app.bearer(&token).await.kind(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn machine_jwts_are_accepted_only_by_name() {
    let world = World::new();
    let us = || MachineTokens::addressed_to(["mch_us"]);
    let with_key = |machine| {
        let config = world
            .accepting(machine)
            .secret_key(world.clerk.secret_key());
        App::new(config.backend_api_url(world.clerk.url()))
    };
    let token = || world.clerk.machine_token("mch_1").scopes(["mch_us"]);
    let (opaque, jwt) = (token().issue(), token().jwt().issue());
    let plain = with_key(us());
    plain.bearer(&opaque).await.assert_accepted();
    let answer = plain.bearer(&jwt).await;
    answer.assert_rejected(401, AuthErrorKind::UnsupportedToken);
    let both = with_key(us().jwts());
    both.bearer(&opaque).await.assert_accepted();
    both.bearer(&jwt).await.assert_accepted();
    // Without a key there are JWTs alone.
    let jwts = App::new(world.accepting(us().jwts()));
    jwts.bearer(&jwt).await.assert_accepted();
    let answer = jwts.bearer(&opaque).await;
    answer.assert_rejected(401, AuthErrorKind::UnsupportedToken);
}

#[tokio::test]
async fn the_key_of_a_machine_verifies_machine_tokens_alone() {
    // fault E9
    let world = World::new();
    let key = world.clerk.machine_secret_key("mch_us");
    let us = || MachineTokens::addressed_to(["mch_us"]).machine_secret_key(&key);
    let token = world
        .clerk
        .machine_token("mch_1")
        .scopes(["mch_us"])
        .issue();
    // Instead of the key of the instance.
    let alone = world.accepting(us()).backend_api_url(world.clerk.url());
    App::new(alone).bearer(&token).await.assert_accepted();
    // Beside it, which would be rejected here.
    let both = world
        .accepting(us())
        .accept(ApiKeys::new())
        .secret_key("sk_test_another")
        .backend_api_url(world.clerk.url());
    let both = App::new(both);
    both.bearer(&token).await.assert_accepted();
    let answer = both.bearer(&world.clerk.api_key("user_1").issue()).await;
    answer.assert_rejected(503, AuthErrorKind::CredentialsRejected);
    for request in world.clerk.requests() {
        let is_ours = request.path.contains("m2m")
            == (request.headers["authorization"] == format!("Bearer {key}"));
        assert!(is_ours, "{request:?}");
    }
}

#[tokio::test]
async fn a_required_user_that_cannot_be_fetched_is_trouble_at_every_userinfo() {
    // fault A6
    use Enrichment::{BestEffort, Off, Required};

    for userinfo in [None, Some(Off), Some(BestEffort), Some(Required)] {
        for (users, expected) in [
            (BestEffort, None),
            (Required, Some(AuthErrorKind::ProfileUnavailable)),
        ] {
            let world = World::new();
            world.clerk.fail(Endpoint::BackendUser, Fault::status(500));
            let oauth = world.oauth();
            let oauth = match userinfo {
                Some(userinfo) => oauth.userinfo(userinfo),
                None => oauth,
            };
            let config = world
                .accepting(oauth)
                .users(users)
                .secret_key(world.clerk.secret_key())
                .backend_api_url(world.clerk.url());
            let app = App::new(config);
            let token = world.clerk.token("user_1").issue();
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.kind(), expected, "{userinfo:?}, {users:?}");
                let status = if expected.is_some() { 503 } else { 200 };
                assert_eq!(answer.status(), status, "{userinfo:?}, {users:?}");
            }
            let calls_userinfo = matches!(userinfo, Some(BestEffort | Required));
            let calls = world.clerk.calls(Endpoint::Userinfo);
            assert_eq!(calls > 0, calls_userinfo, "{userinfo:?}, {users:?}");
        }
    }
}

#[tokio::test]
async fn new_tokens_have_no_limit_on_loopback() {
    // fault H4
    let world = World::new();
    let app = world.app();
    for number in 0..1_500 {
        // The clock of the fake goes on meanwhile.
        crate::jwt::synchronise(&world);
        let token = world.clerk.token(format!("user_{number}")).issue();
        let answer = app.bearer(&token).await;
        assert_eq!(answer.kind(), None, "{number}");
    }
}

#[test]
fn certificates_are_needed_for_https_alone() {
    // fault E5
    if !is_child() {
        let nowhere = "/nonexistent/certificates";
        return again(
            "accepted::certificates_are_needed_for_https_alone",
            &[("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)],
        );
    }
    let config = |instance: &str| {
        let oauth = OAuthTokens::introspection("me", "secret");
        ClerkConfig::builder(instance).accept(oauth)
    };
    assert!(config("http://127.0.0.1:4000").build().is_ok());
    let error = config("clerk.example.com").build().unwrap_err();
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    assert_eq!(problem.option(), "transport");
    assert!(error.to_string().contains("certificates"), "{error}");
}
