//! What is left of a verification where userinfo does not answer: some can do without, some cannot.

use super::{Introspection, members::violation, userinfo::Userinfo};
use crate::{AuthError, AuthErrorKind};

/// For what a verification cannot do without userinfo.
pub(super) struct Needs {
    /// That this is an access token at all: userinfo's 200 shows it.
    pub(super) vouching: bool,
    /// The subject.
    pub(super) subject: bool,
    /// The profile, by configuration.
    pub(super) profile: bool,
}

impl Needs {
    pub(super) fn any(&self) -> bool {
        self.vouching || self.subject || self.profile
    }

    /// What remains of userinfo's answer: nothing where it failed and can be done without, an error
    /// where it cannot.
    pub(super) fn check(
        &self,
        answer: &Introspection,
        userinfo: Result<Userinfo, AuthError>,
    ) -> Result<Option<Userinfo>, AuthError> {
        let error = match userinfo {
            // OpenID Connect Core §5.3.2: of another subject, nothing may be used.
            Ok(userinfo)
                if match &answer.sub {
                    Some(sub) => *sub == userinfo.sub,
                    None => !userinfo.is_user_id,
                } =>
            {
                return Ok(Some(userinfo));
            }
            // It confirms no subject, and supplies none.
            Ok(userinfo) if userinfo.is_user_id && answer.sub.is_none() => {
                violation("userinfo names the subject as `user_id` alone")
            }
            Ok(_) => AuthErrorKind::Inactive.into(),
            Err(error) => error,
        };
        if !self.any() {
            return Ok(None);
        }
        // Userinfo has refused this token, or speaks of somebody else: that is about the token.
        // Anything else is trouble, and says nothing of it.
        if error.kind() == AuthErrorKind::Inactive {
            if self.vouching {
                return Err(AuthErrorKind::NotAccessToken.into());
            }
            if self.subject {
                return Err(AuthErrorKind::MissingSubject.into());
            }
        }
        if self.vouching || self.subject {
            return Err(error);
        }
        Err(unavailable(error))
    }
}

/// Makes the error for a profile that is required and cannot be fetched.
pub(super) fn unavailable(error: AuthError) -> AuthError {
    AuthError::new(AuthErrorKind::ProfileUnavailable).caused_by(error)
}
