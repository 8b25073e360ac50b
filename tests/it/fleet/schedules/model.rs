//! Clerk, the true time, and what may be expected of replicas that share a store.
//!
//! It contains nothing of how replicas work: only what Clerk answered to which replica, what was invalidated where, and
//! for how long the store has been honest. All times are true times in milliseconds, unless they are called `wall`, which
//! are those of a replica's clock.

use std::{
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tower_clerk::{
    AuthError, AuthErrorKind,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::Settings;
use crate::schedules::{
    model::{LEEWAY, Token},
    selection::Selection,
};

/// Everything that happened. Numbers are in the order of all that happened.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    pub now: u64,
    pub tokens: Vec<Token>,
    pub trouble: Option<AuthErrorKind>,
    /// How long Clerk takes to answer.
    pub delay: u64,
    invalidations: Vec<Invalidation>,
    /// The time since which the store works. `None` while it does not.
    pub works_since: Option<u64>,
    /// The time since which the store has at most been unavailable: what it accepted, it has.
    pub honest_since: Option<u64>,
    answers: Vec<Answer>,
    number: u64,
    counts: Counts,
}

/// How often a check was of any use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// A token passed at a replica that never called Clerk about it.
    pub shared: u64,
    /// A token was rejected, or verified once more, after an invalidation at another replica.
    pub invalidated_elsewhere: u64,
    /// Replicas that were called at once made one call.
    pub called_once: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.shared += other.shared;
        self.invalidated_elsewhere += other.invalidated_elsewhere;
        self.called_once += other.called_once;
    }
}

/// An answer of Clerk's.
#[derive(Clone, Copy, Debug)]
struct Answer {
    token: usize,
    replica: usize,
    asked: u64,
    landed: u64,
    result: Result<(), AuthErrorKind>,
}

/// A call of `invalidate` or `revoke`.
#[derive(Clone, Copy, Debug)]
struct Invalidation {
    selection: Selection,
    is_revocation: bool,
    replica: usize,
    at: u64,
    wall: u64,
    number: u64,
    /// Whether the replica was connected to the store.
    was_live: bool,
    /// Whether the replica has ended since, and nothing but the store has it.
    is_forgotten: bool,
    /// Whether the replica ended before it can have been published.
    is_lost: bool,
}

/// A request, and the replica that got it.
#[derive(Clone, Debug)]
pub struct Request {
    pub token: usize,
    pub replica: usize,
    /// Whether the replica might use the store when the request began.
    pub is_live: bool,
    /// Whether the replica's clock was ever set.
    pub was_set: bool,
    pub began: Moment,
    pub ended: Moment,
    /// The clock of the replica at the end.
    pub wall: u64,
    pub outcome: Outcome,
}

/// The number of what happened last, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    number: u64,
    at: u64,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted { subject: String, stale: bool },
    Rejected(AuthErrorKind),
}

/// The connection of one replica to Clerk.
pub struct Line {
    pub model: Arc<Mutex<Model>>,
    pub replica: usize,
}

impl Verify for Line {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async move {
            let (asked, token, result, body, delay) =
                self.lock().ask(verification.token().expose());
            sleep(Duration::from_millis(delay)).await;
            let mut model = self.lock();
            let landed = model.now;
            model.answers.push(Answer {
                token,
                replica: self.replica,
                asked,
                landed,
                result,
            });
            match result {
                Err(AuthErrorKind::Inactive) => {
                    TokenInfo::from_introspection(br#"{"active":false}"#)
                }
                Err(kind) => Err(kind.into()),
                Ok(()) => TokenInfo::from_introspection(body.as_bytes()),
            }
        })
    }

    fn shared_as(&self) -> Option<&str> {
        Some("schedules")
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }
}

// === what happens ===

impl Model {
    pub fn new(settings: Settings, now: u64) -> Self {
        Self {
            settings,
            now,
            tokens: Vec::new(),
            trouble: None,
            delay: 0,
            invalidations: Vec::new(),
            works_since: Some(now),
            honest_since: Some(now),
            answers: Vec::new(),
            number: 0,
            counts: Counts::default(),
        }
    }

    fn ask(&mut self, text: &str) -> (u64, usize, Result<(), AuthErrorKind>, String, u64) {
        let token = self.tokens.iter().position(|token| token.text == text);
        let index = token.expect("only tokens that exist are asked about");
        let token = &self.tokens[index];
        let is_over = token.exp.is_some_and(|exp| exp * 1000 <= self.now);
        let result = match self.trouble {
            Some(trouble) => Err(trouble),
            None if token.is_revoked || is_over => Err(AuthErrorKind::Inactive),
            None => Ok(()),
        };
        let body = token.answer();
        (self.next(), index, result, body, self.delay)
    }

