//! What do tags of streams and consumers do? By both families of operations, across accounts and restarts.

use serde_json::{Value, json};

use crate::accounts::{call, create};
use crate::refusal::{ACCOUNT, Refusal, check, server};
use crate::support::kinesis::{Kinesis, text};

const STREAM: &str = "orders";
const OTHER_KEY: &str = "111122223333";

fn listed(kinesis: &Kinesis, arn: &str) -> Value {
    kinesis.ok("ListTagsForResource", &json!({"ResourceARN": arn}))["Tags"].take()
}

#[test]
fn what_is_tagged_is_listed_until_untagged_and_survives_a_kill() {
    let (mut server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&stream, "app");
    kinesis.ok("AddTagsToStream", &json!({"StreamName": STREAM, "Tags": {"b": "2", "a": "1", "c": ""}}));
    kinesis.ok("TagResource", &json!({"ResourceARN": stream, "Tags": {"a": "one", "d": "ü: x"}}));
    kinesis.ok("TagResource", &json!({"ResourceARN": consumer, "Tags": {"team": "blue"}}));
    kinesis.ok("RemoveTagsFromStream", &json!({"StreamARN": stream, "TagKeys": ["b", "unknown"]}));
    kinesis.ok("UntagResource", &json!({"ResourceARN": stream, "TagKeys": ["c"]}));
    server.kill_9();
    server.restart();
    let kinesis = Kinesis { address: server.address() };
    let tags = json!([{"Key": "a", "Value": "one"}, {"Key": "d", "Value": "ü: x"}]);
    assert_eq!(listed(&kinesis, &stream), tags);
    assert_eq!(listed(&kinesis, &consumer), json!([{"Key": "team", "Value": "blue"}]));
    let all = kinesis.ok("ListTagsForStream", &json!({"StreamName": STREAM}));
    assert_eq!(all, json!({"Tags": tags, "HasMoreTags": false}));
}

#[test]
fn a_list_of_tags_comes_in_pages() {
    let (_server, kinesis) = server("off");
    kinesis.create(STREAM, 1);
    let tags: serde_json::Map<_, _> = (0..50).map(|at| (format!("k{at:02}"), json!("v"))).collect();
    kinesis.ok("AddTagsToStream", &json!({"StreamName": STREAM, "Tags": tags}));
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let input = match &after {
            Some(after) => json!({"StreamName": STREAM, "Limit": 20, "ExclusiveStartTagKey": after}),
            None => json!({"StreamName": STREAM, "Limit": 20}),
        };
        let page = kinesis.ok("ListTagsForStream", &input);
        keys.extend(page["Tags"].as_array().unwrap().iter().map(|tag| text(tag, "Key")));
        if page["HasMoreTags"] == json!(false) {
            break;
        }
        after = keys.last().cloned();
    }
    assert_eq!(keys, tags.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn tags_given_along_are_there_from_the_start() {
    let (_server, kinesis) = server("off");
    let created = json!({"StreamName": STREAM, "ShardCount": 1, "Tags": {"b": "2", "a": "1"}});
    kinesis.ok("CreateStream", &created);
    let stream = kinesis.wait_active(STREAM);
    let register = json!({"StreamARN": stream, "ConsumerName": "app", "Tags": {"team": "blue"}});
    let consumer = text(&kinesis.ok("RegisterStreamConsumer", &register)["Consumer"], "ConsumerARN");
    let tag = |key, value| json!({"Key": key, "Value": value});
    assert_eq!(listed(&kinesis, &stream), json!([tag("a", "1"), tag("b", "2")]));
    assert_eq!(listed(&kinesis, &consumer), json!([tag("team", "blue")]));
}

/// What is refused with these tags, whichever operation they come with.
fn refused_tags() -> Vec<(Value, String)> {
    let failed = format!("Failed to add tags to stream {STREAM} under account {ACCOUNT} because");
    let invalid = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, \
                   _ . / = + - % @.";
    let percent = format!(
        "{failed} some tags contained illegal characters. The allowed characters are Unicode letters, \
         white-spaces, '_',',','/','=','+','-','@'."
    );
    let too_many = format!("{failed} a given stream cannot have more than 50 tags associated with it.");
    let reserved = format!("{failed} tag keys must not begin with aws:.");
    let many: serde_json::Map<_, _> = (0..51).map(|at| (format!("k{at}"), json!("v"))).collect();
    let mut refused: Vec<_> = ["a\tb", "a\n", "a,b", "a;b", "a\"", "a#", "\u{0}"]
        .into_iter()
        .flat_map(|bad| [json!({bad: "x"}), json!({"a": bad})])
        .map(|tags| (tags, invalid.to_owned()))
        .collect();
    refused.extend([(json!({"50%": "x"}), percent.clone()), (json!({"a": "5%"}), percent)]);
    refused.extend([(json!(many), too_many), (json!({"aws:owner": "x", "a": "1"}), reserved)]);
    refused
}

#[test]
fn tags_the_service_does_not_take_are_refused_by_every_operation_and_change_nothing() {
    let (server, kinesis) = server("off");
    let elsewhere = kinesis.create("elsewhere", 1);
    let stream = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&stream, "app");
    kinesis.ok("DeleteStream", &json!({"StreamName": "elsewhere"}));
    kinesis.wait_gone("elsewhere");
    let refusals: Vec<Refusal> = refused_tags()
        .into_iter()
        .flat_map(|(tags, message)| {
            [
                ("AddTagsToStream", json!({"StreamName": STREAM, "Tags": tags})),
                ("TagResource", json!({"ResourceARN": stream, "Tags": tags})),
                ("TagResource", json!({"ResourceARN": consumer, "Tags": tags})),
                ("RegisterStreamConsumer", json!({"StreamARN": stream, "ConsumerName": "new", "Tags": tags})),
                ("CreateStream", json!({"StreamName": STREAM, "ShardCount": 1, "Tags": tags})),
            ]
            .map(|(operation, input)| (operation, input, "InvalidArgumentException", message.clone()))
        })
        .collect();
    check(server.address(), &refusals);
    assert_eq!((listed(&kinesis, &stream), listed(&kinesis, &consumer)), (json!([]), json!([])));
    let described = json!({"StreamARN": stream, "ConsumerName": "new"});
    assert_eq!(kinesis.refused("DescribeStreamConsumer", &described).0, "ResourceNotFoundException");
    assert_eq!(
        kinesis.refused("TagResource", &json!({"ResourceARN": elsewhere, "Tags": {"a": "1"}})).0,
        "ResourceNotFoundException"
    );
}

