//! Invalidation and revocation: verdicts that no longer count.

use super::{Authenticator, Shared, Single};
use crate::{
    Tokens,
    cache::{Made, Scope},
    observe::{Effect, Origin},
    tokens::Selection,
};

impl Authenticator {
    /// Invalidates earlier verdicts. Every request that arrives after this returns is verified again.
    ///
    /// A verification that is under way still counts for requests that arrived before, and is not cached. A token
    /// that is verified by its signature alone passes the next verification until it expires: see
    /// [`revoke`](Self::revoke).
    ///
    /// Other tokens keep their entries. A token that is neither cached nor being verified leaves no trace, so
    /// invalidating it costs no memory.
    pub fn invalidate(&self, tokens: Tokens<'_>) {
        self.select(tokens, Effect::Again);
    }

    /// Revokes tokens in this service: no verdict from before this call counts again, for any request that has not
    /// been accepted yet.
    ///
    /// | verification | effect |
    /// |---|---|
    /// | Clerk is called about the token | Clerk decides in a new call. A token that Clerk still accepts passes again, so revoke it at Clerk first |
    /// | by the signature alone, such as a session token | [`one`](Tokens::one) and [`of_session`](Tokens::of_session) reject the token from now on. The other selections reject tokens that were issued before, and pass tokens that are issued later |
    ///
    /// The times of tokens have whole seconds and clocks differ, so a token that was issued up to one second after the
    /// revocation is rejected as well. A browser gets the next session token within a minute.
    ///
    /// # Limits
    ///
    /// A revocation is kept for 15 minutes, or for as long as an entry can be used if that is longer. Session tokens
    /// live for a minute, so a revoked one never comes back. An OAuth JWT that is verified
    /// [by its signature alone](crate::kinds) lives for a day, and passes again after that
    /// time. [`Tokens::all`] is kept until the end of the process. The actor of a token is not selected: revoking the
    /// tokens of a staff member does not revoke tokens of users as which this member acts.
    ///
    /// Up to 100,000 single tokens are kept. If there are more, the oldest one is dropped, with a warning in the log.
    /// If there are more than 50,000 others, a revocation of all tokens replaces them.
    pub fn revoke(&self, tokens: Tokens<'_>) {
        self.select(tokens, Effect::End);
    }

    /// Selects at each instance: ids of one instance mean nothing at another.
    fn select(&self, tokens: Tokens<'_>, effect: Effect) {
        for single in self.singles() {
            single.select(tokens, effect);
        }
    }
}

impl Single {
    fn select(&self, tokens: Tokens<'_>, effect: Effect) {
        let (scope, token) = match tokens.0 {
            Selection::One(token) => (Scope::Token(self.shared.cache.key(token)), Some(token)),
            Selection::Of(scope) => (scope, None),
        };
        self.apply(scope, token, effect, Origin::Local);
    }

    /// Invalidates in this process, and publishes to the fleet. `token`: the token, if the scope is a single one.
    pub(crate) fn apply(
        &self,
        scope: Scope<&str>,
        token: Option<&str>,
        effect: Effect,
        origin: Origin,
    ) {
        let now = self.shared.clock.now();
        let made = Made::here(now);
        #[cfg(feature = "fleet")]
        if let Some(fleet) = &self.shared.fleet {
            let message = fleet.message(scope, effect, now);
            self.shared
                .invalidate(scope, effect, origin, made.with_id(message.id.0));
            return fleet.replica.publish(message, token);
        }
        #[cfg(not(feature = "fleet"))]
        let _ = token;
        self.shared.invalidate(scope, effect, origin, made);
    }
}

#[cfg(feature = "webhooks")]
impl Single {
    /// Waits until the other replicas have what was applied before. Returns false if they do not have it in time.
    pub(crate) async fn publishes(&self) -> bool {
        #[cfg(feature = "fleet")]
        return self.flush().await.is_ok();
        #[cfg(not(feature = "fleet"))]
        true
    }
}

impl Shared {
    /// The one place where an invalidation takes effect.
    pub(super) fn invalidate(
        &self,
        scope: Scope<&str>,
        effect: Effect,
        origin: Origin,
        made: Made,
    ) {
        let enrich = &self.verifier.enrich;
        // Ordering: users before tokens. A verification that starts after the tokens are invalidated must not find
        // the old user.
        match scope {
            Scope::Subject(subject) => enrich.invalidate(subject, made),
            Scope::All => enrich.clear(made),
            _ => {}
        }
        let are_dropped = self.cache.invalidate(scope, effect, made);
        let now = self.clock.now();
        self.observer.invalidated(effect, origin, are_dropped, now);
    }

    /// Raises the time of an invalidation that was applied before.
    #[cfg(feature = "fleet")]
    pub(super) fn repeat(&self, scope: Scope<&str>, made: Made) {
        let enrich = &self.verifier.enrich;
        match scope {
            Scope::Subject(subject) => enrich.repeat(Some(subject), made),
            Scope::All => enrich.repeat(None, made),
            _ => {}
        }
        self.cache.repeat(scope, made);
    }
}
