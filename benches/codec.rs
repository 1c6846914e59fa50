//! What the bytes of a record cost: encoding its event, decoding the request that brought it, writing its
//! sequence number. Nanoseconds per operation, with percentiles over batches.
//!
//! `cargo bench --bench codec`

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanlight::types::{SequenceNumber, ShardId, Timestamp};
use fanlight::wire::event_stream::MessageWriter;
use fanlight::wire::{Codec, Members, Pattern, Value};
use hdrhistogram::Histogram;

/// Operations timed together, so that reading the clock does not count.
const BATCH: u32 = 64;
/// How long each case runs, after a tenth of it to warm up.
const RUN: Duration = Duration::from_millis(500);
/// Nanoseconds per operation the histogram tells apart; slower ones count as this.
const NANOS_MAX: u64 = 1_000_000_000;
/// Bytes of data of the record in every case.
const RECORD_BYTES: usize = 1024;

fn main() {
    println!("{:<44} {:>9} {:>9} {:>9} {:>9}", "ns per operation", "mean", "p50", "p99", "max");
    let data: Bytes = (0..RECORD_BYTES).map(|at| at.to_le_bytes()[0]).collect();
    let number = SequenceNumber::record(1_777_319_237, 0x5_0ccb_9d26, 1_777_320_018, ShardId(7));

    let request = Value::map([
        ("StreamName", "orders".into()),
        ("Data", data.clone().into()),
        ("PartitionKey", "customer-4711".into()),
    ]);
    let json = Codec::Json.to_bytes(&request);
    let cbor = Codec::Cbor.to_bytes(&request);

    measure("sequence number, digits", || number.digits());
    measure("event of one record, encode", || encode_event(black_box(number), &data));
    measure("PutRecord JSON, decode", || put_record(Codec::Json, &json));
    measure("PutRecord CBOR, decode", || put_record(Codec::Cbor, &cbor));
    measure("PutRecords JSON of 100, decode", {
        let body = put_records_body(Codec::Json, &data);
        move || put_records(Codec::Json, &body)
    });
    measure("PutRecords CBOR of 100, decode", {
        let body = put_records_body(Codec::Cbor, &data);
        move || put_records(Codec::Cbor, &body)
    });
}

/// Runs `operation` in batches and prints a line.
fn measure<T>(name: &str, mut operation: impl FnMut() -> T) {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, NANOS_MAX, 3).expect("the bounds are sound");
    run_for(RUN / 10, &mut operation, |_| ());
    run_for(RUN, &mut operation, |per_operation| histogram.saturating_record(per_operation));
    let (mean, p50) = (histogram.mean(), histogram.value_at_quantile(0.5));
    let (p99, max) = (histogram.value_at_quantile(0.99), histogram.max());
    println!("{name:<44} {mean:>9.0} {p50:>9} {p99:>9} {max:>9}");
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own clock")]
fn run_for<T>(time: Duration, operation: &mut impl FnMut() -> T, mut record: impl FnMut(u64)) {
    let start = Instant::now();
    while start.elapsed() < time {
        let batch = Instant::now();
        (0..BATCH).for_each(|_| drop(black_box(operation())));
        let nanos = batch.elapsed().as_nanos() / u128::from(BATCH);
        record(u64::try_from(nanos).unwrap_or(u64::MAX));
    }
}

/// The event a subscriber gets for one record: JSON with base64 inside, framed and checksummed in one buffer.
fn encode_event(number: SequenceNumber, data: &Bytes) -> Bytes {
    let record = Value::map([
        ("SequenceNumber", number.into()),
        ("ApproximateArrivalTimestamp", Timestamp::from_millis(1_777_320_018_123).into()),
        ("Data", data.clone().into()),
        ("PartitionKey", "customer-4711".into()),
    ]);
    let event = Value::map([
        ("ContinuationSequenceNumber", number.into()),
        ("MillisBehindLatest", 0.into()),
        ("Records", vec![record].into()),
    ]);
    let mut writer = MessageWriter::event(2 * RECORD_BYTES);
    Codec::Json.encode(&event, writer.payload());
    writer.finish()
}

/// Decodes and validates one record's request.
fn put_record(codec: Codec, body: &Bytes) -> (usize, usize) {
    let body = codec.decode(black_box(body)).expect("the body is well formed");
    let mut m = Members::new(&body, codec).expect("the body is a map");
    let name = m.text("StreamName").length(1, 128).pattern(Pattern::Name).required();
    let (key, data) = entry(&mut m);
    m.finish().expect("the request is valid");
    (name.len() + key.len(), data.len())
}

fn entry<'v>(m: &mut Members<'_, 'v>) -> (&'v str, Bytes) {
    let key = m.text("PartitionKey").length(1, 256).required();
    m.text("ExplicitHashKey").pattern(Pattern::HashKey).optional();
    (key, m.blob("Data").max(10_485_760).required())
}

fn put_records_body(codec: Codec, data: &Bytes) -> Bytes {
    let entry = || Value::map([("Data", data.clone().into()), ("PartitionKey", "customer-4711".into())]);
    let records: Vec<_> = (0..100).map(|_| entry()).collect();
    codec.to_bytes(&Value::map([("StreamName", "orders".into()), ("Records", records.into())]))
}

/// Decodes and validates a request of many records.
fn put_records(codec: Codec, body: &Bytes) -> usize {
    let body = codec.decode(black_box(body)).expect("the body is well formed");
    let mut m = Members::new(&body, codec).expect("the body is a map");
    let records = m.list("Records", "PutRecordsRequestEntry").length(1, 500).required(entry);
    m.finish().expect("the request is valid");
    records.iter().map(|(_, data)| data.len()).sum()
}
