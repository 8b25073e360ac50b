//! A token of each kind, issued by the server, and a request with each.

use std::time::Duration;

use http::Request;
use tower_clerk::fake_clerk::FakeClerk;

use super::{clerk, in_cookie, long_token, request, tokens};

/// A good token, and where in a request it stands.
#[derive(Clone, Debug)]
pub struct Carried {
    pub name: String,
    pub token: String,
    pub is_cookie: bool,
}

impl Carried {
    fn in_header(name: &str, token: String) -> Self {
        let name = format!("{name}, {} bytes", token.len());
        Self {
            name,
            token,
            is_cookie: false,
        }
    }

    pub fn request(&self) -> Request<()> {
        if self.is_cookie {
            in_cookie(&self.token)
        } else {
            request(&self.token)
        }
    }
}

/// A token of each kind. The last two are as long as the session token that stands before them: the one has
/// nothing else in common with it, the other is the same one in a cookie.
pub fn of_each_kind() -> Vec<Carried> {
    let clerk = clerk();
    let session = session_token(clerk, 0);
    let machine = |jwt: bool| {
        let token = clerk.machine_token("mch_2nRz8kVbQw1mXcTdYpLsBbCcDdE");
        let token = token.scopes([MACHINE]);
        if jwt { token.jwt() } else { token }.issue()
    };
    let long = long_token(session.len());
    vec![
        Carried::in_header("OAuth, opaque", tokens(1).remove(0)),
        Carried::in_header("API key", clerk.api_key(USER).issue()),
        Carried::in_header("machine, opaque", machine(false)),
        Carried::in_header("machine, JWT", machine(true)),
        Carried::in_header("session, JWT", session.clone()),
        Carried::in_header("OAuth, opaque, as long", long),
        Carried {
            name: "session, JWT, the same in a cookie".to_owned(),
            token: session,
            is_cookie: true,
        },
    ]
}

/// A session token as Clerk issues them, version 2, with an organization that is active and with permissions
/// in it. It is good for an hour, where Clerk's are good for a minute; each number makes another one.
pub fn session_token(clerk: &FakeClerk, number: usize) -> String {
    clerk
        .session(USER)
        .session_id(format!("sess_{number:027}"))
        .organization("org_2abcdefghijklmnopqrstuvwxyz", "example", "admin")
        .permissions([
            "org:billing:read",
            "org:billing:manage",
            "org:documents:read",
            "org:documents:write",
        ])
        .authorized_party("https://app.example.com")
        .lifetime(Duration::from_secs(3600))
        .issue()
}

/// The machine that we are.
pub const MACHINE: &str = "mch_2nRz8kVbQw1mXcTdYpLsAeHgJfK";

const USER: &str = "user_2abcdefghijklmnopqrstuvwxyz";
