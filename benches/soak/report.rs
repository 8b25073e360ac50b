//! The table of the soak, and its verdict.

use std::{process::ExitCode, time::Duration};

use crate::{
    replicas::Sample,
    traffic::{Answer, Class},
};

/// The minutes until all entries, connections and buffers have been in use.
const WARM_UP: usize = 3;

#[derive(Default)]
pub(crate) struct Report {
    samples: Vec<Sample>,
    /// Answers that no fault explains.
    wrong: usize,
}

impl Report {
    /// Prints the line of a minute.
    pub(crate) fn add(&mut self, fault: &str, sample: Sample, answers: Vec<Answer>) {
        if self.samples.is_empty() {
            println!(
                "| minute | Clerk | memory | sockets | tasks | entries | requests | 503 | broken | wrong | in use: p50 \
                 | p99 | called: p50 | p99 | local: p50 | p99 | rejected: p50 | p99 |"
            );
            println!("|--:|---|{}", "--:|".repeat(16));
        }
        self.samples.push(sample);
        let wrong = answers.iter().filter(|answer| is_wrong(answer)).count();
        self.wrong += wrong;
        let with = |status| answers.iter().filter(|it| it.status == status).count();
        let times = Class::ALL.map(|class| times(class, &answers));
        println!(
            "| {} | {fault} | {:.1} MiB | {} | {} | {} | {} | {} | {} | {wrong} | {} |",
            self.samples.len(),
            sample.memory as f64 / 1024.0,
            sample.sockets,
            sample.tasks,
            sample.entries,
            answers.len(),
            with(Some(503)),
            with(None),
            times.join(" | "),
        );
    }

    /// Compares the last minutes with those after the warm-up.
    pub(crate) fn end(self) -> ExitCode {
        let (early, late) = match self.samples.get(WARM_UP..) {
            Some(rest) if rest.len() >= 4 => rest.split_at(rest.len() / 2),
            _ => (&[][..], &[][..]),
        };
        let mut is_flat = true;
        for (name, of) in [
            ("memory", (|it| it.memory) as fn(&Sample) -> u64),
            ("sockets", |it| it.sockets),
            ("tasks", |it| it.tasks),
        ] {
            let most = |samples: &[Sample]| samples.iter().map(of).max();
            if let (Some(early), Some(late)) = (most(early), most(late)) {
                println!("\n{name}: at most {early} in the earlier half, {late} in the later half");
                is_flat &= late as f64 <= early as f64 * 1.1 + 10.0;
            }
        }
        println!("\n{} wrong answers", self.wrong);
        match is_flat && self.wrong == 0 {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

fn is_wrong(answer: &Answer) -> bool {
    match (answer.class, answer.status) {
        (_, None | Some(503)) => false,
        (Class::Rejected, Some(status)) => status != 401 && status != 400,
        (_, Some(status)) => status != 200,
    }
}

/// Returns the median and the 99th percentile of a class.
fn times(class: Class, answers: &[Answer]) -> String {
    let of_class = answers.iter().filter(|answer| answer.class == class);
    let mut times: Vec<_> = of_class.map(|answer| answer.elapsed).collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let place = times.len().saturating_sub(1) * percent / 100;
        times.get(place).map_or_else(|| "-".to_owned(), show)
    };
    format!("{} | {}", at(50), at(99))
}

fn show(time: &Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
