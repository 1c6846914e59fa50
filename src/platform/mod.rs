//! The outside world behind seams: clock, entropy and disk. The only room that touches the operating
//! system's clock, files and rings; everything above can run against a simulation.

mod aligned;
mod disk;

pub use aligned::{AlignedBuf, BLOCK};
pub use disk::{Completion, Disk, Entry, FileId, Op, Outcome, Preallocation, Token};
