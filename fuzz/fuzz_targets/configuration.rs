//! Configurations: whatever the text, it is rejected with an error or makes a layer that rejects a
//! request without credentials. Lines are the fields.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::{ClerkAuthLayer, ClerkConfig, kinds::OAuthTokens};

mod common;
#[path = "../../tests/it/properties/places.rs"]
mod places;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut next = || lines.next().filter(|line| !line.is_empty());
    let domain = next().unwrap_or("clerk.example.com");
    let mut oauth = OAuthTokens::introspection(next().unwrap_or("me"), "secret");
    let mut config = ClerkConfig::builder(domain)
        .cache_capacity(1)
        .transport(common::Nothing);
    if let Some(resource) = next() {
        config = config.resource(resource);
    }
    if let Some(scopes) = next() {
        oauth = oauth.required_scopes(scopes.split(','));
    }
    if let Some(clients) = next() {
        oauth = oauth.allow_clients(clients.split(','));
    }
    if let Some(audiences) = next() {
        oauth = oauth.audiences(audiences.split(','));
    }
    let Ok(config) = config.accept(oauth).build() else {
        return;
    };
    places::check(domain, &format!("{config:?}"));
    let layer = ClerkAuthLayer::new(config);
    // Of no accepted kind, so that nobody is asked.
    assert_eq!(common::send(&layer, "sess_1").status(), 401);
});
