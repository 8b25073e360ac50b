//! Messages of the shared log, after they opened: any bytes are read without a panic. What is not understood has all tokens
//! verified again, and never rejects one. What is understood is written again with the same meaning.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::fuzzing::message;

fuzz_target!(|content: &[u8]| {
    let (written, ends, is_all) = message(content);
    assert_eq!(message(&written), (written.clone(), ends, is_all));
    let id = content.first_chunk().unwrap_or(&[0; 16]);
    assert_eq!(
        written.first_chunk(),
        Some(id),
        "the place of the id never changes"
    );
    let body = content.get(16..).unwrap_or(content);
    let object: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    if object["how"] != "end" {
        assert!(!ends, "only `end` ends");
    }
    let is_understood =
        object["at"].is_u64() && (object["how"] == "end" || object["how"] == "again");
    if !is_understood {
        assert!(is_all && !ends);
    }
});
