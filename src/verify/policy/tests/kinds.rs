use serde_json::{Value, json};

use super::{ISSUER, NOW, Rules, TokenInfo, Verdict, owned, rules};
use crate::{
    AuthErrorKind::{
        MalformedToken, MissingSubject, NotSessionToken, PendingSession, UnauthorizedParty,
        WrongAudience, WrongClient, WrongMachine,
    },
    TokenKind,
    token::resource_uri::ResourceUri,
    verify::policy::{AudiencePolicies, AudiencePolicy, Audiences},
};

/// What a session token says, read here.
fn session() -> TokenInfo {
    let Value::Object(other) = json!({ "sid": "sess_1", "sts": "active", "fva": [0, -1] }) else {
        unreachable!("it is an object");
    };
    TokenInfo {
        active: true,
        sub: Some("user_1".to_owned()),
        iss: Some(ISSUER.to_owned()),
        exp: Some(NOW + 60),
        is_local: true,
        other,
        ..TokenInfo::default()
    }
}

/// What is said of an opaque token of this subject.
fn opaque(subject: &str) -> TokenInfo {
    TokenInfo {
        active: true,
        sub: Some(subject.to_owned()),
        ..TokenInfo::default()
    }
}

#[track_caller]
fn check(name: &str, rules: &Rules, kind: TokenKind, answer: &TokenInfo, expected: Verdict) {
    assert_eq!(rules.check(answer, kind, NOW), expected, "{name}");
}

#[test]
fn every_kind_has_subjects_of_its_own() {
    let no = Err(MissingSubject);
    // OAuth, session, API key, machine.
    let cases: [(&str, Option<&str>, [Verdict; 4]); 12] = [
        ("a user", Some("user_1"), [Ok(()), Ok(()), Ok(()), no]),
        ("an organization", Some("org_1"), [Ok(()), no, Ok(()), no]),
        ("a machine", Some("mch_1"), [no, no, Ok(()), Ok(())]),
        ("something else", Some("sub"), [Ok(()), no, no, no]),
        ("a capital", Some("User_1"), [Ok(()), no, no, no]),
        ("another beginning", Some("user1"), [Ok(()), no, no, no]),
        ("a space", Some(" user_1"), [Ok(()), no, no, no]),
        ("the beginning alone", Some("user_"), [Ok(()), no, no, no]),
        ("of an organization", Some("org_"), [Ok(()), no, no, no]),
        ("of a machine", Some("mch_"), [no, no, no, no]),
        ("an empty one", Some(""), [Ok(()), no, no, no]),
        // Userinfo may name the subject of an OAuth token.
        ("none", None, [Ok(()), no, no, no]),
    ];
    let rules = Rules {
        machines: None,
        ..rules()
    };
    for (name, subject, expected) in cases {
        for (kind, expected) in TokenKind::ALL.into_iter().zip(expected) {
            let answer = TokenInfo {
                sub: subject.map(ToOwned::to_owned),
                client_id: Some("client_1".to_owned()),
                ..session()
            };
            check(
                &format!("{name}, {kind:?}"),
                &rules,
                kind,
                &answer,
                expected,
            );
        }
    }
}

/// A session token with a claim of its own; null: without it.
fn session_with(claim: &str, value: Value) -> TokenInfo {
    let mut answer = session();
    answer.other.insert(claim.to_owned(), value);
    answer
}

#[test]
fn a_session_token_names_its_session() {
    let mut without = session();
    without.other.remove("sid");
    check(
        "none",
        &rules(),
        TokenKind::Session,
        &without,
        Err(NotSessionToken),
    );
    for (name, id, expected) in [
        ("a session", json!("sess_2"), Ok(())),
        ("null", json!(null), Err(NotSessionToken)),
        ("empty", json!(""), Err(NotSessionToken)),
        ("the beginning alone", json!("sess_"), Err(NotSessionToken)),
        ("another id", json!("user_1"), Err(NotSessionToken)),
        ("a capital", json!("Sess_1"), Err(NotSessionToken)),
        ("a number", json!(1), Err(MalformedToken)),
        ("a list", json!(["sess_1"]), Err(MalformedToken)),
        ("true", json!(true), Err(MalformedToken)),
    ] {
        let answer = session_with("sid", id);
        check(name, &rules(), TokenKind::Session, &answer, expected);
    }
}

