//! What is measured: every metric by name, unit and help, the registry that holds their series, and the
//! exporter that reads them.

mod distribution;
mod exporter;
mod exposition;
pub mod names;
mod registry;
pub mod spans;
mod traffic;

pub use distribution::Counts;
pub use exporter::{AlreadyInstalled, Exporter, Scope, SeriesView};
pub use registry::Reading;
pub use traffic::{ShardTraffic, add};
