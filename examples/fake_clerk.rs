//! A fake Clerk for development without an account. It serves Clerk's OAuth endpoints and its Backend API. An admin
//! page mints and revokes tokens of every kind, shows the incoming calls, and switches faults on.
//!
//! ```sh
//! cargo run --example fake_clerk
//! ```
//!
//! `LISTEN` (default `127.0.0.1:4000`) is a loopback address. The client's id and secret are the same at every start,
//! so that a service's environment stays the same, unless `CLERK_OAUTH_CLIENT_ID` and `CLERK_OAUTH_CLIENT_SECRET` set
//! others. The secret key is always the same. `REDIRECT_URIS`, separated by spaces, are the redirect URIs of that
//! client; other clients register themselves. Tokens and signing keys do not outlive the process.

use std::{env, error::Error, process::ExitCode};

use tower_clerk::fake_clerk::FakeClerk;

// These credentials protect nothing real.
const CLIENT_ID: &str = "FakeClerkClient1";
const CLIENT_SECRET: &str = "FakeClerkSecretThatProtectsNoOne";
const SECRET_KEY: &str = "sk_test_Fake_Clerk_Key_That_Protects_No_One";

/// The id of the service, as a machine, in the printed environment.
const MACHINE: &str = "mch_bills";

async fn serve() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str, default: &str| {
        let value = env::var(name).ok().filter(|value| !value.is_empty());
        value.unwrap_or_else(|| default.to_owned())
    };
    let address = variable("LISTEN", "127.0.0.1:4000");
    let clerk = FakeClerk::builder()
        .listen(
            address
                .parse()
                .map_err(|_| format!("LISTEN is no address: {address}"))?,
        )
        .client(
            variable("CLERK_OAUTH_CLIENT_ID", CLIENT_ID),
            variable("CLERK_OAUTH_CLIENT_SECRET", CLIENT_SECRET),
        )
        // This key is not from the environment: it is printed, and the environment may contain a real one.
        .secret_key(SECRET_KEY)
        .admin_page()
        .start()
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    // Creating a key takes a while. Otherwise the first service would wait for the key set.
    let _ = clerk.public_key_pem();
    // New instances do the same. Only a JWT names the resource that it was issued for.
    clerk.issue_jwts(true);
    let redirects = variable("REDIRECT_URIS", "");
    clerk.allow_redirects(&clerk.client_id(), redirects.split_whitespace());

    let users = [
        ("user_ada", "Ada", "Lovelace"),
        ("user_grace", "Grace", "Hopper"),
    ];
    for (id, given, family) in users {
        clerk
            .user(id)
            .given_name(given)
            .family_name(family)
            .name(format!("{given} {family}"))
            .save();
    }

    println!("A fake Clerk listens on {}\n", clerk.url());
    println!("Its page, to mint tokens and to see what comes in:");
    println!("  {}/__admin\n", clerk.url());
    println!("The environment of a service, the same at every start:");
    println!("  export CLERK_DOMAIN={}", clerk.url());
    println!("  export CLERK_OAUTH_CLIENT_ID={}", clerk.client_id());
    println!(
        "  export CLERK_OAUTH_CLIENT_SECRET={}",
        clerk.client_secret()
    );
    println!("\nWhat a service that accepts every kind of token needs beside it:");
    println!("  export CLERK_ACCEPT=oauth,session,api_key,machine");
    println!("  export CLERK_MACHINES={MACHINE}");
    println!("  export CLERK_SECRET_KEY={}", clerk.secret_key());
    println!("  export CLERK_API_URL={}/v1\n", clerk.url());
    println!("A token for each of two users, with the scopes email and profile, for one day:");
    for (id, ..) in users {
        println!("  {id:<10}  {}", clerk.token(id).issue());
    }
    println!("\nThe page mints the other kinds.\n\nCtrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
