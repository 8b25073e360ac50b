//! Log lines and metrics of one thread, for tests.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, NoSubscriber},
};

/// The log lines of this crate: level, message and fields.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Collects the lines of this thread until the guard is dropped.
    pub(crate) fn subscribe(&self) -> DefaultGuard {
        // With one subscriber at most, `tracing` remembers for each line if the first thread wanted it.
        static KEPT: OnceLock<[Dispatch; 2]> = OnceLock::new();
        KEPT.get_or_init(|| [0, 1].map(|_| Dispatch::new(NoSubscriber::default())));
        tracing::subscriber::set_default(self.clone())
    }

    /// Returns the lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_clerk")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Line {
            message: String,
            fields: String,
        }

        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                match field.name() {
                    "message" => self.message = format!("{value:?}"),
                    name => write!(self.fields, " {name}={value:?}").unwrap(),
                }
            }
        }

        let mut line = Line {
            message: String::new(),
            fields: String::new(),
        };
        event.record(&mut line);
        let level = event.metadata().level();
        let line = format!("{level} {}{}", line.message, line.fields);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A recorder of metrics.
pub(crate) struct Meter {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&[1.0]).unwrap();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    /// Calls a function whose metrics are recorded here.
    pub(crate) fn record<T>(&self, make: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, make)
    }

    /// Returns the value of a metric without labels.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> f64 {
        let shown = self.handle.render();
        let start = format!("clerk_auth_{name} ");
        let mut values = shown.lines().filter_map(|line| line.strip_prefix(&start));
        let value = values.next();
        value
            .unwrap_or_else(|| panic!("no {name} in {shown}"))
            .parse()
            .unwrap()
    }
}
