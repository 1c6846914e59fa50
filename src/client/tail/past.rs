//! What is there already: read from a shard to its tip, without following.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::limits::TAIL_READ_MILLIS;
use crate::types::Timestamp;

use super::super::Backoff;
use super::super::events::{Batch, Record};
use super::super::failure::Outcome;
use super::super::kinesis::Kinesis;
use super::place::Place;
use super::reader::read;

/// How far back the search for the last records looks first, and how much further each time.
const FIRST_LOOK_MILLIS: u64 = 2_000;
const FURTHER: u64 = 16;
/// Looks after which it takes everything that is kept: two minutes, half an hour, two days came before.
const LOOKS: u32 = 5;

/// Reads from a place to the tip, a page at a time; ends early where `take` says so.
pub(super) async fn read_to_tip(
    kinesis: &Kinesis,
    (stream, shard): (&str, &str),
    place: &Place,
    mut take: impl FnMut(Vec<Record>) -> Outcome<()>,
) -> Outcome<()> {
    let mut output = kinesis.call_patiently("GetShardIterator", &place.iterator(stream, shard)).await?;
    let mut iterator = output["ShardIterator"].take();
    loop {
        let page = page(kinesis, &iterator).await?;
        take(page.records)?;
        match page.next_shard_iterator {
            Some(next) if page.millis_behind_latest > 0 => iterator = next.into(),
            _ => return Ok(()),
        }
        sleep(Duration::from_millis(TAIL_READ_MILLIS)).await;
    }
}

async fn page(kinesis: &Kinesis, iterator: &serde_json::Value) -> Outcome<Batch> {
    let mut backoff = Backoff::default();
    loop {
        match kinesis.call("GetRecords", &json!({"ShardIterator": iterator})).await {
            Err(failure) if failure.code() == Some("ProvisionedThroughputExceededException") => {
                sleep(backoff.next().max(Duration::from_millis(TAIL_READ_MILLIS))).await;
            }
            outcome => return read(outcome?),
        }
    }
}

/// The last `count` records of a shard. There is no call for that: it looks ever further back until there are
/// enough, so that of a large shard not everything has to be read.
pub(super) async fn last_records(
    kinesis: &Kinesis,
    (stream, shard): (&str, &str),
    count: usize,
) -> Outcome<VecDeque<Record>> {
    for look in 0..=LOOKS {
        let ago = FIRST_LOOK_MILLIS * FURTHER.pow(look);
        let since: Timestamp = kinesis.now().minus_millis(ago);
        let place = if look == LOOKS { Place::TrimHorizon } else { Place::Time(since) };
        let mut last = VecDeque::with_capacity(count);
        let mut seen = 0;
        read_to_tip(kinesis, (stream, shard), &place, |records| {
            seen += records.len();
            for record in records {
                if last.len() == count {
                    last.pop_front();
                }
                last.push_back(record);
            }
            Ok(())
        })
        .await?;
        if seen >= count || look == LOOKS {
            return Ok(last);
        }
    }
    Ok(VecDeque::new())
}
