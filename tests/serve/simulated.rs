//! What happens after five minutes, at the fifth second, between two steps? All in paused time, to the tick.

use std::time::Duration;

use fanlight::types::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use crate::simulated_server::{LIFETIME, Received, STEP, simulated};
use crate::support::kinesis::text;

/// `Thu Jan 22 01:22:02 UTC 2015`.
const ISSUED_MILLIS: u64 = 1_421_889_722_000;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

#[test]
fn does_an_iterator_last_five_minutes_and_no_longer() {
    simulated(async |server| {
        server.create("s").await;
        server.time.set_wall(Timestamp::from_millis(ISSUED_MILLIS));
        let position = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "LATEST"});
        let iterator = server.ok("GetShardIterator", position).await["ShardIterator"].clone();
        let read = json!({"ShardIterator": iterator});
        sleep(FIVE_MINUTES - STEP).await;
        let fresh = server.ok("GetRecords", read.clone()).await["NextShardIterator"].clone();
        sleep(2 * STEP + STEP / 2).await;
        let message = "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now \
                       it is Thu Jan 22 01:27:02 UTC 2015 which is further in the future than the tolerated delay of \
                       300000 milliseconds.";
        let expired = json!({"__type": "ExpiredIteratorException", "message": message});
        assert_eq!(server.call("GetRecords", read).await, (400, expired));
        server.ok("GetRecords", json!({"ShardIterator": fresh})).await;
    });
}

#[test]
fn does_a_page_token_last_five_minutes_and_no_longer() {
    simulated(async |server| {
        server.create("s1").await;
        server.create("s2").await;
        let token = server.ok("ListStreams", json!({"Limit": 1})).await["NextToken"].clone();
        let next = json!({"NextToken": token});
        sleep(FIVE_MINUTES - STEP).await;
        assert_eq!(server.ok("ListStreams", next.clone()).await["StreamNames"], json!(["s2"]));
        sleep(2 * STEP + STEP / 2).await;
        let message = "The NextToken has expired: it was given out over 300 seconds ago.";
        let expired = json!({"__type": "ExpiredNextTokenException", "message": message});
        assert_eq!(server.call("ListStreams", next).await, (400, expired));
    });
}

#[test]
fn does_a_subscription_speak_every_five_seconds_and_end_after_five_minutes() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let consumer = server.register(&arn, "c").await;
        let received = Received::of(server.accept(&consumer).await.expect("accepted"));
        sleep(STEP).await;
        assert_eq!(received.messages(), [("initial-response".to_owned(), json!({}))]);
        let mut last = String::new();
        for count in 1..60 {
            sleep(Duration::from_secs(5)).await;
            let messages = received.messages();
            assert_eq!(messages.len(), count + 1, "after {} s", 5 * count);
            let (kind, event) = &messages[count];
            assert_eq!((kind.as_str(), &event["Records"]), ("SubscribeToShardEvent", &json!([])));
            let continuation = text(event, "ContinuationSequenceNumber");
            assert!(continuation > last, "{continuation} does not follow {last}");
            last = continuation;
            assert!(!received.is_finished());
        }
        sleep(LIFETIME - Duration::from_secs(5 * 59)).await;
        assert!(received.is_finished() && received.messages().len() == 60, "a clean end and nothing else");
    });
}

#[test]
fn does_a_take_over_need_five_seconds() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let consumer = server.register(&arn, "c").await;
        let old = Received::of(server.accept(&consumer).await.expect("accepted"));
        let in_use =
            "Another active subscription exists for this consumer: 000000000000:s:shardId-000000000000:c";
        sleep(Duration::from_secs(5) - 2 * STEP).await;
        let refusal = json!({"__type": "ResourceInUseException", "message": in_use});
        assert_eq!(server.accept(&consumer).await.err(), Some(refusal));
        sleep(3 * STEP).await;
        let new = Received::of(server.accept(&consumer).await.expect("accepted"));
        sleep(STEP).await;
        assert_eq!(
            old.messages().last(),
            Some(&("ResourceInUseException".into(), json!({"message": in_use})))
        );
        assert!(old.is_finished() && !new.is_finished());
    });
}

// Between a subscription's acceptance and its first byte other requests are served: the two tests below.

#[test]
fn does_a_subscription_accepted_before_a_split_and_served_after_it_end() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let consumer = server.register(&arn, "c").await;
        let accepted = server.accept(&consumer).await.expect("accepted");
        let middle = (1_u128 << 127).to_string();
        let split = json!({"StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": middle});
        server.ok("SplitShard", split).await;
        let received = Received::of(accepted);
        sleep(STEP).await;
        assert!(received.is_finished(), "it waits for records of a shard that is closed");
        let messages = received.messages();
        assert_eq!(messages[1].1["ChildShards"].as_array().map(Vec::len), Some(2), "{messages:?}");
    });
}

#[test]
fn does_a_subscription_accepted_before_its_consumer_or_stream_went_and_served_after_it_end() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let (first, second) = (server.register(&arn, "c1").await, server.register(&arn, "c2").await);
        let accepted = server.accept(&first).await.expect("accepted");
        server.ok("DeregisterStreamConsumer", json!({"ConsumerARN": first})).await;
        let received = Received::of(accepted);
        sleep(STEP).await;
        assert!(received.is_finished(), "it serves a consumer that is gone");
        assert_eq!(
            received.messages().last().map(|(kind, _)| kind.as_str()),
            Some("ResourceNotFoundException")
        );
        let accepted = server.accept(&second).await.expect("accepted");
        server.ok("DeleteStream", json!({"StreamName": "s", "EnforceConsumerDeletion": true})).await;
        while server.call("DescribeStream", json!({"StreamName": "s"})).await.0 == 200 {
            sleep(STEP).await;
        }
        let received = Received::of(accepted);
        sleep(STEP).await;
        assert!(received.is_finished(), "it serves a stream that is gone");
        assert_eq!(
            received.messages().last().map(|(kind, _)| kind.as_str()),
            Some("ResourceNotFoundException")
        );
    });
}
