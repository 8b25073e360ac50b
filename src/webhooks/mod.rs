//! Clerk's webhooks: events that end trust before the TTL does.
//!
//! 1. `body` reads the whole body, in bounded size and time. Nothing is parsed before its signature is verified.
//! 2. `signature` verifies the signature and the time.
//! 3. `recent` recognizes a repeated delivery.
//! 4. `event` reads the event, and returns the tokens that it concerns.
//!
//! An event only removes trust: it accepts no token and prolongs nothing. So the order of events does not matter, and a
//! forged event could cost calls and sign-ins, but open nothing.

mod body;
pub(crate) mod event;
mod recent;
pub(crate) mod signature;

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::ALLOW};
use http_body::Body;
use http_body_util::Empty;
use tower_service::Service;

use self::{
    body::BodyError,
    event::{Event, Unreadable},
    recent::RecentIds,
    signature::{Flaw, Signed},
};
use crate::{
    Authenticator, BoxFuture,
    authenticator::Single,
    observe::{Origin, WebhookObserver, WebhookResult},
};

/// Receives Clerk's webhooks, and ends the trust in tokens that they concern.
///
/// Made by [`Authenticator::webhooks`]. Mount it at the path of the endpoint in Clerk's dashboard: `route_service` in axum,
/// a path of its own elsewhere. The [guide](crate::guide::webhooks) has the steps.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{Authenticator, ClerkAuthLayer, ClerkClaims, ClerkConfig, kinds::SessionTokens};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = "whsec_RmFrZUNsZXJrU2VjcmV0VGhhdFByb3RlY3RzTm9PbmU=";
/// let cfg = ClerkConfig::builder("clerk.example.com")
///     .accept(SessionTokens::new())
///     .webhook_secrets([secret]) // or CLERK_WEBHOOK_SIGNING_SECRET
///     .build()?;
/// let auth = Authenticator::new(cfg);
/// let webhooks = auth.webhooks().ok_or("the webhook secrets are not set")?;
/// let app: Router = Router::new()
///     .route("/me", get(async |claims: ClerkClaims| claims.subject().to_owned()))
///     .layer(ClerkAuthLayer::from(auth))
///     .route_service("/webhooks/clerk", webhooks); // outside of the layer: events have no token
/// # drop(app);
/// # Ok(()) }
/// ```
///
/// # Events
///
/// | event | tokens | effect |
/// |---|---|---|
/// | `session.revoked`, `session.ended`, `session.removed` | of the session | [revoke](Authenticator::revoke) |
/// | `user.deleted`; `user.updated` if the user is banned or deprovisioned | of the user | revoke |
/// | `user.updated` otherwise | of the user | [invalidate](Authenticator::invalidate) |
/// | `organizationMembership.deleted` | of the user in the organization | revoke |
/// | `organizationMembership.created`, `organizationMembership.updated` | of the user in the organization | invalidate |
/// | `organization.deleted` | in the organization | revoke |
/// | `organization.updated` | in the organization | invalidate |
/// | all others | none | none |
///
/// An update only invalidates. If it revoked, each change of a name would reject the user's session tokens until the
/// browser fetches others. A deletion without an id, which Clerk's description permits, invalidates all tokens; a
/// membership without a user concerns all members.
///
/// # Responses
///
/// | status | reason |
/// |---|---|
/// | 204 | The event is applied, was applied before, or concerns no tokens. |
/// | 400 | A header of the signature is malformed or occurs twice, or a signed event cannot be read. |
/// | 401 | The signature is absent or wrong, or the timestamp is more than five minutes away. |
/// | 405, 408, 413 | The method is not `POST`; the body takes more than ten seconds, or more than 1 MiB. |
///
/// Signatures follow Svix and [Standard Webhooks](https://www.standardwebhooks.com): `svix-id`, `svix-timestamp` and
/// `svix-signature`, or the same headers with `webhook-`. Svix sends an event again after a response other than a 2xx.
/// The last 1,024 ids are remembered for ten minutes, so that an event has its effect once.
///
/// # Cancel safety
///
/// Dropping the response future leaves an event either applied or without effect.
///
/// Cloning copies a pointer.
#[derive(Clone)]
pub struct ClerkWebhooks(Arc<Inner>);

struct Inner {
    receivers: Vec<Receiver>,
    observer: WebhookObserver,
}

/// The webhooks of one instance. Ids are remembered for each instance, so that an event of one does not make an event of
/// another appear repeated.
struct Receiver {
    authenticator: Single,
    recent: RecentIds,
}

impl Authenticator {
    /// Returns a service that receives Clerk's webhooks. `None` without
    /// [`webhook_secrets`](crate::ClerkConfigBuilder::webhook_secrets).
    ///
    /// Clones of the service share the memory of repeated deliveries; the results of two calls do not. With
    /// [several instances](Self::any), an event concerns the instances with the secret that signed it.
    #[cfg_attr(docsrs, doc(cfg(feature = "webhooks")))]
    #[must_use]
    pub fn webhooks(&self) -> Option<ClerkWebhooks> {
        let with_keys = (self.singles().iter()).filter(|it| !it.webhook_keys().is_empty());
        let receivers: Vec<_> = with_keys
            .map(|authenticator| Receiver {
                authenticator: authenticator.clone(),
                recent: RecentIds::default(),
            })
            .collect();
        (!receivers.is_empty()).then(|| {
            ClerkWebhooks(Arc::new(Inner {
                receivers,
                observer: WebhookObserver::new(),
            }))
        })
    }
}

