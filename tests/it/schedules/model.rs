//! A Clerk in memory, and what may be expected of a layer in front of it.
//!
//! It knows nothing of how the layer works: only what Clerk said, when, and what was invalidated. Where
//! the layer has a choice (jitter, back-off) both ways pass; where it has none, one does.

use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use tower_clerk::{
    AuthError, AuthErrorKind,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::{
    selection::{Named, Selection},
    signed::Revocation,
};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted { stale: bool },
    Rejected(AuthErrorKind),
}

/// Whether Clerk can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Up,
    /// Asking comes to this, which says nothing of a token.
    Down(AuthErrorKind),
}

/// What Clerk said of a token, judged by the rules at the moment it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad(AuthErrorKind),
    Trouble(AuthErrorKind),
}

/// Times are in milliseconds, numbers in the order of everything that happened.
#[derive(Clone, Copy, Debug)]
struct Event {
    asked: u64,
    landed: u64,
    mono: u64,
    wall: u64,
    verdict: Verdict,
}

#[derive(Debug)]
pub struct Token {
    pub text: String,
    pub subject: Named,
    pub organization: Option<Named>,
    /// The session of a token that is verified by its signature alone.
    pub session: Option<Named>,
    /// In Unix seconds.
    pub exp: Option<u64>,
    pub iat: Option<u64>,
    /// Whether `exp` stands in the token itself, and not in Clerk's answer.
    pub is_jwt: bool,
    pub is_revoked: bool,
    history: Vec<Event>,
    /// When good verdicts were last invalidated, and when bad ones were.
    voided: u64,
    rejections_voided: u64,
}

/// Clerk, the time, and all that happened.
#[derive(Debug, Default)]
pub struct Model {
    pub ttl: u64,
    pub stale_if_error: u64,
    pub health: Health,
    pub tokens: Vec<Token>,
    /// All revocations so far.
    pub revocations: Vec<Revocation>,
    pub mono: u64,
    pub wall: u64,
    /// The time as Clerk knows it, whose clock nobody sets.
    pub clerk: u64,
    /// How often the task of the next verification lets others run before it has its answer.
    pub detours: u32,
    pub under_way: usize,
    number: u64,
    begin: u64,
    /// When the two clocks last went apart.
    disturbed: u64,
}

/// A handle to the model, for the layer to ask.
#[derive(Clone, Default)]
pub struct Clerk(Arc<Mutex<Model>>);

impl Clerk {
    /// A Clerk whose schedules begin at this time, in milliseconds, or later.
    pub fn at(begin: u64) -> Self {
        let clerk = Self::default();
        clerk.lock().begin = begin;
        clerk
    }

    /// Forgets everything, and begins anew, at a whole second that no earlier revocation of all tokens concerns.
    /// Returns the time in milliseconds.
    pub fn restart(&self, ttl: u64, stale_if_error: u64) -> u64 {
        let mut model = self.lock();
        let revoked = model.revocations.iter().map(|it| it.wall).max();
        let begin = model.begin.max(revoked.unwrap_or(0) / 1000 * 1000 + 10_000);
        *model = Model {
            ttl,
            stale_if_error,
            begin,
            wall: begin,
            clerk: begin,
            ..Model::default()
        };
        begin
    }

    pub fn lock(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }
}

impl Verify for Clerk {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async move {
            let (index, asked, health, answer, detours) =
                self.lock().ask(verification.token().expose());
            for _ in 0..detours {
                tokio::task::yield_now().await;
            }
            self.lock().land(index, asked, health, answer.is_some());
            match (health, answer) {
                (Health::Down(AuthErrorKind::InvalidUpstreamResponse), _) => {
                    TokenInfo::from_introspection(br#"{"active":true,"sub":"#)
                }
                (Health::Down(kind), _) => Err(kind.into()),
                (Health::Up, answer) => TokenInfo::from_introspection(
                    answer
                        .unwrap_or_else(|| r#"{"active":false}"#.into())
                        .as_bytes(),
                ),
            }
        })
    }
}

// === what happens ===

impl Model {
    /// The answer to a question: a body where the token is active.
    fn ask(&mut self, text: &str) -> (usize, u64, Health, Option<String>, u32) {
        let asked = self.next();
        self.under_way += 1;
        let index = self
            .tokens
            .iter()
            .position(|token| token.text == text)
            .expect("only tokens that exist are asked about");
        let token = &self.tokens[index];
        let is_over = token.exp.is_some_and(|exp| exp * 1000 <= self.clerk);
        let answer = (!token.is_revoked && !is_over).then(|| token.answer());
        (index, asked, self.health, answer, self.detours)
    }

