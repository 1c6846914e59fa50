//! Both encodings, byte for byte where clients care, and against each other by property.

use std::borrow::Cow;

use proptest::prelude::*;

use super::Codec::{Cbor, Json};
use super::*;
use crate::wire::value::{DEPTH_MAX, VALUES_MAX};

fn unhex(hex: &str) -> Bytes {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(value: &Value<'_>) -> String {
    String::from_utf8(Json.to_bytes(value).to_vec()).unwrap()
}

fn cbor(body: &str) -> Result<Value<'static>, Malformed> {
    Cbor.decode(&unhex(body)).map(owned)
}

/// The same value, borrowing nothing.
fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::text(text.into_owned()),
        Value::List(items) => Value::List(items.into_iter().map(owned).collect()),
        Value::Map(members) => Value::Map(
            members.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), owned(value))).collect(),
        ),
        Value::Null => Value::Null,
        Value::Bool(bool) => Value::Bool(bool),
        Value::Integer(integer) => Value::Integer(integer),
        Value::Float(float) => Value::Float(float),
        Value::Blob(blob) => Value::Blob(blob),
        Value::Timestamp(millis) => Value::Timestamp(millis),
    }
}

#[test]
fn content_types_name_codecs() {
    for (header, codec) in [
        ("application/x-amz-json-1.1", Some(Json)),
        (" application/x-amz-json-1.1 ; charset=utf-8", Some(Json)),
        ("application/x-amz-cbor-1.1", Some(Cbor)),
        ("application/json", None),
        ("application/x-amz-json-1.0", None),
        ("application/X-AMZ-JSON-1.1", None),
        ("", None),
    ] {
        assert_eq!(Codec::from_content_type(header), codec, "{header}");
    }
}

