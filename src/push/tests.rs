//! What a consumer relies on, asked of the pure parts.

use std::time::Duration;

use super::*;
use crate::shard_log::{BatchBuilder, Link, Record};
use crate::throttle::TokenBucket;
use crate::types::{HashKey, HashKeyRange, Instant, LogId, Offset, ShardId, Timestamp};

const IDENTITY: ShardIdentity = ShardIdentity { shard: ShardId(3), created_secs: 1_777_319_237 };
const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn view(tip: u64, millis: u64) -> View {
    View { tip: Offset(tip), closed: false, room: 1 << 20, now: at(millis) }
}

fn payload_of(message: &bytes::Bytes) -> serde_json::Value {
    let (decoded, len) = crate::wire::event_stream::Message::decode(message).unwrap().unwrap();
    assert_eq!(len, message.len());
    assert_eq!(decoded.header(":event-type"), Some("SubscribeToShardEvent"));
    serde_json::from_slice(decoded.payload).unwrap()
}

#[test]
fn an_idle_event_has_the_size_the_service_sends() {
    let event =
        EventEncoder::begin(IDENTITY, Offset(9), Timestamp::from_millis(1_777_319_300_000), 0, (0, 0));
    assert_eq!(event.finish().len(), 242);
}

#[test]
fn an_event_carries_its_records_and_where_to_go_on() {
    let mut builder = BatchBuilder::default();
    builder.push("schlüssel \"1\"".as_bytes(), b"payload", Timestamp::from_millis(1_777_319_300_007));
    let batch = builder.seal(LogId(1), Offset(4), 1, Link::default());
    let record: Record = batch.records().next().unwrap();
    let mut event = EventEncoder::begin(IDENTITY, batch.end(), batch.last_arrival(), 12, (1, 100));
    event.record(&record);
    let event = payload_of(&event.finish());
    assert_eq!(event["MillisBehindLatest"], 12);
    let sent = &event["Records"][0];
    assert_eq!(sent["Data"], "cGF5bG9hZA==");
    assert_eq!(sent["PartitionKey"], "schlüssel \"1\"");
    assert_eq!(sent["ApproximateArrivalTimestamp"], 1_777_319_300.007);
    let number = sent["SequenceNumber"].as_str().unwrap();
    let continuation = event["ContinuationSequenceNumber"].as_str().unwrap();
    let next = IDENTITY.sequence_number(Offset(5), Timestamp::default()).to_string();
    assert!(number < continuation && continuation < next.as_str());
}

#[test]
fn an_event_brought_up_to_date_is_the_one_encoded_then() {
    let mut builder = BatchBuilder::default();
    builder.push(b"a", b"one", Timestamp::from_millis(1_777_319_300_007));
    builder.push(b"b", b"two", Timestamp::from_millis(1_777_319_300_009));
    let batch = builder.seal(LogId(1), Offset(4), 1, Link::default());
    let begun = |behind| EventEncoder::begin(IDENTITY, batch.end(), batch.last_arrival(), behind, (2, 8));
    let encoded = |behind| {
        let mut event = begun(behind);
        batch.records().for_each(|record| event.record(&record));
        (event.records_at(), event.finish())
    };
    let (records_at, before) = encoded(0);
    let mut now = begun(51_000);
    now.encoded_records(&before[records_at]);
    assert_eq!(now.finish(), encoded(51_000).1);
}

#[test]
fn the_final_event_names_all_parents_and_no_continuation() {
    let range = HashKeyRange { start: HashKey(0), end: HashKey(u128::MAX) };
    let child = ChildShard { id: ShardId(2), parents: vec![ShardId(0), ShardId(1)], range };
    let event = payload_of(&EventEncoder::begin_final(IDENTITY).finish_final(&[child]));
    assert!(event.get("ContinuationSequenceNumber").is_none());
    assert_eq!(event["Records"], serde_json::json!([]));
    assert_eq!(event["ChildShards"][0]["ShardId"], "shardId-000000000002");
    let parents = serde_json::json!(["shardId-000000000000", "shardId-000000000001"]);
    assert_eq!(event["ChildShards"][0]["ParentShards"], parents);
    assert_eq!(event["ChildShards"][0]["HashKeyRange"]["EndingHashKey"], u128::MAX.to_string());
}

