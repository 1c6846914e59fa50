//! Puts records and keeps the ledger of what was acknowledged, by shard, in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use crate::Failure;

const BATCH: usize = 40;
const BATCH_EVERY: usize = 97;
const PUT_EVERY: Duration = Duration::from_millis(15);

/// Every acknowledged record, as `sequence number` + ` ` + `data`.
pub struct Ledger {
    client: Client,
    stream: &'static str,
    by_shard: BTreeMap<String, Vec<String>>,
    count: usize,
}

impl Ledger {
    /// An empty ledger that puts into `stream`.
    pub fn new(client: Client, stream: &'static str) -> Self {
        Ledger { client, stream, by_shard: BTreeMap::new(), count: 0 }
    }

    /// One PutRecords; no entry may fail.
    pub async fn put_batch(&mut self) -> Result<(), Failure> {
        let data: Vec<_> = (0..BATCH).map(|number| format!("batch record {}", self.count + number)).collect();
        let mut call = self.client.put_records().stream_name(self.stream);
        for each in &data {
            let entry =
                PutRecordsRequestEntry::builder().partition_key(each).data(Blob::new(each.as_bytes()));
            call = call.records(entry.build()?);
        }
        let answer = call.send().await?;
        if answer.failed_record_count != Some(0) || answer.records.len() != data.len() {
            return Err(format!("a batch failed in part: {answer:?}").into());
        }
        for (result, data) in answer.records.iter().zip(&data) {
            let shard = result.shard_id().ok_or("no shard id")?;
            self.note(shard, result.sequence_number().ok_or("no sequence number")?, data);
        }
        Ok(())
    }

    /// One PutRecord.
    async fn put_one(&mut self) -> Result<(), Failure> {
        let data = format!("record {}", self.count);
        let call = self.client.put_record().stream_name(self.stream).partition_key(&data);
        let answer = call.data(Blob::new(data.as_bytes())).send().await?;
        self.note(&answer.shard_id, &answer.sequence_number, &data);
        Ok(())
    }

    /// Puts singles and batches at a steady pace.
    pub async fn put_for(&mut self, time: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < time {
            if self.count.is_multiple_of(BATCH_EVERY) {
                self.put_batch().await?
            } else {
                self.put_one().await?
            }
            tokio::time::sleep(PUT_EVERY).await;
        }
        Ok(())
    }

    fn note(&mut self, shard: &str, sequence_number: &str, data: &str) {
        self.by_shard.entry(shard.to_owned()).or_default().push(format!("{sequence_number} {data}"));
        self.count += 1;
    }

    /// The shards that hold records.
    pub fn shards(&self) -> Vec<String> {
        self.by_shard.keys().cloned().collect()
    }

    /// A shard's records.
    pub fn records(&self, shard: &str) -> &[String] {
        self.by_shard.get(shard).map_or(&[], Vec::as_slice)
    }

    /// All records put.
    pub fn count(&self) -> usize {
        self.count
    }
}
