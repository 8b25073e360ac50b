//! The form of rejections: whatever the method, the version and the headers, a 200 is for what can be nothing but
//! gRPC.

use axum::{Router, body::Body, routing::any};
use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use tower::ServiceExt;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfig, RequireLayer, TokenKind,
    axum::Claims,
    claims::Organization,
    kinds::{Enrichment, OAuthTokens},
    mcp::McpSessionLayer,
    reject::{JsonBody, ProblemJson},
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::{Nowhere, for_each_case, pick, runtime};
use crate::grpc_form::method;

/// The oracle: the rule as it is documented, read from the values as text.
fn can_only_be_grpc(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    let values = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    let [content_type] = &*values("content-type") else {
        return false;
    };
    let end = content_type.find(['+', ';']).unwrap_or(content_type.len());
    method.as_str() == "POST"
        && format!("{version:?}") == "HTTP/2.0"
        && content_type[..end].eq_ignore_ascii_case("application/grpc")
        && values("te") == ["trailers"]
}

/// Mostly what gRPC has, with up to all of it broken.
fn request(random: &mut Rng, path: &str) -> Request<Body> {
    let methods = [
        "POST", "GET", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "BREW", "post",
    ];
    let versions = [
        Version::HTTP_2,
        Version::HTTP_11,
        Version::HTTP_10,
        Version::HTTP_3,
        Version::HTTP_09,
    ];
    let is_broken = |random: &mut Rng| random.u8(..6) == 0;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    *request.method_mut() = if is_broken(random) {
        pick(random, &methods).parse().unwrap()
    } else {
        Method::POST
    };
    *request.version_mut() = if is_broken(random) {
        versions[random.usize(..versions.len())]
    } else {
        Version::HTTP_2
    };
    for (name, good, others) in [
        ("content-type", GOOD_TYPES, TYPES),
        ("te", &["trailers"][..], TES),
    ] {
        let count = if is_broken(random) {
            random.usize(..4)
        } else {
            1
        };
        for _ in 0..count {
            let values = if is_broken(random) { others } else { good };
            let mut value = pick(random, values).as_bytes().to_vec();
            if is_broken(random) && is_broken(random) {
                let at = random.usize(..=value.len());
                value.insert(at, random.u8(..));
            }
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request
                    .headers_mut()
                    .append(HeaderName::from_static(name), value);
            }
        }
    }
    for (name, value) in OTHERS {
        if is_broken(random) {
            let value = HeaderValue::from_static(value);
            request
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
    }
    request
}

const GOOD_TYPES: &[&str] = &[
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc;charset=utf-8",
    "Application/GRPC+proto",
];

const TYPES: &[&str] = &[
    "application/grpcx",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc ;a=b",
    " application/grpc",
    "application/grpc\t",
    "application/grpc,application/grpc",
    "application/grp",
    "application/json",
    "text/html",
    "",
];

const TES: &[&str] = &[
    "",
    "Trailers",
    "TRAILERS",
    " trailers",
    "trailers ",
    "trailers, deflate",
    "deflate, trailers",
    "trailers;q=0.5",
    "gzip",
    "trailers,trailers",
];

/// Headers that mean something to gRPC, to gRPC-Web or to proxies, and nothing here.
const OTHERS: [(&str, &str); 8] = [
    ("accept", "application/grpc"),
    ("grpc-timeout", "1S"),
    ("grpc-status", "0"),
    ("grpc-encoding", "identity"),
    ("x-grpc-web", "1"),
    ("x-http-method-override", "POST"),
    ("x-forwarded-proto", "h2"),
    ("upgrade", "h2c"),
];

/// Knows three tokens.
struct Verdicts;

impl Verify for Verdicts {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let answer = match verification.token().expose() {
            "oat_good" => TokenInfo::from_introspection(
                br#"{"active":true,"sub":"user_1","client_id":"me","scope":"email"}"#,
            ),
            "oat_narrow" => TokenInfo::from_introspection(
                br#"{"active":true,"sub":"user_1","client_id":"me","scope":"profile"}"#,
            ),
            "oat_bad" => TokenInfo::from_introspection(br#"{"active":false}"#),
            _ => Err(AuthErrorKind::UpstreamUnavailable.into()),
        };
        Box::pin(async { answer })
    }
}

/// What a handler asks for that no token has.
#[derive(serde::Deserialize)]
struct Numbered {
    #[expect(dead_code, reason = "no token has it")]
    tenant: u64,
}

/// What stands behind the layer and rejects anonymous callers; who is known is let through by the last two alone.
const PATHS: [&str; 10] = [
    "/scopes",
    "/any",
    "/claims",
    "/kind",
    "/role",
    "/typed",
    "/part",
    "/session",
    "/extractor",
    "/tonic",
];

fn routes() -> Router {
    let ok = || any(async || "in");
    let scopes = RequireLayer::scopes(["admin"]);
    Router::new()
        .route("/scopes", ok().layer(scopes))
        .route(
            "/any",
            ok().layer(RequireLayer::any_scope(["admin", "staff"])),
        )
        .route("/claims", ok().layer(RequireLayer::claims(|_| false)))
        .route(
            "/kind",
            ok().layer(RequireLayer::any_kind([TokenKind::ApiKey])),
        )
        .route("/role", ok().layer(RequireLayer::any_role(["org:admin"])))
        .route("/typed", any(async |_: Claims<Numbered>| "in"))
        .route("/part", any(async |_: Organization| "in"))
        .route("/session", ok().layer(McpSessionLayer::new()))
        .route("/extractor", any(async |_: ClerkClaims| "in"))
        .route("/tonic", any(method))
}

