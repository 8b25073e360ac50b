//! Tokens that are rejected, or come in other ways.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault, Field};

use super::{Examination, examine};
use crate::examples::configured;

#[tokio::test]
async fn several_broken_rules_are_all_printed_and_their_remedies_help() {
    struct Case<'a> {
        name: &'a str,
        token: String,
        variables: &'a [(&'a str, &'a str)],
        expected: &'a [&'a str],
        /// The variables that make it pass.
        remedy: &'a [(&'a str, &'a str)],
    }
    let clerk = FakeClerk::start().unwrap();
    // The documented answer has no audience, so that none would be wrong.
    clerk.introspection_includes([Field::Aud]);
    let token = || clerk.token("user_ada");
    for case in [
        Case {
            name: "wrong audience",
            token: token().resource("https://x.test/mcp").issue(),
            variables: &[],
            expected: &[
                "FAIL  audience: introspection names https://x.test/mcp, which is not this service",
                "set CLERK_RESOURCE or CLERK_AUDIENCES to it",
                "(WrongAudience)",
            ],
            remedy: &[("CLERK_AUDIENCES", "https://x.test/mcp")],
        },
        Case {
            name: "wrong audience, to be observed",
            token: token().resource("https://x.test/mcp").issue(),
            variables: &[],
            expected: &["(WrongAudience)"],
            remedy: &[("CLERK_AUDIENCE_POLICY", "observe")],
        },
        Case {
            name: "wrong audience of a JWT",
            token: token().resource("https://y.test/mcp").jwt().issue(),
            variables: &[],
            expected: &[
                "https://y.test/mcp, which is not this service",
                "(WrongAudience)",
            ],
            remedy: &[("CLERK_RESOURCE", "https://y.test/mcp/")],
        },
        Case {
            name: "no audience",
            token: token().issue(),
            variables: &[("CLERK_AUDIENCE_POLICY", "require")],
            expected: &[
                "FAIL  audience: none is named, and CLERK_AUDIENCE_POLICY is `require`",
                "(WrongAudience)",
            ],
            remedy: &[("CLERK_AUDIENCE_POLICY", "reject-foreign")],
        },
        Case {
            name: "three rules",
            token: token()
                .client_id("another")
                .resource("https://x.test/mcp")
                .scopes(["profile"])
                .issue(),
            variables: &[],
            expected: &[
                "FAIL  client: another is not allowed",
                "FAIL  audience: introspection names https://x.test/mcp",
                "FAIL  scopes: 1 of the 1 in CLERK_REQUIRED_SCOPES are missing; granted: profile",
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
async fn a_token_that_is_not_valid_is_explained() {
    let clerk = FakeClerk::start().unwrap();
    let revoked = clerk.token("user_ada").issue();
    clerk.revoke(&revoked);
    let inactive = "FAIL  introspection reports that the token is not active";
    let sessions = [
        ("CLERK_ACCEPT", "session"),
        ("CLERK_REQUIRED_SCOPES", ""),
        ("CLERK_OAUTH_CLIENT_ID", ""),
        ("CLERK_OAUTH_CLIENT_SECRET", ""),
    ];
    let session = || clerk.session("user_ada");
    let other = FakeClerk::start().unwrap();
    type Case<'a> = (&'a str, String, &'a [(&'a str, &'a str)], [&'a str; 2]);
    let cases: [Case<'_>; 10] = [
        (
            "expired",
            clerk.token("user_ada").expired().issue(),
            &[],
            [inactive, "(Inactive)"],
        ),
        (
            "an expired JWT",
            clerk.token("user_ada").jwt().expired().issue(),
            &[],
            [inactive, "(Expired)"],
        ),
        ("revoked", revoked, &[], [inactive, "(Inactive)"]),
        (
            "unknown",
            "oat_unknownToken".to_owned(),
            &[],
            [inactive, "(Inactive)"],
        ),
        (
            "a refresh token",
            clerk.refresh_token("user_ada"),
            &[],
            [
                "FAIL  it is neither a JWT nor begins with `oat_`",
                "(UnsupportedToken)",
            ],
        ),
        (
            "an expired session",
            session().expired().issue(),
            &sessions,
            ["FAIL  expiry: it expired ", "(Expired)"],
        ),
        (
            "of a template",
            session().template().issue(),
            &sessions,
            [
                "FAIL  session: it belongs to no session",
                "(NotSessionToken)",
            ],
        ),
        (
            "a pending session",
            session().pending().issue(),
            &sessions,
            ["FAIL  status: the session is pending", "(PendingSession)"],
        ),
        (
            "of another instance",
            other.session("user_ada").issue(),
            &sessions,
            ["FAIL  issuer: it is http://", "(WrongIssuer)"],
        ),
        (
            "several words",
            "two words".to_owned(),
            &[],
            ["FAIL  it is neither a JWT", "would reject the token"],
        ),
    ];
    for (name, token, variables, expected) in cases {
        examine(&clerk, &token, variables)
            .await
            .assert(name, false, &expected);
    }
}

#[tokio::test]
async fn a_machine_token_that_the_machine_does_not_know_may_be_for_another_machine() {
    // fault H6
    let clerk = FakeClerk::start().unwrap();
    let token = clerk
        .machine_token("mch_sender")
        .scopes(["mch_other"])
        .issue();
    let (key, api) = (
        clerk.machine_secret_key("mch_us"),
        format!("{}/v1", clerk.url()),
    );
    let variables = [
        ("CLERK_ACCEPT", "machine"),
        ("CLERK_REQUIRED_SCOPES", ""),
        ("CLERK_MACHINES", "mch_us"),
        ("CLERK_MACHINE_SECRET_KEY", &key),
        ("CLERK_API_URL", &api),
    ];
    let lines = [
        "FAIL  the Backend API does not know the token",
        "or for another machine than that of CLERK_MACHINE_SECRET_KEY",
        "(Inactive)",
    ];
    examine(&clerk, &token, &variables)
        .await
        .assert("another", false, &lines);
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
async fn an_answer_that_contains_a_secret_or_moves_the_cursor_is_not_shown() {
    // fault H6
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_ada").issue();
    let body = serde_json::json!({
        "active": true,
        "client_id": format!("{token}\u{1b}[2J"),
        "sub": clerk.client_secret(),
        "scope": "\u{1b}[2J",
        token.clone(): 1,
    });
    let fault = Fault::answer(200, "application/json", body.to_string());
    clerk.fail(Endpoint::Introspection, fault);
    let examined = examine(&clerk, &token, &[]).await;
    assert!(!examined.text.contains('\u{1b}'), "{}", examined.text);
    let hidden = "client_id: (not shown: it contains a secret)";
    assert!(examined.text.contains(hidden), "{}", examined.text);
}

#[tokio::test]
async fn userinfo_that_fails_rejects_only_if_the_profile_is_required() {
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
            "FAIL  userinfo rejects the token (403",
            "(Inactive)",
        ),
    ] {
        clerk.fail(Endpoint::Userinfo, fault);
        let examined = examine(&clerk, &token, &[]).await;
        for line in [
            expected,
            "ok    the layer would accept the token",
            "but not everything is in order",
            "the claims that a handler gets, without a profile",
        ] {
            assert!(examined.text.contains(line), "{line}: {}", examined.text);
        }
        assert!(examined.is_content, "{}", examined.text);

        let required = [("CLERK_ENRICH", "required")];
        let examined = examine(&clerk, &token, &required).await;
        let rejected = [expected, "CLERK_ENRICH=best-effort", kind];
        examined.assert(expected, false, &rejected);
    }
}

