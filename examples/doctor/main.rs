//! Examines a Clerk instance, and a token, with the configuration of a service. It prints its findings and the
//! variables to set, and shows whether the layer would accept the token.
//!
//! ```sh
//! export CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=…
//! cargo run --example doctor                      # the instance, and the endpoints that the configuration uses
//! CLERK_TOKEN=… cargo run --example doctor        # and a token
//! cargo run --example doctor -- - < token.txt     # the same, from standard input
//! ```
//!
//! A token can also be the argument, but every user who may list the processes of the machine can read it there. All
//! other variables of `ClerkConfig::from_env` count as well. The exit status is 0 if the layer would accept the
//! token, or, without a token, if nothing is wrong.
//!
//! The output contains neither the token nor a secret. It does contain the claims of the token, without the profile.

mod call;
mod claims;
mod endpoints;
mod instance;
mod profile;
mod report;
mod rules;
mod settings;
mod token;
mod verdict;

use std::{
    env,
    error::Error,
    io::{self, Read},
    iter,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use tower_clerk::{ClerkConfig, TokenKind};

use self::{
    call::Clerk, claims::Claims, report::Report, rules::Rules, settings::Settings, token::Token,
};

/// Returns true if nothing is wrong.
async fn examine() -> Result<bool, Box<dyn Error>> {
    let token = token()?;
    let config = ClerkConfig::from_env()?;
    let settings = Settings::from_env();
    let mut report = Report::new(Settings::secrets().chain(token.clone()).collect());
    let clerk = Clerk::new(config.issuer(), &settings)?;

    report.section(&format!("The instance {}", clerk.issuer()));
    instance::examine(&clerk, &mut report).await;
    report.section("The endpoints that the configuration uses");
    endpoints::examine(&clerk, &settings, &mut report).await;
    let Some(token) = token else {
        report.section("Verdict");
        let is_well = report.findings() == 0;
        match is_well {
            true => {
                report.good("everything is in order; give a token to have it examined, too");
            }
            false => report.summary(&format!("{} of the checks failed", report.findings())),
        }
        return Ok(is_well);
    };

    let before = report.findings();
    report.section("The token");
    examine_token(&Token::new(&token), &clerk, &settings, &mut report).await;
    report.section("Verdict");
    let is_explained = report.findings() > before;
    Ok(verdict::examine(config, &token, is_explained, &mut report).await)
}

async fn examine_token(token: &Token<'_>, clerk: &Clerk, settings: &Settings, report: &mut Report) {
    token.examine(settings, report);
    let claims = Claims::fetch(token, clerk, settings, report).await;
    let Some(claims) = claims else {
        return;
    };
    report.section("The rules");
    let rules = Rules {
        kind: token.kind.unwrap_or(TokenKind::OAuth),
        claims: &claims,
        settings,
        issuer: clerk.issuer(),
        proxy: clerk.frontend_url(),
        now: now(),
    };
    rules.examine(report);
    profile::examine(token, &claims, clerk, settings, report).await;
}

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

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is what is examined here"
)]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
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
