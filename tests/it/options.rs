//! Every option, seen on the wire.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkConfig,
    fake_clerk::{Endpoint, Fault, Field},
    kinds::{AudiencePolicy, Enrichment, OAuthTokens},
    transport::{Transport, TransportError},
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    child,
    support::{App, World},
};

/// One that was left out instead would lift what it restricts.
#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_not_left_out() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    if child::is_child() {
        let name = std::env::var("IN_QUESTION").unwrap();
        let outcome = ClerkConfig::from_env();
        // Without such a variable, the same environment is valid.
        assert_eq!(outcome.is_err(), name != "none", "{name}: {outcome:?}");
        return;
    }
    for name in [
        "none",
        "CLERK_REQUIRED_SCOPES",
        "CLERK_ALLOWED_CLIENTS",
        "CLERK_AUDIENCES",
        "CLERK_ACCEPT",
        "CLERK_AUTHORIZED_PARTIES",
        "CLERK_OAUTH_JWTS",
        "CLERK_CACHE_TTL",
    ] {
        let mut variables = vec![
            ("CLERK_DOMAIN", OsStr::new("http://localhost")),
            ("CLERK_OAUTH_CLIENT_ID", OsStr::new("client_1")),
            ("CLERK_OAUTH_CLIENT_SECRET", OsStr::new("secret")),
            ("IN_QUESTION", OsStr::new(name)),
        ];
        if name != "none" {
            variables.push((name, OsStr::from_bytes(b"oauth\xff")));
        }
        child::again(
            "options::a_variable_that_is_no_text_is_not_left_out",
            &variables,
        );
    }
}

#[tokio::test]
async fn our_credentials_are_form_encoded_before_basic() {
    // RFC 6749 §2.3.1
    let world = World::new();
    let (id, secret) = ("an id+with/odd=chars", "s:e%c r&t+/=~");
    world.clerk.register_client(id, secret);
    let config = world.accepting(OAuthTokens::introspection(id, secret));
    let token = world.clerk.token("user_1").client_id(id).issue();
    App::new(config).bearer(&token).await.assert_accepted();
}

#[tokio::test]
async fn wrong_credentials_of_ours_are_our_trouble() {
    // C093
    let world = World::new();
    let config = world.accepting(OAuthTokens::introspection(world.clerk.client_id(), "wrong"));
    let app = App::new(config);
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(503, AuthErrorKind::CredentialsRejected);
    }
}