/// A layer, and what stands behind it.
struct App {
    router: Router,
    /// Whether any request may be answered in gRPC's way.
    allows_grpc: bool,
    /// The credentials, and the status at each of the paths.
    callers: Vec<(Option<&'static str>, [u16; 10])>,
}

fn apps() -> Vec<App> {
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            OAuthTokens::verified_by(Verdicts)
                .allow_clients(["me"])
                .required_scopes(["email"])
                .userinfo(Enrichment::Off),
        )
        .clock(ManualClock::at(crate::support::unix(1_700_000_000)))
        .transport(Nowhere);
    let layer = ClerkAuthLayer::new(config.build().unwrap());
    let known = |mut statuses: [u16; 10]| {
        // Its request is one that opens a session.
        statuses[7..].fill(200);
        (Some("Bearer oat_good"), statuses)
    };
    let rejected = || {
        vec![
            (Some("Bearer oat_bad"), [401; 10]),
            (Some("Bearer garbage"), [401; 10]),
            (Some("Bearer"), [400; 10]),
            (Some("Bearer oat_narrow"), [403; 10]),
            (Some("Bearer oat_down"), [503; 10]),
            known([403; 10]),
        ]
    };
    let mut apps = Vec::new();
    for allows_grpc in [true, false] {
        let layer = if allows_grpc {
            layer.clone()
        } else {
            layer.clone().http_status_only()
        };
        for is_optional in [false, true] {
            let mut callers = rejected();
            callers.push((None, [401; 10]));
            callers.push((Some("Basic dTpw"), [401; 10]));
            let layer = if is_optional {
                layer.clone().optional()
            } else {
                layer.clone()
            };
            for router in [
                routes().layer(layer.clone()),
                routes().layer(layer.clone().reject_with(JsonBody)),
                routes().layer(layer.reject_with(ProblemJson)),
            ] {
                apps.push(App {
                    router,
                    allows_grpc,
                    callers: callers.clone(),
                });
            }
        }
    }
    apps
}

/// Checks one answer.
#[track_caller]
fn check(response: &Response<Body>, is_grpc: bool, status: u16, shown: &str) {
    let headers = response.headers();
    let is_rejected = status != 200;
    if is_rejected && is_grpc {
        assert_eq!(response.status(), 200, "{shown}");
        let code = headers["grpc-status"].to_str().unwrap();
        let expected = match status {
            403 => "7",
            500 => "13",
            503 => "14",
            _ => "16",
        };
        assert_eq!(code, expected, "{shown}");
    } else {
        assert_eq!(response.status(), status, "{shown}");
        assert!(!headers.contains_key("grpc-status"), "{shown}");
    }
    let is_delayed = headers.contains_key("grpc-retry-pushback-ms");
    assert_eq!(is_delayed, is_grpc && status == 503, "{shown}");
    assert_eq!(
        headers.contains_key("retry-after"),
        status == 503,
        "{shown}"
    );
}

#[test]
fn no_header_makes_a_200_of_a_rejection_that_is_not_for_grpc() {
    // fault A1, fault H14
    let runtime = runtime();
    let apps = apps();
    let without_layer = routes();
    let mut seen = [0_usize; 2];
    for_each_case(20_000, |random| {
        let index = random.usize(..PATHS.len());
        let app = &apps[random.usize(..apps.len())];
        let (authorization, statuses) = &app.callers[random.usize(..app.callers.len())];
        let mut request = request(random, PATHS[index]);
        if let Some(value) = authorization {
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert("authorization", value);
        }
        let shown = format!("{request:?}");
        let again = |request: &Request<Body>| {
            let mut again = Request::new(Body::empty());
            *again.method_mut() = request.method().clone();
            *again.version_mut() = request.version();
            *again.uri_mut() = request.uri().clone();
            *again.headers_mut() = request.headers().clone();
            again
        };
        let send = |router: &Router, request: &Request<Body>| {
            let response = router.clone().oneshot(again(request));
            runtime.block_on(response).unwrap()
        };
        let is_grpc = can_only_be_grpc(request.method(), request.version(), request.headers());
        seen[usize::from(is_grpc)] += 1;
        // The second may come from the cache.
        for _ in 0..2 {
            let response = send(&app.router, &request);
            check(
                &response,
                app.allows_grpc && is_grpc,
                statuses[index],
                &shown,
            );
        }
        // Nobody has decided anything. What tonic renders is gRPC for every request, as of all its services.
        if PATHS[index] != "/tonic" {
            let response = send(&without_layer, &request);
            check(&response, is_grpc, 500, &shown);
        }
    });
    println!("others, gRPC: {seen:?}");
    let all: usize = seen.iter().sum();
    assert!(
        seen.iter().all(|count| *count > all / 10) || all < 1_000,
        "{seen:?}"
    );
}
