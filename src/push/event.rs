//! One `SubscribeToShardEvent` as bytes: JSON written straight into its event-stream message, records'
//! payloads going from the log's frame to base64 without a stop. Encoded once, whoever receives it.
//!
//! Member order and form follow what the service sends: an idle event is exactly 242 bytes.

use std::io::Write;
use std::ops::Range;

use bytes::Bytes;

use crate::shard_log::Record;
use crate::types::{HashKeyRange, Offset, SequenceNumber, ShardId, Timestamp};
use crate::wire::event_stream::MessageWriter;
use crate::wire::{Codec, RecordMembers};

/// Bytes of JSON around one record, besides its payload and key.
const RECORD_OVERHEAD_BYTES: usize = 192;

/// What a shard's sequence numbers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardIdentity {
    /// The shard.
    pub shard: ShardId,
    /// When it was opened, epoch seconds.
    pub created_secs: u64,
}

impl ShardIdentity {
    /// The number of the record at `offset` that arrived at `arrival`.
    pub fn sequence_number(&self, offset: Offset, arrival: Timestamp) -> SequenceNumber {
        SequenceNumber::record(self.created_secs, offset.0 + 1, arrival.as_secs(), self.shard)
    }

    /// The record as clients see it.
    pub fn members<'r>(&self, record: &'r Record) -> RecordMembers<'r> {
        RecordMembers {
            arrival: record.arrival,
            data: &record.data,
            is_encrypted: record.marks.is_encrypted(),
            partition_key: (!record.marks.is_keyless()).then_some(&record.partition_key),
            sequence_number: self.sequence_number(record.offset, record.arrival).digits(),
        }
    }

    /// A number after every record before `next` and before the record at `next`: where to go on.
    pub fn continuation(&self, next: Offset, time: Timestamp) -> SequenceNumber {
        SequenceNumber::continuation(self.created_secs, next.0, time.as_secs(), self.shard)
    }
}

/// A shard that took over from a closed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildShard {
    /// Its id.
    pub id: ShardId,
    /// All its parents.
    pub parents: Vec<ShardId>,
    /// The hash keys it takes.
    pub range: HashKeyRange,
}

/// Writes one event.
pub struct EventEncoder {
    message: MessageWriter,
    identity: ShardIdentity,
    records: usize,
    payload_bytes: usize,
    records_from: usize,
}

impl EventEncoder {
    /// Begins an event that goes on at `next`, as of `time`, `millis_behind` behind the tip. So many records
    /// of so many bytes, data and keys, are to come.
    pub fn begin(
        identity: ShardIdentity,
        next: Offset,
        time: Timestamp,
        millis_behind: u64,
        (records, payload_bytes): (usize, usize),
    ) -> Self {
        let expected = (records + 2) * RECORD_OVERHEAD_BYTES + payload_bytes / 3 * 4;
        let mut message = MessageWriter::event(expected);
        let out = message.payload();
        out.extend_from_slice(br#"{"ContinuationSequenceNumber":""#);
        out.extend_from_slice(&identity.continuation(next, time).digits());
        append(out, format_args!(r#"","MillisBehindLatest":{millis_behind},"Records":["#));
        let records_from = out.len();
        Self { message, identity, records: 0, payload_bytes: 0, records_from }
    }

    /// Begins the last event of a closed shard: no continuation, its children at the end.
    pub fn begin_final(identity: ShardIdentity) -> Self {
        let mut message = MessageWriter::event(4 * RECORD_OVERHEAD_BYTES);
        let out = message.payload();
        out.extend_from_slice(br#"{"MillisBehindLatest":0,"Records":["#);
        let records_from = out.len();
        Self { message, identity, records: 0, payload_bytes: 0, records_from }
    }

    /// Appends a record.
    pub fn record(&mut self, record: &Record) {
        let out = self.message.payload();
        if self.records > 0 {
            out.push(b',');
        }
        self.identity.members(record).encode(Codec::Json, out);
        self.records += 1;
        self.payload_bytes += record.payload_bytes();
    }

    /// Appends records as another event holds them, to an event that has none.
    pub fn encoded_records(&mut self, records: &[u8]) {
        self.message.payload().extend_from_slice(records);
    }

    /// Where in the message the records so far are.
    pub fn records_at(&mut self) -> Range<usize> {
        self.records_from..self.message.payload().len()
    }

    /// Records so far.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes of data and partition keys so far.
    pub fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// The whole message.
    pub fn finish(mut self) -> Bytes {
        self.message.payload().extend_from_slice(b"]}");
        self.message.finish()
    }

    /// The whole message of [`Self::begin_final`].
    pub fn finish_final(mut self, children: &[ChildShard]) -> Bytes {
        let out = self.message.payload();
        out.extend_from_slice(br#"],"ChildShards":["#);
        for (index, child) in children.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b"," } else { b"" });
            append_child(out, child);
        }
        out.extend_from_slice(b"]}");
        self.message.finish()
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory does not fail");
}

fn append_child(out: &mut Vec<u8>, child: &ChildShard) {
    append(
        out,
        format_args!(
            r#"{{"HashKeyRange":{{"EndingHashKey":"{}","StartingHashKey":"{}"}},"ParentShards":["#,
            child.range.end, child.range.start
        ),
    );
    for (index, parent) in child.parents.iter().enumerate() {
        append(out, format_args!(r#"{}"{parent}""#, if index > 0 { "," } else { "" }));
    }
    append(out, format_args!(r#"],"ShardId":"{}"}}"#, child.id));
}
