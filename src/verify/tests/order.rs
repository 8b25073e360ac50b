use crate::{BoxFuture, claims::entry::Acceptance};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::TokenKind;
use super::{
    AuthError, AuthErrorKind, Enrichment, OURS, Priority, Reply, Says, TokenFormat, TokenInfo,
    Transport, TransportError, Userinfo, Verify, VerifyRequest, says, verifier, verify,
};

/// What happened, in order.
type Log = Arc<Mutex<Vec<&'static str>>>;

/// Answers after a while, and notes when it was asked and when it answered.
struct Slow {
    log: Log,
    delay: Duration,
}

impl Verify for Slow {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        assert_eq!(verification.token().expose(), "oat_1");
        self.log.lock().unwrap().push(if verification.is_refresh() {
            "refresh"
        } else {
            "introspect"
        });
        Box::pin(async {
            sleep(self.delay).await;
            self.log.lock().unwrap().push("introspected");
            says(json!({ "sub": "user_1" })).0
        })
    }
}

impl Transport for Slow {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.log.lock().unwrap().push("userinfo");
        Box::pin(async {
            sleep(self.delay).await;
            self.log.lock().unwrap().push("informed");
            let response = Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(Bytes::from_static(
                    br#"{"sub":"user_1","email":"a@b.example"}"#,
                ));
            Ok(response.unwrap())
        })
    }
}

fn slow(log: &Log, millis: u64) -> Slow {
    Slow {
        log: Arc::clone(log),
        delay: Duration::from_millis(millis),
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_token_is_introspected_before_anything_else() {
    let log = Log::default();
    let verifier = verifier(slow(&log, 100), slow(&log, 50), Enrichment::BestEffort);
    let start = Instant::now();
    verify(
        &verifier,
        TokenFormat::Opaque(TokenKind::OAuth),
        Priority::FirstSeen,
    )
    .await
    .unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["introspect", "introspected", "userinfo", "informed"]
    );
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test(start_paused = true)]
async fn known_token_is_asked_about_in_both_places_at_once() {
    let log = Log::default();
    let verifier = verifier(slow(&log, 100), slow(&log, 50), Enrichment::BestEffort);
    let start = Instant::now();
    verify(
        &verifier,
        TokenFormat::Opaque(TokenKind::OAuth),
        Priority::Refresh,
    )
    .await
    .unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["refresh", "userinfo", "informed", "introspected"]
    );
    assert!(start.elapsed() < Duration::from_millis(150));
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_never_shown_to_userinfo() {
    // B12
    let source = |kind: AuthErrorKind| Says(Err(kind.into()));
    for (name, source, expected) in [
        (
            "inactive",
            says(json!({ "active": false })),
            AuthErrorKind::Inactive,
        ),
        (
            "a refresh token",
            says(json!({ "token_use": "refresh_token" })),
            AuthErrorKind::NotAccessToken,
        ),
        (
            "of another client",
            says(json!({ "client_id": "client_2" })),
            AuthErrorKind::WrongClient,
        ),
        // C056: the clock shows almost a second more.
        (
            "over",
            says(json!({ "exp": super::NOW })),
            AuthErrorKind::Expired,
        ),
        (
            "rejected by the source",
            source(AuthErrorKind::Inactive),
            AuthErrorKind::Inactive,
        ),
        (
            "rejected by us",
            source(AuthErrorKind::CredentialsRejected),
            AuthErrorKind::CredentialsRejected,
        ),
        (
            "no answer",
            source(AuthErrorKind::InvalidUpstreamResponse),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
    ] {
        // A known one is not either, where the rejection comes at once.
        for priority in [Priority::FirstSeen, Priority::Refresh] {
            let userinfo = Userinfo::new(OURS);
            let source = Says(source.0.clone());
            let verifier = verifier(source, userinfo.clone(), Enrichment::Required);
            let error = verify(&verifier, TokenFormat::Opaque(TokenKind::OAuth), priority)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), expected, "{name}, {priority:?}");
            assert_eq!(userinfo.calls(), 0, "{name}, {priority:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn userinfo_never_widens_what_introspection_said() {
    // B05 C074 C075
    let reply = Reply::Json(
        200,
        r#"{"sub":"user_1","scope":"admin","client_id":"client_2","aud":"x","exp":9,"active":true}"#,
    );
    let verifier = verifier(
        says(json!({ "sub": "user_1", "scope": "email" })),
        Userinfo::new(reply),
        Enrichment::BestEffort,
    );
    let verified = verify(
        &verifier,
        TokenFormat::Opaque(TokenKind::OAuth),
        Priority::FirstSeen,
    )
    .await
    .unwrap();
    let claims = verified.claims();
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["email"]);
    assert_eq!(claims.client_id(), Some("client_1"));
    assert_eq!(claims.audience().count(), 0);
    assert_eq!((claims.expires_at(), verified.expires()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn verification_has_one_deadline() {
    struct Case {
        name: &'static str,
        /// How long introspection takes, userinfo's reply, and on whose behalf.
        input: (u64, Reply, Priority),
        /// Whether there are claims, and after how long.
        expected: (Result<bool, AuthErrorKind>, u64),
    }

    async fn check(case: &Case) {
        let log = Log::default();
        let (delay, reply, priority) = case.input;
        let source = slow(&log, delay);
        let verifier = verifier(source, Userinfo::new(reply), Enrichment::BestEffort);
        let start = Instant::now();
        let outcome = verify(&verifier, TokenFormat::Opaque(TokenKind::OAuth), priority).await;
        let found = outcome.map(|verified| verified.claims().profile().is_some());
        let elapsed = start.elapsed().as_millis();
        let (expected, after) = case.expected;
        assert_eq!(
            found.map_err(|error| error.kind()),
            expected,
            "{}",
            case.name
        );
        let after = u128::from(after);
        assert!(
            (after..after + 10).contains(&elapsed),
            "{}: {elapsed}",
            case.name
        );
    }

    let down = Err(AuthErrorKind::UpstreamUnavailable);
    // C085 C086 B30
    let cases = [
        (
            "in time",
            (1_900, OURS, Priority::FirstSeen),
            (Ok(true), 1_900),
        ),
        (
            "too slow",
            (2_100, OURS, Priority::FirstSeen),
            (down, 2_000),
        ),
        (
            "never",
            (3_600_000, OURS, Priority::FirstSeen),
            (down, 2_000),
        ),
        (
            "never, ahead of time",
            (3_600_000, OURS, Priority::Refresh),
            (down, 2_000),
        ),
        (
            "userinfo has its attempt",
            (100, Reply::Silence, Priority::FirstSeen),
            (Ok(false), 1_100),
        ),
        (
            // But for the last moment, which the verdict needs.
            "userinfo has what is left",
            (1_500, Reply::Silence, Priority::FirstSeen),
            (Ok(false), 1_900),
        ),
        (
            "both at once",
            (100, Reply::Silence, Priority::Refresh),
            (Ok(false), 1_000),
        ),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        })
        .await;
    }
}
