use std::time::Duration;

use super::{accepting, builder, oauth};
use crate::{
    TokenKind,
    kinds::AudiencePolicy,
    verify::{Enrichment, Rules, policy::AudiencePolicies},
};

/// All audiences of an OAuth token.
fn audiences(rules: &Rules) -> Vec<&str> {
    rules.audiences.of_kind(TokenKind::OAuth).collect()
}

#[test]
fn defaults_are_those_of_the_docs() {
    let config = builder().build().unwrap();
    assert_eq!(config.instance.issuer(), "https://clerk.example.com");
    assert_eq!(config.client_id.as_deref(), Some("client_1"));
    assert!(config.resource_metadata.is_none());
    assert_eq!(config.userinfo, Enrichment::BestEffort);
    assert_eq!(config.users, Enrichment::Off);
    assert!(!config.accept_unprefixed);
    assert_eq!(config.max_token_length, 4096);
    assert_eq!(config.cache_ttl, Duration::from_secs(30));
    assert_eq!(config.cache_capacity, 50_000);
    assert_eq!(config.stale_if_error, Duration::ZERO);
    assert_eq!(config.timeout, Duration::from_secs(2));
    assert_eq!(config.attempt_timeout, Duration::from_secs(1));

    // B21
    let rules = &config.rules;
    assert_eq!(rules.allowed_clients, Some(vec!["client_1".to_owned()]));
    assert_eq!(audiences(rules), ["client_1"]);
    assert_eq!(rules.audience_policies, AudiencePolicies::default());
    assert_eq!(rules.issuer, "https://clerk.example.com");
    assert!(rules.required_scopes.is_empty() && rules.api_key_scopes.is_empty());
    assert!(rules.scope_implies.is_none());
    assert_eq!(rules.leeway, 5);
}

#[test]
fn settings_reach_the_configuration() {
    let oauth = oauth()
        .required_scopes(["email", "profile"])
        .allow_clients(["client_2", "client_3"])
        .audiences(["https://a.example"])
        .audience_policy(AudiencePolicy::Require)
        .userinfo(Enrichment::Required)
        .unprefixed();
    let config = accepting(oauth)
        .scope_implies(|granted, needed| granted == "all" && needed == "email")
        .resource("https://api.example.com/v1")
        .max_token_length(8192)
        .leeway(Duration::from_millis(1_999))
        .cache_ttl(Duration::from_secs(60))
        .cache_capacity(7)
        .stale_if_error(Duration::from_secs(90))
        .timeout(Duration::from_secs(4))
        .attempt_timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    assert_eq!(config.userinfo, Enrichment::Required);
    assert!(config.accept_unprefixed);
    assert_eq!(config.max_token_length, 8192);
    assert_eq!(config.cache_ttl, Duration::from_secs(60));
    assert_eq!(config.cache_capacity, 7);
    assert_eq!(config.stale_if_error, Duration::from_secs(90));
    assert_eq!(config.timeout, Duration::from_secs(4));
    assert_eq!(config.attempt_timeout, Duration::from_secs(3));
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource/v1";
    assert_eq!(config.resource_metadata.as_ref().unwrap().url(), metadata);

    let rules = &config.rules;
    let clients = ["client_2", "client_3"].map(ToOwned::to_owned).to_vec();
    assert_eq!(rules.allowed_clients, Some(clients));
    let expected = [
        "https://api.example.com/v1",
        "https://a.example",
        "client_1",
    ];
    assert_eq!(audiences(rules), expected);
    assert_eq!(rules.audience_policies.oauth, AudiencePolicy::Require);
    assert_eq!(rules.required_scopes, ["email", "profile"]);
    assert_eq!(rules.leeway, 1);
    let implies = rules.scope_implies.as_ref().unwrap();
    assert!(implies("all", "email"));
    assert!(!implies("all", "profile"));
}

#[test]
fn any_client_is_no_list() {
    let config = accepting(oauth().allow_any_client()).build().unwrap();
    assert_eq!(config.rules.allowed_clients, None);
}

#[test]
fn last_word_on_clients_counts() {
    let listed = oauth().allow_any_client().allow_clients(["client_2"]);
    let rules = accepting(listed).build().unwrap().rules;
    assert_eq!(rules.allowed_clients, Some(vec!["client_2".to_owned()]));
    let any = accepting(oauth().allow_clients(["client_2"]).allow_any_client());
    assert_eq!(any.build().unwrap().rules.allowed_clients, None);
}
