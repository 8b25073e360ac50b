//! Instances, endpoints and configurations that are not in order.

use std::time::Duration;

use serde_json::Value;
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use super::{Examination, examine};
use crate::examples::{configured, run};

#[tokio::test]
async fn the_users_of_the_backend_api_are_examined() {
    // fault H6
    let clerk = FakeClerk::start().unwrap();
    let (key, api) = (clerk.secret_key(), format!("{}/v1", clerk.url()));
    let token = clerk.token("user_ada").issue();
    let variables = [
        ("CLERK_PROFILE_SOURCE", "backend-api"),
        ("CLERK_SECRET_KEY", &*key),
        ("CLERK_API_URL", &*api),
    ];
    let good = "ok    the users of the Backend API accepts CLERK_SECRET_KEY";
    examine(&clerk, "", &variables)
        .await
        .assert("good", true, &[good, "everything is in order"]);

    let wrong = [
        variables[0],
        ("CLERK_SECRET_KEY", "sk_test_wrongCanarySecret"),
        variables[2],
    ];
    let lines = [
        "FAIL  the users of the Backend API rejects CLERK_SECRET_KEY (401",
        "check that CLERK_SECRET_KEY is complete",
    ];
    let examined = examine(&clerk, "", &wrong).await;
    examined.assert("wrong key", false, &lines);
    assert!(!examined.text.contains("CanarySecret"), "{}", examined.text);
    // The token is accepted without its user, and that is not in order.
    let examined = examine(&clerk, &token, &wrong).await;
    assert!(examined.is_content, "{}", examined.text);
    for line in [
        lines[0],
        "the layer would accept the token",
        "but not everything is in order",
    ] {
        assert!(examined.text.contains(line), "{line}: {}", examined.text);
    }

    let unreachable = [
        variables[0],
        variables[1],
        ("CLERK_API_URL", "http://127.0.0.1:1/v1"),
    ];
    let lines = [
        "FAIL  the users of the Backend API cannot be reached: ",
        "check CLERK_API_URL",
    ];
    examine(&clerk, "", &unreachable)
        .await
        .assert("unreachable", false, &lines);

    clerk.user("user_ada").banned(true).save();
    let lines = ["FAIL  the user is banned or deprovisioned", "(Inactive)"];
    examine(&clerk, &token, &variables)
        .await
        .assert("banned", false, &lines);
}

#[tokio::test]
async fn a_clerk_that_is_down_is_named() {
    let clerk = FakeClerk::start().unwrap();
    let mut command = configured("doctor", &clerk);
    let token = clerk.token("user_ada").issue();
    drop(clerk);
    let lines = [
        "FAIL  Clerk cannot be reached: ",
        "check CLERK_DOMAIN, the network",
        "FAIL  introspection cannot be reached",
        "FAIL  userinfo cannot be reached",
    ];
    let examined = Examination::of(&mut command, &[]).await;
    examined.assert("no token", false, &lines);
    examined.assert("no token", false, &["3 of the checks failed"]);
    let examined = Examination::of(command.env("CLERK_TOKEN", &token), &[&token]).await;
    examined.assert("a token", false, &lines);
    examined.assert("a token", false, &["(UpstreamUnavailable)"]);
}

/// The discovery document, changed a little.
async fn discovery(clerk: &FakeClerk, change: impl FnOnce(&mut Value)) -> Fault {
    let url = format!("{}/.well-known/openid-configuration", clerk.url());
    let client = reqwest::ClientBuilder::new().no_proxy().build().unwrap();
    let mut metadata = client.get(url).send().await.unwrap().json().await.unwrap();
    change(&mut metadata);
    Fault::answer(200, "application/json", metadata.to_string())
}

#[tokio::test]
async fn a_wrong_clock_is_named() {
    let clerk = FakeClerk::start().unwrap();
    let now = humantime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let far = now - Duration::from_secs(50 * 365 * 86_400);
    for (date, expected) in [
        (far, "s ahead of Clerk's"),
        (
            now + Duration::from_secs(100 * 365 * 86_400),
            "s behind Clerk's",
        ),
    ] {
        let date = httpdate::fmt_http_date(date);
        let fault = discovery(&clerk, |_| {}).await.header("date", &date);
        clerk.fail(Endpoint::OpenidConfiguration, fault);
        let lines = [
            "FAIL  this machine's clock is ",
            expected,
            "set the clock (NTP)",
        ];
        let examined = examine(&clerk, "", &[]).await;
        examined.assert(expected, false, &lines);
        clerk.heal_all();
    }
}

