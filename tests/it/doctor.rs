//! The doctor, as a process of its own: its findings, its advice, and what it never prints.

mod instance;
mod tokens;
mod ways;

use tokio::process::Command;
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use self::ways::{Way, ways};
use crate::examples::{configured, run};

/// The output of a run, and its exit status.
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
    let is_secret = |name: &str| name.ends_with("_SECRET") || name.ends_with("_SECRET_KEY");
    let set = variables.iter().filter(|(name, _)| is_secret(name));
    let secrets = set.map(|(_, value)| *value).chain([&*secret, token]);
    let secrets = secrets.filter(|secret| !secret.is_empty());
    Examination::of(&mut command, &secrets.collect::<Vec<_>>()).await
}

/// Examines a token of a way, and then the configuration alone.
async fn examine_way(
    clerk: &FakeClerk,
    way: &Way,
    change: Option<(&str, &str)>,
) -> [Examination; 2] {
    let variables = way
        .variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = variables.chain(change).collect();
    let of_token = examine(clerk, &way.token, &variables).await;
    let of_instance = examine(clerk, "", &variables).await;
    for examined in [&of_token, &of_instance] {
        assert!(!examined.text.contains("CanarySecret"), "{}", examined.text);
    }
    [of_token, of_instance]
}

#[tokio::test]
async fn every_kind_is_examined_with_its_claims_and_its_rules() {
    // fault H6
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    for way in ways(&clerk, &other) {
        let [of_token, of_instance] = examine_way(&clerk, &way, None).await;
        let accepted = [
            "ok    the layer would accept the token",
            "ok    tokens of this kind are accepted",
        ];
        of_token.assert(way.name, true, &way.accepted);
        of_token.assert(way.name, true, &accepted);
        of_instance.assert(way.name, true, &["everything is in order"]);
    }
}

#[tokio::test]
async fn every_kind_is_rejected_by_a_rule_with_the_option_to_change() {
    // fault H6
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    for way in ways(&clerk, &other) {
        let [of_token, of_instance] = examine_way(&clerk, &way, Some(way.rule)).await;
        of_token.assert(way.name, false, &way.broken);
        assert_eq!(
            of_token.text.matches("FAIL").count(),
            2,
            "{}: {}",
            way.name,
            of_token.text
        );
        of_instance.assert(way.name, true, &["everything is in order"]);
    }
}

#[tokio::test]
async fn every_endpoint_that_is_down_is_named() {
    // fault H6
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    for way in ways(&clerk, &other) {
        clerk.fail(way.endpoint, Fault::reset());
        let [of_token, of_instance] = examine_way(&clerk, &way, None).await;
        of_token.assert(way.name, false, &[way.down, "(UpstreamUnavailable)"]);
        of_instance.assert(way.name, false, &[way.down, "FAIL  1 of the checks failed"]);
        clerk.heal_all();
    }
}

#[tokio::test]
async fn every_wrong_key_is_named() {
    // fault H6
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    for way in ways(&clerk, &other) {
        let (variable, value) = &way.key;
        let [of_token, of_instance] = examine_way(&clerk, &way, Some((*variable, value))).await;
        of_token.assert(way.name, false, &[way.wrong_key, variable]);
        // The key of another instance is a good key, until there is a token.
        let is_pem = *variable == "CLERK_JWT_KEY";
        let expected = if is_pem {
            "everything is in order"
        } else {
            way.wrong_key
        };
        of_instance.assert(way.name, is_pem, &[expected]);
    }
}

#[tokio::test]
async fn a_kind_that_is_not_accepted_leads_to_its_option_and_feature() {
    // fault H5
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    let all = ways(&clerk, &other);
    let key = clerk.secret_key();
    let api = format!("{}/v1", clerk.url());
    let api_keys = [
        ("CLERK_ACCEPT", "api_key"),
        ("CLERK_SECRET_KEY", &*key),
        ("CLERK_API_URL", &*api),
    ];
    for (way, option, variables) in [
        (
            "OAuth token by introspection",
            "add `oauth` to CLERK_ACCEPT",
            &api_keys[..],
        ),
        (
            "session token",
            "add `session` to CLERK_ACCEPT (`SessionTokens::new()`, Cargo feature `jwt`",
            &[],
        ),
        (
            "API key",
            "add `api_key` to CLERK_ACCEPT (`ApiKeys::new()`, no Cargo feature)",
            &[],
        ),
        (
            "machine JWT",
            "CLERK_MACHINE_JWTS=1 (`MachineTokens::jwts`, Cargo feature `jwt`)",
            &[],
        ),
        (
            "machine token by the secret key of the instance",
            "add `machine` to CLERK_ACCEPT (`MachineTokens::addressed_to`, no Cargo feature)",
            &[],
        ),
    ] {
        let token = &all.iter().find(|it| it.name == way).unwrap().token;
        let introspected = clerk.calls(Endpoint::Introspection);
        let examined = examine(&clerk, token, variables).await;
        let lines = [
            "FAIL  tokens of this kind are not accepted",
            option,
            "(UnsupportedToken)",
        ];
        examined.assert(way, false, &lines);
        // Only the check of the credentials, with a token that cannot exist.
        let calls = clerk.calls(Endpoint::Introspection) - introspected;
        assert!(calls <= 1, "{way}: introspection got the token");
    }
}

#[tokio::test]
async fn an_accepted_kind_in_another_format_leads_to_what_is_missing() {
    // fault H6
    let (clerk, other) = (FakeClerk::start().unwrap(), FakeClerk::start().unwrap());
    let all = ways(&clerk, &other);
    for (name, with, of, missing) in [
        (
            "opaque, by signature",
            "OAuth JWT by its signature",
            "OAuth token by introspection",
            "set CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET (`OAuthTokens::introspection`)",
        ),
        (
            "a machine's JWT, without them",
            "machine token by the secret key of the instance",
            "machine JWT",
            "set CLERK_MACHINE_JWTS=1 (`MachineTokens::jwts`, Cargo feature `jwt`)",
        ),
        (
            "a machine's opaque token, without a key",
            "machine JWT",
            "machine token by the secret key of the machine",
            "set CLERK_MACHINE_SECRET_KEY (`MachineTokens::machine_secret_key`)",
        ),
    ] {
        let way = |name: &str| all.iter().find(|it| it.name == name).unwrap();
        let variables = way(with).variables.iter();
        let variables: Vec<_> = variables
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let examined = examine(&clerk, &way(of).token, &variables).await;
        examined.assert(name, false, &[missing, "(UnsupportedToken)"]);
    }
}
