//! Middleware for MCP servers: authentication with rules by method and tool, and sessions bound to their principal.
//!
//! [`McpAuthLayer`] is a [`ClerkAuthLayer`](crate::ClerkAuthLayer) with a check of each call behind it.

mod layer;
mod service;

pub use self::{
    layer::McpAuthLayer,
    service::{McpAuth, McpAuthFuture},
};
pub use crate::authorize::mcp::{McpSession, McpSessionLayer, RequestBody, ResponseFuture};
