//! The kinds of rejections: one table of all that follows from each.

/// The kinds of rejection. [`Rejection`](crate::reject::Rejection) decides how each kind appears in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Clerk rejected the credentials of this service.
    CredentialsRejected,
    /// The token has expired: `exp` is not in the future.
    Expired,
    /// A rule or an extractor behind the layer rejected the claims of a valid token, for a reason other than a scope
    /// ([`RequireLayer`](crate::RequireLayer)).
    Forbidden,
    /// Clerk reports that the token is not active: unknown, revoked, expired, or of another instance.
    Inactive,
    /// A required scope was not granted.
    InsufficientScope,
    /// The token cannot be verified with any key of the instance: its signature, its algorithm or its `kid` does not
    /// match.
    InvalidSignature,
    /// The credentials are not of the form `Bearer token68` (RFC 6750 §2.1).
    MalformedCredentials,
    /// The token looks like a JWT but cannot be read as one: it is not JSON, has a duplicate member or one of a wrong
    /// type, or lacks a required member.
    MalformedToken,
    /// The request has no bearer credentials, and no session cookie if cookies are accepted.
    MissingCredentials,
    /// A rule runs without a [`ClerkAuthLayer`](crate::ClerkAuthLayer) around it.
    MissingLayer,
    /// Neither the token, the introspection response nor userinfo contains a usable subject, or the subject does not
    /// fit the kind of the token.
    MissingSubject,
    /// Nothing proves that this is an access token. It may be a refresh token or an ID token.
    NotAccessToken,
    /// The instance signed the token, but it does not belong to a session: it is an ID token, a token from a template,
    /// or a token of another category.
    NotSessionToken,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The session is pending: its user must first complete a task, such as the choice of an organization.
    PendingSession,
    /// A profile is required, and it could not be fetched.
    ProfileUnavailable,
    /// 429
    RateLimited,
    /// The user verified a factor of the session too long ago, or never
    /// ([`RequireLayer::reverification`](crate::RequireLayer::reverification)).
    ReverificationRequired,
    /// The token is bound to a key that the sender must prove (`cnf`, or a type other than Bearer).
    SenderConstrained,
    /// The request has more than one `Authorization` header (RFC 6750 §3.1), or different session cookies of one name.
    MultipleCredentials,
    /// Too many verifications already wait for Clerk.
    Overloaded,
    /// The token is longer than the configured limit.
    TokenTooLong,
    /// The format of the token is not one that this layer accepts. Clerk was not called.
    UnsupportedToken,
    /// Clerk's response breaks its contract.
    InvalidUpstreamResponse,
    /// Clerk could not be reached, did not respond in time, or responded with a server error.
    UpstreamUnavailable,
    /// The token was issued for another audience.
    WrongAudience,
    /// The token belongs to a client that is not allowed.
    WrongClient,
    /// The token names another issuer.
    WrongIssuer,
    /// The machine token is not addressed to a machine that this service is.
    WrongMachine,
    /// The session token was issued to an origin that is not authorized.
    UnauthorizedParty,
}

/// A row of the table.
struct Row {
    /// The variable.
    name: &'static str,
    class: Class,
    outcome: Outcome,
    concerns: Concerns,
    /// A sentence for logs.
    text: &'static str,
}

/// The subject matter of a kind, as the cache has to know it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Concerns {
    /// The token: Clerk, or a rule applied to Clerk's answer, rejects it.
    Token,
    /// Clerk could not be reached in time.
    Outage,
    /// The request, the service, or an answer that breaks Clerk's contract.
    Other,
}

/// The response of a kind: its status, its challenge and its gRPC code. Kinds of one class look the same from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    NoCredentials,
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    Forbidden,
    Misconfigured,
    Unavailable,
}

/// The outcome of a request: `auth.outcome`, and the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    StaleOk,
    Anonymous,
    Missing,
    Malformed,
    Inactive,
    Expired,
    BadClient,
    BadAudience,
    BadIssuer,
    BadScope,
    Unavailable,
    Overloaded,
}

impl Outcome {
    /// All outcomes except [`Ok`](Self::Ok).
    pub(crate) const OTHERS: [Self; 12] = [
        Self::StaleOk,
        Self::Anonymous,
        Self::Missing,
        Self::Malformed,
        Self::Inactive,
        Self::Expired,
        Self::BadClient,
        Self::BadAudience,
        Self::BadIssuer,
        Self::BadScope,
        Self::Unavailable,
        Self::Overloaded,
    ];

    pub(crate) fn passed(is_stale: bool) -> Self {
        if is_stale { Self::StaleOk } else { Self::Ok }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::StaleOk => "stale_ok",
            Self::Anonymous => "anonymous",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::BadClient => "bad_client",
            Self::BadAudience => "bad_audience",
            Self::BadIssuer => "bad_issuer",
            Self::BadScope => "bad_scope",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "shed",
        }
    }
}

// === impl AuthErrorKind ===

impl AuthErrorKind {
    /// Returns true if Clerk or the verification rules rejected this token. The cache stores such a rejection.
    pub fn is_authoritative(self) -> bool {
        self.row().concerns == Concerns::Token
    }

    /// Returns true if Clerk was unavailable, or if a limit prevented the call. Only such an error may be bridged with
    /// a stale entry. Rejected credentials of this service and responses that break the contract may not.
    pub fn is_outage(self) -> bool {
        self.row().concerns == Concerns::Outage
    }

