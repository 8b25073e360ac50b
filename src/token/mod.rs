//! The parts of tokens and of Clerk's JSON that no other module decides about. Pure: no I/O, no clock, no state.
//!
//! `kind` and `format` recognize the kind of a token. `json` is the only strict reader of JSON objects. `scope` splits
//! scopes, and `resource_uri` compares resources.

pub(crate) mod digest;
pub(crate) mod format;
pub(crate) mod json;
mod kind;
pub(crate) mod resource_uri;
pub(crate) mod scope;

pub use self::kind::TokenKind;
pub(crate) use self::{format::TokenFormat, kind::Kinds};
