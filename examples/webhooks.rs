//! A protected server with an embedded fake Clerk, in which a session ends by a webhook: the token of the session is
//! accepted, the session is revoked at Clerk, Clerk's event arrives, and the next request with the token is a 401.
//!
//! ```sh
//! cargo run --example webhooks
//! ```
//!
//! Without the event, the token would be accepted until it expires, a minute after its issue.

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use reqwest::{ClientBuilder, StatusCode};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tower_clerk::{
    Authenticator, ClerkAuthLayer, ClerkClaims, ClerkConfig, fake_clerk::FakeClerk,
    kinds::SessionTokens,
};

/// Protects nothing. A real one is in Clerk's dashboard, and in CLERK_WEBHOOK_SIGNING_SECRET.
const SECRET: &str = "whsec_FakeClerkSecretThatProtectsNoOne";

async fn me(claims: ClerkClaims) -> String {
    format!("hello {}\n", claims.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clerk = FakeClerk::start()?;
    let cfg = ClerkConfig::builder(clerk.url())
        .accept(SessionTokens::new())
        .webhook_secrets([SECRET])
        .build()?;
    let auth = Authenticator::new(cfg);
    let webhooks = auth.webhooks().ok_or("the webhook secrets are not set")?;
    let app = Router::new()
        .route("/me", get(me))
        .layer(ClerkAuthLayer::from(auth))
        // Outside of the layer: Clerk's requests have a signature and no token.
        .route_service("/webhooks/clerk", webhooks);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, app).await });

    // In Clerk's dashboard, this is Configure → Webhooks → Add Endpoint.
    clerk.webhooks(format!("http://{address}/webhooks/clerk"), SECRET)?;
    let token = clerk.session("user_ada").session_id("sess_1").issue();
    let client = ClientBuilder::new().no_proxy().build()?;
    let call = async || {
        let request = client
            .get(format!("http://{address}/me"))
            .bearer_auth(&token);
        Ok::<_, reqwest::Error>(request.send().await?.status())
    };

    println!("signed in:            {}", call().await?);
    println!("again, from a cache:  {}", call().await?);
    clerk.revoke_session("sess_1");
    println!("the session is revoked at Clerk");
    let start = Instant::now();
    let status = loop {
        let status = call().await?;
        if status != StatusCode::OK || start.elapsed() > Duration::from_secs(10) {
            break status;
        }
        sleep(Duration::from_millis(5)).await;
    };
    let elapsed = start.elapsed().as_millis();
    println!("after {elapsed:>4} ms:        {status}");
    if status == StatusCode::UNAUTHORIZED {
        Ok(())
    } else {
        Err("the event did not arrive".into())
    }
}
