//! The order of members never changes an outcome, in any reader: members of a wrong type, and members that
//! break a rule, in every combination and every order.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_clerk::{
    AuthErrorKind, ClerkConfig, ClerkConfigBuilder, Tokens,
    config::JwtKeys,
    fake_clerk::FakeClerk,
    kinds::{ApiKeys, Enrichment, JwtVerification, OAuthTokens, SessionTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

use super::{Nowhere, for_each_case, runtime};
use crate::support::App;

const NOW: u64 = 1_700_000_000;

/// A member: its name, a good value, values of a wrong type, values that break a rule. A good value of `""`:
/// the member is absent.
type Member = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const INTROSPECTION: &[Member] = &[
    (
        "sub",
        "\"user_1\"",
        &["1", "[\"user_1\"]"],
        &["\"mch_1\"", "\"\""],
    ),
    ("client_id", "\"me\"", &["[]"], &["\"you\""]),
    ("scope", "\"email\"", &["[\"email\"]", "1"], &["\"other\""]),
    ("aud", "\"me\"", &["[1]", "{}"], &["\"urn:them\""]),
    (
        "iss",
        "\"https://clerk.example.com\"",
        &["1"],
        &["\"https://evil.example\""],
    ),
    (
        "exp",
        "1700000060",
        &["\"1700000060\""],
        &["1699999940", "0"],
    ),
    ("iat", "1699999940", &["true"], &["1700003600"]),
    ("nbf", "", &["{}"], &["1700003600"]),
    ("org_id", "", &["1"], &[]),
    ("token_type", "\"Bearer\"", &["1"], &["\"DPoP\""]),
    ("token_use", "", &["[]"], &["\"refresh_token\""]),
    ("revoked", "", &["[true]", "\"true\""], &["true"]),
    ("expired", "false", &["[true]", "1"], &["true"]),
    (
        "act",
        "",
        &["{}", "[]", "{\"sub\":\"user_2\",\"act\":{}}"],
        &[],
    ),
    ("cnf", "", &[], &["{\"jkt\":\"a\"}"]),
];

const BACKEND: &[Member] = &[
    (
        "subject",
        "\"user_1\"",
        &["1", "null"],
        &["\"\"", "\"x_1\""],
    ),
    ("client_id", "\"me\"", &["[]"], &[]),
    (
        "scopes",
        "[\"email\"]",
        &["\"email\"", "[1]"],
        &["[\"other\"]"],
    ),
    ("aud", "", &["[1]", "{}"], &["\"urn:them\""]),
    ("iss", "", &["1"], &["\"https://evil.example\""]),
    (
        "expiration",
        "1700000060",
        &["\"1700000060\""],
        &["1699999940"],
    ),
    ("created_at", "1699999940", &["true"], &["1700003600"]),
    ("nbf", "", &["{}"], &["1700003600"]),
    ("org_id", "", &["1"], &[]),
    ("token_type", "", &["1"], &["\"DPoP\""]),
    ("token_use", "", &["[]"], &["\"refresh_token\""]),
    ("revoked", "false", &["[true]", "null"], &["true"]),
    ("expired", "false", &["\"false\"", "null"], &["true"]),
    ("cnf", "", &[], &["{\"jkt\":\"a\"}"]),
];

const USER: &[Member] = &[
    ("id", "\"user_1\"", &["1", "null", "[]"], &[]),
    ("banned", "false", &["[]", "null", "\"false\"", "0"], &[]),
    ("first_name", "\"Ada\"", &[], &[]),
    ("private_metadata", "{}", &[], &[]),
];

const SESSION: &[Member] = &[
    ("sub", "\"user_1\"", &["1"], &["\"org_1\""]),
    (
        "iss",
        "\"https://clerk.example.com\"",
        &["1"],
        &["\"https://evil.example\""],
    ),
    ("exp", "1700000060", &["\"1700000060\"", "true"], &[]),
    ("iat", "1699999940", &["true"], &["1700003600"]),
    ("nbf", "", &["{}"], &["1700003600"]),
    ("aud", "", &["[1]"], &["\"urn:them\""]),
    ("sid", "\"sess_1\"", &["1"], &["\"x\""]),
    ("sts", "\"active\"", &["1"], &["\"pending\""]),
    ("azp", "", &["1"], &["\"https://evil.example\""]),
    ("v", "2", &["\"2\"", "2.5", "0"], &[]),
    ("fea", "", &["1"], &[]),
    ("o", "", &["1", "{}", "{\"id\":\"org_1\",\"rol\":1}"], &[]),
    ("act", "", &["{}", "{\"sub\":\"user_2\",\"act\":1}"], &[]),
    ("cnf", "", &[], &["{\"jkt\":\"a\"}"]),
];

const OAUTH_JWT: &[Member] = &[
    ("sub", "\"user_1\"", &["1"], &["\"\""]),
    (
        "iss",
        "\"https://clerk.example.com\"",
        &["1"],
        &["\"https://evil.example\""],
    ),
    ("exp", "1700000060", &["\"1700000060\"", "true"], &[]),
    ("iat", "1699999940", &["true"], &["1700003600"]),
    ("nbf", "", &["{}"], &["1700003600"]),
    ("aud", "", &["[1]"], &["\"urn:them\""]),
    ("client_id", "\"me\"", &["1"], &["\"you\""]),
    ("org_id", "", &["1"], &[]),
    ("scope", "\"email\"", &["1", "[1]"], &["\"other\""]),
    ("token_type", "", &["1"], &["\"DPoP\""]),
    ("token_use", "", &["1"], &["\"id_token\""]),
    ("act", "", &["{}", "[]"], &[]),
    ("cnf", "", &[], &["{\"jkt\":\"a\"}"]),
];

/// What was put into an answer.
#[derive(Clone, Debug, Default)]
struct Made {
    members: Vec<String>,
    is_wrong: bool,
    breaks_a_rule: bool,
}

/// Members that are mostly good.
fn make(random: &mut Rng, of: &[Member]) -> Made {
    let mut made = Made::default();
    for (name, good, wrong, breaking) in of {
        let value = match random.u8(..24) {
            0 if !wrong.is_empty() => {
                made.is_wrong = true;
                wrong[random.usize(..wrong.len())]
            }
            1 | 2 if !breaking.is_empty() => {
                made.breaks_a_rule = true;
                breaking[random.usize(..breaking.len())]
            }
            _ => good,
        };
        if !value.is_empty() {
            made.members.push(format!("\"{name}\":{value}"));
        }
    }
    made
}

/// The members in some order.
fn join(random: &mut Rng, members: &[String]) -> String {
    let mut members = members.to_vec();
    random.shuffle(&mut members);
    format!("{{{}}}", members.join(","))
}

/// Answers what it was given: about users, and about tokens.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<[String; 2]>>);

impl Given {
    fn say(&self, token: String, user: String) {
        *self.0.lock().unwrap() = [token, user];
    }
}

impl Transport for Given {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let is_user = request.uri().path().contains("/users/");
        let body = self.0.lock().expect("no test panicked")[usize::from(is_user)].clone();
        let response = Response::builder().header("content-type", "application/json");
        let response = response.body(Bytes::from(body));
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

fn config(given: &Given, clock: &ManualClock) -> ClerkConfigBuilder {
    accepting(OAuthTokens::introspection("me", "secret"), given, clock)
}

fn accepting(oauth: OAuthTokens, given: &Given, clock: &ManualClock) -> ClerkConfigBuilder {
    ClerkConfig::builder("clerk.example.com")
        .accept(oauth.required_scopes(["email"]).userinfo(Enrichment::Off))
        .cache_ttl(Duration::ZERO)
        .rate_limit(0)
        .clock(clock.clone())
        .transport(given.clone())
}

/// Status and kind, the same for every order.
#[track_caller]
fn outcome(orders: &[(u16, Option<AuthErrorKind>)], made: &Made) -> (u16, Option<AuthErrorKind>) {
    assert!(
        orders.iter().all(|other| *other == orders[0]),
        "{orders:?}: {made:?}"
    );
    orders[0]
}

#[test]
fn the_order_of_members_in_answers_changes_nothing() {
    // fault I1
    let (given, clock) = (Given::default(), ManualClock::at(crate::support::unix(NOW)));
    let backend = || {
        let oauth = OAuthTokens::backend_api()
            .allow_clients(["me"])
            .audiences(["me"]);
        accepting(oauth, &given, &clock)
            .secret_key("sk_test_secret")
            .accept(ApiKeys::new().required_scopes(["email"]))
    };
    let apps = [
        (App::new(config(&given, &clock)), INTROSPECTION, "oat_1"),
        (App::new(backend()), BACKEND, "oat_1"),
        (App::new(backend()), BACKEND, "ak_1"),
    ];
    let runtime = runtime();
    let mut counts = [0_usize; 3];
    for_each_case(10_000, |random| {
        let (app, members, token) = &apps[random.usize(..apps.len())];
        let mut made = make(random, members);
        let is_inactive = random.u8(..8) == 0;
        made.members.push(format!("\"active\":{}", !is_inactive));
        let orders: Vec<_> = (0..4)
            .map(|_| {
                clock.advance(Duration::from_secs(2));
                clock.set(crate::support::unix(NOW));
                given.say(join(random, &made.members), String::new());
                let answer = runtime.block_on(app.bearer(token));
                (answer.status().as_u16(), answer.kind())
            })
            .collect();
        let (status, kind) = outcome(&orders, &made);
        if is_inactive {
            assert_eq!(kind, Some(AuthErrorKind::Inactive), "{made:?}");
        } else if made.is_wrong {
            assert_eq!(
                kind,
                Some(AuthErrorKind::InvalidUpstreamResponse),
                "{made:?}"
            );
            counts[0] += 1;
        } else if made.breaks_a_rule {
            // Not every rule is one for every kind.
            assert!([200, 401, 403].contains(&status), "{status} {made:?}");
            counts[1] += 1;
        } else {
            assert_eq!(status, 200, "{made:?} {kind:?}");
            counts[2] += 1;
        }
    });
    let all: usize = counts.iter().sum();
    assert!(
        all < 1000 || counts.iter().all(|count| *count > all / 100),
        "{counts:?}"
    );
}

#[test]
fn the_order_of_members_in_users_changes_nothing() {
    // fault I1
    let (given, clock) = (Given::default(), ManualClock::at(crate::support::unix(NOW)));
    let config = config(&given, &clock)
        .secret_key("sk_test_secret")
        .users(Enrichment::Required);
    let app = App::new(config);
    let runtime = runtime();
    for_each_case(2000, |random| {
        let made = make(random, USER);
        let orders: Vec<_> = (0..3)
            .map(|_| {
                clock.advance(Duration::from_secs(90));
                clock.set(crate::support::unix(NOW));
                let token = r#"{"active":true,"sub":"user_1","client_id":"me","scope":"email"}"#;
                given.say(token.to_owned(), join(random, &made.members));
                app.layer.authenticator().invalidate(Tokens::all());
                let answer = runtime.block_on(app.bearer("oat_1"));
                (answer.status().as_u16(), answer.kind())
            })
            .collect();
        let (status, kind) = outcome(&orders, &made);
        let expected = if made.is_wrong { 503 } else { 200 };
        assert_eq!(status, expected, "{made:?} {kind:?}");
    });
}

#[test]
fn the_order_of_members_in_tokens_changes_nothing() {
    // fault I1
    let clerk = FakeClerk::start().unwrap();
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            OAuthTokens::introspection("me", "secret")
                .jwts(JwtVerification::Local)
                .userinfo(Enrichment::Off),
        )
        .accept(SessionTokens::new().authorized_parties(["https://app.example.com"]))
        .jwt_keys(JwtKeys::pem(clerk.public_key_pem()))
        .clock(ManualClock::at(crate::support::unix(NOW)))
        .transport(Nowhere);
    let app = App::new(config);
    let session = r#"{"alg":"RS256","typ":"JWT","cat":"cl_B7d4PD111AAA","kid":"ins_1"}"#;
    let oauth = r#"{"alg":"RS256","typ":"at+jwt","kid":"ins_1"}"#;
    let runtime = runtime();
    let mut accepted = 0_usize;
    let mut all = 0_usize;
    for_each_case(300, |random| {
        let (header, members) = match random.bool() {
            true => (session, SESSION),
            false => (oauth, OAUTH_JWT),
        };
        let mut made = make(random, members);
        if header == session && !made.members.iter().any(|it| it.starts_with("\"azp\"")) {
            made.members
                .push("\"azp\":\"https://app.example.com\"".to_owned());
        }
        let orders: Vec<_> = (0..3)
            .map(|_| {
                let payload = join(random, &made.members);
                let [header, payload] = [header, &payload].map(|part| URL_SAFE_NO_PAD.encode(part));
                let token = clerk.sign_message(&format!("{header}.{payload}"));
                let answer = runtime.block_on(app.bearer(&token));
                (answer.status().as_u16(), answer.kind())
            })
            .collect();
        let (status, kind) = outcome(&orders, &made);
        if made.is_wrong {
            assert_eq!(status, 401, "{made:?} {kind:?}");
        } else if !made.breaks_a_rule {
            assert_eq!(status, 200, "{made:?} {kind:?}");
            accepted += 1;
        }
        all += 1;
    });
    assert!(all < 100 || accepted > 0);
}

#[test]
fn what_cannot_be_read_is_seen_though_a_member_before_it_decides() {
    // fault I1
    let (given, clock) = (Given::default(), ManualClock::at(crate::support::unix(NOW)));
    let app = App::new(config(&given, &clock));
    let runtime = runtime();
    for (rest, status) in [
        (r#""revoked":true,"expired":[true]"#, 503),
        (r#""expired":[true],"revoked":true"#, 503),
        (r#""revoked":false,"expired":[true]"#, 503),
        (r#""revoked":[true],"expired":true"#, 503),
        (r#""revoked":true,"act":{}"#, 503),
        (r#""exp":1,"act":"user_2""#, 503),
        (r#""act":"user_2","client_id":"you""#, 503),
        (r#""revoked":true,"expired":true"#, 401),
        (r#""revoked":true"#, 401),
    ] {
        for active in [true, false] {
            for nth in 1..=2 {
                clock.advance(Duration::from_secs(2));
                clock.set(crate::support::unix(NOW));
                let body =
                    format!(r#"{{"sub":"user_1","scope":"email",{rest},"active":{active}}}"#);
                given.say(body, String::new());
                let expected = if active { status } else { 401 };
                let answer = runtime.block_on(app.bearer("oat_1"));
                assert_eq!(answer.status(), expected, "{rest} {active}, time {nth}");
            }
        }
    }
}
