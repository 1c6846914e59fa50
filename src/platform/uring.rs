//! The ring, and the one place with `unsafe` code. A [`Ring`] owns every transfer in flight from the moment
//! the kernel learns of its buffer until the kernel's answer arrives, and gives both back together. Which
//! operations go where, and what an answer means, is decided by its user, [`super::ring_disk`].
//!
//! Three facts carry the safety of this file:
//! 1. a slot's transfer is neither touched nor moved out between `push` and the completion of that slot;
//! 2. its buffer is heap memory, so moving the slots (or the ring) does not move the bytes;
//! 3. dropping the ring waits for what is in flight, and if it cannot, leaks the memory rather than free it.

// The submission queue takes raw pointers and tokio raw descriptors; neither has a safe interface.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, Probe, opcode, types};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::disk::Token;
use super::transfer::{Kind, Transfer};

/// Submission entries: one for each slot and one for the bell, so the queue can never be full.
const SUBMISSION_ENTRIES: u32 = 256;
/// Completion entries. With twice as many as can be in flight the queue can never overflow either.
const COMPLETION_ENTRIES: u32 = 2 * SUBMISSION_ENTRIES;
/// Transfers in flight.
const SLOTS: usize = SUBMISSION_ENTRIES as usize - 1;
/// How often one submission is tried again when the kernel is busy or interrupted.
const SUBMIT_RETRIES_MAX: usize = 8;
/// How often drop waits; each wait that succeeds takes at least one completion.
const DRAIN_WAITS_MAX: usize = 4 * SUBMISSION_ENTRIES as usize;
/// Marks the completion of the poll on the bell.
const BELL: u64 = u64::MAX;
/// Priority of reads: best effort, the lowest level. Writes keep that of the process, so where the block
/// layer orders by priority a commit goes before whoever catches up.
const READ_PRIORITY: u16 = (2 << 13) | 7;
/// `RWF_DSYNC` as a submission carries it: the completion promises the bytes are on stable storage.
const DURABLE: i32 = 2;

/// When the kernel may run the code that posts a completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskRun {
    /// At once, interrupting the thread that owns the ring.
    Interrupting,
    /// When that thread next enters the kernel for any reason: no interruption, and a thread asleep in
    /// `epoll_wait` wakes just as fast.
    #[default]
    Cooperative,
    /// Only when that thread enters the ring to look for completions. Nothing polls readable before (the
    /// ring's descriptor stayed silent on Linux 6.18), so this needs an eventfd: for comparison, not for use.
    Deferred,
}

/// What [`Ring::next`] found.
pub(super) enum Event {
    /// A transfer came back with the kernel's answer.
    Answered(Token, Transfer, io::Result<usize>),
    /// The descriptor being watched is readable; it is no longer watched.
    Bell,
}

struct InFlight {
    token: Token,
    transfer: Transfer,
}

/// A ring and the transfers it owns.
pub(super) struct Ring {
    ring: IoUring,
    slots: Vec<Option<InFlight>>,
    free: Vec<usize>,
}

impl Ring {
    /// Fails where the kernel has no ring for us, or one without the operations we need.
    pub(super) fn new(task_run: TaskRun) -> io::Result<Self> {
        let ring = match build(task_run) {
            // Older kernels know neither flag; the ring works without.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => build(TaskRun::Interrupting),
            ring => ring,
        }?;
        check_operations(&ring)?;
        let slots = std::iter::repeat_with(|| None).take(SLOTS).collect();
        Ok(Self { ring, slots, free: (0..SLOTS).rev().collect() })
    }

    /// Polls readable while a completion waits.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the ring keeps its descriptor open for as long as it lives, and the borrow is shorter.
        unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) }
    }

    /// Has the kernel count completions in `fd` as well.
    pub(super) fn register_eventfd(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.submitter().register_eventfd(fd.as_raw_fd())
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    fn in_flight(&self) -> usize {
        SLOTS - self.free.len()
    }

    /// Queues a transfer; the caller has seen that there is room.
    pub(super) fn push(&mut self, token: Token, transfer: Transfer) {
        let slot = self.free.pop().expect("the caller checks for room");
        let in_flight = self.slots[slot].insert(InFlight { token, transfer });
        let entry = entry(&mut in_flight.transfer).user_data(slot as u64);
        // SAFETY: the entry points into the buffer of the transfer just stored in `slot` and names its
        // descriptor. Both stay there untouched until the completion of `slot` (facts 1 to 3 above).
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the submission queue has an entry for every slot");
    }

    /// Asks for one [`Event::Bell`] when `bell` becomes readable. At most one such request at a time.
    pub(super) fn watch(&mut self, bell: BorrowedFd<'_>) {
        const READABLE: u32 = rustix::event::PollFlags::IN.bits() as u32;
        let entry = opcode::PollAdd::new(types::Fd(bell.as_raw_fd()), READABLE).build().user_data(BELL);
        // SAFETY: the entry refers to no memory, and the kernel holds its own reference to the file.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the submission queue has an entry for the bell");
    }

    /// Whether the kernel has been handed everything pushed.
    pub(super) fn nothing_queued(&mut self) -> bool {
        self.ring.submission().is_empty()
    }

    /// Hands everything queued to the kernel and waits for `completions` of them.
    pub(super) fn submit_and_wait(&mut self, completions: usize) -> io::Result<()> {
        let mut result = Ok(0);
        for _ in 0..=SUBMIT_RETRIES_MAX {
            result = self.ring.submit_and_wait(completions);
            // A submission may end early; what is left goes with the next round.
            if !result.as_ref().map_or_else(is_transient, |_| !self.nothing_queued()) {
                break;
            }
        }
        result.map(drop)
    }

    /// Lets the kernel post completions that only an entry into the ring brings about.
    pub(super) fn run_deferred(&mut self) {
        let submission = self.ring.submission();
        let must_enter = submission.taskrun() || submission.cq_overflow();
        drop(submission);
        if must_enter {
            // An error leaves the completions where they are, for the next attempt.
            let _ = self.submit_and_wait(0);
        }
    }

    /// The next completion, if one has come.
    pub(super) fn next(&mut self) -> Option<Event> {
        let completion = self.ring.completion().next()?;
        if completion.user_data() == BELL {
            return Some(Event::Bell);
        }
        let slot = usize::try_from(completion.user_data()).expect("user data is a slot's number");
        let InFlight { token, transfer } = self.slots[slot].take().expect("the kernel answers once");
        self.free.push(slot);
        // The kernel answers with a count or with a negated error number.
        let answer = usize::try_from(completion.result());
        Some(Event::Answered(
            token,
            transfer,
            answer.map_err(|_| io::Error::from_raw_os_error(-completion.result())),
        ))
    }
}

