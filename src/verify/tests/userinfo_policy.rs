use crate::claims::entry::Acceptance;
use std::time::Duration;

use serde_json::{Value, json};

use super::TokenKind;
use super::{
    AuthErrorKind::{
        self, Inactive, InvalidUpstreamResponse, MissingSubject, NotAccessToken,
        ProfileUnavailable, RateLimited, UpstreamUnavailable,
    },
    Enrichment, OURS, Priority, Reply, THEIRS, TokenFormat, Userinfo, says, verifier, verify,
};

const REJECTED: Reply = Reply::Json(401, r#"{"error":"invalid_token"}"#);
const FORBIDDEN: Reply = Reply::Json(
    403,
    r#"{"errors":[{"code":"oauth_fetch_user_forbidden_error"}]}"#,
);
const FIREWALL: Reply = Reply::Json(403, "{}");
const BROKEN: Reply = Reply::Json(200, r#"{"email":"a@b.example"}"#);
// Not one of the statuses that are worth another attempt.
const DOWN: Reply = Reply::Json(500, "");

/// What introspection says beside being active, the token's shape, and userinfo's reply.
type Input = (Value, TokenFormat, Reply);

/// Subject, address, and whether all was fetched; and how often userinfo was asked.
type Expected = (Result<Found, AuthErrorKind>, usize);
type Found = (&'static str, Option<&'static str>, bool);

struct Case {
    name: &'static str,
    input: Input,
    expected: Expected,
}

async fn check(enrichment: Enrichment, case: Case) {
    let name = format!("{enrichment:?}: {}", case.name);
    let (answer, format, reply) = case.input;
    for priority in [Priority::FirstSeen, Priority::Refresh] {
        let userinfo = Userinfo::new(reply);
        let verifier = verifier(says(answer.clone()), userinfo.clone(), enrichment);
        let outcome = verify(&verifier, format, priority).await;
        let outcome = outcome.map(|verified| (verified.claims(), verified.is_complete()));
        let found = outcome
            .as_ref()
            .map_err(|error| error.kind())
            .map(|(claims, is_complete)| {
                let email = claims.profile().and_then(|profile| profile.email());
                (claims.subject(), email, *is_complete)
            });
        assert_eq!(found, case.expected.0, "{name}, {priority:?}");
        assert_eq!(userinfo.calls(), case.expected.1, "{name}, {priority:?}");
    }
}

async fn check_all<const N: usize>(
    enrichment: Enrichment,
    cases: [(&'static str, Input, Expected); N],
) {
    for (name, input, expected) in cases {
        let case = Case {
            name,
            input,
            expected,
        };
        check(enrichment, case).await;
    }
}

fn named() -> Value {
    json!({ "sub": "user_1" })
}

fn unnamed() -> Value {
    json!({})
}

const OPAQUE: TokenFormat = TokenFormat::Opaque(TokenKind::OAuth);
const OTHER: TokenFormat = TokenFormat::Unprefixed;
const JWT: TokenFormat = TokenFormat::Jwt {
    kind: TokenKind::OAuth,
    exp: None,
};

#[tokio::test(start_paused = true)]
async fn userinfo_is_left_alone_where_it_is_off_and_nothing_is_missing() {
    let bare = Ok(("user_1", None, true));
    let typed = json!({ "sub": "user_1", "token_type": "Bearer" });
    let meant_for = |aud: &str| json!({ "sub": "user_1", "aud": [aud] });
    check_all(
        Enrichment::Off,
        [
            ("opaque", (named(), OPAQUE, OURS), (bare, 0)),
            ("a JWT", (named(), JWT, OURS), (bare, 0)),
            ("vouched for by its type", (typed, OTHER, OURS), (bare, 0)),
            // The rest is asked, for what is missing alone. fault A4
            (
                "meant for our client",
                (meant_for("client_1"), OTHER, OURS),
                (bare, 1),
            ),
            (
                "meant for our resource",
                (meant_for("https://api.example.com"), OTHER, OURS),
                (bare, 1),
            ),
            ("vouched for by userinfo", (named(), OTHER, OURS), (bare, 1)),
            ("named by userinfo", (unnamed(), OPAQUE, OURS), (bare, 1)),
            ("both", (unnamed(), OTHER, OURS), (bare, 1)),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn profile_is_added_where_it_can_be_had() {
    let full = Ok(("user_1", Some("a@b.example"), true));
    let bare = Ok(("user_1", None, false));
    // fault B4: nothing is missing after a final no.
    let without = Ok(("user_1", None, true));
    check_all(
        Enrichment::BestEffort,
        [
            ("as it should be", (named(), OPAQUE, OURS), (full, 1)),
            ("of a JWT", (named(), JWT, OURS), (full, 1)),
            ("named by userinfo", (unnamed(), OPAQUE, OURS), (full, 1)),
            ("vouched for by userinfo", (named(), OTHER, OURS), (full, 1)),
            // C075
            ("401", (named(), OPAQUE, REJECTED), (without, 1)),
            ("403", (named(), OPAQUE, FORBIDDEN), (without, 1)),
            ("403 of a firewall", (named(), OPAQUE, FIREWALL), (bare, 1)),
            ("HTML", (named(), OPAQUE, Reply::Html), (bare, 1)),
            ("no subject", (named(), OPAQUE, BROKEN), (bare, 1)),
            ("down", (named(), OPAQUE, DOWN), (bare, 1)),
            (
                "unreachable",
                (named(), OPAQUE, Reply::Unreachable),
                // Once more, since the connection broke.
                (bare, 2),
            ),
            ("silent", (named(), OPAQUE, Reply::Silence), (bare, 1)),
            (
                "429",
                (named(), OPAQUE, Reply::RetryAfter(429, "7")),
                (bare, 1),
            ),
            // C074
            ("of another", (named(), OPAQUE, THEIRS), (without, 1)),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn profile_that_is_required_is_had_or_rejected() {
    let full = Ok(("user_1", Some("a@b.example"), true));
    let missing = Err(ProfileUnavailable);
    check_all(
        Enrichment::Required,
        [
            ("as it should be", (named(), OPAQUE, OURS), (full, 1)),
            ("named by userinfo", (unnamed(), OPAQUE, OURS), (full, 1)),
            // C075
            // fault B4
            ("401", (named(), OPAQUE, REJECTED), (Err(Inactive), 1)),
            ("403", (named(), OPAQUE, FORBIDDEN), (Err(Inactive), 1)),
            (
                "403 of a firewall",
                (named(), OPAQUE, FIREWALL),
                (missing, 1),
            ),
            ("HTML", (named(), OPAQUE, Reply::Html), (missing, 1)),
            ("no subject", (named(), OPAQUE, BROKEN), (missing, 1)),
            ("down", (named(), OPAQUE, DOWN), (missing, 1)),
            ("silent", (named(), OPAQUE, Reply::Silence), (missing, 1)),
            // C074
            ("of another", (named(), OPAQUE, THEIRS), (Err(Inactive), 1)),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_and_cannot_be_had_is_rejected() {
    for enrichment in [
        Enrichment::Off,
        Enrichment::BestEffort,
        Enrichment::Required,
    ] {
        check_all(
            enrichment,
            [
                (
                    "unnamed, 401",
                    (unnamed(), OPAQUE, REJECTED),
                    (Err(MissingSubject), 1),
                ),
                (
                    "unnamed, 403",
                    (unnamed(), OPAQUE, FORBIDDEN),
                    (Err(MissingSubject), 1),
                ),
                // An outage says nothing of the token.
                (
                    "unnamed, 403 of a firewall",
                    (unnamed(), OPAQUE, FIREWALL),
                    (Err(InvalidUpstreamResponse), 1),
                ),
                (
                    "unnamed, down",
                    (unnamed(), OPAQUE, DOWN),
                    (Err(UpstreamUnavailable), 1),
                ),
                (
                    "unnamed, broken",
                    (unnamed(), OPAQUE, BROKEN),
                    (Err(InvalidUpstreamResponse), 1),
                ),
                (
                    "unnamed, silent",
                    (unnamed(), OPAQUE, Reply::Silence),
                    (Err(UpstreamUnavailable), 1),
                ),
                (
                    "unvouched, 401",
                    (named(), OTHER, REJECTED),
                    (Err(NotAccessToken), 1),
                ),
                (
                    "unvouched, 403",
                    (named(), OTHER, FORBIDDEN),
                    (Err(NotAccessToken), 1),
                ),
                (
                    "unvouched, of another",
                    (named(), OTHER, THEIRS),
                    (Err(NotAccessToken), 1),
                ),
                (
                    "unvouched, down",
                    (named(), OTHER, DOWN),
                    (Err(UpstreamUnavailable), 1),
                ),
                (
                    "unvouched, 429",
                    (named(), OTHER, Reply::RetryAfter(429, "7")),
                    (Err(RateLimited), 1),
                ),
                (
                    "unvouched, broken",
                    (named(), OTHER, BROKEN),
                    (Err(InvalidUpstreamResponse), 1),
                ),
                (
                    "both, 401",
                    (unnamed(), OTHER, REJECTED),
                    (Err(NotAccessToken), 1),
                ),
                (
                    "both, down",
                    (unnamed(), OTHER, DOWN),
                    (Err(UpstreamUnavailable), 1),
                ),
                (
                    "named emptily by userinfo",
                    (unnamed(), OPAQUE, Reply::Json(200, r#"{"sub":""}"#)),
                    (Err(MissingSubject), 1),
                ),
                (
                    "named by userinfo with a control character",
                    (unnamed(), OPAQUE, Reply::Json(200, r#"{"sub":"a\u0000"}"#)),
                    (Err(MissingSubject), 1),
                ),
            ],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn subject_that_cannot_be_used_is_not_made_up_for() {
    // C073 C045
    for subject in ["", "a\0", "a\u{85}"] {
        let reply = Reply::Json(200, r#"{"sub":"user_1"}"#);
        for enrichment in [Enrichment::Off, Enrichment::BestEffort] {
            let answer = says(json!({ "sub": subject }));
            let verifier = verifier(answer, Userinfo::new(reply), enrichment);
            let error = verify(&verifier, OPAQUE, Priority::FirstSeen)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), MissingSubject, "{subject:?}, {enrichment:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_clerk_asks_for_is_handed_on() {
    for status in [429, 503] {
        let userinfo = Userinfo::new(Reply::RetryAfter(status, "7"));
        let verifier = verifier(says(named()), userinfo, Enrichment::Required);
        let error = verify(&verifier, OPAQUE, Priority::FirstSeen)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ProfileUnavailable, "{status}");
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(7)),
            "{status}"
        );
    }
    let userinfo = Userinfo::new(DOWN);
    let verifier = verifier(says(named()), userinfo, Enrichment::Required);
    let error = verify(&verifier, OPAQUE, Priority::FirstSeen)
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), None);
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<crate::AuthError>().unwrap();
    assert_eq!(source.kind(), UpstreamUnavailable);
}
