//! What is measured: every metric by name, unit and help, and the exporter that renders them.

mod exporter;
pub mod names;

pub use exporter::Exporter;