#[test]
fn at_the_tip_it_is_offered_commits_and_speaks_every_five_seconds() {
    let mut subscription = Subscription::new(Offset(10), None, FIVE_MINUTES, at(0));
    assert_eq!(subscription.step(view(10, 0)), Step::Wait(at(5000)));
    assert!(subscription.offer(Offset(10), 100, at(3000)));
    subscription.took(Offset(11), at(3000));
    assert_eq!(subscription.step(view(11, 5000)), Step::Wait(at(8000)));
    assert_eq!(subscription.step(view(11, 8000)), Step::Idle);
    assert_eq!(subscription.step(view(11, 300_000)), Step::End(Ending::Expired));
}

#[test]
fn a_stalled_reader_is_read_nothing_for_and_still_ends_in_time() {
    let mut subscription = Subscription::new(Offset(0), None, FIVE_MINUTES, at(0));
    let stalled = View { room: 0, ..view(500, 1000) };
    assert_eq!(subscription.step(stalled), Step::WaitForRoom(at(300_000)));
    assert!(!subscription.offer(Offset(500), 100, at(1001)), "who is behind is not offered commits");
    let narrow = View { room: 4096, ..view(500, 2000) };
    assert_eq!(subscription.step(narrow), Step::Read { from: Offset(0), max_bytes: 3072 });
}

#[test]
fn who_misses_a_commit_reads_it_and_comes_back_to_the_tip() {
    let mut subscription = Subscription::new(Offset(0), None, FIVE_MINUTES, at(0));
    subscription.step(view(0, 0));
    assert!(subscription.offer(Offset(0), 10, at(1)));
    subscription.declined(10);
    assert!(!subscription.offer(Offset(1), 10, at(2)), "order: the missed commit comes first");
    assert!(matches!(subscription.step(view(2, 3)), Step::Read { from: Offset(0), .. }));
    subscription.sent(Offset(2), 20, at(3));
    assert!(matches!(subscription.step(view(2, 3)), Step::Wait(_)));
    assert!(subscription.offer(Offset(2), 10, at(4)));
}

#[test]
fn a_closed_shard_ends_only_when_all_was_sent() {
    let mut subscription = Subscription::new(Offset(0), None, FIVE_MINUTES, at(0));
    let closed = View { closed: true, ..view(3, 0) };
    assert!(matches!(subscription.step(closed), Step::Read { .. }));
    subscription.sent(Offset(3), 30, at(0));
    assert_eq!(subscription.step(closed), Step::ShardEnd);
}

/// Over every window the quota holds: rate times time, one second's burst and one event.
#[test]
fn catching_up_gets_the_quota_and_not_more() {
    let rate = 2u64 << 20;
    let quota = TokenBucket::full(rate, rate, at(0));
    let mut subscription = Subscription::new(Offset(0), Some(quota), FIVE_MINUTES, at(0));
    let (mut millis, mut offset, mut sent_late) = (0, 0u64, 0u64);
    while millis < 21_000 {
        match subscription.step(view(u64::MAX, millis)) {
            Step::Read { max_bytes, .. } => {
                offset += 1;
                subscription.sent(Offset(offset), max_bytes, at(millis));
                sent_late += if millis >= 1000 { max_bytes as u64 } else { 0 };
            }
            Step::WaitForQuota(until) => millis = (until.as_nanos() / 1_000_000).max(millis + 1),
            other => panic!("{other:?}"),
        }
    }
    let share = sent_late as f64 / (20.0 * rate as f64);
    assert!((0.95..=1.0).contains(&share), "{share}");
}
