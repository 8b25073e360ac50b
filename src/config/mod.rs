//! The parts of a configuration beside the [kinds of tokens](crate::kinds): the [resource](Resource), the
//! [keys](JwtKeys) that JWTs are verified with, and the [problems](ConfigProblem) that
//! [`build`](crate::ClerkConfigBuilder::build) reports.
//!
//! 1. `builder` collects options, from code or a file (`parse`); `env` adds those of the environment.
//! 2. `build` checks them all, and makes a `ClerkConfig`, or reports all problems at once.

mod backend;
mod build;
pub(crate) mod builder;
pub(crate) mod checked;
mod env;
mod instance;
mod keys;
mod origin;
pub(crate) mod parse;
pub(crate) mod problem;
mod resource;
mod secret;
mod text;

#[cfg(feature = "jwt")]
pub(crate) use self::origin::check_browser_origin;
pub(crate) use self::{
    backend::Backend,
    instance::Instance,
    parse::Named,
    problem::{Flaw, Problems},
    secret::{Hidden, may_be_secret},
    text::{check_scope, check_text, is_vschar},
};
pub use self::{
    keys::{JwtAlgorithm, JwtKeys},
    problem::ConfigProblem,
    resource::Resource,
};

#[cfg(test)]
mod tests;
