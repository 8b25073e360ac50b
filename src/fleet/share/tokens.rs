//! The shared evidence of tokens.

use tokio::time::Instant;

use super::{Looked, Share, Wanted};
use crate::{
    AuthError,
    cache::{Cache, Properties},
    fleet::record,
    observe::{CacheState, Priority, SharedEvent},
    token::digest::TokenDigest,
    verify::{Inquiry, Statement, Verified, Verifier},
};

/// The shared evidence of the tokens of one realm.
pub(in crate::fleet) struct SharedTokens(pub(in crate::fleet) Share);

/// The verification of one token.
#[derive(Clone, Copy)]
pub(crate) struct Verification<'a> {
    pub(crate) key: TokenDigest,
    pub(crate) inquiry: Inquiry<'a>,
    pub(crate) cache: &'a Cache,
    pub(crate) verifier: &'a Verifier,
}

/// The result of a verification.
pub(crate) struct Sharing {
    /// The epoch before which invalidations do not concern the result.
    pub(crate) epoch: u64,
    /// `Shared` or `Awaited` if another replica called Clerk.
    pub(crate) state: CacheState,
    pub(crate) result: Result<Verified, AuthError>,
}

impl Sharing {
    /// The result of calls by this replica, or of none.
    fn own(epoch: u64, result: Result<Verified, AuthError>) -> Self {
        Self {
            epoch,
            state: CacheState::Miss,
            result,
        }
    }
}

impl SharedTokens {
    /// Verifies a token, by the evidence in the store or by calls to Clerk.
    pub(in crate::fleet) async fn verify(&self, verification: Verification<'_>) -> Sharing {
        let Verification {
            key,
            inquiry,
            cache,
            verifier,
        } = verification;
        let share = &self.0;
        let epoch = cache.epoch();
        let statement = match verifier.statement(inquiry).await {
            Ok(statement) => statement,
            Err(error) => return Sharing::own(epoch, Err(error)),
        };
        let is_shared = verifier.is_shared(inquiry.format);
        let name = share.seal.name(key.to_bytes());
        let wanted = WantedToken {
            verification,
            statement: &statement,
            share,
        };
        let looked = match is_shared {
            true => share.look(&name, &wanted).await,
            false => Looked::Alone,
        };
        let leads = match looked {
            Looked::Found(state, (epoch, result)) => {
                return Sharing {
                    epoch,
                    state,
                    result,
                };
            }
            Looked::Lead => true,
            Looked::Alone => false,
        };

        // Read before Clerk is called: earlier invalidations do not affect the outcome.
        let (epoch, start, was_live) = (cache.epoch(), Instant::now(), share.is_live());
        let evidence = verifier.gather(inquiry, &statement).await;
        let (content, result) = match evidence {
            Ok(evidence) => (
                record::encode(&evidence).filter(|_| is_shared && was_live),
                verifier.conclude(evidence, &statement, inquiry).await,
            ),
            Err(error) => (None, Err(error)),
        };
        // A request that waits for evidence must have time for all calls.
        share.patience.verified(start.elapsed());
        let sealed = match (content, &result) {
            (Some(content), Ok(verified)) => {
                let token = Properties::of(key, verified.as_claims());
                let called_at = content.called_at;
                let content = content.finish(&cache.applied(token, epoch, share.clock.now()));
                share.seal(wanted.about(), called_at, &content)
            }
            _ => None,
        };
        if leads || sealed.is_some() {
            share.release(&name, sealed);
        }
        Sharing::own(epoch, result)
    }
}

/// The evidence about one token.
struct WantedToken<'a> {
    verification: Verification<'a>,
    statement: &'a Statement,
    share: &'a Share,
}

impl Wanted for WantedToken<'_> {
    /// An error is a rejection that does not come from the store: that of the user, whom this replica fetches itself.
    type Result = (u64, Result<Verified, AuthError>);

    fn about(&self) -> &[u8] {
        self.verification.inquiry.token.expose().as_bytes()
    }

    fn priority(&self) -> Priority {
        self.verification.inquiry.priority
    }

    fn needed_by(&self) -> Instant {
        self.verification.inquiry.deadline
    }

    fn epoch(&self) -> u64 {
        self.verification.cache.epoch()
    }

    async fn adopt(&self, content: &[u8], epoch: u64) -> Result<Self::Result, SharedEvent> {
        let Verification {
            key,
            inquiry,
            cache,
            verifier,
        } = self.verification;
        let (share, statement) = (self.share, self.statement);
        let record = record::decode(content).ok_or(SharedEvent::Unreadable)?;
        let now = share.clock.now();
        let called_at = record.evidence.called_at;
        // A refresh needs evidence that is newer than the entry. An entry is refreshed in the last fifth of its life, so
        // newer evidence is younger than half a life.
        let newer_than = match inquiry.priority {
            Priority::Refresh => now.wall.saturating_sub(share.ttl / 2),
            _ => 0,
        };
        let age = share.age(called_at, now).ok_or(SharedEvent::Miss)?;
        if called_at <= newer_than || !verifier.accepts(&record.evidence, statement, inquiry.format)
        {
            return Err(SharedEvent::Miss);
        }
        let verified = match verifier.conclude(record.evidence, statement, inquiry).await {
            Ok(verified) => verified,
            Err(error) => return Ok((epoch, Err(error))),
        };
        let token = Properties::of(key, verified.as_claims());
        if cache.rejects_evidence(token, called_at, &record.after) {
            return Err(SharedEvent::Invalidate);
        }
        // The age shortens the life of the entry.
        Ok((epoch, Ok(verified.aged(age))))
    }
}
