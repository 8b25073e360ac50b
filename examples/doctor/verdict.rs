//! The decision of the layer itself about the token. Each rule that rejects the token is printed and then lifted,
//! until the token is accepted or no rule can be lifted. So the rules are the layer's own, and the output lists all
//! obstacles.

use std::{convert::Infallible, env, future};

use http::{Request, Response};
use serde_json::{Map, Value};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfigBuilder, ConfigError,
};

use crate::{
    report::Report,
    token::{json_of, kind_of},
};

type Verdict = Result<ClerkClaims, AuthErrorKind>;

/// Returns true if the layer accepts the token. `answer`: the introspection answer.
pub(crate) async fn decide(
    token: &str,
    answer: Option<&Map<String, Value>>,
    report: &mut Report,
) -> bool {
    let mut lifted = Vec::new();
    let mut first = None;
    loop {
        let verdict = match ask(token, &lifted, answer).await {
            Ok(verdict) => verdict,
            Err(error) => {
                report.bad(&error.to_string(), "correct the configuration");
                return false;
            }
        };
        match verdict {
            Ok(claims) if lifted.is_empty() => {
                accepted(&claims, report);
                return true;
            }
            Ok(_) => break,
            Err(kind) => {
                first.get_or_insert(kind);
                report.bad(
                    &AuthError::new(kind).to_string(),
                    &advice(kind, token, answer),
                );
                if lifted.contains(&kind) || !can_be_lifted(kind, token) {
                    break;
                }
                lifted.push(kind);
            }
        }
    }
    let kind = first.map(|kind| format!("{kind:?}")).unwrap_or_default();
    report.summary(&format!("the layer would reject the token ({kind})"));
    false
}

fn accepted(claims: &ClerkClaims, report: &Report) {
    report.good("the layer would accept the token");
    let profile = match claims.profile() {
        Some(_) => "with a profile",
        None => "without a profile",
    };
    report.note(&format!(
        "its claims are of {}, {profile}",
        claims.subject()
    ));
}

/// Sends a request with the token through the layer.
async fn ask(
    token: &str,
    lifted: &[AuthErrorKind],
    answer: Option<&Map<String, Value>>,
) -> Result<Verdict, ConfigError> {
    let mut builder = ClerkConfigBuilder::from_env()?;
    for kind in lifted {
        builder = lift(builder, *kind, token, answer);
    }
    let layer = ClerkAuthLayer::new(builder.build()?);
    let service = layer.layer(service_fn(|request: Request<()>| {
        let mut response = Response::<()>::default();
        if let Some(claims) = request.extensions().get::<ClerkClaims>() {
            response.extensions_mut().insert(claims.clone());
        }
        future::ready(Ok::<_, Infallible>(response))
    }));
    let Ok(request) = Request::get("/")
        .header("authorization", format!("Bearer {token}"))
        .body(())
    else {
        return Ok(Err(AuthErrorKind::MalformedCredentials));
    };
    let Ok(response) = service.oneshot(request).await;
    let extensions = response.extensions();
    Ok(match (extensions.get(), extensions.get::<AuthError>()) {
        (Some(claims), _) => Ok(ClerkClaims::clone(claims)),
        (None, Some(error)) => Err(error.kind()),
        (None, None) => Err(AuthErrorKind::MissingCredentials),
    })
}

fn can_be_lifted(kind: AuthErrorKind, token: &str) -> bool {
    match kind {
        AuthErrorKind::WrongClient
        | AuthErrorKind::WrongAudience
        | AuthErrorKind::InsufficientScope => true,
        // Other kinds need more than one setting to be verified.
        AuthErrorKind::UnsupportedToken => kind_of(token).is_none(),
        _ => false,
    }
}

fn lift(
    builder: ClerkConfigBuilder,
    kind: AuthErrorKind,
    token: &str,
    answer: Option<&Map<String, Value>>,
) -> ClerkConfigBuilder {
    match kind {
        AuthErrorKind::WrongClient => builder.allow_any_client(),
        AuthErrorKind::WrongAudience => builder.audiences(audiences(token, answer)),
        AuthErrorKind::InsufficientScope => builder.required_scopes::<[&str; 0]>([]),
        AuthErrorKind::UnsupportedToken => builder.accept_unprefixed_tokens(),
        _ => builder,
    }
}

