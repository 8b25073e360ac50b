//! A flood at one instance, and an outage of one instance, take nothing from the other.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault},
};

use super::{Pair, app, authenticator};
use crate::jwt::{message, parts, with};

/// The calls of ten seconds.
const LIMIT: u32 = 100;

#[tokio::test]
async fn a_flood_at_one_instance_leaves_the_reserves_of_the_other_untouched() {
    let pair = Pair::new();
    let app = app([0, 1].map(|place| authenticator(pair.config(place).rate_limit(LIMIT))));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let [header, payload] = parts(&a.token("user_1").jwt().issue());
    pair.forget_calls();
    // JWTs that name A: their signature is not verified, so each costs a call there, until the share of unknown
    // tokens is used.
    let mut kinds = Vec::new();
    for n in 0..LIMIT {
        let token = format!("{}.c2ln", message(&header, with(&payload, "n", n)));
        kinds.push(app.bearer(&token).await.kind().unwrap());
    }
    assert_eq!(kinds.last(), Some(&AuthErrorKind::RateLimited));
    let spent = usize::try_from(LIMIT * 65 / 100).unwrap();
    assert_eq!(pair.calls(), [spent, 0]);
    // B has all of its share for tokens never seen.
    for n in 0..spent {
        let token = b.token(format!("user_{n}")).jwt().issue();
        app.bearer(&token).await.assert_accepted();
    }
    assert_eq!(pair.calls(), [spent, spent]);
}

#[tokio::test]
async fn returning_tokens_of_the_second_instance_do_not_depend_on_the_first() {
    let pair = Pair::new();
    let app = app([0, 1].map(|place| authenticator(pair.config(place).rate_limit(LIMIT))));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let token = b.token("user_1").issue();
    app.bearer(&token).await.assert_accepted();
    pair.worlds[0].clock.advance(Duration::from_secs(31));
    // Random tokens cost a call at each instance, and use the share of unknown tokens of both.
    for n in 0..LIMIT {
        let kind = app.bearer(&format!("oat_random_{n}")).await.kind();
        assert!(kind.is_some());
    }
    assert_eq!(app.bearer("oat_another").await.status(), 503);
    // A token that was valid at B has a share of its own there, and A gets no call for it.
    pair.forget_calls();
    let answer = app.bearer(&token).await;
    answer.assert_accepted();
    assert_eq!(answer.claims().instance(), b.url());
    assert_eq!(pair.calls(), [0, 1]);

    // The same while A hangs or does not work.
    for fault in [Fault::status(500), Fault::hang()] {
        a.fail(Endpoint::Introspection, fault);
        pair.worlds[0].clock.advance(Duration::from_secs(31));
        app.bearer(&token).await.assert_accepted();
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_first_instance_delays_a_token_of_the_second_by_its_timeout() {
    let pair = Pair::new();
    let app = app([0, 1].map(|place| {
        let timeout = Duration::from_millis(500);
        authenticator(pair.config(place).timeout(timeout))
    }));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    a.fail(Endpoint::Introspection, Fault::hang());
    let token = b.token("user_1").issue();
    let start = tokio::time::Instant::now();
    app.bearer(&token).await.assert_accepted();
    assert!(
        start.elapsed() <= Duration::from_millis(600),
        "{:?}",
        start.elapsed()
    );
    // From then on the cache accepts it.
    let start = tokio::time::Instant::now();
    app.bearer(&token).await.assert_accepted();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
