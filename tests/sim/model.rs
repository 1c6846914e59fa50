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
    pub(crate) fn submitted(&mut self, batch: &Batch) {
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

    /// Checks that everything not committed was refused, now that the engine has stopped.
    pub(crate) fn stopped(&self) {
        for known in &self.records[self.committed..] {
            let outcome = known.ack.as_ref().and_then(Ack::outcome);
            assert!(
                matches!(outcome, Some(Err(_))),
                "neither committed nor refused: {:?}",
                known.record.offset
            );
        }
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
        let expected = self.records.get(start..end).ok_or("more than was ever appended")?;
        if let Some((known, found)) =
            expected.iter().map(|known| &known.record).zip(found).find(|(known, found)| known != found)
        {
            return Err(format!("{found:?} instead of {known:?}"));
        }
        if end < self.durable {
            return Err(format!("only {end} of {} durable records are there", self.durable));
        }
        self.records.truncate(end);
        self.records.iter_mut().for_each(|known| known.ack = None);
        self.committed = end;
        self.durable = end;
        self.last_commit = self.last_commit.min(end);
        let seen = self.records.last().map(|known| known.record.offset.plus(1));
        self.taken = self.taken.max(seen.unwrap_or_default());
        Ok(())
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
