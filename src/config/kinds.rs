//! Checks that every kind that is accepted can be verified, and that nothing is asked of it that it cannot
//! have.

use super::{
    ClerkConfigBuilder, Enrichment, JwtVerification, Named, OAuthEndpoint, ProfileSource,
    check::check_text, secret,
};
#[cfg(feature = "jwt")]
use crate::verify::jwt::PublicKey;
use crate::{ConfigError, TokenKind};

impl ClerkConfigBuilder {
    /// Whether introspection is going to be asked.
    pub(super) fn needs_client_credentials(&self) -> bool {
        self.accept.contains(TokenKind::OAuth)
            && self.oauth_endpoint == OAuthEndpoint::Introspection
            && self.oauth_jwts != JwtVerification::Local
    }

    /// Whether OAuth tokens must name an audience, and nothing shows one: Clerk's introspection answers do not, as
    /// far as they are documented, and a JWT's payload counts only once its signature is verified.
    pub(super) fn requires_what_is_not_shown(&self) -> bool {
        self.require_audience
            && self.accept.contains(TokenKind::OAuth)
            && self.oauth_endpoint == OAuthEndpoint::Introspection
            && self.oauth_jwts == JwtVerification::Introspect
    }

    /// Every token would be rejected. `has_jwt`: whether this build could verify signatures; then it is left to
    /// who may know that the instance answers more than is documented.
    pub(super) fn check_audience_can_be_shown(&self, has_jwt: bool) -> Result<(), ConfigError> {
        if has_jwt || !self.requires_what_is_not_shown() {
            return Ok(());
        }
        Err(invalid(
            "require_audience",
            "true".to_owned(),
            "introspection answers name no audience, so that every token would be rejected: take the feature `jwt` \
             and `oauth_jwts` = `local-then-introspect`, or `oauth_endpoint` = `backend-api`",
        ))
    }

    pub(super) fn check_kinds(&self) -> Result<(), ConfigError> {
        let accepts = |kind| self.accept.contains(kind);
        if self.accept.is_empty() {
            return Err(ConfigError::Missing {
                field: "accept",
                hint: "an empty list rejects everybody: name a kind, or leave the list out",
            });
        }
        self.check_locals()?;
        if accepts(TokenKind::Session) && !self.required_scopes.is_empty() {
            return Err(invalid(
                "required_scopes",
                self.required_scopes.join(" "),
                "session tokens have no scopes, all would be rejected: require scopes by route, with \
                 `RequireLayer::scopes`",
            ));
        }
        if self.session_cookie && !accepts(TokenKind::Session) {
            return Err(invalid(
                "session_cookie",
                "true".to_owned(),
                "cookies hold session tokens: accept that kind",
            ));
        }
        if let Some(parties) = &self.authorized_parties {
            if parties.is_empty() {
                return Err(ConfigError::Missing {
                    field: "authorized_parties",
                    hint: "an empty list rejects everybody: name origins, or leave the list out",
                });
            }
            for party in parties {
                check_text("authorized_parties", party, |byte| byte.is_ascii_graphic())?;
            }
        }
        let has_profiles = self.profile_source == ProfileSource::BackendApi
            || !(accepts(TokenKind::Session) || accepts(TokenKind::ApiKey));
        if self.enrichment == Enrichment::Required && !has_profiles {
            return Err(invalid(
                "enrichment",
                "required".to_owned(),
                "userinfo knows OAuth tokens alone: take profiles from the Backend API \
                 (`profile_source`)",
            ));
        }
        Ok(())
    }

    /// What is verified locally needs the feature for it.
    fn check_locals(&self) -> Result<(), ConfigError> {
        if self.jwt_algorithms.is_empty() {
            return Err(ConfigError::Missing {
                field: "jwt_algorithms",
                hint: "an empty list rejects every JWT: name an algorithm, or leave the list out",
            });
        }
        if cfg!(feature = "jwt") {
            return Ok(());
        }
        let reason = "JWTs are verified with the feature `jwt`, which this build does not have";
        if self.accept.contains(TokenKind::Session) {
            return Err(invalid("accept", "session".to_owned(), reason));
        }
        if self.oauth_jwts != JwtVerification::Introspect {
            return Err(invalid("oauth_jwts", "local".to_owned(), reason));
        }
        if self.jwt_key.is_some() {
            return Err(invalid("jwt_key", "a key".to_owned(), reason));
        }
        Ok(())
    }

    #[cfg(feature = "jwt")]
    pub(super) fn check_jwt_key(&self) -> Result<Option<PublicKey>, ConfigError> {
        let Some(pem) = &self.jwt_key else {
            return Ok(None);
        };
        // Not shown: what somebody took for the public key may be the private one.
        let invalid = || ConfigError::InvalidSecret {
            field: "jwt_key",
            reason: "give the RSA public key of the instance in PEM (`-----BEGIN PUBLIC KEY-----`), of \
                     2048 to 8192 bits",
        };
        PublicKey::from_pem(pem).map(Some).ok_or_else(invalid)
    }

    /// Which machines we are; `None` where any will do.
    pub(super) fn check_machines(&self) -> Result<Option<Vec<String>>, ConfigError> {
        match &self.machines {
            None if self.accept.contains(TokenKind::Machine) => Err(ConfigError::Missing {
                field: "machines",
                hint: "say which machine this service is, `mch_…`: tokens are addressed to machines. Or \
                       allow any",
            }),
            None => Ok(Some(Vec::new())),
            Some(Named::Any) => Ok(None),
            Some(Named::Listed(machines)) if machines.is_empty() => Err(ConfigError::Missing {
                field: "machines",
                hint: "an empty list rejects every machine: name one, or allow any",
            }),
            Some(Named::Listed(machines)) => {
                for machine in machines {
                    // Not shown: somebody may take the machine's secret key for its id.
                    if !machine.starts_with("mch_") {
                        return Err(ConfigError::InvalidSecret {
                            field: "machines",
                            reason: "the id of a machine begins with `mch_`",
                        });
                    }
                    check_text("machines", machine, |byte| byte.is_ascii_graphic())?;
                }
                Ok(Some(machines.clone()))
            }
        }
    }
}

fn invalid(field: &'static str, value: String, reason: &'static str) -> ConfigError {
    secret::invalid(field, &value, reason)
}
