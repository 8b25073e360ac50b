//! What is left of a verification where userinfo does not answer: some can do without, some cannot.

use super::{TokenInfo, members::violation, userinfo::Userinfo};
use crate::{AuthError, AuthErrorKind};

/// For what a verification cannot do without userinfo.
pub(super) struct UserinfoPolicy {
    /// That this is an access token at all: userinfo's 200 shows it.
    pub(super) vouching: bool,
    /// The subject.
    pub(super) subject: bool,
    /// The profile, by configuration.
    pub(super) profile: bool,
}

impl UserinfoPolicy {
    pub(super) fn any(&self) -> bool {
        self.vouching || self.subject || self.profile
    }

    /// What remains of userinfo's answer: the profile, and whether nothing is missing. Without an answer,
    /// nothing if it can be done without, or an error.
    pub(super) fn check(
        &self,
        answer: &TokenInfo,
        userinfo: Result<Userinfo, AuthError>,
    ) -> Result<(Option<Userinfo>, bool), AuthError> {
        let error = match userinfo {
            // OpenID Connect Core §5.3.2: of another subject, nothing may be used.
            Ok(userinfo)
                if match &answer.sub {
                    Some(sub) => *sub == userinfo.sub,
                    None => !userinfo.is_user_id,
                } =>
            {
                return Ok((Some(userinfo), true));
            }
            // It confirms no subject, and supplies none.
            Ok(userinfo) if userinfo.is_user_id && answer.sub.is_none() => {
                violation("userinfo has a `user_id` but no `sub`").into_token_provoked()
            }
            Ok(_) => AuthErrorKind::Inactive.into(),
            Err(error) => error,
        };
        if !self.any() {
            return Ok((None, is_final(&error)));
        }
        // Userinfo rejects this token, or answers about another subject: that is about the token. Anything
        // else shows nothing of it.
        if error.kind() == AuthErrorKind::Inactive {
            return Err(if self.vouching {
                AuthErrorKind::NotAccessToken
            } else if self.subject {
                AuthErrorKind::MissingSubject
            } else {
                AuthErrorKind::Inactive
            }
            .into());
        }
        if self.vouching || self.subject {
            return Err(error);
        }
        Err(unavailable(error))
    }
}

/// Whether a profile that is not required is better not tried again before the verdict ends. It is not after a
/// final no. Nor is it if calls are scarce: an entry of five seconds would multiply the calls for
/// verifications, which are scarce as well.
pub(super) fn is_final(error: &AuthError) -> bool {
    match error.kind() {
        AuthErrorKind::Inactive => true,
        AuthErrorKind::RateLimited | AuthErrorKind::Overloaded => error.was_not_called(),
        _ => false,
    }
}

/// Makes the error for a profile that is required and cannot be fetched.
pub(super) fn unavailable(error: AuthError) -> AuthError {
    AuthError::new(AuthErrorKind::ProfileUnavailable).caused_by(error)
}
