mod claims;
mod userinfo_policy;
mod order;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use http::{Request, Response, Uri, header};
use serde_json::{Value, json};

use super::{
    ConfiguredRules, Enrich, Interner, Priority, Rules, Verified, Verifier, Verifiers, Verify,
    VerifyRequest,
    policy::{AudiencePolicies, Audiences},
    verified::is_usable_subject,
};
use crate::{
    AuthError, AuthErrorKind, TokenKind,
    clerk::{
        TokenInfo, UserinfoEndpoint,
        http::{Transport, TransportError, Upstream},
    },
    clock::{Clock, Now},
    extract::SecretToken,
    observe::{AudienceObserver, KindLog},
    reject::Challenges,
    token::TokenFormat,
    verify::{Enrichment, JwtVerification},
};

const NOW: i64 = 1_700_000_000;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now {
            mono: 1_000,
            wall: 1_700_000_000_999,
        }
    }
}

impl ConfiguredRules {
    /// These rules, with a clock that stands still.
    pub(crate) fn of(rules: Rules) -> Self {
        Self {
            rules: Arc::new(rules),
            clock: Arc::new(Still),
            log_token_ids: false,
        }
    }
}

/// A source that says the same of every token.
struct Says(Result<TokenInfo, AuthError>);

impl Verify for Says {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(future::ready(self.0.clone()))
    }
}

