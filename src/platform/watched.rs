//! A disk that tells how much has been read from it: for what reads long enough that somebody wants to know
//! how far it has come.

use std::io;
use std::os::fd::BorrowedFd;

use super::disk::{Completion, Disk, Entry, FileId, Op, Outcome, Token};

/// Another disk, and who is told the bytes read so far after each read.
pub struct Watched<'a> {
    disk: &'a mut dyn Disk,
    told: &'a mut dyn FnMut(u64),
    read_bytes: u64,
}

impl<'a> Watched<'a> {
    /// Watches a disk.
    pub fn new(disk: &'a mut dyn Disk, told: &'a mut dyn FnMut(u64)) -> Self {
        Self { disk, told, read_bytes: 0 }
    }
}

impl Disk for Watched<'_> {
    fn alignment(&self) -> usize {
        self.disk.alignment()
    }

    fn list(&mut self, dir: &str) -> io::Result<Vec<Entry>> {
        self.disk.list(dir)
    }

    fn open(&mut self, path: &str) -> io::Result<(FileId, u64)> {
        self.disk.open(path)
    }

    fn close(&mut self, file: FileId) {
        self.disk.close(file);
    }

    fn submit(&mut self, token: Token, op: Op) {
        if let Op::Read { buf, .. } = &op {
            self.read_bytes += buf.len() as u64;
        }
        self.disk.submit(token, op);
    }

    fn kick(&mut self) {
        self.disk.kick();
    }

    fn reap(&mut self, out: &mut Vec<Completion>) {
        let before = out.len();
        self.disk.reap(out);
        if out[before..].iter().any(|completion| matches!(completion.result, Ok(Outcome::Buf(_)))) {
            (self.told)(self.read_bytes);
        }
    }

    fn wait(&mut self) {
        self.disk.wait();
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.disk.readiness()
    }

    fn name(&self) -> &'static str {
        self.disk.name()
    }
}
