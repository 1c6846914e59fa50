//! One read, write or sync on its way, and what becomes of it after each answer of the kernel: done, to be
//! continued, or failed. The rules are the same whether a ring or a thread carries it; only `run` does I/O.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags};

use super::aligned::AlignedBuf;
use super::data_dir::OpenFile;
use super::disk::Outcome;

/// How often one transfer is tried again, whether the kernel was busy or did only a part of it.
const RETRIES_MAX: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write { durable: bool },
    Sync,
}

/// A transfer owns its buffer and a share of its file, so that neither can go away while the kernel uses it.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) file: Arc<OpenFile>,
    pub(super) kind: Kind,
    at: u64,
    /// Empty for a sync.
    buf: AlignedBuf,
    done: usize,
    retries: u8,
}

/// What to do with a transfer after an answer.
#[derive(Debug)]
pub(super) enum Step {
    /// Hand it to the kernel again: from the start if it was busy, else with the rest.
    Again(Transfer),
    Finished(io::Result<Outcome>),
}

impl Transfer {
    pub(super) fn new(file: Arc<OpenFile>, kind: Kind, at: u64, buf: AlignedBuf) -> Self {
        Self { file, kind, at, buf, done: 0, retries: 0 }
    }

    pub(super) fn sync(file: Arc<OpenFile>) -> Self {
        Self::new(file, Kind::Sync, 0, AlignedBuf::zeroed(0))
    }

    /// Where in the file the rest begins.
    pub(super) fn position(&self) -> u64 {
        self.at + self.done as u64
    }

    /// The bytes still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buf.as_slice()[self.done..]
    }

    /// The bytes still to be read.
    pub(super) fn rest_mut(&mut self) -> &mut [u8] {
        &mut self.buf.as_mut_slice()[self.done..]
    }

    /// Takes the kernel's answer: an error, or how many bytes it moved.
    pub(super) fn advance(mut self, answer: io::Result<usize>) -> Step {
        match answer {
            Err(error) if is_transient(&error) => self.again_or(error),
            Err(error) => Step::Finished(Err(error)),
            Ok(_) if self.kind == Kind::Sync => Step::Finished(Ok(Outcome::Done)),
            Ok(moved) => {
                self.done += moved;
                match self.rest().len() {
                    0 => Step::Finished(Ok(Outcome::Buf(self.buf))),
                    _ if moved == 0 => Step::Finished(Err(self.fell_short())),
                    _ => {
                        let error = self.fell_short();
                        self.again_or(error)
                    }
                }
            }
        }
    }

    fn again_or(mut self, error: io::Error) -> Step {
        if self.retries == RETRIES_MAX {
            return Step::Finished(Err(error));
        }
        self.retries += 1;
        Step::Again(self)
    }

    fn fell_short(&self) -> io::Error {
        match self.kind {
            Kind::Read => io::ErrorKind::UnexpectedEof.into(),
            Kind::Write { .. } | Kind::Sync => io::ErrorKind::WriteZero.into(),
        }
    }

    /// Carries it out on the calling thread.
    pub(super) fn run(mut self) -> io::Result<Outcome> {
        loop {
            let answer = self.attempt().map_err(io::Error::from);
            match self.advance(answer) {
                Step::Again(rest) => self = rest,
                Step::Finished(result) => return result,
            }
        }
    }

    fn attempt(&mut self) -> Result<usize, Errno> {
        let (file, at) = (Arc::clone(&self.file), self.position());
        match self.kind {
            Kind::Read => {
                let mut into = [IoSliceMut::new(self.rest_mut())];
                rustix::io::preadv(&file.fd, &mut into, at)
            }
            Kind::Write { durable: false } => rustix::io::pwrite(&file.fd, self.rest(), at),
            Kind::Write { durable: true } => write_durably(&file, self.rest(), at),
            Kind::Sync => rustix::fs::fdatasync(&file.fd).map(|()| 0),
        }
    }
}

/// One call where the kernel knows `RWF_DSYNC`, else a write and a flush.
fn write_durably(file: &OpenFile, bytes: &[u8], at: u64) -> Result<usize, Errno> {
    match rustix::io::pwritev2(&file.fd, &[IoSlice::new(bytes)], at, ReadWriteFlags::DSYNC) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let written = rustix::io::pwrite(&file.fd, bytes, at)?;
            rustix::fs::fdatasync(&file.fd)?;
            Ok(written)
        }
        answer => answer,
    }
}

/// Answers that say "not now". Everything else (a bad sector, a full disk) is final: trying a failed
/// flush again would report success for data the kernel has already given up.
fn is_transient(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::INTR | Errno::BUSY))
}

#[cfg(test)]
mod tests {
    use super::super::aligned::BLOCK;
    use super::*;

    fn transfer(kind: Kind) -> Transfer {
        Transfer::new(Arc::new(OpenFile::null()), kind, 4 * BLOCK as u64, AlignedBuf::zeroed(2 * BLOCK))
    }

    fn again(step: Step) -> Transfer {
        match step {
            Step::Again(rest) => rest,
            Step::Finished(result) => panic!("finished with {result:?}"),
        }
    }

    fn failure(step: Step) -> io::Error {
        match step {
            Step::Finished(Err(error)) => error,
            other => panic!("no failure but {other:?}"),
        }
    }

    const WRITE: Kind = Kind::Write { durable: true };

    #[test]
    fn a_whole_transfer_gives_its_buffer_back() {
        for kind in [Kind::Read, WRITE] {
            let step = transfer(kind).advance(Ok(2 * BLOCK));
            assert!(matches!(step, Step::Finished(Ok(Outcome::Buf(buf))) if buf.len() == 2 * BLOCK));
        }
    }

    #[test]
    fn a_part_is_continued_where_it_stopped() {
        let rest = again(transfer(WRITE).advance(Ok(BLOCK)));
        assert_eq!((rest.position(), rest.rest().len()), (5 * BLOCK as u64, BLOCK));
        assert!(matches!(rest.advance(Ok(BLOCK)), Step::Finished(Ok(_))));
    }

    #[test]
    fn no_progress_is_an_error_never_success() {
        assert_eq!(failure(transfer(WRITE).advance(Ok(0))).kind(), io::ErrorKind::WriteZero);
        assert_eq!(failure(transfer(Kind::Read).advance(Ok(0))).kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn crumbs_are_not_continued_for_ever() {
        let mut rest = transfer(WRITE);
        for _ in 0..RETRIES_MAX {
            rest = again(rest.advance(Ok(1)));
        }
        assert_eq!(failure(rest.advance(Ok(1))).kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_busy_kernel_is_asked_again_a_bounded_number_of_times() {
        for errno in [Errno::AGAIN, Errno::INTR, Errno::BUSY] {
            let mut rest = transfer(WRITE);
            for _ in 0..RETRIES_MAX {
                rest = again(rest.advance(Err(errno.into())));
            }
            let error = failure(rest.advance(Err(errno.into())));
            assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
        }
    }

    #[test]
    fn real_failures_are_final() {
        for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::CANCELED] {
            for kind in [Kind::Read, WRITE, Kind::Sync] {
                let error = failure(transfer(kind).advance(Err(errno.into())));
                assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
            }
        }
    }
}
