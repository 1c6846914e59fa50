//! What the engine has to be true to: for each log the records it was given, in order, and how much of them
//! was promised to whom.

use fanlight::shard_log::{Batch, Record};
use fanlight::storage::{Ack, From};
use fanlight::types::{Offset, Timestamp};

/// A record as it was appended.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) record: Record,
    /// The promise, in the run that made it.
    pub(crate) ack: Option<Ack>,
}

/// One log. Of `records`, the first `durable` survive whatever happens, the first `committed` are readable;
/// the rest may or may not have reached the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogModel {
    pub(crate) records: Vec<Known>,
    pub(crate) committed: usize,
    pub(crate) durable: usize,
    /// Records that arrived before it may have been trimmed.
    pub(crate) horizon: Timestamp,
    /// Offsets up to here were acknowledged or read: never given out again.
    pub(crate) taken: Offset,
    /// The latest commit holds the records from this index on.
    pub(crate) last_commit: usize,
    /// Records of commits that failed and that no later commit has proven void: each may have reached the
    /// disk whole, and then the next run may go on from it.
    pub(crate) failed: Vec<Vec<Record>>,
    /// The offsets that commits not settled yet hold of this log, by the commit's number.
    pub(crate) commits: Vec<(u64, Offset, Offset)>,
}

impl LogModel {
    /// Notes an append.
    pub(crate) fn append(&mut self, record: Record, ack: Ack) {
        assert!(record.offset >= self.taken, "offset {} is given out twice", record.offset);
        if let Some(last) = self.records.last() {
            assert!(record.offset > last.record.offset && record.arrival >= last.record.arrival);
        }
        self.records.push(Known { record, ack: Some(ack) });
    }

    /// Notes that a batch is being written.
    pub(crate) fn submitted(&mut self, commit: u64, batch: &Batch) {
        match self.commits.last_mut() {
            Some((number, _, end)) if *number == commit => *end = batch.end(),
            _ => self.commits.push((commit, batch.base(), batch.end())),
        }
        self.last_commit = self.records.partition_point(|known| known.record.offset < batch.base());
    }

    /// Notes a commit: of the oldest records not committed yet, exactly as they were appended.
    pub(crate) fn commit(&mut self, batch: &Batch, is_durable: bool) {
        for record in batch.records() {
            let known = self.records.get(self.committed).expect("no more is committed than was appended");
            assert_eq!(known.record, record, "committed out of order");
            let outcome = known.ack.as_ref().and_then(Ack::outcome);
            assert!(outcome.is_none(), "a record already refused is committed: {outcome:?}");
            self.committed += 1;
            self.taken = record.offset.plus(1);
        }
        if is_durable {
            self.durable = self.committed;
        }
    }

    /// Forgets what was refused. What was part of a commit may be on the disk all the same.
    pub(crate) fn refuse(&mut self) {
        let is_refused = |known: &Known| matches!(known.ack.as_ref().and_then(Ack::outcome), Some(Err(_)));
        let (committed, waiting) = self.records.split_at(self.committed);
        let (refused, kept): (Vec<_>, Vec<_>) = waiting.iter().cloned().partition(is_refused);
        for (_, base, end) in &self.commits {
            let group: Vec<_> = refused
                .iter()
                .map(|known| known.record.clone())
                .filter(|record| (*base..*end).contains(&record.offset))
                .collect();
            if !group.is_empty() {
                self.failed.push(group);
            }
        }
        self.records = committed.iter().cloned().chain(kept).collect();
    }

    /// A commit went through, of whatever logs: what failed before it is void for ever.
    pub(crate) fn went_on(&mut self, commit: u64) {
        self.failed.clear();
        self.commits.retain(|(number, ..)| *number >= commit);
    }

    /// Checks that nothing not committed waits, now that the engine has stopped.
    pub(crate) fn stopped(&self) {
        assert_eq!(self.records.len(), self.committed, "neither committed nor refused");
    }

    /// Checks a reader's answer to a read that began when `committed_then` records were readable.
    pub(crate) fn check_read(&self, from: From, committed_then: usize, batches: &[Batch]) {
        let wanted = self.first_wanted(from);
        let Some(first) = batches.first() else {
            let missed = self.records.get(wanted..committed_then).unwrap_or_default();
            assert!(
                self.trimmed(missed),
                "{from:?} finds nothing, though {} records are there",
                missed.len()
            );
            return;
        };
        let start = self.records.partition_point(|known| known.record.offset < first.base());
        let read: Vec<_> = batches.iter().flat_map(Batch::records).collect();
        let end = start + read.len();
        assert!(end <= self.committed, "{from:?}: uncommitted records are read");
        let expected = self.records[start..end].iter().map(|known| &known.record);
        assert!(expected.eq(&read), "{from:?}: other records than those appended");
        assert!(end > wanted, "{from:?}: nothing of what was asked for");
        let skipped = self.records.get(wanted..start).unwrap_or_default();
        assert!(self.trimmed(skipped), "{from:?}: {} records are skipped", skipped.len());
        let first_end = start + first.count() as usize;
        assert!(first_end > wanted, "{from:?}: begins with a batch nobody asked for");
    }

    /// Takes over what a new run has found, from its oldest record on: all that was durable, perhaps more of
    /// what was appended, nothing else. Tells what is wrong, if something is.
    pub(crate) fn adopt(&mut self, found: &[Record]) -> Result<(), String> {
        let start = found.first().map_or(self.records.len().min(self.durable), |first| {
            self.records.partition_point(|known| known.record.offset < first.offset)
        });
        if !self.trimmed(&self.records[..start]) {
            return Err(format!("{start} records are missing at the front"));
        }
        let end = start + found.len();
        self.adopt_failed(start, found);
        let expected = self.records.get(start..end).ok_or("more than was ever appended")?;
        if let Some((known, found)) =
            expected.iter().map(|known| &known.record).zip(found).find(|(known, found)| known != found)
        {
            return Err(format!("{found:?} instead of {known:?}"));
        }
        if end < self.durable {
            return Err(format!("only {end} of {} durable records are there", self.durable));
        }
        self.failed.clear();
        self.commits.clear();
        self.records.truncate(end);
        self.records.iter_mut().for_each(|known| known.ack = None);
        self.committed = end;
        self.durable = end;
        self.last_commit = self.last_commit.min(end);
        let seen = self.records.last().map(|known| known.record.offset.plus(1));
        self.taken = self.taken.max(seen.unwrap_or_default());
        Ok(())
    }

    /// A commit that failed and is there whole takes the place of whatever was never committed.
    fn adopt_failed(&mut self, start: usize, found: &[Record]) {
        let behind = found.get(self.committed.saturating_sub(start)..).unwrap_or_default();
        if let Some(group) = self.failed.iter().find(|group| !behind.is_empty() && group.as_slice() == behind)
        {
            self.records.truncate(self.committed);
            let known = |record: &Record| Known { record: record.clone(), ack: None };
            self.records.extend(group.iter().map(known));
        }
    }

    fn first_wanted(&self, from: From) -> usize {
        self.records.partition_point(|Known { record, .. }| match from {
            From::Offset(offset) => record.offset < offset,
            From::Time(time) => record.arrival < time,
        })
    }

    fn trimmed(&self, records: &[Known]) -> bool {
        records.iter().all(|known| known.record.arrival < self.horizon)
    }
}
