//! What a simulated operation does when it completes, when it fails as planned, and when the power goes
//! before.

use std::io;

use super::super::data_dir::check;
use super::super::disk::{Completion, Op, Outcome};
use super::super::job::{aligned, check_range};
use super::Fault;
use super::file::SimFile;
use super::state::{Inode, Operation, State, parent};

impl State {
    /// Completes an operation.
    pub(super) fn finish(&mut self, operation: Operation) {
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
                let dir = parent(&path).to_owned();
                let inode = self.create(path, bytes)?;
                self.settle(&dir);
                Ok(Outcome::Created(self.opened(inode)))
            }
            Op::Remove { path } => {
                check(&path)?;
                self.names.remove(&path);
                self.settle(parent(&path));
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
        if self.rng.bool() {
            self.change_names_only(&operation.op);
        }
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

    /// All goes well up to the sync of the directory: the file is there, or gone, though nobody was told, and
    /// nobody knows for how long.
    fn change_names_only(&mut self, op: &Op) {
        match op {
            Op::Create { path, bytes, .. } => {
                let was_there = self.names.contains_key(path);
                if !was_there {
                    self.unsettle(path);
                    let _ = self.create(path.clone(), *bytes);
                }
            }
            Op::Remove { path } => {
                self.unsettle(path);
                self.names.remove(path);
            }
            Op::Write { .. } | Op::Read { .. } | Op::Sync { .. } => {}
        }
    }

    /// An operation under way when its process ended: what the kernel had been given completes, a helper
    /// thread's further steps are never taken.
    pub(super) fn break_off(&mut self, operation: Operation) {
        match operation.op {
            Op::Create { .. } | Op::Remove { .. } if operation.fault.is_none() => {
                self.change_names_only(&operation.op);
            }
            _ => self.finish(operation),
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

    /// Lets an operation that never completed leave its traces, or none.
    pub(super) fn interrupt(&mut self, operation: Operation) {
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
}

fn position(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a simulated file fits in memory")
}
