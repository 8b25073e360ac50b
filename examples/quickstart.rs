//! A tour of the layer, request by request, without any setup:
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! A fake plays Clerk, unless `CLERK_DOMAIN` (or `CLERK_PUBLISHABLE_KEY`), `CLERK_OAUTH_CLIENT_ID` and
//! `CLERK_OAUTH_CLIENT_SECRET` name a real instance. The server runs until Ctrl-C. With `-- --once`, it ends after
//! the tour, and fails if a step had an unexpected result. `LISTEN` is the address of the server, by default
//! `127.0.0.1:3000`.

use std::{env, error::Error, iter, process::ExitCode, time::Duration};

use axum::{Json, Router, routing::get};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, time::Instant};
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims, ClerkConfig, Tokens,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::OAuthTokens,
};

use Clerk::{Asked, NotAsked};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

// === the server ===

/// Starts a server that the layer protects, and returns its URL.
async fn serve(address: &str, auth: &ClerkAuthLayer) -> Result<String> {
    let app = Router::new()
        .route("/me", get(async |claims: ClerkClaims| Json(claims)))
        .route_layer(auth.clone())
        .route("/health", get(async || "ok\n"));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(url)
}

// === with a fake Clerk ===

async fn with_fake_clerk(address: &str) -> Result<()> {
    let clerk = FakeClerk::start()?;
    let config = || {
        ClerkConfig::builder(clerk.url()).accept(
            OAuthTokens::introspection(clerk.client_id(), clerk.client_secret())
                .required_scopes(["email", "profile"]),
        )
    };
    let auth = ClerkAuthLayer::new(config().build()?);
    let url = serve(address, &auth).await?;
    println!("A server on {url}: /health is open, /me needs a token.");
    println!(
        "Clerk is a fake on {}; set CLERK_DOMAIN for yours.",
        clerk.url()
    );

    clerk
        .user("user_ada")
        .email("ada@example.com")
        .name("Ada Lovelace")
        .given_name("Ada")
        .family_name("Lovelace")
        .save();
    let good = clerk.token("user_ada").issue();
    let narrow = clerk.token("user_ada").scopes(["email"]).issue();
    let expired = clerk.token("user_ada").expired().issue();
    let revoked = clerk.token("user_ada").issue();
    clerk.revoke(&revoked);
    let tokens = [
        ("a good token", &*good),
        ("one without the scope `profile`", &narrow),
        ("an expired one", &expired),
        ("a revoked one", &revoked),
    ];
    println!("\nTry it:\n");
    for (what, token) in tokens {
        println!("  # {what}\n  curl -iH 'Authorization: Bearer {token}' \\\n    {url}/me");
    }

    println!("\nWhat comes of it, and how often Clerk was called for it:");
    let mut walk = Walk {
        clerk: &clerk,
        client: client()?,
        url: url.clone(),
        steps: 0,
        surprises: 0,
    };
    with_cache(&mut walk, &auth, tokens.map(|(_, token)| token)).await?;
    let uncached = ClerkAuthLayer::new(config().cache_ttl(Duration::ZERO).build()?);
    walk.url = serve("127.0.0.1:0", &uncached).await?;
    without_cache(&mut walk).await?;
    walk.finish()?;
    stay(&url).await
}

#[rustfmt::skip] // A table: one line for each step.
async fn with_cache(walk: &mut Walk<'_>, auth: &ClerkAuthLayer, tokens: [&str; 4]) -> Result<()> {
    let [good, narrow, expired, revoked] = tokens;
    walk.begin("The cache is on: a verdict is good for 30 s").await?;
    walk.step("no token", None, 401, NotAsked).await?;
    walk.step("what cannot be a token of Clerk's", Some("garbage"), 401, NotAsked).await?;
    let claims = walk.step("a good token, for the first time", Some(good), 200, Asked).await?;
    for member in ["sub", "name", "email", "scopes"] {
        println!("       {member}: {}", claims[member]);
    }
    walk.step("the same again: from the cache", Some(good), 200, NotAsked).await?;
    walk.step("one without the scope `profile`", Some(narrow), 403, Asked).await?;
    walk.step("an expired one", Some(expired), 401, Asked).await?;
    walk.step("a revoked one", Some(revoked), 401, Asked).await?;

    walk.begin("Revoked while in the cache").await?;
    let token = walk.clerk.token("user_grace").issue();
    walk.step("another good token", Some(&token), 200, Asked).await?;
    walk.clerk.revoke(&token);
    walk.step("revoked at Clerk: accepted for 30 s …", Some(&token), 200, NotAsked).await?;
    auth.authenticator().invalidate(Tokens::one(&token));
    walk.step("… or until `authenticator.invalidate(…)`", Some(&token), 401, Asked).await?;

    walk.begin("Clerk is down: it answers 503").await?;
    walk.clerk.fail(Endpoint::Introspection, Fault::status(503));
    walk.clerk.fail(Endpoint::Userinfo, Fault::status(503));
    let token = walk.clerk.token("user_grace").issue();
    walk.step("the first good token: from the cache", Some(good), 200, NotAsked).await?;
    walk.step("one never seen before: come back later", Some(&token), 503, Asked).await?;
    walk.clerk.heal_all();
    Ok(())
}

