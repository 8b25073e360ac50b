//! The doctor, as a process of its own: what it finds, what it says to do, and what it never prints.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault, Field};

use crate::examples::{configured, run};

/// What it printed, and whether it was content.
struct Examination {
    text: String,
    is_content: bool,
}

impl Examination {
    async fn of(command: &mut Command, secrets: &[&str]) -> Self {
        let output = run(command).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let trouble = String::from_utf8(output.stderr).unwrap();
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
            assert!(!trouble.contains(secret), "{secret} is in:\n{trouble}");
        }
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{text}{trouble}"
        );
        Self {
            text: text + &trouble,
            is_content: output.status.success(),
        }
    }

    #[track_caller]
    fn assert(&self, name: &str, is_content: bool, lines: &[&str]) {
        for line in lines {
            assert!(
                self.text.contains(line),
                "{name}: {line:?} is not in:\n{}",
                self.text
            );
        }
        assert_eq!(self.is_content, is_content, "{name}:\n{}", self.text);
        assert_eq!(
            self.text.contains("FAIL"),
            !is_content,
            "{name}:\n{}",
            self.text
        );
    }
}

async fn examine(clerk: &FakeClerk, token: &str, variables: &[(&str, &str)]) -> Examination {
    let mut command = configured("doctor", clerk);
    command.env("CLERK_TOKEN", token);
    for (name, value) in variables {
        // Empty, a restricting variable is a problem.
        match *value {
            "" => command.env_remove(name),
            value => command.env(name, value),
        };
    }
    let secret = clerk.client_secret();
    let secrets = [&*secret, token];
    let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
    Examination::of(&mut command, &secrets.collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_good_token_is_accepted_and_everything_is_told() {
    let clerk = FakeClerk::start().unwrap();
    // The doctor names members that Clerk does not document.
    clerk.introspection_includes([Field::TokenType, Field::Username]);
    let id = clerk.client_id();
    for token in [
        clerk.token("user_ada").issue(),
        clerk.token("user_ada").jwt().issue(),
    ] {
        let examined = examine(&clerk, &token, &[]).await;
        let lines = [
            "ok    discovery answers (",
            "ok    the issuer is ours, byte for byte",
            "ok    introspection_endpoint is http://",
            "ok    the clocks agree within 5 s",
            "ok    introspection takes our credentials (",
            "ok    userinfo answers (",
            "ok    introspection says that it is active",
            &*format!("client_id: {id}"),
            "aud: not told",
            "scope: ",
            "sub: user_ada",
            "members beyond what Clerk documents: token_type, username",
            "ok    userinfo answers for the same subject",
            "ok    the layer would accept the token",
            "its claims are of user_ada, with a profile",
        ];
        examined.assert("good", true, &lines);
    }
}

#[tokio::test]
async fn a_token_that_the_rules_reject_is_told_with_the_option_to_change() {
    struct Case<'a> {
        name: &'a str,
        token: String,
        variables: &'a [(&'a str, &'a str)],
        expected: &'a [&'a str],
        /// What makes it pass.
        remedy: &'a [(&'a str, &'a str)],
    }
    let clerk = FakeClerk::start().unwrap();
    // The documented answer names no audience, so that none would be wrong.
    clerk.introspection_includes([Field::Aud]);
    let token = || clerk.token("user_ada");
    for case in [
        Case {
            name: "wrong client",
            token: token().client_id("another").issue(),
            variables: &[],
            expected: &[
                "the client is another; set CLERK_ALLOWED_CLIENTS",
                "(WrongClient)",
            ],
            remedy: &[("CLERK_ALLOWED_CLIENTS", "another")],
        },
        Case {
            name: "wrong audience",
            token: token().resource("https://x.test/mcp").issue(),
            variables: &[],
            expected: &[
                "the audience is https://x.test/mcp; set CLERK_RESOURCE or CLERK_AUDIENCES",
                "(WrongAudience)",
            ],
            remedy: &[("CLERK_AUDIENCES", "https://x.test/mcp")],
        },
        Case {
            name: "wrong audience of a JWT",
            token: token().resource("https://y.test/mcp").jwt().issue(),
            variables: &[],
            expected: &[
                "the audience is https://y.test/mcp; set CLERK_RESOURCE or CLERK_AUDIENCES",
                "(WrongAudience)",
            ],
            remedy: &[("CLERK_AUDIENCES", "https://y.test/mcp")],
        },
        Case {
            name: "missing scope",
            token: token().scopes(["email"]).issue(),
            variables: &[("CLERK_REQUIRED_SCOPES", "email files:read")],
            expected: &[
                "granted: email; CLERK_REQUIRED_SCOPES: email files:read",
                "(InsufficientScope)",
            ],
            remedy: &[("CLERK_REQUIRED_SCOPES", "email")],
        },
        Case {
            name: "all three",
            token: token()
                .client_id("another")
                .resource("https://x.test/mcp")
                .scopes(["profile"])
                .issue(),
            variables: &[],
            expected: &[
                "the client is another;",
                "the audience is https://x.test/mcp;",
                "granted: profile;",
                "(WrongClient)",
            ],
            remedy: &[
                ("CLERK_ALLOWED_CLIENTS", "*"),
                ("CLERK_RESOURCE", "https://x.test/mcp"),
                ("CLERK_REQUIRED_SCOPES", "profile"),
            ],
        },
    ] {
        let examined = examine(&clerk, &case.token, case.variables).await;
        examined.assert(case.name, false, case.expected);
        let remedied = examine(&clerk, &case.token, case.remedy).await;
        let accepted = ["the layer would accept the token"];
        remedied.assert(case.name, true, &accepted);
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_told() {
    let clerk = FakeClerk::start().unwrap();
    let revoked = clerk.token("user_ada").issue();
    clerk.revoke(&revoked);
    let inactive = "introspection says that it is not active";
    for (name, token, expected) in [
        (
            "expired",
            clerk.token("user_ada").expired().issue(),
            [inactive, "(Inactive)"],
        ),
        (
            "an expired JWT",
            clerk.token("user_ada").jwt().expired().issue(),
            [inactive, "(Expired)"],
        ),
        ("revoked", revoked, [inactive, "(Inactive)"]),
        (
            "unknown",
            "oat_unknownToken".to_owned(),
            [inactive, "(Inactive)"],
        ),
        (
            "a refresh token",
            clerk.refresh_token("user_ada"),
            ["neither `oat_…` nor a JWT", "(UnsupportedToken)"],
        ),
        (
            "several words",
            "two words".to_owned(),
            [inactive, "(MalformedCredentials)"],
        ),
    ] {
        examine(&clerk, &token, &[])
            .await
            .assert(name, false, &expected);
    }
}

#[tokio::test]
async fn credentials_that_are_rejected_are_told_with_a_token_and_without() {
    let clerk = FakeClerk::start().unwrap();
    let wrong = [("CLERK_OAUTH_CLIENT_SECRET", "wrongCanarySecret")];
    let rejected = [
        "introspection rejects our credentials (401",
        "check CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET",
    ];
    for token in [String::new(), clerk.token("user_ada").issue()] {
        let examined = examine(&clerk, &token, &wrong).await;
        examined.assert(&token, false, &rejected);
        assert!(
            !examined.text.contains("wrongCanarySecret"),
            "{}",
            examined.text
        );
    }
    examine(&clerk, "", &[])
        .await
        .assert("right", true, &["everything is in order"]);
}

#[tokio::test]
async fn a_clerk_that_is_down_is_told() {
    let clerk = FakeClerk::start().unwrap();
    let mut command = configured("doctor", &clerk);
    let token = clerk.token("user_ada").issue();
    drop(clerk);
    let lines = [
        "FAIL  Clerk cannot be reached: ",
        "check CLERK_DOMAIN, the network",
        "FAIL  introspection cannot be reached",
    ];
    let examined = Examination::of(&mut command, &[]).await;
    examined.assert("no token", false, &lines);
    let examined = Examination::of(command.env("CLERK_TOKEN", &token), &[&token]).await;
    examined.assert("a token", false, &lines);
    examined.assert("a token", false, &["(UpstreamUnavailable)"]);
}

/// What discovery says, changed a little.
async fn discovery(clerk: &FakeClerk, change: impl FnOnce(&mut Value)) -> Fault {
    let url = format!("{}/.well-known/openid-configuration", clerk.url());
    let client = reqwest::ClientBuilder::new().no_proxy().build().unwrap();
    let mut metadata = client.get(url).send().await.unwrap().json().await.unwrap();
    change(&mut metadata);
    Fault::answer(200, "application/json", metadata.to_string())
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
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
async fn discovery_that_is_not_ours_is_told() {
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
            "introspection_endpoint is https://clerk.x.test/oauth/token_info, but the layer asks",
        ),
    ] {
        let fault = discovery(&clerk, |metadata| metadata[member] = value.into()).await;
        clerk.fail(Endpoint::OpenidConfiguration, fault);
        let examined = examine(&clerk, "", &[]).await;
        examined.assert(name, false, &[expected, "not everything is in order"]);
        clerk.heal_all();
    }
}

#[tokio::test]
async fn the_token_can_come_on_standard_input_or_as_an_argument() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_ada").issue();
    let mut child = configured("doctor", &clerk)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("{token}\n").as_bytes())
        .await
        .unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("the layer would accept the token"), "{text}");

    let mut command = configured("doctor", &clerk);
    let examined = Examination::of(command.arg(&token), &[&token]).await;
    let warned = ["an argument can be seen in the list of processes"];
    examined.assert("argument", true, &warned);
}