#[tokio::test]
async fn discovery_that_is_not_ours_is_named() {
    let clerk = FakeClerk::start().unwrap();
    let issuer = clerk.url();
    for (name, member, value, expected) in [
        (
            "another issuer",
            "issuer",
            "https://clerk.x.test".to_owned(),
            "the issuer is https://clerk.x.test, not http://127.0.0.1:",
        ),
        (
            "a slash more",
            "issuer",
            format!("{issuer}/"),
            "set CLERK_DOMAIN to the issuer's host",
        ),
        (
            "an endpoint of another origin",
            "introspection_endpoint",
            "https://clerk.x.test/oauth/token_info".to_owned(),
            "introspection_endpoint is https://clerk.x.test/oauth/token_info, but the layer calls",
        ),
    ] {
        let fault = discovery(&clerk, |metadata| metadata[member] = value.into()).await;
        clerk.fail(Endpoint::OpenidConfiguration, fault);
        let examined = examine(&clerk, "", &[]).await;
        examined.assert(name, false, &[expected, "of the checks failed"]);
        clerk.heal_all();
    }
}

#[tokio::test]
async fn an_incomplete_configuration_is_an_error() {
    let clerk = FakeClerk::start().unwrap();
    let mut command = configured("doctor", &clerk);
    let output = run(command.env("CLERK_OAUTH_CLIENT_ID", "")).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("CLERK_OAUTH_CLIENT_ID"), "{text}");
}

#[tokio::test]
async fn a_slow_clerk_is_named() {
    let clerk = FakeClerk::start().unwrap();
    let slow = Fault::delay(Duration::from_millis(600));
    clerk.fail(Endpoint::OpenidConfiguration, slow);
    let examined = examine(&clerk, "", &[]).await;
    let lines = ["FAIL  a call takes ", "gives up an attempt after 1000 ms"];
    examined.assert("slow", false, &lines);
}

#[tokio::test]
async fn doctor_names_the_legacy_oauth_provider() {
    // fault E12
    let clerk = FakeClerk::start().unwrap();
    clerk.fail(Endpoint::Introspection, Fault::status(422));
    let examined = examine(&clerk, "", &[]).await;
    let lines = [
        "FAIL  introspection responds with 422",
        "legacy OAuth provider",
    ];
    examined.assert("legacy", false, &lines);
}

#[tokio::test]
async fn a_secret_that_is_part_of_a_word_changes_no_text() {
    // fault H6
    let clerk = FakeClerk::start().unwrap();
    let variables = [("CLERK_OAUTH_CLIENT_SECRET", "e")];
    let mut command = configured("doctor", &clerk);
    command.envs(variables);
    clerk.fail(Endpoint::Introspection, Fault::reset());
    let examined = Examination::of(&mut command, &[]).await;
    examined.assert("e", false, &["FAIL  introspection cannot be reached: "]);
    assert!(!examined.text.contains("secret]"), "{}", examined.text);
}

#[tokio::test]
async fn an_instance_behind_a_proxy_is_examined_there() {
    let clerk = FakeClerk::builder().path("/__clerk").start().unwrap();
    let url = clerk.url();
    let token = clerk.token("user_ada").issue();
    let variables = [
        ("CLERK_DOMAIN", "clerk.example.com"),
        ("CLERK_PROXY_URL", &*url),
    ];
    let lines = [
        "The instance https://clerk.example.com",
        "ok    the issuer is ours",
        "ok    introspection accepts the client credentials",
        "ok    the layer would accept the token",
    ];
    let examined = examine(&clerk, &token, &variables).await;
    examined.assert("proxy", true, &lines);
    // The JWT names the proxy, which is another issuer of the instance.
    let jwt = clerk.token("user_ada").jwt().issue();
    let line = format!("ok    issuer: it is the proxy of the instance, {url}");
    let examined = examine(&clerk, &jwt, &variables).await;
    examined.assert("JWT", true, &[&line]);
}
