//! `Authenticator::any`: two instances behind one layer.

mod challenges;
mod cookies;
mod forged;
mod reserves;
mod shared;
mod table;

use tower_clerk::{
    Authenticator, ClerkAuthLayer, ClerkConfigBuilder, TokenKind, fake_clerk::FakeClerk,
    kinds::Enrichment,
};

use crate::{
    jwt::synchronise,
    support::{App, Kinds, World},
};

const ALL: [TokenKind; 4] = [
    TokenKind::OAuth,
    TokenKind::Session,
    TokenKind::ApiKey,
    TokenKind::Machine,
];

/// Two instances with one clock.
struct Pair {
    worlds: [World; 2],
}

impl Pair {
    fn new() -> Self {
        let first = World::new();
        let second = World {
            clerk: FakeClerk::new(),
            clock: first.clock.clone(),
        };
        for world in [&first, &second] {
            let _ = world.clerk.public_key_pem();
        }
        synchronise(&second);
        Self {
            worlds: [first, second],
        }
    }

    /// The configuration of one instance, with all kinds, and changes to their options.
    fn config_with(&self, place: usize, change: impl FnOnce(&mut Kinds)) -> ClerkConfigBuilder {
        let world = &self.worlds[place];
        let mut kinds = world.kinds();
        kinds.oauth = kinds.oauth.userinfo(Enrichment::Off);
        change(&mut kinds);
        let config = kinds.accept(world.nothing(), ALL);
        config
            .secret_key(world.clerk.secret_key())
            .backend_api_url(world.clerk.url())
    }

    fn config(&self, place: usize) -> ClerkConfigBuilder {
        self.config_with(place, |_| {})
    }

    /// The authenticators of both instances.
    fn both(&self) -> [Authenticator; 2] {
        [0, 1].map(|place| authenticator(self.config(place)))
    }

    fn app(&self) -> App {
        app(self.both())
    }

    fn url(&self, place: usize) -> String {
        self.worlds[place].clerk.url()
    }

    /// The calls that each instance received.
    fn calls(&self) -> [usize; 2] {
        [0, 1].map(|place| self.worlds[place].clerk.total_calls())
    }

    fn forget_calls(&self) {
        for world in &self.worlds {
            world.clerk.reset_calls();
        }
    }
}

fn authenticator(config: ClerkConfigBuilder) -> Authenticator {
    Authenticator::new(config.build().unwrap())
}

fn app(authenticators: impl IntoIterator<Item = Authenticator>) -> App {
    App::of(ClerkAuthLayer::from(Authenticator::any(authenticators)))
}
