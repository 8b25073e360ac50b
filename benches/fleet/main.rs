//! What several replicas that share a store cost Clerk, and what the store costs them.
//!
//! 1. The figures of ten replicas, most of them on Tokio's paused clock with a store in this process. So they do not depend
//!    on the machine. Those about Redis need `redis-server`, run in real time, and are skipped without it.
//! 2. The calls per second of up to 1,000 replicas, also on the paused clock: all of them are whole authenticators with the
//!    real link to the store. `FLEET_CHART=path` writes the chart.
//!
//! The process fails if a figure misses its target. Only the figures in real time may miss it: they are marked.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "figures are read by people, and some of them are in real time"
)]

mod chart;
mod figures;
mod redis;
mod replicas;
mod steady;
mod tampering;

use std::{env, fs, process::ExitCode};

fn main() -> ExitCode {
    println!("| figure | measured | target | |\n|---|--:|--:|---|");
    let mut is_good = true;
    for figure in figures::all().into_iter().chain(redis::all()) {
        println!("{figure}");
        is_good &= figure.is_good() || figure.is_real_time;
    }

    let most = env::var("REPLICAS").map_or(1_000, |most| most.parse().expect("a number"));
    println!("\n{}", steady::HEAD);
    let mut rows = Vec::new();
    for replicas in [1, 3, 10, 30, 100, 300, 1_000] {
        if replicas <= most {
            let row = steady::row(replicas, rows.first());
            println!("{row}");
            rows.push(row);
        }
    }
    if let Ok(path) = env::var("FLEET_CHART") {
        fs::write(path, chart::svg(&rows)).expect("the chart can be written");
    }
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
