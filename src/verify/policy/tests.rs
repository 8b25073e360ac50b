mod audiences;
mod kinds;
mod local;
mod parties;

use std::sync::Arc;

use super::{AudiencePolicies, Audiences, Rules, TokenInfo};
use crate::{
    AuthErrorKind::{
        self, Expired, Inactive, InsufficientScope, NotAccessToken, NotYetValid, SenderConstrained,
        WrongAudience, WrongClient, WrongIssuer,
    },
    TokenKind,
};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://clerk.example.com";

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl Rules {
    /// The rules of a configuration with nothing but what is mandatory, and a resource.
    pub(crate) fn usual() -> Self {
        Self {
            accept: [TokenKind::OAuth].into_iter().collect(),
            authorized_parties: None,
            allow_pending: false,
            machines: Some(Vec::new()),
            allowed_clients: Some(owned(&["client_1"])),
            audiences: Audiences {
                oauth: owned(&["https://api.example.com"]),
                session: owned(&["https://api.example.com"]),
                resource: None,
                client_id: Some("client_1".to_owned()),
            },
            audience_policies: AudiencePolicies::default(),
            issuer: ISSUER.to_owned(),
            proxy_issuer: None,
            required_scopes: Vec::new(),
            api_key_scopes: Vec::new(),
            scope_implies: None,
            leeway: 5,
        }
    }
}

fn rules() -> Rules {
    Rules::usual()
}

/// What Clerk's documented answer amounts to: active, and of our client.
fn answer() -> TokenInfo {
    TokenInfo {
        active: true,
        client_id: Some("client_1".to_owned()),
        ..TokenInfo::default()
    }
}

type Verdict = Result<(), AuthErrorKind>;

struct Case<'a> {
    name: &'a str,
    input: (&'a Rules, TokenInfo),
    expected: Verdict,
}

#[track_caller]
fn check(case: &Case<'_>) {
    let (rules, answer) = &case.input;
    assert_eq!(
        rules.check(answer, TokenKind::OAuth, NOW),
        case.expected,
        "{}",
        case.name
    );
}

