//! The end of a run and the start of the next: what is there then is held against what had to survive.

use fanlight::platform::sim::Fault;
use fanlight::shard_log::Record;
use fanlight::storage::{Durability, Engine, From, ReadReply, StorageError};
use fanlight::types::{LogId, Offset};
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::world::{End, PATIENCE, World};

impl World {
    /// Ends the run and opens what it left; checks that all is there which has to be.
    pub(crate) fn reopen(&mut self, end: End, durability: Durability) {
        self.open_again(end, durability);
        let damaged = self.retain();
        assert!(damaged.is_empty(), "damage without cause: {damaged:?}");
        for id in self.logs.keys().copied().collect::<Vec<_>>() {
            let found = self.read_all_again(id);
            self.note((id, found.len()));
            if let Err(what) = self.model(id).adopt(&found) {
                panic!("log {id} after {end:?}: {what}");
            }
        }
    }

    fn open_again(&mut self, end: End, durability: Durability) {
        self.readings.clear();
        self.count(end);
        self.settings.durability = durability;
        let fault = self.fault.take().and_then(|(at, fault)| {
            Some((at.checked_sub(self.handle.operations()).filter(|&left| left > 0)?, fault))
        });
        let disk = match end {
            End::PowerCut => self.handle.crash(),
            End::Exit => self.handle.restart(),
        };
        self.handle = disk.handle();
        self.set_full(false);
        self.was_full = false;
        self.faulty = false;
        if let Some((left, fault)) = fault {
            self.plan_fault(left, fault);
        }
        self.engine = match Engine::open(Box::new(disk), self.settings) {
            Ok(engine) => engine,
            Err(error) => {
                assert!(self.faulty, "what a run left does not open: {error}");
                return self.open_again(End::Exit, durability);
            }
        };
    }

    /// Plans a fault for the `n`-th operation from now on. If that is after the end of this run, it strikes
    /// in the next.
    pub(crate) fn plan_fault(&mut self, n: u64, fault: Fault) {
        self.faulty = true;
        self.fault = Some((self.handle.operations() + n, fault));
        self.handle.fail_nth(n, fault);
    }

    /// Lets the next runs go without a fault planned earlier.
    pub(crate) fn forget_fault(&mut self) {
        self.fault = None;
    }

    /// Whether a planned fault is still to strike.
    pub(crate) fn awaits_fault(&self) -> bool {
        self.fault.is_some_and(|(at, _)| at > self.handle.operations())
    }

    /// Ends the process and opens what there is then; tells which logs are damaged.
    pub(crate) fn reopen_damaged(&mut self) -> Result<Vec<(LogId, String)>, StorageError> {
        let disk = self.handle.restart();
        self.handle = disk.handle();
        self.engine = Engine::open(Box::new(disk), self.settings)?;
        Ok(self.retain())
    }

    /// Names the logs there are, as the catalog does at the start; tells which are damaged.
    pub(crate) fn retain(&mut self) -> Vec<(LogId, String)> {
        let known: Vec<_> = self.logs.keys().copied().collect();
        self.engine.retain_logs(&known)
    }

    /// Reads a log from its oldest record to its tip.
    pub(crate) fn read_all(&mut self, id: LogId) -> Result<Vec<Record>, StorageError> {
        let (records, error) = self.read_while_intact(id);
        error.map_or(Ok(records), Err)
    }

    /// Reads a log from its oldest record to its tip, or to the first error.
    pub(crate) fn read_while_intact(&mut self, id: LogId) -> (Vec<Record>, Option<StorageError>) {
        let mut records = Vec::new();
        let mut next = Offset::ZERO;
        loop {
            let mut reply = self.engine.read(id, From::Offset(next), 2000);
            let batches = match self.wait_for(&mut reply) {
                Ok(batches) => batches,
                Err(error) => return (records, Some(error)),
            };
            let Some(last) = batches.last() else { return (records, None) };
            records.extend(batches.iter().flat_map(|batch| batch.records()).filter(|r| r.offset >= next));
            assert!(last.end() > next, "reading {id} does not get on");
            next = last.end();
        }
    }

    /// The same, with a second try where a fault was planned.
    fn read_all_again(&mut self, id: LogId) -> Vec<Record> {
        let found = self.read_all(id).or_else(|error| match error {
            StorageError::Read { .. } if self.faulty => self.read_all(id),
            error => Err(error),
        });
        found.unwrap_or_else(|error| panic!("reading log {id}: {error}"))
    }

    fn wait_for(&mut self, reply: &mut Receiver<ReadReply>) -> ReadReply {
        for _ in 0..PATIENCE {
            match reply.try_recv() {
                Ok(answer) => return answer,
                Err(TryRecvError::Closed) => panic!("a read is never answered"),
                Err(TryRecvError::Empty) => {
                    self.engine.wait();
                    self.engine.step(self.now());
                }
            }
        }
        panic!("a read takes for ever");
    }
}