    fn land(&mut self, index: usize, asked: u64, health: Health, is_active: bool) {
        self.under_way -= 1;
        let landed = self.next();
        let verdict = match health {
            Health::Down(kind) => Verdict::Trouble(kind),
            Health::Up if is_active => self.tokens[index].judged_at(self.wall / 1000),
            Health::Up => Verdict::Bad(AuthErrorKind::Inactive),
        };
        let event = Event {
            asked,
            landed,
            mono: self.mono,
            wall: self.wall,
            verdict,
        };
        self.tokens[index].history.push(event);
    }

    pub fn invalidate(&mut self, selection: Selection) {
        let number = self.next();
        for (index, token) in self.tokens.iter_mut().enumerate() {
            if selection.selects(index, token) {
                token.voided = number;
                if selection.selects_rejections() {
                    token.rejections_voided = number;
                }
            }
        }
    }

    pub fn revoke(&mut self, selection: Selection) {
        self.invalidate(selection);
        self.revocations.push(Revocation {
            selection,
            mono: self.mono,
            wall: self.wall,
        });
    }

    pub fn advance(&mut self, by: u64) {
        self.mono += by;
        self.wall += by;
        self.clerk += by;
    }

    pub fn set_wall(&mut self, wall: u64) {
        self.wall = wall;
        self.disturbed = self.next();
    }

    pub fn suspend(&mut self, by: u64) {
        self.wall += by;
        self.clerk += by;
        self.disturbed = self.next();
    }