#[test]
fn a_session_token_comes_from_an_authorized_party() {
    let any = rules();
    let some = Rules {
        authorized_parties: Some(owned(&["https://app.example.com", "http://localhost:3000"])),
        ..rules()
    };
    let no = Err(UnauthorizedParty);
    // Where any will do, and where some are named.
    for (name, party, by_any, by_some) in [
        (
            "the first",
            json!("https://app.example.com"),
            Ok(()),
            Ok(()),
        ),
        ("the last", json!("http://localhost:3000"), Ok(()), Ok(())),
        ("null", json!(null), Ok(()), no),
        ("empty", json!(""), Ok(()), no),
        ("another", json!("https://evil.example"), Ok(()), no),
        (
            "another scheme",
            json!("http://app.example.com"),
            Ok(()),
            no,
        ),
        ("a port", json!("https://app.example.com:443"), Ok(()), no),
        ("a slash", json!("https://app.example.com/"), Ok(()), no),
        ("a capital", json!("https://App.example.com"), Ok(()), no),
        ("a part", json!("https://app.example.co"), Ok(()), no),
        ("more", json!("https://app.example.com.evil"), Ok(()), no),
        ("a space", json!(" https://app.example.com"), Ok(()), no),
        (
            "two",
            json!("https://app.example.com http://localhost:3000"),
            Ok(()),
            no,
        ),
        (
            "a list",
            json!(["https://app.example.com"]),
            Err(MalformedToken),
            Err(MalformedToken),
        ),
        (
            "a number",
            json!(1),
            Err(MalformedToken),
            Err(MalformedToken),
        ),
    ] {
        let answer = session_with("azp", party);
        check(name, &any, TokenKind::Session, &answer, by_any);
        check(name, &some, TokenKind::Session, &answer, by_some);
    }
    check("none", &any, TokenKind::Session, &session(), Ok(()));
    check("none", &some, TokenKind::Session, &session(), no);
}

#[test]
fn a_session_is_active_or_pending_where_that_is_allowed() {
    let strict = rules();
    let lenient = Rules {
        allow_pending: true,
        ..rules()
    };
    let no = Err(PendingSession);
    for (name, status, by_strict, by_lenient) in [
        ("active", json!("active"), Ok(()), Ok(())),
        ("null", json!(null), Ok(()), Ok(())),
        ("pending", json!("pending"), no, Ok(())),
        ("unknown", json!("revoked"), no, no),
        ("a capital", json!("Active"), no, no),
        ("a capital, pending", json!("Pending"), no, no),
        ("empty", json!(""), no, no),
        (
            "true",
            json!(true),
            Err(MalformedToken),
            Err(MalformedToken),
        ),
        (
            "a list",
            json!(["active"]),
            Err(MalformedToken),
            Err(MalformedToken),
        ),
    ] {
        let answer = session_with("sts", status);
        check(name, &strict, TokenKind::Session, &answer, by_strict);
        check(name, &lenient, TokenKind::Session, &answer, by_lenient);
    }
    let mut without = session();
    without.other.remove("sts");
    check("none", &strict, TokenKind::Session, &without, Ok(()));
}

#[test]
fn claims_of_sessions_mean_nothing_elsewhere() {
    let rules = Rules {
        authorized_parties: Some(owned(&["https://app.example.com"])),
        machines: None,
        ..rules()
    };
    let Value::Object(other) = json!({ "azp": 1, "sts": "pending", "sid": 2 }) else {
        unreachable!("it is an object");
    };
    for (kind, subject) in [
        (TokenKind::OAuth, "user_1"),
        (TokenKind::ApiKey, "user_1"),
        (TokenKind::Machine, "mch_1"),
    ] {
        let answer = TokenInfo {
            client_id: Some("client_1".to_owned()),
            other: other.clone(),
            ..opaque(subject)
        };
        check("claims of sessions", &rules, kind, &answer, Ok(()));
    }
}

