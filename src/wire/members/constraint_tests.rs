//! Every constraint with the text it is told in.

use super::*;

const NAMES: &[&str] = &["AFTER_SEQUENCE_NUMBER", "LATEST"];

/// What is said about the body `json` when its members are declared so.
fn said(json: &str, declare: impl FnOnce(&mut Members<'_, '_>)) -> Option<String> {
    let body = bytes::Bytes::from(json.to_owned());
    let value = Codec::Json.decode(&body).unwrap();
    let mut m = Members::new(&value, Codec::Json).unwrap();
    declare(&mut m);
    match m.finish() {
        Ok(()) => None,
        Err(InputError::Validation(message)) => Some(message),
        Err(other) => panic!("{other:?}"),
    }
}

/// The same for one violation, without what they all start with.
fn one(json: &str, declare: impl FnOnce(&mut Members<'_, '_>)) -> Option<String> {
    let message = said(json, declare)?;
    Some(message.strip_prefix("1 validation error detected: ").expect(&message).to_owned())
}

fn expect(json: &str, message: &str, declare: impl FnOnce(&mut Members<'_, '_>)) {
    let message =
        (!message.is_empty()).then(|| message.replace("FAILED", "failed to satisfy constraint: Member must"));
    assert_eq!(one(json, declare), message, "{json}");
}

#[test]
fn required_members() {
    expect("{}", "Value null at 'partitionKey' FAILED not be null", |m| {
        assert_eq!(m.text("PartitionKey").length(1, 256).required(), "");
    });
    expect("{}", "Value null at 'a' FAILED not be null", |m| assert_eq!(m.integer("A").required(), 0));
    expect("{}", "Value null at 'a' FAILED not be null", |m| assert!(!m.boolean("A").required()));
    expect("{}", "Value null at 'a' FAILED not be null", |m| assert!(m.blob("A").required().is_empty()));
    expect("{}", "Value null at 'a' FAILED not be null", |m| assert!(m.text_list("A").required().is_empty()));
    expect("{}", "Value null at 'a' FAILED not be null", |m| assert!(m.text_map("A").required().is_empty()));
    expect("{}", "Value null at 'a' FAILED not be null", |m| {
        assert!(m.list("A", "Tag").length(1, 2).required(|_| ()).is_empty());
    });
    expect("{}", "Value null at 'a' FAILED not be null", |m| {
        assert_eq!(m.enumeration("A", NAMES).required(), "AFTER_SEQUENCE_NUMBER");
    });
    // What a missing structure would have missed is not told.
    expect("{}", "Value null at 'a' FAILED not be null", |m| {
        assert_eq!(m.structure("A").required(|m| m.text("B").required()), "");
    });
}

