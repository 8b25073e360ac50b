//! Bars on a logarithmic scale, as SVG. Light and dark follow the reader's settings.

use std::fmt::Write;

use crate::{
    cost::Cost,
    peers::{Means, PEERS},
    provider::Kind,
    report::token,
    stampede::{CROWDS, Stampede},
    text::{thousands, times},
};

const WIDTH: usize = 800;
/// Where labels end and bars begin.
const LEFT: usize = 310;
/// Where the longest bar ends; its value stands behind it.
const RIGHT: usize = 690;
const TOP: usize = 96;
const ROW: usize = 28;
const GAP: usize = 10;
const BAR: usize = 18;
/// How far below the least value bars begin: on this scale there is no zero, and 1 needs a bar, too.
const FOOT: f64 = 0.3;

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:13px;fill:#1f2328}\
.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#59636e}.value{font-weight:600}\
.end{text-anchor:end}.middle{text-anchor:middle}.ground{fill:#fff}.grid{stroke:#d1d9e0;stroke-width:1}\
.ours{fill:#0969da}.cached{fill:#6e7781}.signature{fill:#bc6c00}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.ground{fill:#0d1117}\
.grid{stroke:#30363d}.ours{fill:#4493f8}.cached{fill:#848d97}.signature{fill:#d29922}}";

#[derive(Clone, Copy)]
enum Tone {
    Ours,
    Cached,
    Signature,
}

impl Tone {
    const ALL: [Self; 3] = [Self::Ours, Self::Cached, Self::Signature];

    fn class(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Cached => "cached",
            Self::Signature => "signature",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Ours => "tower-clerk",
            Self::Cached => "cached introspection",
            Self::Signature => "signature check",
        }
    }
}

struct Bar {
    /// The first of a group stands a little apart.
    is_first: bool,
    label: String,
    value: f64,
    text: String,
    tone: Tone,
}

struct Chart<'a> {
    title: &'a str,
    subtitle: &'a str,
    bars: Vec<Bar>,
}

/// What an accepted request costs, ours being 1.
#[must_use]
pub fn costs(costs: &[Cost]) -> String {
    let mut costs: Vec<_> = costs.iter().collect();
    costs.sort_by(|a, b| a.of_ours[1].total_cmp(&b.of_ours[1]));
    let mut bars = Vec::new();
    for kind in Kind::ALL {
        let group = costs.iter().filter(|cost| cost.kind == kind);
        bars.extend(group.enumerate().map(|(index, cost)| Bar {
            is_first: index == 0,
            label: format!("{} · {}", cost.peer.name, short(&token(cost))),
            value: cost.of_ours[1],
            text: times(cost.of_ours[1]),
            tone: tone(cost.peer.name, cost.peer.means),
        }));
    }
    Chart {
        title: "What an accepted request costs",
        subtitle: "Time with warm caches, without the handler; tower-clerk with an opaque token = 1",
        bars,
    }
    .draw()
}

/// How many calls a crowd makes.
#[must_use]
pub fn stampedes(stampedes: &[Stampede]) -> String {
    let bars = stampedes.iter().map(|row| {
        let at_once = format!("{} at once", thousands(row.crowd));
        let is_first = row.crowd == CROWDS[0];
        let mut text = thousands(row.calls.total);
        if row.accepted < row.crowd {
            _ = write!(text, " ({} accepted)", thousands(row.accepted));
        }
        Bar {
            is_first,
            label: if is_first {
                format!("{} · {at_once}", row.peer.name)
            } else {
                at_once
            },
            value: row.calls.total as f64,
            text,
            tone: tone(row.peer.name, row.peer.means),
        }
    });
    Chart {
        title: "Calls to the server for many first requests with one token",
        subtitle: "Signatures need the server's keys, not its word: those calls are per process, not per token",
        bars: bars.collect(),
    }
    .draw()
}

fn tone(name: &str, means: Means) -> Tone {
    match means {
        _ if name.starts_with(PEERS[0].name) => Tone::Ours,
        Means::CachedIntrospection | Means::CachedSignature => Tone::Cached,
        Means::Signature => Tone::Signature,
    }
}

/// The kind of the token without its length.
fn short(token: &str) -> &str {
    token.split(',').next().unwrap_or(token)
}

impl Chart<'_> {
    fn draw(&self) -> String {
        let positive = self
            .bars
            .iter()
            .map(|bar| bar.value)
            .filter(|value| *value > 0.0);
        let (low, high) = positive.fold((1.0_f64, 10.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = (low.log10() - FOOT, high.log10());
        let x = |value: f64| {
            let part = (value.log10() - low) / (high - low);
            LEFT as f64 + part.max(0.0) * (RIGHT - LEFT) as f64
        };
        let gaps = self.bars.iter().filter(|bar| bar.is_first).count();
        let bottom = TOP + self.bars.len() * ROW + gaps * GAP;
        let height = bottom + 40;

        let mut svg = self.head(height);
        for exponent in 0..=high.floor() as i32 {
            let (decade, label) = (10_f64.powi(exponent), 10_usize.pow(exponent.unsigned_abs()));
            _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text class=\"small middle\" x=\"{0:.1}\" y=\"{1}\">{2}</text>",
                x(decade),
                bottom + 20,
                thousands(label),
            );
        }
        let mut y = TOP;
        for bar in &self.bars {
            y += if bar.is_first { GAP } else { 0 };
            let width = if bar.value > 0.0 {
                x(bar.value) - LEFT as f64
            } else {
                0.0
            };
            let baseline = y + ROW / 2 + 5;
            _ = writeln!(
                svg,
                "<text class=\"end\" x=\"{}\" y=\"{baseline}\">{}</text>\
                 <rect class=\"{}\" x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\
                 <text class=\"value\" x=\"{:.1}\" y=\"{baseline}\">{}</text>",
                LEFT - 10,
                escape(&bar.label),
                bar.tone.class(),
                y + (ROW - BAR) / 2,
                LEFT as f64 + width + 8.0,
                escape(&bar.text),
            );
            y += ROW;
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// All that stands above the bars, and what is read out to those who cannot see them.
    fn head(&self, height: usize) -> String {
        let bars = self.bars.iter();
        let said: Vec<_> = bars
            .map(|bar| format!("{}: {}", bar.label, bar.text))
            .collect();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"desc\">{}. {}.</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
             <text class=\"title\" x=\"20\" y=\"30\">{0}</text>\
             <text class=\"small\" x=\"20\" y=\"50\">{1}. Logarithmic scale.</text>",
            escape(self.title),
            escape(self.subtitle),
            escape(&said.join("; ")),
        );
        let mut x = 20;
        for tone in Tone::ALL {
            _ = writeln!(
                svg,
                "<rect class=\"{}\" x=\"{x}\" y=\"64\" width=\"12\" height=\"12\" rx=\"2\"/>\
                 <text class=\"small\" x=\"{}\" y=\"74\">{}</text>",
                tone.class(),
                x + 18,
                tone.meaning(),
            );
            x += 40 + tone.meaning().len() * 7;
        }
        svg
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
