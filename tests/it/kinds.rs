//! Tokens of Clerk's that are no OAuth access tokens: sound, not expired, and refused.

use tower_clerk::{AuthErrorKind, fake_clerk::Category};

use crate::support::{App, World};

struct Case {
    name: &'static str,
    token: String,
    expected: AuthErrorKind,
    /// Whether Clerk has to be asked, since the shape alone does not tell.
    asks: bool,
}

/// Every other kind, in each of its formats.
fn others(world: &World) -> Vec<Case> {
    let clerk = &world.clerk;
    let by_shape = |name, token| Case {
        name,
        token,
        expected: AuthErrorKind::UnsupportedToken,
        asks: false,
    };
    let by_answer = |name, token| Case {
        name,
        token,
        expected: AuthErrorKind::Inactive,
        asks: true,
    };
    let by_expiry = |name, token| Case {
        name,
        token,
        expected: AuthErrorKind::Expired,
        asks: false,
    };
    let organization = || {
        clerk
            .session("user_1")
            .organization("org_1", "acme", "admin")
            .permissions(["org:billing:read"])
    };
    vec![
        by_shape("API key of a user", clerk.api_key("user_1").issue()),
        by_shape("API key of an organization", clerk.api_key("org_1").issue()),
        by_shape(
            "API key with scopes",
            clerk.api_key("user_1").scopes(["email"]).issue(),
        ),
        by_shape("machine token", clerk.machine_token("mch_1").issue()),
        by_shape("machine secret key", clerk.machine_secret_key("mch_1")),
        by_shape("secret key", clerk.secret_key()),
        by_shape("refresh token", clerk.refresh_token("user_1")),
        by_answer("machine JWT", clerk.machine_token("mch_1").jwt().issue()),
        by_answer(
            "machine JWT without end",
            clerk.machine_token("mch_1").never_expires().jwt().issue(),
        ),
        by_answer("session", clerk.session("user_1").issue()),
        by_answer("session, version 1", clerk.session("user_1").v1().issue()),
        by_answer("session with an organization", organization().issue()),
        by_answer("pending session", clerk.session("user_1").pending().issue()),
        by_answer(
            "session that names a client and scopes",
            clerk
                .session("user_1")
                .claim("client_id", clerk.client_id())
                .claim("scope", "email profile")
                .issue(),
        ),
        by_answer(
            "session without a category",
            clerk.session("user_1").category(Category::Absent).issue(),
        ),
        by_answer(
            "token of a template",
            clerk.session("user_1").template().issue(),
        ),
        by_expiry("expired session", clerk.session("user_1").expired().issue()),
        by_expiry(
            "expired machine JWT",
            clerk.machine_token("mch_1").expired().jwt().issue(),
        ),
    ]
}

async fn check(world: &World, app: &App, case: &Case) {
    for (nth, rest) in [("first", ""), ("second", " again")] {
        let before = world.clerk.total_calls();
        let answer = app.bearer(&case.token).await;
        let calls = world.clerk.total_calls() - before;
        let name = format!("{}{rest}", case.name);
        assert_eq!(answer.kind(), Some(case.expected), "{name}");
        assert_eq!(answer.status(), 401, "{name}");
        if nth == "first" {
            assert_eq!(calls > 0, case.asks, "{name}: {calls} calls");
        } else {
            assert_eq!(calls, 0, "{name}");
        }
    }
    assert_eq!(app.inner_calls(), 0, "{}", case.name);
}

#[tokio::test]
async fn no_other_kind_passes_for_an_oauth_token() {
    let world = World::new();
    for case in others(&world) {
        check(&world, &world.app(), &case).await;
    }
}

#[tokio::test]
async fn no_other_kind_passes_where_any_shape_is_asked_about() {
    let world = World::new();
    for mut case in others(&world) {
        if case.expected == AuthErrorKind::UnsupportedToken {
            case.asks = true;
            case.expected = match case.name {
                // Introspection calls it active, so that something else must tell.
                "refresh token" => AuthErrorKind::NotAccessToken,
                _ => AuthErrorKind::Inactive,
            };
        }
        let app = App::new(world.config().accept_unprefixed_tokens());
        check(&world, &app, &case).await;
    }
}

#[tokio::test]
async fn oauth_tokens_pass_whatever_key_signs() {
    let world = World::new();
    let app = world.app();
    let before = world.clerk.token("user_1").jwt().issue();
    world.clerk.rotate_key();
    let after = world.clerk.token("user_1").jwt().issue();
    let opaque = world.clerk.token("user_1").issue();
    for token in [before, after, opaque] {
        for _ in 0..2 {
            app.bearer(&token).await.assert_accepted();
        }
    }
    assert_eq!(app.inner_calls(), 6);
}
