//! A store that replicas share, so that N replicas cost Clerk as many calls as one.
//!
//! The code follows five rules, and refers to them by number:
//!
//! 1. The store contains evidence, not verdicts. A record contains Clerk's answers, and each replica verifies them by its
//!    own rules.
//! 2. A record carries the time of the call. No replica uses it longer than the TTL after that call.
//! 3. A revocation invalidates every verdict that Clerk gave before it.
//! 4. A lease is a hint. Only the number of calls to Clerk depends on it.
//! 5. Only the state of the link permits the use of the store: the log was read to its end within the last second, and the
//!    clocks agree.

mod calls;
mod link;
#[cfg(feature = "test-util")]
mod memory;
mod message;
mod options;
mod outbox;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod replica;
mod seal;
mod share;
mod store;

#[cfg(feature = "test-util")]
pub use self::memory::{Fault, MemoryStore};
#[cfg(fuzzing)]
pub(crate) use self::record::{rewritten, rewritten_user};
pub(crate) use self::{
    link::Apply,
    message::Message,
    options::FleetConfig,
    replica::{Replica, hasher},
    seal::Realm,
    share::{Settings, Sharing, Verification},
    store::LOG_LIFE,
};
pub use self::{
    options::Fleet,
    store::{Claim, FleetError, Page, Position, SharedStore, StoreError},
};
