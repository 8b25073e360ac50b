//! Bodies of MCP requests: calls are found if and only if the oracle finds them, and the same ones.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::fuzzing::mcp_calls;

#[path = "../../tests/it/properties/calls.rs"]
mod calls;
#[path = "../../tests/it/properties/json.rs"]
mod json;

fuzz_target!(|body: &[u8]| {
    assert_eq!(mcp_calls(body), calls::calls(body));
});
