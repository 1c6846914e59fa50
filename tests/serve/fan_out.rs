//! What does a subscriber of enhanced fan-out receive? Over HTTP/2, with windows as small as clients choose.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{STREAM, Stage, numbers};
use crate::support::block_on;
use crate::support::efo::{Connection, DEFAULT_WINDOW, Event, Windows, at, at_number};
use crate::support::kinesis::{Record, shard_id, text};

/// The least window HTTP/2 clients of the service choose.
const SMALL_WINDOW: u32 = 16_384;

#[test]
fn does_a_subscription_answer_at_once_and_then_push_records() {
    let stage = Stage::set(1, &[]);
    let consumer = stage.consumer("first");
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let before = Instant::now();
        // Nothing is there to send: the initial response comes alone, far earlier than the first idle event.
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        assert!(before.elapsed() < Duration::from_secs(5), "it waited for something");
        let number = stage.put(b'x', 5);
        let event = subscription.event().await;
        assert_eq!(event["Records"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (text(&event["Records"][0], "SequenceNumber"), &event["MillisBehindLatest"]),
            (number, &json!(0))
        );
        assert!(
            event.get("ChildShards").is_none() && event["Records"][0].get("EncryptionType").is_none(),
            "{event}"
        );
    });
}

#[test]
fn does_an_idle_subscription_speak_every_five_seconds_and_advance() {
    let stage = Stage::set(1, &[]);
    let (consumer, other) = (stage.consumer("idle"), stage.consumer("other"));
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        let began = Instant::now();
        let (first, second) = (subscription.event().await, subscription.event().await);
        assert!(
            began.elapsed() >= Duration::from_millis(9_500),
            "idle events came after {:?}",
            began.elapsed()
        );
        let continuations = [&first, &second].map(|event| text(event, "ContinuationSequenceNumber"));
        assert!(continuations[0] < continuations[1], "{continuations:?}");
        for event in [&first, &second] {
            assert_eq!((&event["Records"], &event["MillisBehindLatest"]), (&json!([]), &json!(0)));
        }
        let number = stage.put(b'x', 1);
        assert!(continuations[1] < number, "a record's number follows every continuation given before it");
        assert_eq!(subscription.records(1).await.0[0].number, number);
        // Both kinds of position take a number no record has.
        let at_it = at_number("AT_SEQUENCE_NUMBER", &continuations[0]);
        let mut subscription = connection.subscribe(&other, &shard_id(0), at_it).await;
        assert_eq!(subscription.records(1).await.0[0].number, number);
        let after = at_number("AFTER_SEQUENCE_NUMBER", &continuations[1]);
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), after).await;
        assert_eq!(subscription.records(1).await.0[0].number, number);
    });
}

