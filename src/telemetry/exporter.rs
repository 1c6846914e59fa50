//! The Prometheus recorder: installed once per process, rendered on demand.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::names;

/// Renders everything recorded so far. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Exporter(PrometheusHandle);

impl Exporter {
    /// Installs the process-wide recorder with its buckets and help texts.
    pub fn install() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &names::LATENCY_BUCKETS_SECS)?
            .set_buckets_for_metric(Matcher::Full(names::COMMIT_RECORDS.into()), &names::COUNT_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(names::COMMIT_BYTES.into()), &names::BYTE_BUCKETS)?
            .install_recorder()?;
        names::describe();
        Ok(Self(handle))
    }

    /// The text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds buffered samples into the histograms; to be called every few seconds.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}
