//! tower-clerk beside what would be picked instead: one authorization server, the same tokens, the same
//! handler, one run.
//!
//! `cargo run --release` measures everything and writes `results.md`, `cost.svg` and `stampede.svg`
//! into `benches/comparison`.
//!
//! The modules stand in the order in which they are used.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

pub mod provider;
pub mod peers;
pub mod cost;
pub mod stampede;
pub mod bad;
pub mod outage;
pub mod facts;
pub mod words;
pub mod text;
pub mod report;
pub mod chart;
