//! The table.

use std::{fmt, time::Duration};

use super::{Flood, Instance, callers::Figures};

pub(crate) const HEAD: &str = "\
| limit | latency | flood | in use | p99 | returning | p99 | new | p99 | calls | most in 10 s |
|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|";

/// What became of everything in one simulation.
pub(crate) struct Row {
    pub(crate) instance: Instance,
    pub(crate) latency: Duration,
    pub(crate) flood: Flood,
    /// Of tokens in use, of returning users, of new users.
    pub(crate) figures: [Figures; 3],
    pub(crate) calls: usize,
    pub(crate) peak: usize,
}

impl Row {
    /// Whether all callers that were there before the flood were accepted, within the rate limit.
    pub(crate) fn is_good(&self) -> bool {
        let [in_use, returning, _] = &self.figures;
        let all = |figures: &Figures| figures.accepted == figures.requests;
        all(in_use) && all(returning) && self.peak <= self.instance.limit
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, latency) = (self.instance.limit, self.latency.as_millis());
        write!(f, "| {limit} | {latency} ms | {} |", self.flood.as_str())?;
        for figures in &self.figures {
            // Rounded down, so that 100 % says that all were accepted.
            let per_mille = figures.accepted * 1000 / figures.requests.max(1);
            let (percent, tenth) = (per_mille / 10, per_mille % 10);
            let p99 = figures.p99().as_millis();
            write!(f, " {percent}.{tenth} % | {p99} ms |")?;
        }
        write!(f, " {} | {} |", self.calls, self.peak)
    }
}