#[tokio::test]
async fn introspection_is_asked_as_the_rfc_says() {
    // D15, D16
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    world
        .app()
        .send(&[
            ("authorization", &format!("Bearer {token}")),
            ("origin", "https://app.example.com"),
            ("cookie", "a=b"),
        ])
        .await
        .assert_accepted();
    let requests = world.clerk.requests();
    let [introspection, userinfo] = &*requests else {
        panic!("two requests, not {requests:?}");
    };
    assert_eq!(introspection.method, "POST");
    assert_eq!(introspection.path, "/oauth/token_info");
    assert_eq!(
        introspection.form(),
        [
            ("token".to_owned(), token),
            ("token_type_hint".to_owned(), "access_token".to_owned()),
        ]
    );
    assert_eq!(userinfo.method, "GET");
    assert_eq!(userinfo.path, "/oauth/userinfo");
    for request in [introspection, userinfo] {
        assert_eq!(request.headers.get("accept").unwrap(), "application/json");
        assert_eq!(request.query, None, "no token in a URL");
        for name in ["origin", "cookie", "referer"] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn allowed_clients_replace_our_own() {
    let world = World::new();
    let of = |client: &str| world.clerk.token("user_1").client_id(client).issue();
    let app = App::new(world.accepting(world.oauth().allow_clients(["one", "two"])));
    app.bearer(&of("one")).await.assert_accepted();
    app.bearer(&of("two")).await.assert_accepted();
    for client in ["three", "One", &world.clerk.client_id()] {
        let token = of(client);
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_rejected(401, AuthErrorKind::WrongClient);
        }
    }
}

#[tokio::test]
async fn any_client_must_be_said_by_name() {
    let world = World::new();
    let token = world
        .clerk
        .token("user_1")
        .client_id("somebodyElse")
        .issue();
    App::new(world.accepting(world.oauth().allow_any_client()))
        .bearer(&token)
        .await
        .assert_accepted();
    let nobodys = world
        .clerk
        .token("user_1")
        .claim("client_id", serde_json::Value::Null)
        .issue();
    App::new(world.accepting(world.oauth().allow_any_client()))
        .bearer(&nobodys)
        .await
        .assert_rejected(401, AuthErrorKind::WrongClient);
}

#[tokio::test]
async fn audiences_are_names_of_ours() {
    let world = World::new();
    // The documented answer names no audience, so that there would be nothing to compare.
    world.clerk.introspection_includes([Field::Aud]);
    let token = |resources: &[&str]| {
        let builder = world.clerk.token("user_1");
        resources
            .iter()
            .fold(builder, |builder, resource| builder.resource(*resource))
            .issue()
    };
    let (ours, alias, theirs) = (
        "https://api.example.com",
        "urn:api",
        "https://other.example.com",
    );
    let config = || {
        world
            .accepting(world.oauth().audiences([alias]))
            .resource(ours)
    };
    let app = App::new(config());
    app.bearer(&token(&[ours])).await.assert_accepted();
    app.bearer(&token(&[alias])).await.assert_accepted();
    app.bearer(&token(&[theirs, ours])).await.assert_accepted();
    app.bearer(&token(&[])).await.assert_accepted();
    app.bearer(&token(&[theirs]))
        .await
        .assert_rejected(401, AuthErrorKind::WrongAudience);
    let oauth = world.oauth().audiences([alias]);
    let strict = oauth.audience_policy(AudiencePolicy::Require);
    App::new(world.accepting(strict).resource(ours))
        .bearer(&token(&[]))
        .await
        .assert_rejected(401, AuthErrorKind::WrongAudience);
}

#[tokio::test]
async fn a_scope_may_imply_another() {
    let world = World::new();
    let token = world.clerk.token("user_1").scopes(["files"]).issue();
    let config = || world.accepting(world.oauth().required_scopes(["files:read"]));
    App::new(config())
        .bearer(&token)
        .await
        .assert_rejected(403, AuthErrorKind::InsufficientScope);
    let implies = |granted: &str, needed: &str| granted == "files" && needed == "files:read";
    App::new(config().scope_implies(implies))
        .bearer(&token)
        .await
        .assert_accepted();
}

#[tokio::test]
async fn unprefixed_tokens_need_somebody_to_vouch() {
    let world = World::new();
    let app = App::new(world.accepting(world.oauth().unprefixed()));
    let refresh_token = world.clerk.refresh_token("user_1");
    // Introspection says active, userinfo says 401.
    for _ in 0..2 {
        app.bearer(&refresh_token)
            .await
            .assert_rejected(401, AuthErrorKind::NotAccessToken);
    }
    assert_eq!(world.calls(), (1, 1));

    // Also where no profile is wanted.
    App::new(world.accepting(world.oauth().unprefixed().userinfo(Enrichment::Off)))
        .bearer(&refresh_token)
        .await
        .assert_rejected(401, AuthErrorKind::NotAccessToken);

    // Where userinfo cannot be asked, nobody vouches.
    world.clerk.fail(Endpoint::Userinfo, Fault::status(500));
    App::new(world.accepting(world.oauth().unprefixed()))
        .bearer(&refresh_token)
        .await
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);

    // A `token_type` does, and an audience that names us does not.
    for (member, expected) in [
        (r#""token_type":"bearer""#, None),
        (
            r#""aud":"urn:us""#,
            Some(AuthErrorKind::UpstreamUnavailable),
        ),
    ] {
        let body = format!(r#"{{"active":true,"client_id":"me","sub":"user_1",{member}}}"#);
        world.clerk.fail(
            Endpoint::Introspection,
            Fault::answer(200, "application/json", body),
        );
        let config = world.accepting(
            world
                .oauth()
                .allow_clients(["me"])
                .audiences(["urn:us"])
                .unprefixed()
                .userinfo(Enrichment::Off),
        );
        let kind = App::new(config).bearer("random").await.kind();
        assert_eq!(kind, expected, "{member}");
    }
}

#[tokio::test]
async fn longer_tokens_can_be_allowed() {
    // C024
    let world = World::new();
    let long = format!("oat_{}", "a".repeat(16_380));
    let app = App::new(world.config().max_token_length(16_384));
    app.bearer(&long)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    app.bearer(&format!("{long}a"))
        .await
        .assert_rejected(400, AuthErrorKind::TokenTooLong);
}

#[tokio::test]
async fn leeway_is_for_clocks_that_are_ahead() {
    // C062, C063
    let world = World::new();
    let now = i64::try_from(crate::support::unix_seconds(world.clock.now())).unwrap();
    let token = |ahead: i64| {
        world
            .clerk
            .token("user_1")
            .claim("iat", now + ahead)
            .issue()
    };
    let app = world.app();
    app.bearer(&token(5)).await.assert_accepted();
    app.bearer(&token(6))
        .await
        .assert_rejected(401, AuthErrorKind::NotYetValid);
    App::new(world.config().leeway(Duration::from_secs(60)))
        .bearer(&token(60))
        .await
        .assert_accepted();
    App::new(world.config().leeway(Duration::ZERO))
        .bearer(&token(1))
        .await
        .assert_rejected(401, AuthErrorKind::NotYetValid);
}

#[tokio::test]
async fn the_whole_wait_is_bounded_whatever_hangs() {
    // C085, E7
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    world.clerk.fail(Endpoint::Introspection, Fault::hang());
    let config = world
        .config()
        .timeout(Duration::from_millis(300))
        .attempt_timeout(Duration::from_millis(100));
    let app = App::new(config);
    let outer = tokio::time::timeout(Duration::from_secs(5), app.bearer(&token));
    outer
        .await
        .expect("the layer gives up first")
        .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
}

/// A transport of one's own sees what would be sent, and what it answers counts.
#[derive(Clone, Default)]
struct Recorder {
    seen: Arc<Mutex<Vec<String>>>,
    answer: &'static str,
}

impl Transport for Recorder {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.seen.lock().unwrap().push(request.uri().to_string());
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(Bytes::from_static(self.answer.as_bytes()));
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

#[tokio::test]
async fn a_transport_of_ones_own_is_used() {
    let recorder = Recorder {
        answer: r#"{"active":true,"client_id":"me","sub":"user_1"}"#,
        ..Recorder::default()
    };
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(OAuthTokens::introspection("me", "secret"))
        .transport(recorder.clone());
    App::new(config).bearer("oat_abc").await.assert_accepted();
    assert_eq!(
        *recorder.seen.lock().unwrap(),
        [
            "https://clerk.example.com/oauth/token_info",
            "https://clerk.example.com/oauth/userinfo",
        ]
    );
}

/// A verifier of one's own reports; the rules stay those of the configuration.
struct Fixed(&'static str);

impl Verify for Fixed {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        assert_eq!(verification.token().expose(), "oat_abc");
        Box::pin(async { TokenInfo::from_introspection(self.0.as_bytes()) })
    }
}

#[tokio::test]
async fn a_verifier_of_ones_own_is_judged_by_the_same_rules() {
    let world = World::new();
    let app = |answer| {
        let oauth = OAuthTokens::verified_by(Fixed(answer)).allow_clients(["me"]);
        App::new(world.accepting(oauth.userinfo(Enrichment::Off)))
    };
    app(r#"{"active":true,"client_id":"me","sub":"user_1"}"#)
        .bearer("oat_abc")
        .await
        .assert_accepted();
    app(r#"{"active":true,"client_id":"you","sub":"user_1"}"#)
        .bearer("oat_abc")
        .await
        .assert_rejected(401, AuthErrorKind::WrongClient);
    app(r#"{"active":1}"#)
        .bearer("oat_abc")
        .await
        .assert_rejected(503, AuthErrorKind::InvalidUpstreamResponse);
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn bodies_of_rejections_can_be_shaped() {
    use http::header::CONTENT_TYPE;
    use http_body_util::{BodyExt, Full};
    use tower::{Layer, ServiceExt, service_fn};
    use tower_clerk::reject::{JsonBody, RejectResponse, Rejection};

    async fn reject<R>(world: &World, reject: R, token: &str) -> Response<Full<Bytes>>
    where
        R: RejectResponse<Full<Bytes>> + Clone,
    {
        let config = world
            .accepting(world.oauth().required_scopes(["email", "admin"]))
            .build()
            .unwrap();
        let layer = ClerkAuthLayer::new(config).reject_with(reject);
        let inner = service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::default())
        });
        let request = Request::builder()
            .header("authorization", token)
            .body(())
            .unwrap();
        layer.layer(inner).oneshot(request).await.unwrap()
    }
    async fn text(response: Response<Full<Bytes>>) -> String {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    let world = World::new();
    let scoped = format!("Bearer {}", world.clerk.token("user_1").issue());
    let response = reject(&world, JsonBody, &scoped).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["error"], "insufficient_scope");
    assert_eq!(body["scope"], "email admin");

    // A closure that would let the rejected pass, and drop the challenge.
    let careless = |rejection: &Rejection| {
        Response::builder()
            .status(200)
            .header("x-mine", rejection.status().as_str())
            .header("www-authenticate", "Basic")
            .body(Full::from("mine"))
            .unwrap()
    };
    let response = reject(&world, careless, "").await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["x-mine"], "401");
    let challenges: Vec<_> = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(challenges, ["Bearer scope=\"email admin\""]);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(response).await, "mine");
}
