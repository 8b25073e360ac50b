//! Both answers of Clerk's, as they come over the wire: a profile is attached if and only if it is the
//! subject's own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tower_clerk::{
    ClerkConfig,
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

use super::{
    bodies, for_each_case, mutate, pick,
    rules::{self, Accepted, Policy, Verdict},
    runtime,
};
use crate::support::App;

/// What an endpoint answers.
#[derive(Clone, Debug, Default)]
struct Said {
    content_type: &'static str,
    body: Bytes,
}

/// A transport whose answers are given, introspection's and userinfo's.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<[Said; 2]>>);

impl Transport for Given {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let is_userinfo = request.uri().path() == "/oauth/userinfo";
        let said = self.0.lock().expect("nobody panicked")[usize::from(is_userinfo)].clone();
        let mut response = Response::builder();
        if !said.content_type.is_empty() {
            response = response.header("content-type", said.content_type);
        }
        let response = response.body(said.body);
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

fn userinfo(random: &mut Rng) -> Vec<u8> {
    let members = mutate::members(&[
        ("sub", "\"user_1\""),
        ("email", "\"ada@example.com\""),
        ("email_verified", "true"),
        ("name", "\"Ada\""),
        ("org_id", "\"org_1\""),
    ]);
    mutate::object(random, members, |random, name| match name {
        "sub" => pick(random, SUBJECTS).to_owned(),
        _ => pick(random, mutate::OF_ANY_TYPE).to_owned(),
    })
}

const SUBJECTS: &[&str] = &[
    "\"user_1\"",
    "\"user\\u005f1\"",
    "\"user_2\"",
    "\"User_1\"",
    "\"user_1 \"",
    "\"user_1\\u0000\"",
    "\"\"",
    "\" \"",
    "1",
    "null",
    "[\"user_1\"]",
    "{\"sub\":\"user_1\"}",
];

/// Content types, and whether they are JSON's.
const CONTENT_TYPES: [(&str, bool); 10] = [
    ("application/json", true),
    ("application/json; charset=utf-8", true),
    ("Application/JSON;charset=\"UTF-8\"", true),
    ("application/problem+json", true),
    ("application/json; charset=utf-16", false),
    ("application/jwt", false),
    ("application/token-introspection+jwt", false),
    ("text/html", false),
    ("text/json", false),
    ("", false),
];

fn content_type(random: &mut Rng) -> (&'static str, bool) {
    match random.u8(..8) {
        0 => CONTENT_TYPES[random.usize(..CONTENT_TYPES.len())],
        _ => CONTENT_TYPES[0],
    }
}

/// What must come of two answers: a status, and for 200 the subject and whether there is a profile.
fn expectation(
    answer: Verdict,
    userinfo: Option<&str>,
    enrichment: Enrichment,
) -> (u16, Option<String>, bool) {
    let accepted = match answer {
        Verdict::NoAnswer => return (503, None, false),
        Verdict::Invalid => return (401, None, false),
        Verdict::ScopeMissing => return (403, None, false),
        Verdict::Accepted(Accepted { sub, .. }) => sub,
    };
    let is_own = accepted.is_none() || accepted.as_deref() == userinfo;
    let is_needed = accepted.is_none() || enrichment == Enrichment::Required && !is_own;
    if is_needed && userinfo.is_none() {
        return (503, None, false);
    }
    if enrichment == Enrichment::Required && !is_own {
        // A profile of another subject is a final no. fault B4
        return (401, None, false);
    }
    match accepted.as_deref().or(userinfo) {
        Some(sub) if rules::is_subject(sub) => {
            let has_profile = is_own && userinfo.is_some() && enrichment != Enrichment::Off;
            (200, Some(sub.to_owned()), has_profile)
        }
        _ => (401, None, false),
    }
}

#[test]
fn a_profile_is_attached_if_and_only_if_it_is_the_subjects_own() {
    // B05, C050, C073, C074, C075
    let start = Instant::now();
    let (given, clock) = (
        Given::default(),
        ManualClock::at(crate::support::unix(bodies::NOW.unsigned_abs())),
    );
    let apps = [
        Enrichment::BestEffort,
        Enrichment::Required,
        Enrichment::Off,
    ]
    .map(|enrichment| {
        let config = ClerkConfig::builder(bodies::DOMAIN)
            .accept(
                OAuthTokens::introspection("me", "secret")
                    .allow_clients(["me", "urn:us"])
                    .audiences(["urn:us"])
                    .required_scopes(["email", "profile"])
                    .userinfo(enrichment),
            )
            .cache_ttl(Duration::ZERO)
            .rate_limit(0)
            .clock(clock.clone())
            .transport(given.clone());
        (enrichment, App::new(config))
    });
    let runtime = runtime();
    let (mut all, mut attached, mut passed) = (0, 0, 0);
    for_each_case(20_000, |random| {
        // What breaks the contract opens a breaker for a second of the monotonic clock; the wall clock
        // stays where the answers are made for.
        clock.advance(Duration::from_secs(2));
        clock.set(crate::support::unix(bodies::NOW.unsigned_abs()));
        let is_spoiled = random.u8(..4) == 0;
        let answer = match is_spoiled {
            true => bodies::answer(random),
            false => {
                let sub = pick(random, &["", "\"sub\":\"user_1\",", "\"sub\":\"user_1\","]);
                format!("{{\"active\":true,{sub}\"client_id\":\"me\",\"scope\":\"email profile\"}}")
                    .into_bytes()
            }
        };
        let userinfo = userinfo(random);
        let (answer_type, is_json_answer) = content_type(random);
        let (userinfo_type, is_json_userinfo) = content_type(random);
        let policy: Policy<'_> = bodies::policy(false, false);
        let verdict = match is_json_answer {
            true => rules::judge(&answer, &policy),
            false => Verdict::NoAnswer,
        };
        let theirs = rules::userinfo_subject(&userinfo).filter(|_| is_json_userinfo);
        let said =
            [(answer_type, answer), (userinfo_type, userinfo)].map(|(content_type, body)| Said {
                content_type,
                body: body.into(),
            });
        given.0.lock().unwrap().clone_from(&said);
        let (enrichment, app) = &apps[random.usize(..apps.len())];
        let (status, subject, has_profile) = expectation(verdict, theirs.as_deref(), *enrichment);
        let reply = runtime.block_on(app.bearer("oat_a"));
        assert_eq!(reply.status(), status, "{enrichment:?} {said:?}");
        all += 1;
        if let Some(subject) = subject {
            passed += 1;
            let claims = reply.claims();
            assert_eq!(claims.subject(), subject, "{said:?}");
            assert_eq!(
                claims.profile().is_some(),
                has_profile,
                "{enrichment:?} {said:?}"
            );
            if let Some(profile) = claims.profile() {
                attached += 1;
                assert_eq!(profile.userinfo()["sub"], subject, "{said:?}");
            }
        }
    });
    println!(
        "{all} pairs, {passed} let through, {attached} with a profile, in {:?}",
        start.elapsed()
    );
    assert!(all < 10_000 || (attached > all / 20 && passed > attached && all > passed));
}
