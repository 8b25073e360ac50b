//! Clerk's endpoints, one file each, and the HTTP stack that calls them.
//!
//! `introspection` (RFC 7662), `userinfo` (OpenID Connect Core §5.3) and the Backend API return what Clerk knows about
//! a token or a user. `discovery` finds the addresses of the endpoints. `document` caches a key set or metadata.
//! `server_metadata` is the instance's metadata that clients request here. `response` and `error_form` read responses
//! strictly. No module here applies a rule of the configuration.

pub(crate) mod backend_api;
pub(crate) mod discovery;
pub(crate) mod document;
mod error_form;
pub(crate) mod instance;
pub(crate) mod http;
pub(crate) mod introspection;
pub(crate) mod response;
pub(crate) mod server_metadata;
pub(crate) mod token_info;
pub(crate) mod userinfo;

pub use self::token_info::TokenInfo;
pub(crate) use self::{
    backend_api::{Credential, TokenEndpoint},
    userinfo::UserinfoEndpoint,
};
