//! Heap allocations per accepted request, one line for each case: how many, and how many bytes.

use allocation_counter::AllocationInfo;
use tower_clerk_peers::{cost, peers::Guard, provider};

// What is counted is of this thread. Who needs another runtime on it can only have it beside such a one.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let clerk = provider::start();
    for case in &mut cost::cases(&clerk).await {
        let (token, guard, mut floor) = case.parts();
        let peer = count(guard, token);
        let floor = count(floor.as_mut(), token);
        println!("{} {}", peer.0 - floor.0, peer.1 - floor.1);
    }
}

/// The least of some, since caches tidy up now and then.
fn count(guard: &mut dyn Guard, token: &str) -> (i64, i64) {
    let counts = (0..100).map(|_| {
        let requests = vec![provider::request(token)];
        let AllocationInfo {
            count_total,
            bytes_total,
            ..
        } = allocation_counter::measure(|| {
            guard.pass(requests);
        });
        (count_total.cast_signed(), bytes_total.cast_signed())
    });
    counts.min().unwrap_or_default()
}
