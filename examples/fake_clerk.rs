//! A fake Clerk for development without an account. It serves Clerk's OAuth endpoints and its Backend API. An admin
//! page mints and revokes tokens of every kind, shows the incoming calls, and switches faults on.
//!
//! ```sh
//! cargo run --example fake_clerk -- --help
//! ```
//!
//! `LISTEN` (default `127.0.0.1:4000`) is a loopback address. The client's id and secret are the same at every start,
//! so that a service's environment stays the same, unless `CLERK_OAUTH_CLIENT_ID` and `CLERK_OAUTH_CLIENT_SECRET` set
//! others. The secret key is always the same. `REDIRECT_URIS`, separated by spaces, are the redirect URIs of that
//! client; other clients register themselves. Tokens and signing keys do not outlive the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    tower_clerk::fake_clerk::cli::main()
}
