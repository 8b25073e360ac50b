//! One layer for every kind of token that Clerk issues, with a route for each kind:
//!
//! ```sh
//! cargo run --example tokens
//! ```
//!
//! `/oauth`, `/session`, `/api-key` and `/machine` accept one kind each. `/billing` accepts callers who may read
//! bills in their active organization, and `/me` accepts all kinds. A fake plays Clerk, and every token is sent to
//! every route, unless `CLERK_DOMAIN` and the variables that `CLERK_ACCEPT` requires name a real instance. With `--
//! --once`, the example ends after that, and fails if a route accepted a token by mistake. `LISTEN` is the address of
//! the server, by default `127.0.0.1:3000`.

use std::{env, error::Error, iter, process::ExitCode};

use axum::{Json, Router, routing::get};
use reqwest::{Client, ClientBuilder};
use tokio::net::TcpListener;
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims, ClerkConfig, RequireLayer, TokenKind, fake_clerk::FakeClerk,
};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The routes that accept one kind each.
const ROUTES: [(&str, TokenKind); 4] = [
    ("/oauth", TokenKind::OAuth),
    ("/session", TokenKind::Session),
    ("/api-key", TokenKind::ApiKey),
    ("/machine", TokenKind::Machine),
];

/// Puts the rules by route behind the layer: it verifies, and they narrow.
fn app(auth: ClerkAuthLayer) -> Router {
    let me = get(async |claims: ClerkClaims| Json(claims));
    let mut app = Router::new().route("/me", me.clone()).route(
        "/billing",
        me.clone()
            .layer(RequireLayer::permissions(["org:billing:read"])),
    );
    for (path, kind) in ROUTES {
        app = app.route(path, me.clone().layer(RequireLayer::any_kind([kind])));
    }
    app.route_layer(auth).route("/health", get(async || "ok\n"))
}

async fn serve(config: ClerkConfig) -> Result<String> {
    let address = variable("LISTEN").unwrap_or_else(|| {
        let port = if is_once() { 0 } else { 3000 };
        format!("127.0.0.1:{port}")
    });
    let auth = ClerkAuthLayer::new(config);
    // Without it, the first JWT would wait for the keys. It is no reason not to start that they cannot be
    // had now.
    if let Err(error) = auth.authenticator().warm_up().await {
        eprintln!("not warmed up: {error}");
    }
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app(auth)).await });
    Ok(url)
}

async fn with_fake_clerk() -> Result<()> {
    let clerk = FakeClerk::start()?;
    let config = ClerkConfig::builder(clerk.url())
        .accept(ROUTES.map(|(_, kind)| kind))
        .client_credentials(clerk.client_id(), clerk.client_secret())
        .authorized_parties(["https://app.example.com"])
        .secret_key(clerk.secret_key())
        .backend_api_url(format!("{}/v1", clerk.url()))
        .machines(["mch_bills"])
        .build()?;
    let url = serve(config).await?;
    println!("A server on {url}; Clerk is a fake on {}.", clerk.url());

    let session = || {
        clerk
            .session("user_ada")
            .authorized_party("https://app.example.com")
    };
    let reader = session()
        .organization("org_acme", "acme", "admin")
        .permissions(["org:billing:read"]);
    let machine = || clerk.machine_token("mch_cron").scopes(["mch_bills"]);
    // Each token with the routes that accept it, beside `/me`.
    let tokens: [(&str, String, &[&str]); 8] = [
        ("OAuth", clerk.token("user_ada").issue(), &["/oauth"]),
        (
            "OAuth, as a JWT",
            clerk.token("user_ada").jwt().issue(),
            &["/oauth"],
        ),
        ("a session", session().issue(), &["/session"]),
        (
            "one that may read bills",
            reader.issue(),
            &["/session", "/billing"],
        ),
        (
            "an API key",
            clerk.api_key("user_ada").issue(),
            &["/api-key"],
        ),
        ("a machine", machine().issue(), &["/machine"]),
        (
            "a machine, as a JWT",
            machine().jwt().issue(),
            &["/machine"],
        ),
        ("of a JWT template", session().template().issue(), &[]),
    ];
    let surprises = walk(&url, &tokens).await?;
    if surprises > 0 {
        return Err(format!("{surprises} answers were not as expected").into());
    }
    println!("\nEvery token passed where its kind is taken, and nowhere else. Try it:\n");
    // JWTs are too long for the screen.
    for (what, token, _) in tokens.iter().filter(|(_, token, _)| token.len() < 64) {
        println!("  # {what}\n  curl -iH 'Authorization: Bearer {token}' {url}/me");
    }
    stay(&url).await
}

/// Sends every token to every route, and counts the answers that are not as expected.
async fn walk(url: &str, tokens: &[(&str, String, &[&str])]) -> Result<usize> {
    let client: Client = ClientBuilder::new().no_proxy().build()?;
    let paths = || {
        iter::once("/me")
            .chain(ROUTES.map(|(path, _)| path))
            .chain(["/billing"])
    };
    print!("\n{:<26}", "");
    paths().for_each(|path| print!("{path:>10}"));
    let mut surprises = 0;
    for (what, token, taken) in tokens {
        print!("\n{what:<26}");
        for path in paths() {
            let request = client.get(format!("{url}{path}")).bearer_auth(token);
            let status = request.send().await?.status().as_u16();
            let expected = match path {
                // The layer itself rejects a kind that is not accepted.
                _ if taken.is_empty() => 401,
                "/me" => 200,
                path if taken.contains(&path) => 200,
                _ => 403,
            };
            print!("{status:>10}");
            surprises += usize::from(status != expected);
        }
    }
    println!();
    Ok(surprises)
}

async fn with_real_clerk() -> Result<()> {
    tracing_subscriber::fmt::init();
    let url = serve(ClerkConfig::from_env()?).await?;
    println!("A server on {url}: send it a token of your Clerk instance:\n");
    println!("  curl -iH \"Authorization: Bearer $TOKEN\" {url}/me");
    stay(&url).await
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
    let instance = variable("CLERK_DOMAIN").or_else(|| variable("CLERK_PUBLISHABLE_KEY"));
    let outcome = match instance {
        Some(_) => with_real_clerk().await,
        None => with_fake_clerk().await,
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
