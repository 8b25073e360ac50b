//! The session cookie: what is taken from it, and what never is.

use tower_clerk::{
    AuthErrorKind::{
        self, MalformedCredentials, MissingCredentials, MultipleCredentials, NotSessionToken,
        PendingSession, TokenTooLong, UnsupportedToken,
    },
    ClerkConfig, TokenKind,
    config::JwtKeys,
    kinds::SessionTokens,
};

use crate::{
    session_tokens::sessions,
    support::{App, World},
};

/// A key of `clerk.example.com`, and the name of its cookie.
const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
const SUFFIXED: &str = "__session_l2OS3d9k";

fn reading(world: &World) -> App {
    App::new(world.accepting(SessionTokens::new().cookie()))
}

/// Of session and OAuth tokens.
fn reading_both(world: &World) -> App {
    App::new(world.config().accept(SessionTokens::new().cookie()))
}

struct Case<'a> {
    name: &'a str,
    headers: Vec<(&'a str, String)>,
    /// The subject, or the status and why.
    expected: Result<&'a str, (u16, AuthErrorKind)>,
}

/// Twice, and by gRPC.
async fn check(app: &App, case: Case<'_>) {
    for nth in ["first", "again", "by gRPC"] {
        let headers: Vec<_> = case
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = if nth == "by gRPC" {
            app.send_grpc(&headers).await
        } else {
            app.send(&headers).await
        };
        let name = format!("{}, {nth}", case.name);
        match case.expected {
            Ok(subject) => {
                assert_eq!(answer.kind(), None, "{name}");
                assert_eq!(answer.claims().subject(), subject, "{name}");
                let kind = answer.claims().kind();
                let is_header = case.headers.iter().any(|(_, it)| it.starts_with("Bearer"));
                assert!(is_header || kind == TokenKind::Session, "{name}");
            }
            Err((status, kind)) => {
                assert_eq!(answer.kind(), Some(kind), "{name}");
                if nth == "by gRPC" {
                    assert_eq!(answer.header("grpc-status"), Some("16"), "{name}");
                } else {
                    assert_eq!(answer.status(), status, "{name}");
                }
            }
        }
    }
}

fn cookie(value: impl Into<String>) -> (&'static str, String) {
    ("cookie", value.into())
}

fn authorization(value: impl Into<String>) -> (&'static str, String) {
    ("authorization", value.into())
}

#[tokio::test]
async fn a_session_token_is_taken_from_the_cookie() {
    let world = World::new();
    let app = reading(&world);
    let one = world.clerk.session("user_1").issue();
    let two = world.clerk.session("user_2").issue();
    let missing = Err((401, MissingCredentials));
    for (name, headers, expected) in [
        (
            "alone",
            vec![cookie(format!("__session={one}"))],
            Ok("user_1"),
        ),
        (
            "among others",
            vec![cookie(format!("theme=dark; __session={one}; x=y"))],
            Ok("user_1"),
        ),
        (
            "in the second header",
            vec![cookie("theme=dark"), cookie(format!("__session={one}"))],
            Ok("user_1"),
        ),
        (
            "twice the same",
            vec![cookie(format!("__session={one}; __session={one}"))],
            Ok("user_1"),
        ),
        (
            "two in one header",
            vec![cookie(format!("__session={one}; __session={two}"))],
            Err((400, MultipleCredentials)),
        ),
        (
            "two in two headers",
            vec![
                cookie(format!("__session={one}")),
                cookie(format!("__session={two}")),
            ],
            Err((400, MultipleCredentials)),
        ),
        ("empty", vec![cookie("__session=")], missing),
        ("another", vec![cookie(format!("session={one}"))], missing),
        (
            "of another instance",
            vec![cookie(format!("{SUFFIXED}={one}"))],
            missing,
        ),
        (
            "quoted",
            vec![cookie(format!("__session=\"{one}\""))],
            Err((400, MalformedCredentials)),
        ),
        (
            "too long",
            vec![cookie(format!("__session={}", "x".repeat(4097)))],
            Err((400, TokenTooLong)),
        ),
        (
            "nothing of Clerk's",
            vec![cookie("__session=deadbeef")],
            Err((401, UnsupportedToken)),
        ),
    ] {
        let case = Case {
            name,
            headers,
            expected,
        };
        check(&app, case).await;
    }
}

