//! The process-wide recorder, and what is read of it: the Prometheus text format, or single families.

use std::sync::{Arc, OnceLock};

use metrics::{counter, gauge};
use thiserror::Error;

use super::exposition;
use super::names;
use super::registry::{Reading, Registry, Series};

/// The registry of this process, once installed.
static INSTALLED: OnceLock<Arc<Registry>> = OnceLock::new();

/// Metrics are a process's own: there is one recorder.
#[derive(Clone, Copy, Debug, Error)]
#[error("this process has a metrics recorder already")]
pub struct AlreadyInstalled;

/// Reads everything recorded so far. Cheap to clone, usable from any thread: the data path is not asked.
#[derive(Clone)]
pub struct Exporter(Arc<Registry>);

impl Exporter {
    /// Installs the process-wide recorder with all names.
    pub fn install() -> Result<Self, AlreadyInstalled> {
        let registry = Arc::new(Registry::default());
        metrics::set_global_recorder(Arc::clone(&registry)).map_err(|_| AlreadyInstalled)?;
        INSTALLED.get_or_init(|| Arc::clone(&registry));
        names::describe();
        names::begin();
        Ok(Self(registry))
    }

    /// One that nothing is recorded into.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        Self(Arc::default())
    }

    /// The text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        let (size, refused) = self.0.size();
        gauge!(names::SERIES).set(size as f64);
        counter!(names::SERIES_REFUSED).absolute(refused);
        exposition::render(&self.0.families())
    }

    /// Lets go of series whose stream, consumer or shard went some minutes ago; to be called every
    /// [`crate::limits::SERIES_SWEEP`].
    pub fn sweep(&self) {
        self.0.sweep();
    }

    /// What `map` makes of each series of a family; the registry is locked meanwhile.
    pub fn read<T>(&self, name: &str, map: impl Fn(SeriesView<'_>) -> T) -> Vec<T> {
        let families = self.0.families();
        let series = families.get(name).into_iter().flat_map(|family| family.series.values());
        series.map(|series| map(SeriesView(series))).collect()
    }
}

/// One series, as it is read.
pub struct SeriesView<'a>(&'a Series);

impl SeriesView<'_> {
    /// A label's value; empty without that label.
    pub fn label(&self, name: &str) -> &str {
        self.0.label(name).unwrap_or_default()
    }

    /// Its value now.
    pub fn reading(&self) -> Reading {
        self.0.read()
    }
}

/// The labels of what can go away. When it is dropped, all series that have these labels are retired.
#[derive(Debug)]
pub struct Scope(Vec<(&'static str, String)>);

impl Scope {
    /// Of what is known by these labels.
    pub fn new<const N: usize>(labels: [(&'static str, &str); N]) -> Self {
        Self(labels.map(|(name, value)| (name, value.to_owned())).into())
    }

    /// The labels, for the series within.
    pub fn labels(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(registry) = INSTALLED.get() {
            registry.retire(&self.0);
        }
    }
}
