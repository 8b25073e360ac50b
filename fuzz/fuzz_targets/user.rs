//! Users of the Backend API: an API key is let through only if no reader finds a ban, and with a user only if the oracle
//! reads one of this id.

#![no_main]

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims, ClerkConfig,
    kinds::{ApiKeys, Enrichment},
    testing::ManualClock,
    transport::{Transport, TransportError},
};

mod common;
#[path = "../../tests/it/properties/json.rs"]
mod json;

use self::json::Json;

/// Every key is good, and of this user.
#[derive(Clone, Default)]
struct Clerk(Arc<Mutex<Bytes>>);

impl Transport for Clerk {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let body = match request.uri().path().ends_with("/verify") {
            true => Bytes::from_static(
                br#"{"object":"api_key","subject":"user_1","revoked":false,"expired":false}"#,
            ),
            false => self.0.lock().unwrap().clone(),
        };
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(body);
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

static LAYERS: LazyLock<([ClerkAuthLayer; 2], Clerk, ManualClock)> = LazyLock::new(|| {
    let (clerk, clock) = (Clerk::default(), ManualClock::new());
    let layers = [Enrichment::BestEffort, Enrichment::Required].map(|enrichment| {
        let config = ClerkConfig::builder("clerk.example.com")
            .accept(ApiKeys::new())
            .secret_key("sk_test_1")
            .users(enrichment)
            .cache_ttl(Duration::ZERO)
            .rate_limit(0)
            .clock(clock.clone())
            .transport(clerk.clone());
        ClerkAuthLayer::new(config.build().unwrap())
    });
    (layers, clerk, clock)
});

fuzz_target!(|body: &[u8]| {
    let (layers, clerk, clock) = &*LAYERS;
    *clerk.0.lock().unwrap() = Bytes::copy_from_slice(body);
    // Users are kept for a minute.
    clock.advance(Duration::from_secs(120));
    let members = json::members(body);
    let has = |name: &str, value: Json| {
        members.as_ref().is_some_and(|members| members.contains(&(name.to_owned(), value)))
    };
    let is_banned = has("banned", Json::Bool(true)) || has("deprovisioned", Json::Bool(true));
    let is_user = has("id", Json::Text("user_1".to_owned())) && has("banned", Json::Bool(false));
    for (layer, is_required) in layers.iter().zip([false, true]) {
        let response = common::send(layer, "ak_a");
        assert!([200, 401, 503].contains(&response.status().as_u16()));
        let claims = response.extensions().get::<ClerkClaims>();
        let has_user = claims.is_some_and(|claims| claims.user().is_some());
        assert!(!has_user || is_user && !is_banned);
        assert!(!is_required || claims.is_none() || has_user);
        let is_read = has("id", Json::Text("user_1".to_owned()))
            && (has("banned", Json::Bool(true)) || has("banned", Json::Bool(false)))
            && members.iter().flatten().all(|(name, value)| {
                name != "deprovisioned" || matches!(value, Json::Bool(_) | Json::Null)
            });
        assert!(!(is_banned && is_read) || claims.is_none());
    }
});
