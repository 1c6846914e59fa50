//! How do subscriptions begin and end, other than by their shard's end? Who is refused, who is replaced, and
//! what is the last thing a subscriber hears.

use serde_json::json;

use crate::stage::{STREAM, Stage};
use crate::support::block_on;
use crate::support::efo::{DEFAULT_WINDOW, Event, at, at_number};
use crate::support::kinesis::{shard_id, text};

#[test]
fn how_does_a_subscription_end_when_its_consumer_or_stream_goes() {
    let stage = Stage::set(1, &[]);
    let (leaving, staying) = (stage.consumer("leaving"), stage.consumer("staying"));
    let gone = |event: Option<Event>, name: &str| {
        let Some(Event::Exception(kind, text)) = event else { panic!("not an exception: {event:?}") };
        let label = format!(" not found: 000000000000:{STREAM}:{}:{name}", shard_id(0));
        assert_eq!((&*kind, text.ends_with(&label)), ("ResourceNotFoundException", true), "{text}");
    };
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let mut first = connection.subscribe(&leaving, &shard_id(0), at("LATEST")).await;
        let mut second = connection.subscribe(&staying, &shard_id(0), at("LATEST")).await;
        stage.kinesis.ok("DeregisterStreamConsumer", &json!({"ConsumerARN": leaving}));
        gone(first.next().await, "leaving");
        assert_eq!(first.next().await, None);
        stage.put(b'x', 1);
        assert_eq!(second.records(1).await.0.len(), 1, "the other consumer is not concerned");
        let enforced = json!({"StreamName": STREAM, "EnforceConsumerDeletion": true});
        stage.kinesis.ok("DeleteStream", &enforced);
        gone(second.next().await, "staying");
        assert_eq!(second.next().await, None);
    });
}

#[test]
fn how_does_a_subscription_end_when_the_server_is_stopped() {
    let mut stage = Stage::set(1, &[]);
    let consumer = stage.consumer("resident");
    let number = block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        let number = stage.put(b'x', 1);
        stage.server.begin_to_terminate();
        assert_eq!(subscription.records(1).await.0[0].number, number);
        assert_eq!(subscription.next().await, None, "a clean end, so that the client comes back");
        number
    });
    stage.server.terminate();
    stage.server.restart();
    assert_eq!(stage.kinesis.read_shard(STREAM, &shard_id(0))[0].number, number);
}

#[test]
fn who_may_subscribe_when() {
    let stage = Stage::set(2, &["--transition-millis", "3000"]);
    let registered = json!({"StreamARN": stage.arn, "ConsumerName": "early"});
    let output = stage.kinesis.ok("RegisterStreamConsumer", &registered);
    let early = text(&output["Consumer"], "ConsumerARN");
    let created = early.rsplit(':').next().expect("an ARN ends in its creation time");
    let refused = |kind: &str, message: String| (400, json!({"__type": kind, "message": message}));
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let attempt = connection.try_subscribe(&early, &shard_id(0), at("LATEST")).await.err();
        let creating = format!(
            "Consumer early with creation timestamp {created} under stream {STREAM} and account 000000000000 is not in \
             ACTIVE status."
        );
        assert_eq!(attempt, Some(refused("ResourceInUseException", creating)));
        let consumer = stage.consumer("prompt");
        let subscription = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        let again = |cancelled| {
            let (connection, consumer) = (connection.clone(), consumer.clone());
            async move {
                let refusal = connection.try_subscribe(&consumer, &shard_id(0), at("LATEST")).await.err();
                let label = format!("000000000000:{STREAM}:{}:prompt", shard_id(0));
                let text = format!("Another active subscription exists for this consumer: {label}");
                assert_eq!(refusal, Some(refused("ResourceInUseException", text)), "cancelled: {cancelled}");
            }
        };
        again(false).await;
        // Giving it up does not help: the five seconds count from its beginning.
        subscription.cancel().await;
        again(true).await;
        // Another shard is another subscription.
        connection.subscribe(&consumer, &shard_id(1), at("LATEST")).await;
    });
}

#[test]
fn does_a_second_subscription_take_over_after_five_seconds() {
    let stage = Stage::set(1, &[]);
    let consumer = stage.consumer("moving");
    block_on(async {
        let connection = stage.connect(DEFAULT_WINDOW).await;
        let mut old = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        // The first idle event comes five seconds after the acceptance.
        let event = old.event().await;
        let continuation = text(&event, "ContinuationSequenceNumber");
        let position = at_number("AFTER_SEQUENCE_NUMBER", &continuation);
        let mut new = connection.subscribe(&consumer, &shard_id(0), position).await;
        let label = format!("000000000000:{STREAM}:{}:moving", shard_id(0));
        let text = format!("Another active subscription exists for this consumer: {label}");
        assert_eq!(old.next().await, Some(Event::Exception("ResourceInUseException".into(), text)));
        assert_eq!(old.next().await, None);
        let number = stage.put(b'x', 1);
        assert_eq!(new.records(1).await.0[0].number, number);
    });
}