#[test]
fn does_resubscribing_with_the_continuation_lose_or_double_anything() {
    // Six seconds: a consumer may not come back within five.
    let stage = Stage::set(1, &["--subscription-secs", "6"]);
    let consumer = stage.consumer("steady");
    let mut written = Vec::new();
    let received = block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let (mut received, mut position) = (Vec::new(), at("TRIM_HORIZON"));
        for _ in 0..2 {
            let mut subscription = connection.subscribe(&consumer, &shard_id(0), position.clone()).await;
            loop {
                if written.len() < 2_000 {
                    written.push(stage.put(b'x', 100));
                }
                match subscription.next().await {
                    Some(Event::Records(event)) => {
                        position =
                            at_number("AFTER_SEQUENCE_NUMBER", &text(&event, "ContinuationSequenceNumber"));
                        received.extend(Record::read_all(&event));
                    }
                    None => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        let missing = written.len() - received.len();
        if missing > 0 {
            let mut subscription = connection.subscribe(&consumer, &shard_id(0), position).await;
            received.extend(subscription.records(missing).await.0);
        }
        received
    });
    assert!(written.len() > 2, "the subscriptions ended before anything was written");
    assert_eq!(numbers(&received), written);
}

#[test]
fn where_does_each_starting_position_begin() {
    let stage = Stage::set(1, &[]);
    let written: Vec<_> = (0..4).map(|byte| stage.put(byte, 10)).collect();
    let arrival = |index: usize| {
        let input =
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": written[index]});
        let iterator = stage.kinesis.iterator(STREAM, &shard_id(0), input);
        let output = stage.kinesis.ok("GetRecords", &json!({"ShardIterator": iterator, "Limit": 1}));
        output["Records"][0]["ApproximateArrivalTimestamp"].clone()
    };
    let (oldest, third) = (arrival(0), arrival(2));
    // Records of one millisecond are all at its time.
    let at_third = (0..4).position(|index| arrival(index) == third).expect("the third is at its own time");
    let at_time = |time: &Value| json!({"Type": "AT_TIMESTAMP", "Timestamp": time});
    let before_all = json!(oldest.as_f64().expect("a number") - 3600.0);
    let cases = [
        (at("TRIM_HORIZON"), 0),
        (at_number("AT_SEQUENCE_NUMBER", &written[1]), 1),
        (at_number("AFTER_SEQUENCE_NUMBER", &written[1]), 2),
        (at_number("AT_SEQUENCE_NUMBER", "0"), 0),
        (at_time(&third), at_third),
        (at_time(&before_all), 0),
        (at("LATEST"), 4),
    ];
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let mut open = Vec::new();
        for (index, (position, first)) in cases.into_iter().enumerate() {
            let consumer = stage.consumer(&format!("c{index}"));
            let described = position.to_string();
            open.push((connection.subscribe(&consumer, &shard_id(0), position).await, first, described));
        }
        let last = stage.put(b'l', 10);
        let expected = [written, vec![last]].concat();
        for (mut subscription, first, position) in open {
            let (records, _) = subscription.records(expected.len() - first).await;
            assert_eq!(numbers(&records), expected[first..], "{position}");
        }
    });
}

#[test]
fn do_small_windows_take_records_larger_than_they_are() {
    let stage = Stage::set(1, &[]);
    let sizes = [1_000_000, 10, 200_000, 70_000];
    let before: Vec<_> = sizes.iter().map(|&bytes| stage.put(b'a', bytes)).collect();
    for window in [DEFAULT_WINDOW, SMALL_WINDOW] {
        let consumer = stage.consumer(&format!("w{window}"));
        block_on(async {
            let windows = Windows { stream: window, connection: DEFAULT_WINDOW };
            let connection = Connection::open(stage.server.address(), windows).await;
            // Both ways: read from the log, and pushed as it is committed.
            let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("TRIM_HORIZON")).await;
            let (records, _) = subscription.records(before.len()).await;
            assert_eq!(numbers(&records)[..before.len()], before);
            let live: Vec<_> = sizes.iter().map(|&bytes| stage.put(b'b', bytes)).collect();
            let mut rest = records[before.len()..].to_vec();
            while rest.last().map(|it| &it.number) != live.last() {
                rest.extend(subscription.records(1).await.0);
            }
            assert!(numbers(&rest).ends_with(&live.iter().map(String::as_str).collect::<Vec<_>>()));
            let tail = &rest[rest.len() - sizes.len()..];
            assert!(tail.iter().zip(sizes).all(|(it, bytes)| it.data == vec![b'b'; bytes]));
        });
    }
}

#[test]
fn does_one_stalled_subscription_hold_up_the_others_of_its_connection() {
    let stage = Stage::set(1, &[]);
    let consumers: Vec<_> = (0..9).map(|index| stage.consumer(&format!("c{index}"))).collect();
    block_on(async {
        let connection = stage.connect(SMALL_WINDOW).await;
        let mut open = Vec::new();
        for consumer in &consumers {
            open.push(connection.subscribe(consumer, &shard_id(0), at("LATEST")).await);
        }
        let mut stalled = open.remove(0);
        let mut written = Vec::new();
        for round in 0..40 {
            written.push(stage.put(b'r', 1_000 + round * 1_000));
            for subscription in &mut open {
                assert_eq!(subscription.records(1).await.0[0].number, written[round]);
            }
        }
        // Once it reads again, it gets everything it left lying.
        let (late, _) = stalled.records(written.len()).await;
        assert_eq!(numbers(&late), written);
    });
}
