//! What holds for every kind of token, tried with each of them: however it is verified, whoever is asked, and
//! whatever header it comes in.

mod caching;
mod isolation;
mod outages;
mod redaction;
mod requests;
mod revocation;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder, TokenKind,
    fake_clerk::{Endpoint, FakeClerk, Field},
    kinds::{Enrichment, JwtVerification, OAuthTokens},
    testing::ManualClock,
};

use crate::{
    jwt::{message, parts, synchronise, with},
    support::{Answer, App, Kinds, World, settled},
};

const SECOND: Duration = Duration::from_secs(1);

/// A kind of token, and a way to verify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Opaque, by introspection.
    OAuth,
    /// A JWT, by introspection.
    OAuthJwt,
    /// A JWT, by its signature.
    OAuthJwtLocal,
    /// A JWT, by its signature and by introspection.
    OAuthJwtBoth,
    /// Opaque, by the Backend API.
    OAuthBackend,
    Session,
    /// A session token in the cookie.
    Cookie,
    MachineJwt,
    /// Opaque.
    Machine,
    ApiKey,
}

use Kind::{
    ApiKey, Cookie, Machine, MachineJwt, OAuth, OAuthBackend, OAuthJwt, OAuthJwtBoth,
    OAuthJwtLocal, Session,
};

const KINDS: [Kind; 10] = [
    OAuth,
    OAuthJwt,
    OAuthJwtLocal,
    OAuthJwtBoth,
    OAuthBackend,
    Session,
    Cookie,
    MachineJwt,
    Machine,
    ApiKey,
];

/// An hour: longer than anything is remembered.
const LONG: u64 = 3600;

impl Kind {
    fn token_kind(self) -> TokenKind {
        match self {
            OAuth | OAuthJwt | OAuthJwtLocal | OAuthJwtBoth | OAuthBackend => TokenKind::OAuth,
            Session | Cookie => TokenKind::Session,
            MachineJwt | Machine => TokenKind::Machine,
            ApiKey => TokenKind::ApiKey,
        }
    }

    fn is_jwt(self) -> bool {
        !matches!(self, OAuth | OAuthBackend | Machine | ApiKey)
    }

    /// Whether a signature alone decides, so that no token is worth a call.
    fn is_local(self) -> bool {
        self.endpoints() == [Endpoint::Jwks]
    }

