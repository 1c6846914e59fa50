//! What do tags of streams and consumers do? By both families of operations, across accounts and restarts.

use serde_json::{Value, json};

use crate::refusal::{check, server};
use crate::support::kinesis::{Kinesis, text};

const STREAM: &str = "orders";

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
fn tags_the_service_does_not_take_are_refused_and_change_nothing() {
    let (server, kinesis) = server("off");
    let arn = kinesis.create(STREAM, 1);
    let failed = format!("Failed to add tags to stream {STREAM} under account 000000000000 because");
    let invalid = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, \
                   _ . / = + - % @.";
    let percent = format!(
        "{failed} some tags contained illegal characters. The allowed characters are Unicode letters, \
         white-spaces, '_',',','/','=','+','-','@'."
    );
    let too_many = format!("{failed} a given stream cannot have more than 50 tags associated with it.");
    let many: serde_json::Map<_, _> = (0..51).map(|at| (format!("k{at}"), json!("v"))).collect();
    let add = |tags: Value| json!({"StreamName": STREAM, "Tags": tags});
    let argument =
        |operation, input, message: &str| (operation, input, "InvalidArgumentException", message.to_owned());
    check(
        server.address(),
        &[
            argument("AddTagsToStream", add(json!({"a\tb": "x"})), invalid),
            argument("AddTagsToStream", add(json!({"a": "x;y"})), invalid),
            argument("TagResource", json!({"ResourceARN": arn, "Tags": {"a": "5%"}}), &percent),
            argument("AddTagsToStream", add(json!(many)), &too_many),
            argument("CreateStream", json!({"StreamName": "new", "Tags": {"a;": "x"}}), invalid),
            (
                "ListTagsForStream",
                json!({"StreamName": "none"}),
                "ResourceNotFoundException",
                "Stream none under account 000000000000 not found.".to_owned(),
            ),
        ],
    );
    assert_eq!(listed(&kinesis, &arn), json!([]));
}
