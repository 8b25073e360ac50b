//! The selections of tokens that schedules invalidate and revoke.

use fastrand::Rng;
use tower_clerk::Tokens;

use super::model::Token;

/// Each selection of [`Tokens`], by the numbers that tokens, sessions, subjects and organizations have in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    One(usize),
    Session(usize),
    Subject(usize),
    Member { subject: usize, organization: usize },
    Organization(usize),
    All,
}

impl Selection {
    /// Chooses a selection. Most of them concern the token.
    pub fn choose(rng: &mut Rng, index: usize, token: &Token) -> Self {
        let subject = token.subject.number;
        let organization = token.organization.as_ref().map_or(0, |it| it.number);
        match rng.u32(..12) {
            0..3 => Self::One(index),
            3..5 => Self::Session(token.session.as_ref().map_or(0, |it| it.number)),
            5..7 => Self::Subject(subject),
            7..9 => Self::Member {
                subject,
                organization,
            },
            9 => Self::Organization(organization),
            10 => Self::Subject(1 - subject),
            _ => Self::All,
        }
    }

    /// Returns true if a token is selected.
    pub fn selects(self, index: usize, token: &Token) -> bool {
        let is = |it: &Option<Named>, number| it.as_ref().is_some_and(|it| it.number == number);
        match self {
            Self::One(one) => one == index,
            Self::Session(session) => is(&token.session, session),
            Self::Subject(subject) => token.subject.number == subject,
            Self::Member {
                subject,
                organization,
            } => token.subject.number == subject && is(&token.organization, organization),
            Self::Organization(organization) => is(&token.organization, organization),
            Self::All => true,
        }
    }

    /// Returns true if it also selects tokens about which nothing but their text is known: those that were rejected.
    pub fn selects_rejections(self) -> bool {
        matches!(self, Self::One(_) | Self::All)
    }

    /// Passes the selection on. `text`: that of the token, if it selects one. `seed`: that of the schedule.
    pub fn with<T>(self, text: &str, seed: u64, act: impl FnOnce(Tokens<'_>) -> T) -> T {
        let name = |prefix, number| Named::new(prefix, seed, number).name;
        match self {
            Self::One(_) => act(Tokens::one(text)),
            Self::Session(number) => act(Tokens::of_session(&name("sess", number))),
            Self::Subject(number) => act(Tokens::of_subject(&name("user", number))),
            Self::Member {
                subject,
                organization,
            } => act(Tokens::of_subject(&name("user", subject))
                .in_organization(&name("org", organization))),
            Self::Organization(number) => act(Tokens::of_organization(&name("org", number))),
            Self::All => act(Tokens::all()),
        }
    }
}

/// A session, a subject or an organization.
#[derive(Clone, Debug)]
pub struct Named {
    pub number: usize,
    pub name: String,
}

impl Named {
    pub fn new(prefix: &str, seed: u64, number: usize) -> Self {
        Self {
            number,
            name: format!("{prefix}_{seed}_{number}"),
        }
    }
}
