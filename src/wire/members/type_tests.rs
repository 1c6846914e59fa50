//! Every conversion, and the text for every one that cannot be.

use bytes::Bytes;

use super::*;

fn of(json: &'static str) -> Value<'static> {
    let body: &'static Bytes = Box::leak(Box::new(Bytes::from_static(json.as_bytes())));
    Codec::Json.decode(body).unwrap()
}

/// Reads the member `A`, whose JSON is given, and tells what came out or what was said.
fn read<T>(json: &str, read: impl FnOnce(&mut Members<'_, '_>) -> T) -> Result<T, String> {
    let body = Bytes::from(format!("{{\"A\":{json}}}"));
    let value = Codec::Json.decode(&body).unwrap();
    read_value(&value, Codec::Json, read)
}

fn read_value<T>(
    value: &Value<'_>,
    codec: Codec,
    read: impl FnOnce(&mut Members<'_, '_>) -> T,
) -> Result<T, String> {
    let mut m = Members::new(value, codec).unwrap();
    let read = read(&mut m);
    match m.finish() {
        Ok(()) => Ok(read),
        Err(InputError::Serialization(message)) => Err(message),
        Err(other) => panic!("{other:?}"),
    }
}

/// One column of the table: what a declared type says to a boolean, a number, a string, a list and an object.
fn check(expected: [Option<&str>; 5], declare: fn(&mut Members<'_, '_>)) {
    for (json, expected) in ["true", "7", "\"x\"", "[]", "{}"].into_iter().zip(expected) {
        assert_eq!(read(json, declare).err().as_deref(), expected, "{json}");
    }
}

const LIST: Option<&str> = Some("Start of list found where not expected");
const OBJECT: Option<&str> = Some("Start of structure or map found where not expected.");
const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to";

#[test]
fn strings() {
    let bool = Some("class java.lang.Boolean can not be converted to an String");
    let number = format!("{NUMBER} an String");
    check([bool, Some(&number), None, LIST, OBJECT], |m| {
        m.text("A").optional();
    });
    check([bool, Some(&number), None, LIST, OBJECT], |m| {
        m.enumeration("A", &["x"]).optional();
    });
}

#[test]
fn integers() {
    for (kind, declare) in [
        (
            "an Integer",
            (|m| {
                m.integer("A").optional();
            }) as fn(&mut Members<'_, '_>),
        ),
        ("an Long", |m| {
            m.long("A").optional();
        }),
    ] {
        let bool = format!("class java.lang.Boolean can not be converted to {kind}");
        let text = format!("class java.lang.String can not be converted to {kind}");
        check([Some(&bool), None, Some(&text), LIST, OBJECT], declare);
    }
}

#[test]
fn booleans() {
    let number = format!("{NUMBER} an Boolean");
    let text = Some("'X' can not be converted to an Boolean");
    check([None, Some(&number), text, LIST, OBJECT], |m| {
        m.boolean("A").optional();
    });
    for (json, expected) in [
        ("true", true),
        ("false", false),
        ("\"True\"", true),
        ("\"yes\"", true),
        ("\"1\"", true),
        ("\"FALSE\"", false),
        ("\"no\"", false),
        ("\"0\"", false),
        ("0.5", true),
    ] {
        assert_eq!(read(json, |m| m.boolean("A").optional()), Ok(Some(expected)), "{json}");
    }
}

#[test]
fn blobs() {
    let bool = Some("class java.lang.Boolean can not be converted to a Blob");
    let number = format!("{NUMBER} a Blob");
    let text = Some(
        "'x' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 1",
    );
    check([bool, Some(&number), text, LIST, OBJECT], |m| {
        m.blob("A").optional();
    });
    let message = "'YQ-=' can not be converted to a Blob: Invalid Base64 character: '-'";
    assert_eq!(read("\"YQ-=\"", |m| m.blob("A").optional()), Err(message.to_owned()));
    assert_eq!(read("\"YWI=\"", |m| m.blob("A").required()), Ok(Bytes::from_static(b"ab")));
}

#[test]
fn times() {
    let bool = Some("class java.lang.Boolean can not be converted to milliseconds since epoch");
    let text = Some("class java.lang.String can not be converted to milliseconds since epoch");
    check([bool, None, text, LIST, OBJECT], |m| {
        m.timestamp("A").optional();
    });
    for (json, millis) in [
        ("1441215410", 1_441_215_410_000),
        ("1441215410.867", 1_441_215_410_867),
        ("1.548118964772E9", 1_548_118_964_772),
        ("0.0004", 0),
        ("-5", 0),
        ("1e300", i64::MAX.unsigned_abs()),
    ] {
        let expected = Ok(Some(Timestamp::from_millis(millis)));
        assert_eq!(read(json, |m| m.timestamp("A").optional()), expected, "{json}");
    }
}

#[test]
fn cbor_times_are_milliseconds() {
    for value in
        [Value::Timestamp(1_787_036_486_712), 1_787_036_486_712_i64.into(), Value::Float(1_787_036_486_711.6)]
    {
        let body = Value::map([("A", value)]);
        let read = read_value(&body, Codec::Cbor, |m| m.timestamp("A").required());
        assert_eq!(read, Ok(Timestamp::from_millis(1_787_036_486_712)));
    }
}

#[test]
fn cbor_blobs_are_bytes_not_text() {
    let bytes = Bytes::from_static(b"ab");
    let body = Value::map([("A", bytes.clone().into()), ("B", "YWI=".into())]);
    assert_eq!(read_value(&body, Codec::Cbor, |m| m.blob("A").required()), Ok(bytes));
    let message = "class java.lang.String can not be converted to a Blob";
    assert_eq!(read_value(&body, Codec::Cbor, |m| m.blob("B").required()), Err(message.to_owned()));
    let message = "class java.nio.HeapByteBuffer can not be converted to an String";
    assert_eq!(read_value(&body, Codec::Cbor, |m| m.text("A").required().len()), Err(message.to_owned()));
}

#[test]
fn collections() {
    let expected = Some("Expected list or null");
    check([expected, expected, expected, None, OBJECT], |m| {
        m.text_list("A").optional();
    });
    check([expected, expected, expected, None, OBJECT], |m| {
        m.list("A", "Tag").optional(|_| ());
    });
    let expected = Some("Expected map or null");
    check([expected, expected, expected, LIST, None], |m| {
        m.text_map("A").optional();
    });
    let expected = Some("Expected null");
    check([expected, expected, expected, LIST, None], |m| {
        m.structure("A").optional(|_| ());
    });
}

#[test]
fn items_have_types_too() {
    let text = format!("{NUMBER} an String");
    assert_eq!(read("[\"a\",1]", |m| m.text_list("A").required().len()), Err(text.clone()));
    assert_eq!(read("{\"k\":1}", |m| m.text_map("A").required().len()), Err(text.clone()));
    assert_eq!(read("[1]", |m| m.list("A", "Tag").required(|_| ())), Err("Expected null".to_owned()));
    assert_eq!(read("[[]]", |m| m.list("A", "Tag").required(|_| ())), Err(LIST.unwrap().to_owned()));
    let nested = |m: &mut Members<'_, '_>| m.structure("A").required(|m| m.text("B").required().to_owned());
    assert_eq!(read("{\"B\":1}", nested), Err(text));
    assert_eq!(read("{\"B\":\"b\"}", nested), Ok("b".to_owned()));
}

#[test]
fn integers_are_rounded_down_and_held_in_range() {
    for (json, integer, long) in [
        ("3", 3, 3),
        ("3.9", 3, 3),
        ("-3.1", -4, -4),
        ("100000000000", 2_147_483_647, 100_000_000_000),
        ("-100000000000", -2_147_483_648, -100_000_000_000),
        ("1e30", 2_147_483_647, i64::MAX),
        ("18446744073709551615", 2_147_483_647, i64::MAX),
    ] {
        assert_eq!(read(json, |m| m.integer("A").required()), Ok(integer), "{json}");
        assert_eq!(read(json, |m| m.long("A").required()), Ok(long), "{json}");
    }
}

#[test]
fn null_is_absent_and_strangers_are_ignored() {
    assert_eq!(read("null", |m| m.text("A").optional().is_none()), Ok(true));
    assert_eq!(read("1", |m| m.integer("B").optional()), Ok(None));
}

#[test]
fn the_first_type_error_wins_over_everything() {
    let body = of(r#"{"A":"","B":true,"C":[]}"#);
    let read = read_value(&body, Codec::Json, |m| {
        m.text("A").length(1, 2).required();
        m.text("B").required();
        m.text("C").required();
        m.text("D").required();
    });
    assert_eq!(read, Err("class java.lang.Boolean can not be converted to an String".to_owned()));
}

#[test]
fn a_body_that_is_no_map_is_malformed() {
    for json in ["[]", "1", "null", "\"a\""] {
        assert_eq!(Members::new(&of(json), Codec::Json).err(), Some(InputError::Malformed), "{json}");
    }
}