/// A ring for sends to many sockets in one system call; none after it has failed.
pub struct SendBatch(Option<IoUring>);

impl SendBatch {
    /// Fails where the kernel has no ring for us, or one without sends.
    pub fn new() -> io::Result<Self> {
        let ring = build(TaskRun::Interrupting)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if probe.is_supported(opcode::Send::CODE) {
            return Ok(Self(Some(ring)));
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel's io_uring does not send"))
    }

    /// Sends to each socket as much of its bytes as it takes without waiting; answers in the same order.
    pub fn send(&mut self, sends: &[(BorrowedFd<'_>, &[u8])]) -> Vec<io::Result<usize>> {
        sends.chunks(SLOTS).flat_map(|sends| self.send_some(sends)).collect()
    }

    fn send_some(&mut self, sends: &[(BorrowedFd<'_>, &[u8])]) -> Vec<io::Result<usize>> {
        const FLAGS: i32 = (SendFlags::DONTWAIT.bits() | SendFlags::NOSIGNAL.bits()).cast_signed();
        let mut answers: Vec<_> = sends.iter().map(|_| Err(io::ErrorKind::WouldBlock.into())).collect();
        let Some(ring) = &mut self.0 else { return answers };
        for (at, (socket, bytes)) in sends.iter().enumerate() {
            let to = types::Fd(socket.as_raw_fd());
            let entry = opcode::Send::new(to, bytes.as_ptr(), length(bytes)).flags(FLAGS);
            // SAFETY: descriptor and bytes are borrowed until this function returns. A send that must not
            // wait is answered within the submission, so the kernel is through with them by then: either all
            // answers have come, or the ring, with what it did not take, is dropped.
            let pushed = unsafe { ring.submission().push(&entry.build().user_data(at as u64)) };
            pushed.expect("the submission queue has an entry for every send");
        }
        let mut missing = sends.len();
        while missing > 0 {
            if let Err(error) = ring.submit_and_wait(missing)
                && !is_transient(&error)
            {
                tracing::error!(%error, "the ring for sends failed: each connection sends for itself");
                self.0 = None;
                break;
            }
            for completion in ring.completion() {
                let at = usize::try_from(completion.user_data()).expect("user data is a send's number");
                let taken = usize::try_from(completion.result());
                answers[at] = taken.map_err(|_| io::Error::from_raw_os_error(-completion.result()));
                missing -= 1;
            }
        }
        answers
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for _ in 0..DRAIN_WAITS_MAX {
            if self.in_flight() == 0 {
                return;
            }
            let _ = self.submit_and_wait(1);
            while self.next().is_some() {}
        }
        // The kernel may still write into these buffers: leak them.
        std::mem::forget(std::mem::take(&mut self.slots));
    }
}

/// Has the current tokio runtime tell when `fd` becomes readable.
pub(super) fn register_readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is open, owned by the result from here on, and an `OwnedFd` always gives the
    // same number, so it refers to the same file until the registration ends.
    let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

fn build(task_run: TaskRun) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(COMPLETION_ENTRIES).dontfork();
    match task_run {
        TaskRun::Interrupting => {}
        TaskRun::Cooperative => {
            builder.setup_coop_taskrun().setup_single_issuer();
        }
        // The flag in shared memory tells `run_deferred` when an entry is needed.
        TaskRun::Deferred => {
            builder.setup_defer_taskrun().setup_single_issuer().setup_taskrun_flag();
        }
    }
    builder.build(SUBMISSION_ENTRIES)
}

fn check_operations(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let needed = [opcode::Read::CODE, opcode::Write::CODE, opcode::Fsync::CODE, opcode::PollAdd::CODE];
    if needed.into_iter().all(|code| probe.is_supported(code)) && ring.params().is_feature_nodrop() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel's io_uring lacks operations"))
}

fn entry(transfer: &mut Transfer) -> Entry {
    let fd = types::Fd(transfer.file.fd.as_raw_fd());
    let at = transfer.position();
    match transfer.kind {
        Kind::Sync => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
        Kind::Read => {
            let into = transfer.rest_mut();
            opcode::Read::new(fd, into.as_mut_ptr(), length(into)).offset(at).ioprio(READ_PRIORITY).build()
        }
        Kind::Write { durable } => {
            let from = transfer.rest();
            let flags = if durable { DURABLE } else { 0 };
            opcode::Write::new(fd, from.as_ptr(), length(from)).offset(at).rw_flags(flags).build()
        }
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("transfers of 2 GiB or more are refused at submission")
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy
    )
}
