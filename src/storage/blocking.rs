//! Disk operations one at a time, each waited for: what opening a data directory does.

use std::io;

use bytes::Bytes;

use crate::platform::{AlignedBuf, Disk, FileId, Op, Outcome, Token};

/// One operation from start to end.
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

/// Creates a file.
pub(super) fn create(disk: &mut dyn Disk, op: Op) -> io::Result<FileId> {
    match run(disk, op)? {
        Outcome::Created(file) => Ok(file),
        _ => Err(io::Error::other("a create answers with its file")),
    }
}

/// Reads `len` bytes at `at`, both whole blocks.
pub fn read(disk: &mut dyn Disk, file: FileId, at: u64, len: usize) -> io::Result<Bytes> {
    match run(disk, Op::Read { file, at, buf: AlignedBuf::zeroed(len) })? {
        Outcome::Buf(buf) => Ok(buf.into_bytes()),
        _ => Err(io::Error::other("a read answers with its buffer")),
    }
}

/// Writes over `len` bytes at `at` what stands there, durably: what was read may not have been.
pub(super) fn make_durable(disk: &mut dyn Disk, file: FileId, at: u64, len: usize) -> io::Result<()> {
    match run(disk, Op::Read { file, at, buf: AlignedBuf::zeroed(len) })? {
        Outcome::Buf(buf) => run(disk, Op::Write { file, at, buf, durable: true }).map(drop),
        _ => Err(io::Error::other("a read answers with its buffer")),
    }
}
