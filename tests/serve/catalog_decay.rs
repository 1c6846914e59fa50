//! Decaying media under the catalog: one bit of what its log keeps in journal and segments is inverted. The
//! server that opens the directory says so, or everything is as clients knew it: streams, shards, consumers,
//! and the key of their iterators. Missing may be, at most, the very last commit of a damaged journal, which
//! looks like one the power cut short.
//!
//! `FANLIGHT_CATALOG_FLIPS` sets how many, `FANLIGHT_CATALOG_FLIP` repeats those of one directory.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use fanlight::platform::sim::{SimDisk, SimHandle};
use fanlight::storage::SegmentName;
use fanlight::types::LogId;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::lanes::{self, number};
use crate::place::{CLASSES, Class, Map};
use crate::simulated_server::{STEP, Simulated};
use crate::support::kinesis::{blob, text};

/// Flips unless the environment says otherwise.
const FLIPS: u64 = 4096;
/// Flips done to copies of one directory.
const FLIPS_EACH: u64 = 32;
/// Changes of the catalog before it is harmed: enough for some directories to have sealed segments of it.
const CHANGES: std::ops::Range<usize> = 10..80;
/// The stream that is never deleted.
const KEPT: &str = "kept";
/// Between two lives of the server.
const LATER: Duration = Duration::from_secs(60);

/// For each class: flips, and how many of them were noticed.
type Tally = BTreeMap<Class, (u64, u64)>;

/// A directory, and what clients know of its catalog.
struct Original {
    disk: SimHandle,
    map: Map,
    catalog: Value,
    /// Without the last change, if that is the journal's last commit.
    before: Option<Value>,
    iterator: Value,
}

impl Original {
    fn new(rng: &mut Rng) -> Original {
        let disk = SimDisk::new(rng.u64(..));
        let handle = disk.handle();
        let (before, catalog, iterator) = simulated(async {
            let server = Simulated::on(disk, Duration::ZERO).await;
            let changes = rng.usize(CHANGES);
            fill(&server, changes, rng).await;
            let before = catalog(&server).await;
            let input = json!({"StreamName": KEPT, "RetentionPeriodHours": 25 + rng.u32(..100)});
            server.ok("IncreaseStreamRetentionPeriod", input).await;
            let known = catalog(&server).await;
            let is_last = rng.bool();
            if !is_last {
                put(&server, rng).await;
            }
            let input = json!({"StreamName": KEPT, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
            let iterator = server.ok("GetShardIterator", input).await["ShardIterator"].clone();
            (is_last.then_some(before), known, iterator)
        });
        // Whole, as after an end of the process: what decays has been there.
        let disk = handle.restart().handle();
        let mut map = Map::of_log(LogId::CATALOG);
        for path in disk.paths() {
            map.add(&path, &disk.contents(&path).expect("a listed file"));
        }
        Original { disk, map, catalog, before, iterator }
    }

    /// Inverts a bit of a copy and judges what two lives of the server make of it: whether it was noticed.
    fn suffer(&self, path: &str, at: usize, mask: u8, seed: u64) -> bool {
        let disk = self.disk.copy(seed);
        let mut handle = disk.handle();
        handle.flip_bits(path, at, mask);
        let mut disk = disk;
        for _ in 0..2 {
            let Some((found, status)) = self.look(disk) else { return true };
            let lost_last = path.starts_with("journal") && self.before.as_ref() == Some(&found);
            assert!(found == self.catalog || lost_last, "{found:#}\ninstead of {:#}", self.catalog);
            assert_eq!(status, 200, "an iterator given out before is not known any more");
            disk = handle.restart();
            handle = disk.handle();
        }
        false
    }

    /// The catalog a server finds, and how it answers to an iterator given out before; none if it refuses to
    /// start.
    fn look(&self, disk: SimDisk) -> Option<(Value, u16)> {
        simulated(async {
            let server = Simulated::try_on(disk, LATER).await.ok()?;
            let found = catalog(&server).await;
            Some((found, server.call("GetRecords", json!({"ShardIterator": self.iterator})).await.0))
        })
    }
}

fn simulated<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), life)
}

/// Makes changes to the catalog, with a put now and then.
async fn fill(server: &Simulated, changes: usize, rng: &mut Rng) {
    let arn = server.create(KEPT).await;
    let mut streams = Vec::new();
    for change in 0..changes {
        match rng.u32(..8) {
            0 if !streams.is_empty() => {
                let stream: String = streams.swap_remove(rng.usize(..streams.len()));
                let input = json!({"StreamName": stream, "EnforceConsumerDeletion": true});
                server.ok("DeleteStream", input).await;
            }
            1 => split(server).await,
            2 | 3 => put(server, rng).await,
            4 | 5 => {
                // Now it is there and the other is refused, now it is not.
                let operation = ["RegisterStreamConsumer", "DeregisterStreamConsumer"][rng.usize(..2)];
                server.call(operation, consumer(&arn)).await;
                sleep(STEP).await;
            }
            _ => {
                let stream = format!("stream-{change}-{}", "x".repeat(rng.usize(..90)));
                server.create(&stream).await;
                streams.push(stream);
            }
        }
    }
    // Transitions under way come to their end.
    sleep(STEP * 100).await;
}

fn consumer(stream_arn: &str) -> Value {
    json!({"StreamARN": stream_arn, "ConsumerName": "reader"})
}