#[tokio::test]
async fn a_token_in_the_cookie_is_judged_as_one_in_the_header() {
    let world = World::new();
    let app = reading(&world);
    for (name, token, kind) in [
        (
            "pending",
            world.clerk.session("user_1").pending(),
            PendingSession,
        ),
        (
            "of a template",
            world.clerk.session("user_1").template(),
            NotSessionToken,
        ),
    ] {
        let case = Case {
            name,
            headers: vec![cookie(format!("__session={}", token.issue()))],
            expected: Err((401, kind)),
        };
        check(&app, case).await;
    }
    assert_eq!(app.inner_calls(), 0);
}

#[tokio::test]
async fn the_header_comes_first() {
    let world = World::new();
    let app = reading_both(&world);
    let session = world.clerk.session("user_1").issue();
    let other = world.clerk.session("user_2").issue();
    let oauth = world.clerk.token("user_3").issue();
    let jar = || cookie(format!("__session={session}"));
    for (name, header, expected) in [
        ("another session", format!("Bearer {other}"), Ok("user_2")),
        ("an OAuth token", format!("Bearer {oauth}"), Ok("user_3")),
        // What claims to be a bearer token decides, whatever it is.
        (
            "malformed",
            "Bearer".to_owned(),
            Err((400, MalformedCredentials)),
        ),
        (
            "no token68",
            "Bearer a b".to_owned(),
            Err((400, MalformedCredentials)),
        ),
        (
            "too long",
            format!("Bearer {}", "x".repeat(4097)),
            Err((400, TokenTooLong)),
        ),
        (
            "bad",
            "Bearer oat_unknown".to_owned(),
            Err((401, AuthErrorKind::Inactive)),
        ),
        // Somebody else's to judge.
        ("of another scheme", "Basic dTpw".to_owned(), Ok("user_1")),
        ("empty", String::new(), Ok("user_1")),
    ] {
        let case = Case {
            name,
            headers: vec![authorization(header), jar()],
            expected,
        };
        check(&app, case).await;
    }
    let case = Case {
        name: "two headers",
        headers: vec![
            authorization("Basic dTpw"),
            authorization("Basic dTpx"),
            jar(),
        ],
        expected: Err((400, MultipleCredentials)),
    };
    check(&app, case).await;
}

#[tokio::test]
async fn no_other_kind_passes_from_the_cookie() {
    let world = World::new();
    let clerk = &world.clerk;
    let app = reading_both(&world);
    let opaque = clerk.token("user_1").issue();
    let jwt = clerk.token("user_1").jwt().issue();
    let from_cookie = |name: &'static str, token: &str| Case {
        name,
        headers: vec![cookie(format!("__session={token}"))],
        expected: Err((401, UnsupportedToken)),
    };
    for (name, token) in [
        ("OAuth", opaque.clone()),
        ("OAuth, JWT", jwt.clone()),
        ("API key", clerk.api_key("user_1").issue()),
        ("machine", clerk.machine_token("mch_1").issue()),
        ("machine, JWT", clerk.machine_token("mch_1").jwt().issue()),
        ("refresh token", clerk.refresh_token("user_1")),
    ] {
        check(&app, from_cookie(name, &token)).await;
    }
    assert_eq!((clerk.total_calls(), app.inner_calls()), (0, 0));

    // They are good in the header, and not in the cookie for that.
    for token in [&opaque, &jwt] {
        for _ in 0..2 {
            app.bearer(token).await.assert_accepted();
        }
        let hits = app.layer.authenticator().stats().hits;
        check(&app, from_cookie("known from the header", token)).await;
        assert_eq!(
            app.layer.authenticator().stats().hits,
            hits,
            "it counts as none"
        );
        app.bearer(token).await.assert_accepted();
    }
}

#[tokio::test]
async fn a_bad_token_of_another_kind_is_rejected_as_one_of_another_kind() {
    let world = World::new();
    let app = reading_both(&world);
    app.bearer("oat_unknown")
        .await
        .assert_rejected(401, AuthErrorKind::Inactive);
    let case = Case {
        name: "known to be bad",
        headers: vec![cookie("__session=oat_unknown")],
        expected: Err((401, UnsupportedToken)),
    };
    check(&app, case).await;
}