    /// Whether the two clocks ever went apart.
    pub fn was_disturbed(&self) -> bool {
        self.disturbed > 0
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

impl Token {
    pub fn new(text: String, subject: Named) -> Self {
        Self {
            text,
            subject,
            organization: None,
            session: None,
            exp: None,
            iat: None,
            is_jwt: false,
            is_revoked: false,
            history: Vec::new(),
            voided: 0,
            rejections_voided: 0,
        }
    }

    /// How many answers there were about it so far.
    pub fn answers(&self) -> usize {
        self.history.len()
    }

    pub fn answer(&self) -> String {
        let member = |name: &str, value: Option<u64>| {
            value.map_or(String::new(), |value| format!(r#","{name}":{value}"#))
        };
        let organization = self.organization.as_ref();
        format!(
            r#"{{"active":true,"client_id":"me","sub":"{}"{}{}{}}}"#,
            self.subject.name,
            organization.map_or(String::new(), |it| format!(r#","org_id":"{}""#, it.name)),
            member("iat", self.iat),
            member("exp", self.exp.filter(|_| !self.is_jwt)),
        )
    }

    /// Whether it has ended by this clock, in milliseconds.
    pub fn is_over_at(&self, wall: u64) -> bool {
        let leeway = self.session.as_ref().map_or(0, |_| LEEWAY);
        self.exp.is_some_and(|exp| (exp + leeway) * 1000 <= wall)
    }

    fn judged_at(&self, now: u64) -> Verdict {
        if !self.is_jwt && self.exp.is_some_and(|exp| exp <= now) {
            Verdict::Bad(AuthErrorKind::Expired)
        } else if self.iat.is_some_and(|iat| iat > now + LEEWAY) {
            Verdict::Bad(AuthErrorKind::NotYetValid)
        } else {
            Verdict::Good
        }
    }

    fn is_over(&self, wall: u64) -> bool {
        self.exp.is_some_and(|exp| exp * 1000 <= wall)
    }

    /// Until when, on the wall clock, a verdict on it may be remembered.
    fn may_be_remembered(&self, wall: u64) -> bool {
        !self.is_over(wall) && self.iat.is_none_or(|iat| (iat + DAY) * 1000 > wall)
    }

    /// The last time that Clerk said something of the token, in the first `answers` answers.
    fn authoritative(&self, answers: usize) -> Option<&Event> {
        // Two can be under way at a time, where one was invalidated: the one that was asked later counts.
        self.history[..answers]
            .iter()
            .filter(|event| !matches!(event.verdict, Verdict::Trouble(_)))
            .max_by_key(|event| event.asked)
    }
}

// === what is expected ===

impl Model {
    /// Checks what a request came to, `before` being the number of answers there were when it began.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self, index: usize, before: usize, outcome: Outcome) -> Result<(), &'static str> {
        let token = &self.tokens[index];
        if token.session.is_some() {
            return self.check_signed(index, outcome);
        }
        if matches!(outcome, Outcome::Accepted { .. }) && token.is_over(self.wall) {
            return Err("B24, C108: accepted at or past its exp");
        }
        if token.history.len() - before > 2 {
            return Err("E2: asked more than once for nothing");
        }
        let is_certain = self.is_certainly_good(token, before, self.ttl);
        if is_certain && outcome != (Outcome::Accepted { stale: false }) {
            return Err("E5: a known good token was not accepted as such");
        }
        match token.history[before..]
            .iter()
            .max_by_key(|event| event.asked)
        {
            Some(_) if is_certain => Err("asked although the answer was known"),
            Some(event) => self.check_answered(token, before, event, outcome),
            None => self.check_remembered(token, outcome),
        }
    }

    /// The request waited for an answer.
    fn check_answered(
        &self,
        token: &Token,
        before: usize,
        event: &Event,
        outcome: Outcome,
    ) -> Result<(), &'static str> {
        let expected = match event.verdict {
            Verdict::Good if event.asked < token.voided => {
                return Err("C111: an answer from before the invalidation was used");
            }
            Verdict::Good if token.is_over(self.wall) => Outcome::Rejected(AuthErrorKind::Expired),
            Verdict::Good => Outcome::Accepted { stale: false },
            Verdict::Bad(kind) => Outcome::Rejected(kind),
            Verdict::Trouble(kind) => {
                let bridged = self.ttl + self.stale_if_error;
                let is_possible = kind.is_outage()
                    && self.stale_if_error > 0
                    && self
                        .usable(token, before, bridged)
                        .is_ok_and(|()| self.ttl > 0);
                let is_certain = is_possible && self.is_certainly_good(token, before, bridged);
                match outcome {
                    Outcome::Accepted { stale: true } if is_possible => return Ok(()),
                    _ if is_certain => return Err("E6: an outage was not bridged"),
                    _ => Outcome::Rejected(kind),
                }
            }
        };
        if outcome == expected {
            Ok(())
        } else {
            Err("the outcome is not what Clerk has just said")
        }
    }

    /// The request was decided by what was known.
    fn check_remembered(&self, token: &Token, outcome: Outcome) -> Result<(), &'static str> {
        let all = token.history.len();
        match outcome {
            Outcome::Accepted { stale: false } => self.usable(token, all, self.ttl),
            Outcome::Accepted { stale: true } => {
                let is_bridge = token.history.last().is_some_and(|event| {
                    matches!(event.verdict, Verdict::Trouble(kind) if kind.is_outage())
                        && self.mono - event.mono < LONGEST_PAUSE
                });
                if self.stale_if_error == 0 || !is_bridge {
                    return Err("C110: stale without an outage");
                }
                self.usable(token, all, self.ttl + self.stale_if_error)
            }
            // Told by the token itself.
            Outcome::Rejected(AuthErrorKind::Expired)
                if token.is_jwt && token.is_over(self.wall) =>
            {
                Ok(())
            }
            Outcome::Rejected(kind) => {
                let life = if kind == AuthErrorKind::NotYetValid {
                    1000
                } else {
                    NEGATIVE_TTL
                };
                let is_known = token.authoritative(all).is_some_and(|event| {
                    event.verdict == Verdict::Bad(kind)
                        && self.is_within(event, life)
                        && event.asked > token.rejections_voided
                });
                if is_known && self.ttl > 0 {
                    Ok(())
                } else {
                    Err("C107: rejected although Clerk said no such thing lately")
                }
            }
        }
    }

    /// Whether the last word of Clerk's still stands: good, not invalidated since, and not too old on
    /// either clock.
    fn usable(&self, token: &Token, answers: usize, life: u64) -> Result<(), &'static str> {
        let Some(event) = token.authoritative(answers) else {
            return Err("accepted without a word of Clerk's");
        };
        if event.verdict != Verdict::Good {
            return Err("C109: accepted against the last word of Clerk's");
        }
        if event.asked < token.voided {
            return Err("accepted by a verdict that was invalidated");
        }
        if !self.is_within(event, life) {
            return Err("C108: accepted by a verdict that is too old");
        }
        if !token.may_be_remembered(self.wall) || !token.may_be_remembered(event.wall) {
            return Err("accepted by a verdict that was not to be remembered");
        }
        Ok(())
    }

    /// Whether the token must be accepted: no jitter reaches it, and no clock was set since.
    fn is_certainly_good(&self, token: &Token, answers: usize, life: u64) -> bool {
        // A refresh can be due before an invalidation and ask after it. Then another verification takes its place.
        let is_superseded = |event: &Event| {
            let mut others = token.history.iter();
            others.any(|other| event.asked < other.asked && other.asked < event.landed)
        };
        let since = |event: &Event| {
            // The jitter is a tenth of the time to live, whatever is added to it.
            self.mono - event.mono < life - self.ttl / 10
                && event.landed > self.disturbed
                && !is_superseded(event)
        };
        self.ttl > 0
            && self.usable(token, answers, life).is_ok()
            && token.authoritative(answers).is_some_and(since)
    }

    fn is_within(&self, event: &Event, life: u64) -> bool {
        self.mono - event.mono < life && self.wall < event.wall + life
    }
}

pub const LEEWAY: u64 = 5;
const DAY: u64 = 86_400;
const NEGATIVE_TTL: u64 = 5_000;
const LONGEST_PAUSE: u64 = 30_000;
