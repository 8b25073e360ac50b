//! Introspection answers: those that are read, and those that open the door.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkConfig,
    kinds::{AudiencePolicy, Enrichment, OAuthTokens},
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::{
    Nowhere, for_each_case, mutate, pick,
    rules::{self, Accepted, Policy, Verdict},
    runtime,
};
use crate::support::App;

pub const NOW: i64 = 1_700_000_000;
pub const DOMAIN: &str = "clerk.example.com";
pub const ISSUER: &str = "https://clerk.example.com";

/// An answer, with mistakes in it.
pub fn answer(random: &mut Rng) -> Vec<u8> {
    let now = NOW.to_string();
    let (exp, iat) = ((NOW + 60).to_string(), (NOW - 60).to_string());
    let mut members = mutate::members(&[
        ("active", "true"),
        ("sub", "\"user_1\""),
        ("client_id", "\"me\""),
        ("scope", "\"email profile\""),
        ("iss", "\"https://clerk.example.com\""),
        ("aud", "\"urn:us\""),
        ("exp", &exp),
        ("nbf", &now),
        ("iat", &iat),
        ("token_type", "\"Bearer\""),
    ]);
    // Most answers have not all of them: Clerk's documented one has the first four and `iat`.
    for at in (4..members.len()).rev() {
        if random.bool() {
            members.remove(at);
        }
    }
    mutate::object(random, members, value_of)
}

/// A value that a member of this name may have, or nearly so.
fn value_of(random: &mut Rng, name: &str) -> String {
    let text = |text: &str| format!("\"{text}\"");
    match name {
        "active" => pick(random, &["true", "false", "true ", "1", "\"true\""]).to_owned(),
        "exp" | "nbf" | "iat" => match random.u8(..6) {
            0 => pick(random, mutate::OF_ANY_TYPE).to_owned(),
            1 => (NOW * 1000).to_string(),
            2 => format!("{}.{}", NOW + random.i64(-7..8), random.u8(1..10)),
            3 => format!("{}e0", NOW + random.i64(-7..8)),
            _ => (NOW + random.i64(-7..8)).to_string(),
        },
        "sub" => match random.u8(..6) {
            0 => text(&"u".repeat(random.usize(250..260))),
            1 => text(pick(
                random,
                &["user_\\u0000", "user_\\u0085", "\\u007f", "\\n"],
            )),
            _ => text(pick(
                random,
                &["user_1", "user_2", "", " ", "USER_1", "\u{430}"],
            )),
        },
        "client_id" => text(pick(random, &["me", "you", "Me", "", "me ", "m\\u0065"])),
        "scope" => text(pick(random, SCOPES)),
        "iss" => text(pick(random, ISSUERS)),
        "aud" => pick(random, AUDIENCES).to_owned(),
        "token_type" => text(pick(
            random,
            &["bearer", "BEARER", "DPoP", "N_A", "", "bearer "],
        )),
        "token_use" => text(pick(random, &["access_token", "refresh_token", "id_token"])),
        _ => pick(random, mutate::OF_ANY_TYPE).to_owned(),
    }
}

const SCOPES: &[&str] = &[
    "email profile",
    "profile email",
    "email  profile ",
    " email profile",
    "email profile openid",
    "email\\u0020profile",
    "email\\tprofile",
    "email\\nprofile",
    "email\u{a0}profile",
    "email,profile",
    "email",
    "Email profile",
    "email profiles",
    "emailprofile",
    "",
    " ",
];

const ISSUERS: &[&str] = &[
    "https://clerk.example.com",
    "https:\\/\\/clerk.example.com",
    "https://clerk.example.com/",
    "http://clerk.example.com",
    "https://CLERK.example.com",
    "https://clerk.example.com:443",
    "https://clerk@evil.example.com",
    "https://clerk.example.com.evil.com",
    "",
];

const AUDIENCES: &[&str] = &[
    "\"urn:us\"",
    "\"urn:US\"",
    "\"urn:us/\"",
    "\"me\"",
    "[\"urn:us\"]",
    "[\"urn:them\",\"urn:us\"]",
    "[\"urn:them\"]",
    "[\"urn:us\",\"urn:us\"]",
    "[\"urn:us\",1]",
    "[[\"urn:us\"]]",
    "[\"\"]",
    "[]",
    "\"\"",
    "null",
    "{\"urn:us\":true}",
];