    /// Who is asked before a first token is accepted, in this order.
    fn endpoints(self) -> &'static [Endpoint] {
        match self {
            OAuth | OAuthJwt => &[Endpoint::Introspection],
            OAuthJwtBoth => &[Endpoint::Jwks, Endpoint::Introspection],
            OAuthBackend => &[Endpoint::OAuthVerification],
            OAuthJwtLocal | Session | Cookie | MachineJwt => &[Endpoint::Jwks],
            Machine => &[Endpoint::MachineTokenVerification],
            ApiKey => &[Endpoint::ApiKeyVerification],
        }
    }

    /// How many seconds beyond its end a token is accepted: an authorization server knows the time.
    fn leeway(self) -> u64 {
        if self.is_local() { 5 } else { 0 }
    }

    /// How much longer than for the TTL of 30 s a verdict is kept: a session token vouches for itself, for a minute.
    fn kept_longer(self) -> Duration {
        match self.token_kind() {
            TokenKind::Session => 30 * SECOND,
            _ => Duration::ZERO,
        }
    }

    fn subject(self) -> &'static str {
        match self.token_kind() {
            TokenKind::Machine => "mch_canary",
            _ => "user_canary",
        }
    }

    /// A configuration that accepts this kind alone.
    fn config(self, world: &World) -> ClerkConfigBuilder {
        self.config_with(world, self.options(world))
    }

    /// The same with other options.
    fn config_with(self, world: &World, options: Kinds) -> ClerkConfigBuilder {
        self.config_with_tls(world, options)
            .transport(world.clerk.transport())
    }

    /// The options by which this kind is verified.
    fn options(self, world: &World) -> Kinds {
        let mut options = world.kinds();
        let oauth = options.oauth.userinfo(Enrichment::Off);
        options.oauth = match self {
            OAuthJwtLocal => oauth.jwts(JwtVerification::Local),
            OAuthJwtBoth => oauth.jwts(JwtVerification::LocalThenIntrospect),
            OAuthBackend => OAuthTokens::backend_api()
                .allow_clients([world.clerk.client_id()])
                .audiences([world.clerk.client_id()])
                .userinfo(Enrichment::Off),
            _ => oauth,
        };
        if self == Cookie {
            options.session = options.session.cookie();
        }
        options
    }

    /// With the client that there is by default. It reads the certificates of the platform, which takes longer
    /// than all else.
    fn config_with_tls(self, world: &World, options: Kinds) -> ClerkConfigBuilder {
        options
            .accept(world.nothing_over_sockets(), [self.token_kind()])
            .secret_key(world.clerk.secret_key())
            .backend_api_url(world.clerk.url())
            .rate_limit(0)
    }

    fn app(self, world: &World) -> App {
        App::new(self.config(world))
    }

    /// A good token, for so many seconds.
    fn issue(self, world: &World, seconds: u64) -> String {
        let (clerk, life) = (&world.clerk, Duration::from_secs(seconds));
        let oauth = || clerk.token(self.subject()).lifetime(life);
        let machine = || {
            let token = clerk.machine_token(self.subject()).lifetime(life);
            token.scopes(["mch_us"])
        };
        match self {
            OAuth | OAuthBackend => oauth().issue(),
            OAuthJwt | OAuthJwtLocal | OAuthJwtBoth => oauth().jwt().issue(),
            Session | Cookie => clerk.session(self.subject()).lifetime(life).issue(),
            MachineJwt => machine().jwt().issue(),
            Machine => machine().issue(),
            ApiKey => clerk.api_key(self.subject()).lifetime(life).issue(),
        }
    }

    fn good(self, world: &World) -> String {
        self.issue(world, LONG)
    }

    /// So many tokens that nobody issued, no two of them alike.
    fn bad(self, world: &World, count: usize) -> Vec<String> {
        let prefix = match self.token_kind() {
            TokenKind::OAuth => "oat",
            TokenKind::Machine => "mt",
            _ => "ak",
        };
        if !self.is_jwt() {
            return (0..count).map(|n| format!("{prefix}_{n:032}")).collect();
        }
        let [header, payload] = parts(&self.good(world));
        let signature = URL_SAFE_NO_PAD.encode([1; 256]);
        (0..count)
            .map(|n| {
                let message = message(&header, with(&payload, "n", n));
                format!("{message}.{signature}")
            })
            .collect()
    }

    /// Why a token that nobody issued is rejected.
    fn rejection(self) -> AuthErrorKind {
        if self.is_local() || self == OAuthJwtBoth {
            AuthErrorKind::InvalidSignature
        } else {
            AuthErrorKind::Inactive
        }
    }

    /// The header that a token comes in.
    fn header(self, token: &str) -> (&'static str, String) {
        match self {
            Cookie => ("cookie", format!("__session={token}")),
            _ => ("authorization", format!("Bearer {token}")),
        }
    }

    async fn send(self, app: &App, token: &str) -> Answer {
        let (name, value) = self.header(token);
        app.send(&[(name, &value)]).await
    }

    async fn send_grpc(self, app: &App, token: &str) -> Answer {
        let (name, value) = self.header(token);
        app.send_grpc(&[(name, &value)]).await
    }

    /// How often those who are asked about this kind were, so far.
    fn calls(self, world: &World) -> usize {
        let calls = self.endpoints().iter();
        calls.map(|endpoint| world.clerk.calls(*endpoint)).sum()
    }
}

/// Every kind, each with a clock of its own and with one Clerk: it makes one key for all.
fn worlds() -> impl Iterator<Item = (Kind, World)> {
    let clerk = FakeClerk::start().unwrap();
    // By the documented answer alone, an opaque OAuth token would not end when the others do.
    clerk.introspection_includes([Field::Exp]);
    let _ = clerk.public_key_pem();
    KINDS.into_iter().map(move |kind| {
        clerk.heal_all();
        let clock = ManualClock::new();
        let clerk = clerk.clone();
        let world = World { clerk, clock };
        synchronise(&world);
        (kind, world)
    })
}
