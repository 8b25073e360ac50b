//! Metric handles. With the feature `metrics` they are those of the crate `metrics`. Without it they are empty types
//! that cost nothing. Only this file checks the feature.

#[cfg(feature = "metrics")]
pub(super) use ::metrics::{Counter, Gauge, Histogram};

/// A label and its value.
pub(super) type Label = (&'static str, &'static str);

#[cfg(feature = "metrics")]
pub(super) fn counter(name: &'static str, labels: &[Label]) -> Counter {
    ::metrics::counter!(name, labels)
}

#[cfg(feature = "metrics")]
pub(super) fn gauge(name: &'static str, labels: &[Label]) -> Gauge {
    ::metrics::gauge!(name, labels)
}

#[cfg(feature = "metrics")]
pub(super) fn histogram(name: &'static str, labels: &[Label]) -> Histogram {
    ::metrics::histogram!(name, labels)
}

#[cfg(feature = "metrics")]
pub(super) fn describe(name: &'static str, kind: super::metrics::Kind, text: &'static str) {
    use super::metrics::Kind;
    match kind {
        Kind::Counter => ::metrics::describe_counter!(name, text),
        Kind::Gauge => ::metrics::describe_gauge!(name, text),
        Kind::Seconds => {
            ::metrics::describe_histogram!(name, ::metrics::Unit::Seconds, text);
        }
    }
}

#[cfg(not(feature = "metrics"))]
pub(super) use nothing::{Counter, Gauge, Histogram, counter, describe, gauge, histogram};

#[cfg(not(feature = "metrics"))]
mod nothing {
    use super::Label;
    use crate::observe::metrics::Kind;

    #[derive(Debug)]
    pub(crate) struct Counter;

    #[derive(Debug)]
    pub(crate) struct Gauge;

    #[derive(Debug)]
    pub(crate) struct Histogram;

    impl Counter {
        pub(crate) fn increment(&self, _: u64) {}
    }

    impl Gauge {
        pub(crate) fn increment(&self, _: f64) {}
        pub(crate) fn decrement(&self, _: f64) {}
        pub(crate) fn set(&self, _: f64) {}
    }

    impl Histogram {
        pub(crate) fn record(&self, _: f64) {}
    }

    pub(crate) fn counter(_: &'static str, _: &[Label]) -> Counter {
        Counter
    }

    pub(crate) fn gauge(_: &'static str, _: &[Label]) -> Gauge {
        Gauge
    }

    pub(crate) fn histogram(_: &'static str, _: &[Label]) -> Histogram {
        Histogram
    }

    pub(crate) fn describe(_: &'static str, _: Kind, _: &'static str) {}
}
