//! The kinds of rejections: one table of all that follows from each.

/// The kind of a rejection. A [`Rejection`](crate::reject::Rejection) shows what the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Our own credentials were rejected by Clerk: the client id or secret (at the introspection endpoint, a 401
    /// that is not HTML, or a 403 that names them), or the secret key (at the Backend API, a 401 or 403 in the
    /// form of Clerk's or OAuth's errors).
    CredentialsRejected,
    /// The token's time is over: `exp` is not in the future.
    Expired,
    /// A rule or an extractor behind the layer rejected the claims of a valid token, for another reason than a scope
    /// ([`RequireLayer`](crate::RequireLayer)).
    Forbidden,
    /// Clerk says that the token is not active: unknown, revoked, expired, or of another instance.
    Inactive,
    /// A required scope was not granted.
    InsufficientScope,
    /// No key of the instance vouches for the token: its signature, its algorithm or its `kid` is none of
    /// the instance's.
    InvalidSignature,
    /// The credentials are not of the form `Bearer token68` (RFC 6750 §2.1).
    MalformedCredentials,
    /// The token looks like a JWT, and cannot be read as one: it is no JSON, has a member twice or of a
    /// wrong type, or lacks one that it must have.
    MalformedToken,
    /// There are no bearer credentials in the request, nor a session cookie where that counts.
    MissingCredentials,
    /// A rule stands where no [`ClerkAuthLayer`](crate::ClerkAuthLayer) is before it.
    MissingLayer,
    /// There is no usable subject, neither in the introspection answer nor in userinfo, or one that the
    /// kind of token does not have.
    MissingSubject,
    /// Nothing vouches for this being an access token; it may be a refresh or an ID token.
    NotAccessToken,
    /// The token is signed by the instance, and of no session: it is an ID token, one of a template, or of
    /// another category.
    NotSessionToken,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The session is pending: its user has something to do first, such as to choose an organization.
    PendingSession,
    /// Enrichment is required, and the profile could not be had.
    ProfileUnavailable,
    /// Clerk said that we ask too often (429), or our own limiter did.
    RateLimited,
    /// The token is bound to a key that the sender must prove (`cnf`, or a type other than Bearer).
    SenderConstrained,
    /// More than one `Authorization` header (RFC 6750 §3.1), or different session cookies of one name.
    MultipleCredentials,
    /// Too much is waiting for Clerk already.
    Overloaded,
    /// The token is longer than the configured limit.
    TokenTooLong,
    /// By its shape the token is none that this layer accepts; Clerk was not asked.
    UnsupportedToken,
    /// Clerk's answer is not what its contract says.
    InvalidUpstreamResponse,
    /// Clerk could not be reached, did not answer in time, or answered with a server error.
    UpstreamUnavailable,
    /// The token was issued for another audience.
    WrongAudience,
    /// The token belongs to a client that is not allowed.
    WrongClient,
    /// The token names another issuer.
    WrongIssuer,
    /// The session token was issued to another origin than those that are authorized.
    UnauthorizedParty,
}

/// A row of the table.
struct Row {
    /// The name in snake case.
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
    /// All but [`Ok`](Self::Ok).
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
    /// Returns true if Clerk, or a rule applied to Clerk's answer, rejects the token. Only such a rejection is cached.
    pub fn is_authoritative(self) -> bool {
        self.row().concerns == Concerns::Token
    }

    /// Returns true if Clerk could not be reached in time. Only then is a stale entry used: not for rejected
    /// credentials of the service, and not for answers that break Clerk's contract.
    pub fn is_outage(self) -> bool {
        self.row().concerns == Concerns::Outage
    }

    /// Returns the name in snake case, `missing_credentials` for instance, for logs and metrics of an application.
    /// Part of no protocol.
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

    /// Returns the outcome of the request. Several kinds share one if an operator does the same about them.
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
                text: "a rule rejects the claims of the token",
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
                text: "a required scope was not granted",
            },
            Self::InvalidSignature => Row {
                name: "invalid_signature",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "no key of the instance vouches for the token",
            },
            Self::InvalidUpstreamResponse => Row {
                name: "invalid_upstream_response",
                class: Class::Unavailable,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "the answer of Clerk breaks its contract",
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
                text: "the token cannot be read",
            },
            Self::MissingCredentials => Row {
                name: "missing_credentials",
                class: Class::NoCredentials,
                outcome: Outcome::Missing,
                concerns: Concerns::Other,
                text: "there are no bearer credentials",
            },
            Self::MissingLayer => Row {
                name: "missing_layer",
                class: Class::Misconfigured,
                outcome: Outcome::Unavailable,
                concerns: Concerns::Other,
                text: "no `ClerkAuthLayer` stands before a rule",
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
                text: "there is more than one authorization header or session cookie",
            },
            Self::NotAccessToken => Row {
                name: "not_access_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "nothing shows that this is an access token",
            },
            Self::NotSessionToken => Row {
                name: "not_session_token",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is of no session",
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
                text: "too many requests to Clerk",
            },
            Self::SenderConstrained => Row {
                name: "sender_constrained",
                class: Class::InvalidToken,
                outcome: Outcome::Inactive,
                concerns: Concerns::Token,
                text: "the token is bound to its sender",
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
                text: "the token is of no accepted kind",
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
                text: "the token is meant for another audience",
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
                text: "the token has another issuer",
            },
        }
    }
}

#[cfg(test)]
mod tests;