#[track_caller]
fn check_all<T>(
    rules: &Rules,
    set: impl Fn(&mut TokenInfo, T),
    cases: impl IntoIterator<Item = (&'static str, T, Verdict)>,
) {
    for (name, value, expected) in cases {
        let mut answer = answer();
        set(&mut answer, value);
        check(&Case {
            name,
            input: (rules, answer),
            expected,
        });
    }
}

#[test]
fn rules_are_asked_in_their_order() {
    let rules = Rules {
        required_scopes: owned(&["email"]),
        ..rules()
    };
    let mut answer = TokenInfo {
        active: false,
        client_id: Some("client_2".to_owned()),
        aud: Some(owned(&["https://other.example"])),
        iss: Some("https://evil.example".to_owned()),
        exp: Some(NOW),
        nbf: Some(NOW - 1),
        iat: Some(NOW + 6),
        token_type: Some("DPoP".to_owned()),
        token_use: Some("refresh_token".to_owned()),
        confirmation: true,
        ..TokenInfo::default()
    };
    let mut expect = |expected: Result<(), AuthErrorKind>, mend: fn(&mut TokenInfo)| {
        assert_eq!(rules.check(&answer, TokenKind::OAuth, NOW), expected);
        mend(&mut answer);
    };
    // 1
    expect(Err(Inactive), |answer| answer.active = true);
    // 2
    expect(Err(SenderConstrained), |answer| answer.confirmation = false);
    expect(Err(SenderConstrained), |answer| answer.token_type = None);
    expect(Err(NotAccessToken), |answer| answer.token_use = None);
    // 3
    expect(Err(Expired), |answer| answer.exp = None);
    expect(Err(NotYetValid), |answer| answer.iat = None);
    // 4
    expect(Err(WrongIssuer), |answer| answer.iss = None);
    // 5
    expect(Err(WrongClient), |answer| {
        answer.client_id = Some("client_1".to_owned())
    });
    // 6
    expect(Err(WrongAudience), |answer| answer.aud = None);
    // 7
    expect(Err(InsufficientScope), |answer| {
        answer.scope = Some("email".to_owned())
    });
    expect(Ok(()), |_| {});
}

#[test]
fn inactive_is_rejected_whatever_else_it_says() {
    // C054
    check(&Case {
        name: "inactive with claims",
        input: (
            &rules(),
            TokenInfo {
                active: false,
                sub: Some("user_1".to_owned()),
                exp: Some(NOW + 60),
                ..answer()
            },
        ),
        expected: Err(Inactive),
    });
    // C055
    check(&Case {
        name: "active and nothing else",
        input: (
            &rules(),
            TokenInfo {
                active: true,
                ..TokenInfo::default()
            },
        ),
        expected: Err(WrongClient),
    });
}

#[test]
fn only_a_bearer_token_is_borne() {
    let set = |answer: &mut TokenInfo, value: Option<&str>| {
        answer.token_type = value.map(ToOwned::to_owned);
    };
    // C077
    let cases = [
        ("absent", None, Ok(())),
        ("Bearer", Some("Bearer"), Ok(())),
        ("lower case", Some("bearer"), Ok(())),
        ("DPoP", Some("DPoP"), Err(SenderConstrained)),
        ("N_A", Some("N_A"), Err(SenderConstrained)),
        ("empty", Some(""), Err(SenderConstrained)),
        ("more", Some("Bearer "), Err(SenderConstrained)),
    ];
    check_all(&rules(), set, cases);
    // C078 C037
    let set = |answer: &mut TokenInfo, value| answer.confirmation = value;
    check_all(
        &rules(),
        set,
        [("a confirmation", true, Err(SenderConstrained))],
    );
    let set = |answer: &mut TokenInfo, value: Option<&str>| {
        answer.token_use = value.map(ToOwned::to_owned);
    };
    // C077
    let cases = [
        ("absent", None, Ok(())),
        ("access token", Some("access_token"), Ok(())),
        ("in capitals", Some("ACCESS_TOKEN"), Ok(())),
        ("refresh token", Some("refresh_token"), Err(NotAccessToken)),
        ("ID token", Some("id_token"), Err(NotAccessToken)),
        ("access", Some("access"), Err(NotAccessToken)),
        ("empty", Some(""), Err(NotAccessToken)),
    ];
    check_all(&rules(), set, cases);
}

#[test]
fn expiry_is_never_stretched() {
    let set = |answer: &mut TokenInfo, value| answer.exp = value;
    let cases = [
        // C061
        ("absent", None, Ok(())),
        // C056
        ("a second ahead", Some(NOW + 1), Ok(())),
        ("now", Some(NOW), Err(Expired)),
        ("a second ago", Some(NOW - 1), Err(Expired)),
        ("within the leeway", Some(NOW - 5), Err(Expired)),
        // C057 B33
        ("zero", Some(0), Err(Expired)),
        ("negative", Some(-1), Err(Expired)),
        ("least", Some(i64::MIN), Err(Expired)),
        // C060 B38
        ("in milliseconds", Some(NOW * 1000), Ok(())),
        ("greatest", Some(i64::MAX), Ok(())),
    ];
    check_all(&rules(), set, cases);
}

#[test]
fn beginning_is_forgiven_the_leeway() {
    let cases = || {
        [
            ("absent", None, Ok(())),
            ("long ago", Some(i64::MIN), Ok(())),
            ("now", Some(NOW), Ok(())),
            ("a second ahead", Some(NOW + 1), Ok(())),
            ("the leeway ahead", Some(NOW + 5), Ok(())),
            ("a second more", Some(NOW + 6), Err(NotYetValid)),
            ("greatest", Some(i64::MAX), Err(NotYetValid)),
        ]
    };
    // C062
    check_all(&rules(), |answer, value| answer.nbf = value, cases());
    // C063
    check_all(&rules(), |answer, value| answer.iat = value, cases());
}

#[test]
fn leeway_is_the_one_given() {
    for (leeway, ahead, expected) in [
        (0, 0, Ok(())),
        (0, 1, Err(NotYetValid)),
        (60, 60, Ok(())),
        (60, 61, Err(NotYetValid)),
    ] {
        let rules = Rules { leeway, ..rules() };
        let set = |answer: &mut TokenInfo, value| answer.nbf = Some(value);
        check_all(&rules, set, [("ahead", NOW + ahead, expected)]);
    }
    let rules = Rules {
        leeway: i64::MAX,
        ..rules()
    };
    let set = |answer: &mut TokenInfo, value| answer.iat = Some(value);
    check_all(&rules, set, [("endless leeway", i64::MAX, Ok(()))]);
}

#[test]
fn token_that_ends_before_it_begins_is_over() {
    // C064
    let cases = || {
        [
            ("ends as it begins", (NOW + 3, NOW + 3), Ok(())),
            ("ends a second before", (NOW + 3, NOW + 2), Err(Expired)),
            ("ends a second after", (NOW + 3, NOW + 4), Ok(())),
        ]
    };
    let set = |answer: &mut TokenInfo, (nbf, exp)| {
        answer.nbf = Some(nbf);
        answer.exp = Some(exp);
    };
    check_all(&rules(), set, cases());
    let set = |answer: &mut TokenInfo, (iat, exp)| {
        answer.iat = Some(iat);
        answer.exp = Some(exp);
    };
    check_all(&rules(), set, cases());
}

fn set_scope(answer: &mut TokenInfo, value: Option<&str>) {
    answer.scope = value.map(ToOwned::to_owned);
}

#[test]
fn all_scopes_are_needed_each_as_it_is() {
    let rules = Rules {
        required_scopes: owned(&["email", "profile"]),
        ..rules()
    };
    let no = Err(InsufficientScope);
    let cases = [
        ("both", Some("email profile"), Ok(())),
        (
            "in another order, among others",
            Some("a profile b email"),
            Ok(()),
        ),
        // C070
        ("absent", None, no),
        // C069
        ("empty", Some(""), no),
        ("a space", Some(" "), no),
        ("double spaces", Some("email  profile"), Ok(())),
        (
            "a space in front and behind",
            Some(" email profile "),
            Ok(()),
        ),
        ("a tab between", Some("email\tprofile"), no),
        ("a newline between", Some("email\nprofile"), no),
        ("a no-break space between", Some("email\u{a0}profile"), no),
        ("a comma between", Some("email,profile"), no),
        // C071
        ("the first alone", Some("email"), no),
        ("the last alone", Some("profile"), no),
        ("a longer one", Some("email profiles"), no),
        ("a shorter one", Some("email profil"), no),
        ("a capital", Some("email Profile"), no),
        ("twice the same", Some("email email"), no),
    ];
    check_all(&rules, set_scope, cases);
    let none = super::tests::rules();
    check_all(
        &none,
        set_scope,
        [
            ("none is needed", None, Ok(())),
            ("nor here", Some(""), Ok(())),
        ],
    );
}

#[test]
fn hierarchy_of_scopes_goes_one_way() {
    let rules = Rules {
        required_scopes: owned(&["files:read", "email"]),
        scope_implies: Some(Arc::new(|granted, needed| {
            granted == "files" && needed.starts_with("files:")
        })),
        ..rules()
    };
    let no = Err(InsufficientScope);
    let cases = [
        ("itself", Some("email files:read"), Ok(())),
        ("the broader one", Some("email files"), Ok(())),
        (
            "the broader one last and among others",
            Some("x email y files"),
            Ok(()),
        ),
        ("the broader one implies no other", Some("files"), no),
        ("another narrow one", Some("email files:write"), no),
        ("none", None, no),
        ("empty", Some(""), no),
    ];
    check_all(&rules, set_scope, cases);
}

#[test]
fn debug_shows_the_rules() {
    let shown = format!("{:?}", rules());
    for expected in [
        ISSUER,
        "leeway: 5",
        "oauth: RejectForeign",
        "audiences: Audiences {",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    // fault D1: what was given as an id may be a secret.
    assert!(!shown.contains("client_1"), "{shown}");
}