#[test]
fn json_borrows_what_has_no_escapes() {
    let body = Bytes::from_static(br#" {"A":"plain","B":"esc\u0061ped","C":[1,-2,2.5,true,null,{}]} "#);
    let value = Json.decode(&body).unwrap();
    assert!(matches!(value.get("A"), Some(Value::Text(Cow::Borrowed("plain")))));
    assert!(matches!(value.get("B"), Some(Value::Text(Cow::Owned(text))) if text == "escaped"));
    let list = vec![1.into(), (-2).into(), Value::Float(2.5), true.into(), Value::Null, Value::map([])];
    assert_eq!(value.get("C"), Some(&Value::List(list)));
}

#[test]
fn json_integers_keep_64_bits_on_both_sides() {
    let body = Bytes::from_static(b"[18446744073709551615,-9223372036854775808,18446744073709551616]");
    let items = [u64::MAX.into(), i64::MIN.into(), Value::Float(18_446_744_073_709_551_616.0)];
    assert_eq!(Json.decode(&body).unwrap(), Value::list(items));
}

#[test]
fn json_that_is_no_json_is_refused() {
    for body in ["", " ", "{", "{}x", "{} {}", "[1,]", "{1:2}", "nul", "\"\\ud800\"", "1e999", "'a'"] {
        assert_eq!(Json.decode(&Bytes::from_static(body.as_bytes())), Err(Malformed), "{body}");
    }
    assert_eq!(Json.decode(&Bytes::from_static(b"\"\xff\"")), Err(Malformed));
}

#[test]
fn json_is_written_as_clients_read_it() {
    for (value, text) in [
        (Value::Timestamp(1_441_215_410_867), "1441215410.867"),
        (Value::Timestamp(1_441_215_410_500), "1441215410.5"),
        (Value::Timestamp(1_441_215_410_050), "1441215410.05"),
        (Value::Timestamp(1_441_215_410_000), "1441215410"),
        (Value::Timestamp(-1500), "-1.5"),
        (Value::Timestamp(-1), "-0.001"),
        (Value::Timestamp(0), "0"),
        (Value::Float(2.5), "2.5"),
        (Value::Float(f64::NAN), "null"),
        (Value::Blob(Bytes::from_static(b"a")), "\"YQ==\""),
        (Value::text("a\"\\\n\u{1}é"), "\"a\\\"\\\\\\n\\u0001é\""),
        (Value::list([Value::Null, true.into()]), "[null,true]"),
        (
            Value::map([("A", Value::Null), ("B", 1.into()), ("C", Value::Null), ("D", "d".into())]),
            r#"{"B":1,"D":"d"}"#,
        ),
        (Value::map([("A", Value::Null)]), "{}"),
        (Value::Null, ""),
    ] {
        assert_eq!(json(&value), text);
    }
}

/// A GetRecords response as the Java SDK reads it.
const GET_RECORDS: &str = "a3 72 4d696c6c6973426568696e644c6174657374 00
    71 4e65787453686172644974657261746f72 62 6974 67 5265636f726473 81 a4
    6e 53657175656e63654e756d626572 61 31
    78 1b 417070726f78696d6174654172726976616c54696d657374616d70 c1 1b 000001a013accc38
    64 44617461 44 01020304 6c 506172746974696f6e4b6579 61 61";

#[test]
fn cbor_has_millisecond_tags_and_byte_strings() {
    let vector = GET_RECORDS;
    let record = Value::map([
        ("SequenceNumber", "1".into()),
        ("ApproximateArrivalTimestamp", Value::Timestamp(1_787_036_486_712)),
        ("Data", Bytes::from_static(&[1, 2, 3, 4]).into()),
        ("PartitionKey", "a".into()),
        ("EncryptionType", Value::Null),
    ]);
    let response = Value::map([
        ("MillisBehindLatest", 0.into()),
        ("NextShardIterator", "it".into()),
        ("Records", vec![record].into()),
    ]);
    assert_eq!(hex(&Cbor.to_bytes(&response)), hex(&unhex(vector)));
    let body = unhex(vector);
    let read = Cbor.decode(&body).unwrap();
    assert_eq!(json(&read), json(&response));
}

#[test]
fn cbor_blobs_are_slices_of_the_body() {
    let body = unhex("a1 64 44617461 43 010203");
    let value = Cbor.decode(&body).unwrap();
    let Some(Value::Blob(blob)) = value.get("Data") else { panic!("{value:?}") };
    assert_eq!(blob.as_ptr(), body[7..].as_ptr());
}

#[test]
fn cbor_forms() {
    for (body, value) in [
        // Indefinite map, list, text, bytes, as Jackson writes them.
        (
            "bf 61 41 9f 01 ff 61 42 7f 61 62 61 63 ff ff",
            Value::map([("A", Value::list([1])), ("B", "bc".into())]),
        ),
        ("5f 41 01 42 0203 ff", Bytes::from_static(&[1, 2, 3]).into()),
        ("c1 1b 000001a013accc38", Value::Timestamp(1_787_036_486_712)),
        ("c1 fb 3ff8000000000000", Value::Timestamp(2)),
        ("c1 20", Value::Timestamp(-1)),
        ("d9d9f7 c1 00", Value::Timestamp(0)),
        ("d9d9f7 a0", Value::map([])),
        ("c2 41 01", Bytes::from_static(&[1]).into()),
        ("f9 3e00", Value::Float(1.5)),
        ("f9 0001", Value::Float(2_f64.powi(-24))),
        ("f9 c400", Value::Float(-4.0)),
        ("f9 fc00", Value::Float(f64::NEG_INFINITY)),
        ("fa 3fc00000", Value::Float(1.5)),
        ("fb 3ff8000000000000", Value::Float(1.5)),
        ("1b ffffffffffffffff", u64::MAX.into()),
        ("3b ffffffffffffffff", Value::Integer(-(1 << 64))),
        ("f6", Value::Null),
        ("f7", Value::Null),
        ("f5", true.into()),
    ] {
        assert_eq!(cbor(body), Ok(value), "{body}");
    }
}

#[test]
fn cbor_that_is_no_message_is_refused() {
    for body in [
        "",
        "01 02",
        "a1 01 02",
        "a1 41 61 02",
        "a1 61 41",
        "bf 61 41 ff",
        "9f 01",
        "ff",
        "f0",
        "f9 3e",
        "1c",
        "61 ff",
        "c1 61 61",
        "c1 3b ffffffffffffffff",
        "c1",
        // Lengths beyond what is there.
        "5b 7fffffffffffffff 00",
        "7b ffffffffffffffff 00",
        "9b ffffffffffffffff 00",
        "bb 00ffffffffffffff 00",
        "9a 00000002 00",
    ] {
        assert_eq!(cbor(body), Err(Malformed), "{body}");
    }
}

#[test]
fn depth_is_bounded() {
    for (codec, open, close) in [(Json, "[", "]"), (Json, "{\"a\":", "}"), (Cbor, "\u{1f}", "")] {
        let nested = |depth: usize| {
            let inner = if codec == Json { "1" } else { "\u{1}" };
            let body = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            // 0x81 is a list of one, which UTF-8 has no byte for.
            let body: Vec<u8> = body.bytes().map(|byte| if byte == 0x1f { 0x81 } else { byte }).collect();
            codec.decode(&body.into()).map(owned)
        };
        assert!(nested(DEPTH_MAX).is_ok());
        assert_eq!(nested(DEPTH_MAX + 1), Err(Malformed));
        assert_eq!(nested(1 << 20), Err(Malformed));
    }
    assert_eq!(Cbor.decode(&vec![0x9f; 1 << 20].into()), Err(Malformed));
    assert_eq!(Cbor.decode(&vec![0xc6; 1 << 20].into()), Err(Malformed));
}

#[test]
fn the_number_of_values_is_bounded() {
    let zeros = |count: usize| Bytes::from(format!("[{}0]", "0,".repeat(count - 1)));
    assert!(Json.decode(&zeros(VALUES_MAX - 1)).is_ok());
    assert_eq!(Json.decode(&zeros(VALUES_MAX)), Err(Malformed));
    let mut body = vec![0x9f];
    body.resize(VALUES_MAX + 1, 0);
    body.push(0xff);
    assert_eq!(Cbor.decode(&body.into()), Err(Malformed));
}

/// Any message; the leaves as one decoding gives them.
fn any_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15_f64).prop_map(|float| Value::Float(float.trunc() + 0.5)),
        "\\PC{0,12}|[\\x00-\\x7f]{0,8}".prop_map(Value::text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Bytes::from(bytes).into()),
        any::<i64>().prop_map(Value::Timestamp),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let members = prop::collection::vec(("\\PC{0,6}".prop_map(Cow::Owned), inner.clone()), 0..6);
        prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Value::List), members.prop_map(Value::Map)]
    })
}

