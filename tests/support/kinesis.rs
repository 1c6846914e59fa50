//! The everyday steps of a Kinesis client, each of which must succeed: create and wait, put, read to the tip.

use std::net::SocketAddr;

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::http::{call, call_ok};
use super::wait_for;

/// Records asked for at a time: a page stays small enough for a debug build to answer at once.
const PAGE_RECORDS: u64 = 2000;

/// A record as a reader got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its sequence number.
    pub number: String,
    /// Its partition key.
    pub key: String,
    /// What it carries.
    pub data: Vec<u8>,
}

impl Record {
    /// Reads one as `GetRecords` and events show it.
    pub fn read(value: &Value) -> Record {
        let data = STANDARD.decode_to_vec(text(value, "Data")).expect("base64");
        Record { number: text(value, "SequenceNumber"), key: text(value, "PartitionKey"), data }
    }

    /// All records of an answer or an event.
    pub fn read_all(value: &Value) -> Vec<Record> {
        value["Records"].as_array().expect("records").iter().map(Record::read).collect()
    }
}

/// A member that has to be text.
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// The id of a stream's shard.
pub fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

/// Base64, as blobs travel in JSON.
pub fn blob(data: &[u8]) -> String {
    STANDARD.encode_to_string(data)
}

/// The first hash key of shard `index` of `of` equal ones: records put with it go there.
pub fn hash_key(index: u128, of: u128) -> String {
    (u128::MAX / of * index + index).to_string()
}

/// A client of one server.
#[derive(Clone, Copy)]
pub struct Kinesis {
    /// The data port.
    pub address: SocketAddr,
}

impl Kinesis {
    /// A call that must succeed.
    pub fn ok(&self, operation: &str, input: &Value) -> Value {
        call_ok(self.address, operation, input)
    }

    /// A call that must be refused; answers the exception's name and text.
    pub fn refused(&self, operation: &str, input: &Value) -> (String, String) {
        let (status, output) = call(self.address, operation, input);
        assert_eq!(status, 400, "{operation} {input}: {output}");
        (text(&output, "__type"), output["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Creates a provisioned stream and waits until it is active; answers its ARN.
    pub fn create(&self, stream: &str, shards: u32) -> String {
        self.ok("CreateStream", &json!({"StreamName": stream, "ShardCount": shards}));
        self.wait_active(stream)
    }

    /// Waits until the stream is active; answers its ARN.
    pub fn wait_active(&self, stream: &str) -> String {
        let look = || {
            let output = self.ok("DescribeStreamSummary", &json!({"StreamName": stream}));
            let summary = &output["StreamDescriptionSummary"];
            (summary["StreamStatus"] == "ACTIVE").then(|| text(summary, "StreamARN"))
        };
        wait_for("an active stream", look)
    }

    /// Waits until the stream is no more.
    pub fn wait_gone(&self, stream: &str) {
        let gone =
            || (call(self.address, "DescribeStream", &json!({"StreamName": stream})).0 == 400).then_some(());
        wait_for("the stream's end", gone);
    }

    /// Registers a consumer and waits until it is active; answers its ARN.
    pub fn register(&self, stream_arn: &str, name: &str) -> String {
        let input = json!({"StreamARN": stream_arn, "ConsumerName": name});
        let arn = text(&self.ok("RegisterStreamConsumer", &input)["Consumer"], "ConsumerARN");
        let is_active = || {
            let output = self.ok("DescribeStreamConsumer", &json!({"ConsumerARN": arn}));
            (output["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE").then_some(())
        };
        wait_for("an active consumer", is_active);
        arn
    }

    /// Puts one record; answers its sequence number.
    pub fn put(&self, stream: &str, hash_key: &str, data: &[u8]) -> String {
        let record = json!({"StreamName": stream, "PartitionKey": "k", "ExplicitHashKey": hash_key,
            "Data": blob(data)});
        text(&self.ok("PutRecord", &record), "SequenceNumber")
    }

    /// Puts records of these payloads in one call; answers their sequence numbers.
    pub fn put_all(&self, stream: &str, hash_key: &str, payloads: &[Vec<u8>]) -> Vec<String> {
        let entry =
            |data: &Vec<u8>| json!({"PartitionKey": "k", "ExplicitHashKey": hash_key, "Data": blob(data)});
        let records: Vec<_> = payloads.iter().map(entry).collect();
        let output = self.ok("PutRecords", &json!({"StreamName": stream, "Records": records}));
        assert_eq!(output["FailedRecordCount"], 0, "{output}");
        let entries = output["Records"].as_array().expect("entries");
        entries.iter().map(|entry| text(entry, "SequenceNumber")).collect()
    }

    /// An iterator; `position` holds the type and what belongs to it.
    pub fn iterator(&self, stream: &str, shard: &str, mut position: Value) -> String {
        position["StreamName"] = stream.into();
        position["ShardId"] = shard.into();
        text(&self.ok("GetShardIterator", &position), "ShardIterator")
    }

    /// Everything from the oldest record to the tip.
    pub fn read_shard(&self, stream: &str, shard: &str) -> Vec<Record> {
        let oldest = json!({"ShardIteratorType": "TRIM_HORIZON"});
        self.read_to_tip(self.iterator(stream, shard, oldest)).0
    }

    /// Everything from an iterator to the tip, and the iterator to go on with, unless the shard has ended.
    pub fn read_to_tip(&self, iterator: String) -> (Vec<Record>, Option<String>) {
        let mut records = Vec::new();
        let mut next = Some(iterator);
        while let Some(iterator) = next.take() {
            let output = self.ok("GetRecords", &json!({"ShardIterator": iterator, "Limit": PAGE_RECORDS}));
            let page = Record::read_all(&output);
            let done = page.is_empty() && output["MillisBehindLatest"] == 0;
            records.extend(page);
            next = output["NextShardIterator"].as_str().map(str::to_owned);
            if done {
                break;
            }
        }
        (records, next)
    }
}
