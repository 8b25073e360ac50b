//! Introspection answers: read if and only if the oracle reads them, and let through if and only if the
//! oracle lets them through.

#![no_main]

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;
use libfuzzer_sys::fuzz_target;
use tower_clerk::{AuthError, ClerkAuthLayer, ClerkClaims, ClerkConfig, kinds::{Enrichment, OAuthTokens}, testing::ManualClock, verify::{TokenInfo, Verify, VerifyRequest}};

use self::rules::{Policy, Verdict};

mod common;
#[path = "../../tests/it/properties/json.rs"]
mod json;
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

const NOW: i64 = 1_700_000_000;

#[derive(Clone, Default)]
struct Given(Arc<Mutex<Vec<u8>>>);

impl Verify for Given {
    fn verify<'a>(
        &'a self,
        _: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let answer = TokenInfo::from_introspection(&self.0.lock().unwrap());
        Box::pin(async { answer })
    }
}

static LAYER: LazyLock<(ClerkAuthLayer, Given)> = LazyLock::new(|| {
    let given = Given::default();
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            OAuthTokens::verified_by(given.clone())
                .allow_clients(["me"])
                .audiences(["us", "me"])
                .required_scopes(["email"])
                .userinfo(Enrichment::Off),
        )
        .cache_ttl(Duration::ZERO)
        .clock(ManualClock::at(UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())))
        .transport(common::Nothing)
        .build()
        .unwrap();
    (ClerkAuthLayer::new(config), given)
});

fuzz_target!(|body: &[u8]| {
    let (layer, given) = &*LAYER;
    body.clone_into(&mut given.0.lock().unwrap());
    let response = common::send(layer, "oat_a");
    let policy = Policy {
        clients: Some(&["me"]),
        audiences: &["us", "me"],
        requires_audience: false,
        issuer: "https://clerk.example.com",
        scopes: &["email"],
        leeway: 5,
        now: NOW,
    };
    let verdict = rules::judge(body, &policy);
    let is_answer = verdict != Verdict::NoAnswer;
    assert_eq!(TokenInfo::from_introspection(body).is_ok(), is_answer);
    let expected = match verdict {
        Verdict::NoAnswer => 503,
        Verdict::Invalid => 401,
        Verdict::ScopeMissing => 403,
        // Nobody can say who it is.
        Verdict::Accepted(accepted) if accepted.sub.is_none() => 503,
        Verdict::Accepted(accepted) if !accepted.sub.as_deref().is_some_and(rules::is_subject) => {
            401
        }
        Verdict::Accepted(accepted) => {
            let claims = response.extensions().get::<ClerkClaims>().unwrap();
            assert_eq!(claims.subject(), accepted.sub.unwrap());
            let exp = accepted.exp.and_then(|exp| {
                UNIX_EPOCH.checked_add(Duration::from_secs(exp.try_into().unwrap()))
            });
            assert_eq!(claims.expires_at(), exp);
            200
        }
    };
    assert_eq!(response.status(), expected);
});
