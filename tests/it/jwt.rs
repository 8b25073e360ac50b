//! JWTs, verified by the keys of the instance.

mod accepted;
mod backend_keys;
mod forged;
mod key_set;
mod oauth;
mod swapped;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tower_clerk::{
    ClerkConfigBuilder, TokenKind,
    fake_clerk::{Endpoint, FakeClerk},
    kinds::OAuthTokens,
};

use crate::support::{App, Kinds, World};

/// A Clerk that has its key already, and a clock that shows what Clerk's does.
pub fn world() -> World {
    let world = World::new();
    let _ = world.clerk.public_key_pem();
    synchronise(&world);
    world
}

/// Sets the clock by Clerk's. Making a key takes a while.
pub fn synchronise(world: &World) {
    let behind = world
        .clerk
        .now()
        .saturating_sub(crate::support::unix_seconds(world.clock.now()));
    world.clock.advance(std::time::Duration::from_secs(behind));
}

/// A configuration that accepts these kinds, and has no credentials.
fn accepting<const N: usize>(world: &World, kinds: [TokenKind; N]) -> ClerkConfigBuilder {
    accepting_with(world, kinds, |_| {})
}

/// The same with other options than JWTs by their signature.
fn accepting_with<const N: usize>(
    world: &World,
    kinds: [TokenKind; N],
    change: impl FnOnce(&mut Kinds),
) -> ClerkConfigBuilder {
    let mut options = Kinds::of(OAuthTokens::signature().allow_any_client());
    change(&mut options);
    options.accept(world.nothing(), kinds)
}

/// A layer that accepts session tokens.
fn sessions(world: &World) -> App {
    App::new(accepting(world, [TokenKind::Session]))
}

fn key_set_calls(world: &World) -> usize {
    world.clerk.calls(Endpoint::Jwks)
}

/// Header and payload of a token.
pub fn parts(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| {
        let part = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&part).unwrap_or_default()
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}

/// Header and payload as they are signed.
pub fn message(header: impl ToString, payload: impl ToString) -> String {
    let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(payload.to_string())
    )
}

/// A token of this header and payload, signed by Clerk.
pub fn signed(clerk: &FakeClerk, header: impl ToString, payload: impl ToString) -> String {
    clerk.sign_message(&message(header, payload))
}

/// A member of an object, put there or replaced; null takes it away.
pub fn with(object: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    object[name] = value.into();
    object
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    object
}
