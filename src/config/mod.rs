//! The parts of a configuration other than the [kinds of tokens](crate::kinds): the [resource](Resource), the
//! [keys](JwtKeys) that verify JWTs, and the [problems](ConfigProblem) that
//! [`build`](crate::ClerkConfigBuilder::build) reports.
//!
//! 1. `builder` collects options from code or a file (`parse`). `env` adds the options of the environment.
//! 2. `build` checks all options, and either makes a `ClerkConfig` or reports all problems at once.

mod backend;
mod bounds;
mod build;
pub(crate) mod builder;
pub(crate) mod checked;
mod env;
mod fleet;
mod frontend;
pub(crate) mod keys;
mod resource;
#[cfg(feature = "webhooks")]
mod webhook_secrets;

pub use self::{keys::JwtKeys, resource::Resource};
pub use crate::{checks::problem::ConfigProblem, verify::jws::JwtAlgorithm};

#[cfg(test)]
mod tests;
