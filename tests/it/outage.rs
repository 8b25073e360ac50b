//! Ten minutes without Clerk, in virtual time.

use std::time::Duration;

use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, Fault},
};

use crate::support::{App, World, settled};

const SECOND: Duration = Duration::from_secs(1);
const TOKENS: usize = 100;
const OUTAGE: u64 = 600;
const TTL: u64 = 120;

struct Outage {
    world: World,
    app: App,
    tokens: Vec<String>,
    /// Calls to each endpoint, so far.
    calls: (usize, usize),
}

impl Outage {
    /// Warm tokens, and then a Clerk that does not work any more.
    async fn begin(stale_if_error: u64) -> Self {
        let world = World::new();
        let config = world
            .config()
            .cache_ttl(Duration::from_secs(TTL))
            .stale_if_error(Duration::from_secs(stale_if_error));
        let app = App::new(config);
        let tokens: Vec<_> = (0..TOKENS)
            .map(|_| world.clerk.token("user_1").issue())
            .collect();
        for token in &tokens {
            app.bearer(token).await.assert_accepted();
        }
        let calls = world.calls();
        for endpoint in [Endpoint::Introspection, Endpoint::Userinfo] {
            // Not a 503, which is tried once more.
            world.clerk.fail(endpoint, Fault::status(500));
        }
        Self {
            world,
            app,
            tokens,
            calls,
        }
    }

    /// A tenth of the tokens, each second another.
    fn some(&self, second: u64) -> impl Iterator<Item = &String> + use<'_> {
        let skip = usize::try_from(second % 10).unwrap();
        self.tokens.iter().skip(skip).step_by(10)
    }

    /// Lets a second pass, and checks how often Clerk was bothered in it.
    async fn pass(&mut self, second: u64) {
        settled(&self.app).await;
        let calls = self.world.calls();
        for (before, after) in [(self.calls.0, calls.0), (self.calls.1, calls.1)] {
            // The first ten in a row open the breaker of the endpoint.
            let allowed = if before < TOKENS + 10 { 10 } else { 1 };
            assert!(
                after - before <= allowed,
                "{before} to {after} in second {second}"
            );
        }
        self.calls = calls;
        self.world.clock.advance(SECOND);
    }
}

#[tokio::test]
async fn an_outage_is_not_noticed_until_a_verdict_ends_and_is_never_the_callers_fault() {
    // E5, E8, C107
    let mut outage = Outage::begin(0).await;
    for second in 0..OUTAGE {
        for token in outage.some(second) {
            let answer = outage.app.bearer(token).await;
            // In the last tenth, by its jitter.
            if second < TTL * 9 / 10 {
                answer.assert_accepted();
                assert!(!answer.claims().is_stale());
            } else if second >= TTL {
                answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
                assert!(answer.header("retry-after").is_some());
                assert_eq!(answer.challenge(), None);
            } else {
                assert_ne!(answer.status(), 401);
            }
        }
        // A token that nobody knows cannot be judged; it is not rejected for that.
        outage
            .app
            .bearer(&format!("oat_{second}"))
            .await
            .assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
        outage.pass(second).await;
    }
    let (introspections, _) = outage.world.calls();
    let most = TOKENS + 10 + usize::try_from(OUTAGE).unwrap();
    assert!(introspections <= most, "{introspections}");

    // And when it is over, it is over with the next probe.
    outage.world.clerk.heal_all();
    outage.world.clock.advance(SECOND);
    for token in &outage.tokens {
        outage.app.bearer(token).await.assert_accepted();
    }
}

#[tokio::test]
async fn a_bridged_outage_is_marked_and_has_an_end() {
    // E6, C110
    const STALE: u64 = 300;

    let mut outage = Outage::begin(STALE).await;
    for second in 0..OUTAGE {
        for token in outage.some(second) {
            let answer = outage.app.bearer(token).await;
            if second < TTL * 9 / 10 + STALE {
                answer.assert_accepted();
                let is_stale = answer.claims().is_stale();
                assert!(is_stale || second < TTL, "second {second}");
                assert!(!is_stale || second >= TTL * 9 / 10, "second {second}");
            } else if second >= TTL + STALE {
                answer.assert_rejected(503, AuthErrorKind::UpstreamUnavailable);
            } else {
                assert_ne!(answer.status(), 401);
            }
        }
        outage.pass(second).await;
    }
    let stale = outage.app.layer.authenticator().stats().stale;
    // Ten a second, for as long as it lasted.
    assert!(
        (STALE * 10 - 100..=STALE * 10 + 100 + TTL).contains(&stale),
        "{stale}"
    );
}

#[tokio::test]
async fn the_first_answer_after_an_outage_counts() {
    // C110
    let mut outage = Outage::begin(600).await;
    for second in 0..TTL + 60 {
        for token in outage.some(second) {
            outage.app.bearer(token).await.assert_accepted();
        }
        outage.pass(second).await;
    }
    outage.world.clerk.heal_all();
    let (revoked, good) = outage.tokens.split_at(TOKENS / 2);
    for token in revoked {
        outage.world.clerk.revoke(token);
    }
    // The longest that nobody asks: thirty seconds.
    outage.world.clock.advance(30 * SECOND);
    for _ in 0..2 {
        for token in revoked {
            outage
                .app
                .bearer(token)
                .await
                .assert_rejected(401, AuthErrorKind::Inactive);
        }
        for token in good {
            let answer = outage.app.bearer(token).await;
            answer.assert_accepted();
            assert!(!answer.claims().is_stale());
        }
    }
}
