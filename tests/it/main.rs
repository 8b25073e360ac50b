//! Behaviour through the public API, against a server that plays Clerk over real HTTP.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "what tests share is test, too, and is shared within one binary"
)]

mod structure;
mod support;
mod raw;
mod wire;
mod stub;
mod by_jti;
mod child;

mod outcomes;
mod options;
mod caching;
mod enrichment;
mod fleet;
mod flights;
mod readiness;
mod isolation;
mod transport;
mod upstream;
mod limits;
mod tls;
mod h2;
mod redaction;
mod observation;
mod metrics;
mod health;
mod schedules;
mod interleavings;
mod floods;
mod outage;
mod authenticator;
mod any;
mod availability;
mod properties;
mod rows;
mod allocations;
mod frameworks;
mod extractors;
mod rules;
mod sessions;
mod session_life;
mod session_tokens;
mod cookies;
mod each_kind;
mod organizations;
mod billing;
mod reverification;
mod token_ids;
mod readers;
mod kinds;
mod webhooks;
mod jwt;
mod audience_policy;
mod audiences;
mod stated;
mod backend;
mod users;
mod tower_http;
mod metadata;
mod server_metadata;
mod anonymous;
mod shapes;
mod grpc_form;
mod examples;
mod nginx;
mod caddy;
mod mcp;
mod mcp_rules;
mod package;
mod prometheus;
mod doctor;
mod fake_clerk;
mod fake_clerk_kinds;
mod in_process;
mod documented;
mod accepted;
mod admin_page;
mod discovery;
mod proxy;
mod docs;
mod catalogue;
