//! Looking at a data directory while no server uses it: is it sound, and what is in it? Reads only, in
//! blocks, whatever the size; believes what recovery would believe, but changes and repairs nothing.

mod check;
mod damage;
mod dump;
mod journal;
mod names;
mod segment;
mod selection;
mod text;
mod visit;
mod walk;
mod window;

use std::io;
use std::path::Path;

use crate::platform::{Disk, open_read_only};

pub use check::{Report, check};
pub use damage::Damage;
pub use dump::{Form, dump};
pub use selection::Selection;

/// Opens the directory to look at; refuses one that a server holds.
pub fn open(dir: &Path) -> io::Result<Box<dyn Disk>> {
    open_read_only(dir)
}

/// Bytes of all files a look goes through.
pub fn bytes_of(disk: &mut dyn Disk) -> u64 {
    // What cannot be listed is told when it is to be read.
    let mut of = |dir| disk.list(dir).unwrap_or_default().iter().map(|entry| entry.bytes).sum::<u64>();
    of("journal") + of("segments")
}