#[test]
fn an_audience_must_name_us_and_may_have_to_be_there() {
    // API keys have no audiences of their own, beside the resource.
    let resource = "https://api.example.com".to_owned();
    let lenient = Rules {
        audiences: Audiences {
            resource: Some(ResourceUri::new(resource)),
            ..rules().audiences
        },
        ..rules()
    };
    let strict = Rules {
        audience_policies: AudiencePolicies {
            oauth: AudiencePolicy::Require,
            session: AudiencePolicy::Require,
        },
        audiences: lenient.audiences.clone(),
        ..rules()
    };
    let no = Err(WrongAudience);
    for (name, audience, by_lenient, by_strict) in [
        (
            "ours",
            Some(&["https://api.example.com"][..]),
            Ok(()),
            Ok(()),
        ),
        (
            "ours among others",
            Some(&["x", "https://api.example.com"]),
            Ok(()),
            Ok(()),
        ),
        // fault A5
        ("our client", Some(&["client_1"]), no, no),
        ("another", Some(&["https://other.example"]), no, no),
        ("an empty list", Some(&[]), no, no),
        ("none", None, Ok(()), no),
    ] {
        for (kind, answer) in [
            (TokenKind::Session, session()),
            (TokenKind::ApiKey, opaque("user_1")),
        ] {
            let answer = TokenInfo {
                aud: audience.map(owned),
                ..answer
            };
            let name = format!("{name}, {kind:?}");
            check(&name, &lenient, kind, &answer, by_lenient);
            // No policy requires an audience of API keys.
            let by_strict = match kind {
                TokenKind::Session => by_strict,
                _ => by_lenient,
            };
            check(&name, &strict, kind, &answer, by_strict);
        }
    }
}

#[test]
fn a_machine_token_is_addressed_to_us() {
    type Addresses = (Option<&'static str>, Option<&'static [&'static str]>);

    let ours = Rules {
        machines: Some(owned(&["mch_a", "mch_b"])),
        ..rules()
    };
    let any = Rules {
        machines: None,
        ..rules()
    };
    let no = Err(WrongMachine);
    let cases: [(&str, Addresses, Verdict); 13] = [
        ("by a scope", (Some("mch_a"), None), Ok(())),
        ("by the last scope", (Some("mch_c mch_b"), None), Ok(())),
        ("by an audience", (None, Some(&["mch_b"])), Ok(())),
        (
            "by one of several",
            (None, Some(&["mch_c", "mch_a"])),
            Ok(()),
        ),
        ("to nobody", (None, None), no),
        ("to nobody, by an empty scope", (Some(""), None), no),
        ("to nobody, by an empty list", (None, Some(&[])), no),
        ("to another", (Some("mch_c"), None), no),
        ("to another audience", (None, Some(&["mch_c"])), no),
        ("to what begins alike", (Some("mch_"), None), no),
        ("to what is longer", (Some("mch_ab"), None), no),
        // An audience decides, where there is one.
        (
            "to us by scope, to another by audience",
            (Some("mch_a"), Some(&["mch_c"])),
            no,
        ),
        // What we are called otherwise is no machine.
        (
            "to our resource",
            (None, Some(&["https://api.example.com"])),
            no,
        ),
    ];
    for (name, (scope, audience), expected) in cases {
        let answer = TokenInfo {
            scope: scope.map(ToOwned::to_owned),
            aud: audience.map(owned),
            ..opaque("mch_1")
        };
        check(name, &ours, TokenKind::Machine, &answer, expected);
        check(name, &any, TokenKind::Machine, &answer, Ok(()));
        // Nobody said which one we are.
        check(name, &rules(), TokenKind::Machine, &answer, no);
    }
}

#[test]
fn clients_are_those_of_oauth_tokens() {
    for (kind, subject, expected) in [
        (TokenKind::OAuth, "user_1", Err(WrongClient)),
        (TokenKind::ApiKey, "user_1", Ok(())),
        (TokenKind::Session, "user_1", Ok(())),
    ] {
        for client in [None, Some("client_2".to_owned())] {
            let answer = TokenInfo {
                sub: Some(subject.to_owned()),
                client_id: client,
                ..session()
            };
            check("no client of ours", &rules(), kind, &answer, expected);
        }
    }
}
