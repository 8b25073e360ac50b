//! The example that shows its metrics, and the dashboard beside it.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use crate::{examples::Example, metrics::promised_names};

const DASHBOARD: &str = include_str!("../../examples/prometheus/dashboard.json");

#[tokio::test]
async fn the_example_shows_what_it_counts() {
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("prometheus", &clerk);
    example.wait_for_health().await;
    let token = clerk.token("user_ada").issue();
    for _ in 0..3 {
        let granted = example.get("/me", Some(&token)).await;
        assert_eq!(granted.status(), StatusCode::OK);
    }
    let rejected = example.get("/me", None).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    let text = example.get("/metrics", None).await.text().await.unwrap();
    for line in [
        "clerk_auth_requests_total{outcome=\"ok\"} 3",
        "clerk_auth_requests_total{outcome=\"missing\"} 1",
        "clerk_auth_cache_events_total{store=\"positive\",event=\"hit\"} 2",
        "clerk_auth_upstream_duration_seconds_bucket{endpoint=\"userinfo\",le=\"+Inf\"} 1",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line} is not in:\n{text}"
        );
    }
    assert!(!text.contains(&token), "{text}");
    assert!(!text.contains("user_ada"), "{text}");
}

#[tokio::test]
async fn the_example_is_ready_in_an_outage_and_not_with_wrong_credentials() {
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("prometheus", &clerk);
    example.wait_for_health().await;
    for (fault, ready) in [
        (Fault::status(500), StatusCode::OK),
        (Fault::status(401), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        clerk.fail(Endpoint::Introspection, fault);
        let token = clerk.token("user_ada").issue();
        let rejected = example.get("/me", Some(&token)).await;
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(example.get("/ready", None).await.status(), ready);
    }
    clerk.heal_all();
    let token = clerk.token("user_ada").issue();
    example.get("/me", Some(&token)).await;
    assert_eq!(example.get("/ready", None).await.status(), StatusCode::OK);
}

/// Words that begin as the names of metrics do.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("clerk_auth_").map(|(start, _)| {
        let rest = &text[start..];
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        rest.split(|letter| !is_part(letter)).next().unwrap()
    })
}

#[test]
fn the_dashboard_knows_every_promised_name_and_no_other() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert_eq!(dashboard["uid"], "tower-clerk");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut used = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let title = panel["title"].as_str().unwrap();
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            let of_query: Vec<_> = names(query)
                .map(|name| name.strip_suffix("_bucket").unwrap_or(name))
                .collect();
            assert!(!of_query.is_empty(), "{title}: {query}");
            assert_eq!(
                query.matches('(').count(),
                query.matches(')').count(),
                "{title}: {query}"
            );
            used.extend(of_query);
        }
    }
    assert_eq!(used, promised_names());
    let all: BTreeSet<_> = names(DASHBOARD)
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name))
        .collect();
    assert_eq!(all, promised_names());
}
