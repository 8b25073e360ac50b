//! What is exact: allocations for a request of each kind, and bytes for a token that is remembered.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]

mod support;

use std::{convert::Infallible, time::Duration};

use allocation_counter::{AllocationInfo, measure};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};
use tower_clerk::{
    AuthError, ClerkAuthLayer, ClerkConfig,
    kinds::OAuthTokens,
    transport::{Transport, TransportError},
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::support::{
    BAD_TOKEN, Boxed, InsertOnly, Leaf, Noop, bare, finish, long_token, ours, pass, reject,
    request, warm,
};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    allocations(&runtime);
    for entries in [100_000, 1_000_000] {
        bytes(&runtime, entries);
    }
}

fn allocations(runtime: &tokio::runtime::Runtime) {
    println!("| | allocations | bytes |\n|---|--:|--:|");
    let token = "oat_0123456789abcdefghijklmnopqrstuv".to_owned();
    let (long, bad) = (long_token(900), BAD_TOKEN.to_owned());
    let mut ours = ours(1000).layer(Leaf);
    let mut boxed = Boxed::new(Leaf);
    for _ in 0..2 {
        runtime.block_on(warm(&mut ours, &[token.clone(), long.clone()]));
        runtime.block_on(warm(&mut boxed, std::slice::from_ref(&token)));
    }
    row("no-op layer", &mut Noop(Leaf), || request(&token));
    row(
        "insert-only layer",
        &mut InsertOnly(Leaf, "user_1".into()),
        || request(&token),
    );
    row("hit", &mut ours, || request(&token));
    row("hit, a token of 900 bytes", &mut ours, || request(&long));
    row("boxed future over moka::future", &mut boxed, || {
        request(&token)
    });
    row("rejected: no credentials", &mut ours, || {
        bare().body(()).expect("valid")
    });
    row("rejected: malformed", &mut ours, || request("a b"));
    runtime.block_on(reject(&mut ours, request(&bad)));
    row("rejected: known to be bad", &mut ours, || request(&bad));
    println!();
}

fn row<S>(name: &str, service: &mut S, request: impl Fn() -> Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    // The cheapest of some: a store tidies up now and then.
    let counts = (0..50).map(|_| {
        let request = request();
        measure(|| drop(finish(service.call(request))))
    });
    let AllocationInfo {
        count_total,
        bytes_total,
        ..
    } = counts
        .min_by_key(|info| info.count_total)
        .expect("there are some");
    println!("| {name} | {count_total} | {bytes_total} |");
}

/// Tokens of as many users, with what Clerk answers about them.
fn bytes(runtime: &tokio::runtime::Runtime, entries: usize) {
    let config = ClerkConfig::builder("verb-noun-00.clerk.accounts.dev")
        .accept(OAuthTokens::verified_by(Introspected).allow_clients(["client_2abcdefghijklmnop"]))
        .rate_limit(0)
        .cache_ttl(Duration::from_secs(300))
        .cache_capacity(entries as u64 * 2)
        .transport(Userinfo)
        .build()
        .expect("the configuration is valid");
    let layer = ClerkAuthLayer::new(config);
    let mut service = layer.layer(Leaf);
    let memory = measure(|| {
        runtime.block_on(async {
            for n in 0..entries {
                pass(&mut service, request(&format!("oat_{n:032}"))).await;
            }
        });
    });
    let kept = layer.authenticator().stats().entries;
    assert_eq!(kept, entries as u64);
    println!(
        "{kept} tokens, {} bytes of JSON each: {} bytes an entry, everything included",
        INTROSPECTION.len() + USERINFO.len(),
        memory.bytes_current / entries as i64
    );
}

struct Introspected;

impl Verify for Introspected {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async { TokenInfo::from_introspection(INTROSPECTION.as_bytes()) })
    }
}

/// Answers every call with the same profile.
#[derive(Debug)]
struct Userinfo;

impl Transport for Userinfo {
    fn send(
        &self,
        _: Request<bytes::Bytes>,
    ) -> BoxFuture<'_, Result<Response<bytes::Bytes>, TransportError>> {
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(bytes::Bytes::from_static(USERINFO.as_bytes()))
            .expect("the parts are valid");
        Box::pin(async { Ok(response) })
    }
}

const INTROSPECTION: &str = r#"{"active":true,"client_id":"client_2abcdefghijklmnop","sub":"user_2abcdefghijklmnopqrstuvwxyz","scope":"openid profile email"}"#;

const USERINFO: &str = r#"{"object":"oauth_user_info","instance_id":"ins_2abcdefghijklmnopqrstuvwxyz","sub":"user_2abcdefghijklmnopqrstuvwxyz","user_id":"user_2abcdefghijklmnopqrstuvwxyz","email":"ada.lovelace@example.com","email_verified":true,"name":"Ada Lovelace","given_name":"Ada","family_name":"Lovelace","preferred_username":"ada","picture":"https://img.example.com/eyJ0eXBlIjoiZGVmYXVsdCJ9"}"#;
