//! Configurations: whatever the text, it is rejected with an error or makes a layer that rejects a
//! request without credentials. Lines are the fields.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::{ClerkAuthLayer, ClerkConfig};

mod common;
#[path = "../../tests/it/properties/places.rs"]
mod places;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut next = || lines.next().filter(|line| !line.is_empty());
    let domain = next().unwrap_or("clerk.example.com");
    let mut config = ClerkConfig::builder(domain)
        .client_credentials(next().unwrap_or("me"), "secret")
        .cache_capacity(1)
        .transport(common::Nothing);
    if let Some(resource) = next() {
        config = config.resource(resource);
    }
    if let Some(scopes) = next() {
        config = config.required_scopes(scopes.split(','));
    }
    if let Some(clients) = next() {
        config = config.allow_clients(clients.split(','));
    }
    if let Some(audiences) = next() {
        config = config.audiences(audiences.split(','));
    }
    let Ok(config) = config.build() else {
        return;
    };
    places::check(domain, &format!("{config:?}"));
    let layer = ClerkAuthLayer::new(config);
    // Of no accepted kind, so that nobody is asked.
    assert_eq!(common::send(&layer, "sess_1").status(), 401);
});
