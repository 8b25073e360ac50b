//! The verification of OAuth tokens, machine tokens and API keys by the Backend API.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_clerk::{
    TokenKind,
    fake_clerk::Endpoint,
    kinds::{ApiKeys, Enrichment, MachineTokens, OAuthTokens},
};

use super::{NOW, answer_with, assert_covered, twice, world};
use crate::{
    documented::{
        generate::{self, vary},
        tables,
    },
    properties::for_each_case,
    support::{App, World, runtime},
};

fn app(world: &World) -> App {
    let oauth = OAuthTokens::backend_api().allow_clients(["client_1"]);
    App::new(
        world
            .accepting(oauth.userinfo(Enrichment::Off))
            .accept(ApiKeys::new().required_scopes(["read"]))
            .accept(MachineTokens::addressed_to(["mch_us"]))
            .secret_key(world.clerk.secret_key())
            .backend_api_url(world.clerk.url()),
    )
}

#[test]
fn verification_decides_as_the_oracle() {
    let world = world();
    let app = app(&world);
    let runtime = runtime();
    let (mut outcomes, mut number) = ([0; 3], 0);
    for_each_case(4_000, |random| {
        let (kind, endpoint, prefix, shape) = [
            (
                TokenKind::OAuth,
                Endpoint::OAuthVerification,
                "oat",
                tables::OAUTH_TOKEN,
            ),
            (
                TokenKind::Machine,
                Endpoint::MachineTokenVerification,
                "mt",
                tables::MACHINE_TOKEN,
            ),
            (
                TokenKind::ApiKey,
                Endpoint::ApiKeyVerification,
                "ak",
                tables::API_KEY,
            ),
        ][random.usize(..3)];
        let mut answer = generate::object(random, shape);
        choose_deciding_members(random, kind, &mut answer);
        if kind == TokenKind::OAuth && random.u8(..16) == 0 {
            answer = json!({"active": false});
        }
        answer_with(&world, endpoint, 200, &answer);

        let expected = expected(kind, &answer);
        outcomes[[200, 401, 403]
            .iter()
            .position(|it| *it == expected)
            .unwrap()] += 1;
        number += 1;
        let token = format!("{prefix}_{number}");
        let reply = runtime.block_on(twice(&app, &token, expected, &answer));
        if expected == 200 {
            let claims = reply.claims();
            assert_eq!(claims.kind(), kind);
            assert_eq!(claims.subject(), answer["subject"]);
            assert_eq!(
                claims.client_id(),
                answer.get("client_id").and_then(Value::as_str)
            );
            assert_eq!(
                claims.expires_at().is_some(),
                !answer["expiration"].is_null()
            );
        }
    });
    assert_covered(&outcomes);
}

/// Gives the members that decide values near their bounds. Times are seconds or milliseconds, integers or floats.
fn choose_deciding_members(random: &mut Rng, kind: TokenKind, answer: &mut Value) {
    let subjects: &[&str] = match kind {
        TokenKind::OAuth => &["user_1"],
        TokenKind::Machine => &["mch_them"],
        _ => &["user_1", "org_1", "mch_1"],
    };
    answer["subject"] = json!(subjects[random.usize(..subjects.len())]);
    for flag in ["revoked", "expired"] {
        answer[flag] = json!(random.u8(..8) == 0);
    }
    let texts = |list: &[&str]| json!(list);
    let scopes = [
        texts(&["mch_us", "read"]),
        texts(&["x", "read", "mch_us", "é", ""]),
        texts(&["mch_us", "x"]),
        texts(&["read"]),
        texts(&[]),
    ];
    vary(random, answer, "scopes", &scopes);
    let clients = ["client_1", "client_1", "client_1", "client_2"];
    vary(random, answer, "client_id", &clients.map(Value::from));
    let instants = [NOW - 1, NOW, NOW + 1, NOW + 600, NOW + 600];
    let times = instants.map(|seconds| time(random, seconds));
    vary(random, answer, "expiration", &times);
    let instants = [NOW - 600, NOW - 600, NOW, NOW + 5, NOW + 600];
    let times = instants.map(|seconds| time(random, seconds));
    vary(random, answer, "created_at", &times);
}

/// A time in one of its forms. All of them are within the same second.
fn time(random: &mut Rng, seconds: u64) -> Value {
    let float = |seconds: u64, fraction| f64::from(u32::try_from(seconds).unwrap()) + fraction;
    match random.u8(..4) {
        0 => json!(seconds * 1_000),
        1 => json!(float(seconds, 0.5)),
        2 => json!(float(seconds, 0.5) * 1_000.0),
        _ => json!(seconds),
    }
}

/// The status that an answer must lead to.
fn expected(kind: TokenKind, answer: &Value) -> u16 {
    if answer.get("active") == Some(&json!(false)) {
        return 401;
    }
    let seconds = |name: &str| {
        let time = answer[name].as_f64()?;
        Some(if time > 1e11 { time / 1e3 } else { time }.floor())
    };
    let now = f64::from(u32::try_from(NOW).unwrap());
    let created = seconds("created_at").unwrap();
    let is_over = seconds("expiration").is_some_and(|end| end <= now || end < created);
    let is_in_force = answer["revoked"] == false && answer["expired"] == false && !is_over;
    let has_scope = |name: &str| {
        let scopes = answer.get("scopes").and_then(Value::as_array);
        scopes.is_some_and(|scopes| scopes.contains(&json!(name)))
    };
    let is_ours = match kind {
        TokenKind::OAuth => answer["client_id"] == "client_1",
        TokenKind::Machine => has_scope("mch_us"),
        _ => true,
    };
    match is_in_force && created <= now + 5.0 && is_ours {
        false => 401,
        true if kind == TokenKind::ApiKey && !has_scope("read") => 403,
        true => 200,
    }
}

#[test]
fn errors_about_a_token_reject_it() {
    let world = world();
    let app = app(&world);
    let runtime = runtime();
    let mut number = 0;
    for_each_case(300, |random| {
        for (endpoint, prefix) in [
            (Endpoint::OAuthVerification, "oat"),
            (Endpoint::MachineTokenVerification, "mt"),
            (Endpoint::ApiKeyVerification, "ak"),
        ] {
            let errors = generate::object(random, tables::CLERK_ERRORS);
            let status = [400, 404][random.usize(..2)];
            answer_with(&world, endpoint, status, &errors);
            number += 1;
            let token = format!("{prefix}_{number}");
            runtime.block_on(twice(&app, &token, 401, &errors));
        }
    });
}
