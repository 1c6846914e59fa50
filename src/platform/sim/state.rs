//! The simulated disk's names, open files and operations in flight. Nothing takes effect before it completes,
//! except when the power goes: then what was in flight may have happened, in part or whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use fastrand::Rng;

use super::super::data_dir::check;
use super::super::disk::{Completion, Entry, FileId, Op, Token};
use super::super::job::not_open;
use super::Fault;
use super::file::{SimFile, Snapshot};

/// Identity of a file's contents, which outlives its name while it is open.
pub(super) type Inode = u64;

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) token: Token,
    pub(super) op: Op,
    pub(super) fault: Option<Fault>,
    /// Fixed at submission: a file may be closed before its operations end.
    pub(super) inode: Option<Inode>,
    /// For a sync: what it covers.
    pub(super) snapshot: Snapshot,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) names: BTreeMap<String, Inode>,
    /// Names whose directory was not synced since they changed, and what stable storage holds of them: a
    /// power cut may bring that back.
    unsettled: BTreeMap<String, Option<Inode>>,
    pub(super) files: BTreeMap<Inode, SimFile>,
    open: BTreeMap<FileId, Inode>,
    pub(super) next_inode: Inode,
    next_file: u32,
    queued: VecDeque<Operation>,
    started: Vec<Operation>,
    pub(super) finished: Vec<Completion>,
    submitted: u64,
    faults: BTreeMap<u64, Fault>,
    pub(super) full: bool,
    /// Operations after which the disk is full.
    full_after: Option<u64>,
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

    pub(super) fn forget_faults(&mut self) {
        self.faults.clear();
    }

    pub(super) fn operations(&self) -> u64 {
        self.submitted
    }

    pub(super) fn in_flight(&self) -> usize {
        self.queued.len() + self.started.len() + self.finished.len()
    }

    pub(super) fn set_full(&mut self, full: bool) {
        self.full = full;
        self.full_after = None;
    }

    pub(super) fn fill_up_after(&mut self, n: u64) {
        self.full_after = Some(self.submitted + n);
    }

    /// What the next process would meet if this one ended now, everything else as it is.
    pub(super) fn copy(&self, seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            names: self.names.clone(),
            unsettled: self.unsettled.clone(),
            files: self.files.clone(),
            next_inode: self.next_inode,
            ..Self::default()
        }
    }

    pub(super) fn lose(&mut self, path: &str) {
        self.names.remove(path).expect("the test names a file that is there");
        self.unsettled.remove(path);
    }

    pub(super) fn overwrite(&mut self, path: &str, at: usize, bytes: &[u8]) {
        let inode = self.names.get(path).expect("the test names a file that is there");
        self.files.get_mut(inode).expect("every name has a file").overwrite(at, bytes);
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
        self.lose_unsettled_names();
        self.drop_unreachable();
        self.files.values_mut().for_each(|file| file.crash(&mut self.rng));
        self.pass_on()
    }

    /// What the next process meets when this one ends.
    pub(super) fn restart(&mut self) -> Self {
        self.rng.shuffle(&mut self.started);
        while let Some(operation) = self.started.pop() {
            // The process may end between a change of a directory and the directory's sync.
            if self.rng.bool() { self.finish(operation) } else { self.break_off(operation) }
        }
        self.queued.clear();
        self.finished.clear();
        self.crashed = true;
        self.open.clear();
        self.drop_unreachable();
        self.pass_on()
    }

    fn pass_on(&mut self) -> Self {
        Self {
            rng: self.rng.fork(),
            names: std::mem::take(&mut self.names),
            unsettled: std::mem::take(&mut self.unsettled),
            files: std::mem::take(&mut self.files),
            next_inode: self.next_inode,
            full: self.full,
            ..Self::default()
        }
    }

    /// Frees files that have neither a name nor a user.
    pub(super) fn drop_unreachable(&mut self) {
        let in_use = self.started.iter().chain(&self.queued).filter_map(|operation| operation.inode);
        let reachable = in_use.chain(self.names.values().copied()).chain(self.open.values().copied());
        let reachable: BTreeSet<Inode> =
            reachable.chain(self.unsettled.values().copied().flatten()).collect();
        self.files.retain(|inode, _| reachable.contains(inode));
    }

    /// Notes that `path` changed from what it is now, its directory not being synced yet.
    pub(super) fn unsettle(&mut self, path: &str) {
        let before = self.names.get(path).copied();
        self.unsettled.entry(path.to_owned()).or_insert(before);
    }

    /// A sync of the directory `dir`.
    pub(super) fn settle(&mut self, dir: &str) {
        self.unsettled.retain(|path, _| parent(path) != dir);
    }

    fn lose_unsettled_names(&mut self) {
        for (path, before) in std::mem::take(&mut self.unsettled) {
            if self.rng.bool() {
                continue;
            }
            match before {
                Some(inode) => drop(self.names.insert(path, inode)),
                None => drop(self.names.remove(&path)),
            }
        }
    }

    // The disk's own face; see the trait.

    pub(super) fn list(&mut self, dir: &str) -> io::Result<Vec<Entry>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        if !dir.is_empty() {
            check(dir)?;
        }
        self.settle(dir);
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
        self.full |= self.full_after.is_some_and(|after| self.submitted > after);
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
        self.rng.shuffle(&mut self.started);
        let mut next = 0;
        while next < self.started.len() {
            if self.rng.bool() {
                // The rest stays where it is: an operation in flight keeps its file from going.
                let operation = self.started.remove(next);
                self.finish(operation);
            } else {
                next += 1;
            }
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

    pub(super) fn opened(&mut self, inode: Inode) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.open.insert(id, inode);
        id
    }

    pub(super) fn file(&mut self, inode: Option<Inode>) -> io::Result<&mut SimFile> {
        inode.and_then(|inode| self.files.get_mut(&inode)).ok_or_else(not_open)
    }
}

/// The directory a path is in.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
