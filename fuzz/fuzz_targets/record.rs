//! Records of the shared store, after they opened: any bytes are read without a panic. What is read is written again with
//! the same meaning, so a replica that shares what it read changes nothing.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use tower_clerk::fuzzing::{record_of_token, record_of_user};

fuzz_target!(|content: &[u8]| -> Corpus {
    let readers: [fn(&[u8]) -> Option<Vec<u8>>; 2] =
        [record_of_token, |content| record_of_user(content, "user_1")];
    let mut is_read = false;
    for read in readers {
        if let Some(written) = read(content) {
            is_read = true;
            assert_eq!(read(&written).as_deref(), Some(&*written));
            let object: serde_json::Value = serde_json::from_slice(content).unwrap();
            let again: serde_json::Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(
                object["called_at"], again["called_at"],
                "no record becomes younger"
            );
            assert_eq!(object["after"], again["after"]);
            assert_eq!(object["info"]["sub"], again["info"]["sub"]);
        }
    }
    // A record is about a token or a user, never both.
    assert!(record_of_token(content).is_none() || record_of_user(content, "user_1").is_none());
    match is_read {
        true => Corpus::Keep,
        false => Corpus::Reject,
    }
});
