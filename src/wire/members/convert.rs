//! From what a client sent to what a member is declared as, and the service's words where that cannot be.

use bytes::Bytes;

use super::problems::clip;
use crate::types::Timestamp;
use crate::wire::{Codec, Value, base64};

/// What a member is declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    Long,
    Boolean,
    Blob,
    Timestamp,
    List,
    Map,
    Structure,
}

/// Why a value cannot be what it is declared as.
pub(super) fn mistyped(value: &Value<'_>, declared: Kind) -> String {
    let class = match value {
        Value::List(_) => return "Start of list found where not expected".to_owned(),
        Value::Map(_) => return "Start of structure or map found where not expected.".to_owned(),
        Value::Bool(_) => "java.lang.Boolean",
        Value::Integer(_) | Value::Float(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        // The two below come in CBOR only; what the service says there is not known.
        Value::Blob(_) => "java.nio.HeapByteBuffer",
        Value::Timestamp(_) => "java.util.Date",
        Value::Text(_) | Value::Null => "java.lang.String",
    };
    let target = match declared {
        Kind::List => return "Expected list or null".to_owned(),
        Kind::Map => return "Expected map or null".to_owned(),
        Kind::Structure => return "Expected null".to_owned(),
        Kind::String => "an String",
        Kind::Integer => "an Integer",
        Kind::Long => "an Long",
        Kind::Boolean => "an Boolean",
        Kind::Blob => "a Blob",
        Kind::Timestamp => "milliseconds since epoch",
    };
    format!("class {class} can not be converted to {target}")
}

/// A string.
pub(super) fn text<'v>(value: &'v Value<'v>) -> Result<&'v str, String> {
    value.as_text().ok_or_else(|| mistyped(value, Kind::String))
}

/// An integer, rounded down and held within its kind's width.
pub(super) fn integer(value: &Value<'_>, declared: Kind) -> Result<i64, String> {
    let (low, high) = match declared {
        Kind::Integer => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    match value {
        Value::Integer(integer) => Ok(saturate(*integer).clamp(low, high)),
        Value::Float(float) => Ok(truncate(float.floor()).clamp(low, high)),
        _ => Err(mistyped(value, declared)),
    }
}

/// A boolean, or one of the words for it. A number with a fraction passes, as it does at the service.
pub(super) fn boolean(value: &Value<'_>) -> Result<bool, String> {
    match value {
        Value::Bool(bool) => Ok(*bool),
        Value::Float(float) if float.fract() != 0.0 => Ok(true),
        Value::Text(text) => boolean_word(text),
        _ => Err(mistyped(value, Kind::Boolean)),
    }
}

fn boolean_word(text: &str) -> Result<bool, String> {
    let is_any_of = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_any_of(["true", "1", "yes"]) {
        Ok(true)
    } else if is_any_of(["false", "0", "no"]) {
        Ok(false)
    } else {
        Err(format!("'{}' can not be converted to an Boolean", clip(text).to_uppercase()))
    }
}

/// Bytes: a byte string of CBOR, base64 text of JSON.
pub(super) fn blob(value: &Value<'_>, codec: Codec) -> Result<Bytes, String> {
    match (value, codec) {
        (Value::Blob(bytes), _) => Ok(bytes.clone()),
        (Value::Text(text), Codec::Json) => base64::decode(text)
            .map_err(|reason| format!("'{}' can not be converted to a Blob: {reason}", clip(text))),
        _ => Err(mistyped(value, Kind::Blob)),
    }
}

/// A time: seconds with a fraction in JSON, milliseconds in CBOR. What lies before the epoch is held there.
pub(super) fn timestamp(value: &Value<'_>, codec: Codec) -> Result<Timestamp, String> {
    let per_unit: i128 = if codec == Codec::Json { 1000 } else { 1 };
    let millis = match value {
        Value::Timestamp(millis) => *millis,
        Value::Integer(integer) => saturate(integer.saturating_mul(per_unit)),
        Value::Float(float) => truncate((float * if codec == Codec::Json { 1000.0 } else { 1.0 }).round()),
        _ => return Err(mistyped(value, Kind::Timestamp)),
    };
    Ok(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)))
}

fn saturate(integer: i128) -> i64 {
    i64::try_from(integer).unwrap_or(if integer < 0 { i64::MIN } else { i64::MAX })
}

#[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
fn truncate(float: f64) -> i64 {
    float as i64
}
