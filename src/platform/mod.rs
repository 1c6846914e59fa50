//! The outside world behind seams: clock, entropy and disk. The only room that touches the operating
//! system's clock, files and rings; everything above can run against a simulation.

mod aligned;
mod blocks;
mod clock;
#[cfg(test)]
mod contract;
mod data_dir;
mod descriptors;
mod disk;
mod host;
mod job;
mod process;
pub mod random;
mod readiness;
mod ring_disk;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
mod threads;
mod transfer;
mod uring;
#[cfg(test)]
mod uring_tests;
mod watched;
mod workers;

pub use aligned::{AlignedBuf, BLOCK};
pub use clock::Clock;
#[cfg(any(test, feature = "sim"))]
pub use clock::SimulatedTime;
pub use descriptors::raise_descriptor_limit;
pub use disk::{Completion, Disk, Entry, FileId, Op, Outcome, Preallocation, Token};
pub use host::{Backend, open, open_read_only, open_ring};
pub use process::{ProcessFigures, free_bytes, process_figures};
pub use readiness::Readiness;
pub use ring_disk::RingDisk;
pub use uring::{SendBatch, TaskRun};
pub use watched::Watched;