#[tokio::test]
async fn header_and_cookie_share_a_verdict_on_a_session_token() {
    let world = World::new();
    let app = reading(&world);
    let token = world.clerk.session("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    let answer = app.send(&[("cookie", &format!("__session={token}"))]).await;
    answer.assert_accepted();
    assert_eq!(app.layer.authenticator().stats().hits, 1);
}

#[tokio::test]
async fn cookies_are_not_looked_at_by_default() {
    let world = World::new();
    let token = world.clerk.session("user_1").issue();
    for app in [App::new(sessions(&world)), world.app()] {
        let case = Case {
            name: "a good token",
            headers: vec![cookie(format!("__session={token}"))],
            expected: Err((401, MissingCredentials)),
        };
        check(&app, case).await;
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn the_cookie_of_our_publishable_key_comes_first() {
    let world = World::new();
    // The key says where the instance is, so that its tokens are verified without a network.
    let config = ClerkConfig::builder(KEY)
        .accept(SessionTokens::new().cookie())
        .jwt_keys(JwtKeys::pem(world.clerk.public_key_pem()))
        .clock(world.clock.clone());
    let app = App::new(config);
    let session = |user: &str| {
        let token = world.clerk.session(user);
        token.claim("iss", "https://clerk.example.com").issue()
    };
    let (ours, plain) = (session("user_1"), session("user_2"));
    for (name, cookies, expected) in [
        ("ours", format!("{SUFFIXED}={ours}"), Ok("user_1")),
        ("the plain one", format!("__session={plain}"), Ok("user_2")),
        (
            "both",
            format!("__session={plain}; {SUFFIXED}={ours}"),
            Ok("user_1"),
        ),
        (
            "ours empty",
            format!("{SUFFIXED}=; __session={plain}"),
            Ok("user_2"),
        ),
        (
            "two of ours",
            format!("{SUFFIXED}={ours}; {SUFFIXED}={plain}; __session={plain}"),
            Err((400, MultipleCredentials)),
        ),
        // One that is bad is not made up for by another.
        (
            "ours bad",
            format!("{SUFFIXED}=oat_1; __session={plain}"),
            Err((401, UnsupportedToken)),
        ),
        (
            "of another instance",
            format!("__session_QvfNY2dr={ours}"),
            Err((401, MissingCredentials)),
        ),
    ] {
        let case = Case {
            name,
            headers: vec![cookie(cookies)],
            expected,
        };
        check(&app, case).await;
    }
}

#[tokio::test]
async fn who_has_neither_header_nor_cookie_is_anonymous() {
    let world = World::new();
    let layer = reading(&world).layer.optional();
    let app = App::of(layer);
    let session = world.clerk.session("user_1").issue();
    for headers in [
        &[][..],
        &[("cookie", "theme=dark")],
        &[("cookie", "__session=")],
        &[("cookie", "theme=dark"), ("authorization", "Basic dTpw")],
    ] {
        for _ in 0..2 {
            let answer = app.send(headers).await;
            assert_eq!((answer.status().as_u16(), answer.kind()), (200, None));
        }
    }
    assert_eq!(app.inner_calls(), 8);
    for (name, cookies, expected) in [
        ("a good one", format!("__session={session}"), Ok("user_1")),
        // It is not taken for none.
        (
            "a bad one",
            "__session=oat_1".to_owned(),
            Err((401, UnsupportedToken)),
        ),
        (
            "two",
            format!("__session={session}; __session=x"),
            Err((400, MultipleCredentials)),
        ),
    ] {
        let case = Case {
            name,
            headers: vec![cookie(cookies)],
            expected,
        };
        check(&app, case).await;
    }
}

#[tokio::test]
async fn the_cookie_goes_through_and_is_shown_to_nobody() {
    use std::convert::Infallible;
    use tower::{Layer, ServiceExt, service_fn};

    let world = World::new();
    let layer = reading(&world).layer.strip_authorization();
    let token = world.clerk.session("user_1").issue();
    let value = format!("theme=dark; __session={token}");
    for _ in 0..2 {
        let service = layer.layer(service_fn(async |request: http::Request<()>| {
            let headers = request.headers();
            assert!(headers["cookie"].is_sensitive());
            assert!(!format!("{headers:?}").contains("__session"));
            let response = http::Response::builder();
            let response = response.header("x-seen", &headers["cookie"]);
            Ok::<_, Infallible>(response.body(()).unwrap())
        }));
        let request = http::Request::get("/").header("cookie", &value);
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["x-seen"], value.as_str());
    }
}
