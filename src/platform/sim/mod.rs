//! A disk in memory that behaves as badly as a real one may: operations end in any order, unsynced sectors
//! and names are lost or kept at random when the power goes, faults strike where a test plans them. The same
//! seed and the same calls give the same run.

mod effect;
mod file;
mod state;

use std::cell::RefCell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use super::aligned::BLOCK;
use super::disk::{Completion, Disk, Entry, FileId, Op, Token};
use state::State;

/// Bytes that survive or vanish together when the power goes.
pub const SECTOR: usize = 512;

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this `errno`. Of a failed write any sectors may have arrived; what a failed sync covered
    /// is never durable by a later one.
    Errno(i32),
    /// It fails with an error of this kind, otherwise likewise.
    Kind(io::ErrorKind),
    /// A write stops half-way and fails with [`io::ErrorKind::WriteZero`]; a read fails with
    /// [`io::ErrorKind::UnexpectedEof`]. On other operations like [`io::ErrorKind::Other`].
    Short,
}

/// The simulated disk. See the module's words.
#[derive(Debug)]
pub struct SimDisk {
    state: Rc<RefCell<State>>,
}

/// A test's hand on a [`SimDisk`] that something else owns.
#[derive(Clone, Debug)]
pub struct SimHandle {
    state: Rc<RefCell<State>>,
}

impl SimDisk {
    /// An empty disk whose moods follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Rc::new(RefCell::new(State::new(seed))) }
    }

    /// A handle on this disk.
    pub fn handle(&self) -> SimHandle {
        SimHandle { state: Rc::clone(&self.state) }
    }
}

impl SimHandle {
    /// Cuts the power and starts again: a new disk with what survived. Nothing in flight on the old one ever
    /// completes, whoever still holds it.
    pub fn crash(&self) -> SimDisk {
        SimDisk { state: Rc::new(RefCell::new(self.state.borrow_mut().crash())) }
    }

    /// Ends the process but not the power, and starts again: what was kicked completes, what was only queued
    /// never happens, and what was written but is not durable is still there to be read.
    pub fn restart(&self) -> SimDisk {
        SimDisk { state: Rc::new(RefCell::new(self.state.borrow_mut().restart())) }
    }

    /// Plans a fault for the `n`-th operation submitted from now on; the next one is the first.
    pub fn fail_nth(&self, n: u64, fault: Fault) {
        self.state.borrow_mut().plan_fault(n, fault);
    }

    /// Forgets every fault planned.
    pub fn forget_faults(&self) {
        self.state.borrow_mut().forget_faults();
    }

    /// Operations submitted so far: the bound of a loop that fails each in turn.
    pub fn operations(&self) -> u64 {
        self.state.borrow().operations()
    }

    /// Operations submitted and not yet completed.
    pub fn in_flight(&self) -> usize {
        self.state.borrow().in_flight()
    }

    /// The disk as it is, without this process: to try several ends of one story.
    pub fn copy(&self, seed: u64) -> SimDisk {
        SimDisk { state: Rc::new(RefCell::new(self.state.borrow().copy(seed))) }
    }

    /// Fills the disk up after `n` more operations, see [`Self::set_full`].
    pub fn fill_up_after(&self, n: u64) {
        self.state.borrow_mut().fill_up_after(n);
    }

    /// Loses a file, as a broken file system might. Panics if there is no such file.
    pub fn lose(&self, path: &str) {
        self.state.borrow_mut().lose(path);
    }

    /// Puts bytes where they do not belong, as a misdirected write would: durably and unnoticed.
    pub fn overwrite(&self, path: &str, at: usize, bytes: &[u8]) {
        self.state.borrow_mut().overwrite(path, at, bytes);
    }

    /// While set, creating a file fails for want of space. Writes go on: their blocks are set aside.
    pub fn set_full(&self, full: bool) {
        self.state.borrow_mut().set_full(full);
    }

    /// Whether the disk is full now.
    pub fn is_full(&self) -> bool {
        self.state.borrow().full
    }

    /// What a reader would see of a file; none if there is no such file.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        self.state.borrow().contents(path)
    }

    /// Inverts the bits of `mask` in one byte, as decaying media would: durably and unnoticed. Panics if
    /// there is no such byte.
    pub fn flip_bits(&self, path: &str, at: usize, mask: u8) {
        self.state.borrow_mut().flip_bits(path, at, mask);
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> Vec<String> {
        self.state.borrow().paths()
    }
}

impl Disk for SimDisk {
    fn alignment(&self) -> usize {
        BLOCK
    }

    fn list(&mut self, dir: &str) -> io::Result<Vec<Entry>> {
        self.state.borrow_mut().list(dir)
    }

    fn open(&mut self, path: &str) -> io::Result<(FileId, u64)> {
        self.state.borrow_mut().open(path)
    }

    fn close(&mut self, file: FileId) {
        self.state.borrow_mut().close(file);
    }

    fn submit(&mut self, token: Token, op: Op) {
        self.state.borrow_mut().submit(token, op);
    }

    fn kick(&mut self) {
        self.state.borrow_mut().kick();
    }

    fn reap(&mut self, out: &mut Vec<Completion>) {
        self.state.borrow_mut().reap(out);
    }

    fn wait(&mut self) {
        self.state.borrow_mut().wait();
    }

    /// Nothing outside this process could tell: a simulation steps the disk itself.
    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn name(&self) -> &'static str {
        "simulated"
    }
}

#[cfg(test)]
mod tests;