    /// Notes an invalidation at a replica. `wall`: its clock.
    pub fn invalidate(
        &mut self,
        (selection, is_revocation): (Selection, bool),
        replica: usize,
        wall: u64,
        was_live: bool,
    ) {
        let number = self.next();
        self.invalidations.push(Invalidation {
            selection,
            is_revocation,
            replica,
            at: self.now,
            wall,
            number,
            was_live,
            is_forgotten: false,
            is_lost: false,
        });
    }

    /// Notes that a replica ends. What it had not published is lost.
    pub fn end(&mut self, replica: usize) {
        let until = self.now;
        let published = self.invalidations.iter().map(|it| self.has_come(it, until));
        let published: Vec<_> = published.collect();
        for (it, has_come) in self.invalidations.iter_mut().zip(published) {
            if it.replica == replica && !it.is_forgotten {
                (it.is_forgotten, it.is_lost) = (true, !has_come);
            }
        }
    }

    /// Notes that the store does something wrong.
    pub fn fails(&mut self, is_a_lie: bool) {
        self.works_since = None;
        if is_a_lie {
            self.honest_since = None;
        }
    }

    /// Notes that the store works again.
    pub fn is_healed(&mut self) {
        self.works_since = self.works_since.or(Some(self.now));
        self.honest_since = self.honest_since.or(Some(self.now));
    }

    /// Notes that the store has lost everything.
    pub fn is_emptied(&mut self) {
        self.works_since = self.works_since.map(|_| self.now);
        self.honest_since = self.honest_since.map(|_| self.now);
    }

    pub fn moment(&mut self) -> Moment {
        Moment {
            number: self.next(),
            at: self.now,
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Whether anything is known about a token: an answer, or an invalidation that may concern it.
    pub fn is_new(&self, token: usize) -> bool {
        let is_recent = |it: &Invalidation| it.at + 2 * PROMISE > self.now;
        !self.answers.iter().any(|answer| answer.token == token)
            && !self.invalidations.iter().any(is_recent)
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many answers there were about a token.
    pub fn answers(&self, token: usize) -> usize {
        let about = self.answers.iter().filter(|answer| answer.token == token);
        about.count()
    }
}

// === what is expected ===

impl Model {
    /// Checks what a request came to.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&mut self, request: &Request) -> Result<(), &'static str> {
        if request.ended.at - request.began.at > TIMEOUT {
            return Err("a request took longer than the timeout");
        }
        let token = &self.tokens[request.token];
        let is_signed = token.session.is_some();
        let is_over = token.is_over_at(request.wall);
        let begins_later = token
            .iat
            .is_some_and(|iat| iat > request.wall / 1000 + LEEWAY);
        match &request.outcome {
            Outcome::Accepted { subject, .. } if *subject != token.subject.name => {
                Err("accepted with the claims of another token")
            }
            Outcome::Accepted { .. } if is_over => Err("accepted past its end"),
            Outcome::Accepted { .. } if is_signed => self.check_signed(request),
            Outcome::Accepted { stale, .. } => self.check_accepted(request, *stale),
            // Rejections are kept for some seconds, in which the clock may have been set.
            Outcome::Rejected(AuthErrorKind::Expired) if is_over || request.was_set => Ok(()),
            Outcome::Rejected(AuthErrorKind::NotYetValid) if begins_later || request.was_set => {
                Ok(())
            }
            Outcome::Rejected(kind) if is_signed => self.check_signed_rejected(request, *kind),
            Outcome::Rejected(kind) => self.check_rejected(request, *kind),
        }
    }

    /// Checks that there was one call about a token since the first `before` answers.
    ///
    /// # Errors
    ///
    /// If there were more, or none.
    pub fn called_once(&mut self, token: usize, before: usize) -> Result<(), &'static str> {
        self.counts.called_once += 1;
        match self.works_since.is_none() || self.answers(token) == before + 1 {
            true => Ok(()),
            false => Err("replicas that are connected called more than once"),
        }
    }

    /// An answer of Clerk's must be recent, and from after all invalidations that were applied here.
    fn check_accepted(&mut self, request: &Request, stale: bool) -> Result<(), &'static str> {
        let life = match stale {
            true => self.settings.ttl + self.settings.stale_if_error,
            false => self.settings.ttl,
        };
        let about = || self.answers.iter().filter(|it| it.token == request.token);
        let recent = about().filter(|it| it.result.is_ok() && it.landed + life > request.ended.at);
        let Some(latest) = recent.map(|it| it.asked).max() else {
            return Err("accepted without an answer within the TTL");
        };
        let mut applied = self.applied(request);
        if applied.any(|(it, _)| it.number > latest) {
            return Err("accepted by a verdict from before an invalidation");
        }
        drop(applied);
        let is_shared = !about().any(|it| it.replica == request.replica);
        let was_invalidated = self
            .applied(request)
            .any(|(it, is_own)| !is_own && about().any(|answer| answer.asked < it.number));
        self.counts.shared += u64::from(is_shared);
        self.counts.invalidated_elsewhere += u64::from(was_invalidated);
        Ok(())
    }

