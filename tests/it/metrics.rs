//! The metrics: the names and labels that are promised, each driven by what it counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join;
use http::Request;
use http_body_util::Full;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tower::ServiceExt;
use tower_clerk::{
    ClerkAuthLayer, ClerkConfigBuilder, Tokens,
    fake_clerk::{Endpoint, Fault, Field},
    fleet::{Fleet, MemoryStore},
    testing::ManualClock,
    webhooks::ClerkWebhooks,
};

use crate::{
    stub::{Reply, Stub, token},
    support::{Answer, App, World, settled},
};

const SECOND: Duration = Duration::from_secs(1);

/// All of them, as Prometheus shows them.
const PROMISED: &[(&str, &[&str])] = &[
    (
        "clerk_auth_requests_total",
        &[
            r#"outcome="ok""#,
            r#"outcome="stale_ok""#,
            r#"outcome="anonymous""#,
            r#"outcome="missing""#,
            r#"outcome="malformed""#,
            r#"outcome="inactive""#,
            r#"outcome="expired""#,
            r#"outcome="bad_client""#,
            r#"outcome="bad_audience""#,
            r#"outcome="bad_issuer""#,
            r#"outcome="bad_scope""#,
            r#"outcome="unavailable""#,
            r#"outcome="shed""#,
        ],
    ),
    (
        "clerk_auth_cache_events_total",
        &[
            r#"store="positive",event="hit""#,
            r#"store="positive",event="miss""#,
            r#"store="positive",event="insert""#,
            r#"store="positive",event="expire""#,
            r#"store="positive",event="evict""#,
            r#"store="positive",event="invalidate""#,
            r#"store="positive",event="refresh_ahead""#,
            r#"store="negative",event="hit""#,
            r#"store="negative",event="miss""#,
            r#"store="negative",event="insert""#,
            r#"store="negative",event="expire""#,
            r#"store="negative",event="evict""#,
            r#"store="negative",event="invalidate""#,
            r#"store="shared",event="hit""#,
            r#"store="shared",event="miss""#,
            r#"store="shared",event="insert""#,
            r#"store="shared",event="invalidate""#,
            r#"store="shared",event="unreadable""#,
            r#"store="shared",event="timeout""#,
            r#"store="shared",event="skipped""#,
        ],
    ),
    (
        "clerk_auth_cache_entries",
        &[r#"store="positive""#, r#"store="negative""#],
    ),
    (
        "clerk_auth_upstream_requests_total",
        &[
            r#"endpoint="introspection",result="ok""#,
            r#"endpoint="introspection",result="rejected""#,
            r#"endpoint="introspection",result="credentials_rejected""#,
            r#"endpoint="introspection",result="rate_limited""#,
            r#"endpoint="introspection",result="server_error""#,
            r#"endpoint="introspection",result="malformed""#,
            r#"endpoint="introspection",result="timeout""#,
            r#"endpoint="introspection",result="unreachable""#,
            r#"endpoint="introspection",result="abandoned""#,
            r#"endpoint="userinfo",result="ok""#,
            r#"endpoint="userinfo",result="rejected""#,
            r#"endpoint="userinfo",result="credentials_rejected""#,
            r#"endpoint="userinfo",result="rate_limited""#,
            r#"endpoint="userinfo",result="server_error""#,
            r#"endpoint="userinfo",result="malformed""#,
            r#"endpoint="userinfo",result="timeout""#,
            r#"endpoint="userinfo",result="unreachable""#,
            r#"endpoint="userinfo",result="abandoned""#,
        ],
    ),
    (
        "clerk_auth_upstream_duration_seconds",
        &[r#"endpoint="introspection""#, r#"endpoint="userinfo""#],
    ),
    (
        "clerk_auth_revocations_total",
        &[
            r#"source="local",effect="again""#,
            r#"source="local",effect="end""#,
            r#"source="webhook",effect="again""#,
            r#"source="webhook",effect="end""#,
            r#"source="fleet",effect="again""#,
            r#"source="fleet",effect="end""#,
        ],
    ),
    (
        "clerk_auth_webhooks_total",
        &[
            r#"result="done""#,
            r#"result="repeated""#,
            r#"result="ignored""#,
            r#"result="unsigned""#,
            r#"result="malformed""#,
            r#"result="unpublished""#,
        ],
    ),
    ("clerk_auth_upstream_in_flight", &[""]),
    ("clerk_auth_coalesced_total", &[""]),
    (
        "clerk_auth_retries_total",
        &[r#"decision="granted""#, r#"decision="denied""#],
    ),
    (
        "clerk_auth_breaker_state",
        &[r#"endpoint="introspection""#, r#"endpoint="userinfo""#],
    ),
    (
        "clerk_auth_overloaded_total",
        &[
            r#"priority="document""#,
            r#"priority="refresh""#,
            r#"priority="returning""#,
            r#"priority="first_seen""#,
        ],
    ),
    ("clerk_auth_fleet_state", &[""]),
    (
        "clerk_auth_fleet_waits_total",
        &[
            r#"result="adopted",priority="refresh""#,
            r#"result="adopted",priority="returning""#,
            r#"result="adopted",priority="first_seen""#,
            r#"result="led",priority="refresh""#,
            r#"result="led",priority="returning""#,
            r#"result="led",priority="first_seen""#,
            r#"result="alone",priority="refresh""#,
            r#"result="alone",priority="returning""#,
            r#"result="alone",priority="first_seen""#,
        ],
    ),
    ("clerk_auth_fleet_outbox", &[""]),
    ("clerk_auth_fleet_dropped_total", &[""]),
    ("clerk_auth_revocation_lag_seconds", &[""]),
    ("clerk_auth_stale_served_total", &[""]),
    ("clerk_auth_credentials_rejected_total", &[""]),
    (
        "clerk_auth_audience_total",
        &[
            r#"verdict="ours""#,
            r#"verdict="foreign""#,
            r#"verdict="absent""#,
        ],
    ),
];

/// The names without their labels.
pub fn promised_names() -> BTreeSet<&'static str> {
    PROMISED.iter().map(|(name, _)| *name).collect()
}

/// A recorder for the layers that are made through this, and for no others.
pub struct Meter {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Meter {
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&[0.1, 1.0])
            .unwrap()
            .build_recorder();
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    fn webhooks(&self, app: &App) -> ClerkWebhooks {
        let webhooks = || app.layer.authenticator().webhooks();
        metrics::with_local_recorder(&self.recorder, webhooks).unwrap()
    }

    pub fn app(&self, config: ClerkConfigBuilder) -> App {
        metrics::with_local_recorder(&self.recorder, || App::new(config))
    }

    fn optional(&self, config: ClerkConfigBuilder) -> App {
        let layer = || ClerkAuthLayer::new(config.build().unwrap()).optional();
        App::of(metrics::with_local_recorder(&self.recorder, layer))
    }

    /// Everything that is shown, by name and labels; histograms by their counts.
    fn series(&self) -> BTreeMap<(String, String), f64> {
        let shown = self.handle.render();
        let lines = shown
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.trim_end_matches('}').to_owned();
                if name.ends_with("_bucket") || name.ends_with("_sum") {
                    return None;
                }
                let name = name.strip_suffix("_count").unwrap_or(name).to_owned();
                Some(((name, labels), value.parse().unwrap()))
            })
            .collect()
    }

    #[track_caller]
    pub fn get(&self, name: &str, labels: &str) -> f64 {
        let name = format!("clerk_auth_{name}");
        let series = self.series();
        let value = series.get(&(name.clone(), labels.to_owned()));
        *value.unwrap_or_else(|| panic!("no {name}{{{labels}}} in {series:#?}"))
    }

    #[track_caller]
    fn event(&self, store: &str, event: &str) -> f64 {
        let labels = format!(r#"store="{store}",event="{event}""#);
        self.get("cache_events_total", &labels)
    }

    fn call(&self, endpoint: &str, result: &str) -> f64 {
        let labels = format!(r#"endpoint="{endpoint}",result="{result}""#);
        self.get("upstream_requests_total", &labels)
    }

    /// A request that must be counted as this, once, and as nothing else.
    async fn expect(&self, outcome: &str, request: impl Future<Output = Answer>) -> Answer {
        let requests = || -> BTreeMap<_, _> {
            let is_ours = |(name, _): &(String, String)| name == "clerk_auth_requests_total";
            let series = self.series().into_iter();
            series.filter(|(series, _)| is_ours(series)).collect()
        };
        let before = requests();
        let answer = request.await;
        let counted: Vec<_> = requests()
            .into_iter()
            .filter_map(|((name, labels), value)| {
                let more = value - before[&(name, labels.clone())];
                (more != 0.0).then_some((labels, more))
            })
            .collect();
        let expected = format!(r#"outcome="{outcome}""#);
        assert_eq!(counted, [(expected, 1.0)], "{answer:?}");
        answer
    }
}

#[tokio::test]
async fn the_names_and_labels_are_the_promised_ones_and_no_others() {
    let world = World::new();
    let meter = Meter::new();
    let secret = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5";
    let store = MemoryStore::new(world.clock.clone());
    let fleet = Fleet::store(store, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let app = meter.app(world.config().webhook_secrets([secret]).fleet(fleet));
    let _webhooks = meter.webhooks(&app);
    app.bearer(&world.clerk.token("user_1").issue())
        .await
        .assert_accepted();
    let shown: BTreeSet<_> = meter.series().into_keys().collect();
    let promised: BTreeSet<_> = PROMISED
        .iter()
        .flat_map(|(name, labels)| {
            let series = |labels: &&str| ((*name).to_owned(), (*labels).to_owned());
            labels.iter().map(series)
        })
        .collect();
    assert_eq!(shown, promised);
    let text = meter.handle.render();
    for name in promised_names() {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}:\n{text}");
    }
}

#[tokio::test]
async fn each_outcome_is_counted_once_for_each_request() {
    let world = World::new();
    let clerk = &world.clerk;
    // Without them, the documented answer gives no reason to reject for the audience or the end.
    clerk.introspection_includes([Field::Aud, Field::Exp]);
    let meter = Meter::new();
    let app = meter.app(world.accepting(world.oauth().required_scopes(["email"])));
    let good = clerk.token("user_1").issue();
    for (outcome, token) in [
        ("ok", good.clone()),
        ("ok", good.clone()),
        ("inactive", "oat_unknown".to_owned()),
        ("inactive", "oat_unknown".to_owned()),
        ("inactive", "garbage".to_owned()),
        ("malformed", "not a token68".to_owned()),
        ("malformed", "x".repeat(5_000)),
        ("bad_client", clerk.token("user_1").client_id("x").issue()),
        (
            "bad_audience",
            clerk.token("user_1").resource("https://x.test").issue(),
        ),
        ("bad_scope", clerk.token("user_1").scopes(["x"]).issue()),
        ("expired", clerk.token("user_1").jwt().expired().issue()),
    ] {
        meter.expect(outcome, app.bearer(&token)).await;
    }
    meter.expect("missing", app.send(&[])).await;
    let optional = meter.optional(world.config());
    meter.expect("anonymous", optional.send(&[])).await;

    let elsewhere = r#"{"active":true,"client_id":"x","iss":"https://x.test","sub":"user_1"}"#;
    for (outcome, fault) in [
        (
            "bad_issuer",
            Fault::answer(200, "application/json", elsewhere),
        ),
        ("unavailable", Fault::status(500)),
        ("unavailable", Fault::status(401)),
        ("unavailable", Fault::malformed()),
    ] {
        clerk.fail(Endpoint::Introspection, fault);
        let token = clerk.token("user_1").issue();
        meter.expect(outcome, app.bearer(&token)).await;
    }
    assert_eq!(meter.get("credentials_rejected_total", ""), 1.0);
}

#[tokio::test]
async fn events_and_entries_of_the_stores_are_counted() {
    let world = World::new();
    let meter = Meter::new();
    let app = meter.app(world.config().cache_capacity(10));
    let good = world.clerk.token("user_1").issue();
    app.bearer(&good).await;
    app.bearer(&good).await;
    app.bearer("oat_bad").await;
    app.bearer("oat_bad").await;
    for store in ["positive", "negative"] {
        for (event, expected) in [("miss", 2.0), ("insert", 1.0), ("hit", 1.0)] {
            assert_eq!(meter.event(store, event), expected, "{store} {event}");
        }
        let labels = format!(r#"store="{store}""#);
        assert_eq!(meter.get("cache_entries", &labels), 1.0, "{store}");
    }
    // Both end.
    world.clock.advance(30 * SECOND);
    app.bearer(&good).await;
    app.bearer("oat_bad").await;
    for store in ["positive", "negative"] {
        assert_eq!(meter.event(store, "expire"), 1.0, "{store}");
        assert_eq!(meter.event(store, "insert"), 2.0, "{store}");
        assert_eq!(meter.event(store, "invalidate"), 0.0, "{store}");
    }
    // In the last fifth of its life, a good one is verified again.
    world.clock.advance(26 * SECOND);
    app.bearer(&good).await;
    assert_eq!(meter.event("positive", "refresh_ahead"), 1.0);
    settled(&app).await;
    app.layer.authenticator().invalidate(Tokens::one(&good));
    app.layer.authenticator().invalidate(Tokens::one("oat_bad"));
    app.layer
        .authenticator()
        .invalidate(Tokens::one("oat_never_seen"));
    assert_eq!(meter.event("positive", "invalidate"), 1.0);
    assert_eq!(meter.event("negative", "invalidate"), 1.0);
    // There is room for ten good ones and one bad one.
    for number in 0..12 {
        app.bearer(&world.clerk.token("user_1").issue()).await;
        app.bearer(&format!("oat_bad{number}")).await;
    }
    let stats = app.layer.authenticator().stats();
    assert!(meter.event("positive", "evict") >= 2.0);
    assert!(meter.event("negative", "evict") >= 11.0);
    for (store, entries) in [
        ("positive", stats.entries),
        ("negative", stats.negative_entries),
    ] {
        let shown = meter.get("cache_entries", &format!(r#"store="{store}""#));
        assert_eq!(shown.to_string(), entries.to_string(), "{store}");
    }
    app.layer.authenticator().invalidate(Tokens::all());
    app.layer.authenticator().stats();
    assert_eq!(meter.get("cache_entries", r#"store="positive""#), 0.0);
    assert_eq!(meter.get("cache_entries", r#"store="negative""#), 0.0);
}

#[tokio::test(start_paused = true)]
async fn each_call_to_clerk_is_counted_by_what_came_of_it() {
    for (result, reply, calls) in [
        ("ok", Reply::Good, 1.0),
        (
            "rejected",
            Reply::Json(400, r#"{"error":"unsupported_token_type"}"#.to_owned()),
            1.0,
        ),
        ("credentials_rejected", Reply::status(401), 1.0),
        ("rate_limited", Reply::Slower(None), 1.0),
        ("server_error", Reply::status(500), 1.0),
        // These are made twice.
        ("server_error", Reply::status(503), 2.0),
        ("unreachable", Reply::Broken, 2.0),
        ("malformed", Reply::status(200), 1.0),
        ("timeout", Reply::Silence, 1.0),
    ] {
        let meter = Meter::new();
        let app = meter.app(Stub::always(reply).config(&ManualClock::new()));
        app.bearer(&token(1)).await;
        assert_eq!(meter.call("introspection", result), calls, "{result}");
        let duration = r#"endpoint="introspection""#;
        assert_eq!(
            meter.get("upstream_duration_seconds", duration),
            calls,
            "{result}"
        );
        assert_eq!(meter.get("upstream_in_flight", ""), 0.0, "{result}");
        assert_eq!(
            meter.get("retries_total", r#"decision="granted""#),
            calls - 1.0
        );
    }
    // The second attempt has less time than it would take.
    let stub = Stub::new(|_, number| match number {
        1 => Reply::BrokenAfter(900 * SECOND / 1000),
        _ => Reply::Silence,
    });
    let meter = Meter::new();
    let config = stub.config(&ManualClock::new());
    let app = meter.app(config.timeout(SECOND).attempt_timeout(SECOND));
    meter.expect("unavailable", app.bearer(&token(1))).await;
    assert_eq!(meter.call("introspection", "unreachable"), 1.0);
    assert_eq!(meter.call("introspection", "abandoned"), 1.0);
    assert_eq!(meter.get("upstream_in_flight", ""), 0.0);
}

#[tokio::test]
async fn userinfo_is_counted_for_itself() {
    let world = World::new();
    let meter = Meter::new();
    let app = meter.app(world.config());
    for (fault, result) in [
        (Fault::status(403), "rejected"),
        (Fault::status(500), "server_error"),
        (Fault::malformed(), "malformed"),
    ] {
        world.clerk.fail(Endpoint::Userinfo, fault);
        let token = world.clerk.token("user_1").issue();
        app.bearer(&token).await.assert_accepted();
        assert_eq!(meter.call("userinfo", result), 1.0, "{result}");
    }
    assert_eq!(meter.call("introspection", "ok"), 3.0);
}

#[tokio::test]
async fn the_breaker_what_is_in_flight_and_who_shares_it_are_shown() {
    let clock = ManualClock::new();
    let stub = Stub::always(Reply::status(500));
    let meter = Meter::new();
    let app = meter.app(stub.config(&clock));
    let breaker = || meter.get("breaker_state", r#"endpoint="introspection""#);
    for number in 0..10 {
        assert_eq!(breaker(), 0.0);
        app.bearer(&token(number)).await;
    }
    assert_eq!(breaker(), 2.0);
    app.bearer(&token(10)).await;
    assert_eq!(stub.calls(), 10);
    assert_eq!(meter.call("introspection", "server_error"), 10.0);

    clock.advance(SECOND);
    stub.reply(Reply::Gate);
    let look = async {
        while stub.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(breaker(), 1.0);
        assert_eq!(meter.get("upstream_in_flight", ""), 1.0);
        stub.open();
    };
    let token = token(11);
    let both = join(app.bearer(&token), app.bearer(&token));
    let ((first, second), ()) = join(both, look).await;
    first.assert_accepted();
    second.assert_accepted();
    assert_eq!(breaker(), 0.0);
    assert_eq!(meter.get("upstream_in_flight", ""), 0.0);
    assert_eq!(meter.get("coalesced_total", ""), 1.0);
    assert_eq!(meter.get("breaker_state", r#"endpoint="userinfo""#), 0.0);
}

#[tokio::test]
async fn retries_are_counted_by_whether_there_was_one() {
    let meter = Meter::new();
    let app = meter.app(Stub::always(Reply::status(503)).config(&ManualClock::new()));
    for number in 0..20 {
        app.bearer(&token(number)).await;
    }
    // Five pairs of attempts are ten failures: the breaker is open, and no attempt is worth another.
    let retries = |decision| meter.get("retries_total", &format!(r#"decision="{decision}""#));
    assert_eq!((retries("granted"), retries("denied")), (5.0, 0.0));
    assert_eq!(meter.call("introspection", "server_error"), 10.0);

    // The tenth failure in a row is a first attempt: there is no second.
    let stub = Stub::always(Reply::status(500));
    let meter = Meter::new();
    let app = meter.app(stub.config(&ManualClock::new()));
    for number in 0..9 {
        app.bearer(&token(number)).await;
    }
    stub.reply(Reply::status(503));
    app.bearer(&token(9)).await;
    let retries = |decision| meter.get("retries_total", &format!(r#"decision="{decision}""#));
    assert_eq!((retries("granted"), retries("denied")), (0.0, 1.0));
}

#[tokio::test]
async fn calls_that_are_not_made_are_counted_by_priority() {
    let clock = ManualClock::new();
    let meter = Meter::new();
    let config = Stub::always(Reply::Good).config_of("clerk.example.com", &clock);
    let app = meter.app(config.rate_limit(10).cache_ttl(300 * SECOND));
    let shed = |priority| meter.get("overloaded_total", &format!(r#"priority="{priority}""#));
    for number in 0..6 {
        app.bearer(&token(number)).await.assert_accepted();
    }
    meter.expect("unavailable", app.bearer(&token(6))).await;
    assert_eq!((shed("first_seen"), shed("refresh")), (1.0, 0.0));
    clock.advance(10 * SECOND);
    for number in 6..12 {
        app.bearer(&token(number)).await.assert_accepted();
    }
    // All twelve are due, and nine can be verified again.
    clock.advance(255 * SECOND);
    for number in 0..12 {
        app.bearer(&token(number)).await.assert_accepted();
    }
    settled(&app).await;
    assert_eq!((shed("first_seen"), shed("refresh")), (1.0, 3.0));
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_shed() {
    let stub = Stub::always(Reply::Gate);
    let meter = Meter::new();
    let app = meter.app(stub.config(&ManualClock::new()));
    let requests: Vec<_> = (0..41 + 665 + 1)
        .map(|number| {
            let app = app.clone();
            tokio::spawn(async move { app.bearer(&token(number)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    stub.open();
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!(meter.get("requests_total", r#"outcome="shed""#), 1.0);
    assert_eq!(
        meter.get("overloaded_total", r#"priority="first_seen""#),
        1.0
    );
}

#[tokio::test]
async fn old_verdicts_that_bridge_an_outage_are_counted() {
    let clock = ManualClock::new();
    let stub = Stub::always(Reply::Good);
    let meter = Meter::new();
    let app = meter.app(stub.config(&clock).stale_if_error(100 * SECOND));
    meter.expect("ok", app.bearer(&token(1))).await;
    stub.reply(Reply::status(500));
    clock.advance(31 * SECOND);
    for number in [1.0, 2.0] {
        let answer = meter.expect("stale_ok", app.bearer(&token(1))).await;
        assert!(answer.claims().is_stale());
        assert_eq!(meter.get("stale_served_total", ""), number);
    }
    assert_eq!(app.layer.authenticator().stats().stale, 2);
}

#[tokio::test]
async fn no_label_says_anything_of_a_token_a_client_or_a_person() {
    let world = World::new();
    let meter = Meter::new();
    let app = meter.app(world.config());
    let token = world.clerk.token("user_canary").issue();
    app.bearer(&token).await;
    let foreign = world.clerk.token("user_canary").client_id("canary_client");
    app.bearer(&foreign.issue()).await;
    app.bearer("oat_canary").await;
    let shown = meter.handle.render();
    for secret in ["canary", "oat_", &token, &world.clerk.client_id()] {
        assert!(!shown.contains(secret), "{secret}:\n{shown}");
    }
}

#[tokio::test]
async fn webhooks_and_their_revocations_are_counted() {
    let world = World::new();
    let meter = Meter::new();
    let secret = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5";
    let app = meter.app(world.config().webhook_secrets([secret]));
    let webhooks = meter.webhooks(&app);
    world.clerk.webhooks("http://127.0.0.1:1/", secret).unwrap();
    let counts = || {
        let results = ["done", "repeated", "ignored", "unsigned", "malformed"];
        results.map(|result| meter.get("webhooks_total", &format!(r#"result="{result}""#)))
    };
    let send = async |request: Request<Bytes>| {
        let Ok(response) = webhooks.clone().oneshot(request.map(Full::new)).await;
        response.status().as_u16()
    };
    // The event of a new user, which is ignored, of a change, and of the end.
    world.clerk.user("user_1").save();
    world.clerk.user("user_1").save();
    world.clerk.delete_user("user_1");
    let mut unsigned = None;
    for event in world.clerk.webhook_requests() {
        assert_eq!(send(event.clone()).await, 204);
        unsigned = Some(event);
    }
    assert_eq!(counts(), [2.0, 0.0, 1.0, 0.0, 0.0]);
    let mut unsigned = unsigned.unwrap();
    assert_eq!(send(unsigned.clone()).await, 204);
    assert_eq!(counts(), [2.0, 1.0, 1.0, 0.0, 0.0]);
    unsigned.headers_mut().remove("svix-signature");
    assert_eq!(send(unsigned).await, 401);
    assert_eq!(
        send(Request::get("/").body(Bytes::new()).unwrap()).await,
        405
    );
    assert_eq!(counts(), [2.0, 1.0, 1.0, 1.0, 1.0]);
    for effect in ["again", "end"] {
        for (source, expected) in [("webhook", 1.0), ("local", 0.0)] {
            let labels = format!(r#"source="{source}",effect="{effect}""#);
            assert_eq!(
                meter.get("revocations_total", &labels),
                expected,
                "{labels}"
            );
        }
    }
}
