//! Which records go into the next call, and which of them again: decides only, sends nothing.

use serde_json::{Value, json};

use crate::limits::{PUT_ATTEMPTS_MAX, PUT_CALL_BYTES_MAX, PUT_RECORDS_MAX};

/// A record to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its line, counted from 1.
    pub(super) line: u64,
    /// What chooses its shard.
    pub(super) key: String,
    /// What it carries.
    pub(super) data: Vec<u8>,
}

impl Entry {
    /// Its member of a call's `Records`.
    pub(super) fn json(&self) -> Value {
        json!({"PartitionKey": self.key, "Data": base64_simd::STANDARD.encode_to_string(&self.data)})
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.data.len()
    }
}

/// The records of one call, gathered until it is full.
#[derive(Debug, Default)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    bytes: usize,
    fruitless: u32,
}

/// Where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// The record's line.
    pub(super) line: u64,
    /// Its shard.
    pub(super) shard: String,
    /// Its sequence number.
    pub(super) number: String,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything is stored.
    Done,
    /// The rest is to be put again, after a rest if nothing was taken.
    Again {
        /// Records that were refused.
        refused: usize,
    },
    /// It has been tried often enough; the last refusal's words.
    GiveUp(String),
}

impl Batch {
    /// Takes a record, or gives it back where it would be too much for one call.
    pub(super) fn take(&mut self, entry: Entry) -> Option<Entry> {
        let is_full =
            self.entries.len() == PUT_RECORDS_MAX || self.bytes + entry.bytes() > PUT_CALL_BYTES_MAX;
        if is_full && !self.entries.is_empty() {
            return Some(entry);
        }
        self.bytes += entry.bytes();
        self.entries.push(entry);
        None
    }

    /// What is in it, in the order of the lines.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A call failed as a whole, in a way that may pass: whether to try again.
    pub(super) fn failed(&mut self) -> bool {
        self.fruitless += 1;
        self.fruitless < PUT_ATTEMPTS_MAX
    }

    /// Keeps what the answer says was refused, in its order.
    pub(super) fn answered(&mut self, answer: &Value, mut stored: impl FnMut(Stored)) -> Verdict {
        let none = Vec::new();
        let results = answer["Records"].as_array().unwrap_or(&none);
        let (mut refused, mut why) = (Vec::new(), String::new());
        let before = self.entries.len();
        for (index, entry) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            let result = results.get(index).unwrap_or(&Value::Null);
            match (result["ShardId"].as_str(), result["SequenceNumber"].as_str()) {
                (Some(shard), Some(number)) => {
                    stored(Stored { line: entry.line, shard: shard.to_owned(), number: number.to_owned() });
                }
                _ => {
                    why = reason(result);
                    refused.push(entry);
                }
            }
        }
        self.entries = refused;
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
        self.fruitless = if self.entries.len() < before { 0 } else { self.fruitless + 1 };
        match self.entries.len() {
            0 => Verdict::Done,
            _ if self.fruitless >= PUT_ATTEMPTS_MAX => Verdict::GiveUp(why),
            refused => Verdict::Again { refused },
        }
    }
}

fn reason(result: &Value) -> String {
    let text = |name: &str| result[name].as_str().unwrap_or_default();
    format!("{}: {}", text("ErrorCode"), text("ErrorMessage"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: u64, bytes: usize) -> Entry {
        Entry { line, key: "k".into(), data: vec![b'x'; bytes] }
    }

    fn stored(number: u32) -> Value {
        json!({"ShardId": "shardId-000000000000", "SequenceNumber": number.to_string()})
    }

    fn throttled() -> Value {
        json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"})
    }

    #[test]
    fn a_call_holds_five_hundred_records_or_its_bytes() {
        let mut batch = Batch::default();
        let rest = (0..600).find_map(|line| batch.take(entry(line, 1)));
        assert_eq!(rest.map(|it| it.line), Some(500));
        let mut batch = Batch::default();
        assert_eq!(batch.take(entry(1, PUT_CALL_BYTES_MAX * 2)), None, "one record always fits");
        assert!(batch.take(entry(2, 1)).is_some());
    }

    #[test]
    fn what_is_refused_is_kept_in_its_order() {
        let mut batch = Batch::default();
        (1..=4).for_each(|line| assert_eq!(batch.take(entry(line, 1)), None));
        let answer = json!({"Records": [throttled(), stored(2), throttled(), stored(4)]});
        let mut lines = Vec::new();
        assert_eq!(batch.answered(&answer, |it| lines.push(it.line)), Verdict::Again { refused: 2 });
        assert_eq!(lines, [2, 4]);
        assert_eq!(batch.entries().iter().map(|it| it.line).collect::<Vec<_>>(), [1, 3]);
        let answer = json!({"Records": [stored(5), stored(6)]});
        assert_eq!(batch.answered(&answer, |it| lines.push(it.line)), Verdict::Done);
        assert_eq!(lines, [2, 4, 1, 3]);
    }

    #[test]
    fn giving_up_takes_attempts_without_any_progress() {
        let mut batch = Batch::default();
        (1..=2).for_each(|line| assert_eq!(batch.take(entry(line, 1)), None));
        for _ in 1..PUT_ATTEMPTS_MAX {
            let refused = json!({"Records": [throttled(), throttled()]});
            assert_eq!(batch.answered(&refused, |_| ()), Verdict::Again { refused: 2 });
        }
        assert_eq!(
            batch.answered(&json!({"Records": [stored(1), throttled()]}), |_| ()),
            Verdict::Again { refused: 1 },
            "one was taken: patience begins anew"
        );
        for _ in 1..PUT_ATTEMPTS_MAX {
            batch.answered(&json!({"Records": [throttled()]}), |_| ());
        }
        let last = batch.answered(&json!({"Records": [throttled()]}), |_| ());
        assert_eq!(last, Verdict::GiveUp("ProvisionedThroughputExceededException: Rate exceeded".into()));
    }
}
