//! The effect of a failed userinfo request: some verifications succeed without userinfo, others fail.

use crate::{
    AuthError, AuthErrorKind,
    clerk::{TokenInfo, response::violation, userinfo::Userinfo},
};

/// The facts that a verification needs from userinfo.
pub(super) struct UserinfoPolicy {
    /// True if userinfo has to show that this is an access token at all, by a 200.
    pub(super) vouching: bool,
    /// True if userinfo has to name the subject.
    pub(super) subject: bool,
    /// True if the configuration requires the profile.
    pub(super) profile: bool,
}

impl UserinfoPolicy {
    pub(super) fn any(&self) -> bool {
        self.vouching || self.subject || self.profile
    }

    /// Returns the userinfo that may be used, and true if nothing is missing. Without an answer, returns an error if
    /// the verification needs one.
    pub(super) fn check(
        &self,
        answer: &TokenInfo,
        userinfo: Result<Userinfo, AuthError>,
    ) -> Result<(Option<Userinfo>, bool), AuthError> {
        let error = match userinfo {
            // OpenID Connect Core §5.3.2: userinfo of another subject must not be used.
            Ok(userinfo) if is_of_subject(answer, &userinfo) => {
                return Ok((Some(userinfo), true));
            }
            // A `user_id` alone supplies no subject, and there is none to confirm.
            Ok(userinfo) if userinfo.is_user_id && answer.sub.is_none() => {
                violation("userinfo has a `user_id` but no `sub`").into_token_provoked()
            }
            Ok(_) => AuthErrorKind::Inactive.into(),
            Err(error) => error,
        };
        if !self.any() {
            return Ok((None, is_final(&error)));
        }
        // Userinfo rejects this token, or answers about another subject: the error is about the token. Any other
        // error shows nothing about it.
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

/// Returns true if userinfo is about the subject of an answer, or names the subject that the answer lacks.
pub(super) fn is_of_subject(answer: &TokenInfo, userinfo: &Userinfo) -> bool {
    match &answer.sub {
        Some(sub) => *sub == userinfo.sub,
        None => !userinfo.is_user_id,
    }
}

/// Returns true if an optional profile should not be fetched again before the entry expires. A final rejection does
/// not change. If calls are scarce, an entry of five seconds would multiply the calls for verifications, which are
/// scarce as well.
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