    /// Returns the name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Returns a sentence for logs.
    pub(super) fn text(self) -> &'static str {
        self.row().text
    }

    pub(crate) fn class(self) -> Class {
        self.row().class
    }

    /// Returns the outcome of the request. Several kinds share an outcome if they need the same action by an operator.
    pub(crate) fn outcome(self) -> Outcome {
        self.row().outcome
    }

    /// The table.
    fn row(self) -> Row {
        match self {
            Self::CredentialsRejected => Row {
                name: "credentials_rejected",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "Clerk rejected the credentials of this service",
            },
            Self::Expired => Row {
                name: "expired",
                class: Class::InvalidToken,
                outcome: Outcome::Expired,
                concerns: Concerns::Token,
                text: "the token has expired",
            },
            Self::Forbidden => Row {
                name: "forbidden",
                class: Class::Forbidden,
                outcome: Outcome::BadScope,
                concerns: Concerns::Other,
                text: "the claims of the token do not satisfy a rule of the route",
            },
            Self::Inactive => Row {
                name: "inactive",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is not active",
            },
            Self::InsufficientScope => Row {
                name: "insufficient_scope",
                class: Class::InsufficientScope,
                outcome: Outcome::BadScope,
                concerns: Concerns::Token,
                text: "the access token lacks a required scope",
            },
            Self::InvalidSignature => Row {
                name: "invalid_signature",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token cannot be verified with any key of the instance",
            },
            Self::InvalidUpstreamResponse => Row {
                name: "invalid_upstream_response",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "Clerk's response is invalid",
            },
            Self::MalformedCredentials => Row {
                name: "malformed_credentials",
                class: Class::InvalidRequest,
                outcome: Outcome::Malformed,
                concerns: Concerns::Other,
                text: "the credentials are malformed",
            },
            Self::MalformedToken => Row {
                name: "malformed_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is not a valid JWT",
            },
            Self::MissingCredentials => Row {
                name: "missing_credentials",
                class: Class::NoCredentials,
                outcome: Outcome::Missing,
                concerns: Concerns::Other,
                text: "the request has no bearer credentials",
            },
            Self::MissingLayer => Row {
                name: "missing_layer",
                class: Class::Misconfigured,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "no `ClerkAuthLayer` is around the rule or the extractor",
            },
            Self::MissingSubject => Row {
                name: "missing_subject",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token has no usable subject",
            },
            Self::MultipleCredentials => Row {
                name: "multiple_credentials",
                class: Class::InvalidRequest,
                outcome: Outcome::Malformed,
                concerns: Concerns::Other,
                text: "the request has more than one authorization header or session cookie",
            },
            Self::NotAccessToken => Row {
                name: "not_access_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "there is no evidence that the token is an access token",
            },
            Self::NotSessionToken => Row {
                name: "not_session_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token does not belong to a session",
            },
            Self::NotYetValid => Row {
                name: "not_yet_valid",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is not valid yet",
            },
            Self::Overloaded => Row {
                name: "overloaded",
                class: Class::Unavailable,
                outcome: Outcome::Overloaded,
                concerns: Concerns::Outage,
                text: "too many requests are waiting for Clerk",
            },
            Self::PendingSession => Row {
                name: "pending_session",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the session is pending",
            },
            Self::ProfileUnavailable => Row {
                name: "profile_unavailable",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "the required profile could not be fetched",
            },
            Self::RateLimited => Row {
                name: "rate_limited",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Outage,
                text: "the limit of requests to Clerk is reached",
            },
            Self::ReverificationRequired => Row {
                name: "reverification_required",
                class: Class::Forbidden,
                outcome: Outcome::BadScope,
                concerns: Concerns::Other,
                text: "the user has to verify a factor of the session again",
            },
            Self::SenderConstrained => Row {
                name: "sender_constrained",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is bound to a key of its sender",
            },
            Self::TokenTooLong => Row {
                name: "token_too_long",
                class: Class::InvalidRequest,
                outcome: Outcome::Malformed,
                concerns: Concerns::Other,
                text: "the token is too long",
            },
            Self::UnauthorizedParty => Row {
                name: "unauthorized_party",
                class: Class::InvalidToken,
                outcome: Outcome::BadClient,
                concerns: Concerns::Token,
                text: "the token was issued to another origin",
            },
            Self::UnsupportedToken => Row {
                name: "unsupported_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Other,
                text: "the kind of the token is not accepted",
            },
            Self::UpstreamUnavailable => Row {
                name: "upstream_unavailable",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Outage,
                text: "Clerk is unavailable",
            },
            Self::WrongAudience => Row {
                name: "wrong_audience",
                class: Class::InvalidToken,
                outcome: Outcome::BadAudience,
                concerns: Concerns::Token,
                text: "the token was issued for another audience",
            },
            Self::WrongClient => Row {
                name: "wrong_client",
                class: Class::InvalidToken,
                outcome: Outcome::BadClient,
                concerns: Concerns::Token,
                text: "the client of the token is not allowed",
            },
            Self::WrongIssuer => Row {
                name: "wrong_issuer",
                class: Class::InvalidToken,
                outcome: Outcome::BadIssuer,
                concerns: Concerns::Token,
                text: "the token was issued by another issuer",
            },
            Self::WrongMachine => Row {
                name: "wrong_machine",
                class: Class::InvalidToken,
                outcome: Outcome::BadAudience,
                concerns: Concerns::Token,
                text: "the token is addressed to another machine",
            },
        }
    }
}

#[cfg(test)]
mod tests;
