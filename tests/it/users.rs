//! Profiles from the Backend API: by user, not by token.

mod bans;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkConfigBuilder, Tokens,
    fake_clerk::{Endpoint, Fault},
    kinds::{ApiKeys, Enrichment, MachineTokens, OAuthTokens},
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    redaction::Log,
    support::{App, World},
};

fn config(world: &World) -> ClerkConfigBuilder {
    config_with(world, world.oauth())
}

fn config_with(world: &World, oauth: OAuthTokens) -> ClerkConfigBuilder {
    world
        .accepting(oauth)
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to_any().jwts())
        .users(Enrichment::BestEffort)
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
}

fn app(world: &World) -> App {
    App::new(config(world))
}

fn calls(world: &World) -> usize {
    world.clerk.calls(Endpoint::BackendUser)
}

#[tokio::test]
async fn user_is_typed_and_profile_is_mapped() {
    let world = World::new();
    world
        .clerk
        .user("user_1")
        .other_email("first@example.com")
        .email("ada@example.com")
        .email_verified(false)
        .given_name("Ada")
        .family_name("Lovelace")
        .preferred_username("ada")
        .picture("https://img.example.com/ada.png")
        .public_metadata(json!({"plan": "pro"}))
        .unsafe_metadata(json!({"theme": "dark"}))
        .private_metadata(json!({"crm": "for our eyes"}))
        .save();
    // No scope at all: what the Backend API tells does not hang on them.
    let token = world.clerk.token("user_1").scopes(["x"]).issue();
    let answer = app(&world).bearer(&token).await;
    let claims = answer.claims();
    let user = claims.user().unwrap();
    assert_eq!(user.id(), "user_1");
    assert_eq!(user.username(), Some("ada"));
    assert_eq!(user.primary_email(), Some("ada@example.com"));
    assert_eq!(user.email_verified(), Some(false));
    assert_eq!(
        user.private_metadata(),
        Some(json!({"crm": "for our eyes"}))
    );
    let day = std::time::Duration::from_secs(86_400);
    assert!(user.created_at().unwrap() > std::time::UNIX_EPOCH + 19_675 * day);
    let profile = claims.profile().unwrap();
    assert_eq!(profile.email(), Some("ada@example.com"));
    assert_eq!(profile.email_verified(), Some(false));
    assert_eq!(profile.name(), Some("Ada Lovelace"));
    assert_eq!(profile.given_name(), Some("Ada"));
    assert_eq!(profile.family_name(), Some("Lovelace"));
    assert_eq!(profile.preferred_username(), Some("ada"));
    assert_eq!(profile.picture(), Some("https://img.example.com/ada.png"));
    assert_eq!(profile.public_metadata(), Some(json!({"plan": "pro"})));

    let json = serde_json::to_value(claims).unwrap();
    assert_eq!(json["email"], "ada@example.com");
    assert_eq!(json["email_verified"], false);
    assert_eq!(json["name"], "Ada Lovelace");
    assert_eq!(json["public_metadata"], json!({"plan": "pro"}));
    assert_eq!(json["userinfo"], profile.userinfo());
    assert!(!json.to_string().contains("for our eyes"), "{json}");
    let debug = format!("{claims:#?} {user:#?}");
    for person in ["ada", "Ada", "Lovelace", "eyes", "user_1"] {
        assert!(!debug.contains(person), "{debug}");
    }

    let requests = world.clerk.requests();
    let request = requests
        .iter()
        .find(|request| request.method == "GET")
        .unwrap();
    assert_eq!(request.path, "/v1/users/user_1");
    assert_eq!(request.headers["clerk-api-version"], "2026-05-12");
    assert_eq!(
        request.headers["authorization"],
        format!("Bearer {}", world.clerk.secret_key())
    );
    assert!(!format!("{request:?}").contains(&token));
    assert_eq!(world.clerk.calls(Endpoint::Userinfo), 0);
}

#[tokio::test]
async fn userinfo_tells_no_user() {
    let world = World::new();
    let answer = world
        .app()
        .bearer(&world.clerk.token("user_1").issue())
        .await;
    assert!(answer.claims().profile().is_some());
    assert!(answer.claims().user().is_none());
}

#[tokio::test]
async fn a_hundred_tokens_of_one_user_are_one_call() {
    let world = World::new();
    let app = app(&world);
    let tokens: Vec<_> = (0..100)
        .map(|_| world.clerk.token("user_1").issue())
        .collect();
    let answers = join_all(tokens.iter().map(|token| app.bearer(token))).await;
    let first = answers[0].claims().user().unwrap();
    for answer in &answers {
        let user = answer.claims().user().unwrap();
        assert!(std::ptr::eq(first, user), "it is shared");
    }
    assert_eq!(calls(&world), 1);
    // So it is with other kinds of tokens.
    let answer = app.bearer(&world.clerk.api_key("user_1").issue()).await;
    assert!(std::ptr::eq(first, answer.claims().user().unwrap()));
    assert_eq!(calls(&world), 1);
    // Others are others.
    let answer = app.bearer(&world.clerk.token("user_2").issue()).await;
    assert_eq!(answer.claims().user().unwrap().id(), "user_2");
    assert_eq!(calls(&world), 2);
}

