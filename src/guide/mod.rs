//! The guide: one page per topic. The items of the crate are the reference.
//!
//! 1. [Quick start](quick_start): the kinds of tokens, axum, tonic, hyper, any tower service, WebSocket, MCP.
//! 2. [What happens to a request](crate#what-happens-to-a-request), and the
//!    [responses to rejected requests](crate#what-a-rejected-caller-is-told).
//! 3. [Options](options): all options, with defaults and reasons.
//! 4. [Kinds of tokens](tokens): OAuth, sessions, API keys, machines, and the verification of each kind.
//! 5. [Security](security): what an attacker can and cannot do, and what revocation means.
//! 6. [Testing](testing): tests of your service against a fake Clerk.
//! 7. [Troubleshooting](troubleshooting): by status, error kind, log line and compile error.
//! 8. [Observation](observation): log lines, metrics, health.
//! 9. [Webhooks](webhooks): sessions and users that end at once.
//! 10. [Several replicas](replicas): a store that they share.
//! 11. [Without a middleware](without_middleware): WebSockets, queues, frameworks that are not built on tower.
//! 12. [Migration](migration): from `clerk-rs`, from FastMCP's Clerk provider, and from the `ClerkAuthLayer` of
//!     `dioxus-clerk`.

#[doc = include_str!("quick_start.md")]
pub mod quick_start {}

#[doc = include_str!("options.md")]
pub mod options {}

#[doc = include_str!("tokens.md")]
pub mod tokens {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("observation.md")]
pub mod observation {}

#[doc = include_str!("webhooks.md")]
pub mod webhooks {}

#[doc = include_str!("replicas.md")]
pub mod replicas {}

#[doc = include_str!("without_middleware.md")]
pub mod without_middleware {}

#[doc = include_str!("migration.md")]
pub mod migration {}
