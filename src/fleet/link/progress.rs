//! What the link has read, and the state that follows from it. Pure.

use std::{collections::VecDeque, time::Duration};

use super::super::{Page, Position, store::LOG_LIFE};
use crate::{
    clock::{Now, millis},
    observe::FleetState,
};

/// What the task of a link has done so far.
pub(super) struct Progress {
    /// The number of the task that may act.
    task: u64,
    /// The time at which the task acts next, on the monotonic clock. `None` before the first task.
    acts_at: Option<u64>,
    is_connected: bool,
    /// True if the last step completed a read.
    has_completed: bool,
    /// The position up to which the log was read. `None` before the store's time was read.
    position: Option<Position>,
    /// The positions of the last messages, in ascending order, at most [`REPEATED`].
    recent: VecDeque<Position>,
    /// True until the log was read to its end on this connection.
    is_reopened: bool,
    /// The read under way. `None` between two reads.
    under_way: Option<UnderWay>,
    /// The last complete read. `None` if there was none.
    last: Option<Complete>,
    /// The last time at which nothing had been missed: the last complete read, or the start of this replica.
    seen: Now,
    /// The longest pause before the next attempt, in milliseconds.
    pause: u64,
    /// True if there may be more to publish than the last exchange could take.
    has_more: bool,
}

/// A read of several pages.
#[derive(Clone, Copy)]
struct UnderWay {
    from: Position,
    clocks_agree: bool,
}

#[derive(Clone, Copy)]
struct Complete {
    /// The time before the last page was requested.
    at: Now,
    clocks_agree: bool,
    /// True until the connection on which it was made is dropped.
    is_connected: bool,
}

/// The next action of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Opens the connection.
    Open,
    /// Reads the store's time.
    Time,
    /// Reads a page. The first page of a read may publish, unless nothing was read so far.
    Read { from: Position, publishes: bool },
}

/// The pause after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    None,
    /// Until the next poll, or until there is something to publish.
    Poll,
    /// After a failure.
    Retry(Duration),
}

impl Progress {
    pub(super) fn new(now: Now) -> Self {
        Self {
            task: 0,
            acts_at: None,
            is_connected: false,
            has_completed: false,
            position: None,
            recent: VecDeque::new(),
            is_reopened: true,
            under_way: None,
            last: None,
            seen: now,
            pause: FIRST_PAUSE,
            has_more: false,
        }
    }

    /// Returns the number of a task that has to be started. `None` if there is one that acts.
    pub(super) fn start(&mut self, now: Now) -> Option<u64> {
        if let Some(acts_at) = self.acts_at
            && now.mono < acts_at.saturating_add(LATE)
        {
            return None;
        }
        self.acts_at = Some(now.mono);
        self.task += 1;
        Some(self.task)
    }

    /// Returns the state at this time.
    pub(super) fn state(&self, now: Now) -> FleetState {
        match self.last {
            None => FleetState::Joining,
            Some(last) if last.permits(now) => FleetState::Live,
            Some(_) => FleetState::Cut,
        }
    }

    /// Returns the next step of a task. `None` if another task has taken its place.
    pub(super) fn next(&mut self, task: u64, now: Now) -> Option<Step> {
        if task != self.task {
            return None;
        }
        let (step, limit) = match (self.is_connected, self.position) {
            (false, _) => (Step::Open, super::OPEN),
            (true, None) => (Step::Time, super::EXCHANGE),
            (true, Some(position)) => {
                let publishes = self.under_way.is_none() && self.last.is_some();
                let first = self.first(position);
                let under_way = self.under_way.get_or_insert(UnderWay {
                    from: first,
                    clocks_agree: true,
                });
                let from = under_way.from;
                (Step::Read { from, publishes }, super::EXCHANGE)
            }
        };
        self.acts_at = Some(now.mono.saturating_add(millis(limit)));
        Some(step)
    }

    /// Returns true if no message at this position or a later one was read before. While a replica joins, what it reads
    /// was published before it started, and is not new.
    pub(super) fn is_new(&self, position: Position) -> bool {
        self.last.is_some() && self.recent.back().is_none_or(|last| *last < position)
    }

    /// Returns the position from which the next read begins.
    ///
    /// The last second is read once more: after a fail-over, the store's clock can be behind. On a connection that stays
    /// open this is half a page at most. After a burst, each poll would otherwise read all of it again.
    fn first(&self, position: Position) -> Position {
        let overlap = earlier(position, OVERLAP);
        match self.recent.front() {
            Some(oldest) if !self.is_reopened && self.recent.len() == REPEATED => {
                overlap.max(*oldest)
            }
            _ => overlap,
        }
    }

    /// Notes that the connection is open.
    pub(super) fn opened(&mut self) {
        self.is_connected = true;
        self.is_reopened = true;
    }

    /// Notes the store's time, from which the first read begins.
    pub(super) fn begin(&mut self, time: u64) {
        let now = Position {
            milliseconds: time,
            sequence: 0,
        };
        self.position = Some(earlier(now, LOG_LIFE));
    }