#[tokio::test]
async fn user_is_kept_for_a_minute() {
    let world = World::new();
    let app = app(&world);
    let email = async |app: &App| {
        let answer = app.bearer(&world.clerk.token("user_1").issue()).await;
        answer
            .claims()
            .profile()
            .unwrap()
            .email()
            .unwrap()
            .to_owned()
    };
    world.clerk.user("user_1").email("old@example.com").save();
    assert_eq!(email(&app).await, "old@example.com");
    world.clerk.user("user_1").email("new@example.com").save();
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(email(&app).await, "old@example.com");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(email(&app).await, "new@example.com");
    assert_eq!(calls(&world), 2);
}

#[tokio::test]
async fn forgotten_subject_is_fetched_anew() {
    for everybody in [false, true] {
        let world = World::new();
        let app = app(&world);
        let token = world.clerk.token("user_1").issue();
        world.clerk.user("user_1").email("old@example.com").save();
        app.bearer(&token).await.assert_accepted();
        world.clerk.user("user_1").email("new@example.com").save();
        match everybody {
            true => app.layer.authenticator().invalidate(Tokens::all()),
            false => app
                .layer
                .authenticator()
                .invalidate(Tokens::of_subject("user_1")),
        }
        let answer = app.bearer(&token).await;
        assert_eq!(
            answer.claims().profile().unwrap().email(),
            Some("new@example.com")
        );
        assert_eq!(calls(&world), 2);
    }
}

#[tokio::test]
async fn fetch_under_way_does_not_survive_an_invalidation() {
    let world = World::new();
    let app = app(&world);
    let token = world.clerk.token("user_1").issue();
    world.clerk.fail(
        Endpoint::BackendUser,
        Fault::delay(Duration::from_millis(200)).times(1),
    );
    world.clerk.user("user_1").email("old@example.com").save();
    let waiting = {
        let (app, token) = (app.clone(), token.clone());
        tokio::spawn(async move { app.bearer(&token).await })
    };
    while calls(&world) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    app.layer
        .authenticator()
        .invalidate(Tokens::of_subject("user_1"));
    // It counts for the request that came before (fault C3), and is not remembered.
    waiting.await.unwrap().assert_accepted();
    assert_eq!(calls(&world), 1);
    for _ in 0..2 {
        app.bearer(&world.clerk.token("user_1").issue())
            .await
            .assert_accepted();
        assert_eq!(calls(&world), 2, "what was under way does not count");
    }
}

#[tokio::test]
async fn ban_is_noticed_after_a_minute_and_the_ttl() {
    let world = World::new();
    let app = app(&world);
    let token = world.clerk.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    world.clerk.user("user_1").banned(true).save();
    world.clock.advance(Duration::from_secs(29));
    app.bearer(&token).await;
    world.clock.advance(Duration::from_secs(61));
    app.bearer(&token)
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
}

