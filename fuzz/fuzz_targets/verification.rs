//! Answers of the Backend API about OAuth tokens, machine tokens and API keys: a token is let through only if the oracle
//! reads that it is in force, and for us.

#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use libfuzzer_sys::fuzz_target;
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims, ClerkConfig,
    kinds::{ApiKeys, Enrichment, MachineTokens, OAuthTokens},
    testing::ManualClock,
};

mod common;
#[path = "../../tests/it/properties/json.rs"]
mod json;
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

use self::json::Json;

const NOW: i64 = 1_700_000_000;

static LAYER: LazyLock<(ClerkAuthLayer, common::Given, ManualClock)> = LazyLock::new(|| {
    let (clerk, clock) = (common::Given::default(), clock());
    let oauth = OAuthTokens::backend_api().allow_clients(["me"]);
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(oauth.userinfo(Enrichment::Off))
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to(["mch_us"]))
        .secret_key("sk_test_1")
        .cache_ttl(Duration::ZERO)
        .rate_limit(0)
        .clock(clock.clone())
        .transport(clerk.clone())
        .build()
        .unwrap();
    (ClerkAuthLayer::new(config), clerk, clock)
});

fn clock() -> ManualClock {
    ManualClock::at(UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()))
}

fuzz_target!(|body: &[u8]| {
    let (layer, clerk, clock) = &*LAYER;
    clerk.set(body);
    for (token, object, subjects) in [
        ("oat_a", "clerk_idp_oauth_access_token", &["user_", "org_", ""][..]),
        ("mt_a", "machine_to_machine_token", &["mch_"]),
        ("ak_a", "api_key", &["user_", "org_", "mch_"]),
    ] {
        // What breaks the contract opens the breaker for a second of the monotonic clock.
        clock.advance(Duration::from_secs(2));
        clock.set(UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()));
        let response = common::send(layer, token);
        assert!([200, 401, 503].contains(&response.status().as_u16()));
        let Some(claims) = response.extensions().get::<ClerkClaims>() else {
            continue;
        };
        let members = json::members(body).expect("only an object lets a token through");
        let find = |name: &str| members.iter().find(|(other, _)| other == name).map(|(_, it)| it);
        let is = |name: &str, text: &str| find(name) == Some(&Json::Text(text.to_owned()));
        assert!(find("object").is_none() || is("object", object));
        assert!(matches!(find("active"), None | Some(Json::Bool(true))));
        for flag in ["revoked", "expired"] {
            assert_eq!(find(flag), Some(&Json::Bool(false)));
        }
        assert!(is("subject", claims.subject()) && rules::is_subject(claims.subject()));
        assert!(subjects.iter().any(|start| claims.subject().starts_with(start)));
        assert!(matches!(find("cnf"), None | Some(Json::Null)));
        if let Some(Json::Number(end)) = find("expiration") {
            let end = json::seconds(end);
            assert!(if end > 100_000_000_000 { end / 1_000 } else { end } > NOW);
        }
        if token == "oat_a" {
            let has_no_client = matches!(find("client_id"), None | Some(Json::Null));
            assert!(is("client_id", "me") || (has_no_client || is("client_id", "")) && find("aud").is_some());
        }
        if token == "mt_a" && matches!(find("aud"), None | Some(Json::Null)) {
            let Some(Json::Array(scopes)) = find("scopes") else {
                panic!("it is addressed to nobody");
            };
            assert!(scopes.contains(&Json::Text("mch_us".to_owned())));
        }
    }
});
