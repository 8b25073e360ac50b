//! The parts of [`ClerkClaims`]: organization, plans and features, factors, actor, API key, profile and user.

mod api_key;
pub(crate) mod clerk_claims;
mod entitlement;
pub(crate) mod entry;
mod factor_age;
mod organization;
pub(crate) mod permissions;
mod profile;
pub(crate) mod read;
mod serialize;
mod session;
mod shared;
mod texts;
mod time;
mod token_id;
mod user;

pub use self::{
    api_key::ApiKey,
    entitlement::Entitlement,
    factor_age::FactorAge,
    organization::Organization,
    profile::Profile,
    session::{Actor, SessionStatus},
    user::User,
};
pub(crate) use self::{
    clerk_claims::ClerkClaims,
    entitlement::Entitlements,
    factor_age::FactorTimes,
    organization::{ActiveOrganization, Version},
    session::{Session, actor},
    shared::{Claims, Details, RouteRules},
    token_id::TokenId,
};

#[cfg(test)]
mod tests;
