//! Examines a Clerk instance, and a token, with the configuration of a service. It prints its findings and the
//! variables to set, and shows whether the layer would accept the token.
//!
//! ```sh
//! export CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=…
//! cargo run --example doctor                      # the instance and the credentials
//! CLERK_TOKEN=… cargo run --example doctor        # and a token
//! cargo run --example doctor -- - < token.txt     # the same, from standard input
//! ```
//!
//! A token can also be the argument, but every user who may list the processes of the machine can read it there. All
//! other variables of `ClerkConfig::from_env` count as well. The exit status is 0 if the layer would accept the
//! token, or, without a token, if nothing is wrong.
//!
//! The output contains neither the token nor the secret. It does contain the subject of the token.

mod ask;
mod instance;
mod report;
mod token;
mod verdict;

use std::{
    env,
    error::Error,
    io::{self, Read},
    iter,
    process::ExitCode,
};

use tower_clerk::ClerkConfig;

use self::{ask::Clerk, report::Report};

/// A token that cannot exist. Clerk's answer to it shows whether Clerk accepts the credentials.
const NO_TOKEN: &str = "oat_00000000000000000000000000000000";

/// Returns the token to examine, if there is one.
fn token() -> Result<Option<String>, Box<dyn Error>> {
    let token = match env::args().nth(1) {
        Some(argument) if argument == "-" => {
            let mut text = String::new();
            io::stdin().take(65_536).read_to_string(&mut text)?;
            Some(text)
        }
        Some(argument) => {
            eprintln!(
                "note: an argument can be seen in the list of processes: prefer CLERK_TOKEN, or `-`"
            );
            Some(argument)
        }
        None => env::var("CLERK_TOKEN").ok(),
    };
    let token = token.map(|token| token.trim().to_owned());
    Ok(token.filter(|token| !token.is_empty()))
}

/// Returns true if nothing is wrong.
async fn examine() -> Result<bool, Box<dyn Error>> {
    let token = token()?;
    let config = ClerkConfig::from_env()?;
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    // Either both are set, or neither is needed.
    let client_id = variable("CLERK_OAUTH_CLIENT_ID");
    let secret = variable("CLERK_OAUTH_CLIENT_SECRET");
    let key = variable("CLERK_SECRET_KEY");
    let mut report = Report::new([&secret, &key, &token].into_iter().flatten());
    let has_credentials = client_id.is_some();
    let clerk = Clerk::new(
        config.issuer(),
        client_id.unwrap_or_default(),
        secret.unwrap_or_default(),
    )?;

    report.section(&format!("The instance {}", clerk.issuer()));
    instance::check_discovery(&clerk, &mut report).await;
    let asked = has_credentials.then_some(&clerk);
    if has_credentials {
        instance::check_credentials(&clerk, &mut report).await;
        instance::check_userinfo(&clerk, &mut report).await;
    } else {
        report.note("introspection is not examined: there are no client credentials");
    }

    let Some(token) = token else {
        report.section("Verdict");
        let is_well = report.findings() == 0;
        if is_well {
            report.good("everything is in order; give a token to have it examined, too");
        } else {
            report.summary("not everything is in order: see above");
        }
        return Ok(is_well);
    };
    report.section("The token");
    let answer = token::examine(asked, &token, &mut report).await;
    report.section("Verdict");
    Ok(verdict::decide(&token, answer.as_ref(), &mut report).await)
}

#[tokio::main]
async fn main() -> ExitCode {
    match examine().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in iter::successors(error.source(), |&cause| cause.source()) {
                eprintln!("caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
