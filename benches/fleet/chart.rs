//! The chart of calls per second against replicas, both axes logarithmic.

use std::fmt::Write;

use crate::steady::Row;

/// Returns the chart as SVG.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
<text x="{LEFT}" y="24" font-size="15" font-weight="bold">Calls to Clerk per second, 20,000 requests per second in all</text>
"##
    );
    let mut line = |text: String| writeln!(svg, "{text}").expect("a string takes all");
    for exponent in 0..=3 {
        let (at, label) = (
            x(10_f64.powi(exponent)),
            10_u32.pow(exponent.unsigned_abs()),
        );
        line(format!(
            r##"<line x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{BOTTOM}" stroke="#ddd"/>"##
        ));
        line(format!(
            r#"<text x="{at:.1}" y="{}" text-anchor="middle">{label}</text>"#,
            BOTTOM + 18.0
        ));
    }
    for exponent in 2..=5 {
        let (at, label) = (
            y(10_f64.powi(exponent)),
            10_u32.pow(exponent.unsigned_abs()),
        );
        line(format!(
            r##"<line x1="{LEFT}" y1="{at:.1}" x2="{RIGHT}" y2="{at:.1}" stroke="#ddd"/>"##
        ));
        line(format!(
            r#"<text x="{}" y="{:.1}" text-anchor="end">{label}</text>"#,
            LEFT - 8.0,
            at + 4.0
        ));
    }
    line(format!(
        r#"<text x="{}" y="{}" text-anchor="middle">replicas</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 40.0
    ));
    for (at, name, color) in [
        (0, "without a fleet", "#b3261e"),
        (1, "with a fleet", "#1a56a8"),
    ] {
        let points: Vec<_> = rows
            .iter()
            .map(|row| format!("{:.1},{:.1}", x(number(row.replicas)), y(row.calls[at])))
            .collect();
        line(format!(
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2.5"/>"#,
            points.join(" ")
        ));
        for row in rows {
            line(format!(
                r#"<circle cx="{:.1}" cy="{:.1}" r="4" fill="{color}"/>"#,
                x(number(row.replicas)),
                y(row.calls[at])
            ));
        }
        if let Some(last) = rows.last() {
            line(format!(
                r#"<text x="{:.1}" y="{:.1}" text-anchor="end" fill="{color}">{name}: {:.0}</text>"#,
                x(number(last.replicas)),
                y(last.calls[at]) - 12.0,
                last.calls[at]
            ));
        }
    }
    svg + "</svg>\n"
}

fn number(replicas: usize) -> f64 {
    replicas as f64
}

fn x(replicas: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * replicas.log10() / 3.0
}

fn y(calls: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * (calls.max(100.0).log10() - 2.0) / 3.0
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 610.0;
const TOP: f64 = 45.0;
const BOTTOM: f64 = 340.0;
