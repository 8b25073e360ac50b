//! The tables, as Markdown.

use std::fmt::{self, Write};

use http::StatusCode;

use crate::{
    bad::{self, Bad},
    cost::Cost,
    facts,
    outage::{AT_A_TIME, Answers, Outage, PATIENCE, REQUESTS, Trouble},
    peers::{Means, PEERS},
    provider::{Kind, THINKING},
    stampede::{LIMIT, Stampede},
    text::{part, thousands, time, times},
    words,
};

/// Everything that was measured.
pub struct Results {
    /// Accepted requests.
    pub costs: Vec<Cost>,
    /// Crowds.
    pub stampedes: Vec<Stampede>,
    /// Bad tokens.
    pub bad: Vec<Bad>,
    /// Outages.
    pub outages: Vec<Outage>,
}

/// What was aimed at: ours is at most this part of the other's cost.
struct Target {
    name: &'static str,
    peer: &'static str,
    ours: Kind,
    theirs: Kind,
    at_most: f64,
}

const TARGETS: &[Target] = &[
    Target {
        name: "zitadel's cached answer, opaque token",
        peer: "zitadel",
        ours: Kind::Opaque,
        theirs: Kind::Opaque,
        at_most: 0.15,
    },
    Target {
        name: "clerk-rs, our opaque token beside its JWT",
        peer: "clerk-rs",
        ours: Kind::Opaque,
        theirs: Kind::Jwt,
        at_most: 1.0 / 150.0,
    },
    Target {
        name: "clerk-rs, the same JWT",
        peer: "clerk-rs",
        ours: Kind::Jwt,
        theirs: Kind::Jwt,
        at_most: 1.0 / 35.0,
    },
];

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# tower-clerk beside what would be picked instead\n")?;
        writeln!(
            f,
            "Made by `cargo run --release` in `benches/peers`, in one run: the same server, the same \
             tokens, the same handler. All figures are of that run. Times move with the machine; ratios \
             do so much less, and are what to read.\n"
        )?;
        let mut packages: Vec<_> = PEERS.iter().flat_map(|peer| peer.packages).collect();
        packages.extend([&"axum", &"tokio", &"jsonwebtoken"]);
        let versions = packages.iter().map(|name| facts::version(name));
        let versions: Vec<_> = packages.iter().zip(versions).collect();
        let versions: Vec<_> = versions.iter().map(|(a, b)| format!("{a} {b}")).collect();
        writeln!(
            f,
            "{}; {}, thin LTO; {}.\n\n![Cost of an accepted request](cost.svg)\n\n\
             ![Calls to the server under a stampede](stampede.svg)",
            versions.join(", "),
            facts::RUSTC,
            facts::machine()
        )?;
        self.costs(f)?;
        self.targets(f)?;
        self.stampedes(f)?;
        self.bad(f)?;
        self.outages(f)?;
        writeln!(
            f,
            "\n## What each of them does\n\n| | {} |",
            names().join(" | ")
        )?;
        writeln!(f, "|---|{}", "---|".repeat(PEERS.len()))?;
        for (question, answers) in words::LINES {
            writeln!(f, "| {question} | {} |", answers.join(" | "))?;
        }
        writeln!(f, "\n## In whose favour\n")?;
        for line in words::FAIRNESS {
            writeln!(f, "* {line}")?;
        }
        Ok(())
    }
}