async fn put(server: &Simulated, rng: &mut Rng) {
    let data = vec![7; rng.usize(..3000)];
    server.ok("PutRecord", json!({"StreamName": KEPT, "PartitionKey": "k", "Data": blob(&data)})).await;
}

/// Splits the last open shard, the upper half of the one split before, in the middle.
async fn split(server: &Simulated) {
    let shards = server.ok("ListShards", json!({"StreamName": KEPT})).await["Shards"].clone();
    let shards = shards.as_array().expect("shards");
    let last = shards.last().expect("a stream has a shard");
    let bound = |name: &str| text(&last["HashKeyRange"], name).parse::<u128>().expect("a number");
    let (low, high) = (bound("StartingHashKey"), bound("EndingHashKey"));
    let middle = low + (high - low) / 2 + 1;
    let input = json!({"StreamName": KEPT, "ShardToSplit": last["ShardId"], "NewStartingHashKey": middle.to_string()});
    // One that is under way already is in the way.
    server.call("SplitShard", input).await;
    sleep(STEP).await;
}

/// Everything the catalog tells.
async fn catalog(server: &Simulated) -> Value {
    let listed = server.ok("ListStreams", json!({"Limit": 1000})).await;
    let mut streams = Vec::new();
    for stream in listed["StreamSummaries"].as_array().expect("streams") {
        let named = json!({"StreamName": stream["StreamName"]});
        let summary = server.ok("DescribeStreamSummary", named.clone()).await;
        let shards = server.ok("ListShards", named).await;
        let consumers = server.ok("ListStreamConsumers", json!({"StreamARN": stream["StreamARN"]})).await;
        streams.push(json!([summary, shards, consumers]));
    }
    Value::Array(streams)
}

/// Fills a directory and harms copies of it.
fn run(seed: u64, tally: &mut Tally) {
    let mut rng = Rng::with_seed(seed);
    fastrand::seed(seed);
    let original = Original::new(&mut rng);
    for _ in 0..FLIPS_EACH {
        let class = CLASSES[rng.usize(..CLASSES.len())];
        let places = original.map.of(class);
        let Some((path, range)) = places.get(rng.usize(..places.len().max(1))) else { continue };
        let (at, mask, seed) = (rng.usize(range.clone()), 1 << rng.u32(..8), rng.u64(..));
        let noticed = catch_unwind(AssertUnwindSafe(|| original.suffer(path, at, mask, seed)));
        let noticed = noticed.unwrap_or_else(|panic| {
            eprintln!("{class}: bits {mask:#x} of byte {at} of {path}");
            resume_unwind(panic)
        });
        let counted = tally.entry(class).or_default();
        *counted = (counted.0 + 1, counted.1 + u64::from(noticed));
    }
}

#[test]
fn is_a_flipped_bit_of_the_catalog_noticed_or_harmless() {
    if let Some(seed) = number("FANLIGHT_CATALOG_FLIP") {
        return run(seed, &mut Tally::new());
    }
    let flips = number("FANLIGHT_CATALOG_FLIPS").unwrap_or(FLIPS);
    let repeat =
        |seed| format!("FANLIGHT_CATALOG_FLIP={seed} cargo test --test serve flipped_bit_of_the_catalog");
    let lanes = lanes::all((0, flips.div_ceil(FLIPS_EACH)), repeat, run);
    let mut tally = Tally::new();
    for (class, (flips, noticed)) in lanes.into_iter().flatten() {
        let counted = tally.entry(class).or_default();
        *counted = (counted.0 + flips, counted.1 + noticed);
    }
    for (class, (flips, noticed)) in &tally {
        println!("{class:>22}: {flips:6} flips, {noticed:6} noticed, {:6} harmless", flips - noticed);
    }
    // What a start always reads it has to notice.
    for class in ["payload", "batch checksum", "journal payload"] {
        let (flips, noticed) = tally[class];
        assert!(noticed * 4 > flips, "{class}: only {noticed} of {flips} were noticed");
    }
}

/// A catalog whose first segment was lost was replayed from the second on, or begun anew: streams it told of
/// were gone, and the logs of their shards were removed as those of deleted streams are.
#[test]
fn is_a_lost_segment_of_the_catalog_noticed() {
    let mut noticed = 0;
    for seed in 0..60 {
        let original = Original::new(&mut Rng::with_seed(seed));
        if original.before.is_some() {
            continue; // Perhaps no shard has a record: without the catalog the directory is then a new one.
        }
        let paths = original.disk.paths();
        let names = paths.iter().filter_map(|path| SegmentName::parse(path.strip_prefix("segments/")?));
        let mut segments: Vec<_> = names.filter(|name| name.log == LogId::CATALOG).collect();
        segments.sort_unstable();
        // Of a last one that is gone nothing is left to tell.
        segments.truncate(segments.len().saturating_sub(1).max(1));
        for segment in segments {
            let disk = original.disk.copy(seed);
            disk.handle().lose(&segment.path());
            match original.look(disk) {
                None => noticed += 1,
                // The journal holds all of it still.
                Some((found, _)) => assert_eq!(found, original.catalog, "seed {seed}: {segment:?}"),
            }
        }
    }
    assert!(noticed > 20, "only {noticed} lost segments were of any consequence");
}
