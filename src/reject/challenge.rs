//! The challenges of `WWW-Authenticate` (RFC 6750 §3).

use std::{sync::Arc, time::Duration};

use http::HeaderValue;

use super::Rejection;
use crate::{AuthError, error::Class, token::scope::split_scope};

/// The challenges of a configuration, made once.
#[derive(Debug)]
pub(crate) struct Challenges {
    no_credentials: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    insufficient_scope: HeaderValue,
    forbidden: HeaderValue,
    scope: Option<Arc<str>>,
    resource_metadata: Option<Box<str>>,
}

impl Challenges {
    pub(crate) fn new(required_scopes: &[String], resource_metadata: Option<&str>) -> Self {
        let scope = join(None, required_scopes.iter().map(String::as_str));
        let scope = scope.as_deref();
        Self {
            no_credentials: challenge(None, scope, resource_metadata),
            invalid_request: challenge(Some(Class::InvalidRequest), None, None),
            invalid_token: challenge(Some(Class::InvalidToken), None, resource_metadata),
            insufficient_scope: challenge(Some(Class::InsufficientScope), scope, resource_metadata),
            forbidden: challenge(None, None, resource_metadata),
            scope: scope.map(Into::into),
            resource_metadata: resource_metadata.map(Into::into),
        }
    }

    /// Returns the rejection for an error. `is_grpc`: true if the client uses gRPC.
    pub(crate) fn rejection(&self, error: &AuthError, is_grpc: bool) -> Rejection {
        let class = error.kind().class();
        let challenge = match class {
            Class::NoCredentials => Some(&self.no_credentials),
            Class::InvalidRequest => Some(&self.invalid_request),
            Class::InvalidToken => Some(&self.invalid_token),
            Class::InsufficientScope => Some(&self.insufficient_scope),
            Class::Forbidden => Some(&self.forbidden),
            Class::Misconfigured | Class::Unavailable => None,
        };
        let retry_after = (class == Class::Unavailable).then(|| {
            // Random, so that clients that were rejected at the same time do not retry at the same time.
            error
                .retry_after()
                .unwrap_or_else(|| Duration::from_secs(fastrand::u64(1..=5)))
        });
        Rejection {
            error: error.clone(),
            challenge: challenge.cloned(),
            scope: self
                .scope
                .clone()
                .filter(|_| class == Class::InsufficientScope),
            retry_after,
            is_grpc,
            json: None,
        }
    }

    /// Returns the rejection by a rule that needs scopes beyond those that the layer requires. The challenge names
    /// all scopes, the layer's included. Clients request exactly the scopes of the challenge. Without the layer's
    /// scopes, they would return with a token that the layer rejects.
    pub(crate) fn rejection_needing<'a>(
        &self,
        error: &AuthError,
        scopes: impl Iterator<Item = &'a str>,
        is_grpc: bool,
    ) -> Rejection {
        let mut rejection = self.rejection(error, is_grpc);
        let class = rejection.class();
        let scope = join(self.scope.as_deref(), scopes);
        let metadata = self.resource_metadata.as_deref();
        match class {
            Class::NoCredentials => {
                rejection.challenge = Some(challenge(None, scope.as_deref(), metadata));
            }
            Class::InsufficientScope => {
                rejection.challenge = Some(challenge(Some(class), scope.as_deref(), metadata));
                rejection.scope = scope.map(Into::into);
            }
            Class::InvalidRequest
            | Class::InvalidToken
            | Class::Forbidden
            | Class::Misconfigured
            | Class::Unavailable => {}
        }
        rejection
    }
}

/// Joins scope tokens with single spaces, each once. `None` if the result is empty.
fn join<'a>(scope: Option<&str>, more: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut tokens: Vec<&str> = scope.into_iter().flat_map(split_scope).collect();
    for token in more {
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    // A client may request a refresh token. A resource never requires one.
    tokens.retain(|token| *token != "offline_access");
    (!tokens.is_empty()).then(|| tokens.join(" "))
}

fn challenge(error: Option<Class>, scope: Option<&str>, metadata: Option<&str>) -> HeaderValue {
    let parameters = [
        ("error", error.and_then(Class::code)),
        ("error_description", error.map(Class::description)),
        ("scope", scope),
        ("resource_metadata", metadata),
    ];
    let parameters: Vec<_> = parameters
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)))
        .collect();
    let challenge = format!("Bearer {}", parameters.join(", "));
    HeaderValue::try_from(challenge.trim_end())
        .expect("scopes and URLs were checked to be visible ASCII")
}
