//! Tokens that the instance signed, each kind by its own rules.

use tower_clerk::{ClerkConfig, ClerkConfigBuilder, TokenKind, fake_clerk::Endpoint};

use crate::support::{App, World};

/// A configuration that accepts these kinds, and has no credentials.
pub fn accepting(world: &World, kinds: &[TokenKind]) -> ClerkConfigBuilder {
    ClerkConfig::builder(world.clerk.url())
        .accept(kinds.iter().copied())
        .clock(world.clock.clone())
}

#[tokio::test]
async fn a_session_token_passes_by_its_signature() {
    let world = World::new();
    let app = App::new(accepting(&world, &[TokenKind::Session]));
    let token = world.clerk.session("user_1").issue();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().subject(), "user_1");
    }
    assert_eq!(world.clerk.calls(Endpoint::Jwks), 1);
    assert_eq!(world.clerk.total_calls(), 1);
}
