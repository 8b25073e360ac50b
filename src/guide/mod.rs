//! The guide: pages that are read, beside the items that are looked up.
//!
//! 1. [Quick start](quick_start): axum, tonic, hyper, any tower service, MCP.
//! 2. [What happens to a request](crate#what-happens-to-a-request), and
//!    [what a rejected caller is told](crate#what-a-rejected-caller-is-told).
//! 3. [Options](options): all of them, with defaults and reasons.
//! 4. [Kinds of tokens](tokens): OAuth, sessions, API keys, machines; how each is verified.
//! 5. [Security](security): what an attacker can and cannot do, and what revocation means.
//! 6. [Testing](testing): your service against a fake Clerk.
//! 7. [Troubleshooting](troubleshooting): by status, log line and error.
//! 8. [Observation](observation): log lines, metrics, health.
//! 9. [Migration](migration): from `clerk-rs` and FastMCP's Clerk provider; the `ClerkAuthLayer` of
//!    `dioxus-clerk`.

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

#[doc = include_str!("migration.md")]
pub mod migration {}
