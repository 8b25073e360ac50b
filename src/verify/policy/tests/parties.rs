use super::{ISSUER, Rules, TokenInfo, Verdict, answer, check_all, owned, rules};
use crate::{
    AuthErrorKind::{WrongAudience, WrongClient, WrongIssuer},
    TokenKind,
    observe::AudienceVerdict,
    verify::policy::{AudiencePolicies, AudiencePolicy},
};

type Audiences<'a> = Option<&'a [&'a str]>;

type Parties = (Option<&'static str>, Option<&'static [&'static str]>);

fn set_parties(answer: &mut TokenInfo, (client, audience): Parties) {
    answer.client_id = client.map(ToOwned::to_owned);
    answer.aud = audience.map(owned);
}

#[test]
fn client_is_on_the_list_or_an_audience_stands_in() {
    let two = Rules {
        allowed_clients: Some(owned(&["client_1", "client_2"])),
        audiences: super::super::Audiences {
            oauth: owned(&["client_1", "client_2", "api"]),
            ..rules().audiences
        },
        ..rules()
    };
    let cases: [(&str, Parties, Verdict); 14] = [
        // C079
        ("the first", (Some("client_1"), None), Ok(())),
        ("the last", (Some("client_2"), None), Ok(())),
        ("another", (Some("client_3"), None), Err(WrongClient)),
        ("a capital", (Some("Client_1"), None), Err(WrongClient)),
        ("a part", (Some("client_"), None), Err(WrongClient)),
        ("more", (Some("client_12"), None), Err(WrongClient)),
        (
            "neither client nor audience",
            (None, None),
            Err(WrongClient),
        ),
        ("an audience stands in", (None, Some(&["client_1"])), Ok(())),
        (
            "one of several audiences",
            (None, Some(&["x", "client_2"])),
            Ok(()),
        ),
        (
            "an audience of ours that is no client",
            (None, Some(&["api"])),
            Err(WrongClient),
        ),
        ("no audiences", (None, Some(&[])), Err(WrongClient)),
        (
            "an empty client counts as none",
            (Some(""), None),
            Err(WrongClient),
        ),
        (
            "an audience for an empty client",
            (Some(""), Some(&["client_1"])),
            Ok(()),
        ),
        // B46
        (
            "no audience makes up for it",
            (Some("client_3"), Some(&["client_1"])),
            Err(WrongClient),
        ),
    ];
    check_all(&two, set_parties, cases);
}

#[test]
fn any_client_is_some_client() {
    let any = Rules {
        allowed_clients: None,
        ..rules()
    };
    let cases: [(&str, Parties, Verdict); 7] = [
        ("ours", (Some("client_1"), None), Ok(())),
        ("another", (Some("client_3"), None), Ok(())),
        (
            "none, but an audience",
            (None, Some(&["https://api.example.com"])),
            Ok(()),
        ),
        (
            "none, and another's audience",
            (None, Some(&["x"])),
            Err(WrongAudience),
        ),
        (
            "another, and another's audience",
            (Some("client_3"), Some(&["x"])),
            Err(WrongAudience),
        ),
        ("neither", (None, None), Err(WrongClient)),
        ("no audiences", (None, Some(&[])), Err(WrongClient)),
    ];
    check_all(&any, set_parties, cases);
}

#[test]
fn audience_names_us_byte_for_byte() {
    let set = |answer: &mut TokenInfo, value: Option<&[&str]>| answer.aud = value.map(owned);
    let no = Err(WrongAudience);
    let cases: [(&str, Audiences<'_>, Verdict); 18] = [
        ("absent", None, Ok(())),
        // C065
        ("the resource", Some(&["https://api.example.com"]), Ok(())),
        ("our client", Some(&["client_1"]), Ok(())),
        (
            "one of several",
            Some(&["x", "https://api.example.com"]),
            Ok(()),
        ),
        ("twice", Some(&["client_1", "client_1"]), Ok(())),
        ("none of several", Some(&["x", "y"]), no),
        ("an empty list", Some(&[]), no),
        ("an empty text", Some(&[""]), no),
        // C066
        ("a slash more", Some(&["https://api.example.com/"]), no),
        ("a capital", Some(&["https://API.example.com"]), no),
        ("the usual port", Some(&["https://api.example.com:443"]), no),
        ("percent-encoded", Some(&["https://api%2eexample.com"]), no),
        ("punycode", Some(&["https://xn--api.example.com"]), no),
        ("a beginning", Some(&["https://api.example"]), no),
        ("an end", Some(&["api.example.com"]), no),
        ("more", Some(&["https://api.example.com.evil"]), no),
        ("http", Some(&["http://api.example.com"]), no),
        ("two in one", Some(&["client_1 x"]), no),
    ];
    check_all(&rules(), set, cases);

    let policy = |oauth| Rules {
        audience_policies: AudiencePolicies {
            oauth,
            ..AudiencePolicies::default()
        },
        ..rules()
    };
    let strict = policy(AudiencePolicy::Require);
    let cases: [(&str, Audiences<'_>, Verdict); 3] = [
        ("required and absent", None, no),
        ("required and ours", Some(&["client_1"]), Ok(())),
        ("required and empty", Some(&[]), no),
    ];
    check_all(&strict, set, cases);

    let observing = policy(AudiencePolicy::Observe);
    let cases: [(&str, Audiences<'_>, Verdict); 4] = [
        ("observed and absent", None, Ok(())),
        ("observed and ours", Some(&["client_1"]), Ok(())),
        ("observed and another", Some(&["x"]), Ok(())),
        ("observed and empty", Some(&[]), Ok(())),
    ];
    check_all(&observing, set, cases);
}

#[test]
fn audience_that_names_us_is_told() {
    for (name, aud, expected) in [
        ("absent", None, AudienceVerdict::Absent),
        ("empty", Some(owned(&[])), AudienceVerdict::Foreign),
        ("another", Some(owned(&["x"])), AudienceVerdict::Foreign),
        (
            "ours",
            Some(owned(&["x", "client_1"])),
            AudienceVerdict::Ours,
        ),
    ] {
        let answer = TokenInfo { aud, ..answer() };
        let verdict = rules().audience_verdict(&answer, TokenKind::OAuth);
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn issuer_is_ours_byte_for_byte() {
    let set = |answer: &mut TokenInfo, value: Option<&str>| {
        answer.iss = value.map(ToOwned::to_owned);
    };
    // C067
    let cases = [
        ("absent", None, Ok(())),
        ("ours", Some(ISSUER), Ok(())),
        (
            "a slash more",
            Some("https://clerk.example.com/"),
            Err(WrongIssuer),
        ),
        ("http", Some("http://clerk.example.com"), Err(WrongIssuer)),
        (
            "a capital",
            Some("https://Clerk.example.com"),
            Err(WrongIssuer),
        ),
        (
            "a port",
            Some("https://clerk.example.com:443"),
            Err(WrongIssuer),
        ),
        (
            "a user",
            Some("https://clerk.example.com@evil"),
            Err(WrongIssuer),
        ),
        (
            "ours and more",
            Some("https://clerk.example.com.evil"),
            Err(WrongIssuer),
        ),
        (
            "a part of ours",
            Some("https://clerk.example"),
            Err(WrongIssuer),
        ),
        (
            "a space behind",
            Some("https://clerk.example.com "),
            Err(WrongIssuer),
        ),
        ("empty", Some(""), Err(WrongIssuer)),
    ];
    check_all(&rules(), set, cases);

    // Behind a proxy, its URL is an issuer, too.
    let proxied = Rules {
        proxy_issuer: Some("https://app.example.com/__clerk".to_owned()),
        ..rules()
    };
    let cases = [
        ("the instance", Some(ISSUER), Ok(())),
        ("the proxy", Some("https://app.example.com/__clerk"), Ok(())),
        (
            "a slash behind the proxy",
            Some("https://app.example.com/__clerk/"),
            Err(WrongIssuer),
        ),
        (
            "a path of the proxy",
            Some("https://app.example.com/__clerk/x"),
            Err(WrongIssuer),
        ),
        (
            "the host of the proxy",
            Some("https://app.example.com"),
            Err(WrongIssuer),
        ),
        (
            "the path of the proxy at the instance",
            Some("https://clerk.example.com/__clerk"),
            Err(WrongIssuer),
        ),
        ("neither", Some("https://evil.example"), Err(WrongIssuer)),
    ];
    check_all(&proxied, set, cases);

    let composed = Rules {
        issuer: "https://caf\u{e9}.example".to_owned(),
        ..rules()
    };
    let decomposed = Some("https://cafe\u{301}.example");
    check_all(
        &composed,
        set,
        [("another normal form", decomposed, Err(WrongIssuer))],
    );
}