#[tokio::test]
async fn failure_costs_the_profile_or_the_request_as_configured() {
    let json = |body: &'static str| Fault::answer(200, "application/json", body);
    for (name, fault) in [
        ("500", Fault::status(500)),
        ("401", Fault::status(401)),
        ("403", Fault::status(403)),
        ("422", Fault::status(422)),
        ("429", Fault::status(429)),
        ("hang", Fault::hang()),
        ("reset", Fault::reset()),
        ("malformed", Fault::malformed()),
        ("oversized", Fault::oversized(70_000)),
        ("somebody else", json(r#"{"id":"user_2","banned":false}"#)),
        ("another case", json(r#"{"id":"User_1","banned":false}"#)),
        ("no word of a ban", json(r#"{"id":"user_1"}"#)),
        ("a ban in words", json(r#"{"id":"user_1","banned":"no"}"#)),
        (
            "twice",
            json(r#"{"id":"user_1","banned":true,"banned":false}"#),
        ),
        ("404 of a proxy", Fault::answer(404, "text/html", "")),
    ] {
        // An answer about another user is a final no. fault B4
        let is_final = ["somebody else", "another case"].contains(&name);
        let world = World::new();
        world.clerk.fail(Endpoint::BackendUser, fault);
        let config = || {
            config(&world)
                .timeout(Duration::from_millis(600))
                .attempt_timeout(Duration::from_millis(200))
        };
        let lenient = App::new(config());
        let strict = App::new(config().users(Enrichment::Required));
        let token = world.clerk.token("user_1").issue();
        for _ in 0..2 {
            let answer = lenient.bearer(&token).await;
            assert_eq!(answer.kind(), None, "{name}");
            assert!(answer.claims().user().is_none(), "{name}");
            assert!(answer.claims().profile().is_none(), "{name}");
            let answer = strict.bearer(&token).await;
            let (kind, status) = match is_final {
                true => (AuthErrorKind::Inactive, 401),
                false => (AuthErrorKind::ProfileUnavailable, 503),
            };
            assert_eq!(answer.kind(), Some(kind), "{name}");
            assert_eq!(answer.status(), status, "{name}");
        }
        // It is tried again soon, or in its time.
        world.clerk.heal_all();
        world
            .clock
            .advance(Duration::from_secs(if is_final { 30 } else { 5 }));
        for app in [&lenient, &strict] {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.claims().user().unwrap().id(), "user_1", "{name}");
        }
    }
}

#[tokio::test]
async fn who_is_no_user_has_no_profile_and_needs_none() {
    let world = World::new();
    let app = App::new(config(&world).users(Enrichment::Required));
    for token in [
        world.clerk.machine_token("mch_1").issue(),
        world.clerk.api_key("org_1").issue(),
        world.clerk.api_key("mch_1").issue(),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert!(answer.claims().profile().is_none());
        }
    }
    assert_eq!(calls(&world), 0);
    // And is remembered for the whole time.
    let key = world.clerk.api_key("org_2").issue();
    app.bearer(&key).await.assert_accepted();
    let before = world.clerk.total_calls();
    world.clock.advance(Duration::from_secs(20));
    app.bearer(&key).await.assert_accepted();
    assert_eq!(world.clerk.total_calls(), before);
}

#[tokio::test]
async fn bad_token_is_rejected_before_anybody_is_looked_up() {
    let world = World::new();
    let app = App::new(config_with(
        &world,
        world.oauth().required_scopes(["admin"]),
    ));
    app.bearer("oat_unknown")
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    app.bearer(&world.clerk.token("user_1").issue())
        .await
        .assert_rejected(403, AuthErrorKind::InsufficientScope);
    assert_eq!(calls(&world), 0);
}

#[tokio::test]
async fn enrichment_that_is_off_looks_nobody_up() {
    let world = World::new();
    let app = App::new({
        let oauth = world.oauth().userinfo(Enrichment::Off);
        config_with(&world, oauth).users(Enrichment::Off)
    });
    app.bearer(&world.clerk.token("user_1").issue())
        .await
        .assert_accepted();
    assert_eq!(
        (calls(&world), world.clerk.calls(Endpoint::Userinfo)),
        (0, 0)
    );
}

#[tokio::test]
async fn subject_that_is_a_path_goes_nowhere() {
    struct Says(&'static str);
    impl Verify for Says {
        fn verify<'a>(
            &'a self,
            _: VerifyRequest<'a>,
        ) -> futures_util::future::BoxFuture<'a, Result<TokenInfo, AuthError>> {
            let answer = json!({"active": true, "client_id": "x", "sub": self.0});
            let answer = TokenInfo::from_introspection(answer.to_string().as_bytes());
            Box::pin(async { answer })
        }
    }

    for subject in [
        "user_../jwks",
        "user_1/../../jwks",
        "user_1?x",
        "user_1#x",
        "user_%2e%2e",
        "user_ü",
    ] {
        let world = World::new();
        let build = |enrichment| {
            let oauth = OAuthTokens::verified_by(Says(subject)).allow_any_client();
            App::new(config_with(&world, oauth).users(enrichment))
        };
        let answer = build(Enrichment::BestEffort).bearer("oat_1").await;
        assert!(answer.claims().user().is_none(), "{subject}");
        build(Enrichment::Required)
            .bearer("oat_1")
            .await
            .assert_rejected(503, AuthErrorKind::ProfileUnavailable);
        assert_eq!(world.clerk.total_calls(), 0, "{subject}");
    }
}

#[tokio::test]
async fn wrong_secret_key_is_logged_though_nobody_is_rejected() {
    let world = World::new();
    let log = Log::default();
    let guard = log.subscribe();
    world
        .clerk
        .user("user_canary")
        .email("canary@example.com")
        .save();
    let token = world.clerk.token("user_canary").issue();
    let wrong = App::new(config(&world).secret_key("sk_test_wrongCanary"));
    wrong.bearer(&token).await.assert_accepted();
    let answer = app(&world).bearer(&token).await;
    assert_eq!(
        answer.claims().user().unwrap().primary_email(),
        Some("canary@example.com")
    );
    tokio::task::yield_now().await;
    drop(guard);
    assert!(wrong.layer.authenticator().health().credentials_rejected);
    let text = log.text();
    let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains("CLERK_SECRET_KEY"), "{}", errors[0]);
    for secret in ["anary", &token, &world.clerk.secret_key()] {
        assert!(!text.contains(secret), "{secret}:\n{text}");
    }
}

#[tokio::test]
async fn cache_that_is_off_keeps_no_users() {
    let world = World::new();
    let app = App::new(config(&world).cache_ttl(Duration::ZERO));
    let token = world.clerk.token("user_1").issue();
    for expected in 1..=3 {
        app.bearer(&token).await.assert_accepted();
        assert_eq!(calls(&world), expected);
    }
}
