//! All ways to verify all kinds of tokens, and what can go wrong with each.

use tower_clerk::fake_clerk::{Endpoint, FakeClerk};

/// A way to verify a kind of token: its environment, a good token, and what can go wrong with it.
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) token: String,
    pub(super) variables: Vec<(&'static str, String)>,
    /// Lines about a good token.
    pub(super) accepted: Vec<&'static str>,
    /// A rule that the token breaks, and the lines about it.
    pub(super) rule: (&'static str, &'static str),
    pub(super) broken: [&'static str; 3],
    /// The endpoint that verifies it, and the lines if it is down.
    pub(super) endpoint: Endpoint,
    pub(super) down: &'static str,
    /// A variable with a wrong credential, and the line about it.
    pub(super) key: (&'static str, String),
    pub(super) wrong_key: &'static str,
}

/// All ways to verify all kinds.
pub(super) fn ways(clerk: &FakeClerk, other: &FakeClerk) -> Vec<Way> {
    let api = ("CLERK_API_URL", format!("{}/v1", clerk.url()));
    let key = || ("CLERK_SECRET_KEY", clerk.secret_key());
    let accept = |kind: &str| ("CLERK_ACCEPT", kind.to_owned());
    // The wrong credentials have the right form.
    let wrong_secret = || ("CLERK_OAUTH_CLIENT_SECRET", "wrongCanarySecret".to_owned());
    let wrong_key = || ("CLERK_SECRET_KEY", "sk_test_wrongCanarySecret".to_owned());
    let other_pem = || ("CLERK_JWT_KEY", other.public_key_pem());
    let none = |names: &[&'static str]| -> Vec<(&'static str, String)> {
        names.iter().map(|name| (*name, String::new())).collect()
    };
    let no_client = || none(&["CLERK_OAUTH_CLIENT_ID", "CLERK_OAUTH_CLIENT_SECRET"]);
    let without_scopes = || [no_client(), none(&["CLERK_REQUIRED_SCOPES"])].concat();
    let oauth = |jwt: bool| {
        let token = clerk.token("user_ada").scopes(["email"]);
        match jwt {
            true => token.jwt().issue(),
            false => token.issue(),
        }
    };
    let client = clerk.client_id();
    let of_machine = || clerk.machine_token("mch_sender").scopes(["mch_us"]);
    let client_rule = ("CLERK_ALLOWED_CLIENTS", "another");
    let wrong_client = [
        "FAIL  client: ",
        "set CLERK_ALLOWED_CLIENTS to a list with it",
        "(WrongClient)",
    ];
    let machine_rule = ("CLERK_MACHINES", "mch_other");
    let wrong_machine = [
        "FAIL  machine: it is addressed to \"mch_us\", which is not in CLERK_MACHINES",
        "set CLERK_MACHINES (`MachineTokens::addressed_to`)",
        "(WrongMachine)",
    ];
    vec![
        Way {
            name: "OAuth token by introspection",
            token: oauth(false),
            variables: vec![],
            accepted: vec![
                "introspection reports that the token is active",
                "  sub: user_ada",
                "  scope: email",
            ],
            rule: client_rule,
            broken: wrong_client,
            endpoint: Endpoint::Introspection,
            down: "FAIL  introspection cannot be reached",
            key: wrong_secret(),
            wrong_key: "FAIL  introspection rejects the client credentials (401",
        },
        Way {
            name: "OAuth JWT by introspection",
            token: oauth(true),
            variables: vec![],
            accepted: vec![
                "the payload of the JWT, whose signature is not verified here",
                "expiry: it expires in",
            ],
            rule: ("CLERK_REQUIRED_SCOPES", "email files"),
            broken: [
                "FAIL  scopes: 1 of the 2 in CLERK_REQUIRED_SCOPES are missing; granted: email",
                "have the client request them",
                "(InsufficientScope)",
            ],
            endpoint: Endpoint::Introspection,
            down: "FAIL  introspection cannot be reached",
            key: wrong_secret(),
            wrong_key: "FAIL  introspection rejects the client credentials (401",
        },
        Way {
            name: "OAuth token by the Backend API",
            token: oauth(false),
            variables: [
                no_client(),
                vec![
                    key(),
                    api.clone(),
                    ("CLERK_OAUTH_ENDPOINT", "backend-api".to_owned()),
                    ("CLERK_ALLOWED_CLIENTS", client.clone()),
                ],
            ]
            .concat(),
            accepted: vec![
                "the Backend API reports that the token is active",
                "  subject: user_ada",
            ],
            rule: client_rule,
            broken: wrong_client,
            endpoint: Endpoint::OAuthVerification,
            down: "FAIL  the verification of OAuth tokens by the Backend API cannot be reached",
            key: wrong_key(),
            wrong_key: "FAIL  the verification of OAuth tokens by the Backend API rejects CLERK_SECRET_KEY (401",
        },
        Way {
            name: "OAuth JWT by its signature",
            token: oauth(true),
            variables: [
                no_client(),
                vec![
                    ("CLERK_OAUTH_JWTS", "local".to_owned()),
                    ("CLERK_ALLOWED_CLIENTS", client),
                ],
            ]
            .concat(),
            accepted: vec!["  sub: user_ada", "ok    the key set has 1 key(s)"],
            rule: client_rule,
            broken: wrong_client,
            endpoint: Endpoint::Jwks,
            down: "FAIL  the key set cannot be reached",
            key: other_pem(),
            wrong_key: "with CLERK_JWT_KEY, Clerk's key may have changed",
        },
        Way {
            name: "session token",
            token: clerk
                .session("user_ada")
                .authorized_party("https://app.test")
                .issue(),
            variables: [without_scopes(), vec![accept("session")]].concat(),
            accepted: vec![
                "  sid: sess_",
                "ok    authorized party: it is https://app.test; CLERK_AUTHORIZED_PARTIES is not set",
            ],
            rule: ("CLERK_AUTHORIZED_PARTIES", "https://other.test"),
            broken: [
                "FAIL  authorized party: it is https://app.test, which is not in CLERK_AUTHORIZED_PARTIES",
                "add the origin of the front end",
                "(UnauthorizedParty)",
            ],
            endpoint: Endpoint::Jwks,
            down: "FAIL  the key set cannot be reached",
            key: other_pem(),
            wrong_key: "with CLERK_JWT_KEY, Clerk's key may have changed",
        },
        Way {
            name: "API key",
            token: clerk.api_key("user_ada").scopes(["read"]).issue(),
            variables: [
                without_scopes(),
                vec![accept("api_key"), key(), api.clone()],
            ]
            .concat(),
            accepted: vec![
                "  subject: user_ada",
                "ok    scopes: none is required; granted: read",
            ],
            rule: ("CLERK_REQUIRED_SCOPES", "read write"),
            broken: [
                "FAIL  scopes: 1 of the 2 in CLERK_REQUIRED_SCOPES are missing; granted: read",
                "have the client request them",
                "(InsufficientScope)",
            ],
            endpoint: Endpoint::ApiKeyVerification,
            down: "FAIL  the verification of API keys by the Backend API cannot be reached",
            key: wrong_key(),
            wrong_key: "FAIL  the verification of API keys by the Backend API rejects CLERK_SECRET_KEY (401",
        },
        Way {
            name: "machine token by the secret key of the instance",
            token: of_machine().issue(),
            variables: [
                without_scopes(),
                vec![
                    accept("machine"),
                    key(),
                    api.clone(),
                    ("CLERK_MACHINES", "mch_us".to_owned()),
                ],
            ]
            .concat(),
            accepted: vec![
                "  subject: mch_sender",
                "ok    machine: it is addressed to mch_us",
            ],
            rule: machine_rule,
            broken: wrong_machine,
            endpoint: Endpoint::MachineTokenVerification,
            down: "FAIL  the verification of machine tokens by the Backend API cannot be reached",
            key: wrong_key(),
            wrong_key: "FAIL  the verification of machine tokens by the Backend API rejects CLERK_SECRET_KEY (401",
        },
        Way {
            name: "machine token by the secret key of the machine",
            token: of_machine().issue(),
            variables: [
                without_scopes(),
                vec![
                    accept("machine"),
                    (
                        "CLERK_MACHINE_SECRET_KEY",
                        clerk.machine_secret_key("mch_us"),
                    ),
                    api,
                    ("CLERK_MACHINES", "mch_us".to_owned()),
                ],
            ]
            .concat(),
            accepted: vec![
                "  subject: mch_sender",
                "ok    machine: it is addressed to mch_us",
            ],
            rule: machine_rule,
            broken: wrong_machine,
            endpoint: Endpoint::MachineTokenVerification,
            down: "FAIL  the verification of machine tokens by the Backend API cannot be reached",
            key: (
                "CLERK_MACHINE_SECRET_KEY",
                "ak_wrongCanarySecret".to_owned(),
            ),
            wrong_key: "FAIL  the verification of machine tokens by the Backend API rejects CLERK_MACHINE_SECRET_KEY (401",
        },
        Way {
            name: "machine JWT",
            token: of_machine().jwt().issue(),
            variables: [
                without_scopes(),
                vec![
                    accept("machine"),
                    ("CLERK_MACHINE_JWTS", "1".to_owned()),
                    ("CLERK_MACHINES", "mch_us".to_owned()),
                ],
            ]
            .concat(),
            accepted: vec![
                "  sub: mch_sender",
                "ok    machine: it is addressed to mch_us",
            ],
            rule: machine_rule,
            broken: wrong_machine,
            endpoint: Endpoint::Jwks,
            down: "FAIL  the key set cannot be reached",
            key: other_pem(),
            wrong_key: "with CLERK_JWT_KEY, Clerk's key may have changed",
        },
    ]
}
