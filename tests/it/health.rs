//! What a layer knows of Clerk without asking.

use std::time::{Duration, UNIX_EPOCH};

use tower_clerk::{
    fake_clerk::{Endpoint, Fault},
    observe::BreakerState,
    testing::ManualClock,
};

use crate::{
    stub::{Reply, Stub, token},
    support::World,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_layer_that_was_not_used_knows_nothing() {
    let world = World::new();
    let app = world.app();
    app.send(&[]).await;
    app.bearer("garbage").await;
    let health = app.layer.authenticator().health();
    assert_eq!(health.reachable, None);
    assert_eq!(health.last_success, None);
    assert!(!health.credentials_rejected);
    assert_eq!(health.introspection, BreakerState::Closed);
    assert_eq!(health.userinfo, BreakerState::Closed);
    assert_eq!(world.clerk.total_calls(), 0, "nobody is asked");
}

#[tokio::test]
async fn it_says_what_the_last_call_came_to() {
    struct Case {
        name: &'static str,
        fault: Option<Fault>,
        reachable: bool,
        credentials_rejected: bool,
        /// Whether it is an answer that is understood.
        good: bool,
    }
    let case = |name, fault, reachable, credentials_rejected, good| Case {
        name,
        fault,
        reachable,
        credentials_rejected,
        good,
    };
    let world = World::new();
    let app = world.app();
    let mut last_good = 0;
    for Case {
        name,
        fault,
        reachable,
        credentials_rejected,
        good,
    } in [
        case("good", None, true, false, true),
        case(
            "a server error",
            Some(Fault::status(500)),
            false,
            false,
            false,
        ),
        case("good again", None, true, false, true),
        case(
            "our credentials are rejected",
            Some(Fault::status(401)),
            true,
            true,
            false,
        ),
        // It says nothing of our credentials.
        case(
            "a 429",
            Some(Fault::status(429).header("retry-after", "0")),
            true,
            true,
            false,
        ),
        case("good credentials", None, true, false, true),
        // fault B1: one token can provoke it.
        case("no JSON", Some(Fault::malformed()), true, false, false),
        case(
            "the connection breaks",
            Some(Fault::reset()),
            false,
            false,
            false,
        ),
    ] {
        world.clock.advance(60 * SECOND);
        let is_fault = fault.is_some();
        if let Some(fault) = fault {
            world.clerk.fail(Endpoint::Introspection, fault);
        }
        // Not a good one: userinfo would be called after it.
        app.bearer(&format!(
            "oat_{}",
            crate::support::unix_seconds(world.clock.now())
        ))
        .await;
        world.clerk.heal_all();
        if good {
            last_good = crate::support::unix_seconds(world.clock.now());
        }
        let health = app.layer.authenticator().health();
        assert_eq!(health.reachable, Some(reachable), "{name}");
        assert_eq!(health.credentials_rejected, credentials_rejected, "{name}");
        let at = UNIX_EPOCH + Duration::from_secs(last_good);
        let told = health.last_success.unwrap();
        assert!(told >= at && told < at + SECOND, "{name}: {told:?}");
        assert_eq!(good, !is_fault, "{name}");
    }
    assert_eq!(
        app.clone().layer.authenticator().health(),
        app.layer.authenticator().health()
    );
}

#[tokio::test]
async fn it_says_what_each_breaker_does() {
    let clock = ManualClock::new();
    let stub = Stub::always(Reply::status(500));
    let app = stub.app(&clock);
    for number in 0..10 {
        assert_eq!(
            app.layer.authenticator().health().introspection,
            BreakerState::Closed
        );
        app.bearer(&token(number)).await;
    }
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::Open
    );
    assert_eq!(
        app.layer.authenticator().health().userinfo,
        BreakerState::Closed
    );
    assert_eq!(app.layer.authenticator().health().reachable, Some(false));

    clock.advance(SECOND);
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::Open
    );
    stub.reply(Reply::Gate);
    let probe = tokio::spawn({
        let app = app.clone();
        async move { app.bearer(&token(10)).await }
    });
    while stub.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::HalfOpen
    );
    stub.open();
    probe.await.unwrap().assert_accepted();
    assert_eq!(
        app.layer.authenticator().health().introspection,
        BreakerState::Closed
    );
    assert_eq!(app.layer.authenticator().health().reachable, Some(true));
}

#[tokio::test]
async fn userinfo_that_is_down_is_no_fault_of_introspection() {
    let world = World::new();
    let app = world.app();
    world.clerk.fail(Endpoint::Userinfo, Fault::status(500));
    for _ in 0..10 {
        let token = world.clerk.token("user_1").issue();
        app.bearer(&token).await.assert_accepted();
    }
    let health = app.layer.authenticator().health();
    assert_eq!(health.userinfo, BreakerState::Open);
    assert_eq!(health.introspection, BreakerState::Closed);
    assert_eq!(health.reachable, Some(false), "that was the last call");
}
