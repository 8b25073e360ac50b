use serde_json::{Value, json};

use super::read;
use crate::{TokenKind, claims::ActiveOrganization, clerk::TokenInfo};

fn parse(kind: TokenKind, payload: Value) -> Result<TokenInfo, &'static str> {
    let Value::Object(members) = payload else {
        panic!("not an object");
    };
    read(members, kind)
}

fn others(answer: &TokenInfo) -> Vec<&str> {
    answer.other.keys().map(String::as_str).collect()
}

#[test]
fn an_access_token_says_what_it_may_do() {
    let payload = json!({
        "client_id": "client_1", "exp": 20, "iat": 10, "nbf": 0, "iss": "https://clerk.example.com",
        "jti": "oat_1", "scope": "email profile", "sub": "user_1", "org_id": "org_1",
    });
    let answer = parse(TokenKind::OAuth, payload).unwrap();
    assert!(answer.active && answer.is_local && !answer.confirmation);
    assert_eq!(answer.client_id.as_deref(), Some("client_1"));
    assert_eq!(
        (answer.exp, answer.iat, answer.nbf),
        (Some(20), Some(10), Some(0))
    );
    assert_eq!(answer.iss.as_deref(), Some("https://clerk.example.com"));
    assert_eq!(answer.scope.as_deref(), Some("email profile"));
    assert_eq!(answer.sub.as_deref(), Some("user_1"));
    assert_eq!(answer.org_id.as_deref(), Some("org_1"));
    assert_eq!(answer.aud, None);
    assert_eq!(others(&answer), ["jti", "nbf"]);
}

#[test]
fn scopes_are_read_where_clerk_writes_them() {
    use TokenKind::{Machine, OAuth, Session};

    for (name, kind, payload, expected) in [
        ("a string", OAuth, json!({"scope": "a b"}), Some("a b")),
        ("an array", OAuth, json!({"scp": ["a", "b"]}), Some("a b")),
        (
            "both",
            OAuth,
            json!({"scope": "c", "scp": ["a"]}),
            Some("a"),
        ),
        (
            "an empty array",
            OAuth,
            json!({"scope": "c", "scp": []}),
            Some(""),
        ),
        ("null", OAuth, json!({"scope": "c", "scp": null}), Some("c")),
        ("none", OAuth, json!({}), None),
        ("those of a machine", OAuth, json!({"scopes": "a"}), None),
        (
            "a machine's",
            Machine,
            json!({"scopes": "mch_1 mch_2"}),
            Some("mch_1 mch_2"),
        ),
        (
            "a machine's array",
            Machine,
            json!({"scopes": ["mch_1", "mch_2"]}),
            Some("mch_1 mch_2"),
        ),
        (
            "a claim of a machine",
            Machine,
            json!({"scope": "a", "scp": ["b"]}),
            None,
        ),
        (
            // fault A3
            "entries with spaces",
            OAuth,
            json!({"scp": ["read admin", "a", " b", "c ", " ", ""]}),
            Some("a"),
        ),
        (
            "entries with spaces, by the other name",
            OAuth,
            json!({"scope": ["read admin", "a"]}),
            Some("a"),
        ),
        (
            "spaces between the machines of an array",
            Machine,
            json!({"scopes": ["mch_1 mch_2", "mch_3"]}),
            Some("mch_3"),
        ),
        (
            "what no scope consists of",
            OAuth,
            json!({"scp": ["a\tb", "a\nb", "a\u{a0}b", "\u{e9}", "a\"b", "a\\b", "\u{7f}", "!~"]}),
            Some("!~"),
        ),
        (
            "what no scope consists of, in a string",
            OAuth,
            json!({"scope": " a  b\tc d\n \u{430} e "}),
            Some("a e"),
        ),
        (
            "a claim of a session",
            Session,
            json!({"scope": "a", "scp": ["b"], "scopes": "c"}),
            None,
        ),
    ] {
        let answer = parse(kind, payload).unwrap();
        assert_eq!(answer.scope.as_deref(), expected, "{name}");
    }
}

#[test]
fn claims_of_an_application_count_for_nothing() {
    let payload = json!({
        "client_id": "client_1", "scope": "admin", "token_type": "DPoP", "token_use": 1,
        "active": false, "revoked": true,
    });
    for kind in [TokenKind::Session, TokenKind::Machine] {
        let answer = parse(kind, payload.clone()).unwrap();
        assert!(answer.active);
        assert_eq!((answer.client_id, answer.scope), (None, None));
        assert_eq!((answer.token_type, answer.token_use), (None, None));
        assert_eq!(Value::Object(answer.other), payload);
    }
    let org = json!({"org_id": "org_1"});
    assert_eq!(parse(TokenKind::Machine, org).unwrap().org_id, None);
    for org_id in [json!("org_1"), json!(1)] {
        let payload = json!({"v": 2, "org_id": org_id});
        assert_eq!(parse(TokenKind::Session, payload).unwrap().org_id, None);
    }
}

