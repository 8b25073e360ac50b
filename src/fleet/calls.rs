//! The count of the calls of all replicas to the Backend API. Clerk counts them by instance.

use std::sync::Arc;

use tokio::time::timeout;

use super::{
    SharedStore,
    share::{IsLive, LOOK},
};
use crate::{
    BoxFuture,
    clerk::http::{CountCalls, Counted},
    observe::{LabelledCounters, SharedEvent, shared_store},
};

/// The counter of one instance in the store.
pub(crate) struct CallCounter {
    store: Arc<dyn SharedStore>,
    name: String,
    is_live: IsLive,
    metrics: LabelledCounters<SharedEvent>,
}

impl CallCounter {
    /// `name`: that of the instance's log.
    pub(super) fn new(store: Arc<dyn SharedStore>, name: &str, is_live: IsLive) -> Self {
        Self {
            store,
            name: name.to_owned(),
            is_live,
            metrics: shared_store(),
        }
    }
}

impl CountCalls for CallCounter {
    fn is_live(&self) -> bool {
        (self.is_live)()
    }

    fn count(&self, window: u64) -> BoxFuture<'_, Option<Counted>> {
        Box::pin(async move {
            let Ok(count) = timeout(LOOK, self.store.count(&self.name, window)).await else {
                self.metrics.increment(SharedEvent::Timeout);
                return None;
            };
            let (number, before) = count.ok()?;
            Some(Counted { number, before })
        })
    }
}