#[test]
fn lengths_count_code_points() {
    let declare = |m: &mut Members<'_, '_>| {
        m.text("A").length(1, 2).optional();
    };
    expect("{}", "", declare);
    expect(r#"{"A":"é😀"}"#, "", declare);
    expect(r#"{"A":"ééé"}"#, "Value 'ééé' at 'a' FAILED have length less than or equal to 2", declare);
    expect(r#"{"A":""}"#, "Value '' at 'a' FAILED have length greater than or equal to 1", declare);
}

#[test]
fn a_broken_pattern_comes_before_a_broken_length() {
    let message = "2 validation errors detected: \
        Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
        [a-zA-Z0-9_.-]+; \
        Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1";
    let said = said(r#"{"StreamName":""}"#, |m| {
        m.text("StreamName").length(1, 128).pattern(Pattern::Name).required();
    });
    assert_eq!(said.as_deref(), Some(message));
}

#[test]
fn patterns() {
    expect(
        r#"{"A":"01"}"#,
        r"Value '01' at 'a' FAILED satisfy regular expression pattern: 0|([1-9]\d{0,38})",
        |m| {
            m.text("A").pattern(Pattern::HashKey).optional();
        },
    );
}

#[test]
fn values() {
    let declare = |m: &mut Members<'_, '_>| {
        m.integer("Limit").range(1, 10_000).optional();
    };
    expect(r#"{"Limit":10000}"#, "", declare);
    expect(r#"{"Limit":0}"#, "Value '0' at 'limit' FAILED have value greater than or equal to 1", declare);
    expect(
        r#"{"Limit":100000000000}"#,
        "Value '2147483647' at 'limit' FAILED have value less than or equal to 10000",
        declare,
    );
    expect(r#"{"A":-1}"#, "Value '-1' at 'a' FAILED have value greater than or equal to 0", |m| {
        m.long("A").at_least(0).optional();
    });
}

#[test]
fn blobs_print_as_buffers() {
    expect(
        r#"{"Data":"YWJj"}"#,
        "Value 'java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]' at 'data' FAILED have length less than or equal to 2",
        |m| {
            m.blob("Data").max(2).required();
        },
    );
}

#[test]
fn enumerations() {
    expect(
        r#"{"A":"latest"}"#,
        "Value 'latest' at 'a' FAILED satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST]",
        |m| {
            m.enumeration("A", NAMES).required();
        },
    );
    expect(r#"{"A":"LATEST"}"#, "", |m| assert_eq!(m.enumeration("A", NAMES).required(), "LATEST"));
}

#[test]
fn lists_of_strings() {
    let declare = |m: &mut Members<'_, '_>| {
        m.text_list("TagKeys").length(1, 2).each_length(1, 3).required();
    };
    expect(r#"{"TagKeys":["a","bcd"]}"#, "", declare);
    expect(
        r#"{"TagKeys":[]}"#,
        "Value '[]' at 'tagKeys' FAILED have length greater than or equal to 1",
        declare,
    );
    expect(
        r#"{"TagKeys":["a","b","c"]}"#,
        "Value '[a, b, c]' at 'tagKeys' FAILED have length less than or equal to 2",
        declare,
    );
    expect(
        r#"{"TagKeys":["a","bcde"]}"#,
        "Value '[a, bcde]' at 'tagKeys' FAILED satisfy constraint: [Member must have length less than or equal to 3, \
         Member must have length greater than or equal to 1]",
        declare,
    );
    expect(
        r#"{"TagKeys":["","",""]}"#,
        "Value '[, , ]' at 'tagKeys' FAILED have length less than or equal to 2",
        |m| {
            m.text_list("TagKeys").length(1, 2).required();
        },
    );
    expect(r#"{"TagKeys":["a",null]}"#, "Value null at 'tagKeys.2.member' FAILED not be null", declare);
    expect(
        r#"{"A":["LATEST","x"]}"#,
        "Value '[LATEST, x]' at 'a' FAILED satisfy constraint: \
         [Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST]]",
        |m| {
            m.text_list("A").each_of(NAMES).required();
        },
    );
}

#[test]
fn maps_of_strings() {
    let declare = |m: &mut Members<'_, '_>| {
        m.text_map("Tags").length(1, 2).keys(1, 3).values(0, 3).required();
    };
    expect(r#"{"Tags":{"a":"1","b":""}}"#, "", declare);
    expect(r#"{"Tags":{}}"#, "Value '{}' at 'tags' FAILED have length greater than or equal to 1", declare);
    let said_of = |json: &str| one(json, declare).unwrap();
    assert_eq!(
        said_of(r#"{"Tags":{"a":"1","abcd":"2"}}"#),
        "Value '{a=1, abcd=2}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member \
         must have length less than or equal to 3, Member must have length greater than or equal to 1]"
    );
    assert_eq!(
        said_of(r#"{"Tags":{"a":"1234"}}"#),
        "Value '{a=1234}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member \
         must have length less than or equal to 3, Member must have length greater than or equal to 0]"
    );
    expect(r#"{"Tags":{"a":null}}"#, "Value null at 'tags.a.member' FAILED not be null", declare);
}

#[test]
fn the_last_of_equal_tags_counts() {
    expect(r#"{"Tags":{"a":"1","a":"2"}}"#, "", |m| {
        assert_eq!(m.text_map("Tags").required().into_iter().collect::<Vec<_>>(), [("a", "2")]);
    });
}

#[test]
fn nested_members_tell_their_path() {
    let json = r#"{"Records":[{"PartitionKey":"a"},{},null],"StartingPosition":{"Type":"x"}}"#;
    let said = said(json, |m| {
        let records = m.list("Records", "PutRecordsRequestEntry").length(1, 500);
        assert_eq!(records.required(|m| m.text("PartitionKey").required()), ["a", "", ""]);
        m.structure("StartingPosition").required(|m| {
            m.enumeration("Type", NAMES).required();
        });
    });
    let message = "3 validation errors detected: \
        Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null; \
        Value null at 'records.3.member.partitionKey' failed to satisfy constraint: Member must not be null; \
        Value 'x' at 'startingPosition.type' failed to satisfy constraint: Member must satisfy enum value set: \
        [AFTER_SEQUENCE_NUMBER, LATEST]";
    assert_eq!(said.as_deref(), Some(message));
}

#[test]
fn lists_of_structures_print_as_java_objects() {
    let message = one(r#"{"Records":[{},{}]}"#, |m| {
        m.list("Records", "PutRecordsRequestEntry").length(1, 1).required(|_| ());
    })
    .unwrap();
    let object = "com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@";
    assert!(message.starts_with(&format!("Value '[{object}")), "{message}");
    assert!(message.contains(&format!(", {object}")), "{message}");
    assert!(message.ends_with(
        "]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 1"
    ));
}

#[test]
fn ten_violations_are_told_at_most() {
    let json = format!("{{\"A\":[{}]}}", ["{}"; 12].join(","));
    let message = said(&json, |m| {
        m.list("A", "Tag").required(|m| m.text("Key").required());
    })
    .unwrap();
    assert!(
        message.starts_with("10 validation errors detected: Value null at 'a.1.member.key'"),
        "{message}"
    );
    assert!(message.ends_with("'a.10.member.key' failed to satisfy constraint: Member must not be null"));
}

#[test]
fn long_values_are_not_repeated_in_full() {
    let json = format!(r#"{{"A":"{0}","B":["{0}","{0}"],"C":{{"{0}":"{0}"}}}}"#, "é".repeat(1 << 16));
    let message = said(&json, |m| {
        m.text("A").length(1, 2).required();
        m.text_list("B").length(1, 1).required();
        m.text_map("C").length(0, 0).required();
    });
    assert!(message.unwrap().len() < 64 << 10);
}
