use serde_json::json;

use super::{read, reject};

#[test]
fn times_are_cut_to_seconds_and_saturate() {
    for (name, input, expected) in [
        ("an integer", "1700000000", 1_700_000_000),
        // C057
        ("zero", "0", 0),
        ("minus zero", "-0", 0),
        ("negative", "-1", -1),
        ("least", "-9223372036854775808", i64::MIN),
        // C058
        ("a float", "1.7e9", 1_700_000_000),
        ("a fraction", "1700000000.9", 1_700_000_000),
        ("almost one", "0.999", 0),
        ("a negative fraction", "-0.1", -1),
        ("a negative fraction more", "-1.5", -2),
        // C060
        ("greatest", "9223372036854775807", i64::MAX),
        ("one more", "9223372036854775808", i64::MAX),
        ("greatest unsigned", "18446744073709551615", i64::MAX),
        ("one more than that", "18446744073709551616", i64::MAX),
        ("huge", "1e300", i64::MAX),
        ("hugely negative", "-1e300", i64::MIN),
        ("one less than the least", "-9223372036854775809", i64::MIN),
        ("milliseconds", "1.7e12", 1_700_000_000_000),
        // C049
        ("next to nothing", "1e-400", 0),
    ] {
        for member in ["exp", "nbf", "iat"] {
            let answer = read(name, format!("{{\"active\":true,\"{member}\":{input}}}"));
            let found = match member {
                "exp" => answer.exp,
                "nbf" => answer.nbf,
                _ => answer.iat,
            };
            assert_eq!(found, Some(expected), "{name}: {member}");
        }
    }
    // C049
    for input in ["1e400", "-1e400", "NaN", "01", "1.", "+1", "0x1"] {
        reject(input, format!("{{\"active\":true,\"exp\":{input}}}"));
    }
    reject(
        "digits",
        format!("{{\"active\":true,\"exp\":{}}}", "9".repeat(60_000)),
    );
}

#[test]
fn audience_is_a_text_or_texts() {
    // C065
    for (name, input, expected) in [
        ("a text", json!("a"), vec!["a"]),
        ("an empty text", json!(""), vec![""]),
        ("one", json!(["a"]), vec!["a"]),
        ("two", json!(["a", "b"]), vec!["a", "b"]),
        ("twice the same", json!(["a", "a"]), vec!["a", "a"]),
        ("none", json!([]), vec![]),
        ("with spaces", json!("a b"), vec!["a b"]),
    ] {
        let body = json!({ "active": true, "aud": input }).to_string();
        assert_eq!(read(name, body).aud.unwrap(), expected, "{name}");
    }
}

#[test]
fn confirmation_is_anything_but_null() {
    // C078
    for (name, input, expected) in [
        ("null", json!(null), false),
        ("a thumbprint", json!({ "jkt": "x" }), true),
        ("a certificate", json!({ "x5t#S256": "x" }), true),
        ("empty", json!({}), true),
        ("false", json!(false), true),
        ("a text", json!(""), true),
    ] {
        let body = json!({ "active": true, "cnf": input }).to_string();
        assert_eq!(read(name, body).confirmation, expected, "{name}");
    }
}

#[test]
fn texts_are_kept_as_they_are() {
    // C045 C069 C073
    for text in [
        "",
        " ",
        "a\0b",
        "a\u{85}b",
        "a\tb",
        "\u{feff}a",
        "Ä",
        "e\u{301}",
    ] {
        let body = json!({ "active": true, "sub": text, "iss": text }).to_string();
        let answer = read(text, body);
        assert_eq!(answer.sub.as_deref(), Some(text), "{text:?}");
        assert_eq!(answer.iss.as_deref(), Some(text), "{text:?}");
    }
}

#[test]
fn what_is_no_scope_is_left_out() {
    // fault A3, C069
    for (scope, expected) in [
        ("", ""),
        (" ", ""),
        ("email profile", "email profile"),
        ("  email   profile ", "email profile"),
        ("a\0b email", "email"),
        ("a\tb email", "email"),
        ("email\nprofile", ""),
        ("email\u{a0}profile", ""),
        ("\u{feff}a \u{c4} e\u{301} ok", "ok"),
        ("a\"b a\\b a,b !#[]~", "a,b !#[]~"),
        ("email email", "email email"),
    ] {
        let body = json!({ "active": true, "scope": scope }).to_string();
        assert_eq!(
            read(scope, body).scope.as_deref(),
            Some(expected),
            "{scope:?}"
        );
    }
    assert_eq!(read("null", r#"{"active":true,"scope":null}"#).scope, None);
}

#[test]
fn large_and_deep_answers_do_no_harm() {
    // C046
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        reject(
            "deep and cut off",
            format!("{{\"active\":true,\"x\":{open}"),
        );
        reject("deep", format!("{{\"active\":true,\"x\":{open}1{close}}}"));
        reject("nothing but deep", format!("{open}1{close}"));
    }
    // C080
    let mut members: Vec<_> = (0..1_000)
        .map(|number| format!("\"x{number}\":{number}"))
        .collect();
    members.push("\"active\":true".to_owned());
    let answer = read("a thousand members", format!("{{{}}}", members.join(",")));
    assert_eq!(answer.other.len(), 1_000);
    assert_eq!(answer.other["x999"], 999);
    let frame = r#"{"active":true,"x":""}"#.len();
    let filler = "a".repeat(64 * 1024 - frame);
    let answer = read("64 KiB", format!("{{\"active\":true,\"x\":\"{filler}\"}}"));
    assert_eq!(answer.other["x"], filler.as_str());
}

#[test]
fn withdrawal_is_believed_and_must_be_a_boolean() {
    // C053
    for member in ["revoked", "expired"] {
        for (value, expected) in [
            (json!(true), false),
            (json!(false), true),
            (json!(null), true),
        ] {
            let answer = read(member, json!({ "active": true, member: value }).to_string());
            assert_eq!(answer.active, expected, "{member}: {value}");
        }
        for value in [json!("true"), json!(1), json!([])] {
            reject(member, json!({ "active": true, member: value }).to_string());
        }
    }
}