/// What is left of a message once it is written and read: null members go, and in JSON blobs are text and
/// times are numbers.
fn carried(value: Value<'static>, codec: Codec) -> Value<'static> {
    match value {
        Value::Blob(blob) if codec == Json => Value::text(base64_simd::STANDARD.encode_to_string(&blob)),
        Value::Timestamp(millis) if codec == Json && millis % 1000 == 0 => Value::from(millis / 1000),
        #[expect(clippy::cast_precision_loss, reason = "so does the reader of a JSON number")]
        Value::Timestamp(millis) if codec == Json => Value::Float(millis as f64 / 1000.0),
        Value::List(items) => Value::List(items.into_iter().map(|item| carried(item, codec)).collect()),
        Value::Map(members) => {
            let present = members.into_iter().filter(|(_, value)| *value != Value::Null);
            Value::Map(present.map(|(key, value)| (key, carried(value, codec))).collect())
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn cbor_reads_what_it_wrote(value in any_value()) {
        prop_assume!(value != Value::Null);
        let body = Cbor.to_bytes(&value);
        prop_assert_eq!(Cbor.decode(&body).map(owned), Ok(carried(value, Cbor)));
    }

    #[test]
    fn json_reads_what_it_wrote(value in any_value()) {
        prop_assume!(value != Value::Null);
        let body = Json.to_bytes(&value);
        // Times beyond 2^53 ms lose digits on the way; compare what is exact.
        let read = Json.decode(&body).map(owned);
        prop_assert_eq!(read.map(|value| json(&rounded(value))), Ok(json(&rounded(carried(value, Json)))));
    }

    #[test]
    fn json_agrees_with_serde(value in any_value()) {
        prop_assume!(value != Value::Null);
        let read: serde_json::Value = serde_json::from_slice(&Json.to_bytes(&value)).unwrap();
        prop_assert!(read.is_object() == matches!(value, Value::Map(_)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(body);
        let _ = (Json.decode(&body), Cbor.decode(&body));
    }

    /// Random bytes rarely get past the first header; damaged messages get further.
    #[test]
    fn damaged_messages_are_read_or_refused(
        value in any_value(), at in any::<prop::sample::Index>(), byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        for codec in [Json, Cbor] {
            let mut body = codec.to_bytes(&value).to_vec();
            body.push(0);
            let (at, cut) = (at.index(body.len()), cut.index(body.len()));
            body[at] = byte;
            body.truncate(cut);
            let _ = codec.decode(&body.into());
        }
    }
}

/// Floats to twelve significant digits.
fn rounded(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Float(float) => Value::text(format!("{float:.11e}")),
        Value::List(items) => Value::List(items.into_iter().map(rounded).collect()),
        Value::Map(members) => {
            Value::Map(members.into_iter().map(|(key, value)| (key, rounded(value))).collect())
        }
        other => other,
    }
}