impl Results {
    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n## An accepted request, with all caches warm\n\n\
             Without what the same request costs behind no layer. Each round measures all, in turn; in \
             brackets is where the middle half of the rounds is. Allocations are exact, and beyond those \
             of the handler.\n\n\
             | | token | what it does | cost, ours = 1 | cost, ours with that token = 1 | allocations | bytes |\n\
             |---|---|---|--:|--:|--:|--:|"
        )?;
        for cost in &self.costs {
            let [low, median, high] = cost.of_ours.map(times);
            writeln!(
                f,
                "| {} | {} | {} | {median} ({low} to {high}) | {} | {} | {} |",
                cost.peer.name,
                token(cost),
                means(cost.peer.means),
                times(cost.of_ours_same_token),
                cost.allocations.0,
                cost.allocations.1,
            )?;
        }
        let ours = self.costs.first().map_or(0.0, |cost| cost.nanos);
        writeln!(f, "\n1 was {ours:.0} ns in this run.")
    }

    fn targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| our cost is at most | of | it is | |\n|--:|---|--:|---|"
        )?;
        for target in TARGETS {
            let find = |cost: &&Cost| cost.peer.name == target.peer && cost.kind == target.theirs;
            let Some(theirs) = self.costs.iter().find(find) else {
                continue;
            };
            let is = 1.0
                / if target.ours == target.theirs {
                    theirs.of_ours_same_token
                } else {
                    theirs.of_ours[1]
                };
            let met = if is <= target.at_most {
                "met"
            } else {
                "not met"
            };
            writeln!(
                f,
                "| {} | {} | {} | {met} |",
                part(target.at_most),
                target.name,
                part(is)
            )?;
        }
        Ok(())
    }

    fn stampedes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n## Many first requests with one token, at once\n\n\
             The server takes {} ms for each answer. Signatures need the server's keys, not the server's \
             word: those calls are made once in a while, not once per token. Where each makes a call, those do \
             that begin before the first answer has come: the longer the server takes, the more. It is \
             waited {} s for the last answer.\n\n\
             | | at once | calls at start | introspection | userinfo | keys | accepted | until the last |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|",
            THINKING.as_millis(),
            LIMIT.as_secs()
        )?;
        for row in &self.stampedes {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                row.peer.name,
                thousands(row.crowd),
                row.calls_at_start,
                thousands(row.calls.introspection),
                thousands(row.calls.userinfo),
                thousands(row.calls.keys),
                thousands(row.accepted),
                time(row.elapsed),
            )?;
        }
        Ok(())
    }

    fn bad(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n## {} bad tokens, each of them twice\n\n| | tokens | calls | answers |\n|---|---|--:|---|",
            thousands(bad::TOKENS)
        )?;
        for row in &self.bad {
            let answers = row.answers.iter();
            let answers: Vec<_> = answers.map(|(status, n)| count(*status, *n)).collect();
            writeln!(
                f,
                "| {} | {} | {} | {} |",
                row.peer.name,
                row.tokens,
                thousands(row.calls.total),
                answers.join(", "),
            )?;
        }
        Ok(())
    }

    fn outages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n## When the server does not work\n\n\
             {REQUESTS} good tokens, {AT_A_TIME} at a time; a caller waits {} s. In brackets: how long half \
             of the callers waited at most, and the longest that one did.",
            PATIENCE.as_secs()
        )?;
        for trouble in Trouble::ALL {
            writeln!(
                f,
                "\n### It {}\n\n| | token known | token never seen | process started since |\n|---|---|---|---|",
                trouble.name()
            )?;
            for row in self.outages.iter().filter(|row| row.trouble == trouble) {
                let restarted = match &row.restarted {
                    Ok(answers) => show(answers),
                    Err(error) => error.replace(['|', '\n'], " "),
                };
                let (known, unknown) = (show(&row.known), show(&row.unknown));
                writeln!(
                    f,
                    "| {} | {known} | {unknown} | {restarted} |",
                    row.peer.name
                )?;
            }
        }
        Ok(())
    }
}

fn names() -> Vec<&'static str> {
    PEERS.iter().map(|peer| peer.name).collect()
}

/// The token of a case.
#[must_use]
pub fn token(cost: &Cost) -> String {
    format!("{}, {} B", cost.kind.name(), cost.token_len)
}

fn means(means: Means) -> &'static str {
    match means {
        Means::CachedIntrospection => "cached introspection",
        Means::CachedSignature => "cached signature check",
        Means::Signature => "signature check",
    }
}

fn count(status: StatusCode, count: usize) -> String {
    format!("{} × {}", thousands(count), status.as_u16())
}

fn show(answers: &Answers) -> String {
    let mut text = String::new();
    for (status, n) in &answers.statuses {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match status {
            Some(status) if *n == REQUESTS => write!(text, "{separator}{}", status.as_u16()),
            Some(status) => write!(text, "{separator}{}", count(*status, *n)),
            None if *n == REQUESTS => write!(text, "{separator}no answer"),
            None => write!(text, "{separator}{n} × no answer"),
        };
    }
    format!("{text} ({}, {})", time(answers.median), time(answers.max))
}
