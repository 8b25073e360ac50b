//! Tokens that name an instance which did not issue them, or none.

use tower_clerk::{
    AuthError, AuthErrorKind, BoxFuture,
    fake_clerk::FakeClerk,
    kinds::{Enrichment, OAuthTokens},
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::{Pair, app, authenticator};
use crate::{
    jwt::{parts, signed, with},
    support::World,
};

#[tokio::test]
async fn a_forged_jwt_is_accepted_by_no_instance() {
    let pair = Pair::new();
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let stranger = FakeClerk::new();
    for token in [
        |clerk: &FakeClerk| clerk.session("user_1").issue(),
        |clerk: &FakeClerk| clerk.token("user_1").jwt().issue(),
    ] {
        let [header, payload] = parts(&token(a));
        let header_of_b = parts(&token(b))[0].clone();
        let stated = |name: &str, value: serde_json::Value| with(&payload, name, value);
        let cases = [
            ("names A, signed by B", signed(b, &header, &payload), true),
            (
                "names A, signed by B, with the `kid` of B",
                signed(b, &header_of_b, &payload),
                true,
            ),
            (
                "names B, signed by A",
                signed(a, &header, stated("iss", b.url().into())),
                true,
            ),
            (
                "names none, signed by A",
                signed(a, &header, stated("iss", serde_json::Value::Null)),
                false,
            ),
            (
                "names a stranger, signed by A",
                signed(a, &header, stated("iss", stranger.url().into())),
                false,
            ),
            (
                "names a list, signed by A",
                signed(a, &header, stated("iss", vec![a.url(), b.url()].into())),
                false,
            ),
            (
                "names A with a slash, signed by A",
                signed(a, &header, stated("iss", format!("{}/", a.url()).into())),
                false,
            ),
            (
                "names A and B, signed by A",
                signed(a, &header, {
                    let text = payload.to_string();
                    format!(r#"{{"iss":"{}",{}"#, b.url(), &text[1..])
                }),
                false,
            ),
            ("of a stranger", token(&stranger), false),
        ];
        for (name, token, is_called) in cases {
            let app = pair.app();
            pair.forget_calls();
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.status(), 401, "{name}: {answer:?}");
                if !is_called {
                    answer.assert_rejected(401, AuthErrorKind::WrongIssuer);
                }
            }
            if !is_called {
                assert_eq!(pair.calls(), [0, 0], "{name}");
            }
            assert_eq!(app.inner_calls(), 0, "{name}");
        }
    }
}

/// A service of another vendor: it accepts everything, and records what it gets.
#[derive(Clone, Default)]
struct Other(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Verify for Other {
    fn verify<'a>(
        &'a self,
        request: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let token = request.token().expose().to_owned();
        self.0.lock().unwrap().push(token.clone());
        let answer = serde_json::json!({
            "active": !token.contains("unknown"),
            "sub": "partner_1",
            "client_id": "partner",
            "token_type": "Bearer",
        });
        Box::pin(async move { TokenInfo::from_introspection(answer.to_string().as_bytes()) })
    }
}

#[tokio::test]
async fn a_custom_verifier_at_the_end_gets_only_tokens_that_are_not_of_clerk() {
    let pair = Pair::new();
    let other = Other::default();
    let third = World::new();
    let custom = third.accepting(
        OAuthTokens::verified_by(other.clone())
            .allow_any_client()
            .userinfo(Enrichment::Off)
            .unprefixed(),
    );
    let [first, second] = pair.both();
    let app = app([
        first,
        second,
        authenticator(custom.clock(pair.worlds[0].clock.clone())),
    ]);
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let stranger = FakeClerk::new();
    let revoked = a.token("user_1").issue();
    a.revoke(&revoked);
    let cases = [
        ("of A", a.token("user_1").issue(), Ok(a.url())),
        ("JWT of B", b.token("user_1").jwt().issue(), Ok(b.url())),
        (
            "JWT of A, signed by B",
            signed(b, &parts(&a.session("user_1").issue())[0], {
                parts(&a.session("user_1").issue())[1].clone()
            }),
            Err(401),
        ),
        (
            "unprefixed",
            "partner-token".to_owned(),
            Ok(third.clerk.url()),
        ),
        ("unprefixed, unknown", "unknown-token".to_owned(), Err(401)),
        (
            "JWT of a stranger",
            stranger.token("user_1").jwt().issue(),
            Ok(third.clerk.url()),
        ),
    ];
    for (name, token, expected) in cases {
        other.0.lock().unwrap().clear();
        let is_for_other = matches!(&expected, Ok(url) if *url == third.clerk.url())
            || name.starts_with("unprefixed");
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            match &expected {
                Ok(instance) => {
                    assert_eq!(answer.status(), 200, "{name}: {answer:?}");
                    assert_eq!(answer.claims().instance(), instance, "{name}");
                }
                Err(status) => assert_eq!(answer.status(), *status, "{name}: {answer:?}"),
            }
        }
        let seen = other.0.lock().unwrap().clone();
        let for_other = if is_for_other { vec![token] } else { vec![] };
        assert_eq!(seen, for_other, "{name}");
    }
    // The calls to Clerk: none for tokens that are not of Clerk.
    pair.forget_calls();
    app.bearer("another-partner-token").await.assert_accepted();
    assert_eq!(pair.calls(), [0, 0]);
}
