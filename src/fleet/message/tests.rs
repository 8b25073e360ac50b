use super::*;
use crate::{
    fleet::seal::{FleetKeys, FleetSecret},
    token::digest::TokenHasher,
};

const ID: MessageId = MessageId(*b"0123456789abcdef");
const AT: u64 = 1_764_271_234_567;

fn digest() -> TokenDigest {
    TokenHasher::new([7; 32], &["issuer"]).key("oat_1")
}

fn scopes() -> [Scope; 6] {
    [
        Scope::Token(digest()),
        Scope::Session("sess_1".into()),
        Scope::Subject("user_1".into()),
        Scope::Member {
            subject: "user_1".into(),
            organization: "org_1".into(),
        },
        Scope::Organization("org_1".into()),
        Scope::All,
    ]
}

fn message(effect: Effect, scope: Scope) -> Message {
    Message {
        id: ID,
        at: AT,
        effect,
        scope,
    }
}

fn read(body: &str) -> Message {
    Message::decode(&[&ID.0[..], body.as_bytes()].concat())
}

#[test]
fn the_content_is_that_of_the_format() {
    struct Case {
        scope: Scope,
        expected: &'static str,
    }
    let token = URL_SAFE_NO_PAD.encode(digest().to_bytes());
    assert_eq!(token.len(), 43);
    let [_, session, subject, member, organization, all] = scopes();
    for Case { scope, expected } in [
        Case {
            scope: session,
            expected: r#"{"session":"sess_1"}"#,
        },
        Case {
            scope: subject,
            expected: r#"{"subject":"user_1"}"#,
        },
        Case {
            scope: member,
            expected: r#"{"member":["user_1","org_1"]}"#,
        },
        Case {
            scope: organization,
            expected: r#"{"organization":"org_1"}"#,
        },
        Case {
            scope: all,
            expected: r#""all""#,
        },
    ] {
        for (effect, how) in [(Effect::Again, "again"), (Effect::End, "end")] {
            let content = message(effect, scope.clone()).encode();
            let body = format!(r#"{{"at":1764271234567,"how":"{how}","what":{expected}}}"#);
            assert_eq!(content, [&ID.0[..], body.as_bytes()].concat(), "{expected}");
        }
    }
    let body = String::from_utf8(message(Effect::End, Scope::Token(digest())).encode()).unwrap();
    assert!(
        body.ends_with(&format!(r#""what":{{"token":"{token}"}}}}"#)),
        "{body}"
    );
}

#[test]
fn reading_returns_what_was_written() {
    for effect in [Effect::Again, Effect::End] {
        for scope in scopes() {
            let message = message(effect, scope);
            assert_eq!(Message::decode(&message.encode()), message);
        }
    }
    // Any text is a valid id here.
    for id in ["", "\"}", "\u{0}\n", "é\u{10ffff}", &"x".repeat(600)] {
        let message = message(
            Effect::End,
            Scope::Member {
                subject: id.into(),
                organization: id.into(),
            },
        );
        assert_eq!(Message::decode(&message.encode()), message, "{id:?}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    let body =
        r#"{"v":2,"at":1764271234567,"how":"end","what":{"session":"sess_1"},"why":{"x":[1]}}"#;
    assert_eq!(
        read(body),
        message(Effect::End, Scope::Session("sess_1".into()))
    );
}

#[test]
fn content_that_is_not_understood_is_an_invalidation_of_all() {
    struct Case {
        name: &'static str,
        input: &'static str,
        /// The time that was read.
        expected: u64,
    }
    for Case {
        name,
        input,
        expected,
    } in [
        Case {
            name: "empty",
            input: "",
            expected: u64::MAX,
        },
        Case {
            name: "no JSON",
            input: "{",
            expected: u64::MAX,
        },
        Case {
            name: "no object",
            input: "[]",
            expected: u64::MAX,
        },
        Case {
            name: "no UTF-8",
            input: "{\"at\":1,\u{fffd}}",
            expected: u64::MAX,
        },
        Case {
            name: "further text",
            input: r#"{"at":1,"how":"end","what":"all"} {}"#,
            expected: u64::MAX,
        },
        Case {
            name: "repeated",
            input: r#"{"at":1,"how":"end","how":"again","what":{"session":"s"}}"#,
            expected: u64::MAX,
        },
        Case {
            name: "no time",
            input: r#"{"how":"end","what":{"session":"s"}}"#,
            expected: u64::MAX,
        },
        Case {
            name: "time before 1970",
            input: r#"{"at":-1,"how":"end","what":{"session":"s"}}"#,
            expected: u64::MAX,
        },
        Case {
            name: "fraction",
            input: r#"{"at":1.5,"how":"end","what":{"session":"s"}}"#,
            expected: u64::MAX,
        },
        Case {
            name: "time as text",
            input: r#"{"at":"1","how":"end","what":{"session":"s"}}"#,
            expected: u64::MAX,
        },
        Case {
            name: "no effect",
            input: r#"{"at":1,"what":{"session":"s"}}"#,
            expected: 1,
        },
        Case {
            name: "unknown effect",
            input: r#"{"at":1,"how":"later","what":{"session":"s"}}"#,
            expected: 1,
        },
        Case {
            name: "other case",
            input: r#"{"at":1,"how":"End","what":{"session":"s"}}"#,
            expected: 1,
        },
        Case {
            name: "effect of another type",
            input: r#"{"at":1,"how":1,"what":{"session":"s"}}"#,
            expected: 1,
        },
        Case {
            name: "no scope",
            input: r#"{"at":1,"how":"end"}"#,
            expected: 1,
        },
        Case {
            name: "unknown scope",
            input: r#"{"at":1,"how":"end","what":{"client":"c"}}"#,
            expected: 1,
        },
        Case {
            name: "unknown word",
            input: r#"{"at":1,"how":"end","what":"some"}"#,
            expected: 1,
        },
        Case {
            name: "null",
            input: r#"{"at":1,"how":"end","what":null}"#,
            expected: 1,
        },
        Case {
            name: "empty scope",
            input: r#"{"at":1,"how":"end","what":{}}"#,
            expected: 1,
        },
        Case {
            name: "two scopes",
            input: r#"{"at":1,"how":"end","what":{"session":"s","subject":"u"}}"#,
            expected: 1,
        },
        Case {
            name: "id of another type",
            input: r#"{"at":1,"how":"end","what":{"session":1}}"#,
            expected: 1,
        },
        Case {
            name: "member alone",
            input: r#"{"at":1,"how":"end","what":{"member":["u"]}}"#,
            expected: 1,
        },
        Case {
            name: "member of three",
            input: r#"{"at":1,"how":"end","what":{"member":["u","o","x"]}}"#,
            expected: 1,
        },
        Case {
            name: "member as text",
            input: r#"{"at":1,"how":"end","what":{"member":"u"}}"#,
            expected: 1,
        },
        Case {
            name: "short token",
            input: r#"{"at":1,"how":"end","what":{"token":"AAAA"}}"#,
            expected: 1,
        },
        Case {
            name: "token no base64",
            input: r#"{"at":1,"how":"end","what":{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*"}}"#,
            expected: 1,
        },
    ] {
        let all = Message {
            id: ID,
            at: expected,
            effect: Effect::Again,
            scope: Scope::All,
        };
        assert_eq!(read(input), all, "{name}");
    }
}

#[test]
fn content_without_an_id_is_an_invalidation_of_all() {
    for len in 0..16 {
        let message = Message::decode(&ID.0[..len]);
        assert_eq!(
            (message.effect, message.scope),
            (Effect::Again, Scope::All),
            "{len}"
        );
    }
}

#[test]
fn no_id_is_shown() {
    for scope in scopes() {
        let shown = format!("{scope:?}");
        assert!(!shown.contains("_1") && shown.len() < 13, "{shown}");
    }
}

#[test]
fn a_message_opens_across_realms() {
    let secret = FleetSecret::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    // The realm is not an argument of a log: two services with different realms derive the same keys.
    let (one, other) = (
        FleetKeys::new(&secret).log("issuer"),
        FleetKeys::new(&secret).log("issuer"),
    );
    let message = message(Effect::End, Scope::Token(digest()));
    let opened = other.open(&one.seal(&message.encode()).unwrap()).unwrap();
    assert_eq!(Message::decode(&opened), message);
}
