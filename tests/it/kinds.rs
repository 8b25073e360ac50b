//! Every kind of token against every set of kinds that a layer may accept.

use std::{fmt::Write, path::Path};

use tower_clerk::{
    ClerkConfigBuilder, TokenKind,
    fake_clerk::{Category, Endpoint},
};

use crate::support::{App, World};

/// A token, and the kind that it is; `None`: none that anybody should accept.
struct Case {
    name: &'static str,
    token: String,
    kind: Option<TokenKind>,
    /// The kind that it looks like: whoever accepts that has to look closer.
    looks: Option<TokenKind>,
}

fn cases(world: &World) -> Vec<Case> {
    use TokenKind::{ApiKey, Machine, OAuth, Session};

    let clerk = &world.clerk;
    let good = |name, kind, token| Case {
        name,
        token,
        kind: Some(kind),
        looks: Some(kind),
    };
    let bad = |name, looks, token| Case {
        name,
        token,
        kind: None,
        looks,
    };
    let session = || clerk.session("user_1");
    let machine = || clerk.machine_token("mch_1").scopes(["mch_us"]);
    vec![
        good("OAuth access token", OAuth, clerk.token("user_1").issue()),
        good(
            "OAuth access token, JWT",
            OAuth,
            clerk.token("user_1").jwt().issue(),
        ),
        good("session token", Session, session().issue()),
        good("session token, version 1", Session, session().v1().issue()),
        good(
            "session token without a category",
            Session,
            session().category(Category::Absent).issue(),
        ),
        good(
            "session token that names a client and scopes",
            Session,
            session()
                .claim("client_id", clerk.client_id())
                .claim("scope", "email profile")
                .issue(),
        ),
        good("API key of a user", ApiKey, clerk.api_key("user_1").issue()),
        good(
            "API key of an organization",
            ApiKey,
            clerk.api_key("org_1").issue(),
        ),
        good("machine token", Machine, machine().issue()),
        good("machine token, JWT", Machine, machine().jwt().issue()),
        bad(
            "token of a JWT template",
            Some(Session),
            session().template().issue(),
        ),
        bad(
            "ID token",
            Some(Session),
            session()
                .category(Category::Absent)
                .claim("sid", ())
                .claim("sts", ())
                .claim("aud", clerk.client_id())
                .issue(),
        ),
        bad(
            "session token in the category of machines",
            Some(Session),
            session().category(Category::Machine).issue(),
        ),
        bad(
            "session token of a machine",
            Some(Machine),
            clerk.session("mch_1").issue(),
        ),
        bad(
            "machine token, JWT, in the category of sessions",
            Some(Machine),
            machine().category(Category::Session).jwt().issue(),
        ),
        bad(
            "machine token for another machine",
            Some(Machine),
            clerk.machine_token("mch_1").scopes(["mch_2"]).issue(),
        ),
        bad(
            "machine secret key",
            Some(ApiKey),
            clerk.machine_secret_key("mch_1"),
        ),
        bad("secret key", None, clerk.secret_key()),
        bad("refresh token", None, clerk.refresh_token("user_1")),
        bad(
            "expired session token",
            Some(Session),
            session().expired().issue(),
        ),
        bad(
            "expired machine token, JWT",
            Some(Machine),
            machine().expired().jwt().issue(),
        ),
        bad(
            "expired API key",
            Some(ApiKey),
            clerk.api_key("user_1").expired().issue(),
        ),
    ]
}

/// A configuration that can verify every kind, and accepts these.
fn accepting(world: &World, kinds: &[TokenKind]) -> ClerkConfigBuilder {
    with_key(
        world.kinds().accept(world.nothing(), kinds.iter().copied()),
        world,
    )
}

fn with_key(config: ClerkConfigBuilder, world: &World) -> ClerkConfigBuilder {
    config
        .secret_key(world.clerk.secret_key())
        .backend_api_url(format!("{}/v1", world.clerk.url()))
}

const KINDS: [TokenKind; 4] = [
    TokenKind::OAuth,
    TokenKind::Session,
    TokenKind::ApiKey,
    TokenKind::Machine,
];