#[test]
fn fifty_tags_are_counted_after_merging() {
    let (_server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let tags: serde_json::Map<_, _> = (0..50).map(|at| (format!("k{at:02}"), json!("v"))).collect();
    kinesis.ok("TagResource", &json!({"ResourceARN": stream, "Tags": tags}));
    kinesis.ok("AddTagsToStream", &json!({"StreamName": STREAM, "Tags": {"k00": "other", "k49": ""}}));
    let one_more = json!({"StreamName": STREAM, "Tags": {"k00": "v", "new": "v"}});
    assert_eq!(kinesis.refused("AddTagsToStream", &one_more).0, "InvalidArgumentException");
    let all = listed(&kinesis, &stream);
    assert_eq!(all.as_array().map(Vec::len), Some(50));
    assert_eq!(all[0], json!({"Key": "k00", "Value": "other"}), "a refused change is not made in part");
    kinesis.ok("RemoveTagsFromStream", &json!({"StreamName": STREAM, "TagKeys": ["k01"]}));
    kinesis.ok("AddTagsToStream", &one_more);
}

#[test]
fn spaces_and_letters_of_every_script_are_taken() {
    let (_server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    for tag in ["a b", "a\u{a0}b", "\u{3000}", "größe", "価格", "٣", "_.:/=+-@", "AWS:x", "xaws:"] {
        kinesis.ok("TagResource", &json!({"ResourceARN": stream, "Tags": {tag: tag}}));
        assert_eq!(listed(&kinesis, &stream), json!([{"Key": tag, "Value": tag}]));
        kinesis.ok("UntagResource", &json!({"ResourceARN": stream, "TagKeys": [tag]}));
    }
}

#[test]
fn what_is_not_there_or_not_named_has_no_tags() {
    let (server, kinesis) = server("off");
    let stream = kinesis.create(STREAM, 1);
    let missing =
        |operation, input, message| -> Refusal { (operation, input, "ResourceNotFoundException", message) };
    let argument = |operation, input, message: &str| -> Refusal {
        (operation, input, "InvalidArgumentException", message.to_owned())
    };
    let mut refusals: Vec<_> = ["queue/abc", "channel/a-1"]
        .into_iter()
        .flat_map(|resource| {
            let arn = stream.replace("stream/orders", resource);
            let message = format!("Resource {arn} not found.");
            [
                missing("TagResource", json!({"ResourceARN": arn, "Tags": {"a": "1"}}), message.clone()),
                missing("UntagResource", json!({"ResourceARN": arn, "TagKeys": ["a"]}), message.clone()),
                missing("ListTagsForResource", json!({"ResourceARN": arn}), message),
            ]
        })
        .collect();
    let gone = format!("Stream none under account {ACCOUNT} not found.");
    let no_consumer = format!("Consumer app under stream {STREAM} and account {ACCOUNT} not found.");
    let (unnamed, torn) = (
        "Either StreamName or StreamARN must be provided.",
        "StreamName and StreamARN name different streams.",
    );
    refusals.extend([
        missing("ListTagsForStream", json!({"StreamName": "none"}), gone.clone()),
        missing("AddTagsToStream", json!({"StreamName": "none", "Tags": {"a": "1"}}), gone.clone()),
        missing("RemoveTagsFromStream", json!({"StreamName": "none", "TagKeys": ["a"]}), gone),
        missing(
            "ListTagsForResource",
            json!({"ResourceARN": format!("{stream}/consumer/app:1")}),
            no_consumer,
        ),
        argument("ListTagsForStream", json!({}), unnamed),
        argument("ListTagsForStream", json!({"StreamName": "none", "StreamARN": stream}), torn),
    ]);
    check(server.address(), &refusals);
}

#[test]
fn members_out_of_bounds_are_told() {
    let (server, kinesis) = server("off");
    kinesis.create(STREAM, 1);
    let keys: Vec<_> = (0..51).map(|at| format!("k{at}")).collect();
    let printed = keys.join(", ");
    let told = |operation, input, problem: String| -> Refusal {
        let message = format!("1 validation error detected: {problem}");
        (operation, input, "ValidationException", message)
    };
    let of = |members: Value| {
        let mut input = members;
        input["StreamName"] = json!(STREAM);
        input
    };
    let failed = "failed to satisfy constraint: Member must";
    let long = "k".repeat(129);
    check(
        server.address(),
        &[
            told(
                "AddTagsToStream",
                of(json!({"Tags": {}})),
                format!("Value '{{}}' at 'tags' {failed} have length greater than or equal to 1"),
            ),
            told("AddTagsToStream", of(json!({})), format!("Value null at 'tags' {failed} not be null")),
            told(
                "RemoveTagsFromStream",
                of(json!({})),
                format!("Value null at 'tagKeys' {failed} not be null"),
            ),
            told(
                "RemoveTagsFromStream",
                of(json!({"TagKeys": keys})),
                format!("Value '[{printed}]' at 'tagKeys' {failed} have length less than or equal to 50"),
            ),
            told(
                "ListTagsForStream",
                of(json!({"Limit": 51})),
                format!("Value '51' at 'limit' {failed} have value less than or equal to 50"),
            ),
            told(
                "ListTagsForStream",
                of(json!({"Limit": 0})),
                format!("Value '0' at 'limit' {failed} have value greater than or equal to 1"),
            ),
            told(
                "ListTagsForStream",
                of(json!({"ExclusiveStartTagKey": long})),
                format!(
                    "Value '{long}' at 'exclusiveStartTagKey' {failed} have length less than or equal to 128"
                ),
            ),
        ],
    );
}

#[test]
fn another_account_neither_sees_nor_changes_tags() {
    let (server, kinesis) = server("off");
    let own = create(server.address(), "AKIDEXAMPLE", STREAM);
    let other = create(server.address(), OTHER_KEY, STREAM);
    kinesis.ok("TagResource", &json!({"ResourceARN": own, "Tags": {"a": "1"}}));
    let as_other = |operation, input| call(server.address(), OTHER_KEY, operation, &input);
    for refused in [
        as_other("ListTagsForResource", json!({"ResourceARN": own})),
        as_other("TagResource", json!({"ResourceARN": own, "Tags": {"a": "2"}})),
        as_other("UntagResource", json!({"ResourceARN": own, "TagKeys": ["a"]})),
        as_other("ListTagsForStream", json!({"StreamARN": own})),
    ] {
        assert_eq!(refused["__type"], json!("ResourceNotFoundException"), "{refused}");
    }
    let by_name = as_other("ListTagsForStream", json!({"StreamName": STREAM}));
    assert_eq!(by_name, json!({"Tags": [], "HasMoreTags": false}), "its own stream of the same name");
    as_other("TagResource", json!({"ResourceARN": other, "Tags": {"b": "2"}}));
    assert_eq!(listed(&kinesis, &own), json!([{"Key": "a", "Value": "1"}]));
}
