//! Which policies are taken, and what is said of the others?

use serde_json::{Value, json};

use super::*;

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";

/// A policy that is taken, for one to be spoilt.
fn sound() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "readers",
        "Effect": "Allow",
        "Principal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:role/reader"]},
        "Action": ["kinesis:GetRecords", "kinesis:GetShardIterator"],
        "Resource": STREAM,
    }]})
}

/// The same with one member of its statement another, or gone.
fn with(member: &str, value: Value) -> Value {
    let mut policy = sound();
    let statement = policy["Statement"][0].as_object_mut().unwrap();
    statement.remove(member);
    if !value.is_null() {
        statement.insert(member.to_owned(), value);
    }
    policy
}

/// What is said of a policy, by exception and text.
fn judged(policy: &str, kind: ResourceKind) -> Result<(), (&'static str, String)> {
    let document = PolicyDocument::parse(policy).and_then(|document| document.require_about(kind, STREAM));
    document.map_err(|error| (error.code, error.message.unwrap_or_default()))
}

fn is_taken(policy: &Value) -> bool {
    judged(&policy.to_string(), ResourceKind::Stream).is_ok()
}

#[test]
fn every_form_of_the_language_is_taken() {
    assert!(is_taken(&sound()));
    let condition =
        json!({"StringEquals": {"aws:SourceAccount": ["1", "2"]}, "Bool": {"aws:SecureTransport": true}});
    for (member, value) in [
        ("Effect", json!("Deny")),
        ("Sid", Value::Null),
        ("Principal", json!("*")),
        ("Principal", json!({"AWS": "*"})),
        ("Principal", json!({"AWS": "arn:aws:iam::111122223333:root"})),
        ("Principal", json!({"AWS": "arn:aws-cn:iam::111122223333:user/path/name"})),
        ("Principal", json!({"AWS": "arn:aws:sts::111122223333:assumed-role/role/session"})),
        ("Action", json!("kinesis:*")),
        ("Action", json!("*")),
        ("Action", json!("KINESIS:putrecord")),
        ("Action", json!(["kinesis:Describe*", "kinesis:PutRecord?"])),
        ("Resource", json!([STREAM, "arn:aws:kinesis:*:000000000000:stream/ord*", "*"])),
        ("Condition", condition),
    ] {
        let policy = with(member, value);
        assert!(is_taken(&policy), "{policy}");
    }
    let mut single = sound();
    single["Statement"] = single["Statement"][0].take();
    single["Version"] = json!("2008-10-17");
    single["Id"] = json!("mine");
    assert!(is_taken(&single), "{single}");
}

#[test]
fn what_is_no_policy_is_refused() {
    let (mut old, mut none, mut more) = (sound(), sound(), sound());
    old["Version"] = json!("2012");
    none["Statement"] = json!([]);
    more["Comment"] = json!("x");
    let mut unversioned = sound();
    unversioned.as_object_mut().unwrap().remove("Version");
    let statement = ["readers", "Allow", "*", "kinesis:*", STREAM];
    let mut refused = vec![old, none, more, unversioned, json!({}), json!(7), json!("text")];
    refused.push(json!(["2012-10-17", null, sound()["Statement"]]));
    refused.push(json!({"Version": "2012-10-17", "Statement": [statement]}));
    for (member, value) in [
        ("Effect", Value::Null),
        ("Effect", json!("allow")),
        ("Principal", Value::Null),
        ("Principal", json!("111122223333")),
        ("Principal", json!(["*"])),
        ("Principal", json!({"AWS": []})),
        ("Principal", json!({"AWS": "11112222333"})),
        ("Principal", json!({"AWS": "arn:aws:iam::111122223333:role/*"})),
        ("Principal", json!({"AWS": "arn:aws:iam::111122223333:role/"})),
        ("Principal", json!({"AWS": "arn:aws:iam:us-east-1:111122223333:root"})),
        ("Principal", json!({"AWS": "arn:aws:s3::111122223333:root"})),
        ("Principal", json!({"Service": "lambda.amazonaws.com"})),
        ("Action", Value::Null),
        ("Action", json!([])),
        ("Action", json!(5)),
        ("Resource", Value::Null),
        ("Resource", json!([])),
        ("NotAction", json!("kinesis:PutRecord")),
        ("Condition", json!("never")),
        ("Condition", json!({"StringEquals": {"aws:SourceAccount": {"a": "b"}}})),
        ("Condition", json!({"StringEquals": {"aws:SourceAccount": [null]}})),
    ] {
        refused.push(with(member, value));
    }
    for policy in refused {
        let told = judged(&policy.to_string(), ResourceKind::Stream);
        assert_eq!(told.map_err(|(code, _)| code), Err("ValidationException"), "{policy}");
    }
}

#[test]
fn a_member_given_twice_is_refused() {
    let twice = sound().to_string().replacen("\"Effect\"", "\"Effect\":\"Deny\",\"Effect\"", 1);
    let (code, text) = judged(&twice, ResourceKind::Stream).unwrap_err();
    assert!(code == "ValidationException" && text.contains("duplicate field `Effect`"), "{text}");
}

#[test]
fn a_policy_has_a_size() {
    let policy = sound().to_string();
    let padded = |bytes: usize| policy.clone() + &" ".repeat(bytes - policy.len());
    assert_eq!(judged(&padded(limits::POLICY_BYTES_MAX), ResourceKind::Stream), Ok(()));
    let (code, text) = judged(&padded(limits::POLICY_BYTES_MAX + 1), ResourceKind::Stream).unwrap_err();
    assert_eq!(
        (code, text.as_str()),
        ("ValidationException", "The policy is not valid: it is larger than 20480 bytes.")
    );
}

#[test]
fn actions_belong_to_the_kind_of_resource() {
    let told = |action: &str, kind| judged(&with("Action", json!(["kinesis:*", action])).to_string(), kind);
    for kind in [ResourceKind::Stream, ResourceKind::Consumer] {
        for action in STREAM_ACTIONS {
            assert_eq!(told(action, kind).is_ok(), kind == ResourceKind::Stream, "{action} {kind:?}");
        }
        for action in CONSUMER_ACTIONS {
            assert_eq!(told(action, kind).is_ok(), kind == ResourceKind::Consumer, "{action} {kind:?}");
        }
        for action in ["kinesis:DeleteStream", "kinesis:Delete*", "s3:*", "PutRecord", ""] {
            let (code, text) = told(action, kind).unwrap_err();
            let expected =
                format!("The action {action} is not one the policy of a {} can be about.", kind.as_str());
            assert_eq!((code, text), ("InvalidArgumentException", expected));
        }
    }
}

#[test]
fn resources_are_the_one_the_policy_is_for() {
    for other in [format!("{STREAM}2"), format!("{STREAM}/consumer/*"), STREAM.to_uppercase(), String::new()]
    {
        let policy = with("Resource", json!([STREAM, other]));
        let expected = format!("The policy is about the resource {other}, not about {STREAM}.");
        let told = judged(&policy.to_string(), ResourceKind::Stream);
        assert_eq!(told, Err(("InvalidArgumentException", expected)));
    }
}

#[test]
fn patterns_match_as_wildcards_do() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*c", "abbc", true),
        ("a*c", "ac", true),
        ("a*c", "acb", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*ab*ab", "abaab", true),
        ("*ab*ab", "aab", false),
        ("**", "x", true),
        ("x", "*", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