/// Returns advice about a rejection.
fn advice(kind: AuthErrorKind, token: &str, answer: Option<&Map<String, Value>>) -> String {
    let variable = |name| env::var(name).unwrap_or_default();
    let told = |member| {
        let value = answer.and_then(|answer| answer.get(member));
        value.and_then(Value::as_str).unwrap_or("none")
    };
    match kind {
        AuthErrorKind::WrongClient => format!(
            "the client is {}; set CLERK_ALLOWED_CLIENTS to a list with it, or to * (and then \
             CLERK_RESOURCE) where clients register themselves",
            told("client_id")
        ),
        AuthErrorKind::WrongAudience => format!(
            "the audience is {}; set CLERK_RESOURCE or CLERK_AUDIENCES to it, if that is this service",
            audiences(token, answer).join(" ")
        ),
        AuthErrorKind::InsufficientScope => format!(
            "granted: {}; CLERK_REQUIRED_SCOPES: {}; have the client ask for what is missing, or do not \
             require it",
            told("scope"),
            variable("CLERK_REQUIRED_SCOPES")
        ),
        AuthErrorKind::UnsupportedToken if kind_of(token).is_some() => format!(
            "kinds are accepted by name; CLERK_ACCEPT: {}",
            variable("CLERK_ACCEPT")
        ),
        AuthErrorKind::UnsupportedToken => {
            "it is neither `oat_…` nor a JWT; CLERK_OPAQUE_TOKENS=any has Clerk asked all the same"
                .into()
        }
        AuthErrorKind::WrongIssuer => format!(
            "the issuer is {}; set CLERK_DOMAIN to its host, if that is the instance",
            told("iss")
        ),
        AuthErrorKind::Expired => "get a new token".into(),
        AuthErrorKind::Inactive => {
            "get a new token; if it is userinfo alone that says no, CLERK_ENRICH=best-effort does without"
                .into()
        }
        AuthErrorKind::InvalidSignature => {
            "it is of another instance, or was changed; with CLERK_JWT_KEY, Clerk's key may have changed"
                .into()
        }
        AuthErrorKind::MalformedToken => "it is no JWT of Clerk's: get a new one".into(),
        AuthErrorKind::NotSessionToken => {
            "it is an ID token, or of a JWT template: have the front end call getToken() without one"
                .into()
        }
        AuthErrorKind::PendingSession => {
            "its user has something left to do, such as to choose an organization".into()
        }
        AuthErrorKind::UnauthorizedParty => format!(
            "its `azp` is not among CLERK_AUTHORIZED_PARTIES: {}",
            variable("CLERK_AUTHORIZED_PARTIES")
        ),
        AuthErrorKind::NotYetValid => "compare the clocks, see above".into(),
        AuthErrorKind::CredentialsRejected => {
            "check CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET, or CLERK_SECRET_KEY".into()
        }
        AuthErrorKind::ProfileUnavailable => {
            "userinfo does not answer for the token: CLERK_ENRICH=best-effort does without".into()
        }
        AuthErrorKind::TokenTooLong => "raise `max_token_length`".into(),
        AuthErrorKind::MalformedCredentials => {
            "a token consists of letters, digits and -._~+/ with = at the end (RFC 6750 §2.1)"
                .into()
        }
        AuthErrorKind::NotAccessToken => {
            "nothing vouches for an access token; is it a refresh token?".into()
        }
        AuthErrorKind::SenderConstrained => "ask for a token of the type Bearer".into(),
        AuthErrorKind::MissingSubject => {
            "its subject is none that a token of its kind has".into()
        }
        _ => "Clerk could not be asked: see above, and try again".into(),
    }
}

/// Returns the audiences of the token, from the answer and from its own payload: either counts.
fn audiences(token: &str, answer: Option<&Map<String, Value>>) -> Vec<String> {
    let answered = answer.and_then(|answer| answer.get("aud").cloned());
    let stated = json_of(token).map(|[_, payload]| payload["aud"].clone());
    let values = answered.into_iter().chain(stated);
    let mut audiences: Vec<_> = values
        .flat_map(|value| match value {
            Value::Array(entries) => entries,
            value => vec![value],
        })
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    audiences.dedup();
    audiences
}