    /// Notes a page, with the time before it was requested and the time after it came. Returns true if messages may have
    /// been missed before.
    pub(super) fn read(&mut self, page: &Page, before: Now, after: Now) -> bool {
        let Some(under_way) = &mut self.under_way else {
            return false;
        };
        under_way.clocks_agree &= [before, after]
            .iter()
            .all(|now| now.wall.abs_diff(page.time) <= SKEW);
        let time = Position {
            milliseconds: page.time,
            sequence: 0,
        };
        // The position of a message can be in the future, and the store's time can be behind the position.
        let last = page.messages.iter().map(|(position, _)| *position).max();
        self.position = last.or(self.position).map(|last| last.min(time));
        for (position, _) in &page.messages {
            if self.recent.back().is_none_or(|last| last < position) {
                self.recent.push_back(*position);
            }
        }
        // What is beyond the position is read once more, and counts then.
        let end = self.position.map_or(0, |position| position.milliseconds);
        while self
            .recent
            .back()
            .is_some_and(|last| last.milliseconds > end)
        {
            self.recent.pop_back();
        }
        let surplus = self.recent.len().saturating_sub(REPEATED);
        self.recent.drain(..surplus);
        // A page that does not advance is the last one. A store could otherwise repeat it without end.
        if let Some(next) = page.next.filter(|next| *next > under_way.from) {
            under_way.from = next;
            return false;
        }
        self.last = Some(Complete {
            at: before,
            clocks_agree: under_way.clocks_agree,
            is_connected: true,
        });
        self.has_completed = true;
        self.is_reopened = false;
        self.under_way = None;
        let since = |then: u64, now: u64| now.saturating_sub(then) > MISSED;
        let has_missed = since(self.seen.mono, before.mono) || since(self.seen.wall, before.wall);
        self.seen = before;
        has_missed
    }

    /// Returns true if the clocks agreed at the last complete read.
    pub(super) fn clocks_agree(&self) -> bool {
        self.last.is_none_or(|last| last.clocks_agree)
    }

    /// Notes if a batch was as large as possible and the store accepted all of it.
    pub(super) fn batch_was_full(&mut self, is_full: bool) {
        self.has_more |= is_full;
    }

    /// Returns the pause after a step.
    pub(super) fn pause(&mut self, now: Now) -> Pause {
        if !std::mem::take(&mut self.has_completed) {
            return Pause::None;
        }
        self.pause = FIRST_PAUSE;
        if std::mem::take(&mut self.has_more) {
            return Pause::None;
        }
        self.acts_at = Some(now.mono.saturating_add(millis(super::POLL)));
        Pause::Poll
    }

    /// Notes a failed step. `random` is a number from 0 to 1. Returns the pause before the next attempt.
    pub(super) fn fail(&mut self, now: Now, random: f64) -> Pause {
        self.is_connected = false;
        if let Some(last) = &mut self.last {
            last.is_connected = false;
        }
        self.has_completed = false;
        self.under_way = None;
        self.has_more = false;
        let longest = Duration::from_millis(self.pause);
        let pause = longest.mul_f64(random.clamp(0.0, 1.0));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.acts_at = Some(now.mono.saturating_add(millis(pause)));
        Pause::Retry(pause)
    }
}

impl Complete {
    /// Returns true if the store may be used at this time: the read is recent on both clocks, and neither has been set
    /// since.
    fn permits(self, now: Now) -> bool {
        let (mono, wall) = (
            now.mono.abs_diff(self.at.mono),
            now.wall.abs_diff(self.at.wall),
        );
        let is_recent = mono < FRESH && wall < FRESH;
        // A wall clock that was set back has moved away from the monotonic one, too.
        let is_set_back = now.wall < self.at.wall;
        let step = match is_set_back {
            true => mono.saturating_add(wall),
            false => mono.abs_diff(wall),
        };
        self.is_connected && self.clocks_agree && is_recent && step < MAX_STEP
    }
}

fn earlier(position: Position, by: u64) -> Position {
    Position {
        // The default position would read the time only.
        milliseconds: position.milliseconds.saturating_sub(by).max(1),
        sequence: 0,
    }
}

/// The time within which a task that should have acted is waited for, in milliseconds.
const LATE: u64 = 2_000;

/// The age at which a complete read no longer permits the use of the store.
const FRESH: u64 = 1_000;

/// The greatest difference between the store's clock and ours.
const SKEW: u64 = 500;

/// The step of our wall clock that ends the use of the store.
const MAX_STEP: u64 = 250;

/// The part of the log that is read once more.
const OVERLAP: u64 = 1_000;

/// The most messages that are read once more on a connection that stays open: half a page, which leaves room for new ones.
const REPEATED: usize = 500;

/// The time without a complete read after which messages may have been missed.
const MISSED: u64 = 14 * 60 * 1000;

const FIRST_PAUSE: u64 = 200;
const LONGEST_PAUSE: u64 = 5_000;

#[cfg(test)]
mod tests;
