//! JSON 1.1 bodies: timestamps are seconds with milliseconds behind the point, blobs base64. Decoding borrows
//! every string without escapes; encoding appends to a buffer, blobs straight from their bytes.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::Value;
use super::codec::Malformed;
use super::value::Budget;

/// Reads one JSON value, nothing behind it but white space.
pub(super) fn decode(body: &[u8]) -> Result<Value<'_>, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Tree(&mut Budget::new()).deserialize(&mut deserializer).map_err(|_| Malformed)?;
    deserializer.end().map_err(|_| Malformed)?;
    Ok(value)
}

/// Builds a [`Value`], within a budget, from whatever comes.
struct Tree<'b>(&'b mut Budget);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        self.0.value().map_err(D::Error::custom)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(integer.into()))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(integer.into()))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(float))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        self.0.enter().map_err(A::Error::custom)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Tree(self.0))? {
            list.push(item);
        }
        self.0.leave();
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        self.0.enter().map_err(A::Error::custom)?;
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry_seed(Key, Tree(self.0))? {
            map.push(entry);
        }
        self.0.leave();
        Ok(Value::Map(map))
    }
}

/// A member's name, borrowed where it has no escapes (serde's own `Cow` never borrows).
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Appends a message.
pub(super) fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(bool) => out.extend_from_slice(if *bool { b"true" } else { b"false" }),
        Value::Integer(integer) => write(out, format_args!("{integer}")),
        Value::Float(float) if !float.is_finite() => out.extend_from_slice(b"null"),
        Value::Float(float) => write(out, format_args!("{float}")),
        Value::Text(text) => encode_text(text, out),
        Value::Blob(blob) => encode_blob(blob, out),
        Value::Timestamp(millis) => encode_timestamp(*millis, out),
        Value::List(items) => encode_list(items, out),
        Value::Map(members) => encode_map(members, out),
    }
}

/// Appends a quoted, escaped string.
pub(super) fn encode_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

/// Appends a quoted string of bytes that came in as text.
pub(super) fn encode_utf8(text: &[u8], out: &mut Vec<u8>) {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        encode_text(&String::from_utf8_lossy(text), out);
    }
}

/// Bytes of [`encode_utf8`].
pub(super) fn utf8_len(text: &[u8]) -> usize {
    if is_plain(text) {
        return text.len() + 2;
    }
    let mut out = Vec::new();
    encode_utf8(text, &mut out);
    out.len()
}

/// Whether nothing has to be escaped.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|&byte| (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\')
}

/// Appends seconds with three decimals.
pub(super) fn encode_millis(millis: u64, out: &mut Vec<u8>) {
    let (mut text, mut at, mut left) = ([b'0'; 24], 24, millis);
    // At least one digit stands before the point.
    while left > 0 || at > 24 - 5 {
        at -= 1;
        if at == 24 - 4 {
            text[at] = b'.';
            continue;
        }
        text[at] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
    out.extend_from_slice(&text[at..]);
}

/// Bytes of [`encode_millis`].
pub(super) fn millis_len(millis: u64) -> usize {
    let seconds = millis / 1000;
    4 + seconds.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// What stands around the items of a list that is the first member of a structure; `rest` holds the others.
pub(super) fn around_list(name: &str, rest: &Value<'_>) -> (Vec<u8>, Vec<u8>) {
    let (mut before, mut others) = (b"{".to_vec(), Vec::new());
    encode_text(name, &mut before);
    before.extend_from_slice(b":[");
    encode(rest, &mut others);
    let mut behind = b"]".to_vec();
    if others.len() > 2 {
        behind.push(b',');
    }
    behind.extend_from_slice(&others[1..]);
    (before, behind)
}

fn encode_blob(blob: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64_simd::STANDARD.encode_append(blob, out);
    out.push(b'"');
}

/// Seconds with at most three decimals, never an exponent: `1441215410.867`, `1441215410.5`, `1441215410`.
fn encode_timestamp(millis: i64, out: &mut Vec<u8>) {
    let sign = if millis < 0 { "-" } else { "" };
    let (seconds, millis) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    write(out, format_args!("{sign}{seconds}"));
    if millis != 0 {
        write(out, format_args!(".{millis:03}"));
        let zeros = out.iter().rev().take_while(|byte| **byte == b'0').count();
        out.truncate(out.len() - zeros);
    }
}

fn encode_list(items: &[Value<'_>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        encode(item, out);
    }
    out.push(b']');
}

fn encode_map(members: &[(Cow<'_, str>, Value<'_>)], out: &mut Vec<u8>) {
    out.push(b'{');
    let present = members.iter().filter(|(_, value)| *value != Value::Null);
    for (position, (name, value)) in present.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        encode_text(name, out);
        out.push(b':');
        encode(value, out);
    }
    out.push(b'}');
}

fn write(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory does not fail");
}