#[test]
fn audiences_are_one_or_several() {
    for (name, payload, expected) in [
        ("one", json!({"aud": "a"}), Some(vec!["a".to_owned()])),
        (
            "two",
            json!({"aud": ["a", "b"]}),
            Some(vec!["a".to_owned(), "b".to_owned()]),
        ),
        ("an empty list", json!({"aud": []}), Some(vec![])),
        ("null", json!({"aud": null}), None),
        ("none", json!({}), None),
    ] {
        assert_eq!(
            parse(TokenKind::OAuth, payload).unwrap().aud,
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_key_that_a_token_is_bound_to_is_seen() {
    for kind in [TokenKind::OAuth, TokenKind::Session, TokenKind::Machine] {
        let bound = json!({"cnf": {"jkt": "a"}});
        assert!(parse(kind, bound).unwrap().confirmation, "{kind:?}");
    }
}

#[test]
fn what_has_a_wrong_type_is_rejected() {
    for (name, payload) in [
        ("a string for an end", json!({"exp": "20"})),
        ("a boolean for an end", json!({"exp": true})),
        ("a list for an end", json!({"exp": [20]})),
        ("a string for a beginning", json!({"nbf": "20"})),
        ("an object for a moment", json!({"iat": {}})),
        ("a number for an issuer", json!({"iss": 1})),
        ("a list of subjects", json!({"sub": ["user_1"]})),
        ("a number for a subject", json!({"sub": 1})),
        ("an object for an audience", json!({"aud": {"a": 1}})),
        (
            "a list with a number for an audience",
            json!({"aud": ["a", 1]}),
        ),
    ] {
        for kind in [TokenKind::OAuth, TokenKind::Session, TokenKind::Machine] {
            assert!(parse(kind, payload.clone()).is_err(), "{name}, {kind:?}");
        }
    }
    for (name, kind, payload) in [
        ("a client", TokenKind::OAuth, json!({"client_id": 1})),
        ("a scope", TokenKind::OAuth, json!({"scope": 1})),
        ("a list of scopes", TokenKind::OAuth, json!({"scp": [1]})),
        ("a type", TokenKind::OAuth, json!({"token_type": 1})),
        ("an organization", TokenKind::OAuth, json!({"org_id": 1})),
        (
            "an organization of a session",
            TokenKind::Session,
            json!({"org_id": 1}),
        ),
        ("machines", TokenKind::Machine, json!({"scopes": 1})),
    ] {
        assert!(parse(kind, payload).is_err(), "{name}");
    }
}

#[test]
fn who_acts_is_never_overlooked() {
    for act in [
        json!("user_2"),
        json!({}),
        json!({ "sub": 1 }),
        json!({ "sub": "user_2", "act": {} }),
    ] {
        let payload = json!({ "sid": "sess_1", "act": act });
        for kind in [TokenKind::OAuth, TokenKind::Session] {
            assert!(parse(kind, payload.clone()).is_err(), "{kind:?}: {act}");
        }
        // There it is a claim of the application's own.
        for kind in [TokenKind::ApiKey, TokenKind::Machine] {
            assert!(parse(kind, payload.clone()).unwrap().actor.is_none());
        }
    }
}

#[test]
fn later_versions_of_session_tokens_are_read_as_far_as_they_can_be() {
    // fault E14
    let good = json!({ "v": 3, "sid": "sess_1", "sts": "active", "o": [], "org_id": 1, "fea": {} });
    let answer = parse(TokenKind::Session, good.clone()).unwrap();
    assert!(answer.organization == ActiveOrganization::Unreadable);
    assert_eq!(answer.org_id, None);
    let with = |name: &str, value: Value| {
        let mut payload = good.clone();
        payload[name] = value;
        payload
    };
    for (payload, expected) in [
        (with("v", json!(4)), true),
        (with("v", json!(u64::MAX)), true),
        (with("v", json!(3.0)), false),
        (with("v", json!("3")), false),
        (with("v", json!(-3)), false),
        (with("v", json!(0)), false),
        (with("v", json!(1e21)), false),
        (with("v", json!([3])), false),
        (with("v", json!(true)), false),
        (with("sid", json!(null)), false),
        (with("sid", json!(1)), false),
        (with("sts", json!(null)), false),
        (with("sts", json!(true)), false),
        (with("azp", json!(1)), false),
        // It is for the rules whether the session counts.
        (with("sts", json!("pending")), true),
    ] {
        let read = parse(TokenKind::Session, payload.clone());
        assert_eq!(read.is_ok(), expected, "{payload}");
    }
    // Version 2 and older ones may have no status.
    for version in [json!(2), json!(1), json!(null)] {
        let payload = json!({ "v": version, "sid": "sess_1" });
        assert!(parse(TokenKind::Session, payload).is_ok());
    }
    // Of other kinds it is a claim of no meaning.
    assert!(parse(TokenKind::OAuth, json!({ "v": "3" })).is_ok());
}
