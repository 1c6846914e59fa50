//! One disk operation from start to end: for opening a data directory and for the offline tools, where
//! nothing else is going on.

use std::io;

use bytes::Bytes;

use crate::platform::{AlignedBuf, Disk, FileId, Op, Outcome, Token};

/// Carries out one operation. The disk has nothing else in flight.
pub(super) fn run(disk: &mut dyn Disk, op: Op) -> io::Result<Outcome> {
    disk.submit(Token(u64::MAX), op);
    disk.kick();
    let mut done = Vec::new();
    loop {
        disk.wait();
        disk.reap(&mut done);
        if let Some(completion) = done.pop() {
            return completion.result;
        }
    }
}

/// Creates a file and leaves it open.
pub(super) fn create(disk: &mut dyn Disk, op: Op) -> io::Result<FileId> {
    match run(disk, op)? {
        Outcome::Created(file) => Ok(file),
        _ => Err(io::Error::other("a create answers with its file")),
    }
}

/// Reads `len` bytes at `at`, both multiples of the block size.
pub(super) fn read(disk: &mut dyn Disk, file: FileId, at: u64, len: usize) -> io::Result<Bytes> {
    match run(disk, Op::Read { file, at, buf: AlignedBuf::zeroed(len) })? {
        Outcome::Buf(buf) => Ok(buf.into_bytes()),
        _ => Err(io::Error::other("a read answers with its buffer")),
    }
}
