//! What becomes of a resource's policy? Kept as given, across accounts and restarts, or refused.

use serde_json::{Value, json};

use crate::accounts::{call, create};
use crate::refusal::{ACCOUNT, Refusal, check, server};
use crate::support::kinesis::{Kinesis, text};
use crate::support::wait_for;

const STREAM: &str = "orders";
const OWN_KEY: &str = "AKIDEXAMPLE";
const OTHER_KEY: &str = "111122223333";

fn policy(resource: &str, action: &str) -> String {
    let principal = json!({"AWS": OTHER_KEY});
    let statement =
        json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

fn put(arn: &str, policy: &str) -> Value {
    json!({"ResourceARN": arn, "Policy": policy})
}

fn of(arn: &str) -> Value {
    json!({"ResourceARN": arn})
}

fn policy_of(kinesis: &Kinesis, arn: &str) -> String {
    let output = kinesis.ok("GetResourcePolicy", &of(arn));
    assert_eq!(output.as_object().map(serde_json::Map::len), Some(1), "{output}");
    text(&output, "Policy")
}

#[test]
fn a_policy_is_given_back_as_it_came_until_it_is_deleted_and_survives_a_kill() {
    let (mut server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&stream, "app");
    for arn in [&stream, &consumer] {
        assert_eq!(policy_of(&kinesis, arn), "{}");
    }
    let spaced = policy(&stream, "kinesis:Get*").replace(",\"", " ,\n\t\"").replace("Get*", "Get\\u002a");
    let by_consumer = policy(&consumer, "kinesis:SubscribeToShard");
    assert_eq!(
        kinesis.ok("PutResourcePolicy", &put(&stream, &policy("*", "kinesis:PutRecord"))),
        Value::Null
    );
    kinesis.ok("PutResourcePolicy", &put(&stream, &spaced));
    kinesis.ok("PutResourcePolicy", &put(&consumer, &by_consumer));
    server.kill_9();
    server.restart();
    assert_eq!(policy_of(&kinesis, &stream), spaced);
    assert_eq!(policy_of(&kinesis, &consumer), by_consumer);
    assert_eq!(kinesis.ok("DeleteResourcePolicy", &of(&stream)), Value::Null);
    server.kill_9();
    server.restart();
    assert_eq!(policy_of(&kinesis, &stream), "{}");
    assert_eq!(policy_of(&kinesis, &consumer), by_consumer, "the other's policy is not deleted along");
    let none = format!("No resource policy found for resource ARN {stream}");
    let expected = ("ResourceNotFoundException".to_owned(), none);
    assert_eq!(kinesis.refused("DeleteResourcePolicy", &of(&stream)), expected);
}

#[test]
fn a_policy_goes_with_its_stream() {
    let (_server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    kinesis.ok("PutResourcePolicy", &put(&stream, &policy(&stream, "kinesis:*")));
    kinesis.ok("DeleteStream", &json!({"StreamName": STREAM}));
    kinesis.wait_gone(STREAM);
    kinesis.create(STREAM, 1);
    assert_eq!(policy_of(&kinesis, &stream), "{}");
}

#[test]
fn policies_the_service_does_not_take_are_refused_and_change_nothing() {
    let (server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&stream, "app");
    let kept = policy(&stream, "kinesis:ListShards");
    kinesis.ok("PutResourcePolicy", &put(&stream, &kept));
    let refused = |arn: &str, policy: &str, kind, message: &str| -> Refusal {
        ("PutResourcePolicy", put(arn, policy), kind, message.to_owned())
    };
    let (validation, argument) = ("ValidationException", "InvalidArgumentException");
    let large = policy(&stream, &"*".repeat(20 << 10));
    let foreign = format!("The policy is about the resource {stream}2, not about {stream}.");
    let not_for_stream =
        "The action kinesis:SubscribeToShard is not one the policy of a stream can be about.";
    let not_for_consumer = "The action kinesis:PutRecord is not one the policy of a consumer can be about.";
    let not_json = "The policy is not valid: expected value at line 1 column 1.";
    let empty = "The policy is not valid: missing field `Version` at line 1 column 2.";
    check(
        server.address(),
        &[
            refused(&stream, "allow", validation, not_json),
            refused(&stream, "{}", validation, empty),
            refused(&stream, &large, validation, "The policy is not valid: it is larger than 20480 bytes."),
            refused(&stream, &policy(&format!("{stream}2"), "kinesis:*"), argument, &foreign),
            refused(&stream, &policy(&stream, "kinesis:SubscribeToShard"), argument, not_for_stream),
            refused(&consumer, &policy(&consumer, "kinesis:PutRecord"), argument, not_for_consumer),
        ],
    );
    assert_eq!(policy_of(&kinesis, &stream), kept);
    assert_eq!(policy_of(&kinesis, &consumer), "{}");
}

#[test]
fn members_that_are_missing_or_malformed_are_told_together() {
    let (server, _kinesis) = server("off");
    let null = |member: &str| {
        format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
    };
    let regex = r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+";
    let pattern = format!(
        "Value 'orders' at 'resourceARN' failed to satisfy constraint: Member must satisfy regular expression \
         pattern: {regex}"
    );
    let told = |operation, input, message| -> Refusal { (operation, input, "ValidationException", message) };
    let both = format!("2 validation errors detected: {}; {}", null("resourceARN"), null("policy"));
    let one = |problem: &str| format!("1 validation error detected: {problem}");
    check(
        server.address(),
        &[
            told("PutResourcePolicy", json!({}), both),
            told("GetResourcePolicy", json!({}), one(&null("resourceARN"))),
            told("DeleteResourcePolicy", of("orders"), one(&pattern)),
        ],
    );
}

#[test]
fn what_is_not_there_has_no_policy() {
    let (server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let sibling = |resource: &str| stream.replace("stream/orders", resource);
    let gone = format!("Stream gone under account {ACCOUNT} not found.");
    let no_consumer = format!("Consumer app under stream {STREAM} and account {ACCOUNT} not found.");
    let (queue, channel) = (sibling("queue/abc"), sibling("channel/a-1"));
    for (arn, message) in [
        (sibling("stream/gone"), gone),
        (format!("{stream}/consumer/app:1"), no_consumer),
        (queue.clone(), format!("Resource {queue} not found.")),
        (channel.clone(), format!("Resource {channel} not found.")),
    ] {
        let missing = |operation, input| -> Refusal {
            (operation, input, "ResourceNotFoundException", message.clone())
        };
        let refusals = [
            missing("PutResourcePolicy", put(&arn, &policy(&arn, "kinesis:*"))),
            missing("GetResourcePolicy", of(&arn)),
            missing("DeleteResourcePolicy", of(&arn)),
        ];
        check(server.address(), &refusals);
    }
}

#[test]
fn a_consumer_that_is_not_active_yet_has_no_policy_to_speak_of() {
    let (mut server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    // Consumers stay in CREATING for longer than four calls take.
    server.restart_with(|options| options.extra = vec!["--transition-millis".into(), "10000".into()]);
    let register = json!({"StreamARN": stream, "ConsumerName": "app"});
    let consumer = text(&kinesis.ok("RegisterStreamConsumer", &register)["Consumer"], "ConsumerARN");
    let created = consumer.rsplit(':').next().unwrap();
    let message = format!(
        "Consumer app with creation timestamp {created} under stream {STREAM} and account {ACCOUNT} is not in \
         ACTIVE status."
    );
    let put = put(&consumer, &policy(&consumer, "kinesis:*"));
    for (operation, input) in [
        ("PutResourcePolicy", &put),
        ("GetResourcePolicy", &of(&consumer)),
        ("DeleteResourcePolicy", &of(&consumer)),
    ] {
        let expected = ("ResourceInUseException".to_owned(), message.clone());
        assert_eq!(kinesis.refused(operation, input), expected, "{operation}");
    }
    server.restart_with(|options| options.extra.clear());
    wait_for("an active consumer", || {
        let output = kinesis.ok("DescribeStreamConsumer", &json!({"ConsumerARN": consumer}));
        (output["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE").then_some(())
    });
    kinesis.ok("PutResourcePolicy", &put);
}

#[test]
fn another_account_neither_sees_nor_changes_a_policy() {
    let (server, kinesis) = server("off");
    let [own, other] = [OWN_KEY, OTHER_KEY].map(|key| create(server.address(), key, STREAM));
    let kept = policy(&own, "kinesis:*");
    kinesis.ok("PutResourcePolicy", &put(&own, &kept));
    let as_other = |operation, input| call(server.address(), OTHER_KEY, operation, &input);
    for refused in [
        as_other("PutResourcePolicy", put(&own, &policy(&own, "kinesis:PutRecord"))),
        as_other("GetResourcePolicy", of(&own)),
        as_other("DeleteResourcePolicy", of(&own)),
    ] {
        assert_eq!(refused["__type"], json!("ResourceNotFoundException"), "{refused}");
    }
    assert_eq!(
        as_other("GetResourcePolicy", of(&other)),
        json!({"Policy": "{}"}),
        "its own, of the same name"
    );
    assert_eq!(policy_of(&kinesis, &own), kept);
}