    /// Clerk must have answered this replica so: nothing in the store rejects a request.
    fn check_rejected(&self, request: &Request, kind: AuthErrorKind) -> Result<(), &'static str> {
        let is_reason = |it: &Answer| {
            it.token == request.token
                && it.replica == request.replica
                && it.result == Err(kind)
                && it.landed + NEGATIVE_TTL >= request.began.at
        };
        match self.answers.iter().any(is_reason) {
            true => Ok(()),
            false => Err("rejected without an answer of Clerk's"),
        }
    }

    fn check_signed(&self, request: &Request) -> Result<(), &'static str> {
        let token = &self.tokens[request.token];
        let mut applied = self.applied(request);
        match applied.any(|(it, is_own)| it.ends(token, is_own)) {
            true => Err("accepted after it was revoked"),
            false => Ok(()),
        }
    }

    fn check_signed_rejected(
        &mut self,
        request: &Request,
        kind: AuthErrorKind,
    ) -> Result<(), &'static str> {
        let token = &self.tokens[request.token];
        let selects = |it: &&Invalidation| it.selection.selects(request.token, token);
        let ending = self.invalidations.iter().filter(selects);
        let ending = ending.filter(|it| it.ends(token, true));
        let is_justified = kind == AuthErrorKind::Inactive && ending.clone().count() > 0;
        let is_elsewhere = ending.clone().all(|it| it.replica != request.replica);
        self.counts.invalidated_elsewhere += u64::from(is_elsewhere);
        match is_justified {
            true => Ok(()),
            false => Err("a valid signature was rejected"),
        }
    }

    /// The invalidations of a token that the replica had certainly applied when the request began, and its own
    /// revocations in the meantime. With each of them, whether it was made there.
    fn applied<'a>(
        &'a self,
        request: &'a Request,
    ) -> impl Iterator<Item = (&'a Invalidation, bool)> {
        let token = &self.tokens[request.token];
        let concerned = self.invalidations.iter();
        let concerned = concerned.filter(|it| it.selection.selects(request.token, token));
        concerned.filter_map(|it| {
            let until = match it.is_revocation {
                true => request.ended,
                false => request.began,
            };
            let is_own = it.replica == request.replica && !it.is_forgotten && it.was_right();
            let has_come = request.is_live && self.has_come(it, request.began.at);
            (is_own && it.number < until.number || has_come).then_some((it, is_own))
        })
    }

    /// Whether an invalidation had reached the replicas that were connected at this time.
    fn has_come(&self, it: &Invalidation, by: u64) -> bool {
        let is_since = |since: Option<u64>, at| since.is_some_and(|since| since <= at);
        let at_once = it.was_live && is_since(self.works_since, it.at) && it.at + PROMISE <= by;
        // The outbox keeps it until the store accepts it.
        let later = is_since(self.honest_since, it.at)
            && is_since(self.works_since.map(|since| since + RECONNECTED), by)
            && it.at + RECONNECTED <= by;
        !it.is_lost && (at_once || later)
    }
}

impl Invalidation {
    /// Whether the clock of the replica was right, as far as a fleet needs it.
    fn was_right(&self) -> bool {
        self.wall.abs_diff(self.at) <= SKEW
    }

    /// Whether it rejects tokens no matter when they were issued.
    fn is_for_ever(&self) -> bool {
        matches!(self.selection, Selection::One(_) | Selection::Session(_))
    }

    /// Whether it rejects a signed token that it selects. The time of a message is at most that of its reader.
    fn ends(&self, token: &Token, is_own: bool) -> bool {
        let wall = match is_own {
            true => self.wall,
            false => self.wall.min(self.at - SKEW),
        };
        let issued_at = token.iat.unwrap_or(0) * 1000;
        self.is_revocation && (self.is_for_ever() || issued_at <= wall + PROMISE)
    }
}

/// The time within which a revocation reaches the replicas that are connected to an honest store. It is also the time up
/// to which a token that is issued after a revocation is revoked as well.
const PROMISE: u64 = 1_000;

/// The time after which all replicas are connected to a store that works, and have published what they had to.
const RECONNECTED: u64 = 7_000;

/// The difference between two clocks up to which the store may be used is twice this.
const SKEW: u64 = 500;

const NEGATIVE_TTL: u64 = 5_000;

/// The configured timeout, and the steps in which time passes.
const TIMEOUT: u64 = super::TIMEOUT + super::TICK;