#[tokio::test]
async fn an_answer_that_shows_the_token_or_moves_the_cursor_is_cleaned() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_ada").issue();
    let body = serde_json::json!({
        "active": true,
        "client_id": format!("{token}\u{1b}[2J"),
        "sub": clerk.client_secret(),
        token.clone(): 1,
    });
    let fault = Fault::answer(200, "application/json", body.to_string());
    clerk.fail(Endpoint::Introspection, fault);
    let examined = examine(&clerk, &token, &[]).await;
    assert!(!examined.text.contains('\u{1b}'), "{}", examined.text);
    assert!(
        examined.text.contains("client_id: [secret]"),
        "{}",
        examined.text
    );
}

#[tokio::test]
async fn a_configuration_that_is_incomplete_is_told() {
    let clerk = FakeClerk::start().unwrap();
    let mut command = configured("doctor", &clerk);
    let output = run(command.env("CLERK_OAUTH_CLIENT_ID", "")).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("CLERK_OAUTH_CLIENT_ID"), "{told}");
}

#[tokio::test]
async fn a_slow_clerk_is_told() {
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
async fn userinfo_that_does_not_work_is_told_and_rejects_only_where_the_profile_is_required() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_ada").issue();
    for (fault, expected, kind) in [
        (
            Fault::status(500),
            "FAIL  userinfo answers 500",
            "(ProfileUnavailable)",
        ),
        // These are final. fault B4
        (
            Fault::answer(200, "application/json", r#"{"sub":"user_eve"}"#),
            "FAIL  userinfo answers for another subject, or for none",
            "(Inactive)",
        ),
        (
            Fault::status(403),
            "userinfo rejects the token (403",
            "(Inactive)",
        ),
    ] {
        clerk.fail(Endpoint::Userinfo, fault);
        let examined = examine(&clerk, &token, &[]).await;
        assert!(examined.text.contains(expected), "{}", examined.text);
        let accepted = "its claims are of user_ada, without a profile";
        assert!(examined.text.contains(accepted), "{}", examined.text);
        assert!(examined.is_content, "{}", examined.text);

        let required = [("CLERK_ENRICH", "required")];
        let examined = examine(&clerk, &token, &required).await;
        let rejected = [expected, "CLERK_ENRICH=best-effort", kind];
        examined.assert(expected, false, &rejected);
    }
}

#[tokio::test]
async fn tokens_of_other_kinds_are_told_and_judged_by_what_is_accepted() {
    let clerk = FakeClerk::start().unwrap();
    let secret_key = clerk.secret_key();
    let backend = format!("{}/v1", clerk.url());
    let session = clerk.session("user_ada").issue();
    let api_key = clerk.api_key("user_ada").issue();
    let template = clerk.session("user_ada").template().issue();
    let sessions = [
        ("CLERK_ACCEPT", "session"),
        ("CLERK_REQUIRED_SCOPES", ""),
        ("CLERK_OAUTH_CLIENT_ID", ""),
        ("CLERK_OAUTH_CLIENT_SECRET", ""),
    ];
    let keys = [
        ("CLERK_ACCEPT", "api_key"),
        ("CLERK_REQUIRED_SCOPES", ""),
        ("CLERK_SECRET_KEY", &*secret_key),
        ("CLERK_API_URL", &*backend),
    ];
    let elsewhere = [
        &sessions[..],
        &[("CLERK_AUTHORIZED_PARTIES", "https://a.test")],
    ]
    .concat();
    type Case<'a> = (
        &'a str,
        &'a str,
        &'a [(&'a str, &'a str)],
        bool,
        &'a [&'a str],
    );
    let cases: [Case<'_>; 6] = [
        (
            "a session",
            &session,
            &sessions,
            true,
            &[
                "a session token",
                "there are no client credentials",
                "would accept the token",
            ],
        ),
        (
            "a session where OAuth tokens are accepted",
            &session,
            &[],
            false,
            &["kinds are accepted by name", "(UnsupportedToken)"],
        ),
        (
            "a session of another origin",
            &session,
            &elsewhere,
            false,
            &[
                "CLERK_AUTHORIZED_PARTIES: https://a.test",
                "(UnauthorizedParty)",
            ],
        ),
        (
            "of a template",
            &template,
            &sessions,
            false,
            &["call getToken() without one", "(NotSessionToken)"],
        ),
        (
            "an API key",
            &api_key,
            &keys,
            true,
            &["an API key", "would accept the token"],
        ),
        (
            "an unknown API key",
            "ak_unknown",
            &keys,
            false,
            &["an API key", "(Inactive)"],
        ),
    ];
    for (name, token, variables, is_content, lines) in cases {
        let before = clerk.calls(Endpoint::Introspection);
        let examined = examine(&clerk, token, variables).await;
        examined.assert(name, is_content, lines);
        assert!(!examined.text.contains(&secret_key), "{name}");
        // With a token that is none, to see whether our credentials are taken.
        let asked = clerk.calls(Endpoint::Introspection) - before;
        assert!(asked <= 1, "{name}: introspection was shown the token");
    }
}
