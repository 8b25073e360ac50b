//! The program `fake-clerk`: its arguments, its output, and its life until Ctrl-C.

use std::env;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use super::FakeClerk;
use super::admin;
use super::builder::is_path;

#[cfg(test)]
mod tests;

const HELP: &str = "\
A Clerk for tests and development, without an account.

It serves Clerk's OAuth endpoints and Backend API, and an admin page that issues
and revokes tokens of every kind.

Usage: fake-clerk [--listen ADDRESS] [--path PATH] [--webhook-url URL]

Options:
      --listen ADDRESS         Loopback address and port
                               [default: 127.0.0.1:4000]
      --path PATH              Path of the Frontend API behind a proxy: /__clerk
      --webhook-url URL        Endpoint that gets signed events, http://…
      --webhook-secret SECRET  Its signing secret, whsec_…
                               [default: a secret that protects nothing]
  -h, --help                   Print this help
  -V, --version                Print the version

Environment:
  LISTEN                     The address, if --listen is absent
  CLERK_OAUTH_CLIENT_ID      The id of the OAuth client
  CLERK_OAUTH_CLIENT_SECRET  The secret of that client
  REDIRECT_URIS              Its redirect URIs, separated by spaces
";

const DEFAULT_ADDRESS: &str = "127.0.0.1:4000";

// They protect nothing. They are constant, so that the environment of a service is the same at every start.
const CLIENT_ID: &str = "FakeClerkClient1";
const CLIENT_SECRET: &str = "FakeClerkSecretThatProtectsNoOne";
const SECRET_KEY: &str = "sk_test_Fake_Clerk_Key_That_Protects_No_One";
const WEBHOOK_SECRET: &str = "whsec_FakeClerkSecretThatProtectsNoOne";

const USERS: [(&str, &str, &str); 2] = [
    ("user_ada", "Ada", "Lovelace"),
    ("user_grace", "Grace", "Hopper"),
];

/// Runs the program until Ctrl-C. Not part of the stable API of this crate.
pub fn main() -> ExitCode {
    let arguments = env::args_os().skip(1);
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let outcome = match Command::parse(arguments) {
        Ok(Command::Help) => {
            print(HELP);
            Ok(())
        }
        Ok(Command::Version) => {
            print(concat!("fake-clerk ", env!("CARGO_PKG_VERSION"), "\n"));
            Ok(())
        }
        Ok(Command::Serve(options)) => serve(options),
        Err(message) => {
            complain(&format!("{message}; see fake-clerk --help"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, PartialEq)]
enum Command {
    Help,
    Version,
    Serve(Options),
}

#[derive(Debug, Default, PartialEq)]
struct Options {
    listen: Option<SocketAddr>,
    path: Option<String>,
    webhook_url: Option<String>,
    webhook_secret: Option<String>,
}

impl Command {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&*argument, None),
            };
            let mut value = |what: &str| {
                let value = value.clone().or_else(|| arguments.next());
                value.ok_or_else(|| format!("{name} lacks its {what}"))
            };
            match name {
                "-h" | "--help" => return Ok(Self::Help),
                "-V" | "--version" => return Ok(Self::Version),
                "--path" => options.path = Some(parse_path(value("path")?)?),
                "--listen" => options.listen = Some(parse_address(&value("address")?)?),
                "--webhook-url" => options.webhook_url = Some(value("URL")?),
                "--webhook-secret" => options.webhook_secret = Some(value("secret")?),
                _ => return Err(format!("unknown argument `{name}`")),
            }
        }
        if options.webhook_secret.is_some() && options.webhook_url.is_none() {
            return Err("--webhook-secret needs --webhook-url".to_owned());
        }
        Ok(Self::Serve(options))
    }
}

fn parse_address(address: &str) -> Result<SocketAddr, String> {
    address
        .parse()
        .map_err(|_| format!("`{address}` is not an address such as {DEFAULT_ADDRESS}"))
}