#[tokio::test]
async fn an_audience_without_a_verified_signature_does_not_count() {
    let clerk = FakeClerk::start().unwrap();
    let resource = "https://x.test/mcp";
    let token = clerk.token("user_ada").resource(resource).jwt().issue();
    let policy = |policy| {
        [
            ("CLERK_RESOURCE", resource),
            ("CLERK_AUDIENCE_POLICY", policy),
        ]
    };
    let examined = examine(&clerk, &token, &policy("require")).await;
    let lines = [
        "FAIL  audience: only the payload names https://x.test/mcp, whose signature is not verified",
        "CLERK_OAUTH_JWTS=local-then-introspect",
        "(WrongAudience)",
    ];
    examined.assert("unsigned", false, &lines);
    let examined = examine(&clerk, &token, &policy("reject-foreign")).await;
    let line = "ok    audience: https://x.test/mcp is this service, as the payload states";
    examined.assert("not required", true, &[line]);
    let [resource, require] = policy("require");
    let variables = [
        resource,
        require,
        ("CLERK_OAUTH_JWTS", "local-then-introspect"),
    ];
    let examined = examine(&clerk, &token, &variables).await;
    let line = "ok    audience: https://x.test/mcp is this service";
    examined.assert("signed", true, &[line]);
}

#[tokio::test]
async fn plans_and_features_are_those_that_rules_accept() {
    let clerk = FakeClerk::start().unwrap();
    let variables = [
        ("CLERK_ACCEPT", "session"),
        ("CLERK_OAUTH_CLIENT_ID", ""),
        ("CLERK_OAUTH_CLIENT_SECRET", ""),
        ("CLERK_REQUIRED_SCOPES", ""),
    ];
    let session = || clerk.session("user_ada");
    let in_organization = || session().organization("org_1", "acme", "admin");
    for (name, token, lines) in [
        (
            "none",
            session(),
            [
                "plans: none; `RequireLayer::plan` rejects the token",
                "features: none; `RequireLayer::feature` rejects the token",
            ],
        ),
        (
            "of both",
            in_organization().plan("o:pro").feature("ou:export"),
            [
                "plans: org:pro; `RequireLayer::plan` accepts these",
                "features: org:export user:export; `RequireLayer::feature` accepts these",
            ],
        ),
        (
            "of an organization that is not active",
            session().plan("o:pro").feature("u:export"),
            [
                "plans: none; ",
                "features: user:export; `RequireLayer::feature` accepts these",
            ],
        ),
    ] {
        let examined = examine(&clerk, &token.issue(), &variables).await;
        examined.assert(name, true, &lines);
    }
}
