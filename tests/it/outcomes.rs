//! The table of outcomes, row by row, in HTTP and in gRPC; every rejection twice, since the second may
//! come from the cache, and from two layers, since the other must not know.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault, Field},
    kinds::Enrichment,
};

use crate::support::{Answer, App, World};

const NO_CREDENTIALS: &str = "Bearer scope=\"email profile\", \
    resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\"";
const INVALID_REQUEST: &str =
    "Bearer error=\"invalid_request\", error_description=\"the credentials are malformed\"";
const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\", \
    error_description=\"the access token is not valid\", \
    resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\"";
const INSUFFICIENT_SCOPE: &str = "Bearer error=\"insufficient_scope\", \
    error_description=\"the access token lacks a required permission\", scope=\"email profile\", \
    resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\"";

struct Row {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    kind: AuthErrorKind,
    status: u16,
    challenge: Option<&'static str>,
    grpc_status: &'static str,
}

impl Row {
    fn new(
        name: &'static str,
        authorization: impl Into<String>,
        kind: AuthErrorKind,
        (status, challenge, grpc_status): Outcome,
    ) -> Self {
        Self {
            name,
            headers: vec![("authorization", authorization.into())],
            kind,
            status,
            challenge,
            grpc_status,
        }
    }

    async fn check(&self, app: &App) {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for turn in ["first", "second"] {
            let name = self.name;
            let answer = app.send(&headers).await;
            assert_eq!(answer.kind(), Some(self.kind), "{name}, {turn} time");
            assert_eq!(answer.status(), self.status, "{name}, {turn} time");
            assert_eq!(answer.challenge(), self.challenge, "{name}, {turn} time");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
            assert_retry_after(name, &answer, self.status == 503);
        }
        for turn in ["first", "second"] {
            let name = self.name;
            let answer = app.send_grpc(&headers).await;
            assert_eq!(answer.kind(), Some(self.kind), "{name}, {turn} time");
            assert_eq!(answer.status(), 200, "{name}, {turn} time");
            assert_eq!(answer.header("content-type"), Some("application/grpc"));
            assert_eq!(
                answer.header("grpc-status"),
                Some(self.grpc_status),
                "{name}"
            );
            assert!(
                answer
                    .header("grpc-message")
                    .is_some_and(|text| !text.is_empty())
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
            // fault E13
            assert_retry_after(name, &answer, self.status == 503);
            let millis = answer
                .header("retry-after")
                .map(|delay| format!("{delay}000"));
            assert_eq!(
                answer.header("grpc-retry-pushback-ms"),
                millis.as_deref(),
                "{name}"
            );
        }
        assert_eq!(app.inner_calls(), 0, "{}", self.name);
    }
}

fn assert_retry_after(name: &str, answer: &Answer, is_expected: bool) {
    let seconds = answer
        .header("retry-after")
        .map(|value| value.parse::<u64>().unwrap());
    if is_expected {
        assert!((1..=5).contains(&seconds.unwrap()), "{name}: {seconds:?}");
    } else {
        assert_eq!(seconds, None, "{name}");
    }
}

/// Status, challenge, gRPC status.
type Outcome = (u16, Option<&'static str>, &'static str);

const MISSING: Outcome = (401, Some(NO_CREDENTIALS), "16");
const MALFORMED: Outcome = (400, Some(INVALID_REQUEST), "16");
const INVALID: Outcome = (401, Some(INVALID_TOKEN), "16");
const SCOPE: Outcome = (403, Some(INSUFFICIENT_SCOPE), "7");
const UNAVAILABLE: Outcome = (503, None, "14");

fn strict_apps(world: &World) -> [App; 2] {
    let config = || {
        world
            .accepting(world.oauth().required_scopes(["email", "profile"]))
            .resource("https://api.example.com/v1")
    };
    [App::new(config()), App::new(config())]
}

async fn check(world: &World, rows: &[Row]) {
    for app in strict_apps(world) {
        for row in rows {
            row.check(&app).await;
        }
    }
}

#[tokio::test]
async fn no_credentials_are_challenged_without_an_error() {
    let world = World::new();
    let row = |name, value: &str| Row::new(name, value, AuthErrorKind::MissingCredentials, MISSING);
    let mut rows = vec![
        row("C002 an empty value", ""),
        row("C009 no space", "Bearertok"),
        row("C009 a longer scheme", "Bearerx tok"),
        row("C009 a scheme that ends alike", "NotBearer tok"),
        row("C014 basic", "Basic dXNlcjpwYXNz"),
        row("C014 dpop", "DPoP oat_abc"),
        row("C014 digest", "Digest username=\"x\""),
    ];
    // C001, C027, C028, C031, C032: credentials in other places are none.
    for (name, header) in [
        ("C001 no header at all", None),
        ("C031 a cookie", Some(("cookie", "__session=oat_abc"))),
        (
            "C031 for the proxy",
            Some(("proxy-authorization", "Bearer oat_abc")),
        ),
        (
            "C032 forwarded",
            Some(("x-forwarded-authorization", "Bearer oat_abc")),
        ),
    ] {
        rows.push(Row {
            headers: header
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            ..row(name, "")
        });
    }
    check(&world, &rows).await;
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn malformed_credentials_are_a_bad_request() {
    let world = World::new();
    let malformed =
        |name, value: &str| Row::new(name, value, AuthErrorKind::MalformedCredentials, MALFORMED);
    let too_long = |name, length: usize| {
        Row::new(
            name,
            format!("Bearer {}", "a".repeat(length)),
            AuthErrorKind::TokenTooLong,
            MALFORMED,
        )
    };
    let several = |name, values: [&str; 2]| Row {
        headers: values
            .iter()
            .map(|value| ("authorization", (*value).to_owned()))
            .collect(),
        ..Row::new(name, "", AuthErrorKind::MultipleCredentials, MALFORMED)
    };
    let rows = [
        malformed("C003 the scheme alone", "Bearer"),
        malformed("C004 the scheme and a space", "Bearer "),
        malformed("C007 a tab", "Bearer\toat_abc"),
        several("C010 twice the same", ["Bearer oat_a", "Bearer oat_a"]),
        several("C011 bearer first", ["Bearer oat_a", "Basic dXNlcg=="]),
        several("C011 bearer second", ["Basic dXNlcg==", "Bearer oat_a"]),
        malformed("C012 a list", "Bearer oat_a, Bearer oat_b"),
        malformed("C013 a comma", "Bearer oat_a,oat_b"),
        malformed("C015 more behind it", "Bearer oat_a extra"),
        malformed("C016 quotes", "Bearer \"oat_a\""),
        malformed("C018 padding inside", "Bearer oat_=a"),
        malformed("C019 padding alone", "Bearer =="),
        malformed("B35 a form", "Bearer oat_a&token=b"),
        too_long("C024 one byte too long", 4097),
        too_long("C024 64 KiB", 64 * 1024),
        too_long("C024 a megabyte", 1 << 20),
        Row {
            headers: vec![("authorization", format!("Bearer {}", ".".repeat(1_000_000)))],
            ..too_long("C025 a million dots", 0)
        },
    ];
    check(&world, &rows).await;
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn bytes_beyond_ascii_are_a_bad_request() {
    // C021, C022
    let world = World::new();
    let app = world.app();
    for value in [
        "Bearer oat_é".as_bytes(),
        b"Bearer oat_\xff",
        b"Bearer \xc3(",
    ] {
        for _ in 0..2 {
            app.send_bytes(&[("authorization", value)])
                .await
                .assert_rejected(400, AuthErrorKind::MalformedCredentials);
        }
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn all_forms_of_a_good_credential_are_one_token() {
    // C005, C006, C008, C102
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    for value in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("bEaReR  {token}"),
        format!("  Bearer {token}\t"),
    ] {
        app.send(&[("authorization", &value)])
            .await
            .assert_accepted();
    }
    assert_eq!(world.calls(), (1, 1));
    assert_eq!(app.layer.authenticator().stats().entries, 1);
}

#[tokio::test]
async fn padding_and_the_longest_token_reach_clerk_verbatim() {
    // C020, C024
    let world = World::new();
    let app = world.app();
    for token in ["oat_abc==".to_owned(), format!("oat_{}", "a".repeat(4092))] {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
        let sent = world.clerk.requests().pop().unwrap();
        assert_eq!(sent.form_field("token").as_deref(), Some(&*token));
    }
}

#[tokio::test]
async fn bad_tokens_are_rejected_alike() {
    let world = World::new();
    let clerk = &world.clerk;
    // Members that Clerk does not document, but that an answer may have.
    clerk.introspection_includes([Field::Exp, Field::Aud, Field::Nbf, Field::TokenType]);
    let row = |name, token: String, kind| Row::new(name, format!("Bearer {token}"), kind, INVALID);
    let with =
        |name: &str, value: serde_json::Value| clerk.token("user_1").claim(name, value).issue();
    let revoked = clerk.token("user_1").issue();
    clerk.revoke(&revoked);
    let now = i64::try_from(clerk.now()).unwrap();
    let rows = [
        row("unknown", "oat_unknown".into(), AuthErrorKind::Inactive),
        row("revoked", revoked, AuthErrorKind::Inactive),
        row(
            "expired",
            clerk.token("user_1").expired().issue(),
            AuthErrorKind::Inactive,
        ),
        row(
            "expired, as the JWT itself says",
            clerk.token("user_1").jwt().expired().issue(),
            AuthErrorKind::Expired,
        ),
        row(
            "C057 exp is zero",
            with("exp", 0.into()),
            AuthErrorKind::Expired,
        ),
        row(
            "C062 not yet",
            with("nbf", (now + 600).into()),
            AuthErrorKind::NotYetValid,
        ),
        row(
            "C063 from tomorrow",
            with("iat", (now + 600).into()),
            AuthErrorKind::NotYetValid,
        ),
        row(
            "C079 another client",
            clerk.token("user_1").client_id("somebodyElse").issue(),
            AuthErrorKind::WrongClient,
        ),
        row(
            "another resource",
            clerk
                .token("user_1")
                .resource("https://other.example.com")
                .issue(),
            AuthErrorKind::WrongAudience,
        ),
        row(
            "C066 a resource with two slashes more",
            clerk
                .token("user_1")
                .resource("https://api.example.com/v1//")
                .issue(),
            AuthErrorKind::WrongAudience,
        ),
        row(
            "C067 another issuer",
            with("iss", "https://evil.example.com".into()),
            AuthErrorKind::WrongIssuer,
        ),
        row(
            "C077 a DPoP token",
            with("token_type", "DPoP".into()),
            AuthErrorKind::SenderConstrained,
        ),
        row(
            "C077 a refresh token by its use",
            with("token_use", "refresh_token".into()),
            AuthErrorKind::NotAccessToken,
        ),
        row(
            "C078 bound to a key",
            with("cnf", serde_json::json!({"jkt": "abc"})),
            AuthErrorKind::SenderConstrained,
        ),
        row(
            "C073 an empty subject",
            with("sub", "".into()),
            AuthErrorKind::MissingSubject,
        ),
        row(
            "C045 a NUL in the subject",
            with("sub", "user_\u{0}".into()),
            AuthErrorKind::MissingSubject,
        ),
        row(
            "C053 revoked, though active",
            with("revoked", true.into()),
            AuthErrorKind::Inactive,
        ),
    ];
    check(&world, &rows).await;
}

#[tokio::test]
async fn tokens_of_other_kinds_never_reach_clerk() {
    let world = World::new();
    let refresh_token = world.clerk.refresh_token("user_1");
    let row = |name, token: &str| {
        Row::new(
            name,
            format!("Bearer {token}"),
            AuthErrorKind::UnsupportedToken,
            INVALID,
        )
    };
    check(
        &world,
        &[
            row("a refresh token", &refresh_token),
            row("a session id", "sess_2abc"),
            row(
                "an API key",
                "ak_LCWGdaM8mv8K4PC/57IICZQXAeWfCgF30DZaFXHoGn9=",
            ),
            row("a machine token", "mt_abc"),
            row("random text", "abc"),
            row("two parts", "abc.def"),
            row("four parts", "a.b.c.d"),
            row("an empty part", "abc..def"),
            row("parts that are not base64url", "abc.d/f.ghi"),
        ],
    )
    .await;
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn missing_scopes_are_named() {
    // C069, C070, C071
    let world = World::new();
    let clerk = &world.clerk;
    let row = |name, token: String| {
        Row::new(
            name,
            format!("Bearer {token}"),
            AuthErrorKind::InsufficientScope,
            SCOPE,
        )
    };
    let with = |scope: &str| clerk.token("user_1").claim("scope", scope).issue();
    check(
        &world,
        &[
            row(
                "one of two",
                clerk.token("user_1").scopes(["email"]).issue(),
            ),
            row("none", clerk.token("user_1").scopes([""; 0]).issue()),
            row("a longer name", with("email profiles")),
            row("another case", with("email Profile")),
            row("a tab between", with("email\tprofile")),
            row("a hard space between", with("email\u{a0}profile")),
            row("a line between", with("email\nprofile")),
        ],
    )
    .await;
}

#[tokio::test]
async fn trouble_at_clerk_is_never_a_401() {
    struct Trouble {
        name: &'static str,
        fault: Fault,
        kind: AuthErrorKind,
    }
    let json = |body: &'static str| Fault::answer(200, "application/json", body);
    let cases = [
        (
            "C095 500",
            Fault::status(500),
            AuthErrorKind::UpstreamUnavailable,
        ),
        (
            "C095 502",
            Fault::status(502),
            AuthErrorKind::UpstreamUnavailable,
        ),
        (
            "C095 503",
            Fault::status(503),
            AuthErrorKind::UpstreamUnavailable,
        ),
        (
            "C095 504",
            Fault::status(504),
            AuthErrorKind::UpstreamUnavailable,
        ),
        ("C094 429", Fault::status(429), AuthErrorKind::RateLimited),
        (
            "C083 a reset",
            Fault::reset(),
            AuthErrorKind::UpstreamUnavailable,
        ),
        (
            "C085 silence",
            Fault::hang(),
            AuthErrorKind::UpstreamUnavailable,
        ),
        (
            "C093 401",
            Fault::status(401),
            AuthErrorKind::CredentialsRejected,
        ),
        (
            "C093 403",
            Fault::answer(403, "application/json", r#"{"error":"invalid_client"}"#),
            AuthErrorKind::CredentialsRejected,
        ),
        (
            // fault B2
            "403 without a reason that is ours",
            Fault::status(403),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C092 400",
            Fault::status(400),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C092 404",
            Fault::status(404),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C092 405",
            Fault::status(405),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C092 415",
            Fault::status(415),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "a legacy instance: 422",
            Fault::status(422),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C090 201",
            Fault::answer(201, "application/json", r#"{"active":true}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C090 204",
            Fault::status(204),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C090 206",
            Fault::answer(206, "application/json", r#"{"active":true}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "B37 an empty 200",
            json(""),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "malformed",
            Fault::malformed(),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C047 oversized",
            Fault::oversized(64 * 1024 + 1),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C050 HTML",
            Fault::answer(200, "text/html", r#"{"active":true}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C050 UTF-16",
            Fault::answer(
                200,
                "application/json; charset=utf-16",
                r#"{"active":true}"#,
            ),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C052 a signed answer",
            Fault::answer(200, "application/token-introspection+jwt", "a.b.c"),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C038 active is missing",
            json(r#"{"sub":"user_1"}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C039 active is a string",
            json(r#"{"active":"true"}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C039 active is the other string",
            json(r#"{"active":"false"}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C039 active is a number",
            json(r#"{"active":1}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C039 active is null",
            json(r#"{"active":null}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C040 active twice",
            json(r#"{"active":false,"active":true}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C042 an envelope",
            json(r#"{"data":{"active":true}}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C044 null",
            json("null"),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
        (
            "C059 exp is a string",
            json(r#"{"active":true,"sub":"user_1","exp":"1900000000"}"#),
            AuthErrorKind::InvalidUpstreamResponse,
        ),
    ]
    .map(|(name, fault, kind)| Trouble { name, fault, kind });
    for Trouble { name, fault, kind } in cases {
        let world = World::new();
        let token = world.clerk.token("user_1").issue();
        for app in [short_of_patience(&world), short_of_patience(&world)] {
            world.clerk.fail(Endpoint::Introspection, fault.clone());
            let row = Row::new(name, format!("Bearer {token}"), kind, UNAVAILABLE);
            row.check(&app).await;
            // C107: nothing was remembered of it, but what this token provokes (fault B1).
            world.clerk.heal_all();
            let is_provoked = kind == AuthErrorKind::InvalidUpstreamResponse;
            let expected = u64::from(is_provoked);
            assert_eq!(
                app.layer.authenticator().stats().negative_entries,
                expected,
                "{name}"
            );
            world.clock.advance(Duration::from_secs(5));
            app.bearer(&token).await;
            assert_eq!(
                app.layer.authenticator().stats().negative_entries,
                0,
                "{name}"
            );
        }
    }
}

/// One attempt each, and little patience, so that silence is noticed soon.
fn short_of_patience(world: &World) -> App {
    App::new(
        world
            .accepting(world.oauth().required_scopes(["email", "profile"]))
            .resource("https://api.example.com/v1")
            .timeout(Duration::from_millis(150))
            .attempt_timeout(Duration::from_millis(100)),
    )
}

#[tokio::test]
async fn a_server_that_does_not_introspect_jwts_says_no() {
    let world = World::new();
    world.clerk.reject_jwt_introspection(true);
    let token = world.clerk.token("user_1").jwt().issue();
    let row = Row::new(
        "unsupported_token_type",
        format!("Bearer {token}"),
        AuthErrorKind::Inactive,
        INVALID,
    );
    check(&world, &[row]).await;
    assert_eq!(
        world.calls(),
        (2, 0),
        "once for each layer: it is an answer"
    );
}

#[tokio::test]
async fn a_required_profile_that_cannot_be_had_is_trouble() {
    // C075. In the form of Clerk's errors, a 401 or 403 would be a final no: fault B4.
    for fault in [
        Fault::status(500),
        Fault::answer(401, "text/html", "<h1>no</h1>"),
        Fault::answer(403, "text/html", "<h1>no</h1>"),
        Fault::malformed(),
    ] {
        let world = World::new();
        world.clerk.fail(Endpoint::Userinfo, fault);
        let token = world.clerk.token("user_1").issue();
        let app = App::new(world.accepting(world.oauth().userinfo(Enrichment::Required)));
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(503, AuthErrorKind::ProfileUnavailable);
            assert_eq!(answer.challenge(), None);
        }
        assert_eq!(app.inner_calls(), 0);
    }
}

#[tokio::test]
async fn retry_after_is_what_clerk_asked_for_up_to_a_cap() {
    // C094
    for (asked, answered) in [
        ("7", "7"),
        ("0", "0"),
        ("1000000000", "60"),
        ("60", "60"),
        ("61", "60"),
    ] {
        let world = World::new();
        let token = world.clerk.token("user_1").issue();
        let fault = Fault::status(429).header("retry-after", asked);
        world.clerk.fail(Endpoint::Introspection, fault);
        let answer = world.app().bearer(&token).await;
        answer.assert_rejected(503, AuthErrorKind::RateLimited);
        assert_eq!(answer.header("retry-after"), Some(answered), "{asked}");
    }
    for garbage in ["-1", "soon", "", "1.5"] {
        let world = World::new();
        let token = world.clerk.token("user_1").issue();
        let fault = Fault::status(429).header("retry-after", garbage);
        world.clerk.fail(Endpoint::Introspection, fault);
        let answer = world.app().bearer(&token).await;
        assert_retry_after(garbage, &answer, true);
    }
}

#[tokio::test]
async fn good_tokens_of_both_formats_pass() {
    let world = World::new();
    let app = world.app();
    for token in [
        world.clerk.token("user_1").issue(),
        world.clerk.token("user_1").jwt().issue(),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert_eq!(answer.claims().subject(), "user_1");
            app.grpc(&token).await.assert_accepted();
        }
    }
    assert_eq!(app.inner_calls(), 8);
}

#[tokio::test]
async fn every_method_is_asked_for_a_token() {
    // C034, C035
    let world = World::new();
    let app = world.app();
    for method in ["GET", "HEAD", "OPTIONS", "POST", "CONNECT", "TRACE", "BREW"] {
        let mut request = http::Request::new(());
        *request.method_mut() = method.parse().unwrap();
        app.request(request)
            .await
            .assert_rejected(401, AuthErrorKind::MissingCredentials);
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_none() {
    // C027
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let mut request = http::Request::new(());
    *request.uri_mut() = format!("/me?access_token={token}").parse().unwrap();
    world
        .app()
        .request(request)
        .await
        .assert_rejected(401, AuthErrorKind::MissingCredentials);
    assert_eq!(world.clerk.total_calls(), 0);
}
