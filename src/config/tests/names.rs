//! Names of variables that are almost known ones. fault H8

use super::{super::env::report_near_miss, Silent};
use crate::{ClerkConfigBuilder, checks::Problems};

/// The problem about a name alone: the option and what to write.
fn problem(name: &str) -> Option<(String, String)> {
    let mut problems = Problems::default();
    report_near_miss(name, &mut problems);
    let error = problems.into_result().err()?;
    let problem = &error.problems()[0];
    assert_eq!(problem.variable(), Some(name));
    Some((problem.option().to_owned(), problem.message().to_owned()))
}

#[test]
fn almost_a_restricting_name_is_a_problem() {
    // fault H8
    for (name, known) in [
        ("CLERK_REQUIRED_SCOPE", "CLERK_REQUIRED_SCOPES"),
        ("CLERK_REQIRED_SCOPES", "CLERK_REQUIRED_SCOPES"),
        ("CLERK_REQUIERD_SCOPES", "CLERK_REQUIRED_SCOPES"),
        ("CLERK_AUTHORIZED_PARTY", "CLERK_AUTHORIZED_PARTIES"),
        ("CLERK_AUTHORISED_PARTIES", "CLERK_AUTHORIZED_PARTIES"),
        ("CLERK_ALLOWED_CLIENT", "CLERK_ALLOWED_CLIENTS"),
        ("CLERK_AUDIENCE", "CLERK_AUDIENCES"),
        ("CLERK_AUDIENCE_POLCY", "CLERK_AUDIENCE_POLICY"),
        ("CLERK_MACHINE", "CLERK_MACHINES"),
        ("CLERK_RESOURCES", "CLERK_RESOURCE"),
        ("CLERK_ACEPT", "CLERK_ACCEPT"),
        ("CLERK_ACCEPTS", "CLERK_ACCEPT"),
        ("CLERK_ADDRESSED_TO", "CLERK_MACHINES"),
    ] {
        let (option, message) = problem(name).unwrap_or_else(|| panic!("{name} is ignored"));
        assert!(message.contains(known), "{name}: {message}");
        assert!(!option.is_empty(), "{name}");
    }
}

#[test]
fn other_names_are_no_problem() {
    // fault H8
    for name in [
        // Almost a name that restricts nothing: a warning.
        "CLERK_DOMAINS",
        "CLERK_CACHE_TLL",
        "CLERK_SECRET_KEYS",
        "CLERK_STALE_IF_ERROR",
        "CLERK_FLEET_SECRETS",
        // Three letters.
        "CLERK_REQUIRED_SCO",
        "CLERK_MACHINES_URL",
        // Of other programs.
        "CLERK_FOO",
        "REQUIRED_SCOPE",
        "clerk_required_scope",
        // Of Clerk's own SDKs.
        "CLERK_API_KEY",
        "CLERK_JS_URL",
        "CLERK_JWKS_URL",
        "CLERK_SIGN_IN_URL",
        "CLERK_WEBHOOK_SECRET",
        "CLERK_WEBHOOK_SIGNING_SECRET",
        "CLERK_TELEMETRY_DISABLED",
    ] {
        assert_eq!(problem(name), None, "{name}");
    }
}

#[test]
fn a_misspelt_variable_fails_the_build() {
    // fault H8
    let variables = [
        ("CLERK_DOMAIN", "clerk.example.com"),
        ("CLERK_OAUTH_CLIENT_ID", "client_1"),
        ("CLERK_OAUTH_CLIENT_SECRET", "secret"),
        ("CLERK_REQUIRED_SCOPE", "canary"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let builder = ClerkConfigBuilder::from_variables(variables).transport(Silent);
    let error = builder.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`accept.oauth.required_scopes` (CLERK_REQUIRED_SCOPE) is not a known variable, and would be ignored: write \
         CLERK_REQUIRED_SCOPES"
    );
}