/// The reason why a request has no effect.
enum Rejected {
    Method,
    Body(BodyError),
    Signature(Flaw),
    Event(Unreadable),
    /// The other replicas do not have the event.
    Unpublished,
}

impl ClerkWebhooks {
    async fn respond<B: Body>(&self, request: Request<B>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        match self.receive(request).await {
            Ok(result) => self.0.observer.received(result),
            Err(rejected) => {
                self.observe(&rejected);
                *response.status_mut() = rejected.status();
                if matches!(rejected, Rejected::Method) {
                    let methods = HeaderValue::from_static("POST");
                    response.headers_mut().insert(ALLOW, methods);
                }
            }
        }
        response
    }

    async fn receive<B: Body>(&self, request: Request<B>) -> Result<WebhookResult, Rejected> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Rejected::Method);
        }
        let body = body::read(body).await.map_err(Rejected::Body)?;
        let signed = Signed::read(&parts.headers).map_err(Rejected::Signature)?;
        let signers = self.signers(&signed, &body).map_err(Rejected::Signature)?;
        let is_new = |it: &&Receiver| !it.recent.contains(signed.id, it.authenticator.now());
        let receivers: Vec<_> = signers.into_iter().filter(is_new).collect();
        if receivers.is_empty() {
            return Ok(WebhookResult::Repeated);
        }
        let event = event::read(&body).map_err(Rejected::Event)?;
        let result = self.apply(&event, &receivers);
        // Svix sends an event again that is not published to the other replicas, so its id is not remembered. This
        // replica has applied it.
        for receiver in receivers {
            if !receiver.authenticator.publishes().await {
                return Err(Rejected::Unpublished);
            }
            let now = receiver.authenticator.now();
            receiver.recent.insert(signed.id, now);
        }
        Ok(result)
    }

    /// Returns the instances with a secret that signed this body.
    fn signers(&self, signed: &Signed<'_>, body: &[u8]) -> Result<Vec<&Receiver>, Flaw> {
        let mut flaw = Flaw::Unsigned("no configured secret signed it");
        let mut signers = Vec::new();
        for receiver in &self.0.receivers {
            let authenticator = &receiver.authenticator;
            match signed.verify(body, authenticator.webhook_keys(), authenticator.now()) {
                Ok(()) => signers.push(receiver),
                Err(found) => flaw = found,
            }
        }
        match signers.is_empty() {
            true => Err(flaw),
            false => Ok(signers),
        }
    }

    fn apply(&self, event: &Event, receivers: &[&Receiver]) -> WebhookResult {
        let Event::Invalidation {
            name,
            effect,
            scope,
        } = event
        else {
            return WebhookResult::Ignored;
        };
        for receiver in receivers {
            let authenticator = &receiver.authenticator;
            authenticator.apply(scope.as_deref(), None, *effect, Origin::Webhook);
        }
        self.0.observer.applied(name, *effect);
        WebhookResult::Done
    }

    fn observe(&self, rejected: &Rejected) {
        let observer = &self.0.observer;
        match rejected {
            Rejected::Method => observer.malformed("the method is not POST"),
            Rejected::Body(BodyError::TooLarge) => observer.malformed("the body is too large"),
            Rejected::Body(BodyError::Slow) => observer.malformed("the body is not complete"),
            Rejected::Body(BodyError::Broken) => observer.malformed("the body broke off"),
            Rejected::Signature(Flaw::Malformed(cause)) => observer.malformed(cause),
            Rejected::Signature(Flaw::Unsigned(cause)) => {
                // The clock of every instance is the same outside of tests.
                observer.unsigned(cause, self.0.receivers[0].authenticator.now());
            }
            Rejected::Event(unreadable) => observer.unreadable(unreadable.as_str()),
            Rejected::Unpublished => observer.unpublished(),
        }
    }
}

impl Rejected {
    fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::Slow) => StatusCode::REQUEST_TIMEOUT,
            Self::Signature(Flaw::Unsigned(_)) => StatusCode::UNAUTHORIZED,
            Self::Unpublished => StatusCode::SERVICE_UNAVAILABLE,
            Self::Body(BodyError::Broken)
            | Self::Signature(Flaw::Malformed(_))
            | Self::Event(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl<B> Service<Request<B>> for ClerkWebhooks
where
    B: Body + Send + 'static,
{
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let webhooks = self.clone();
        Box::pin(async move { Ok(webhooks.respond(request).await) })
    }
}

/// Shows no secret.
impl fmt::Debug for ClerkWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkWebhooks").finish_non_exhaustive()
    }
}
