//! Middleware for MCP servers.

mod session;

pub use self::session::{McpSession, McpSessionLayer, ResponseFuture};