/// Calls to Clerk that are about a token; those for keys are about none.
fn calls(world: &World) -> usize {
    world.clerk.total_calls() - world.clerk.calls(Endpoint::Jwks)
}

#[tokio::test]
async fn no_kind_passes_where_it_is_not_accepted() {
    let world = World::new();
    let cases = cases(&world);
    for set in 1..16_u32 {
        let accepted: Vec<_> = (0..4)
            .filter(|n| set & (1 << n) != 0)
            .map(|n| KINDS[n])
            .collect();
        let is_accepted =
            |kind: Option<TokenKind>| kind.is_some_and(|kind| accepted.contains(&kind));
        // Two layers, so that neither learns from the other.
        for layer in ["first", "second"] {
            let app = App::new(accepting(&world, &accepted));
            for case in &cases {
                for nth in ["first", "second"] {
                    let name = format!(
                        "{} where {accepted:?} are accepted, {layer} layer, {nth} time",
                        case.name
                    );
                    let (inner, asked, all) =
                        (app.inner_calls(), calls(&world), world.clerk.total_calls());
                    let answer = app.bearer(&case.token).await;
                    let passed = app.inner_calls() - inner;
                    if is_accepted(case.kind) {
                        assert_eq!(answer.status(), 200, "{name}: {:?}", answer.kind());
                        assert_eq!(answer.claims().kind(), case.kind.unwrap(), "{name}");
                        assert_eq!(passed, 1, "{name}");
                        if case.kind == Some(TokenKind::Session) {
                            // Claims of those names are the application's own.
                            assert_eq!(answer.claims().scopes().count(), 0, "{name}");
                            assert_eq!(answer.claims().client_id(), None, "{name}");
                        }
                    } else {
                        assert_eq!(answer.status(), 401, "{name}: {:?}", answer.kind());
                        assert_eq!(passed, 0, "{name}");
                    }
                    if nth == "second" {
                        assert_eq!(world.clerk.total_calls(), all, "{name}");
                    }
                    if !is_accepted(case.looks) {
                        assert_eq!(calls(&world), asked, "{name}");
                        assert_eq!(world.clerk.total_calls(), all, "{name}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_guide_shows_the_matrix() {
    let world = World::new();
    let mut table = String::from("| a token | ");
    table.push_str(&KINDS.map(|kind| format!("`{kind:?}`")).join(" | "));
    table.push_str(" |\n|---|---|---|---|---|\n");
    let apps = KINDS.map(|kind| App::new(accepting(&world, &[kind])));
    for case in cases(&world) {
        write!(table, "| {} |", case.name).unwrap();
        for app in &apps {
            let before = world.clerk.total_calls();
            let answer = app.bearer(&case.token).await;
            let makes_no_call = world.clerk.total_calls() == before;
            let by_shape = answer.kind() == Some(tower_clerk::AuthErrorKind::UnsupportedToken);
            table.push_str(match answer.status().as_u16() {
                200 => " **accepted** |",
                401 if by_shape && makes_no_call => " 401, no call |",
                401 => " 401 |",
                status => panic!("{}: {status}", case.name),
            });
        }
        table.push('\n');
    }
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/tokens.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(&table), "the guide should have:\n{table}");
}

#[tokio::test]
async fn recognised_kinds_are_rejected_where_any_opaque_token_is_asked_about() {
    let world = World::new();
    let app = App::new(with_key(
        world.accepting(world.oauth().unprefixed()),
        &world,
    ));
    for case in cases(&world) {
        if case.kind == Some(TokenKind::OAuth) {
            continue;
        }
        for nth in ["first", "second"] {
            let before = world.clerk.total_calls();
            let answer = app.bearer(&case.token).await;
            assert_eq!(answer.status(), 401, "{}, {nth}", case.name);
            if case.looks.is_some() {
                assert_eq!(world.clerk.total_calls(), before, "{}, {nth}", case.name);
            }
        }
    }
    assert_eq!(app.inner_calls(), 0);
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
