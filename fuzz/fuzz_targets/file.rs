//! Configurations from a file: whatever the text, it is an error, or makes a layer that rejects a request without
//! credentials and a token of no accepted kind. No error repeats a secret.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::{ClerkAuthLayer, ClerkConfigBuilder};

mod common;

fuzz_target!(|input: &str| {
    let Ok(config) = serde_json::from_str::<ClerkConfigBuilder>(input) else {
        return;
    };
    // The transport is not of the file, so that nothing is sent.
    let config = match config.cache_capacity(1).transport(common::Nothing).build() {
        Ok(config) => config,
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            return;
        }
    };
    assert!(!format!("{config:?}").contains("hunter2"));
    let layer = ClerkAuthLayer::new(config);
    let status = common::send(&layer, "sess_1").status().as_u16();
    assert!([401, 400, 503].contains(&status), "{status}");
});
