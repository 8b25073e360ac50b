//! What a hit costs in allocations: none beyond those of `Extensions::insert` itself.

use std::{convert::Infallible, future};

use allocation_counter::measure;
use futures_util::FutureExt;
use http::{Extensions, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_clerk::{ClerkClaims, kinds::SessionTokens};

use crate::support::{App, World};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_hit_allocates_nothing_but_its_extension() {
    let world = World::new();
    let app = App::new(world.config().accept(SessionTokens::new().cookie()));
    let session = world.clerk.session("user_1").issue();
    for (name, value) in [
        (
            "authorization",
            bearer(&world.clerk.token("user_1").issue()),
        ),
        (
            "authorization",
            bearer(&world.clerk.token("user_1").jwt().issue()),
        ),
        ("authorization", bearer(&session)),
        ("cookie", format!("theme=dark; __session={session}")),
    ] {
        let claims = app.send(&[(name, &value)]).await.claims().clone();
        let mut service = app.layer.layer(service_fn(|request: Request<()>| {
            // Not dropped within what is counted: freeing is not allocating.
            assert!(request.extensions().get::<ClerkClaims>().is_some());
            future::ready(Ok::<_, Infallible>(Response::new(())))
        }));
        let request = || Request::builder().header(name, &value).body(()).unwrap();
        let insert = measure(|| {
            let mut extensions = Extensions::new();
            extensions.insert(claims.clone());
        });
        // The cache's own housekeeping comes now and then, on some hit: the cheapest of many is the
        // hit itself, and the sum shows how rarely it is more.
        let counts: Vec<_> = (0..200)
            .map(|_| {
                let request = request();
                measure(|| {
                    let response = service.call(request).now_or_never();
                    assert!(response.unwrap().is_ok());
                })
                .count_total
            })
            .collect();
        assert_eq!(counts.iter().min(), Some(&insert.count_total), "{counts:?}");
        let dearer = counts
            .iter()
            .filter(|count| **count > insert.count_total)
            .count();
        assert!(dearer <= 20, "{counts:?}");
    }
}
