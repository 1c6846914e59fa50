//! More than a shard takes, and records as large as a stream allows.

use std::iter;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use fanlight_compat_rust_sdk::{Failure, ensure};

use crate::bench::{Bench, Put, from, numbered};
use crate::check::{Attempts, equal, refused};
use crate::subscription::Subscription;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Bounds how long a shard takes to have room for ten MiB again, at one a second.
const REFILL_MAX: Duration = Duration::from_secs(25);

pub async fn throttles(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-throttles";
    bench.stream(name, 1).await?;
    // Large entries first, small ones for what room those leave: nothing is left for the put that follows.
    let sizes: Vec<_> = iter::repeat_n(64 * KIB, 24).chain(iter::repeat_n(KIB, 100)).collect();
    let mut call = bench.kinesis.put_records().stream_name(name);
    for size in &sizes {
        let entry = PutRecordsRequestEntry::builder().partition_key("k").data(Blob::new(vec![0; *size]));
        call = call.records(entry.build()?);
    }
    let answer = call.send().await?;
    let attempts = Attempts::default();
    let one =
        bench.kinesis.put_record().stream_name(name).partition_key("k").data(Blob::new(vec![0; 960 * KIB]));
    one.customize().interceptor(attempts.clone()).send().await?;
    ensure!(attempts.take() >= 2, "accepted at once");

    let (mut accepted, mut refusals) = (0, 0);
    for (result, size) in answer.records.iter().zip(&sizes) {
        match result.error_code() {
            None => accepted += size,
            Some(code) => {
                equal("code", code, "ProvisionedThroughputExceededException")?;
                refusals += 1;
            }
        }
        let (refused, told) = (result.error_code.is_some(), result.error_message.is_some());
        ensure!(refused == told && refused == result.sequence_number.is_none(), "a result of {result:?}");
    }
    equal("failed", answer.failed_record_count, Some(refusals))?;
    ensure!(refusals > 0 && accepted > MIB / 2, "{refusals} refused, {accepted} bytes accepted");
    ensure!(accepted <= MIB + 256 * KIB, "{accepted} bytes accepted at once");
    Ok(())
}

/// Puts records as large as the stream allows and reads them both ways; then again ten times as large.
pub async fn large(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-large";
    let stream = bench.stream(name, 1).await?;
    let consumer = bench.consumer(&stream, "large").await?;
    let shard = bench.shards(name).await?.remove(0).shard_id;
    let mut it = Subscription::new(bench, &consumer, &shard, from(ShardIteratorType::TrimHorizon)).await?;
    for (size, kib) in [(MIB, 1024), (10 * MIB, 10240)] {
        if size > MIB {
            let update = bench.kinesis.update_max_record_size().stream_arn(&stream);
            update.max_record_size_in_kib(kib).send().await?;
            bench.active(name).await?;
        }
        let mut data = noise(size + 1);
        let call = bench.kinesis.put_record().stream_name(name).partition_key("k");
        let refusal = call.data(Blob::new(&*data)).send().await;
        refused("one byte more", refusal, |it| it.code() == Some("ValidationException"))?;
        data.pop();
        let number = put_large(bench, name, &data).await?;
        let text = String::from_utf8(data)?;
        let pushed = pushed(bench, &mut it, &consumer, &shard).await?;
        equal("number pushed", &pushed.number, &number)?;
        ensure!(pushed.data == text, "{size} bytes pushed differ");
        let at = numbered(ShardIteratorType::AtSequenceNumber, &number);
        let page = bench.page(&bench.iterator(name, &shard, &at).await?).await?;
        equal("records read", page.records.len(), 1)?;
        ensure!(page.records[0].data.as_ref() == text.as_bytes(), "{size} bytes read differ");
    }
    Ok(())
}

/// Letters in an order that none can be lost from or moved in unnoticed: xorshift's.
fn noise(size: usize) -> Vec<u8> {
    let step = |state: &u64| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 7);
        Some(state ^ (state << 17))
    };
    iter::successors(Some(0x9E37_79B9_7F4A_7C15), step).map(|it| b'A' + (it % 26) as u8).take(size).collect()
}

/// Puts as soon as the shard's throughput allows it.
async fn put_large(bench: &Bench, stream: &str, data: &[u8]) -> Result<String, Failure> {
    let began = Instant::now();
    loop {
        let call = bench.kinesis.put_record().stream_name(stream).partition_key("k").data(Blob::new(data));
        match call.send().await {
            Ok(answer) => return Ok(answer.sequence_number),
            Err(error) => {
                let full = error
                    .as_service_error()
                    .is_some_and(|it| it.is_provisioned_throughput_exceeded_exception());
                if !full || began.elapsed() > REFILL_MAX {
                    return Err(error.into());
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Reads on, across ends of subscriptions, until one record came.
async fn pushed(bench: &Bench, it: &mut Subscription, consumer: &str, shard: &str) -> Result<Put, Failure> {
    for _ in 0..10 {
        while let Some(mut some) = it.event().await? {
            if let Some(record) = some.pop() {
                equal("other records", some.len(), 0)?;
                return Ok(record);
            }
        }
        *it = Subscription::new(bench, consumer, shard, it.next.clone()).await?;
    }
    Err("the record was not pushed".into())
}