fn parse_path(path: String) -> Result<String, String> {
    if is_path(&path) {
        Ok(path)
    } else {
        Err(format!("`{path}` is not a path such as /__clerk"))
    }
}

fn serve(options: Options) -> Result<(), String> {
    let address = match options.listen {
        Some(address) => address,
        None => parse_address(&variable("LISTEN", DEFAULT_ADDRESS))
            .map_err(|message| format!("LISTEN: {message}"))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let clerk = start(address, options.path).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "cannot listen on {address}: the address is in use; choose another with --listen"
            )
        }
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let secret = options.webhook_secret.as_deref().unwrap_or(WEBHOOK_SECRET);
    if let Some(url) = &options.webhook_url {
        let outcome = clerk.webhooks(url, secret);
        outcome.map_err(|error| error.to_string())?;
    }
    print(&greeting(
        &clerk,
        options.webhook_url.is_some().then_some(secret),
    ));
    runtime
        .block_on(tokio::signal::ctrl_c())
        .map_err(|error| error.to_string())
}

/// Starts the fake with its admin page, its client and its users.
fn start(address: SocketAddr, path: Option<String>) -> io::Result<FakeClerk> {
    let mut builder = FakeClerk::builder();
    if let Some(path) = path {
        builder = builder.path(path);
    }
    let clerk = builder
        .listen(address)
        .client(
            variable("CLERK_OAUTH_CLIENT_ID", CLIENT_ID),
            variable("CLERK_OAUTH_CLIENT_SECRET", CLIENT_SECRET),
        )
        // Not from the environment: the key is printed, and the environment may hold a real one.
        .secret_key(SECRET_KEY)
        .admin_page()
        .start()?;
    // Generates the signing key now, so that the first request for the key set does not wait for it.
    let _ = clerk.public_key_pem();
    // New instances of Clerk issue JWTs, and only JWTs name the resource that they are for.
    clerk.issue_jwts(true);
    let redirects = variable("REDIRECT_URIS", "");
    clerk.allow_redirects(&clerk.client_id(), redirects.split_whitespace());
    for (id, given, family) in USERS {
        clerk
            .user(id)
            .given_name(given)
            .family_name(family)
            .name(format!("{given} {family}"))
            .save();
    }
    Ok(clerk)
}

/// The text that the program prints when it is ready.
fn greeting(clerk: &FakeClerk, webhook_secret: Option<&str>) -> String {
    let url = clerk.url();
    let exports = |lines: String| {
        let lines = lines.lines().map(|line| format!("  export {line}\n"));
        lines.collect::<String>()
    };
    let tokens = USERS.map(|(id, ..)| format!("  {id:<10}  {}\n", clerk.token(id).issue()));
    let webhooks = webhook_secret.map(|secret| {
        let lines = exports(format!("CLERK_WEBHOOK_SIGNING_SECRET={secret}"));
        format!("In addition, for a service that receives its events:\n{lines}\n")
    });
    format!(
        "A fake Clerk listens on {url}\n\n\
         Its admin page, which issues tokens and shows requests:\n  http://{}/__admin\n\n\
         The environment of a service, the same at every start:\n{}\n\
         In addition, for a service that accepts every kind of token:\n{}\n{}\
         A token for each of two users, with the scopes email and profile, for one day:\n{}\n\
         The admin page issues the other kinds.\n\n\
         Ctrl-C stops it.\n",
        clerk.addr(),
        exports(admin::environment(&clerk.state)),
        exports(admin::environment_of_kinds(&clerk.state)),
        webhooks.unwrap_or_default(),
        tokens.concat(),
    )
}

/// The value of an environment variable, or a default if it is absent or empty.
fn variable(name: &str, default: &str) -> String {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    value.unwrap_or_else(|| default.to_owned())
}

/// Prints to standard output. The fake goes on if that is closed.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}

fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}
