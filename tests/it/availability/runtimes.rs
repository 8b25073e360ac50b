//! A layer that several runtimes use.

use std::{sync::mpsc, thread, time::Duration};

use tower_clerk::{fake_clerk::Endpoint, kinds::Enrichment};

use crate::support::{App, World, runtime};

#[test]
fn runtime_that_is_parked_stalls_no_calls_of_another() {
    // fault C1: the pooled connection of the first runtime is not driven any more.
    let world = World::over_sockets();
    let app = App::new(world.accepting_over_sockets(world.oauth().userinfo(Enrichment::Off)));
    let parked = runtime();
    let token = world.clerk.token("user_1").issue();
    parked.block_on(async {
        app.bearer(&token).await.assert_accepted();
        // Until the connection is back in the pool.
        tokio::time::sleep(Duration::from_millis(100)).await;
    });

    let (done, others) = mpsc::channel();
    let (tokens, app) = {
        let tokens: Vec<_> = (0..20)
            .map(|_| world.clerk.token("user_1").issue())
            .collect();
        (tokens, app.clone())
    };
    thread::spawn(move || {
        // More runtimes than have a client at the same time.
        for token in &tokens {
            runtime().block_on(app.bearer(token)).assert_accepted();
        }
        done.send(app).unwrap();
    });
    let app = others
        .recv_timeout(Duration::from_secs(60))
        .expect("no call is stalled");
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 21);
    // And the first one goes on where it was.
    let token = world.clerk.token("user_1").issue();
    parked.block_on(app.bearer(&token)).assert_accepted();
}

#[test]
fn runtime_that_is_gone_leaves_nothing_behind() {
    // fault C1
    let world = World::over_sockets();
    let app = App::new(world.accepting_over_sockets(world.oauth().userinfo(Enrichment::Off)));
    for _ in 0..3 {
        let runtime = runtime();
        for _ in 0..2 {
            let token = world.clerk.token("user_1").issue();
            runtime.block_on(app.bearer(&token)).assert_accepted();
        }
    }
    assert_eq!(world.clerk.calls(Endpoint::Introspection), 6);
}