/// A verifier that says what it is told to.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Verify for Told {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let answer = TokenInfo::from_introspection(&self.0.lock().expect("nobody panicked"));
        Box::pin(async { answer })
    }
}

/// What the layers below are configured to.
pub fn policy(requires_audience: bool, is_any_client: bool) -> Policy<'static> {
    Policy {
        clients: (!is_any_client).then_some(&["me", "urn:us"]),
        audiences: &["urn:us", "me"],
        requires_audience,
        issuer: ISSUER,
        scopes: &["email", "profile"],
        leeway: 5,
        now: NOW,
    }
}

#[test]
fn an_answer_is_read_and_opens_the_door_if_and_only_if_the_rules_say_so() {
    // B07, B33, B34, E1, and rows C038 to C081 in combination.
    let start = Instant::now();
    let told = Told::default();
    let layer = |requires_audience: bool, is_any_client: bool| {
        let mut oauth = OAuthTokens::verified_by(told.clone())
            .allow_clients(["me", "urn:us"])
            .audiences(["urn:us", "me"])
            .required_scopes(["email", "profile"])
            .userinfo(Enrichment::Off);
        if requires_audience {
            oauth = oauth.audience_policy(AudiencePolicy::Require);
        }
        if is_any_client {
            oauth = oauth.allow_any_client();
        }
        let config = ClerkConfig::builder(DOMAIN)
            .accept(oauth)
            .clock(ManualClock::at(crate::support::unix(NOW.unsigned_abs())))
            .transport(Nowhere);
        App::new(config)
    };
    let apps = [(false, false), (true, false), (false, true)]
        .map(|(requires, any)| (policy(requires, any), layer(requires, any)));
    let runtime = runtime();
    let mut outcomes = [0_usize; 4];
    let mut number = 0_u64;
    for_each_case(100_000, |random| {
        let body = answer(random);
        let (policy, app) = &apps[random.usize(..apps.len())];
        let text = String::from_utf8_lossy(&body).into_owned();
        let verdict = rules::judge(&body, policy);
        let result = TokenInfo::from_introspection(&body);
        let is_answer = verdict != Verdict::NoAnswer;
        assert_eq!(result.is_ok(), is_answer, "{result:?} {text}");
        if let Err(error) = result {
            assert_eq!(error.kind(), AuthErrorKind::InvalidUpstreamResponse);
        }
        *told.0.lock().unwrap() = body;
        number += 1;
        let token = format!("oat_{number}");
        let (outcome, status) = match &verdict {
            // Somebody, but nobody can be asked who.
            Verdict::Accepted(Accepted { sub: None, .. }) | Verdict::NoAnswer => (1, 503),
            Verdict::Accepted(Accepted { sub: Some(sub), .. }) if rules::is_subject(sub) => {
                (0, 200)
            }
            Verdict::Accepted(_) | Verdict::Invalid => (2, 401),
            Verdict::ScopeMissing => (3, 403),
        };
        // Some are sent again, since it is the cache then that answers.
        let turns = if number.is_multiple_of(8) { 2 } else { 1 };
        for turn in 1..=turns {
            let answer = runtime.block_on(app.bearer(&token));
            outcomes[outcome] += 1;
            assert_eq!(answer.status(), status, "time {turn}: {verdict:?} {text}");
            if let (200, Verdict::Accepted(accepted)) = (status, &verdict) {
                let claims = answer.claims();
                assert_eq!(Some(claims.subject()), accepted.sub.as_deref(), "{text}");
                assert_eq!(claims.client_id(), accepted.client_id.as_deref(), "{text}");
                let exp = accepted.exp.and_then(|exp| {
                    UNIX_EPOCH.checked_add(Duration::from_secs(exp.try_into().unwrap()))
                });
                assert_eq!(claims.expires_at(), exp, "{text}");
                assert!(claims.scopes().eq(&accepted.scopes), "{text}");
            }
        }
    });
    let let_through: usize = apps.iter().map(|(_, app)| app.inner_calls()).sum();
    assert_eq!(let_through, outcomes[0]);
    println!("200, 503, 401, 403: {outcomes:?} in {:?}", start.elapsed());
    let all: usize = outcomes.iter().sum();
    let is_a_test = outcomes.iter().all(|count| *count > all / 100);
    assert!(is_a_test || all < 10_000, "{outcomes:?}");
}