#[rustfmt::skip] // A table: one line for each step.
async fn without_cache(walk: &mut Walk<'_>) -> Result<()> {
    walk.begin("The cache is off: cache_ttl(Duration::ZERO)").await?;
    let token = walk.clerk.token("user_grace").issue();
    walk.step("a good token", Some(&token), 200, Asked).await?;
    walk.step("the same again: Clerk is asked again", Some(&token), 200, Asked).await?;
    walk.clerk.revoke(&token);
    walk.step("the same, revoked: rejected at once", Some(&token), 401, Asked).await?;
    Ok(())
}

/// The expectation of a step: a call to Clerk, or none.
#[derive(Debug, PartialEq)]
enum Clerk {
    Asked,
    NotAsked,
}

/// Sends requests one by one, and prints the results.
struct Walk<'a> {
    clerk: &'a FakeClerk,
    client: Client,
    url: String,
    steps: usize,
    surprises: usize,
}

impl Walk<'_> {
    async fn begin(&self, heading: &str) -> Result<()> {
        // Opens the connection, so that its cost is not part of the first step.
        let health = format!("{}/health", self.url);
        self.client.get(health).send().await?.error_for_status()?;
        println!(
            "\n{heading:<44}{:>7}{:>11}{:>9}{:>8}",
            "status", "introspect", "userinfo", "time"
        );
        Ok(())
    }

    /// Requests `/me`, and returns the claims, or null.
    async fn step(
        &mut self,
        what: &str,
        token: Option<&str>,
        status: u16,
        clerk: Clerk,
    ) -> Result<Value> {
        self.steps += 1;
        self.clerk.reset_calls();
        let mut request = self.client.get(format!("{}/me", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let start = Instant::now();
        let response = request.send().await?;
        let millis = start.elapsed().as_secs_f64() * 1e3;

        let introspect = self.clerk.calls(Endpoint::Introspection);
        let userinfo = self.clerk.calls(Endpoint::Userinfo);
        let outcome = response.status().as_u16();
        println!(
            "{:>3}  {what:<39}{outcome:>7}{introspect:>11}{userinfo:>9}{millis:>5.1} ms",
            self.steps,
        );
        show_headers(&response);
        let asked = introspect + userinfo > 0;
        if outcome != status || asked != (clerk == Asked) {
            self.surprises += 1;
            println!("       NOT AS EXPECTED: that is status {status}, Clerk {clerk:?}");
        }
        Ok(response.json().await.unwrap_or_default())
    }

    fn finish(self) -> Result<()> {
        match self.surprises {
            0 => println!("\nAll {} steps came out as expected.", self.steps),
            some => return Err(format!("{some} of {} steps came out otherwise", self.steps).into()),
        }
        Ok(())
    }
}

// === with a real Clerk ===

async fn with_real_clerk(address: &str) -> Result<()> {
    tracing_subscriber::fmt::init();
    let url = serve(address, &ClerkAuthLayer::new(ClerkConfig::from_env()?)).await?;
    println!("A server on {url}: /health is open,\n/me needs a token of your Clerk instance:\n");
    println!("  curl -iH \"Authorization: Bearer $TOKEN\" {url}/me");
    println!("\nWithout a token it answers:\n");
    let response = client()?.get(format!("{url}/me")).send().await?;
    println!("     {}", response.status());
    show_headers(&response);
    if response.status() != StatusCode::UNAUTHORIZED {
        return Err("a 401 was expected".into());
    }
    stay(&url).await
}

// === for both ===

/// Creates a client that ignores the proxies of the environment.
fn client() -> Result<Client> {
    Ok(ClientBuilder::new().no_proxy().build()?)
}

fn show_headers(response: &Response) {
    for name in ["WWW-Authenticate", "Retry-After"] {
        if let Some(Ok(value)) = response.headers().get(name).map(|value| value.to_str()) {
            let value = value.replace(", ", ",\n         ");
            println!("       {name}: {value}");
        }
    }
}

async fn stay(url: &str) -> Result<()> {
    if !is_once() {
        println!("\nServing on {url} until Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

fn is_once() -> bool {
    env::args().any(|argument| argument == "--once")
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    let address = variable("LISTEN").unwrap_or_else(|| {
        // A server that ends immediately has no other callers: any port will do.
        let port = if is_once() { 0 } else { 3000 };
        format!("127.0.0.1:{port}")
    });
    let instance = variable("CLERK_DOMAIN").or_else(|| variable("CLERK_PUBLISHABLE_KEY"));
    let outcome = match instance {
        Some(_) => with_real_clerk(&address).await,
        None => with_fake_clerk(&address).await,
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        eprintln!("caused by: {cause}");
    }
    ExitCode::FAILURE
}
