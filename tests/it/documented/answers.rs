//! Random answers of every documented shape, in the place of the fake's: an answer that Clerk documents is never a 503,
//! and an oracle that reads it a second time decides as the library does.

mod backend;
mod documents;
mod frontend;
mod users;

use serde_json::{Map, Value};
use tower_clerk::fake_clerk::{Endpoint, Fault};

use crate::support::{Answer, App, World, unix};

const NOW: u64 = 1_700_000_000;

/// A world at [`NOW`].
fn world() -> World {
    let world = World::new();
    world.clock.set(unix(NOW));
    world
}

/// Has an endpoint answer with this object.
fn answer_with(world: &World, endpoint: Endpoint, status: u16, body: &Value) {
    let fault = Fault::answer(status, "application/json", body.to_string());
    world.clerk.fail(endpoint, fault);
}

/// Sends a token twice. The second answer may come from the cache, and is the same.
async fn twice(app: &App, token: &str, expected: u16, about: &Value) -> Answer {
    let first = app.bearer(token).await;
    assert_eq!(first.status(), expected, "{:?} {about}", first.kind());
    let second = app.bearer(token).await;
    assert_eq!(second.status(), expected, "{:?} {about}", second.kind());
    second
}

/// The members that are not null.
fn known(object: &Value) -> Map<String, Value> {
    let mut members = object.as_object().unwrap().clone();
    members.retain(|_, value| !value.is_null());
    members
}

/// Fails unless each outcome is at least one of fifty, so that the test shows something.
fn assert_covered(outcomes: &[usize]) {
    let all: usize = outcomes.iter().sum();
    let is_rare = |count: &usize| *count < all / 50;
    assert!(all < 200 || !outcomes.iter().any(is_rare), "{outcomes:?}");
}
