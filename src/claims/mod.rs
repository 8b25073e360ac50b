//! The parts of [`ClerkClaims`]: organization, actor, profile and user.

pub(crate) mod clerk_claims;
pub(crate) mod entry;
mod organization;
pub(crate) mod permissions;
mod profile;
pub(crate) mod read;
mod serialize;
mod session;
mod shared;
mod time;
mod user;

pub(crate) use self::{
    clerk_claims::ClerkClaims,
    organization::{ActiveOrganization, Version},
    session::{Session, actor},
    shared::{Claims, RouteRules},
};
pub use self::{organization::Organization, profile::Profile, session::Actor, user::User};

#[cfg(test)]
mod tests;
