//! PutRecord and PutRecords: their JSON, and what their replies say of each record.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cli::Keys;
use crate::client::Failure;
use crate::ledger::Ledger;
use crate::payload::{self, Header};
use crate::producer::ProducerPlan;
use crate::units::{count, index, wire_u32};

/// Every partition key is this long, so that accepted bytes can be counted.
pub(crate) const KEY_BYTES: usize = 8;
const THROTTLED: &str = "ProvisionedThroughputExceededException";
const FAILED: &str = "InternalFailure";
/// What stands for a code where the connection broke.
const NO_ANSWER: &str = "no answer";

/// One record on its way.
pub(crate) struct Put {
    /// Its number in the run.
    pub(crate) sequence: u64,
    /// When it was due.
    pub(crate) intended_ns: u64,
    /// Everything below this was settled before it left.
    pub(crate) floor: u64,
}

/// What the service did with one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is promised.
    Acked {
        /// Its shard.
        shard_id: String,
        /// Its place there.
        sequence_number: String,
    },
    /// It was not taken, for the rate.
    Throttled,
    /// It was not taken, the service does not say why.
    Failed,
}

/// How often puts failed, by code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PutErrors {
    /// Each time a record was refused or left without an answer.
    pub(crate) by_code: BTreeMap<String, u64>,
    /// Records whose put is not tried again: the service does not want them, or may have taken them.
    pub(crate) not_retriable: u64,
}

impl PutErrors {
    /// Books what is tried again.
    pub(crate) fn retriable(&mut self, outcome: &Outcome) {
        let code = match outcome {
            Outcome::Acked { .. } => return,
            Outcome::Throttled => THROTTLED,
            Outcome::Failed => FAILED,
        };
        self.add(code, 1);
    }

    /// Books records that are not tried again.
    pub(crate) fn not_retriable(&mut self, failure: &Failure, records: u64) {
        let code = match failure {
            Failure::Service { kind, .. } => kind,
            Failure::Connection(_) => NO_ANSWER,
        };
        self.add(code, records);
        self.not_retriable += records;
    }

    /// Adds another load's.
    pub(crate) fn add_all(&mut self, other: &Self) {
        other.by_code.iter().for_each(|(code, records)| self.add(code, *records));
        self.not_retriable += other.not_retriable;
    }

    fn add(&mut self, code: &str, records: u64) {
        match self.by_code.get_mut(code) {
            Some(count) => *count += records,
            None => drop(self.by_code.insert(code.to_owned(), records)),
        }
    }
}

/// The operation and body that carry these records.
pub(crate) fn request(
    plan: &ProducerPlan,
    ledger: &Ledger,
    connection: usize,
    puts: &[Put],
) -> (&'static str, Bytes) {
    let mut body = Vec::with_capacity(128 + puts.len() * (plan.record_bytes * 4 / 3 + 160));
    let mut record = Vec::with_capacity(plan.record_bytes);
    body.extend_from_slice(format!(r#"{{"StreamName":"{}""#, plan.stream.name).as_bytes());
    let mut entry = |body: &mut Vec<u8>, put: &Put| {
        let producer = wire_u32(connection);
        let Put { sequence, intended_ns, floor } = *put;
        let header = Header { run: ledger.run, producer, sequence, intended_ns, floor };
        payload::encode(&header, plan.record_bytes, &mut record);
        body.extend_from_slice(br#""Data":""#);
        base64_simd::STANDARD.encode_append(&record, body);
        body.extend_from_slice(key(plan, ledger, sequence).as_bytes());
    };
    if let [put] = puts {
        body.push(b',');
        entry(&mut body, put);
        body.push(b'}');
        return ("PutRecord", body.into());
    }
    body.extend_from_slice(br#","Records":["#);
    for (at, put) in puts.iter().enumerate() {
        body.extend_from_slice(if at == 0 { b"{" } else { b",{" });
        entry(&mut body, put);
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    ("PutRecords", body.into())
}

fn key(plan: &ProducerPlan, ledger: &Ledger, sequence: u64) -> String {
    let key = ledger.key(sequence);
    match plan.keys {
        Keys::Hashed => format!(r#"","PartitionKey":"{key:08}""#),
        Keys::Explicit => {
            let shard = index(sequence % count(plan.stream.shards.len()));
            let hash_key = &plan.stream.shards[shard].hash_key;
            format!(r#"","PartitionKey":"{key:08}","ExplicitHashKey":"{hash_key}""#)
        }
    }
}

/// What an answer says of each of `puts` records; an error if it says nothing of them.
pub(crate) fn outcomes(answer: Result<Bytes, Failure>, puts: usize) -> Result<Vec<Outcome>, Failure> {
    let body = match answer {
        Ok(body) => body,
        Err(failure) if failure.is(THROTTLED) => return Ok((0..puts).map(|_| Outcome::Throttled).collect()),
        Err(failure) => return Err(failure),
    };
    let unreadable = |error: serde_json::Error| Failure::Connection(format!("a put's reply: {error}"));
    let entries = if puts == 1 {
        vec![serde_json::from_slice(&body).map_err(unreadable)?]
    } else {
        serde_json::from_slice::<Many>(&body).map_err(unreadable)?.records
    };
    if entries.len() != puts {
        return Err(Failure::Connection(format!("{} results for {puts} records", entries.len())));
    }
    entries.into_iter().map(outcome).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Many {
    records: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    shard_id: String,
    sequence_number: String,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// Throttled and internally failed records may be tried again: the service says it did not take them.
fn outcome(entry: Entry) -> Result<Outcome, Failure> {
    match entry.error_code.as_deref() {
        None if entry.sequence_number.is_empty() => {
            Err(Failure::Connection("a result without a number".into()))
        }
        None => Ok(Outcome::Acked { shard_id: entry.shard_id, sequence_number: entry.sequence_number }),
        Some(THROTTLED) => Ok(Outcome::Throttled),
        Some(FAILED) => Ok(Outcome::Failed),
        Some(kind) => {
            Err(Failure::Service { kind: kind.into(), message: entry.error_message.unwrap_or_default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_of_a_batch_has_its_own_outcome() {
        let body = r#"{"FailedRecordCount":1,"Records":[{"ShardId":"s","SequenceNumber":"49"},
            {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded"}]}"#;
        let expected =
            [Outcome::Acked { shard_id: "s".into(), sequence_number: "49".into() }, Outcome::Throttled];
        assert_eq!(outcomes(Ok(body.into()), 2).unwrap(), expected);
        assert!(outcomes(Ok(body.into()), 3).is_err());
        let whole = Failure::Service { kind: THROTTLED.into(), message: String::new() };
        assert_eq!(outcomes(Err(whole), 2).unwrap(), [Outcome::Throttled, Outcome::Throttled]);
    }
}
