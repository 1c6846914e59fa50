//! The simulated disk's names, open files and operations in flight. Nothing takes effect before it completes,
//! except when the power goes: then what was in flight may have happened, in part or whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use fastrand::Rng;

use super::super::data_dir::check;
use super::super::disk::{Completion, Entry, FileId, Op, Outcome, Token};
use super::super::job::{aligned, check_range, not_open};
use super::Fault;
use super::file::{SimFile, Snapshot};

/// Identity of a file's contents, which outlives its name while it is open.
type Inode = u64;

#[derive(Debug)]
struct Operation {
    token: Token,
    op: Op,
    fault: Option<Fault>,
    /// Fixed at submission: a file may be closed before its operations end.
    inode: Option<Inode>,
    /// For a sync: what it covers.
    snapshot: Snapshot,
}

#[derive(Debug, Default)]
pub(super) struct State {
    rng: Rng,
    names: BTreeMap<String, Inode>,
    files: BTreeMap<Inode, SimFile>,
    open: BTreeMap<FileId, Inode>,
    next_inode: Inode,
    next_file: u32,
    queued: VecDeque<Operation>,
    started: Vec<Operation>,
    finished: Vec<Completion>,
    submitted: u64,
    faults: BTreeMap<u64, Fault>,
    full: bool,
    crashed: bool,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), ..Self::default() }
    }

    // What tests do to it.

    pub(super) fn plan_fault(&mut self, n: u64, fault: Fault) {
        assert!(n > 0, "the next operation is the first");
        self.faults.insert(self.submitted + n, fault);
    }

    pub(super) fn operations(&self) -> u64 {
        self.submitted
    }

    pub(super) fn in_flight(&self) -> usize {
        self.queued.len() + self.started.len() + self.finished.len()
    }

    pub(super) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    pub(super) fn contents(&self, path: &str) -> Option<Vec<u8>> {
        self.names.get(path).map(|inode| self.files[inode].visible().to_vec())
    }

    pub(super) fn flip_bits(&mut self, path: &str, at: usize, mask: u8) {
        let inode = self.names.get(path).expect("the test names a file that is there");
        self.files.get_mut(inode).expect("every name has a file").flip_bits(at, mask);
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// What is left after a power cut.
    pub(super) fn crash(&mut self) -> Self {
        let mut in_flight: Vec<_> = std::mem::take(&mut self.started);
        self.rng.shuffle(&mut in_flight);
        in_flight.into_iter().for_each(|operation| self.interrupt(operation));
        self.queued.clear();
        self.finished.clear();
        self.crashed = true;
        self.open.clear();
        self.drop_unreachable();
        self.files.values_mut().for_each(|file| file.crash(&mut self.rng));
        Self {
            rng: self.rng.fork(),
            names: std::mem::take(&mut self.names),
            files: std::mem::take(&mut self.files),
            next_inode: self.next_inode,
            ..Self::default()
        }
    }

    /// Frees files that have neither a name nor a user.
    fn drop_unreachable(&mut self) {
        let in_use = self.started.iter().chain(&self.queued).filter_map(|operation| operation.inode);
        let reachable: BTreeSet<Inode> =
            in_use.chain(self.names.values().copied()).chain(self.open.values().copied()).collect();
        self.files.retain(|inode, _| reachable.contains(inode));
    }

    /// Lets an operation that never completed leave its traces, or none.
    fn interrupt(&mut self, operation: Operation) {
        match operation.op {
            Op::Write { at, buf, .. } => {
                if let Some(file) = operation.inode.and_then(|inode| self.files.get_mut(&inode)) {
                    file.interrupted(position(at), buf.as_slice(), &mut self.rng);
                }
            }
            Op::Create { path, bytes, .. } if self.rng.bool() => drop(self.create(path, bytes)),
            Op::Remove { path } if self.rng.bool() => drop(self.names.remove(&path)),
            Op::Create { .. } | Op::Remove { .. } | Op::Read { .. } | Op::Sync { .. } => {}
        }
    }

    // The disk's own face; see the trait.

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<Entry>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        if !dir.is_empty() {
            check(dir)?;
        }
        let mut entries = BTreeMap::new();
        for (path, inode) in &self.names {
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            let entry = match rest.split_once('/') {
                Some((name, _)) => Entry { name: name.to_owned(), is_dir: true, bytes: 0 },
                None => Entry { name: rest.to_owned(), is_dir: false, bytes: self.files[inode].len() as u64 },
            };
            entries.insert(entry.name.clone(), entry);
        }
        Ok(entries.into_values().collect())
    }

    pub(super) fn open(&mut self, path: &str) -> io::Result<(FileId, u64)> {
        check(path)?;
        let inode = *self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((self.opened(inode), self.files[&inode].len() as u64))
    }

    pub(super) fn close(&mut self, file: FileId) {
        self.open.remove(&file);
        self.drop_unreachable();
    }

    pub(super) fn submit(&mut self, token: Token, op: Op) {
        self.submitted += 1;
        let fault = self.faults.remove(&self.submitted);
        let inode = match &op {
            Op::Write { file, .. } | Op::Read { file, .. } | Op::Sync { file } => {
                self.open.get(file).copied()
            }
            Op::Create { .. } | Op::Remove { .. } => None,
        };
        let snapshot = match (&op, inode) {
            (Op::Sync { .. }, Some(inode)) => self.files[&inode].snapshot(),
            _ => Snapshot::new(),
        };
        if !self.crashed {
            self.queued.push_back(Operation { token, op, fault, inode, snapshot });
        }
    }

    pub(super) fn kick(&mut self) {
        self.started.extend(self.queued.drain(..));
    }

    /// Completes any of what was started.
    pub(super) fn reap(&mut self, out: &mut Vec<Completion>) {
        let mut candidates = std::mem::take(&mut self.started);
        self.rng.shuffle(&mut candidates);
        for operation in candidates {
            if self.rng.bool() { self.finish(operation) } else { self.started.push(operation) }
        }
        out.append(&mut self.finished);
    }

    /// Completes one of what was started, if nothing has completed already.
    pub(super) fn wait(&mut self) {
        self.kick();
        if self.finished.is_empty() && !self.started.is_empty() {
            let chosen = self.rng.usize(..self.started.len());
            let operation = self.started.swap_remove(chosen);
            self.finish(operation);
        }
    }

    fn finish(&mut self, operation: Operation) {
        let token = operation.token;
        let result = match operation.fault {
            Some(fault) => Err(self.fail(operation, fault)),
            None => self.carry_out(operation),
        };
        self.finished.push(Completion { token, result });
    }

    fn carry_out(&mut self, operation: Operation) -> io::Result<Outcome> {
        match operation.op {
            Op::Create { path, bytes, .. } => {
                let inode = self.create(path, bytes)?;
                Ok(Outcome::Created(self.opened(inode)))
            }
            Op::Remove { path } => {
                check(&path)?;
                self.names.remove(&path);
                self.drop_unreachable();
                Ok(Outcome::Done)
            }
            Op::Write { at, buf, durable, .. } => {
                let file = self.file(operation.inode)?;
                check_range(false, at, buf.len(), file.len() as u64)?;
                file.write(position(at), buf.as_slice(), durable);
                Ok(Outcome::Buf(buf))
            }
            Op::Read { at, mut buf, .. } => {
                let file = self.file(operation.inode)?;
                check_range(true, at, buf.len(), file.len() as u64)?;
                file.read(position(at), buf.as_mut_slice());
                Ok(Outcome::Buf(buf))
            }
            Op::Sync { .. } => {
                self.file(operation.inode)?.synced(&operation.snapshot);
                Ok(Outcome::Done)
            }
        }
    }

    /// Leaves what a failure may leave, and says how it failed.
    fn fail(&mut self, operation: Operation, fault: Fault) -> io::Error {
        let file = operation.inode.and_then(|inode| self.files.get_mut(&inode));
        let short = match (&operation.op, file) {
            (Op::Write { at, buf, .. }, Some(file)) => {
                if check_range(false, *at, buf.len(), file.len() as u64).is_ok() {
                    file.write_torn(position(*at), buf.as_slice(), &mut self.rng);
                }
                io::ErrorKind::WriteZero
            }
            (Op::Sync { .. }, Some(file)) => {
                file.sync_failed(&operation.snapshot);
                io::ErrorKind::Other
            }
            (Op::Read { .. }, _) => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::Other,
        };
        match fault {
            Fault::Errno(errno) => io::Error::from_raw_os_error(errno),
            Fault::Kind(kind) => kind.into(),
            Fault::Short => short.into(),
        }
    }

    fn create(&mut self, path: String, bytes: u64) -> io::Result<Inode> {
        check(&path)?;
        aligned(bytes)?;
        if self.names.contains_key(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.files.insert(inode, SimFile::zeroed(position(bytes)));
        self.names.insert(path, inode);
        Ok(inode)
    }

    fn opened(&mut self, inode: Inode) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.open.insert(id, inode);
        id
    }

    fn file(&mut self, inode: Option<Inode>) -> io::Result<&mut SimFile> {
        inode.and_then(|inode| self.files.get_mut(&inode)).ok_or_else(not_open)
    }
}

fn position(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a simulated file fits in memory")
}