/// What userinfo answers, and how often it was asked.
#[derive(Clone)]
struct Userinfo {
    reply: Reply,
    calls: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
enum Reply {
    /// A status and a body.
    Json(u16, &'static str),
    /// A 200 of another content type.
    Html,
    /// A status and how long to stay away.
    RetryAfter(u16, &'static str),
    Unreachable,
    Silence,
}

/// Of the subject that introspection names.
const OURS: Reply = Reply::Json(200, r#"{"sub":"user_1","email":"a@b.example"}"#);
/// Of another subject.
const THEIRS: Reply = Reply::Json(200, r#"{"sub":"user_2","email":"c@d.example"}"#);

impl Userinfo {
    fn new(reply: Reply) -> Self {
        Self {
            reply,
            calls: Arc::default(),
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Transport for Userinfo {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        assert_eq!(request.uri().path(), "/oauth/userinfo");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer oat_1");
        self.calls.fetch_add(1, Ordering::SeqCst);
        let json = |status: u16| {
            Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, "application/json")
        };
        let response = match self.reply {
            Reply::Json(status, body) => json(status).body(Bytes::from_static(body.as_bytes())),
            Reply::Html => Response::builder()
                .header(header::CONTENT_TYPE, "text/html")
                .body(Bytes::from_static(b"<html>")),
            Reply::RetryAfter(status, delay) => json(status)
                .header(header::RETRY_AFTER, delay)
                .body(Bytes::new()),
            Reply::Unreachable => {
                return Box::pin(future::ready(Err(TransportError::unreachable("reset"))));
            }
            Reply::Silence => return Box::pin(future::pending()),
        };
        Box::pin(future::ready(Ok(response.unwrap())))
    }
}

fn rules() -> Rules {
    Rules {
        accept: [TokenKind::OAuth].into_iter().collect(),
        authorized_parties: None,
        allow_pending: false,
        machines: Some(Vec::new()),
        allowed_clients: Some(vec!["client_1".to_owned()]),
        audiences: Audiences {
            oauth: vec!["https://api.example.com".to_owned()],
            session: Vec::new(),
            resource: None,
            client_id: Some("client_1".to_owned()),
        },
        audience_policies: AudiencePolicies::default(),
        issuer: "https://clerk.example.com".to_owned(),
        proxy_issuer: None,
        required_scopes: Vec::new(),
        api_key_scopes: Vec::new(),
        scope_implies: None,
        leeway: 5,
    }
}

fn verifier(source: impl Verify, userinfo: impl Transport, enrichment: Enrichment) -> Verifier {
    let second = Duration::from_secs(1);
    let upstream = Upstream::new(Arc::new(userinfo), second, None, Arc::new(Still));
    let endpoint = Uri::from_static("https://clerk.example.com/oauth/userinfo");
    Verifier {
        verifiers: Verifiers {
            oauth: Some(Arc::new(source)),
            oauth_is_custom: true,
            machine: None,
            api_key: None,
            local: None,
            oauth_jwts: JwtVerification::Introspect,
            machine_jwts: false,
        },
        rules: Arc::new(rules()),
        route_rules: Arc::new(ConfiguredRules::of(rules())),
        challenges: Arc::new(Challenges::new(&[], None)),
        enrich: Enrich {
            enrichment,
            userinfo: UserinfoEndpoint::new(&upstream, endpoint),
            users: None,
            user_is_required: false,
        },
        accept_unprefixed: true,
        timeout: Duration::from_secs(2),
        strings: Interner::default(),
        unreadable_organization: std::sync::Once::new(),
        audience_observer: AudienceObserver::new(),
        kind_log: KindLog::default(),
        clock: Arc::new(Still),
    }
}

/// An answer with these members beside `active` and `client_id`.
fn says(members: Value) -> Says {
    let mut answer = json!({ "active": true, "client_id": "client_1" });
    for (name, value) in members.as_object().unwrap() {
        answer[name] = value.clone();
    }
    Says(TokenInfo::from_introspection(answer.to_string().as_bytes()))
}

async fn verify(
    verifier: &Verifier,
    format: TokenFormat,
    priority: Priority,
) -> Result<Verified, AuthError> {
    verifier
        .verify(super::Inquiry {
            token: &SecretToken::new("oat_1"),
            format,
            priority,
            deadline: tokio::time::Instant::now() + verifier.timeout,
        })
        .await
}

#[test]
fn token_is_admitted_by_its_format() {
    struct Case {
        name: &'static str,
        input: (&'static str, i64),
        expected: Result<TokenFormat, AuthErrorKind>,
    }

    #[track_caller]
    fn check(case: &Case) {
        let mut verifier = verifier(says(json!({})), Userinfo::new(OURS), Enrichment::Off);
        let (token, now) = case.input;
        let format = TokenFormat::of(token);
        assert_eq!(
            verifier.precheck(format, now).map(|()| format),
            case.expected,
            "{}",
            case.name
        );
        verifier.accept_unprefixed = false;
        let expected = match case.expected {
            Ok(TokenFormat::Unprefixed) => Err(AuthErrorKind::UnsupportedToken),
            expected => expected,
        };
        assert_eq!(
            verifier.precheck(format, now).map(|()| format),
            expected,
            "{}, strictly",
            case.name
        );
    }

    // {"exp":10}
    let jwt = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJleHAiOjEwfQ.c2ln";
    let oauth = |exp| TokenFormat::Jwt {
        kind: TokenKind::OAuth,
        exp,
    };
    let cases = [
        (
            "opaque",
            ("oat_1", NOW),
            Ok(TokenFormat::Opaque(TokenKind::OAuth)),
        ),
        (
            "a refresh token",
            ("ort_1", NOW),
            Ok(TokenFormat::Unprefixed),
        ),
        (
            "a session token",
            ("e30.e30.c", NOW),
            Err(AuthErrorKind::UnsupportedToken),
        ),
        (
            "an API key",
            ("ak_1", NOW),
            Err(AuthErrorKind::UnsupportedToken),
        ),
        (
            "a machine token",
            ("mt_1", NOW),
            Err(AuthErrorKind::UnsupportedToken),
        ),
        (
            "a JWT without exp",
            ("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.c", NOW),
            Ok(oauth(None)),
        ),
        (
            "a JWT a second before its end",
            (jwt, 9),
            Ok(oauth(Some(10))),
        ),
        // C056
        ("a JWT at its end", (jwt, 10), Err(AuthErrorKind::Expired)),
        ("a JWT past its end", (jwt, 11), Err(AuthErrorKind::Expired)),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn subject_is_short_and_printable() {
    // C073
    for (name, subject, expected) in [
        (
            "as Clerk has them",
            "user_2NNEqL2nrIRdJ194ndJqAHwEfxC".to_owned(),
            true,
        ),
        ("one character", "u".to_owned(), true),
        ("with a space", "user 1".to_owned(), true),
        ("beyond ASCII", "ü".to_owned(), true),
        ("empty", String::new(), false),
        ("255 bytes", "a".repeat(255), true),
        ("256 bytes", "a".repeat(256), false),
        (
            "255 bytes in 128 characters",
            format!("{}a", "ü".repeat(127)),
            true,
        ),
        ("256 bytes in 128 characters", "ü".repeat(128), false),
        ("a megabyte", "a".repeat(1 << 20), false),
        // C045
        ("a NUL", "user\0".to_owned(), false),
        ("a newline", "user\n1".to_owned(), false),
        ("an escape", "\u{1b}[31m".to_owned(), false),
        (
            "the last control character of ASCII",
            "user\u{7f}".to_owned(),
            false,
        ),
        (
            "a control character beyond ASCII",
            "user\u{85}".to_owned(),
            false,
        ),
    ] {
        assert_eq!(is_usable_subject(&subject), expected, "{name}");
    }
}
